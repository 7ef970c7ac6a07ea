//! Validation: which specs are refused, which are warned of, and why.
//!
//! A rule is one plain function and one [`Rule`] row that describes it; rows and functions of one subject share a file,
//! and [`all`] lists every row in the order in which rules run. A rule that is to be added needs nothing else: write the
//! function, add the row, and add a case to `tests/cases.rs` that it refuses (a test demands one for every row).
//!
//! Every rule runs and every violation is returned, in a stable order. [`validate`] is for admission: it also decides
//! whether there is anything to check at all. [`Valid::check`] is for the steps that act on a spec: it always checks, and
//! what it returns is the proof.

pub mod autoscaler;
pub mod blue_green;
pub mod change;
pub mod codes;
pub mod configuration;
pub mod disabled;
mod fields;
pub mod handbook;
pub mod hazards;
pub mod image;
pub mod ingress;
pub mod job;
mod json;
pub mod logging;
mod lookup;
pub mod name;
pub mod options;
pub mod pod_template;
mod report;
pub mod resources;
pub mod service_account;
pub mod session_job;
pub mod shape;
pub mod snapshot;
pub mod state;
mod storage;
mod subject;
mod table;
mod valid;
pub mod version;

#[cfg(test)]
mod tests;

use kube::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use disabled::Switches;
pub use json::Json;
pub use lookup::{Lookup, Lookups, NoLookups};
pub use report::{Findings, Report, Violation, Warning};
pub use storage::without_most;
pub use subject::{BlueGreen, Deployment, Job, SessionJob, Snapshot};
pub use table::{Cause, Check, Kind, Rule, Severity, all, rule};
pub use valid::Valid;

use crate::api::{
    FlinkBlueGreenDeployment, FlinkDeployment, FlinkSessionJob, FlinkStateSnapshot, equal_without_nulls, labels,
};
use crate::config::{DefaultConfiguration, FlinkConfig};
use crate::defaults::{Defaults, Operation, apply};
use crate::extension::{Extensions, Mutation, Question, Request};

/// What rules need to know beside the object.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// The administrator's configuration.
    pub defaults: &'a DefaultConfiguration,
    /// Other objects.
    pub lookups: &'a dyn Lookups,
    /// Validators of the user's own.
    pub extensions: Option<&'a Extensions>,
    /// The request that brings the object.
    pub request: Request<'a>,
}

impl<'a> Environment<'a> {
    /// Rules that lay resources over `defaults` and ask `lookups` for other objects; no extensions, and no request.
    #[must_use]
    pub fn new(defaults: &'a DefaultConfiguration, lookups: &'a dyn Lookups) -> Self {
        Self {
            defaults,
            lookups,
            extensions: None,
            request: Request::default(),
        }
    }

    /// With validators of the user's own.
    #[must_use]
    pub fn with_extensions(self, extensions: &'a Extensions) -> Self {
        Self {
            extensions: Some(extensions),
            ..self
        }
    }

    /// For an object that `request` brings.
    #[must_use]
    pub fn with_request(self, request: Request<'a>) -> Self {
        Self { request, ..self }
    }
}

/// A kind that has rules.
pub trait Validate: Resource<DynamicType = ()> + Clone + Serialize + DeserializeOwned {
    /// The kind.
    const KIND: Kind;

