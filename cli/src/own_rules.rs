//! Rules of the user's own: policies and plugins, from files and from a cluster.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use sluice_plugins::keep;
use sluice_policies::Policy;
use sluice_shared::api::{ClusterFlinkPolicy, FlinkPolicy};
use sluice_shared::extension::{Extension, Extensions};

use crate::check::{Finding, Level};
use crate::lint::node::Position;
use crate::output::{Checked, Place, Problem};

/// One of the kinds that policies have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyResource {
    /// For all namespaces.
    ClusterFlinkPolicy,
    /// For its own.
    FlinkPolicy,
}

impl PolicyResource {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::ClusterFlinkPolicy, Self::FlinkPolicy];

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.as_str() == name)
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClusterFlinkPolicy => ClusterFlinkPolicy::KIND,
            Self::FlinkPolicy => FlinkPolicy::KIND,
        }
    }
}

/// The rules of the user's own that count in a run.
#[derive(Debug, Default)]
pub struct OwnRules {
    extensions: Arc<Extensions>,
    policies: Vec<Policy>,
    /// The policies, with what is wrong with them.
    pub checked: Vec<Checked>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

impl OwnRules {
    /// Loads the plugins that the file at `path` lists, as webhook and controller do.
    ///
    /// # Errors
    /// When the file cannot be read or is wrong.
    pub fn add_plugins(&mut self, path: &Path) -> Result<(), String> {
        let unusable = keep::load_once(path, Arc::clone(&self.extensions)).map_err(|error| error.to_string())?;
        self.problems.extend(unusable.into_iter().map(|(name, error)| Problem {
            place: Place::File(path.display().to_string()),
            position: None,
            reason: format!("the plugin {name} cannot be used: {error}"),
        }));
        Ok(())
    }

    /// Adds a cluster's policy, unless a file has one of that name.
    pub fn add_stored_policy(&mut self, resource: PolicyResource, object: &Value) {
        let metadata = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
        let (namespace, name) = (metadata("namespace"), metadata("name"));
        let is_replaced = |checked: &Checked| {
            (checked.kind, checked.namespace.as_str(), checked.name.as_str()) == (resource.as_str(), namespace, name)
        };
        if !self.checked.iter().any(is_replaced) {
            self.add_policy(resource, object, None, |_| None);
        }
    }

    /// Adds the policy that `object` is, in the place of one of the same name. What is wrong with it is a finding, at
    /// the position that `locate` knows of a field.
    pub fn add_policy(
        &mut self,
        resource: PolicyResource,
        object: &Value,
        file: Option<String>,
        locate: impl Fn(&str) -> Option<Position>,
    ) {
        let metadata = |field: &str| object["metadata"][field].as_str();
        let mut checked = Checked {
            kind: resource.as_str(),
            namespace: match resource {
                PolicyResource::ClusterFlinkPolicy => String::new(),
                PolicyResource::FlinkPolicy => metadata("namespace").unwrap_or_default().to_owned(),
            },
            name: metadata("name").unwrap_or("(no name)").to_owned(),
            file,
            findings: Vec::new(),
        };
        match Policy::from_json(object) {
            Ok(policy) => {
                self.policies
                    .retain(|other| (other.scope(), other.name()) != (policy.scope(), policy.name()));
                self.policies.push(policy);
            }
            Err(violations) => {
                let findings = violations.into_iter().map(|violation| {
                    let position = locate(&violation.path);
                    let level = Level::Error;
                    (position, Finding { level, violation })
                });
                checked.findings.extend(findings);
            }
        }
        self.checked.push(checked);
    }

    /// All of them, to be asked.
    pub fn in_force(&self) -> &Extensions {
        let policies = self.policies.iter().cloned();
        self.extensions.replace(
            sluice_policies::SOURCE,
            policies.map(|policy| Arc::new(policy) as Arc<dyn Extension>).collect(),
        );
        &self.extensions
    }
}
