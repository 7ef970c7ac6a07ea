//! Bytes to a request.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;
use sluice_shared::extension::Operation;

use super::{API_VERSION, KIND};

/// Group, version and kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct GroupVersionKind<'a> {
    /// API group.
    #[serde(borrow)]
    pub group: Cow<'a, str>,
    /// Version.
    #[serde(borrow)]
    pub version: Cow<'a, str>,
    /// Kind.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
}

impl fmt::Display for GroupVersionKind<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} {}", self.group, self.version, self.kind)
    }
}

/// Group, version and resource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct GroupVersionResource<'a> {
    /// API group.
    #[serde(borrow)]
    pub group: Cow<'a, str>,
    /// Version.
    #[serde(borrow)]
    pub version: Cow<'a, str>,
    /// Plural name.
    #[serde(borrow)]
    pub resource: Cow<'a, str>,
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct UserInfo<'a> {
    /// Name; of a service account `system:serviceaccount:<namespace>:<name>`.
    #[serde(borrow)]
    pub username: Cow<'a, str>,
    /// Groups that the user is in.
    pub groups: Option<Vec<String>>,
}

/// A request, with the objects as raw text.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a> {
    /// To be repeated in the answer.
    #[serde(borrow)]
    pub uid: Cow<'a, str>,
    /// Kind of the object in the request (after conversion, see matchPolicy).
    #[serde(borrow, default)]
    pub kind: GroupVersionKind<'a>,
    /// Resource of the request (after conversion).
    #[serde(borrow, default)]
    pub resource: GroupVersionResource<'a>,
    /// `status` or `scale`, for example.
    #[serde(borrow, default)]
    pub sub_resource: Option<Cow<'a, str>>,
    /// Name of the object; empty where the API server makes one.
    #[serde(borrow, default)]
    pub name: Cow<'a, str>,
    /// Namespace of the object.
    #[serde(borrow, default)]
    pub namespace: Cow<'a, str>,
    /// What is done.
    pub operation: Operation,
    /// Who asks.
    #[serde(borrow, default)]
    pub user_info: UserInfo<'a>,
    /// The object as it shall be; absent for DELETE.
    #[serde(borrow, default)]
    pub object: Option<&'a RawValue>,
    /// The object as it is; absent for CREATE.
    #[serde(borrow, default)]
    pub old_object: Option<&'a RawValue>,
    /// Whether nothing is stored. The answer is the same.
    #[serde(default)]
    pub dry_run: Option<bool>,
    /// When the caller stops waiting; not on the wire.
    #[serde(skip)]
    pub deadline: Option<std::time::Instant>,
}

/// The body is no request.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// No JSON, or JSON of another shape.
    #[error("the request body is no AdmissionReview: {0}")]
    Json(String),
    /// Another version or kind.
    #[error(
        "the request body is {api_version} {kind}, this webhook reads {API_VERSION} {KIND}; set admissionReviewVersions \
         to [v1] in the webhook configuration"
    )]
    Version {
        /// As found.
        api_version: String,
        /// As found.
        kind: String,
    },
    /// An AdmissionReview without a request.
    #[error("the AdmissionReview has no request")]
    NoRequest,
}

/// A whole review in one pass.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    #[serde(borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    request: Option<Request<'a>>,
}

/// A review whose request is still text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(borrow, default)]
    api_version: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    request: Option<&'a RawValue>,
}

/// Reads a body.
///
/// # Errors
/// When it is no AdmissionReview v1 with a request. [`super::find_uid`] may still find the uid.
pub fn decode(body: &[u8]) -> Result<Request<'_>, DecodeError> {
    match serde_json::from_slice(body) {
        Ok(Review {
            api_version,
            kind,
            request: Some(request),
        }) if api_version == API_VERSION && kind == KIND => Ok(request),
        // Part by part, to say which of them is wrong.
        _ => decode_in_parts(body),
    }
}

fn decode_in_parts(body: &[u8]) -> Result<Request<'_>, DecodeError> {
    // serde_json's positions help whoever writes a client; they show no content.
    let json = |e: serde_json::Error| DecodeError::Json(describe(&e));
    let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(json)?;
    if envelope.api_version != API_VERSION || envelope.kind != KIND {
        return Err(DecodeError::Version {
            api_version: shorten(&envelope.api_version),
            kind: shorten(&envelope.kind),
        });
    }
    let request = envelope.request.ok_or(DecodeError::NoRequest)?;
    serde_json::from_str(request.get()).map_err(|e| DecodeError::Json(format!("in its request: {}", describe(&e))))
}

/// What is wrong with a JSON text, by category and position: serde's own text may repeat a value.
pub(crate) fn describe(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Syntax => "not valid JSON",
        Category::Eof => "the JSON ends too early",
        Category::Data => "a field is missing or has another type",
        Category::Io => "it cannot be read",
    };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// At most 80 characters of a text that came from outside.
fn shorten(text: &str) -> String {
    if text.is_empty() {
        return "(nothing)".to_owned();
    }
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
