//! From a request to the rules of its kind.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use serde_json::value::RawValue;
use sluice_shared::api::{
    API_VERSION, FlinkBlueGreenDeployment, FlinkDeployment, FlinkSessionJob, FlinkStateSnapshot, GROUP, VERSION,
};

use crate::judge::{Judge, Object};
use crate::review::{Operation, Request};
use crate::verdict::{Failure, Verdict, Violation};

/// What a request asks for, by its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/validate`
    Validate,
    /// `/mutate`
    Mutate,
}

/// Judges requests. Implemented by [`Admission`]; tests put faults in its place.
pub trait Evaluate: Send + Sync + 'static {
    /// The verdict on `request`.
    fn evaluate<'a>(&'a self, endpoint: Endpoint, request: &'a Request<'a>) -> BoxFuture<'a, Verdict>;
}

/// The four kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `FlinkDeployment`
    Deployment,
    /// `FlinkSessionJob`
    SessionJob,
    /// `FlinkStateSnapshot`
    Snapshot,
    /// `FlinkBlueGreenDeployment`
    BlueGreen,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Deployment, Self::SessionJob, Self::Snapshot, Self::BlueGreen];

    /// Name and plural name.
    #[must_use]
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Deployment => (FlinkDeployment::KIND, FlinkDeployment::PLURAL),
            Self::SessionJob => (FlinkSessionJob::KIND, FlinkSessionJob::PLURAL),
            Self::Snapshot => (FlinkStateSnapshot::KIND, FlinkStateSnapshot::PLURAL),
            Self::BlueGreen => (FlinkBlueGreenDeployment::KIND, FlinkBlueGreenDeployment::PLURAL),
        }
    }

    /// The kind of a request, if it is one of ours.
    #[must_use]
    pub fn of(request: &Request<'_>) -> Option<Self> {
        let kind = &request.kind;
        if kind.group != GROUP || kind.version != VERSION {
            return None;
        }
        Self::ALL.into_iter().find(|known| known.names().0 == kind.kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.names().0)
    }
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
}

impl Admission {
    /// Judges by `judge`.
    #[must_use]
    pub fn new(judge: Arc<Judge>) -> Self {
        Self { judge }
    }

    fn decide(&self, endpoint: Endpoint, request: &Request<'_>) -> Verdict {
        if matches!(request.operation, Operation::Delete | Operation::Connect) {
            return Verdict::pass();
        }
        // The status is the controller's, and a scale request changes nothing but a number that the next update shows.
        if request.sub_resource.as_deref().is_some_and(|name| !name.is_empty()) {
            return Verdict::pass();
        }
        match self.checked(endpoint, request) {
            Ok(verdict) => verdict,
            Err(failure) => Verdict::Failed(failure),
        }
    }

    fn checked(&self, endpoint: Endpoint, request: &Request<'_>) -> Result<Verdict, Failure> {
        let kind = Kind::of(request).ok_or_else(|| Failure::UnknownKind {
            kind: crate::answer::cut(&request.kind.to_string(), 200),
        })?;
        let (_, plural) = kind.names();
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
        if head.kind != kind.names().0 || head.api_version != API_VERSION {
            return Err(Failure::Contradiction(format!(
                "its kind is {kind}, the object in it is of another kind or version"
            )));
        }
        match endpoint {
            Endpoint::Mutate => Ok(self.mutate(kind, request, raw)),
            Endpoint::Validate => self.validate(kind, request, raw, &head),
        }
    }

    fn mutate(&self, kind: Kind, request: &Request<'_>, raw: &RawValue) -> Verdict {
        // An object that does not fit its kind is left alone: /validate, which comes next, says what is wrong.
        let Ok(object) = Object::read(kind, raw) else {
            return Verdict::pass();
        };
        let patch = self.judge.defaults(&object, &request.namespace);
        Verdict::Allowed {
            patch: (!patch.is_empty()).then_some(patch),
            warnings: Vec::new(),
        }
    }

    fn validate(&self, kind: Kind, request: &Request<'_>, raw: &RawValue, head: &Head<'_>) -> Result<Verdict, Failure> {
        // An object that goes, or whose spec stays, is not held up by an old mistake: finalizers have to come off.
        if head.metadata.deletion_timestamp.is_some() {
            return Ok(Verdict::pass());
        }
        let old = match (request.operation, request.old_object) {
            (Operation::Update, Some(old)) => Some(old),
            _ => None,
        };
        if let Some(old) = old
            && same_spec(head.spec, self::head(old)?.spec)
        {
            return Ok(Verdict::pass());
        }
        let object = match Object::read(kind, raw) {
            Ok(object) => object,
            Err(violation) => {
                return Ok(Verdict::Denied {
                    violations: vec![violation],
                    warnings: Vec::new(),
                });
            }
        };
        // An old object that cannot be read is one that this update repairs.
        let old = old.and_then(|old| Object::read(kind, old).ok());
        let (violations, warnings) = self.judge.judge(&object, old.as_ref(), &request.namespace);
        Ok(if violations.is_empty() {
            Verdict::Allowed { patch: None, warnings }
        } else {
            Verdict::Denied { violations, warnings }
        })
    }
}

impl Evaluate for Admission {
    fn evaluate<'a>(&'a self, endpoint: Endpoint, request: &'a Request<'a>) -> BoxFuture<'a, Verdict> {
        Box::pin(async move { self.decide(endpoint, request) })
    }
}

fn head(raw: &RawValue) -> Result<Head<'_>, Failure> {
    serde_json::from_str(raw.get())
        .map_err(|e| Failure::Malformed(format!("the object cannot be read: {}", crate::review::describe(&e))))
}

/// Whether two specs are equal: first by their text, as the API server writes equal specs alike, then by their content.
fn same_spec(new: Option<&RawValue>, old: Option<&RawValue>) -> bool {
    match (new, old) {
        (Some(new), Some(old)) => {
            new.get() == old.get() || matches!((value(new), value(old)), (Some(new), Some(old)) if new == old)
        }
        (None, None) => true,
        _ => false,
    }
}

fn value(raw: &RawValue) -> Option<Value> {
    serde_json::from_str(raw.get()).ok()
}

/// Reads `raw` as `T`; what does not fit is a violation with the path of the field.
pub(crate) fn typed<T: DeserializeOwned>(kind: Kind, raw: &RawValue) -> Result<T, Violation> {
    if let Ok(object) = serde_json::from_str(raw.get()) {
        return Ok(object);
    }
    // Reading again with the path in hand costs only those whose object is wrong.
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    let (field, error) = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Ok(object) => return Ok(object),
        Err(error) => (error.path().to_string(), error.into_inner()),
    };
    Err(Violation {
        code: "schema",
        field: if field == "." { String::new() } else { field },
        reason: "FieldValueInvalid",
        message: expectation(kind, &error.to_string()),
        fix: format!("`kubectl explain {}` shows the fields and their types", kind.names().1),
    })
}

/// What serde expected, without what it found: that may be a secret.
fn expectation(kind: Kind, text: &str) -> String {
    let text = text.rsplit_once(" at line ").map_or(text, |(text, _)| text);
    match text.split_once(", expected ") {
        Some((_, expected)) => format!("the value does not fit; expected {}", crate::answer::cut(expected, 500)),
        None => format!("the value does not fit {kind}"),
    }
}
