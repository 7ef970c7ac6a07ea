//! What was observed, written into the status.

use std::collections::BTreeMap;

use sluice_shared::api::job::UpgradeMode;
use sluice_shared::api::status::{FlinkJobState, JobManagerDeploymentStatus as JobManagerStatus, ReconciliationState};

use super::Draft;
use crate::deployment::error::{ErrorClass, FlinkError, JOB_NOT_FOUND, truncated};
use crate::deployment::event::{Component, EventDraft, Reason};
use crate::deployment::exceptions;
use crate::deployment::model::{Checkpoints, FlinkView, JobManager, JobOverview, Millis, NewestState, Rest, Trouble};
use crate::deployment::status::{StatusExt as _, millis};

/// A REST API that answers may not know the job yet: it is up before the job's `main` is called.
const SUBMISSION_GRACE: Millis = 30_000;
/// A job that vanished may be back at once: a restarted JobManager submits it again.
const LOST_GRACE: Millis = 10_000;

impl Draft<'_> {
    /// The resource's own JobManager Deployment, unless it is being deleted.
    pub(super) fn live_job_manager(&self) -> Option<&JobManager> {
        let found = self.input.observation.job_manager.as_ref();
        found.filter(|jm| jm.owned && !jm.terminating)
    }

    pub(super) fn observe(&mut self) {
        if self.recorded.is_none() {
            return;
        }
        self.adopt();
        if !self.deployed() || !self.should_run() {
            return;
        }
        self.observe_job_manager();
        if self.status.job_manager() != JobManagerStatus::Missing {
            self.observe_job();
        }
        let settled = self.status.job_manager() != JobManagerStatus::Error
            && self.status.job_state() != Some(FlinkJobState::Failed)
            && self.is_stable();
        let job_known = matches!(
            self.status.job_state(),
            Some(FlinkJobState::Running | FlinkJobState::Finished)
        );
        if settled && job_known {
            self.status.error = None;
        }
    }

    /// Whether the newest spec was seen to run.
    fn is_stable(&self) -> bool {
        let reconciliation = self.status.reconciliation_status.as_ref();
        reconciliation.is_some_and(|r| r.last_reconciled_spec.is_some() && r.last_reconciled_spec == r.last_stable_spec)
    }

    /// A cluster that was created, but whose creation did not get into the status any more.
    fn adopt(&mut self) {
        if self.status.reconciliation_state() != ReconciliationState::Upgrading
            || self.status.job_manager() != JobManagerStatus::Missing
        {
            return;
        }
        let expected = self.status.observed_generation.unwrap_or(-1);
        if self.live_job_manager().is_none_or(|jm| jm.generation != Some(expected)) {
            return;
        }
        let Some(mut recorded) = self.recorded.clone() else {
            return;
        };
        if let Some(job) = &mut recorded.spec.job {
            job.state = Some(sluice_shared::api::job::JobState::Running);
        }
        self.record(recorded, ReconciliationState::Deployed);
        self.status.job_manager_deployment_status = Some(JobManagerStatus::Deploying);
        self.status.set_job_state(FlinkJobState::Reconciling, self.input.now);
    }

    fn observe_job_manager(&mut self) {
        let before = self.before.job_manager();
        let Some(job_manager) = self.live_job_manager() else {
            self.status.job_manager_deployment_status = Some(JobManagerStatus::Missing);
            self.forget_job_state();
            if !matches!(before, JobManagerStatus::Missing | JobManagerStatus::Error) && !self.job_ended() {
                let message = "Missing JobManager deployment";
                let error = FlinkError::new(ErrorClass::MissingJobManager, message);
                self.fail(error, Reason::Missing, Component::JobManagerDeployment);
            }
            return;
        };
        let available = job_manager.available;
        let trouble = self.trouble(job_manager);
        let answered = matches!(self.input.observation.rest, Rest::Answered(_));
        let now = if answered {
            JobManagerStatus::Ready
        } else if let Some(trouble) = trouble {
            self.forget_job_state();
            let error = FlinkError::new(ErrorClass::DeploymentFailed, &trouble.message).with_reason(&trouble.reason);
            self.fail(
                error,
                Reason::Kubernetes(trouble.reason),
                Component::JobManagerDeployment,
            );
            JobManagerStatus::Error
        } else if available && before == JobManagerStatus::Ready {
            JobManagerStatus::Ready
        } else if available {
            JobManagerStatus::DeployedNotReady
        } else {
            JobManagerStatus::Deploying
        };
        if now == JobManagerStatus::Deploying {
            let unschedulable = self.input.observation.pods.iter().find_map(|pod| {
                let reason = pod.unschedulable.as_ref()?;
                Some(format!("pod {} cannot be scheduled: {reason}", pod.name))
            });
            self.waiting = unschedulable;
        }
        self.status.job_manager_deployment_status = Some(now);
    }

    fn trouble(&self, job_manager: &JobManager) -> Option<Trouble> {
        let quota = job_manager.replica_failure.as_ref().map(|message| Trouble {
            reason: "FailedCreate".to_owned(),
            message: message.clone(),
        });
        quota.or_else(|| self.input.observation.pods.iter().find_map(|pod| pod.trouble.clone()))
    }

    /// The JobManager cannot be asked: a job that has not ended is in an unknown state.
    fn forget_job_state(&mut self) {
        if !self.job_ended() {
            self.status.set_job_state(FlinkJobState::Reconciling, self.input.now);
        }
    }

    fn observe_job(&mut self) {
        let Rest::Answered(view) = &self.input.observation.rest else {
            return self.forget_job_state();
        };
        let known = self.status.job_id().map(str::to_owned);
        let found = match &known {
            Some(id) => view.jobs.iter().find(|job| &job.id == id),
            // A status written without an id: an application cluster has one job.
            None if view.jobs.len() == 1 => view.jobs.first(),
            None => None,
        };
        match found {
            Some(job) => self.job_found(job, view),
            None => self.job_not_found(),
        }
        self.cluster_info(view);
    }

    fn job_found(&mut self, job: &JobOverview, view: &FlinkView) {
        let status = self.status.job();
        status.job_id = Some(job.id.clone());
        status.job_name = Some(job.name.clone());
        status.start_time = Some(job.start_time.to_string());
        if self.status.error.as_deref() == Some(JOB_NOT_FOUND) {
            self.status.error = None;
        }
        let changed = self.status.set_job_state(job.state, self.input.now);
        if let Some(Some(previous)) = changed {
            self.events.push(EventDraft::normal(
                Reason::JobStatusChanged,
                Component::Job,
                format!("Job status changed from {previous} to {}", job.state),
            ));
        }
        if job.state == FlinkJobState::Failed && (changed.is_some() || view.failure.is_some()) {
            let cause = view.failure.clone();
            let cause = cause.unwrap_or_else(|| "the job failed; Flink gives no cause".to_owned());
            let error = FlinkError::new(ErrorClass::JobFailed, cause);
            self.fail(error, Reason::Error, Component::Job);
        }
        if let Some(checkpoints) = &view.checkpoints {
            self.remember_newest(job, checkpoints);
        }
        let ended_before = self.before.job_state().is_some_and(FlinkJobState::is_globally_terminal);
        if let (Some(Ok(checked)), false) = (self.input.deployed, ended_before) {
            let lines = checked.facts.stacktrace_lines;
            self.events.extend(
                view.exceptions
                    .iter()
                    .map(|exception| exceptions::event(exception, lines)),
            );
        }
        let runs = matches!(job.state, FlinkJobState::Running | FlinkJobState::Finished);
        if runs && self.status.reconciliation_state() == ReconciliationState::Deployed && !self.is_stable() {
            self.status.mark_stable();
        }
    }

    /// What an ended job can be restored from (S3). While it runs the next checkpoint is never far.
    fn remember_newest(&mut self, job: &JobOverview, checkpoints: &Checkpoints) {
        if !job.state.is_globally_terminal() {
            return;
        }
        let before = self.status.job().upgrade_savepoint_path.clone();
        let path = match &checkpoints.newest {
            NewestState::At(path) => Some(path.clone()),
            // Flink shows a cancelled job's checkpoints for certain; otherwise there may have been some before it was asked.
            NewestState::Absent if job.state == FlinkJobState::Canceled => None,
            NewestState::Absent | NewestState::Unknown => return,
            NewestState::NotKept => {
                self.tell_of_lost_state(&job.id, before.as_deref());
                // An older one in its place would take the job back without anybody being asked (S2).
                None
            }
        };
        self.status.job().upgrade_savepoint_path = path;
    }

    fn tell_of_lost_state(&mut self, job_id: &str, before: Option<&str>) {
        let spec = &self.input.resource.spec;
        let stateless = spec
            .job
            .as_ref()
            .is_none_or(|job| job.upgrade_mode() == UpgradeMode::Stateless);
        if stateless {
            return;
        }
        let before = before.map_or_else(String::new, |path| format!(" The state known before is at {path}."));
        let message = format!(
            "The job ended, and its newest checkpoint was kept in the JobManager's memory only. Manual restore required. \
             Set execution.checkpointing.dir to keep checkpoints.{before}"
        );
        let event = EventDraft::warning(Reason::CheckpointNotFound, Component::Job, message);
        self.events.push(event.once(format!("CheckpointNotFound: {job_id}")));
    }

    fn job_not_found(&mut self) {
        if self.job_ended() {
            return;
        }
        let now = self.input.now;
        self.status.set_job_state(FlinkJobState::Reconciling, now);
        let job = self.status.job_status.as_ref();
        let seen = job.is_some_and(|j| j.start_time.is_some());
        let since = job.and_then(|j| millis(j.update_time.as_deref())).unwrap_or(now);
        let ready = self
            .input
            .observation
            .pods
            .iter()
            .filter_map(|pod| pod.ready_since)
            .max();
        let answering_for = ready.map_or(0, |ready| now - ready);
        let grace = if seen { LOST_GRACE } else { SUBMISSION_GRACE };
        if now - since >= grace && answering_for >= grace {
            self.status.reconciliation().state = Some(ReconciliationState::Deployed);
            let text = JOB_NOT_FOUND.to_owned();
            self.fail_with_text(text.clone(), text, Reason::Missing, Component::Job);
        }
    }

    fn cluster_info(&mut self, view: &FlinkView) {
        let mut info: BTreeMap<String, String> = self.status.cluster_info.clone().unwrap_or_default();
        if let Some(build) = &view.version {
            info.insert("flink-version".to_owned(), truncated(&build.version));
            info.insert("flink-revision".to_owned(), truncated(&build.revision));
        }
        if let (Some(count), Some(Ok(checked))) = (view.task_managers, self.input.deployed) {
            let count = u32::try_from(count).unwrap_or(0);
            let facts = &checked.facts;
            let cpu = facts.cpu.0 + facts.cpu.1 * f64::from(count);
            let memory = facts
                .memory
                .0
                .saturating_add(facts.memory.1.saturating_mul(u64::from(count)));
            info.insert("total-cpu".to_owned(), format!("{cpu:?}"));
            info.insert("total-memory".to_owned(), memory.to_string());
        }
        let state_size = view.checkpoints.as_ref().and_then(|checkpoints| checkpoints.state_size);
        if let Some(bytes) = state_size {
            info.insert("state-size".to_owned(), bytes.to_string());
        }
        self.status.cluster_info = Some(info);
    }
}
