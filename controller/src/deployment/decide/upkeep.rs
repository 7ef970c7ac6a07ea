//! Keeping what is deployed as it is.

use sluice_shared::api::job::UpgradeMode;

use super::Draft;
use crate::deployment::error::ErrorClass;
use crate::deployment::event::{Component, EventDraft, Reason};
use crate::deployment::model::{Action, Launch, RestoreFrom, Source};

impl Draft<'_> {
    /// Puts back what someone took away from a deployed cluster.
    pub(super) fn keep_up(&mut self) {
        if !self.should_run() {
            // Only a creation that was thought lost can leave a Deployment here.
            if let Some(job_manager) = self.live_job_manager().cloned() {
                self.take_down(&job_manager);
            }
            return;
        }
        if let Some(job_manager) = self.live_job_manager() {
            if self.input.observation.missing.is_empty() {
                return;
            }
            let (uid, generation) = (job_manager.uid.clone(), job_manager.generation);
            // Starting from nothing instead of from a state that is known no more would lose it (S2).
            if let Some(restore_from) = self.started_from()
                && let Some(launch) = self.relaunch(generation, restore_from)
            {
                self.actions.push(Action::CompleteCluster { uid, launch });
            }
            return;
        }
        if !self.job_ended() {
            self.recover();
        }
    }

    fn recover(&mut self) {
        let Some(deployed) = self.deployed_spec().cloned() else {
            return;
        };
        if !deployed.facts.recovery {
            self.waiting = Some(
                "the JobManager Deployment is missing and kubernetes.operator.jm-deployment-recovery.enabled is false"
                    .to_owned(),
            );
            return;
        }
        // Even where the spec is refused: the record of a first start says stateless whatever the mode is.
        let spec = &self.input.resource.spec;
        let stateless = spec
            .job
            .as_ref()
            .is_none_or(|job| job.upgrade_mode() == UpgradeMode::Stateless);
        let restorable = deployed.facts.high_availability && self.input.observation.ha_metadata;
        if !stateless && !restorable {
            let message = "the JobManager Deployment is missing and HA metadata is not available to continue from. \
                           Manual restore required. Start again from a savepoint or checkpoint with \
                           initialSavepointPath and a new savepointRedeployNonce"
                .to_owned();
            return self.refuse(
                ErrorClass::UpgradeFailure,
                Reason::Kubernetes("RestoreFailed".to_owned()),
                "RestoreNotPossible",
                message,
            );
        }
        if !self.old_cluster_gone() {
            return;
        }
        let generation = self.status.observed_generation;
        let restore_from = if stateless {
            self.started_from().unwrap_or(RestoreFrom::Nothing)
        } else {
            RestoreFrom::HighAvailability
        };
        if let Some(launch) = self.relaunch(generation, restore_from) {
            self.events.push(EventDraft::warning(
                Reason::RecoverDeployment,
                Component::Job,
                "Recovering lost deployment",
            ));
            self.waiting = Some("the lost JobManager Deployment is being made again".to_owned());
            self.actions.push(Action::CreateCluster(launch));
        }
    }

    /// What the cluster was started from; `None` where that was a savepoint that is known no more.
    fn started_from(&self) -> Option<RestoreFrom> {
        if self.recorded.as_ref()?.upgrade_mode() != UpgradeMode::Savepoint {
            return Some(RestoreFrom::Nothing);
        }
        let job = self.status.job_status.as_ref()?;
        job.upgrade_savepoint_path.clone().map(RestoreFrom::Savepoint)
    }

    /// The cluster as it was started: the same job id, so that Flink finds its own checkpoints again.
    fn relaunch(&mut self, generation: Option<i64>, restore_from: RestoreFrom) -> Option<Launch> {
        self.deployed_spec()?;
        let job = self.status.job_status.as_ref()?;
        Some(Launch {
            source: Source::Deployed,
            generation: generation.unwrap_or_else(|| self.generation()),
            job_id: job.job_id.clone()?,
            restore_from,
        })
    }
}
