//! When a job's checkpoints are asked for: one request brings both the size of its state and the way back to it.
//!
//! Both change with every checkpoint, and each change is a write of the status. So a running job is asked once a
//! minute, and one that has ended once: it makes no more of them. What was read is remembered in memory only; after a
//! start of the controller every job is asked again, also those that ended while nobody looked.

use std::time::Duration;

use sluice_shared::api::FlinkDeployment;
use sluice_shared::api::status::FlinkJobState;
use tokio::time::Instant;

use super::model::{Checkpoints, FlinkView, JobOverview, Millis};
use crate::context::Context;
use crate::flink::Endpoint;

/// How often a running job is asked: as often as the Java operator does by default
/// (`kubernetes.operator.reconcile.interval`).
const REFRESH: Duration = Duration::from_mins(1);

/// The last answer about the checkpoints of one resource's job that got into the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    job_id: String,
    /// Another run of a job may have the same id.
    start_time: Millis,
    ended: bool,
    at: Instant,
}

impl Known {
    fn now(job: &JobOverview) -> Self {
        Self {
            job_id: job.id.clone(),
            start_time: job.start_time,
            ended: job.state.is_globally_terminal(),
            at: Instant::now(),
        }
    }

    /// Whether nothing newer is worth a request.
    fn suffices(&self, job: &JobOverview) -> bool {
        let same = self.job_id == job.id && self.start_time == job.start_time;
        let ended = job.state.is_globally_terminal();
        same && self.ended == ended && (ended || self.at.elapsed() < REFRESH)
    }
}

/// The checkpoints of `job`, where it is time to ask. A request that fails is repeated with the next look.
pub async fn ask(
    context: &Context,
    resource: &FlinkDeployment,
    endpoint: &Endpoint,
    job: &JobOverview,
) -> Option<Checkpoints> {
    if job.state != FlinkJobState::Running && !job.state.is_globally_terminal() {
        return None;
    }
    let uid = resource.metadata.uid.as_ref()?;
    let known = context.shared.checkpoints.lock().get(uid).cloned();
    if known.is_some_and(|known| known.suffices(job)) {
        return None;
    }
    match context.shared.flink.checkpoints(endpoint, &job.id).await {
        Ok(checkpoints) => Some(checkpoints),
        Err(error) => {
            tracing::debug!(job_id = job.id, "{error}");
            None
        }
    }
}

/// Remembers that the status tells of what `view` says of the checkpoints of job `job_id`. Only called after the status
/// was written: until then the answer must not count as read (S3).
pub fn recorded(context: &Context, resource: &FlinkDeployment, job_id: &str, view: &FlinkView) {
    let job = view.jobs.iter().find(|job| job.id == job_id);
    if let (Some(uid), Some(job), Some(_)) = (&resource.metadata.uid, job, &view.checkpoints) {
        context.shared.checkpoints.lock().insert(uid.clone(), Known::now(job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn job(id: &str, start_time: Millis, state: FlinkJobState) -> JobOverview {
        JobOverview {
            id: id.into(),
            name: "n".into(),
            state,
            start_time,
        }
    }

    #[rstest]
    #[case::just_asked(FlinkJobState::Running, "a", 1, FlinkJobState::Running, 59, true)]
    #[case::a_minute_ago(FlinkJobState::Running, "a", 1, FlinkJobState::Running, 60, false)]
    #[case::ended_since(FlinkJobState::Running, "a", 1, FlinkJobState::Finished, 1, false)]
    #[case::ended_long_ago(FlinkJobState::Failed, "a", 1, FlinkJobState::Failed, 1_000_000, true)]
    #[case::another_job(FlinkJobState::Failed, "b", 1, FlinkJobState::Failed, 1, false)]
    #[case::another_run_of_the_same_id(FlinkJobState::Canceled, "a", 2, FlinkJobState::Canceled, 1, false)]
    #[case::runs_again(FlinkJobState::Canceled, "a", 1, FlinkJobState::Running, 1, false)]
    #[tokio::test(start_paused = true)]
    async fn what_suffices(
        #[case] before: FlinkJobState,
        #[case] id: &str,
        #[case] start_time: Millis,
        #[case] now: FlinkJobState,
        #[case] seconds: u64,
        #[case] expected: bool,
    ) {
        let known = Known::now(&job("a", 1, before));
        tokio::time::advance(Duration::from_secs(seconds)).await;
        assert_eq!(known.suffices(&job(id, start_time, now)), expected);
    }
}
