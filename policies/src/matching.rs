//! Which resources a policy is for.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde_json::Value;
use sluice_shared::api::policy::{PolicyKind, PolicyMatch, PolicyOperation};
use sluice_shared::extension::Question;

/// Whether `spec` covers the object of `question`. Labels of the namespace are taken as `labels`; where they are not
/// known, the selector does not decide.
pub(crate) fn covers(spec: &PolicyMatch, question: &Question<'_>) -> bool {
    let kind = |kind: &PolicyKind| kind.as_str() == question.kind.as_str();
    let operation = |wanted: &PolicyOperation| {
        question
            .request
            .operation
            .is_none_or(|operation| operation.as_str() == wanted.as_str())
    };
    let namespace = question.metadata("namespace");
    given(spec.kinds.as_deref()).is_none_or(|kinds| kinds.iter().any(kind))
        && given(spec.namespaces.as_deref()).is_none_or(|names| names.iter().any(|name| name == namespace))
        && given(spec.operations.as_deref()).is_none_or(|operations| operations.iter().any(operation))
        && spec
            .object_selector
            .as_ref()
            .is_none_or(|selector| selects(selector, &labels(question.object)))
        && match (&spec.namespace_selector, question.namespace_labels) {
            (Some(selector), Some(labels)) => selects(selector, labels),
            _ => true,
        }
}

/// An empty list restricts as little as none.
fn given<T>(list: Option<&[T]>) -> Option<&[T]> {
    list.filter(|list| !list.is_empty())
}

fn labels(object: &Value) -> BTreeMap<String, String> {
    let labels = object.pointer("/metadata/labels").and_then(Value::as_object);
    labels
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Whether `selector` says anything.
pub(crate) fn is_restricting(selector: &LabelSelector) -> bool {
    selector.match_labels.as_ref().is_some_and(|labels| !labels.is_empty())
        || selector.match_expressions.as_ref().is_some_and(|e| !e.is_empty())
}

/// What is wrong with `selector`.
pub(crate) fn problem(selector: &LabelSelector) -> Option<String> {
    selector.match_expressions.iter().flatten().find_map(|requirement| {
        let values = requirement.values.as_ref().map_or(0, Vec::len);
        match requirement.operator.as_str() {
            "In" | "NotIn" if values == 0 => Some(format!("the operator {} needs values", requirement.operator)),
            "Exists" | "DoesNotExist" if values > 0 => {
                Some(format!("the operator {} takes no values", requirement.operator))
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => None,
            other => Some(format!("\"{other}\" is none of In, NotIn, Exists, DoesNotExist")),
        }
    })
}

/// As the API server does: NotIn and DoesNotExist hold where the label is not there.
fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let equal = |(name, value): (&String, &String)| labels.get(name) == Some(value);
    selector.match_labels.iter().flatten().all(equal)
        && selector.match_expressions.iter().flatten().all(|requirement| {
            let value = labels.get(&requirement.key);
            let listed = || {
                let values = requirement.values.iter().flatten();
                value.is_some_and(|value| values.into_iter().any(|listed| listed == value))
            };
            match requirement.operator.as_str() {
                "In" => listed(),
                "NotIn" => !listed(),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}
