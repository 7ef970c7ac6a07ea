//! The text in `lastReconciledSpec` and `lastStableSpec`.
//!
//! `{"spec":{...},"resource_metadata":{"apiVersion":"flink.apache.org/v1beta1","firstDeployment":false}}`, as the Java
//! operator's `SpecUtils` and `ReconciliationMetadata` write it. Whether a spec is stable is decided by comparing the
//! two texts, so equal specs must give equal text, and a text that another operator wrote is carried over unchanged.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::API_VERSION;

/// What is kept beside a reconciled spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReconciliationMetadata {
    /// Version of the API that the spec was read with.
    #[serde(default = "api_version")]
    pub api_version: String,
    /// Whether this spec is the first that was ever deployed for the resource.
    #[serde(default)]
    pub first_deployment: bool,
}

impl ReconciliationMetadata {
    /// Metadata of this API version.
    #[must_use]
    pub fn new(first_deployment: bool) -> Self {
        Self {
            api_version: api_version(),
            first_deployment,
        }
    }
}

fn api_version() -> String {
    API_VERSION.to_owned()
}

/// The stored text cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the spec recorded in the status cannot be read: {0}")]
pub struct DecodeError(#[from] serde_json::Error);

/// Writes `spec` and its metadata.
///
/// # Errors
/// None in practice: the API's types always serialise. The type is kept honest rather than panicking.
pub fn encode<S: Serialize>(spec: &S, metadata: &ReconciliationMetadata) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Envelope<'a, S> {
        spec: &'a S,
        resource_metadata: &'a ReconciliationMetadata,
    }
    serde_json::to_string(&Envelope {
        spec,
        resource_metadata: metadata,
    })
}

/// Reads what [`encode`] or the Java operator wrote, old forms without `resource_metadata` included: there the whole
/// object is the spec, and there is no metadata.
///
/// # Errors
/// When the text is not JSON or does not fit the spec's type.
pub fn decode<S: DeserializeOwned>(text: &str) -> Result<(S, Option<ReconciliationMetadata>), DecodeError> {
    let mut value: Value = serde_json::from_str(text)?;
    let Some(members) = value.as_object_mut() else {
        return Ok((serde_json::from_value(value)?, None));
    };
    if let Some(metadata) = members.remove("resource_metadata") {
        let spec = members.remove("spec").unwrap_or(Value::Null);
        let metadata = if metadata.is_null() {
            None
        } else {
            Some(serde_json::from_value(metadata)?)
        };
        Ok((serde_json::from_value(spec)?, metadata))
    } else {
        members.remove("apiVersion");
        Ok((serde_json::from_value(value)?, None))
    }
}
