//! What a plugin reads on standard input.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use sluice_shared::config::redact;
use sluice_shared::extension::Question;

/// Version of request and answer. Fields may be added to the request within a version; plugins ignore those that they
/// do not know.
pub const API_VERSION: &str = "plugin.sluice.flink.apache.org/v1alpha1";

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Phase {
    /// Whether the object is right: `violations` and `warnings` of the answer count.
    Validate,
    /// What is to be filled in: `patch` of the answer counts.
    Mutate,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    api_version: &'static str,
    phase: Phase,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'static str>,
    dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace_labels: Option<&'a BTreeMap<String, String>>,
    object: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_object: Option<&'a Value>,
    config: BTreeMap<&'a str, &'a str>,
    settings: &'a Value,
}

#[derive(Serialize)]
struct User<'a> {
    name: &'a str,
    groups: &'a [String],
}

/// The request for `question`, as JSON. Secrets of the effective configuration are left to the object that they may
/// stand in.
pub fn write(phase: Phase, question: &Question<'_>, settings: &Value) -> Result<Vec<u8>, serde_json::Error> {
    let request = &question.request;
    serde_json::to_vec(&Request {
        api_version: API_VERSION,
        phase,
        kind: question.kind.as_str(),
        operation: request.operation.map(sluice_shared::extension::Operation::as_str),
        dry_run: request.dry_run,
        user: request.user.map(|user| User {
            name: &user.name,
            groups: &user.groups,
        }),
        namespace_labels: question.namespace_labels,
        object: question.object,
        old_object: question.old,
        config: question
            .config
            .iter()
            .map(|(key, value)| (key, redact(key, value)))
            .collect(),
        settings,
    })
}
