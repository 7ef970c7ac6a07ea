//! Pod templates: the common one, the one of a component over it, and what the spec adds.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodTemplateSpec;
use serde_json::{Map, Value, json};
use sluice_shared::api::{Quantity, Resource, ResourceRequirements, without_nulls};

use super::{BuildError, MAIN_CONTAINER};

/// How elements of two arrays find each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayMerge {
    /// By position.
    ByIndex,
    /// By their `name`, where every element on both sides has one; else by position.
    /// (`kubernetes.operator.pod-template.merge-arrays-by-name`)
    ByName,
}

/// `specific` merged over `common`; `None` where there is neither.
///
/// Members of objects are merged deeply. Elements of arrays are merged one into the other, and those that are left over
/// are appended. An element that is no object (an argument, a command's word) stays as `common` has it: so the Java
/// operator does it, and users rely on what they see.
#[must_use]
pub fn merge(common: Option<&Value>, specific: Option<&Value>, arrays: ArrayMerge) -> Option<Value> {
    let present = |template: Option<&Value>| template.filter(|t| t.is_object()).cloned().map(without_nulls);
    match (present(common), present(specific)) {
        (None, only) | (only, None) => only,
        (Some(mut common), Some(specific)) => {
            merge_into(&mut common, specific, arrays);
            Some(common)
        }
    }
}

fn merge_into(to: &mut Value, from: Value, arrays: ArrayMerge) {
    let (Value::Object(to), Value::Object(from)) = (to, from) else {
        return;
    };
    for (name, value) in from {
        match (to.get_mut(&name), value) {
            (Some(Value::Array(to)), Value::Array(from)) => merge_arrays(to, from, arrays),
            (Some(to @ Value::Object(_)), from) => merge_into(to, from, arrays),
            (_, value) => {
                to.insert(name, value);
            }
        }
    }
}

fn merge_arrays(to: &mut Vec<Value>, from: Vec<Value>, arrays: ArrayMerge) {
    if arrays == ArrayMerge::ByName
        && let (Some(mut places), Some(names)) = (places_by_name(to), names(&from))
    {
        for (name, value) in names.into_iter().zip(from) {
            if let Some(place) = places.get(&name) {
                merge_into(&mut to[*place], value, arrays);
            } else {
                places.insert(name, to.len());
                to.push(value);
            }
        }
        return;
    }
    for (index, value) in from.into_iter().enumerate() {
        match to.get_mut(index) {
            Some(to) => merge_into(to, value, arrays),
            None => to.push(value),
        }
    }
}

/// The names of all elements; `None` where one has none.
fn names(elements: &[Value]) -> Option<Vec<String>> {
    elements
        .iter()
        .map(|element| match element.get("name")? {
            Value::String(name) => Some(name.clone()),
            other => Some(other.to_string()),
        })
        .collect()
}

fn places_by_name(elements: &[Value]) -> Option<BTreeMap<String, usize>> {
    Some(
        names(elements)?
            .into_iter()
            .enumerate()
            .map(|(place, name)| (name, place))
            .collect(),
    )
}

/// Puts what Flink's configuration cannot express into the main container's resources: everything but cpu and memory of
/// `resources`, or the ephemeral storage of `resource`.
pub(super) fn apply_resources(
    template: &mut Option<Value>,
    resources: Option<&ResourceRequirements>,
    resource: Option<&Resource>,
) {
    let mut add = |kind: &str, name: &str, amount: &str| {
        let amounts = main_container(template.get_or_insert_with(|| json!({})))
            .and_then(|container| member(container, "resources"))
            .and_then(|resources| member(resources, kind));
        if let Some(amounts) = amounts {
            amounts.insert(name.to_owned(), Value::from(amount));
        }
    };
    if let Some(resources) = resources.filter(|r| has_amounts(r)) {
        for (kind, amounts) in [("requests", &resources.requests), ("limits", &resources.limits)] {
            for (name, Quantity(amount)) in amounts.iter().flatten() {
                if name != "cpu" && name != "memory" {
                    add(kind, name, amount);
                }
            }
        }
    } else if let Some(storage) = resource.and_then(|r| r.ephemeral_storage.as_deref())
        && !storage.trim().is_empty()
    {
        add("limits", "ephemeral-storage", storage);
        add("requests", "ephemeral-storage", storage);
    }
}

/// Whether `resources` says anything; where not, the short form counts.
pub(super) fn has_amounts(resources: &ResourceRequirements) -> bool {
    [&resources.requests, &resources.limits]
        .into_iter()
        .any(|amounts| amounts.as_ref().is_some_and(|a| !a.is_empty()))
}

/// Gives the main container a startup probe unless it has one: the pod counts as ready as soon as the REST API answers,
/// and is never given up.
pub(super) fn add_startup_probe(template: &mut Option<Value>) {
    if let Some(container) = main_container(template.get_or_insert_with(|| json!({}))) {
        container.entry("startupProbe").or_insert_with(|| {
            json!({
                "failureThreshold": i32::MAX,
                "httpGet": { "path": "/config", "port": "rest" },
                "periodSeconds": 1,
            })
        });
    }
}

/// The main container; a new one at the end where the template has none. `None` where the template is no pod, which is
/// found out when it is read as one.
fn main_container(template: &mut Value) -> Option<&mut Map<String, Value>> {
    let spec = member(template.as_object_mut()?, "spec")?;
    let containers = spec.entry("containers").or_insert(Value::Null);
    if containers.is_null() {
        *containers = json!([]);
    }
    let containers = containers.as_array_mut()?;
    let place = containers
        .iter()
        .position(|c| c.get("name").and_then(Value::as_str) == Some(MAIN_CONTAINER))
        .unwrap_or_else(|| {
            containers.push(json!({ "name": MAIN_CONTAINER }));
            containers.len() - 1
        });
    containers[place].as_object_mut()
}

/// A member that is an object; an empty one where there is none.
fn member<'a>(parent: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    let member = parent.entry(name).or_insert(Value::Null);
    if member.is_null() {
        *member = json!({});
    }
    member.as_object_mut()
}

/// The template as Kubernetes has it.
pub(super) fn parse(template: &Value, component: &'static str) -> Result<PodTemplateSpec, BuildError> {
    let mut template = template.clone();
    texts_of_quantities(&mut template);
    serde_json::from_value(template).map_err(|problem| BuildError::PodTemplate {
        component,
        problem: problem.to_string(),
    })
}

/// Kubernetes allows numbers where it expects quantities; the types here want text.
fn texts_of_quantities(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let amounts = ["requests", "limits", "overhead"].contains(&name.as_str());
                match member {
                    Value::Object(amounts_by_name) if amounts => {
                        for amount in amounts_by_name.values_mut().filter(|a| a.is_number()) {
                            *amount = Value::from(amount.to_string());
                        }
                    }
                    Value::Number(number) if ["sizeLimit", "divisor", "storage"].contains(&name.as_str()) => {
                        *member = Value::from(number.to_string());
                    }
                    other => texts_of_quantities(other),
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(texts_of_quantities),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
