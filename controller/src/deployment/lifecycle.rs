//! `status.lifecycleState`, from the rest of the status (Java operator: class `CommonStatus`).

use sluice_shared::api::FlinkDeploymentStatus;
use sluice_shared::api::job::JobState;
use sluice_shared::api::status::{FlinkJobState, JobManagerDeploymentStatus, LifecycleState, ReconciliationState};

use super::status::Recorded;

/// Texts within `status.error` that tell of a job which cannot be restored without its user.
const UNRESTORABLE: [&str; 3] = [
    "HA metadata is not available",
    "configmaps have been deleted.",
    "Manual restore required.",
];

/// The lifecycle state that `status` amounts to; `recorded` is its `lastReconciledSpec`, decoded.
#[must_use]
pub fn of(status: &FlinkDeploymentStatus, recorded: Option<&Recorded>) -> LifecycleState {
    if let Some(sticky @ (LifecycleState::Deleting | LifecycleState::Deleted)) = status.lifecycle_state {
        return sticky;
    }
    let error = status.error.as_deref().unwrap_or_default();
    let reconciliation = status.reconciliation_status.as_ref();
    let Some(recorded) = recorded else {
        return if error.is_empty() {
            LifecycleState::Created
        } else {
            LifecycleState::Failed
        };
    };
    match reconciliation.and_then(|r| r.state) {
        None | Some(ReconciliationState::Upgrading) => return LifecycleState::Upgrading,
        Some(ReconciliationState::RollingBack) => return LifecycleState::RollingBack,
        Some(ReconciliationState::Deployed | ReconciliationState::RolledBack) => {}
    }
    if recorded.job_state() == JobState::Suspended {
        return LifecycleState::Suspended;
    }
    let job = status.job_status.as_ref().and_then(|j| j.state);
    let job_manager = status
        .job_manager_deployment_status
        .unwrap_or(JobManagerDeploymentStatus::Missing);
    let gone = matches!(
        job_manager,
        JobManagerDeploymentStatus::Missing | JobManagerDeploymentStatus::Error
    );
    if job == Some(FlinkJobState::Failed) || (gone && UNRESTORABLE.iter().any(|text| error.contains(text))) {
        return LifecycleState::Failed;
    }
    let reconciliation = reconciliation.cloned().unwrap_or_default();
    if reconciliation.state == Some(ReconciliationState::RolledBack) {
        LifecycleState::RolledBack
    } else if reconciliation.last_reconciled_spec.is_some()
        && reconciliation.last_reconciled_spec == reconciliation.last_stable_spec
    {
        LifecycleState::Stable
    } else {
        LifecycleState::Deployed
    }
}
