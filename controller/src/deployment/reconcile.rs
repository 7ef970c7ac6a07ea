//! One reconcile from end to end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use sluice_shared::api::{FlinkDeployment, labels};

use super::apply::{Apply, ApplyError, Outcome};
use super::checkpoints;
use super::decide::decide;
use super::error::{ErrorClass, FlinkError};
use super::event::{Component, EventDraft, Reason};
use super::exceptions;
use super::model::{Input, Rest};
use super::observe::observe;
use super::status::StatusExt as _;
use super::valid::Checked;
use crate::context::{Context, now};
use crate::events;
use crate::metrics::ReconcileResult;
use crate::watch::Guarded;

/// Something was in the way of an action; watches mostly tell sooner when it is gone.
const AGAIN: Duration = Duration::from_millis(500);
/// After a conflict: the watch needs a moment to deliver what was in conflict.
const CONFLICT: Duration = Duration::from_millis(50);
/// First pause after a failure; half as long again after each further one.
const FIRST_RETRY: f64 = 1.0;
const RETRY_FACTOR: f64 = 1.5;
const LONGEST_RETRY: f64 = 60.0;

/// Reconciles one resource.
///
/// # Errors
/// When a write failed; [`on_error`] says when it is tried again.
pub async fn reconcile(object: Arc<Guarded>, context: Arc<Context>) -> Result<Action, ApplyError> {
    let metrics = &context.shared.metrics;
    let started = Instant::now();
    let cached = match &object.0 {
        Ok(cached) => cached,
        Err(invalid) => {
            tracing::error!(
                namespace = invalid.metadata.namespace,
                name = invalid.metadata.name,
                "the FlinkDeployment cannot be read and is left alone: {}",
                invalid.error
            );
            metrics.reconciled(ReconcileResult::Undecodable, started.elapsed());
            return Ok(Action::await_change());
        }
    };
    let resource = context.shared.own_writes.newest(cached);
    if resource
        .labels()
        .get(labels::CANARY)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    {
        // It has no spec and only tests the Java operator.
        return Ok(Action::await_change());
    }
    let result = reconcile_once(&context, &resource).await;
    let outcome = match &result {
        Ok(_) => ReconcileResult::Ok,
        Err(ApplyError::Conflict | ApplyError::NotLeading) => ReconcileResult::Conflict,
        Err(_) => ReconcileResult::Failed,
    };
    metrics.reconciled(outcome, started.elapsed());
    if let (Ok(_), Some(uid)) = (&result, &resource.metadata.uid) {
        context.shared.failures.lock().remove(uid);
    }
    result
}

async fn reconcile_once(context: &Context, resource: &FlinkDeployment) -> Result<Action, ApplyError> {
    let now = now();
    let defaults = &context.shared.defaults;
    let desired = Checked::check(resource.clone(), defaults, &context.shared.own_rules);
    let deployed = Checked::deployed(resource.clone(), defaults);
    let observation = observe(context, resource, deployed.as_ref().and_then(|d| d.as_ref().ok()), now).await;
    let fresh_job_id = uuid::Uuid::new_v4().simple().to_string();
    let decision = decide(&Input {
        resource,
        desired: &desired,
        deployed: deployed.as_ref(),
        observation: &observation,
        now,
        fresh_job_id: &fresh_job_id,
    });
    let apply = Apply {
        context,
        resource,
        desired: &desired,
        deployed: deployed.as_ref(),
        now,
    };
    match apply.run(&decision).await {
        Ok(outcome) => {
            if let (Rest::Answered(view), Some(job_id)) = (&observation.rest, decision.status.job_id()) {
                exceptions::published(context, resource, job_id, &view.exceptions);
                checkpoints::recorded(context, resource, job_id, view);
            }
            let requeue = match outcome {
                Outcome::Wait => Some(decision.requeue.map_or(AGAIN, |r| r.min(AGAIN))),
                Outcome::Done => decision.requeue,
            };
            Ok(requeue.map_or_else(Action::await_change, Action::requeue))
        }
        Err(error) => {
            report(&apply, &error).await;
            Err(error)
        }
    }
}

/// Tells the user of a write that the API server refused: quota, admission, permissions.
async fn report(apply: &Apply<'_>, error: &ApplyError) {
    if matches!(error, ApplyError::Conflict | ApplyError::NotLeading) {
        return;
    }
    let text = error.to_string();
    tracing::warn!(
        namespace = apply.resource.namespace(),
        name = apply.resource.name_any(),
        "{text}"
    );
    let shared = &apply.context.shared;
    let newest = shared.own_writes.newest(apply.resource);
    let mut status = newest.status.clone().unwrap_or_default();
    let json = FlinkError::new(ErrorClass::Reconciliation, text.as_str()).to_json();
    if status.error.as_ref() == Some(&json) {
        return;
    }
    let event = EventDraft::warning(Reason::Error, Component::JobManagerDeployment, text);
    events::publish(&shared.client, apply.resource, &event, apply.now).await;
    status.error = Some(json);
    if let Err(error) = apply.write_status(&newest, &status).await {
        tracing::debug!("{error}");
    }
}

/// When a failed reconcile is tried again.
#[must_use]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature that kube's applier asks for"
)]
pub fn on_error(object: Arc<Guarded>, error: &ApplyError, context: Arc<Context>) -> Action {
    if matches!(error, ApplyError::Conflict) {
        return Action::requeue(CONFLICT);
    }
    let uid = kube::Resource::meta(object.as_ref()).uid.clone().unwrap_or_default();
    let mut failures = context.shared.failures.lock();
    let count = failures.entry(uid).or_insert(0);
    *count = count.saturating_add(1);
    let exponent = i32::try_from(*count - 1).unwrap_or(i32::MAX).min(20);
    Action::requeue(Duration::from_secs_f64(
        (FIRST_RETRY * RETRY_FACTOR.powi(exponent)).min(LONGEST_RETRY),
    ))
}

#[cfg(test)]
mod tests;
