//! The rules and defaults of `sluice-shared`, as the webhook calls them.

use std::sync::Arc;

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation};
use serde_json::json;
use serde_json::value::RawValue;
use sluice_shared::api::{FlinkBlueGreenDeployment, FlinkDeployment, FlinkSessionJob, FlinkStateSnapshot, labels};

use crate::dispatch::{Kind, typed};
use crate::lookups::Lookups;
use crate::verdict::Violation;

/// An object of one of the four kinds.
#[derive(Clone, Debug)]
pub enum Object {
    /// A cluster.
    Deployment(Box<FlinkDeployment>),
    /// A job of a session cluster.
    SessionJob(Box<FlinkSessionJob>),
    /// A savepoint or checkpoint.
    Snapshot(Box<FlinkStateSnapshot>),
    /// Two clusters that take turns.
    BlueGreen(Box<FlinkBlueGreenDeployment>),
}

impl Object {
    /// Reads `raw` as `kind`.
    ///
    /// # Errors
    /// When it does not fit the kind: the violation to answer with.
    pub fn read(kind: Kind, raw: &RawValue) -> Result<Self, Violation> {
        Ok(match kind {
            Kind::Deployment => Self::Deployment(typed(kind, raw)?),
            Kind::SessionJob => Self::SessionJob(typed(kind, raw)?),
            Kind::Snapshot => Self::Snapshot(typed(kind, raw)?),
            Kind::BlueGreen => Self::BlueGreen(typed(kind, raw)?),
        })
    }
}

/// Applies rules and defaults, with what they need to know beside the object.
#[derive(Debug)]
pub struct Judge {
    lookups: Arc<Lookups>,
}

impl Judge {
    /// Rules that ask `lookups` for other objects.
    #[must_use]
    pub fn new(lookups: Arc<Lookups>) -> Self {
        Self { lookups }
    }

    /// All violations and warnings of `object`.
    #[must_use]
    pub fn judge(&self, _object: &Object, _old: Option<&Object>, _namespace: &str) -> (Vec<Violation>, Vec<String>) {
        let _ = &self.lookups;
        (Vec::new(), Vec::new())
    }

    /// The changes that fill in what the user left out.
    #[must_use]
    pub fn defaults(&self, object: &Object, _namespace: &str) -> Patch {
        let mut operations = Vec::new();
        if let Object::SessionJob(job) = object
            && let Some(cluster) = job.spec.deployment_name.as_deref().filter(|name| !name.is_empty())
        {
            let present = job.metadata.labels.as_ref();
            if present.is_none() {
                operations.push(add(&["metadata", "labels"], json!({ labels::TARGET_SESSION: cluster })));
            } else if present
                .and_then(|all| all.get(labels::TARGET_SESSION))
                .map(String::as_str)
                != Some(cluster)
            {
                operations.push(add(&["metadata", "labels", labels::TARGET_SESSION], json!(cluster)));
            }
        }
        Patch(operations)
    }
}

fn add(path: &[&str], value: serde_json::Value) -> PatchOperation {
    PatchOperation::Add(AddOperation {
        path: PointerBuf::from_tokens(path.iter().copied()),
        value,
    })
}
