//! The webhook's rules on objects that come from elsewhere than the API server's requests.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::Deserialize as _;
use serde_json::Value;
use sluice_shared::api::{FlinkDeployment, FlinkSessionJob};
use sluice_shared::config::DefaultConfiguration;
use sluice_shared::defaults::apply;
use sluice_shared::extension::Extensions;
use sluice_shared::rules::{
    Environment, Json, Kind, Lookup, Lookups, Report, Violation, Warning, mutate_json, shape, validate_json,
};

/// Namespace and name.
type Key = (String, String);

/// The objects that are judged together know of each other.
#[derive(Debug, Default)]
pub struct Objects {
    /// None for one that cannot be read as its kind: it exists, and that is all.
    deployments: HashMap<Key, Option<Arc<FlinkDeployment>>>,
    session_jobs: HashMap<Key, Option<Arc<FlinkSessionJob>>>,
    /// Kinds of which all objects are here. Of files nobody knows what else there is.
    complete: BTreeSet<Kind>,
    namespaces: BTreeMap<String, Arc<BTreeMap<String, String>>>,
}

impl Objects {
    /// There is no other object of `kind` than those added.
    pub fn complete(&mut self, kind: Kind) {
        self.complete.insert(kind);
    }

    /// Adds a namespace's labels.
    pub fn label(&mut self, namespace: String, labels: BTreeMap<String, String>) {
        self.namespaces.insert(namespace, Arc::new(labels));
    }

    /// Adds the labels of a Namespace; labels that the API server would refuse count as none.
    pub fn add_namespace(&mut self, object: &Value) {
        if let Some(name) = object["metadata"]["name"].as_str() {
            let labels = BTreeMap::deserialize(&object["metadata"]["labels"]).unwrap_or_default();
            self.label(name.to_owned(), labels);
        }
    }

    /// Adds `object`.
    pub fn add(&mut self, kind: Kind, object: &Value) {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let key = (text("namespace"), text("name"));
        match kind {
            Kind::FlinkDeployment => {
                self.deployments.insert(key, shape::read(object).0.map(Arc::new));
            }
            Kind::FlinkSessionJob => {
                self.session_jobs.insert(key, shape::read(object).0.map(Arc::new));
            }
            Kind::FlinkStateSnapshot | Kind::FlinkBlueGreenDeployment => {}
        }
    }

    fn find<T>(&self, kind: Kind, objects: &HashMap<Key, Option<Arc<T>>>, namespace: &str, name: &str) -> Lookup<T> {
        match objects.get(&(namespace.to_owned(), name.to_owned())) {
            Some(Some(object)) => Lookup::Found(Arc::clone(object)),
            None if self.complete.contains(&kind) => Lookup::Missing,
            Some(None) | None => Lookup::Unknown,
        }
    }
}

impl Lookups for Objects {
    fn deployment(&self, namespace: &str, name: &str) -> Lookup<FlinkDeployment> {
        self.find(Kind::FlinkDeployment, &self.deployments, namespace, name)
    }

    fn session_job(&self, namespace: &str, name: &str) -> Lookup<FlinkSessionJob> {
        self.find(Kind::FlinkSessionJob, &self.session_jobs, namespace, name)
    }

    fn namespace_labels(&self, namespace: &str) -> Lookup<BTreeMap<String, String>> {
        self.namespaces
            .get(namespace)
            .map_or(Lookup::Unknown, |labels| Lookup::Found(Arc::clone(labels)))
    }
}

/// What admission would say of `object` as a new one: what is filled in on its way in is filled in here too.
pub fn judge(kind: Kind, object: &Value, environment: &Environment<'_>) -> Report {
    let mutation = mutate_json(kind, &Json::from(object), None, environment);
    if !mutation.report.is_valid() {
        return mutation.report;
    }
    let mut filled = object.clone();
    // A patch fails on metadata that is no map, which the rules say.
    if apply(&mutation.patch, &mut filled).is_err() {
        filled.clone_from(object);
    }
    let mut report = mutation.report;
    report.extend(validate_json(kind, &Json::from(&filled), None, environment));
    report
}

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Only to be recorded.
    Note,
    /// Legal but will hurt.
    Warning,
    /// Refused.
    Error,
}

impl Level {
    /// As it is written, and as SARIF has it too.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub level: Level,
    /// Which field, which code, what is wrong, and what to do.
    pub violation: Violation,
}

/// How reports become findings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Levels {
    /// Warnings count as errors.
    pub warnings_as_errors: bool,
    /// What is only recorded is shown too.
    pub notes: bool,
}

impl Levels {
    /// What `report` holds, errors first.
    pub fn findings(self, report: Report) -> Vec<Finding> {
        let warning = if self.warnings_as_errors {
            Level::Error
        } else {
            Level::Warning
        };
        let errors = report.violations.into_iter().map(|violation| Finding {
            level: Level::Error,
            violation,
        });
        let warnings = report.warnings.into_iter().map(|found| worded(warning, found));
        let notes = report.audit.into_iter().filter(|_| self.notes);
        errors
            .chain(warnings)
            .chain(notes.map(|found| worded(Level::Note, found)))
            .collect()
    }
}

fn worded(level: Level, found: Warning) -> Finding {
    let Warning {
        path,
        code,
        message,
        fix,
    } = found;
    Finding {
        level,
        violation: Violation {
            path,
            code,
            message,
            fix,
            value: None,
        },
    }
}

/// An object in the namespace that it belongs to where it names none itself, as the API server fills it in.
pub fn in_namespace(mut object: Value, namespace: &str) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        let absent = metadata
            .get("namespace")
            .and_then(Value::as_str)
            .is_none_or(str::is_empty);
        if absent {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
    }
    object
}

/// The rules' environment, with those of the user's own.
pub fn environment<'a>(
    defaults: &'a DefaultConfiguration,
    objects: &'a Objects,
    extensions: &'a Extensions,
) -> Environment<'a> {
    Environment::new(defaults, objects).with_extensions(extensions)
}

#[cfg(test)]
mod tests;
