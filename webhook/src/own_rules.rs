//! Admission of policies: one that cannot be used is refused when it is written, with the place of each mistake.

use serde_json::Value;
use serde_json::value::RawValue;
use sluice_policies::Policy;
use sluice_shared::api::policy::{API_VERSION, GROUP, VERSION};
use sluice_shared::api::{ClusterFlinkPolicy, FlinkPolicy};
use sluice_shared::rules::Violation;

use crate::review::Request;
use crate::verdict::{Failure, Verdict};

/// Whether `request` is about a policy.
#[must_use]
pub fn concerns(request: &Request<'_>) -> bool {
    request.kind.group == GROUP
}

/// The verdict on a policy that is written.
///
/// # Errors
/// When the request is about another kind, or contradicts itself.
pub fn judge(request: &Request<'_>) -> Result<Verdict, Failure> {
    let kind = request.kind.kind.as_ref();
    let plural = match kind {
        ClusterFlinkPolicy::KIND => ClusterFlinkPolicy::PLURAL,
        FlinkPolicy::KIND => FlinkPolicy::PLURAL,
        _ => "",
    };
    if plural.is_empty() || request.kind.version != VERSION {
        return Err(Failure::UnknownKind {
            kind: crate::answer::cut(&request.kind.to_string(), 200),
        });
    }
    if request.resource.group != GROUP || request.resource.resource != plural {
        return Err(Failure::Contradiction(format!(
            "its kind is {kind}, its resource is not {plural}.{GROUP}/{VERSION}"
        )));
    }
    let raw = request
        .object
        .ok_or_else(|| Failure::Contradiction(format!("{} without an object", request.operation.as_str())))?;
    let object = read(raw)?;
    if object["kind"] != kind || object["apiVersion"] != API_VERSION {
        return Err(Failure::Contradiction(format!(
            "its kind is {kind}, the object in it is of another kind or version"
        )));
    }
    // One that goes, or of which only metadata changes, is not held up.
    let old = request.old_object.map(read).transpose()?;
    let is_going = object
        .pointer("/metadata/deletionTimestamp")
        .is_some_and(|time| !time.is_null());
    if is_going || old.is_some_and(|old| old["spec"] == object["spec"]) {
        return Ok(Verdict::pass());
    }
    Ok(match Policy::from_json(&in_namespace(object, &request.namespace)) {
        Ok(_) => Verdict::pass(),
        Err(violations) => denied(violations),
    })
}

fn denied(violations: Vec<Violation>) -> Verdict {
    Verdict::Denied {
        violations,
        warnings: Vec::new(),
        audit: Vec::new(),
    }
}

fn in_namespace(mut object: Value, namespace: &str) -> Value {
    if !namespace.is_empty()
        && let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
    {
        metadata.insert("namespace".to_owned(), Value::from(namespace));
    }
    object
}

fn read(raw: &RawValue) -> Result<Value, Failure> {
    serde_json::from_str(raw.get()).map_err(|error| {
        Failure::Malformed(format!(
            "the object cannot be read: {}",
            crate::review::describe(&error)
        ))
    })
}
