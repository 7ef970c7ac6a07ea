//! From what is known to what shall happen. Pure: the same input gives the same decision, so that it can be tested by
//! table and explored by simulation.
//!
//! The state machine is in the status, as the Java operator has it, so that either can take over from the other:
//!
//! | `reconciliationStatus.state` | `lastReconciledSpec.job.state` | JobManager | meaning |
//! |---|---|---|---|
//! | any | (no spec recorded) | | nothing was ever deployed |
//! | UPGRADING | suspended | not MISSING | the old cluster is being taken away |
//! | UPGRADING | suspended | MISSING, job RECONCILING | the old cluster is gone; the new one, with `jobId`, is being created |
//! | DEPLOYED | running | any | deployed |
//! | DEPLOYED | suspended | MISSING | suspended |

mod deletion;
mod launch;
mod observed;
mod pace;
#[cfg(test)]
mod simulation;
mod takedown;
#[cfg(test)]
pub(crate) mod tests;
mod triggers;
mod upgrade;
mod upkeep;

use std::time::Duration;

use sluice_shared::api::job::JobState;
use sluice_shared::api::labels::DEPLOYMENT_FINALIZER;
use sluice_shared::api::status::{FlinkJobState, ReconciliationState};
use sluice_shared::api::{FlinkDeploymentStatus, KubernetesMode};

use super::conditions::{self, Stall};
use super::error::{ErrorClass, FlinkError};
use super::event::{Component, EventDraft, Reason};
use super::lifecycle;
use super::model::{Action, Decision, FinalizerChange, Input};
use super::status::{Recorded, StatusExt as _, recorded};
use super::valid::Checked;

/// A decision in the making.
struct Draft<'a> {
    input: &'a Input<'a>,
    /// The status as it was read.
    before: FlinkDeploymentStatus,
    status: FlinkDeploymentStatus,
    /// `status.reconciliationStatus.lastReconciledSpec`, decoded; kept in step with it by [`Draft::record`].
    recorded: Option<Recorded>,
    finalizer: FinalizerChange,
    actions: Vec<Action>,
    events: Vec<EventDraft>,
    /// Why nothing more can be done without the user.
    stall: Option<Stall>,
    /// What is being waited for.
    waiting: Option<String>,
    requeue: Option<Duration>,
}

/// Decides what shall happen to one resource.
#[must_use]
pub fn decide(input: &Input<'_>) -> Decision {
    let before = input.resource.status.clone().unwrap_or_default();
    let mut draft = Draft {
        input,
        status: before.clone(),
        recorded: None,
        before,
        finalizer: FinalizerChange::Keep,
        actions: Vec::new(),
        events: Vec::new(),
        stall: None,
        waiting: None,
        requeue: None,
    };
    draft.run();
    draft.finish()
}

impl<'a> Draft<'a> {
    fn run(&mut self) {
        self.status.fill_defaults();
        match recorded(&self.before) {
            Ok(found) => self.recorded = found,
            Err(error) => {
                let message = format!(
                    "{error}. Nothing is changed; put a readable spec into status.reconciliationStatus.lastReconciledSpec, or remove the status to deploy anew"
                );
                return self.refuse(ErrorClass::Reconciliation, Reason::Error, "StatusUnreadable", message);
            }
        }
        let metadata = &self.input.resource.metadata;
        if metadata.deletion_timestamp.is_some() {
            return self.delete();
        }
        if self.unsupported() {
            return;
        }
        if !self.has_finalizer() {
            self.finalizer = FinalizerChange::Add;
        }
        self.forget_refusals();
        self.observe();
        let desired = match self.input.desired {
            Ok(checked) => Some(checked),
            Err(refusal) => {
                let message = refusal.0.clone();
                self.refuse(
                    ErrorClass::Validation,
                    Reason::ValidationError,
                    "ValidationError",
                    message,
                );
                None
            }
        };
        self.reconcile(desired);
    }

    /// Errors that are found anew each time, as long as they last.
    fn forget_refusals(&mut self) {
        let found_anew = [ErrorClass::Validation, ErrorClass::UpgradeFailure];
        if let Some(error) = &self.status.error
            && found_anew.iter().any(|class| class.is_of(error))
        {
            self.status.error = None;
        }
    }

