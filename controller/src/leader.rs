//! Leader election by a Lease, in the manner of Kubernetes' own components.
//!
//! Written out rather than taken from kube-lease-manager 0.13, because S1 rests on it: that crate judges a lease by
//! comparing the holder's clock with its own, renews without a precondition, and goes on believing that it leads while
//! the API server cannot be reached. Here a lease counts as expired when it has not changed for its duration by the
//! observer's own monotonic clock, every write carries the resource version that it was decided from, and a leader that
//! could not renew within [`Timing::renew_deadline`] steps down before anybody can take over.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use sluice_shared::config::{ConfigError, FlinkConfig, options};
use tokio::time::Instant;

/// How long a lease lasts, and how often it is renewed (options `kubernetes.operator.leader-election.*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// A lease that was not renewed for this long may be taken. Whole seconds: a Lease says no less.
    pub lease_duration: Duration,
    /// A leader that could not renew for this long steps down. Shorter than the lease, or two could lead at once (S1).
    pub renew_deadline: Duration,
    /// Pause between two attempts.
    pub retry_period: Duration,
}

/// The options of leader election cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TimingError {
    /// One of them cannot be read.
    #[error("default configuration: {0}")]
    Option(#[from] ConfigError),
    /// They do not fit together.
    #[error(
        "default configuration: {duration} ({lease} s, in whole seconds) must be longer than {deadline} ({renew} s), and that \
         longer than {period} ({retry} s), which must not be 0; the defaults are 15 s, 10 s and 2 s",
        duration = options::LEASE_DURATION.key,
        deadline = options::LEASE_RENEW_DEADLINE.key,
        period = options::LEASE_RETRY_PERIOD.key,
        lease = .0.lease_duration.as_secs(),
        renew = .0.renew_deadline.as_secs_f64(),
        retry = .0.retry_period.as_secs_f64(),
    )]
    Order(Timing),
}

impl Timing {
    /// What the administrator's configuration says, with the Java operator's defaults, which are Kubernetes' too.
    ///
    /// # Errors
    /// When a value is no duration, or a leader would not step down before its lease ends.
    pub fn read(config: &FlinkConfig) -> Result<Self, TimingError> {
        let timing = Self {
            lease_duration: Duration::from_secs(config.value_or_default(&options::LEASE_DURATION)?.as_secs()),
            renew_deadline: config.value_or_default(&options::LEASE_RENEW_DEADLINE)?,
            retry_period: config.value_or_default(&options::LEASE_RETRY_PERIOD)?,
        };
        let ordered = timing.lease_duration > timing.renew_deadline && timing.renew_deadline > timing.retry_period;
        if ordered && !timing.retry_period.is_zero() {
            Ok(timing)
        } else {
            Err(TimingError::Order(timing))
        }
    }
}

/// The lease was lost.
#[derive(Debug, thiserror::Error)]
#[error("the lease {name} was lost: {reason}")]
pub struct LeaseLost {
    name: String,
    reason: String,
}

/// One candidate for a lease.
#[derive(Debug)]
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    timing: Timing,
    /// The lease as last read, and when it was first read like that.
    seen: Option<(Lease, Instant)>,
}