    /// Runs every rule on the object, which takes the place of `old`.
    fn check(&self, old: Option<&Self>, environment: &Environment<'_>) -> Report;

    /// The configuration that the object means: all defaults and what the object itself says. Parts that cannot be
    /// read are left out; a rule refuses them.
    fn effective_config(&self, environment: &Environment<'_>) -> FlinkConfig;

    /// Whether both want the same.
    fn same_spec(&self, other: &Self) -> bool;
}

/// Judges a create (no `old`) or an update for admission.
///
/// Nothing is refused where the spec does not change, where the object is being deleted, or where it is only there to
/// test the operator (canary label): an old mistake never stands in the way of status, labels or finalizers.
#[must_use]
pub fn validate<K: Validate>(object: &K, old: Option<&K>, environment: &Environment<'_>) -> Report {
    if is_exempt(object.meta()) || old.is_some_and(|old| old.same_spec(object)) {
        return Report::default();
    }
    let mut report = object.check(old, environment);
    report.extend(extensions_on(object, environment));
    report
}

/// What the user's own validators say of an object as it is, without a request or another that it replaces.
fn extensions_on<K: Validate>(object: &K, environment: &Environment<'_>) -> Report {
    match environment.extensions {
        Some(extensions) if !extensions.is_empty() => match serde_json::to_value(object) {
            Ok(json) => ask(extensions, object, &json, None, environment),
            Err(_) => Report::default(), // no type of ours has a key that is no text, the one thing that has no JSON
        },
        _ => Report::default(),
    }
}

fn ask<K: Validate>(
    extensions: &Extensions,
    object: &K,
    json: &Value,
    old: Option<&Value>,
    environment: &Environment<'_>,
) -> Report {
    let labels = environment
        .lookups
        .namespace_labels(subject::namespace_of(object.meta()));
    extensions.validate(&Question {
        kind: K::KIND,
        object: json,
        old,
        config: &object.effective_config(environment),
        namespace_labels: labels.found(),
        request: environment.request,
    })
}

/// [`validate`] for a `FlinkDeployment`.
#[must_use]
pub fn validate_deployment(
    object: &FlinkDeployment,
    old: Option<&FlinkDeployment>,
    environment: &Environment<'_>,
) -> Report {
    validate(object, old, environment)
}

/// [`validate`] for a `FlinkSessionJob`.
#[must_use]
pub fn validate_session_job(
    object: &FlinkSessionJob,
    old: Option<&FlinkSessionJob>,
    environment: &Environment<'_>,
) -> Report {
    validate(object, old, environment)
}

/// [`validate`] for a `FlinkStateSnapshot`.
#[must_use]
pub fn validate_snapshot(
    object: &FlinkStateSnapshot,
    old: Option<&FlinkStateSnapshot>,
    environment: &Environment<'_>,
) -> Report {
    validate(object, old, environment)
}

/// [`validate`] for a `FlinkBlueGreenDeployment`.
#[must_use]
pub fn validate_blue_green(
    object: &FlinkBlueGreenDeployment,
    old: Option<&FlinkBlueGreenDeployment>,
    environment: &Environment<'_>,
) -> Report {
    validate(object, old, environment)
}

/// Judges JSON as `kind`: parts that do not fit the type are violations too, and the rest is judged without them.
#[must_use]
pub fn validate_json(kind: Kind, object: &Json<'_>, old: Option<&Json<'_>>, environment: &Environment<'_>) -> Report {
    match kind {
        Kind::FlinkDeployment => validate_value::<FlinkDeployment>(object, old, environment),
        Kind::FlinkSessionJob => validate_value::<FlinkSessionJob>(object, old, environment),
        Kind::FlinkStateSnapshot => validate_value::<FlinkStateSnapshot>(object, old, environment),
        Kind::FlinkBlueGreenDeployment => validate_value::<FlinkBlueGreenDeployment>(object, old, environment),
    }
}

fn validate_value<K: Validate>(json: &Json<'_>, old: Option<&Json<'_>>, environment: &Environment<'_>) -> Report {
    validate_readable::<K>(json, old, environment).unwrap_or_else(|unreadable| Report {
        violations: vec![unreadable],
        ..Report::default()
    })
}

fn validate_readable<K: Validate>(
    json: &Json<'_>,
    old: Option<&Json<'_>>,
    environment: &Environment<'_>,
) -> Result<Report, Violation> {
    // One that cannot be read itself tells nothing of what is new.
    let old_json = old.and_then(|old| old.value().ok());
    if let Some(old) = old_json
        && same_spec(old, json.value()?)
    {
        return Ok(Report::default());
    }
    let (object, mut misfits) = json.typed::<K>()?;
    // The status is not the user's: one that another version wrote must not stand in the way of a new spec.
    misfits.retain(|misfit| misfit.path != "status" && !misfit.path.starts_with("status."));
    let Some(object) = object else {
        return Ok(Report {
            violations: misfits,
            ..Report::default()
        });
    };
    if is_exempt(object.meta()) {
        return Ok(Report::default());
    }
    let old_object = old.and_then(|old| old.typed::<K>().ok()?.0);
    let mut report = object.check(old_object.as_ref(), environment);
    // The API server has dropped unknown fields before it asks; only what comes from elsewhere has any.
    if environment.request.operation.is_none() {
        let mut unknown = Report::default();
        shape::unknown_fields::<K>(json.value()?, &mut unknown);
        if !unknown.warnings.is_empty() {
            disabled::filter(
                Switches::new(object.meta(), &object.effective_config(environment)),
                &mut unknown,
            );
        }
        report.warnings.splice(0..0, unknown.warnings);
    }
    // What was left out cannot be missed as well.
    report.violations.retain(|violation| {
        !misfits
            .iter()
            .any(|misfit| violation.path == misfit.path || violation.path.starts_with(&format!("{}.", misfit.path)))
    });
    report.violations.splice(0..0, misfits);
    if let Some(extensions) = environment.extensions
        && !extensions.is_empty()
    {
        report.extend(ask(extensions, &object, json.value()?, old_json, environment));
    }
    Ok(report)
}

/// Fills in what the user left out of JSON of `kind`: first what Sluice itself fills in, then what extensions do. Where
/// the spec does not change, only Sluice itself has a say, so that an extension without an answer holds up no change of
/// labels or finalizers.
#[must_use]
pub fn mutate_json(kind: Kind, object: &Json<'_>, old: Option<&Json<'_>>, environment: &Environment<'_>) -> Mutation {
    match kind {
        Kind::FlinkDeployment => mutate_value::<FlinkDeployment>(object, old, environment),
        Kind::FlinkSessionJob => mutate_value::<FlinkSessionJob>(object, old, environment),
        Kind::FlinkStateSnapshot => mutate_value::<FlinkStateSnapshot>(object, old, environment),
        Kind::FlinkBlueGreenDeployment => mutate_value::<FlinkBlueGreenDeployment>(object, old, environment),
    }
}

/// An object that does not fit its kind gets what can be read of it filled in; validation says what is wrong with it.
fn mutate_value<K: Validate + Defaults>(
    object: &Json<'_>,
    old: Option<&Json<'_>>,
    environment: &Environment<'_>,
) -> Mutation {
    let Ok((Some(typed), _)) = object.typed::<K>() else {
        return Mutation::default();
    };
    let own = typed.patch();
    let extensions = environment.extensions.filter(|extensions| !extensions.is_empty());
    let alone = |patch| Mutation {
        patch,
        ..Mutation::default()
    };
    let Some(extensions) = extensions.filter(|_| !is_exempt(typed.meta())) else {
        return alone(own);
    };
    let Ok(object) = object.value() else {
        return alone(own);
    };
    let old = old.and_then(|old| old.value().ok());
    if old.is_some_and(|old| same_spec(old, object)) {
        return alone(own);
    }
    let mut filled = object.clone();
    // Fails for an object whose metadata is none; that is the rules' to say.
    let _ = apply(&own, &mut filled);
    let config_of = |object: &Value| match shape::read::<K>(object).0 {
        Some(object) => object.effective_config(environment),
        None => FlinkConfig::default(),
    };
    let labels = environment
        .lookups
        .namespace_labels(subject::namespace_of(typed.meta()));
    let question = Question {
        kind: K::KIND,
        object: &filled,
        old,
        config: &typed.effective_config(environment),
        namespace_labels: labels.found(),
        request: environment.request,
    };
    let Mutation { patch, report } = extensions.mutate(&question, &config_of);
    let patch: Vec<Operation> = own.into_iter().chain(patch).collect();
    Mutation { patch, report }
}

fn same_spec(old: &Value, new: &Value) -> bool {
    match (old.get("spec"), new.get("spec")) {
        (Some(old), Some(new)) => equal_without_nulls(old, new),
        (one, other) => one.or(other).is_none_or(Value::is_null),
    }
}

fn is_exempt(metadata: &kube::core::ObjectMeta) -> bool {
    metadata.deletion_timestamp.is_some()
        || metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(labels::CANARY))
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

impl Validate for FlinkDeployment {
    const KIND: Kind = Kind::FlinkDeployment;

    fn check(&self, _: Option<&Self>, environment: &Environment<'_>) -> Report {
        let mut report = Report::default();
        let subject = Deployment::new(self, environment);
        table::run_deployment(Kind::FlinkDeployment, &subject, &mut report);
        let switches = Switches::new(&self.metadata, &subject.config).with_written(subject.root, &subject.written);
        disabled::apply(switches, &mut report);
        report
    }

    fn effective_config(&self, environment: &Environment<'_>) -> FlinkConfig {
        Deployment::new(self, environment).config
    }

    fn same_spec(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Validate for FlinkSessionJob {
    const KIND: Kind = Kind::FlinkSessionJob;

    fn check(&self, _: Option<&Self>, environment: &Environment<'_>) -> Report {
        let mut report = Report::default();
        let subject = SessionJob::new(self, environment);
        table::run_session_job(&subject, &mut report);
        let switches = Switches::new(&self.metadata, &subject.config).with_written("spec", &subject.written);
        disabled::apply(switches, &mut report);
        report
    }

    fn effective_config(&self, environment: &Environment<'_>) -> FlinkConfig {
        SessionJob::new(self, environment).config
    }

    fn same_spec(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Validate for FlinkStateSnapshot {
    const KIND: Kind = Kind::FlinkStateSnapshot;

    fn check(&self, old: Option<&Self>, environment: &Environment<'_>) -> Report {
        let mut report = Report::default();
        table::run_snapshot(&Snapshot::new(self, old, environment), &mut report);
        disabled::apply(
            Switches::new(&self.metadata, &self.effective_config(environment)),
            &mut report,
        );
        report
    }

    fn effective_config(&self, environment: &Environment<'_>) -> FlinkConfig {
        environment
            .defaults
            .for_resource(subject::namespace_of(&self.metadata), None)
    }

    fn same_spec(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Validate for FlinkBlueGreenDeployment {
    const KIND: Kind = Kind::FlinkBlueGreenDeployment;

    fn check(&self, _: Option<&Self>, environment: &Environment<'_>) -> Report {
        let mut report = Report::default();
        let subject = BlueGreen::new(self, environment);
        table::run_blue_green(&subject, &mut report);
        let switches = match &subject.template {
            Some(template) => {
                Switches::new(&self.metadata, &template.config).with_written(template.root, &template.written)
            }
            None => Switches::new(&self.metadata, environment.defaults.global()),
        };
        disabled::apply(switches, &mut report);
        report
    }

    fn effective_config(&self, environment: &Environment<'_>) -> FlinkConfig {
        BlueGreen::new(self, environment)
            .template
            .map(|template| template.config)
            .unwrap_or_default()
    }

    fn same_spec(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}
