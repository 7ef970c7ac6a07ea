//! Objects as JSON, and where two sets of them differ.

use std::collections::{BTreeMap, BTreeSet};

use kube::Resource;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sluice_e2e::{Failure, Outcome};
use sluice_shared::config::flatten;

/// Objects by kind and name.
pub type Objects = BTreeMap<String, Value>;

/// Adds an object.
pub fn add<K: Resource<DynamicType = ()> + Serialize>(objects: &mut Objects, object: &K) -> Outcome {
    let name = object.meta().name.clone().unwrap_or_default();
    objects.insert(format!("{} {name}", K::kind(&())), serde_json::to_value(object)?);
    Ok(())
}

/// Takes away what the server gives each object anew, and takes files apart.
pub fn normalised(objects: Objects) -> Outcome<Objects> {
    objects
        .into_iter()
        .map(|(name, mut object)| {
            let root = object.as_object_mut().ok_or_else(|| Failure::new("no object"))?;
            root.remove("status");
            for key in [
                "uid",
                "resourceVersion",
                "creationTimestamp",
                "generation",
                "managedFields",
            ] {
                if let Some(metadata) = root.get_mut("metadata").and_then(Value::as_object_mut) {
                    metadata.remove(key);
                }
            }
            if name.starts_with("Service ") {
                allocated(&mut object["spec"]);
            }
            if let Some(data) = object.get_mut("data").and_then(Value::as_object_mut) {
                files(data)?;
            }
            if let Some(annotations) = object
                .pointer_mut("/metadata/annotations")
                .and_then(Value::as_object_mut)
            {
                annotations.remove("deployment.kubernetes.io/revision");
            }
            Ok((name, object))
        })
        .collect()
}

/// Addresses and node ports are allocated; that there is one counts, and that a headless Service has none.
fn allocated(spec: &mut Value) {
    if spec["clusterIP"] != "None" {
        spec["clusterIP"] = json!("allocated");
        spec["clusterIPs"] = json!(["allocated"]);
    }
    for port in spec["ports"].as_array_mut().into_iter().flatten() {
        if port.get("nodePort").is_some() {
            port["nodePort"] = json!("allocated");
        }
    }
}

/// Files are compared by what they mean.
fn files(data: &mut Map<String, Value>) -> Outcome {
    for (name, content) in data {
        let Some(text) = content.as_str().map(str::to_owned) else {
            continue;
        };
        match name.as_str() {
            "flink-conf.yaml" => {
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                *content = lines
                    .map(|line| {
                        let (key, value) = line.split_once(':').unwrap_or((line, ""));
                        (key.to_owned(), Value::from(value.trim()))
                    })
                    .collect::<Map<_, _>>()
                    .into();
            }
            "config.yaml" => {
                let yaml: Value = serde_saphyr::from_str(&text).map_err(|e| Failure(e.to_string()))?;
                let flat = flatten(&yaml).map_err(|e| Failure(e.to_string()))?;
                *content = serde_json::to_value(flat)?;
            }
            "taskmanager-pod-template.yaml" => {
                *content = serde_saphyr::from_str(&text).map_err(|e| Failure(e.to_string()))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// One place where two objects differ.
pub struct Found {
    /// Kind and name.
    pub object: String,
    /// Where in the object.
    pub path: String,
    /// What the client has there.
    pub client: String,
    /// What we have there.
    pub ours: String,
}

/// All places where they differ.
pub fn differences(theirs: &Objects, ours: &Objects) -> Vec<Found> {
    let names: BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        walk(theirs.get(name), ours.get(name), name, "", &mut found);
    }
    found
}

fn walk(theirs: Option<&Value>, ours: Option<&Value>, object: &str, path: &str, found: &mut Vec<Found>) {
    match (theirs, ours) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                walk(a.get(key), b.get(key), object, &format!("{path}/{key}"), found);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            for index in 0..a.len().max(b.len()) {
                walk(a.get(index), b.get(index), object, &format!("{path}/{index}"), found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => {
            let text = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
            found.push(Found {
                object: object.to_owned(),
                path: path.to_owned(),
                client: text(a),
                ours: text(b),
            });
        }
    }
}
