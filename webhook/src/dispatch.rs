//! From a request to the rules of its kind.

use std::borrow::Cow;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use sluice_shared::api::{
    API_VERSION, FlinkBlueGreenDeployment, FlinkDeployment, FlinkSessionJob, FlinkStateSnapshot, GROUP, VERSION,
};
use sluice_shared::extension::{self, Mutation, Operation, User};
use sluice_shared::rules::{Json, Kind, Report};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::judge::Judge;
use crate::own_rules;
use crate::review::Request;
use crate::verdict::{Failure, Verdict};

/// What a request asks for, by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/validate`
    Validate,
    /// `/mutate`
    Mutate,
}

impl Endpoint {
    /// For labels and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Mutate => "mutate",
        }
    }
}

/// Judges requests. Implemented by [`Admission`]; tests put faults in its place.
pub trait Evaluate: Send + Sync + 'static {
    /// The verdict on `request`.
    fn evaluate<'a>(&'a self, endpoint: Endpoint, request: &'a Request<'a>) -> BoxFuture<'a, Verdict>;
}

/// The kind of a request and its plural name, if it is one of ours.
#[must_use]
pub fn kind_of(request: &Request<'_>) -> Option<(Kind, &'static str)> {
    let kind = &request.kind;
    if kind.group != GROUP || kind.version != VERSION {
        return None;
    }
    let kind = Kind::from_name(&kind.kind)?;
    let plural = match kind {
        Kind::FlinkDeployment => FlinkDeployment::PLURAL,
        Kind::FlinkSessionJob => FlinkSessionJob::PLURAL,
        Kind::FlinkStateSnapshot => FlinkStateSnapshot::PLURAL,
        Kind::FlinkBlueGreenDeployment => FlinkBlueGreenDeployment::PLURAL,
    };
    Some((kind, plural))
}

/// What has to be known of an object before its spec is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(default)]
    metadata: HeadMetadata,
    #[serde(borrow, default)]
    spec: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HeadMetadata {
    deletion_timestamp: Option<IgnoredAny>,
}

/// The webhook's own judge: dispatch, then the rules.
#[derive(Debug)]
pub struct Admission {
    judge: Arc<Judge>,
    own_accounts: Vec<String>,
}

impl Admission {
    /// Judges by `judge`.
    #[must_use]
    pub fn new(judge: Arc<Judge>) -> Self {
        Self {
            judge,
            own_accounts: Vec::new(),
        }
    }

    /// What these users, as the API server names them, write is not validated, and filled in by Sluice alone: the
    /// controller acts on nothing that the rules refuse, and nobody's own rules may keep it from its work.
    #[must_use]
    pub fn with_own_accounts(mut self, users: Vec<String>) -> Self {
        self.own_accounts = users;
        self
    }

    fn decide(&self, endpoint: Endpoint, request: &Request<'_>) -> Verdict {
        if matches!(request.operation, Operation::Delete | Operation::Connect) {
            return Verdict::pass();
        }
        // The status is the controller's, and a scale request changes nothing but a number that the next update shows.
        if request.sub_resource.as_deref().is_some_and(|name| !name.is_empty()) {
            return Verdict::pass();
        }
        if endpoint == Endpoint::Validate && self.is_own(request) {
            return Verdict::pass();
        }
        match self.checked(endpoint, request) {
            Ok(verdict) => verdict,
            Err(failure) => Verdict::Failed(failure),
        }
    }

    fn is_own(&self, request: &Request<'_>) -> bool {
        self.own_accounts.iter().any(|own| *own == request.user_info.username)
    }

    fn checked(&self, endpoint: Endpoint, request: &Request<'_>) -> Result<Verdict, Failure> {
        if own_rules::concerns(request) {
            return match endpoint {
                Endpoint::Mutate => Ok(Verdict::pass()),
                Endpoint::Validate => own_rules::judge(request),
            };
        }
        let (kind, plural) = kind_of(request).ok_or_else(|| Failure::UnknownKind {
            kind: crate::answer::cut(&request.kind.to_string(), 200),
        })?;
        let resource = &request.resource;
        if resource.group != GROUP || resource.version != VERSION || resource.resource != plural {
            return Err(Failure::Contradiction(format!(
                "its kind is {kind}, its resource is not {plural}.{GROUP}/{VERSION}"
            )));
        }
        let raw = request
            .object
            .ok_or_else(|| Failure::Contradiction(format!("{} without an object", request.operation.as_str())))?;
        let head = head(raw)?;
        if head.kind != kind.as_str() || head.api_version != API_VERSION {
            return Err(Failure::Contradiction(format!(
                "its kind is {kind}, the object in it is of another kind or version"
            )));
        }
        match endpoint {
            Endpoint::Mutate => Ok(self.mutate(kind, request, raw, &head)),
            Endpoint::Validate => self.validate(kind, request, raw, &head),
        }
    }

