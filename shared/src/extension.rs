//! Validators and defaults of the user's own, beside the rules that come with Sluice.
//!
//! Whoever embeds this crate implements [`Extension`] in Rust; CEL policies and Wasm plugins implement it too. The rules
//! call every extension that is in [`Extensions`], so that webhook, controller and command line give the same answer.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::config::FlinkConfig;
use crate::defaults::{self, Operation as PatchOperation};
use crate::rules::{Kind, Report, Violation, Warning, codes};

/// What is being done to an object, as the API server writes it. Extensions are asked about the first two only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// It is new.
    Create,
    /// It takes the place of another.
    Update,
    /// It goes.
    Delete,
    /// Someone connects to it.
    Connect,
}

impl Operation {
    /// As the API server writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// Who sent a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// As the API server knows it, such as `system:serviceaccount:team-a:ci`.
    pub name: String,
    /// Groups that the user is in.
    pub groups: Vec<String>,
}

/// What is known of the request that brings an object. All of it is absent where there is none: in the controller, which
/// sees objects as they are, and on the command line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// What is being done.
    pub operation: Option<Operation>,
    /// Who does it.
    pub user: Option<&'a User>,
    /// Whether nothing will be stored.
    pub dry_run: bool,
    /// When the API server stops waiting for the answer.
    pub deadline: Option<Instant>,
}

impl Request<'_> {
    /// Asked before each step that computes: what computes cannot be interrupted, and nobody waits for it any more.
    ///
    /// # Errors
    /// When the deadline is over.
    pub fn has_time(&self) -> Result<(), Failure> {
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Failure("the time for this request is over".to_owned()));
        }
        Ok(())
    }
}

/// What an extension is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Kind of the object.
    pub kind: Kind,
    /// The object, as the user wrote it with what was filled in so far.
    pub object: &'a Value,
    /// The object that it takes the place of.
    pub old: Option<&'a Value>,
    /// The configuration that the object means: all defaults and what the object itself says.
    pub config: &'a FlinkConfig,
    /// Labels of the object's namespace, where they are known.
    pub namespace_labels: Option<&'a BTreeMap<String, String>>,
    /// The request that brings the object.
    pub request: Request<'a>,
}

/// What extensions made of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mutation {
    /// Operations of a JSON patch, in the order in which they apply.
    pub patch: Vec<PatchOperation>,
    /// What the user has to know: of extensions that gave no answer. It refuses the request where it has violations.
    pub report: Report,
}

impl Question<'_> {
    /// A text of the object's metadata, such as its name; empty where there is none.
    #[must_use]
    pub fn metadata(&self, field: &str) -> &str {
        self.object
            .pointer("/metadata")
            .and_then(|metadata| metadata.get(field))
            .and_then(Value::as_str)
            .unwrap_or_default()
    }
}

/// Why an extension has no answer. The text is for the user: it names the cause and holds no value of the object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

/// What becomes of a request when an extension has no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// The request is refused.
    #[default]
    Closed,
    /// The request goes on, with a warning.
    Open,
}

/// A validator of the user's own. Calls come from many threads at once and may block for as long as they compute; they
/// wait for nothing else.
pub trait Extension: fmt::Debug + Send + Sync {
    /// Its name, unique among those of its source: part of the code of its findings, and of metrics.
    fn name(&self) -> &str;

    /// Extensions of a lower order are called first; those of the same order by name.
    fn order(&self) -> i32 {
        0
    }

    /// What becomes of a request when there is no answer.
    fn failure_policy(&self) -> FailurePolicy {
        FailurePolicy::Closed
    }

    /// Whether it has anything to say here.
    fn applies(&self, question: &Question<'_>) -> bool;

    /// Judges the object.
    ///
    /// # Errors
    /// When there is no answer; [`Self::failure_policy`] says what follows.
    fn validate(&self, question: &Question<'_>) -> Result<Report, Failure>;

    /// Operations of a JSON patch that fill in what the user left out; none on a second round. Those that only validate
    /// leave this as it is.
    ///
    /// # Errors
    /// As for [`Self::validate`].
    fn mutate(&self, question: &Question<'_>) -> Result<Vec<PatchOperation>, Failure> {
        let _ = question;
        Ok(Vec::new())
    }
}

/// A call of an extension that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// [`Extension::name`].
    pub name: &'a str,
    /// `validate` or `mutate`.
    pub method: &'static str,
    /// How long it took.
    pub took: Duration,
    /// Why there was no answer; none where there was one.
    pub failure: Option<&'a Failure>,
}

/// Hears of every call, for metrics.
pub trait Observer: fmt::Debug + Send + Sync {
    /// `call` has ended.
    fn called(&self, call: &Call<'_>);
}

/// Source of extensions that are compiled into the program.
pub const COMPILED_IN: &str = "compiled-in";

/// The extensions in force, by their source. Sources replace theirs while requests run; a request sees one state of all.
#[derive(Debug, Default)]
pub struct Extensions {
    sources: RwLock<Sources>,
    observer: OnceLock<Arc<dyn Observer>>,
}

#[derive(Debug, Default)]
struct Sources {
    by_name: BTreeMap<&'static str, Vec<Arc<dyn Extension>>>,
    /// All of them, in the order of calls.
    all: Arc<[Arc<dyn Extension>]>,
}

impl Extensions {
    /// Puts `extensions` in the place of what `source`, such as `cel`, had before.
    pub fn replace(&self, source: &'static str, extensions: Vec<Arc<dyn Extension>>) {
        // Nothing in here panics half-way, so a poisoned lock still guards a whole state.
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        sources.by_name.insert(source, extensions);
        let mut all: Vec<_> = sources.by_name.values().flatten().map(Arc::clone).collect();
        all.sort_by(|a, b| (a.order(), a.name()).cmp(&(b.order(), b.name())));
        sources.all = all.into();
    }

