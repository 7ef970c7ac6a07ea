//! Policies out of files.

use std::fmt;

use serde_json::Value;
use sluice_shared::api::policy::API_VERSION;
use sluice_shared::api::{ClusterFlinkPolicy, FlinkPolicy};
use sluice_shared::rules::Violation;

use crate::policy::Policy;

/// What was found in a text or among documents.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Policies that can be asked.
    pub policies: Vec<Policy>,
    /// Those that cannot.
    pub problems: Vec<Problem>,
}

/// A policy with mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Number of the document, from 1.
    pub document: usize,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What is wrong.
    pub violations: Vec<Violation>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "document {}, {} {}:", self.document, self.kind, self.name)?;
        self.violations
            .iter()
            .try_for_each(|violation| write!(f, "\n  {violation}"))
    }
}

/// Whether `document` is a policy.
#[must_use]
pub fn is_policy(document: &Value) -> bool {
    let kind = document.get("kind").and_then(Value::as_str);
    document.get("apiVersion").and_then(Value::as_str) == Some(API_VERSION)
        && matches!(kind, Some(ClusterFlinkPolicy::KIND | FlinkPolicy::KIND))
}

/// The policies among `documents`, and in lists among them; documents of other kinds are left out.
#[must_use]
pub fn load_json<'a>(documents: impl IntoIterator<Item = &'a Value>) -> Loaded {
    let mut loaded = Loaded::default();
    for (index, document) in documents.into_iter().enumerate() {
        let is_list = document
            .get("kind")
            .and_then(Value::as_str)
            .is_some_and(|kind| kind.ends_with("List"));
        let objects = match document.get("items") {
            Some(Value::Array(items)) if is_list => items.iter().collect(),
            _ => vec![document],
        };
        for object in objects.into_iter().filter(|object| is_policy(object)) {
            match Policy::from_json(object) {
                Ok(policy) => loaded.policies.push(policy),
                Err(violations) => {
                    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                    loaded.problems.push(Problem {
                        document: index + 1,
                        kind: text("/kind").to_owned(),
                        name: text("/metadata/name").to_owned(),
                        violations,
                    });
                }
            }
        }
    }
    loaded
}

/// The policies in a text of YAML documents; documents of other kinds are left out.
///
/// # Errors
/// When the text is no YAML.
pub fn load_yaml(text: &str) -> Result<Loaded, String> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|e| e.to_string())?;
    Ok(load_json(&documents))
}
