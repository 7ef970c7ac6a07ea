//! Taking a cluster down, step by step, and knowing when it is gone.

use sluice_shared::api::status::FlinkJobState;

use super::Draft;
use crate::deployment::conditions::rfc3339;
use crate::deployment::error::ErrorClass;
use crate::deployment::event::Reason;
use crate::deployment::model::{Action, JobManager, Rest};
use crate::deployment::status::StatusExt as _;

impl Draft<'_> {
    /// Takes the old cluster away; whether it is gone (S1).
    pub(super) fn old_cluster_gone(&mut self) -> bool {
        let observation = self.input.observation;
        if let Some(job_manager) = &observation.job_manager {
            if !job_manager.owned && !job_manager.terminating {
                let message = format!(
                    "a Deployment named {} exists and does not belong to this resource; nothing is started beside it. \
                     Delete that Deployment or choose another name",
                    self.name()
                );
                self.refuse(ErrorClass::Reconciliation, Reason::Error, "NameTaken", message);
                return false;
            }
            self.take_down(job_manager);
            return false;
        }
        !self.pods_left()
    }

    /// Whether pods of the JobManager are left. Says so.
    pub(super) fn pods_left(&mut self) -> bool {
        let Some(pod) = self.input.observation.pods.iter().find(|pod| pod.alive) else {
            return false;
        };
        let place = pod
            .node
            .as_deref()
            .map(|node| format!(" on node {node}"))
            .unwrap_or_default();
        let since = match pod.terminating_since {
            // Not in seconds from now: a message that changes all the time is written all the time.
            Some(since) => format!("has been terminating since {}", rfc3339(since)),
            None => "is not being deleted yet".to_owned(),
        };
        self.waiting = Some(format!(
            "JobManager pod {}{place} {since}; it must be gone first",
            pod.name
        ));
        true
    }

    /// Takes the JobManager down: Flink cancels the job where it can, the pods go, then the Deployment with all that it
    /// owns. In this order, since a JobManager that lost its TaskManagers would ask for new ones.
    pub(super) fn take_down(&mut self, job_manager: &JobManager) {
        self.waiting = Some("the JobManager Deployment is being deleted".to_owned());
        let uid = job_manager.uid.clone();
        if job_manager.terminating || (job_manager.scaled_down && self.pods_left()) {
            return;
        }
        if job_manager.scaled_down {
            self.actions.push(Action::DeleteJobManager { uid });
            return;
        }
        let answering = matches!(self.input.observation.rest, Rest::Answered(_));
        let cancellable = self
            .status
            .job_state()
            .is_some_and(|state| !state.is_globally_terminal() && state != FlinkJobState::Reconciling);
        if let Some(job_id) = self.status.job_id()
            && answering
            && cancellable
        {
            let job_id = job_id.to_owned();
            self.actions.push(Action::CancelJob { job_id });
        }
        self.actions.push(Action::ScaleDownJobManager { uid });
    }
}
