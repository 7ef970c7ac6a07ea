//! The rules and defaults of `sluice-shared`, as the webhook calls them.

use std::sync::Arc;

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation};
use serde_json::{Value, json};
use sluice_shared::api::labels;
use sluice_shared::config::DefaultConfiguration;
use sluice_shared::rules::{self, Environment, Kind, Report};

use crate::lookups::Lookups;

/// Applies rules and defaults, with what they need to know beside the object.
#[derive(Debug)]
pub struct Judge {
    defaults: DefaultConfiguration,
    lookups: Arc<Lookups>,
}

impl Judge {
    /// Rules that lay resources over `defaults` and ask `lookups` for other objects.
    #[must_use]
    pub fn new(defaults: DefaultConfiguration, lookups: Arc<Lookups>) -> Self {
        Self { defaults, lookups }
    }

    /// All violations and warnings of `object`, a new one or one that takes the place of `old`.
    #[must_use]
    pub fn judge(&self, kind: Kind, object: &Value, old: Option<&Value>) -> Report {
        let environment = Environment {
            defaults: &self.defaults,
            lookups: self.lookups.as_ref(),
        };
        rules::validate_json(kind, object, old, &environment)
    }

    /// The changes that fill in what the user left out; none where nothing is missing.
    #[must_use]
    pub fn defaults(&self, kind: Kind, object: &Value) -> Patch {
        match kind {
            Kind::FlinkSessionJob => session_label(object),
            Kind::FlinkDeployment | Kind::FlinkStateSnapshot | Kind::FlinkBlueGreenDeployment => Patch::default(),
        }
    }
}

/// Session jobs are found by the cluster they run on.
fn session_label(object: &Value) -> Patch {
    let cluster = object
        .pointer("/spec/deploymentName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let metadata = object.get("metadata").filter(|metadata| metadata.is_object());
    let (false, Some(metadata)) = (cluster.is_empty(), metadata) else {
        return Patch::default();
    };
    let operation = match metadata.get("labels") {
        None | Some(Value::Null) => add(["metadata", "labels"], json!({ labels::TARGET_SESSION: cluster })),
        Some(present) if present.get(labels::TARGET_SESSION).and_then(Value::as_str) == Some(cluster) => {
            return Patch::default();
        }
        Some(_) => add(["metadata", "labels", labels::TARGET_SESSION], json!(cluster)),
    };
    Patch(vec![operation])
}

/// Adds a member, or puts another value in its place (RFC 6902, 4.1).
fn add<const N: usize>(path: [&str; N], value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation {
        path: PointerBuf::from_tokens(path),
        value,
    })
}