    fn mutate(&self, kind: Kind, request: &Request<'_>, raw: &RawValue, head: &Head<'_>) -> Verdict {
        if head.metadata.deletion_timestamp.is_some() {
            return Verdict::pass();
        }
        let object_of = |raw| object(raw, request);
        let Mutation { patch, report } = if self.is_own(request) {
            self.judge.mutate_alone(kind, &object_of(raw))
        } else {
            let old = request.old_object.filter(|_| request.operation == Operation::Update);
            let old = old.map(object_of);
            let user = user(request);
            self.judge
                .mutate(kind, &object_of(raw), old.as_ref(), known(request, &user))
        };
        verdict(patch, report)
    }

    fn validate(&self, kind: Kind, request: &Request<'_>, raw: &RawValue, head: &Head<'_>) -> Result<Verdict, Failure> {
        // An object that goes is not held up by an old mistake, not even by one that cannot be read: finalizers have to
        // come off.
        if head.metadata.deletion_timestamp.is_some() {
            return Ok(Verdict::pass());
        }
        let old = request.old_object.filter(|_| request.operation == Operation::Update);
        // The API server writes equal specs alike, so most changes of metadata are known without reading the specs.
        // Equal specs that are written differently are the rules' to see.
        if let Some(old) = old
            && let (Some(new), Some(old)) = (head.spec, self::head(old)?.spec)
            && new.get() == old.get()
        {
            return Ok(Verdict::pass());
        }
        let old = old.map(|old| object(old, request));
        let user = user(request);
        let report = self
            .judge
            .judge(kind, &object(raw, request), old.as_ref(), known(request, &user));
        Ok(verdict(Vec::new(), report))
    }
}

fn verdict(patch: Vec<sluice_shared::defaults::Operation>, report: Report) -> Verdict {
    let Report {
        violations,
        warnings,
        audit,
    } = report;
    if violations.is_empty() {
        Verdict::Allowed { patch, warnings, audit }
    } else {
        Verdict::Denied {
            violations,
            warnings,
            audit,
        }
    }
}

fn user(request: &Request<'_>) -> User {
    User {
        name: request.user_info.username.clone().into_owned(),
        groups: request.user_info.groups.clone().unwrap_or_default(),
    }
}

/// What extensions may know of the request.
fn known<'a>(request: &Request<'_>, user: &'a User) -> extension::Request<'a> {
    extension::Request {
        operation: Some(request.operation),
        user: Some(user),
        dry_run: request.dry_run.unwrap_or(false),
        deadline: request.deadline,
    }
}

impl Evaluate for Admission {
    fn evaluate<'a>(&'a self, endpoint: Endpoint, request: &'a Request<'a>) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            if self.judge.has_extensions() || own_rules::concerns(request) {
                off_the_worker(|| self.decide(endpoint, request))
            } else {
                self.decide(endpoint, request)
            }
        })
    }
}

/// Does `work` in a way that lets other requests and probes go on: one evaluation of a policy is bounded to milliseconds, but a
/// policy may have a hundred of them, to be compiled when it is written, a cluster many policies, and the process has two
/// workers.
fn off_the_worker<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

fn head(raw: &RawValue) -> Result<Head<'_>, Failure> {
    serde_json::from_str(raw.get()).map_err(|e| unreadable(&e))
}

/// The object, in the namespace of the request where it names none itself.
fn object<'a>(raw: &'a RawValue, request: &'a Request<'_>) -> Json<'a> {
    Json::text(raw.get(), &request.namespace)
}

fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::Malformed(format!("the object cannot be read: {}", crate::review::describe(error)))
}
