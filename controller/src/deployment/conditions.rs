//! `status.conditions`.
//!
//! | type | status | meaning |
//! |---|---|---|
//! | `Running` | True | the job is RUNNING; as the Java operator writes it |
//! | `Ready` | True | the cluster is as the spec wants it: `JobRunning`, `JobFinished`, `Suspended` |
//! | | False | not (yet): `NotDeployed`, `Upgrading`, `Deploying`, `Deleting`, `JobFailed`, or the reason of `Stalled` |
//! | `Reconciling` | True | something is under way; the message says what is being waited for |
//! | `Stalled` | True | nothing more happens without the user: `ValidationError`, `UnsupportedFlinkVersion`, `NotSupported`, `UpgradeModeNotSupported`, `RestoreNotPossible`, `NameTaken`, `StatusLost`, `StatusUnreadable`, `CleanupFailed`, `JobFailed`, or Kubernetes' reason why the JobManager cannot start |
//!
//! `observedGeneration` is the generation that the condition speaks of; `Running` has none, as in the Java operator.

use sluice_shared::api::FlinkDeploymentStatus;
use sluice_shared::api::status::{Condition, FlinkJobState, JobManagerDeploymentStatus, LifecycleState};

use super::model::Millis;
use super::status::StatusExt as _;

/// Why nothing more can be done without the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// One word in upper camel case.
    pub reason: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// What the conditions are made from.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The new status; its lifecycle state is up to date.
    pub status: &'a FlinkDeploymentStatus,
    /// The conditions before.
    pub previous: &'a [Condition],
    /// Generation of the spec that was looked at.
    pub generation: i64,
    /// Whether anything was ever deployed.
    pub deployed_before: bool,
    /// Why nothing more can be done without the user.
    pub stall: Option<&'a Stall>,
    /// What is being waited for.
    pub waiting: Option<&'a str>,
    /// The present.
    pub now: Millis,
}

struct Verdict {
    holds: bool,
    reason: String,
    message: String,
}

