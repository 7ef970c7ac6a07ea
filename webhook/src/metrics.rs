//! Metrics, all with bounded labels: no label carries anything that a user wrote, and of what an administrator named only
//! so much.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use sluice_certs::Current;
use sluice_shared::extension::{Call, Observer};

use crate::verdict::Verdict;

/// Upper bounds of the latency buckets, in seconds.
const BUCKETS: [f64; 12] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0,
];

/// Labels of the request counter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// One of the four kinds, or `other`.
    pub kind: &'static str,
    /// Operation, or `other` where the request could not be read.
    pub operation: &'static str,
    /// `validate`, `mutate` or `other`.
    pub path: &'static str,
    /// Whether the API server may go on.
    pub allowed: &'static str,
    /// Code of the answer's status, 200 when allowed.
    pub code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PathLabel {
    path: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExtensionLabels {
    extension: String,
    method: &'static str,
}

/// Which share of the memory for bodies a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodySize {
    /// The one of short bodies.
    Small,
    /// The one of long bodies.
    Large,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SizeLabel {
    size: &'static str,
}

/// Extensions with a label of their own; the administrator names them, and a series is kept for ever.
const MOST_EXTENSIONS: usize = 100;

/// The webhook's metrics. Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    latency: Family<PathLabel, Histogram>,
    violations: Family<CodeLabel, Counter>,
    warnings: Family<CodeLabel, Counter>,
    audited: Family<CodeLabel, Counter>,
    extensions: Family<ExtensionLabels, Histogram>,
    extension_failures: Family<ExtensionLabels, Counter>,
    extension_names: Arc<Mutex<BTreeSet<String>>>,
    policies_invalid: Gauge,
    waiting: Gauge,
    bodies_waiting: Family<SizeLabel, Gauge>,
    in_flight: Gauge,
    connections: Gauge,
    handshake_failures: Counter,
    panics: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            latency: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            violations: Family::default(),
            warnings: Family::default(),
            audited: Family::default(),
            extensions: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            extension_failures: Family::default(),
            extension_names: Arc::default(),
            policies_invalid: Gauge::default(),
            waiting: Gauge::default(),
            bodies_waiting: Family::default(),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            handshake_failures: Counter::default(),
            panics: Counter::default(),
        }
    }
}

impl Metrics {
    /// So many policies cannot be used now.
    pub fn policies_invalid(&self, policies: usize) {
        self.policies_invalid.set(i64::try_from(policies).unwrap_or(i64::MAX));
    }

    /// Puts the metrics and those of `certificate` into `registry`.
    pub fn register(&self, registry: &mut Registry, certificate: Current) {
        registry.register(
            "sluice_admission_requests",
            "Admission requests answered",
            self.requests.clone(),
        );
        registry.register(
            "sluice_admission_duration_seconds",
            "Time from the request's headers to its answer",
            self.latency.clone(),
        );
        registry.register(
            "sluice_admission_violations",
            "Violations found, by code of the rule",
            self.violations.clone(),
        );
        registry.register(
            "sluice_admission_warnings",
            "Warnings given, by code of the rule",
            self.warnings.clone(),
        );
        registry.register(
            "sluice_admission_audit_findings",
            "Findings that are only recorded, by code of the rule",
            self.audited.clone(),
        );
        registry.register(
            "sluice_policies_invalid",
            "Policies that cannot be compiled and are left out",
            self.policies_invalid.clone(),
        );
        registry.register(
            "sluice_admission_waiting",
            "Requests that wait to be judged",
            self.waiting.clone(),
        );
        registry.register(
            "sluice_admission_bodies_waiting",
            "Requests that wait for memory to be read",
            self.bodies_waiting.clone(),
        );
        registry.register(
            "sluice_extension_duration_seconds",
            "Time of each call of a policy or plugin",
            self.extensions.clone(),
        );
        registry.register(
            "sluice_extension_failures",
            "Calls of a policy or plugin that gave no answer",
            self.extension_failures.clone(),
        );
        registry.register(
            "sluice_admission_in_flight",
            "Admission requests being answered",
            self.in_flight.clone(),
        );
        registry.register(
            "sluice_webhook_connections",
            "Open TLS connections",
            self.connections.clone(),
        );
        registry.register(
            "sluice_webhook_handshake_failures",
            "Connections that ended before TLS was agreed on",
            self.handshake_failures.clone(),
        );
        registry.register(
            "sluice_webhook_panics",
            "Faults caught while judging a request",
            self.panics.clone(),
        );
        registry.register_collector(Box::new(Expiry(certificate)));
    }