    /// Kinds of clusters that this version does not run. They are left as they are.
    fn unsupported(&mut self) -> bool {
        let spec = &self.input.resource.spec;
        let version = spec.flink_version;
        if !version.is_some_and(sluice_shared::api::FlinkVersion::is_supported) {
            let named = version.map_or("none", |v| v.as_str());
            let message = format!(
                "flinkVersion is {named}; supported are v1_15 and later. Set spec.flinkVersion to the version of the image"
            );
            self.refuse(
                ErrorClass::Validation,
                Reason::UnsupportedFlinkVersion,
                "UnsupportedFlinkVersion",
                message,
            );
            return true;
        }
        let what = if spec.job.is_none() {
            "session clusters (no spec.job)"
        } else if spec.mode() == KubernetesMode::Standalone {
            "standalone mode (spec.mode: standalone)"
        } else {
            return false;
        };
        let message = format!("{what} are not run by this version of Sluice yet; nothing is created or changed");
        self.refuse(ErrorClass::Reconciliation, Reason::Error, "NotSupported", message);
        true
    }

    /// Puts the resource into a state that only its user can end: error, condition, and an event when this is news.
    fn refuse(&mut self, class: ErrorClass, event: Reason, condition: &'static str, message: String) {
        let component = match class {
            ErrorClass::Validation => Component::Operator,
            ErrorClass::JobFailed => Component::Job,
            _ => Component::JobManagerDeployment,
        };
        self.stall = Some(Stall {
            reason: condition.to_owned(),
            message: message.clone(),
        });
        let reason = event.to_string();
        self.fail(FlinkError::new(class, message).with_reason(reason), event, component);
    }

    /// Sets `status.error`; the event is only sent when the error is news.
    fn fail(&mut self, error: FlinkError, event: Reason, component: Component) {
        self.fail_with_text(error.to_json(), error.message, event, component);
    }

    fn fail_with_text(&mut self, error: String, message: String, event: Reason, component: Component) {
        if self.before.error.as_deref() != Some(&error) {
            self.events.push(EventDraft::warning(event, component, message));
        }
        self.status.error = Some(error);
    }

    fn has_finalizer(&self) -> bool {
        let finalizers = self.input.resource.metadata.finalizers.as_deref();
        finalizers.unwrap_or_default().iter().any(|f| f == DEPLOYMENT_FINALIZER)
    }

    fn generation(&self) -> i64 {
        self.input.resource.metadata.generation.unwrap_or(1)
    }

    fn name(&self) -> &str {
        self.input.resource.metadata.name.as_deref().unwrap_or_default()
    }

    fn record(&mut self, recorded: Recorded, state: ReconciliationState) {
        self.status.record(&recorded, state);
        self.recorded = Some(recorded);
    }

    fn should_run(&self) -> bool {
        self.recorded
            .as_ref()
            .is_some_and(|r| r.job_state() == JobState::Running)
    }

    fn deployed(&self) -> bool {
        matches!(
            self.status.reconciliation_state(),
            ReconciliationState::Deployed | ReconciliationState::RolledBack
        )
    }

    /// Whether the job ended for good.
    fn job_ended(&self) -> bool {
        self.status.job_state().is_some_and(FlinkJobState::is_globally_terminal)
    }

    fn deployed_spec(&mut self) -> Option<&'a Checked> {
        match self.input.deployed {
            Some(Ok(checked)) => Some(checked),
            Some(Err(refusal)) => {
                let message = format!(
                    "the spec that was deployed last is no longer valid ({}); correct the spec to deploy again",
                    refusal.0
                );
                self.refuse(
                    ErrorClass::Validation,
                    Reason::ValidationError,
                    "ValidationError",
                    message,
                );
                None
            }
            None => None,
        }
    }

    fn finish(mut self) -> Decision {
        let state = lifecycle::of(&self.status, self.recorded.as_ref());
        self.status.lifecycle_state = Some(state);
        self.status.conditions = Some(conditions::of(&conditions::View {
            status: &self.status,
            previous: self.before.conditions.as_deref().unwrap_or_default(),
            generation: self.generation(),
            deployed_before: self.recorded.is_some(),
            stall: self.stall.as_ref(),
            waiting: self.waiting.as_deref(),
            now: self.input.now,
        }));
        let pace = self.pace();
        let requeue = match (self.requeue, pace) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Decision {
            status: self.status,
            finalizer: self.finalizer,
            actions: self.actions,
            events: self.events,
            requeue,
        }
    }
}