impl Candidate {
    /// A candidate for the lease `name` in `namespace`. `identity` must be unique among candidates.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &str, identity: &str, timing: Timing) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity: identity.to_owned(),
            timing,
            seen: None,
        }
    }

    /// Waits until this candidate leads.
    pub async fn acquire(&mut self) {
        let mut problem: Option<String> = None;
        loop {
            match self.attempt().await {
                Ok(true) => {
                    tracing::info!(lease = self.name, identity = self.identity, "leading");
                    return;
                }
                Ok(false) => problem = None,
                Err(error) => {
                    let text = explain(&self.name, &error);
                    if problem.as_ref() != Some(&text) {
                        tracing::error!("{text}");
                    }
                    problem = Some(text);
                }
            }
            tokio::time::sleep(self.timing.retry_period).await;
        }
    }

    /// Keeps the lease for as long as possible.
    ///
    /// # Errors
    /// Always, and only when the lease is lost.
    pub async fn keep(&mut self) -> LeaseLost {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(self.timing.retry_period).await;
            let left = self.timing.renew_deadline.saturating_sub(renewed.elapsed());
            let reason = match tokio::time::timeout(left, self.attempt()).await {
                Ok(Ok(true)) => {
                    renewed = Instant::now();
                    continue;
                }
                Ok(Ok(false)) => match self.holder() {
                    Some(holder) if holder != self.identity => {
                        return self.lost(format!("{holder} holds it"));
                    }
                    _ => "it was changed meanwhile".to_owned(),
                },
                Ok(Err(error)) => explain(&self.name, &error),
                Err(_) => "the API server does not answer".to_owned(),
            };
            if renewed.elapsed() >= self.timing.renew_deadline {
                return self.lost(format!(
                    "not renewed for {} s: {reason}",
                    self.timing.renew_deadline.as_secs_f64()
                ));
            }
            tracing::warn!(lease = self.name, "not renewed yet: {reason}");
        }
    }

    /// Gives the lease back, so that the next candidate does not have to wait for its end.
    pub async fn release(&mut self) {
        let Some((lease, _)) = self.seen.clone().filter(|_| self.holder() == Some(&self.identity)) else {
            return;
        };
        let mut lease = lease;
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        let parameters = PostParams::default();
        let released = self.api.replace(&self.name, &parameters, &lease);
        match tokio::time::timeout(self.timing.retry_period, released).await {
            Ok(Ok(_)) => tracing::info!(lease = self.name, "released"),
            Ok(Err(error)) => tracing::warn!(lease = self.name, "not released: {error}"),
            Err(_) => tracing::warn!(lease = self.name, "not released: the API server does not answer"),
        }
    }

    fn lost(&self, reason: String) -> LeaseLost {
        LeaseLost {
            name: self.name.clone(),
            reason,
        }
    }

    fn holder(&self) -> Option<&str> {
        let spec = self.seen.as_ref()?.0.spec.as_ref()?;
        spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())
    }

    /// Takes or renews the lease where that is possible; whether this candidate holds it now.
    async fn attempt(&mut self) -> Result<bool, kube::Error> {
        let Some(lease) = self.api.get_opt(&self.name).await? else {
            let lease = Lease {
                metadata: ObjectMeta {
                    name: Some(self.name.clone()),
                    ..ObjectMeta::default()
                },
                spec: Some(self.spec(None)),
            };
            return self.write(self.api.create(&PostParams::default(), &lease).await);
        };
        let same = self
            .seen
            .as_ref()
            .is_some_and(|(seen, _)| seen.metadata.resource_version == lease.metadata.resource_version);
        if !same {
            self.seen = Some((lease.clone(), Instant::now()));
        }
        let holds = self.holder() == Some(&self.identity);
        if !holds && self.holder().is_some() && !self.expired() {
            return Ok(false);
        }
        let mut next = lease;
        next.spec = Some(self.spec(next.spec.as_ref()));
        let result = self.api.replace(&self.name, &PostParams::default(), &next).await;
        self.write(result)
    }

    fn expired(&self) -> bool {
        self.seen.as_ref().is_none_or(|(lease, since)| {
            let seconds = lease.spec.as_ref().and_then(|s| s.lease_duration_seconds);
            let duration = seconds
                .and_then(|s| u64::try_from(s).ok())
                .map_or(self.timing.lease_duration, Duration::from_secs);
            since.elapsed() >= duration
        })
    }

    fn write(&mut self, result: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
        match result {
            Ok(lease) => {
                self.seen = Some((lease, Instant::now()));
                Ok(true)
            }
            // Another candidate was faster.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn spec(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let holds = before.and_then(|s| s.holder_identity.as_deref()) == Some(&self.identity);
        let transitions = before.and_then(|s| s.lease_transitions).unwrap_or(0);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.timing.lease_duration.as_secs()).ok(),
            acquire_time: before
                .filter(|_| holds)
                .and_then(|s| s.acquire_time.clone())
                .or(Some(now.clone())),
            renew_time: Some(now),
            lease_transitions: Some(if holds || before.is_none() {
                transitions
            } else {
                transitions + 1
            }),
            ..LeaseSpec::default()
        }
    }
}

fn explain(name: &str, error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 403 => format!(
            "no permission to use the lease {name}: {}; grant create, get and update on leases.coordination.k8s.io",
            status.message
        ),
        other => format!("cannot use the lease {name}: {other}"),
    }
}

#[cfg(test)]
mod tests;
