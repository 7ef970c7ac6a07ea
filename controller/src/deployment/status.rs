//! Reading and changing a `FlinkDeployment`'s status.

use sluice_shared::api::job::{JobState, UpgradeMode};
use sluice_shared::api::reconciled::{self, DecodeError, ReconciliationMetadata};
use sluice_shared::api::status::{
    FlinkJobState, JobManagerDeploymentStatus, JobStatus, ReconciliationState, ReconciliationStatus, SavepointInfo,
    TaskManagerInfo,
};
use sluice_shared::api::{FlinkDeploymentSpec, FlinkDeploymentStatus};

use super::model::Millis;

/// `lastReconciledSpec`, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The spec.
    pub spec: FlinkDeploymentSpec,
    /// What is kept beside it; old statuses have none.
    pub metadata: Option<ReconciliationMetadata>,
}

impl Recorded {
    /// Whether the recorded job shall run. A session cluster always does.
    #[must_use]
    pub fn job_state(&self) -> JobState {
        self.spec
            .job
            .as_ref()
            .map_or(JobState::Running, sluice_shared::api::JobSpec::desired_state)
    }

    /// How the recorded job was, or is to be, restored.
    #[must_use]
    pub fn upgrade_mode(&self) -> UpgradeMode {
        self.spec
            .job
            .as_ref()
            .map_or(UpgradeMode::Stateless, sluice_shared::api::JobSpec::upgrade_mode)
    }

    /// Whether this is the first spec that was ever deployed.
    #[must_use]
    pub fn first_deployment(&self) -> bool {
        self.metadata.as_ref().is_some_and(|m| m.first_deployment)
    }

    /// The text for the status.
    #[must_use]
    pub fn encode(&self) -> Option<String> {
        let metadata = ReconciliationMetadata::new(self.first_deployment());
        reconciled::encode(&self.spec, &metadata).ok()
    }
}

/// `lastReconciledSpec` of `status`, or nothing before the first deployment.
///
/// # Errors
/// When it cannot be read.
pub fn recorded(status: &FlinkDeploymentStatus) -> Result<Option<Recorded>, DecodeError> {
    status
        .reconciliation_status
        .as_ref()
        .and_then(|r| r.last_reconciled_spec.as_deref())
        .filter(|text| !text.is_empty())
        .map(|text| reconciled::decode(text).map(|(spec, metadata)| Recorded { spec, metadata }))
        .transpose()
}

/// Handy access to the nested parts; each is made with its defaults where it is absent.
pub trait StatusExt {
    /// `jobStatus`.
    fn job(&mut self) -> &mut JobStatus;
    /// `reconciliationStatus`.
    fn reconciliation(&mut self) -> &mut ReconciliationStatus;
    /// `jobStatus.state`.
    fn job_state(&self) -> Option<FlinkJobState>;
    /// `jobStatus.jobId`.
    fn job_id(&self) -> Option<&str>;
    /// `jobManagerDeploymentStatus`, missing where absent.
    fn job_manager(&self) -> JobManagerDeploymentStatus;
    /// `reconciliationStatus.state`, upgrading where absent.
    fn reconciliation_state(&self) -> ReconciliationState;
    /// Writes out the defaults of the parts that readers expect to be there.
    fn fill_defaults(&mut self);
    /// Records `recorded` as the last reconciled spec.
    fn record(&mut self, recorded: &Recorded, state: ReconciliationState);
    /// Declares the last reconciled spec stable.
    fn mark_stable(&mut self);
    /// Sets the job's state; gives the previous one when it differs.
    fn set_job_state(&mut self, state: FlinkJobState, now: Millis) -> Option<Option<FlinkJobState>>;
    /// Sets what the scale subresource shows; nothing runs where `replicas` is absent.
    fn set_task_managers(&mut self, name: &str, replicas: Option<i32>);
}

impl StatusExt for FlinkDeploymentStatus {
    fn job(&mut self) -> &mut JobStatus {
        self.job_status.get_or_insert_default()
    }

    fn reconciliation(&mut self) -> &mut ReconciliationStatus {
        self.reconciliation_status.get_or_insert_default()
    }

    fn job_state(&self) -> Option<FlinkJobState> {
        self.job_status.as_ref().and_then(|j| j.state)
    }

    fn job_id(&self) -> Option<&str> {
        self.job_status
            .as_ref()
            .and_then(|j| j.job_id.as_deref())
            .filter(|id| !id.is_empty())
    }

    fn job_manager(&self) -> JobManagerDeploymentStatus {
        self.job_manager_deployment_status
            .unwrap_or(JobManagerDeploymentStatus::Missing)
    }

    fn reconciliation_state(&self) -> ReconciliationState {
        self.reconciliation_status
            .as_ref()
            .and_then(|r| r.state)
            .unwrap_or(ReconciliationState::Upgrading)
    }

    fn fill_defaults(&mut self) {
        self.job_manager_deployment_status
            .get_or_insert(JobManagerDeploymentStatus::Missing);
        self.reconciliation()
            .state
            .get_or_insert(ReconciliationState::Upgrading);
        // Present in every status of the Java operator; consumers read it without looking.
        self.job().savepoint_info.get_or_insert_with(|| SavepointInfo {
            savepoint_history: Some(Vec::new()),
            last_periodic_savepoint_timestamp: Some(0),
            ..SavepointInfo::default()
        });
    }

    fn record(&mut self, recorded: &Recorded, state: ReconciliationState) {
        let text = recorded.encode();
        let reconciliation = self.reconciliation();
        if text.is_some() {
            reconciliation.last_reconciled_spec = text;
        }
        reconciliation.state = Some(state);
    }

    fn mark_stable(&mut self) {
        let reconciliation = self.reconciliation();
        reconciliation
            .last_stable_spec
            .clone_from(&reconciliation.last_reconciled_spec);
    }

    fn set_job_state(&mut self, state: FlinkJobState, now: Millis) -> Option<Option<FlinkJobState>> {
        let job = self.job();
        if job.state == Some(state) {
            return None;
        }
        job.update_time = Some(now.to_string());
        Some(job.state.replace(state))
    }

    fn set_task_managers(&mut self, name: &str, replicas: Option<i32>) {
        self.task_manager = Some(match replicas {
            Some(replicas) => TaskManagerInfo {
                label_selector: Some(format!("component=taskmanager,app={name}")),
                replicas: Some(replicas),
            },
            None => TaskManagerInfo {
                label_selector: Some(String::new()),
                replicas: Some(0),
            },
        });
    }
}

/// `update_time` or `start_time` as a number.
#[must_use]
pub fn millis(text: Option<&str>) -> Option<Millis> {
    text.and_then(|t| t.parse().ok())
}