    /// Those in force now, in the order of calls.
    #[must_use]
    pub fn all(&self) -> Arc<[Arc<dyn Extension>]> {
        Arc::clone(&self.sources.read().unwrap_or_else(PoisonError::into_inner).all)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// Tells `observer` of every call from now on. There is one; a second is not taken.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        let _ = self.observer.set(observer);
    }

    /// Calls `extension` and tells the observer.
    fn call<T>(
        &self,
        extension: &dyn Extension,
        method: &'static str,
        call: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let began = Instant::now();
        let answer = call();
        if let Some(observer) = self.observer.get() {
            observer.called(&Call {
                name: extension.name(),
                method,
                took: began.elapsed(),
                failure: answer.as_ref().err(),
            });
        }
        answer
    }

    /// Asks every extension that applies.
    #[must_use]
    pub fn validate(&self, question: &Question<'_>) -> Report {
        let mut all = Report::default();
        for extension in self.all().iter().filter(|extension| extension.applies(question)) {
            let validate = || question.request.has_time().and_then(|()| extension.validate(question));
            match self.call(extension.as_ref(), "validate", validate) {
                Ok(report) => all.extend(report),
                Err(failure) => all.extend(without_answer(extension.as_ref(), &failure)),
            }
        }
        all
    }

    /// Asks every extension that applies to fill in what is missing. Each sees the object with the changes of those
    /// before it; `config_of` gives the configuration that such an object means. What an extension without an answer
    /// would have changed is left as it was.
    #[must_use]
    pub fn mutate(&self, question: &Question<'_>, config_of: &dyn Fn(&Value) -> FlinkConfig) -> Mutation {
        let mut mutation = Mutation::default();
        // The object and its configuration after a first change; until then nothing is copied.
        let mut changed: Option<(Value, FlinkConfig)> = None;
        for extension in self.all().iter() {
            let question = match &changed {
                Some((object, config)) => Question {
                    object,
                    config,
                    ..*question
                },
                None => *question,
            };
            if !extension.applies(&question) {
                continue;
            }
            let mutate = || question.request.has_time().and_then(|()| extension.mutate(&question));
            let answer = self.call(extension.as_ref(), "mutate", mutate);
            let answer = answer.and_then(|patch| {
                if patch.is_empty() {
                    return Ok(None);
                }
                let mut object = question.object.clone();
                lay_over(&patch, &mut object)?;
                Ok(Some((patch, object)))
            });
            match answer {
                Ok(Some((patch, object))) => {
                    mutation.patch.extend(patch);
                    let config = config_of(&object);
                    changed = Some((object, config));
                }
                Ok(None) => {}
                Err(failure) => mutation.report.extend(without_answer(extension.as_ref(), &failure)),
            }
        }
        mutation
    }
}

/// What a patch may change: the rest is the API server's, or what the object is known by.
const CHANGEABLE: [&str; 3] = ["/spec", "/metadata/labels", "/metadata/annotations"];

/// Lays `patch` over `object`.
fn lay_over(patch: &[PatchOperation], object: &mut Value) -> Result<(), Failure> {
    let allowed = |path: &str| {
        CHANGEABLE
            .iter()
            .filter_map(|root| path.strip_prefix(root))
            .any(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(operation) = patch.iter().find(|operation| !allowed(operation.path())) {
        return Err(Failure(format!(
            "its patch changes {}; only spec, labels and annotations may be changed",
            operation.path()
        )));
    }
    defaults::apply(patch, object).map_err(|error| Failure(error.to_string()))
}

/// What the user reads where an extension has no answer.
fn without_answer(extension: &dyn Extension, failure: &Failure) -> Report {
    let code = codes::EXTENSION_FAILED.into();
    let name = extension.name();
    match extension.failure_policy() {
        FailurePolicy::Closed => Report {
            violations: vec![Violation {
                path: String::new(),
                code,
                message: format!("`{name}` of this cluster's administrator must agree and gives no answer: {failure}"),
                fix: "ask the administrator of this cluster to look at it, or try again".to_owned(),
                value: None,
            }],
            ..Report::default()
        },
        FailurePolicy::Open => Report {
            warnings: vec![Warning {
                path: String::new(),
                code,
                message: format!("`{name}` of this cluster's administrator was not asked: {failure}"),
                fix: "tell the administrator of this cluster".to_owned(),
            }],
            ..Report::default()
        },
    }
}

#[cfg(test)]
mod tests;