    /// Counts a request until the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Counts a connection until the guard is dropped.
    #[must_use]
    pub fn connected(&self) -> InFlight {
        self.connections.inc();
        InFlight(self.connections.clone())
    }

    /// Counts an answer.
    pub fn answered(&self, labels: &RequestLabels, took: Duration) {
        self.requests.get_or_create(labels).inc();
        self.latency
            .get_or_create(&PathLabel { path: labels.path })
            .observe(took.as_secs_f64());
    }

    /// Counts a request as waiting until the guard is dropped.
    #[must_use]
    pub fn waiting(&self) -> InFlight {
        self.waiting.inc();
        InFlight(self.waiting.clone())
    }

    /// Counts a request as waiting for memory until the guard is dropped.
    #[must_use]
    pub fn body_waiting(&self, size: BodySize) -> InFlight {
        let size = match size {
            BodySize::Small => "small",
            BodySize::Large => "large",
        };
        let waiting = self.bodies_waiting.get_or_create(&SizeLabel { size }).clone();
        waiting.inc();
        InFlight(waiting)
    }

    /// Counts what was found.
    pub fn judged(&self, verdict: &Verdict) {
        let count = |family: &Family<CodeLabel, Counter>, code: &str| {
            family.get_or_create(&CodeLabel { code: known(code) }).inc();
        };
        let (warnings, audit) = match verdict {
            Verdict::Allowed { warnings, audit, .. } => (warnings, audit),
            Verdict::Denied {
                violations,
                warnings,
                audit,
            } => {
                for violation in violations {
                    count(&self.violations, &violation.code);
                }
                (warnings, audit)
            }
            Verdict::Failed(_) => return,
        };
        for warning in warnings {
            count(&self.warnings, &warning.code);
        }
        for finding in audit {
            count(&self.audited, &finding.code);
        }
    }

    /// Counts a connection without TLS.
    pub fn handshake_failed(&self) {
        self.handshake_failures.inc();
    }

    /// Counts a caught fault.
    pub fn panicked(&self) {
        self.panics.inc();
    }
}

/// The code as a label: codes of the user's own policies and plugins are not bounded.
fn known(code: &str) -> &'static str {
    sluice_shared::rules::all()
        .find(|rule| rule.code == code)
        .map_or("other", |rule| rule.code)
}

impl Observer for Metrics {
    fn called(&self, call: &Call<'_>) {
        let extension = {
            let mut names = self.extension_names.lock();
            if names.contains(call.name) || (names.len() < MOST_EXTENSIONS && names.insert(call.name.to_owned())) {
                call.name.to_owned()
            } else {
                "other".to_owned()
            }
        };
        let labels = ExtensionLabels {
            extension,
            method: call.method,
        };
        self.extensions.get_or_create(&labels).observe(call.took.as_secs_f64());
        if call.failure.is_some() {
            self.extension_failures.get_or_create(&labels).inc();
        }
    }
}

/// Counts down when dropped.
#[derive(Debug)]
pub struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Reads the certificate when the metrics are read.
#[derive(Debug)]
struct Expiry(Current);

impl Collector for Expiry {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let view = self.0.view();
        let held_back = ConstGauge::new(i64::from(view.held_back.is_some()));
        let metric = encoder.encode_descriptor(
            "sluice_webhook_certificate_held_back",
            "1 while a new serving certificate is not signed or not served, as a caBundle lacks its CA",
            None,
            held_back.metric_type(),
        )?;
        held_back.encode(metric)?;
        let Some(serving) = view.serving else {
            return Ok(());
        };
        let gauge = ConstGauge::new(serving.not_after.unix_timestamp());
        let metric = encoder.encode_descriptor(
            "sluice_webhook_certificate_expiry_timestamp_seconds",
            "When the serving certificate ends (Unix time)",
            None,
            gauge.metric_type(),
        )?;
        gauge.encode(metric)
    }
}
