//! Deleting a resource: its cluster goes first, then the finalizer.

use sluice_shared::api::status::{FlinkJobState, JobManagerDeploymentStatus, LifecycleState};

use super::Draft;
use crate::deployment::error::ErrorClass;
use crate::deployment::event::{Component, EventDraft, Reason};
use crate::deployment::model::{Action, FinalizerChange};
use crate::deployment::status::StatusExt as _;

impl Draft<'_> {
    pub(super) fn delete(&mut self) {
        if !self.has_finalizer() {
            return;
        }
        if self.status.lifecycle_state != Some(LifecycleState::Deleting) {
            self.events.push(EventDraft::normal(
                Reason::Cleanup,
                Component::Operator,
                "Cleaning up FlinkDeployment",
            ));
            self.status.lifecycle_state = Some(LifecycleState::Deleting);
        }
        let savepoint_wanted = match self.input.desired {
            Ok(checked) => checked.facts.savepoint_on_deletion,
            Err(_) => matches!(self.input.deployed, Some(Ok(checked)) if checked.facts.savepoint_on_deletion),
        };
        let job_lives = self.should_run() && !self.job_ended();
        if savepoint_wanted && job_lives && self.live_job_manager().is_some() {
            let message = "kubernetes.operator.job.savepoint-on-deletion is true, and this version of Sluice does not \
                           take savepoints yet. Remove the option to delete the job without one"
                .to_owned();
            return self.refuse(
                ErrorClass::Reconciliation,
                Reason::CleanupFailed,
                "CleanupFailed",
                message,
            );
        }
        let observation = self.input.observation;
        if let Some(job_manager) = observation.job_manager.as_ref().filter(|jm| jm.owned) {
            return self.take_down(job_manager);
        }
        // Pods of a Deployment that took over the name are none of this resource's business.
        let taken_over = observation.job_manager.is_some();
        if !taken_over && self.pods_left() {
            return;
        }
        self.status.job_manager_deployment_status = Some(JobManagerDeploymentStatus::Missing);
        if !self.job_ended() && self.recorded.is_some() {
            self.status.set_job_state(FlinkJobState::Finished, self.input.now);
        }
        if !taken_over {
            self.actions.push(Action::DeleteHaMetadata);
        }
        self.finalizer = FinalizerChange::Remove;
    }
}
