//! The table of rules, and who runs them.

use std::fmt;

use super::report::{Findings, Report};
use super::subject::{BlueGreen, Deployment, Job, SessionJob, Snapshot};

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An application or session cluster.
    FlinkDeployment,
    /// A job of a session cluster.
    FlinkSessionJob,
    /// A savepoint or checkpoint.
    FlinkStateSnapshot,
    /// Two clusters that take turns.
    FlinkBlueGreenDeployment,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 4] = [
        Self::FlinkDeployment,
        Self::FlinkSessionJob,
        Self::FlinkStateSnapshot,
        Self::FlinkBlueGreenDeployment,
    ];

    /// Name of the kind.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FlinkDeployment => "FlinkDeployment",
            Self::FlinkSessionJob => "FlinkSessionJob",
            Self::FlinkStateSnapshot => "FlinkStateSnapshot",
            Self::FlinkBlueGreenDeployment => "FlinkBlueGreenDeployment",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is wrong with a field, in Kubernetes' words: the `reason` of a `StatusCause` (`field.ErrorType` of
/// `k8s.io/apimachinery`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is missing.
    Required,
    /// Its value cannot be.
    Invalid,
    /// Its value is none of a fixed set.
    NotSupported,
    /// It may not be given, or not so, in this place.
    Forbidden,
    /// Its value stands elsewhere already.
    Duplicate,
    /// It has another type.
    TypeInvalid,
    /// It names what is not there.
    NotFound,
    /// It is too long.
    TooLong,
}

impl Cause {
    /// As a `StatusCause` has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "FieldValueRequired",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::Duplicate => "FieldValueDuplicate",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::NotFound => "FieldValueNotFound",
            Self::TooLong => "FieldValueTooLong",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What follows when a rule finds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The spec is refused.
    Refuse(Cause),
    /// The spec is taken with a warning.
    Warn,
}

/// The function of a rule, by what it looks at.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// The rule applies while the object is read; see [`super::shape`].
    Shape,
    /// The rule applies to what turns warnings off; see [`super::disabled`].
    Switches,
    /// A `FlinkDeployment`, or the template of a `FlinkBlueGreenDeployment`.
    Deployment(fn(&Deployment<'_>, &mut Findings<'_>)),
    /// The job of an application cluster, or of a session job whose cluster is known.
    Job(fn(&Job<'_>, &mut Findings<'_>)),
    /// A `FlinkSessionJob`.
    SessionJob(fn(&SessionJob<'_>, &mut Findings<'_>)),
    /// A `FlinkStateSnapshot`.
    Snapshot(fn(&Snapshot<'_>, &mut Findings<'_>)),
    /// A `FlinkBlueGreenDeployment`.
    BlueGreen(fn(&BlueGreen<'_>, &mut Findings<'_>)),
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable name, in kebab case.
    pub code: &'static str,
    /// Kinds that the rule applies to.
    pub kinds: &'static [Kind],
    /// What follows.
    pub severity: Severity,
    /// What the rule demands.
    pub what: &'static str,
    /// Why.
    pub why: &'static str,
    /// What to do, where the finding itself says nothing better: a clause without a full stop.
    pub fix: &'static str,
    /// Version of Sluice that brought the rule.
    pub since: &'static str,
    /// The function.
    pub check: Check,
}

/// Rules of one subject.
const SUBJECTS: [&[Rule]; 20] = [
    super::shape::RULES,
    super::name::RULES,
    super::version::RULES,
    super::configuration::RULES,
    super::options::RULES,
    super::image::RULES,
    super::ingress::RULES,
    super::logging::RULES,
    super::job::RULES,
    super::autoscaler::RULES,
    super::resources::RULES,
    super::pod_template::RULES,
    super::change::RULES,
    super::service_account::RULES,
    super::session_job::RULES,
    super::snapshot::RULES,
    super::blue_green::RULES,
    super::state::RULES,
    super::hazards::RULES,
    super::disabled::RULES,
];

/// Every rule, in the order in which they run.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    SUBJECTS.into_iter().flatten()
}

/// The rule of this code.
#[must_use]
pub fn rule(code: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.code == code)
}

pub(super) const DEPLOYMENTS: &[Kind] = &[Kind::FlinkDeployment];
pub(super) const CLUSTERS: &[Kind] = &[Kind::FlinkDeployment, Kind::FlinkBlueGreenDeployment];
pub(super) const JOBS: &[Kind] = &[
    Kind::FlinkDeployment,
    Kind::FlinkSessionJob,
    Kind::FlinkBlueGreenDeployment,
];
pub(super) const SESSION_JOBS: &[Kind] = &[Kind::FlinkSessionJob];
pub(super) const SNAPSHOTS: &[Kind] = &[Kind::FlinkStateSnapshot];
pub(super) const BLUE_GREENS: &[Kind] = &[Kind::FlinkBlueGreenDeployment];

fn applying(kind: Kind) -> impl Iterator<Item = &'static Rule> {
    all().filter(move |rule| rule.kinds.contains(&kind))
}

pub(super) fn run_deployment(kind: Kind, subject: &Deployment<'_>, report: &mut Report) {
    let job = subject.job();
    for rule in applying(kind) {
        let mut findings = Findings::new(rule, report);
        match (rule.check, &job) {
            (Check::Deployment(check), _) => check(subject, &mut findings),
            (Check::Job(check), Some(job)) => check(job, &mut findings),
            _ => {}
        }
    }
}

pub(super) fn run_session_job(subject: &SessionJob<'_>, report: &mut Report) {
    let job = subject.job();
    for rule in applying(Kind::FlinkSessionJob) {
        let mut findings = Findings::new(rule, report);
        match (rule.check, &job) {
            (Check::SessionJob(check), _) => check(subject, &mut findings),
            (Check::Job(check), Some(job)) => check(job, &mut findings),
            _ => {}
        }
    }
}

pub(super) fn run_snapshot(subject: &Snapshot<'_>, report: &mut Report) {
    for rule in applying(Kind::FlinkStateSnapshot) {
        if let Check::Snapshot(check) = rule.check {
            check(subject, &mut Findings::new(rule, report));
        }
    }
}

pub(super) fn run_blue_green(subject: &BlueGreen<'_>, report: &mut Report) {
    for rule in applying(Kind::FlinkBlueGreenDeployment) {
        if let Check::BlueGreen(check) = rule.check {
            check(subject, &mut Findings::new(rule, report));
        }
    }
    if let Some(template) = &subject.template {
        run_deployment(Kind::FlinkBlueGreenDeployment, template, report);
    }
}
