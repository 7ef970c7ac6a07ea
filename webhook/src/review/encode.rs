//! An answer to bytes.

use serde::Serialize;

use super::{API_VERSION, KIND};

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// As in the request; empty where it could not be read.
    pub uid: String,
    /// Whether the API server may go on.
    pub allowed: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// JSON patch in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// `JSONPatch` where there is a patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch_type: Option<&'static str>,
    /// What kubectl shows as `Warning: …`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// `k8s.io/apimachinery/pkg/apis/meta/v1.Status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Status {
    /// HTTP status code that the user's request ends with.
    pub code: u16,
    /// `Failure`.
    pub status: &'static str,
    /// One of Kubernetes' reasons, such as `Invalid`.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// For programs, and for kubectl, which prints the causes of an `Invalid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
}

/// What a [`Status`] is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Details {
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// API group of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// One for each violation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
}

/// One reason among several.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cause {
    /// One of Kubernetes' cause types, such as `FieldValueInvalid`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// Path of the field, such as `spec.job.parallelism`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
}

/// Writes an AdmissionReview that answers with `response`.
#[must_use]
pub fn encode(response: &Response) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope<'a> {
        api_version: &'static str,
        kind: &'static str,
        response: &'a Response,
    }
    let envelope = Envelope {
        api_version: API_VERSION,
        kind: KIND,
        response,
    };
    // Only a map with keys that are no text, or a failing Serialize, can fail here; the types above have neither.
    serde_json::to_vec(&envelope).unwrap_or_default()
}
