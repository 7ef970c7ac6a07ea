//! When to look again although no watch says so.
//!
//! Kubernetes tells by itself what happens to its objects. Only Flink has to be asked: often while something is
//! changing, rarely when all is well.

use std::time::Duration;

use sluice_shared::api::status::{FlinkJobState, JobManagerDeploymentStatus as JobManagerStatus, LifecycleState};

use super::Draft;
use crate::deployment::event::java_hash;
use crate::deployment::model::Rest;
use crate::deployment::status::{StatusExt as _, millis};

/// Something changes and Flink can be asked.
const FAST: Duration = Duration::from_millis(300);
/// The same, after a minute without news.
const PATIENT: Duration = Duration::from_secs(1);
/// The same, after ten minutes without news.
const SLOW: Duration = Duration::from_secs(10);
/// Only Kubernetes can have news, and a watch will bring them; this finds what no watch shows (a failed mount is an Event).
const WATCHED: Duration = Duration::from_secs(2);
/// A healthy job; a part of up to [`JITTER`] is added so that many jobs are not asked at once.
const HEALTHY: Duration = Duration::from_secs(10);
const JITTER: u64 = 5_000;
/// Nothing runs and nothing shall.
const RESTING: Duration = Duration::from_mins(5);

impl Draft<'_> {
    pub(super) fn pace(&self) -> Option<Duration> {
        if self.input.resource.metadata.deletion_timestamp.is_some() {
            return self.has_finalizer().then_some(WATCHED);
        }
        let stalled = self.stall.is_some();
        match self.status.lifecycle_state {
            // Woken by a change of the resource.
            None | Some(LifecycleState::Created | LifecycleState::Failed) if stalled && self.recorded.is_none() => None,
            Some(LifecycleState::Suspended) => Some(RESTING),
            Some(LifecycleState::Upgrading) => Some(if stalled { SLOW } else { WATCHED }),
            _ if self.recorded.is_none() => Some(RESTING),
            _ => Some(self.watching_flink()),
        }
    }

    fn watching_flink(&self) -> Duration {
        let jitter = u64::from(java_hash(self.name()).unsigned_abs()) % JITTER;
        let healthy = HEALTHY + Duration::from_millis(jitter);
        match (self.status.job_manager(), self.status.job_state()) {
            (JobManagerStatus::Ready, Some(FlinkJobState::Running)) => healthy,
            (JobManagerStatus::Ready, Some(state)) if state.is_globally_terminal() => healthy,
            _ if self.input.observation.rest == Rest::NotAsked => WATCHED,
            _ => self.impatience(),
        }
    }

    fn impatience(&self) -> Duration {
        let job = self.status.job_status.as_ref();
        let since = job
            .and_then(|j| millis(j.update_time.as_deref()))
            .unwrap_or(self.input.now);
        match self.input.now - since {
            ..60_000 => FAST,
            60_000..600_000 => PATIENT,
            _ => SLOW,
        }
    }
}
