//! Metrics. Labels take few values: no names of resources.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::EncodeLabelValue;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use sluice_shared::api::status::LifecycleState;

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ReconcileResult {
    /// As decided.
    Ok,
    /// The resource was changed meanwhile; repeated at once.
    Conflict,
    /// An API call failed; repeated later.
    Failed,
    /// The object cannot be read.
    Undecodable,
}

/// How a request to Flink ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum RestResult {
    /// Success.
    Ok,
    /// Another HTTP status.
    Status,
    /// No answer in time.
    Timeout,
    /// No connection.
    Unreachable,
    /// An answer that cannot be read.
    Garbage,
    /// Not sent: the JobManager did not answer before.
    CircuitOpen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reconciles {
    result: ReconcileResult,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Requests {
    result: RestResult,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

/// The controller's metrics. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    reconciles: Family<Reconciles, Counter>,
    duration: Histogram,
    rest: Family<Requests, Counter>,
    resources: Family<State, Gauge>,
    leader: Gauge,
    policies_invalid: Gauge,
}

impl Metrics {
    /// Registers the metrics.
    #[must_use]
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            reconciles: Family::default(),
            // 1 ms to about 8 s
            duration: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            rest: Family::default(),
            resources: Family::default(),
            leader: Gauge::default(),
            policies_invalid: Gauge::default(),
        };
        registry.register(
            "sluice_policies_invalid",
            "Policies that cannot be compiled and are left out",
            metrics.policies_invalid.clone(),
        );
        let registry = registry.sub_registry_with_prefix("sluice_controller");
        registry.register("reconciles", "Reconciles by result", metrics.reconciles.clone());
        registry.register_with_unit(
            "reconcile_duration",
            "Time of a reconcile",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        registry.register(
            "flink_requests",
            "Requests to Flink's REST API by result",
            metrics.rest.clone(),
        );
        registry.register(
            "flinkdeployments",
            "FlinkDeployments by lifecycle state",
            metrics.resources.clone(),
        );
        registry.register("leader", "1 while this process leads", metrics.leader.clone());
        metrics
    }

    /// Counts a reconcile.
    pub fn reconciled(&self, result: ReconcileResult, took: Duration) {
        self.reconciles.get_or_create(&Reconciles { result }).inc();
        self.duration.observe(took.as_secs_f64());
    }

    /// Counts a request to Flink.
    pub fn rest(&self, result: RestResult) {
        self.rest.get_or_create(&Requests { result }).inc();
    }

    /// Says how many resources are in each state.
    pub fn resources(&self, states: impl Iterator<Item = LifecycleState>) {
        let mut counts = [0_i64; LifecycleState::ALL.len()];
        for state in states {
            if let Some(count) = counts.get_mut(state as usize) {
                *count += 1;
            }
        }
        for (state, count) in LifecycleState::ALL.iter().zip(counts) {
            self.resources
                .get_or_create(&State { state: state.as_str() })
                .set(count);
        }
    }

    /// So many policies cannot be used now.
    pub fn policies_invalid(&self, policies: usize) {
        self.policies_invalid.set(i64::try_from(policies).unwrap_or(i64::MAX));
    }

    /// Says whether this process leads.
    pub fn leads(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }
}
