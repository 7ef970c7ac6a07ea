//! Starting a cluster, and recording that none shall run.

use sluice_shared::api::job::{JobState, UpgradeMode};
use sluice_shared::api::status::{FlinkJobState, JobManagerDeploymentStatus as JobManagerStatus, ReconciliationState};

use super::Draft;
use super::upgrade::Restore;
use crate::cluster::LAST_STATE_PATH;
use crate::deployment::error::ErrorClass;
use crate::deployment::event::{Component, EventDraft, Reason};
use crate::deployment::model::{Action, Launch, RestoreFrom, Source};
use crate::deployment::status::{Recorded, StatusExt as _};
use crate::deployment::valid::Checked;

impl Draft<'_> {
    /// Writes down what is about to be created, and creates it. `desired` is absent where the recorded spec is started.
    pub(super) fn launch(&mut self, desired: Option<&Checked>, restore: Restore, first: bool) {
        let source = if desired.is_some() {
            Source::Desired
        } else {
            Source::Deployed
        };
        let Some(checked) = desired.or_else(|| self.deployed_spec()) else {
            return;
        };
        let lost_state = match (restore.mode, &restore.path) {
            (UpgradeMode::Stateless, _) => None,
            (UpgradeMode::Savepoint, Some(path)) if path != LAST_STATE_PATH => None,
            (UpgradeMode::Savepoint, _) => Some("the savepoint to start from is not known. Manual restore required."),
            (UpgradeMode::LastState, _) => Some(
                "the job was stopped to be restored from its last checkpoint, which this version of Sluice does not do yet. \
                 Set upgradeMode to stateless to start without state, or initialSavepointPath and savepointRedeployNonce \
                 to start from a checkpoint",
            ),
        };
        if let Some(message) = lost_state {
            let message = message.to_owned();
            return self.refuse(
                ErrorClass::UpgradeFailure,
                Reason::UpgradeFailed,
                "RestoreNotPossible",
                message,
            );
        }
        let intent = self.to_record(checked, &restore, JobState::Suspended, first);
        let text = intent.encode();
        let written = self
            .status
            .reconciliation_status
            .as_ref()
            .and_then(|r| r.last_reconciled_spec.clone());
        let intended = self.before.job_manager_deployment_status.is_some()
            && self.status.job_manager() == JobManagerStatus::Missing
            && self.status.job_state() == Some(FlinkJobState::Reconciling)
            && self.status.job_id().is_some()
            && self.status.reconciliation_state() == ReconciliationState::Upgrading
            && self.recorded.is_some()
            && written == text
            && (source == Source::Deployed || self.before.observed_generation == Some(self.generation()));
        if !intended {
            self.intend(intent, checked, &restore, source);
        }
        let Some(job_id) = self.status.job_id().map(str::to_owned) else {
            return;
        };
        if restore.mode == UpgradeMode::Stateless && !first {
            self.actions.push(Action::DeleteHaMetadata);
        }
        self.waiting = Some("the cluster is being created".to_owned());
        self.actions.push(Action::CreateCluster(Launch {
            source,
            generation: self.status.observed_generation.unwrap_or_else(|| self.generation()),
            job_id,
            restore_from: restore.path.map_or(RestoreFrom::Nothing, RestoreFrom::Savepoint),
        }));
    }

    fn intend(&mut self, intent: Recorded, checked: &Checked, restore: &Restore, source: Source) {
        let now = self.input.now;
        self.record(intent, ReconciliationState::Upgrading);
        self.status.job_manager_deployment_status = Some(JobManagerStatus::Missing);
        self.status.set_job_state(FlinkJobState::Reconciling, now);
        let job = self.status.job();
        job.update_time = Some(now.to_string());
        job.start_time = None;
        job.job_id = Some(
            checked
                .facts
                .job_id
                .clone()
                .unwrap_or_else(|| self.input.fresh_job_id.to_owned()),
        );
        if restore.path.is_some() {
            job.upgrade_savepoint_path.clone_from(&restore.path);
        }
        self.status.cluster_info = Some(std::collections::BTreeMap::new());
        self.status.reconciliation().reconciliation_timestamp = Some(now);
        self.status.error = None;
        if source == Source::Desired {
            self.status.observed_generation = Some(self.generation());
            self.show_task_managers(checked);
        }
        self.events.push(EventDraft::normal(
            Reason::Submit,
            Component::JobManagerDeployment,
            "Starting deployment",
        ));
        if checked.spec().ingress.is_some() {
            self.events.push(EventDraft::warning(
                Reason::IngressManagement,
                Component::Operator,
                "spec.ingress is not carried out by this version of Sluice yet; create the Ingress yourself",
            ));
        }
    }

    /// The old cluster is gone and none shall follow.
    pub(super) fn suspended(&mut self, desired: Option<&Checked>, restore: &Restore) {
        if let Some(desired) = desired {
            let first = self.recorded.as_ref().is_some_and(Recorded::first_deployment);
            let recorded = self.to_record(desired, restore, JobState::Suspended, first);
            self.record(recorded, ReconciliationState::Deployed);
            self.status.observed_generation = Some(self.generation());
        } else if let Some(recorded) = self.recorded.clone() {
            self.record(recorded, ReconciliationState::Deployed);
        }
        self.status.mark_stable();
        self.status.job_manager_deployment_status = Some(JobManagerStatus::Missing);
        if !self.job_ended() {
            self.status.set_job_state(FlinkJobState::Finished, self.input.now);
        }
        let name = self.name().to_owned();
        self.status.set_task_managers(&name, None);
        if restore.mode == UpgradeMode::Stateless {
            self.actions.push(Action::DeleteHaMetadata);
        }
    }
}