impl Verdict {
    fn new(holds: bool, reason: &str, message: impl Into<String>) -> Self {
        Self {
            holds,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }
}

/// The conditions.
#[must_use]
pub fn of(view: &View<'_>) -> Vec<Condition> {
    let trouble = trouble(view);
    let stall = view.stall.or(trouble.as_ref());
    let mut conditions = Vec::with_capacity(4);
    if view.deployed_before {
        let state = view.status.job_state().unwrap_or(FlinkJobState::Reconciling);
        let running = Verdict::new(
            state == FlinkJobState::Running,
            &capitalized(state.as_str()),
            format!("Job status {state}"),
        );
        conditions.push(condition(view, "Running", running, None));
    }
    let generation = Some(view.generation);
    conditions.push(condition(view, "Ready", ready(view, stall), generation));
    conditions.push(condition(view, "Reconciling", reconciling(view, stall), generation));
    let stalled = match stall {
        Some(stall) => Verdict::new(true, &stall.reason, stall.message.clone()),
        None => Verdict::new(false, "Progressing", "nothing needs the user"),
    };
    conditions.push(condition(view, "Stalled", stalled, generation));
    conditions
}

/// A JobManager that cannot start, and a job that failed for good, wait for their user too.
fn trouble(view: &View<'_>) -> Option<Stall> {
    let error: Option<serde_json::Value> = view.status.error.as_deref().and_then(|e| serde_json::from_str(e).ok());
    let text = |pointer: &str| error.as_ref().and_then(|e| e.pointer(pointer)).and_then(|v| v.as_str());
    let message = text("/message").unwrap_or_default().to_owned();
    if view.status.lifecycle_state == Some(LifecycleState::Failed) && view.deployed_before {
        let reason = "JobFailed".to_owned();
        return Some(Stall { reason, message });
    }
    if view.status.job_manager() == JobManagerDeploymentStatus::Error {
        let reason = text("/additionalMetadata/reason")
            .unwrap_or("JobManagerError")
            .to_owned();
        return Some(Stall { reason, message });
    }
    None
}

fn ready(view: &View<'_>, stall: Option<&Stall>) -> Verdict {
    if let Some(stall) = stall {
        return Verdict::new(false, &stall.reason, stall.message.clone());
    }
    let job = view.status.job_state();
    match view.status.lifecycle_state {
        Some(LifecycleState::Suspended) => Verdict::new(true, "Suspended", "the job is suspended, as the spec asks"),
        Some(LifecycleState::Stable) if job == Some(FlinkJobState::Running) => {
            Verdict::new(true, "JobRunning", "the job runs")
        }
        Some(LifecycleState::Stable) if job == Some(FlinkJobState::Finished) => {
            Verdict::new(true, "JobFinished", "the job is finished")
        }
        Some(LifecycleState::Deleting | LifecycleState::Deleted) => {
            Verdict::new(false, "Deleting", "the resource is being deleted")
        }
        Some(LifecycleState::Upgrading) => Verdict::new(false, "Upgrading", "the spec is being deployed"),
        None | Some(LifecycleState::Created) => Verdict::new(false, "NotDeployed", "nothing is deployed yet"),
        _ => Verdict::new(false, "Deploying", under_way(view)),
    }
}

fn reconciling(view: &View<'_>, stall: Option<&Stall>) -> Verdict {
    let reason = match view.status.lifecycle_state {
        Some(LifecycleState::Deleting | LifecycleState::Deleted) => "Deleting",
        Some(LifecycleState::Upgrading) => "Upgrading",
        Some(LifecycleState::Stable) if ready(view, None).holds => "",
        None | Some(LifecycleState::Suspended | LifecycleState::Created | LifecycleState::Failed) => "",
        _ => "Deploying",
    };
    if reason.is_empty() || (stall.is_some() && view.waiting.is_none()) {
        return Verdict::new(false, "Idle", "nothing is under way");
    }
    Verdict::new(
        true,
        reason,
        view.waiting.map_or_else(|| under_way(view), str::to_owned),
    )
}

fn under_way(view: &View<'_>) -> String {
    if let Some(waiting) = view.waiting {
        return waiting.to_owned();
    }
    match view.status.job_manager() {
        JobManagerDeploymentStatus::Missing => "the JobManager Deployment is missing".to_owned(),
        JobManagerDeploymentStatus::Deploying => "the JobManager is starting".to_owned(),
        JobManagerDeploymentStatus::DeployedNotReady => {
            "the JobManager runs; its REST API does not answer yet".to_owned()
        }
        JobManagerDeploymentStatus::Error => "the JobManager cannot start".to_owned(),
        JobManagerDeploymentStatus::Ready => {
            let state = view.status.job_state().unwrap_or(FlinkJobState::Reconciling);
            format!("the job is {state}")
        }
    }
}

fn condition(view: &View<'_>, type_: &str, verdict: Verdict, generation: Option<i64>) -> Condition {
    let status = if verdict.holds { "True" } else { "False" };
    let before = view.previous.iter().find(|c| c.type_.as_deref() == Some(type_));
    let since = before
        .filter(|c| c.status.as_deref() == Some(status))
        .and_then(|c| c.last_transition_time.clone());
    Condition {
        type_: Some(type_.to_owned()),
        status: Some(status.to_owned()),
        reason: Some(verdict.reason),
        message: Some(super::error::truncated(&verdict.message)),
        last_transition_time: Some(since.unwrap_or_else(|| rfc3339(view.now))),
        observed_generation: generation,
    }
}

/// `RUNNING` -> `Running`.
fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_string() + &characters.as_str().to_lowercase()
    })
}

/// `now` as Kubernetes writes times: whole seconds, UTC.
#[must_use]
pub fn rfc3339(now: Millis) -> String {
    k8s_openapi::jiff::Timestamp::from_second(now.div_euclid(1000))
        .map_or_else(|_| String::new(), |time| time.to_string())
}
