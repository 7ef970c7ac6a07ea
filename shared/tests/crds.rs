//! The CRDs and the types, compared with the API that users know: every node of it, and objects made of such nodes.

// What fails outside a test function fails the test all the same.
#![allow(clippy::unwrap_used, clippy::panic)]

mod nodes;

use std::path::PathBuf;

use nodes::{Node, Type, kind_nodes, object};
use proptest::prelude::*;
use rstest::rstest;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sluice_shared::api::crd::{Definition, all, to_yaml};
use sluice_shared::api::{
    FlinkBlueGreenDeployment, FlinkDeployment, FlinkSessionJob, FlinkStateSnapshot, without_nulls,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/crds")
}

#[test]
fn the_files_are_what_is_generated() {
    let mut written: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    written.sort();
    let mut generated: Vec<String> = all().into_iter().map(|d| d.file).collect();
    generated.sort();
    assert_eq!(written, generated);
    for definition in all() {
        let text = std::fs::read_to_string(folder().join(&definition.file)).unwrap();
        assert!(
            text == to_yaml(&definition).unwrap(),
            "{} is out of date: run `make crds`",
            definition.file
        );
    }
}

#[test]
fn every_crd_fits_client_side_apply() {
    for definition in all() {
        // kubectl apply keeps the object in an annotation, which may have 256 KiB.
        let size = serde_json::to_string(&definition.crd).unwrap().len();
        assert!(size < 256 * 1024 / 2, "{}: {size} bytes", definition.file);
    }
}

fn definition(kind: &str) -> Definition {
    all()
        .into_iter()
        .find(|d| d.crd["spec"]["names"]["kind"] == kind)
        .unwrap()
}

/// As upstream.md 1.1 lists them.
#[rstest]
#[case::deployment("FlinkDeployment", "flinkdeployments", "flinkdep", &[
    ("Job Status", ".status.jobStatus.state"), ("Lifecycle State", ".status.lifecycleState"),
], Some(json!({
    "specReplicasPath": ".spec.taskManager.replicas",
    "statusReplicasPath": ".status.taskManager.replicas",
    "labelSelectorPath": ".status.taskManager.labelSelector",
})))]
#[case::session_job("FlinkSessionJob", "flinksessionjobs", "sessionjob", &[
    ("Job Status", ".status.jobStatus.state"), ("Lifecycle State", ".status.lifecycleState"),
], None)]
#[case::snapshot("FlinkStateSnapshot", "flinkstatesnapshots", "flinksnp", &[
    ("Path", ".status.path"), ("Result Timestamp", ".status.resultTimestamp"), ("Snapshot State", ".status.state"),
], None)]
#[case::blue_green("FlinkBlueGreenDeployment", "flinkbluegreendeployments", "flinkbgdep", &[
    ("Job Status", ".status.jobStatus.state"),
], None)]
fn names_columns_and_subresources_are_those_that_users_know(
    #[case] kind: &str,
    #[case] plural: &str,
    #[case] short_name: &str,
    #[case] columns: &[(&str, &str)],
    #[case] scale: Option<Value>,
) {
    let spec = &definition(kind).crd["spec"];
    assert_eq!(spec["group"], "flink.apache.org");
    assert_eq!(spec["scope"], "Namespaced");
    let names = json!({
        "kind": kind, "plural": plural, "singular": kind.to_lowercase(), "shortNames": [short_name],
    });
    assert_eq!(spec["names"], names);
    assert_eq!(spec["versions"].as_array().map(Vec::len), Some(1));
    let version = &spec["versions"][0];
    assert_eq!(version["name"], "v1beta1");
    assert_eq!((&version["served"], &version["storage"]), (&json!(true), &json!(true)));
    let columns: Vec<Value> = columns
        .iter()
        .map(|(name, path)| json!({ "name": name, "jsonPath": path, "type": "string" }))
        .collect();
    assert_eq!(version["additionalPrinterColumns"], json!(columns));
    let mut subresources = json!({ "status": {} });
    if let Some(scale) = scale {
        subresources["scale"] = scale;
    }
    assert_eq!(version["subresources"], subresources);
}

fn schema(kind: &str) -> Value {
    definition(kind).crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

#[rstest]
#[case("FlinkDeployment", 114)]
#[case("FlinkSessionJob", 62)]
#[case("FlinkStateSnapshot", 19)]
// 57 of its own and 56 below spec.template.spec.
#[case("FlinkBlueGreenDeployment", 113)]
fn the_schema_has_every_node_and_no_other(#[case] kind: &str, #[case] count: usize) {
    let root = kind_nodes(kind);
    assert_eq!(root.count(), count);
    compare(kind, &root, &schema(kind));
}

fn compare(path: &str, node: &Node, schema: &Value) {
    let kind_of_schema = &schema["type"];
    match &node.kind {
        Type::Object => {
            assert_eq!(kind_of_schema, "object", "{path}");
            let names = |members: Option<&Map<String, Value>>| -> Vec<String> {
                members.into_iter().flat_map(|m| m.keys().cloned()).collect()
            };
            let expected: Vec<String> = node.children.keys().cloned().collect();
            assert_eq!(names(schema["properties"].as_object()), expected, "{path}");
            for (name, child) in &node.children {
                compare(&format!("{path}.{name}"), child, &schema["properties"][name]);
            }
            assert!(schema.get("additionalProperties").is_none(), "{path}");
        }
        Type::List(element) => {
            assert_eq!(kind_of_schema, "array", "{path}");
            let element = Node {
                kind: (**element).clone(),
                children: node.children.clone(),
            };
            compare(&format!("{path}[]"), &element, &schema["items"]);
        }
        Type::Map(element) => {
            assert_eq!(kind_of_schema, "object", "{path}");
            compare(
                &format!("{path}[]"),
                &Node::leaf((**element).clone()),
                &schema["additionalProperties"],
            );
        }
        Type::Enum(values) => {
            assert_eq!(kind_of_schema, "string", "{path}");
            let mut allowed: Vec<&str> = schema["enum"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_str().unwrap())
                .collect();
            allowed.sort_unstable();
            let mut expected: Vec<&str> = values.iter().map(String::as_str).collect();
            expected.sort_unstable();
            assert_eq!(allowed, expected, "{path}");
        }
        Type::Text => assert_eq!((kind_of_schema, schema.get("enum")), (&json!("string"), None), "{path}"),
        Type::Integer => assert_eq!(kind_of_schema, "integer", "{path}"),
        Type::Number => assert_eq!(kind_of_schema, "number", "{path}"),
        Type::Boolean => assert_eq!(kind_of_schema, "boolean", "{path}"),
        Type::IntegerOrText => assert_eq!(schema["x-kubernetes-int-or-string"], true, "{path}"),
        Type::Anything => {
            assert_eq!(kind_of_schema, &Value::Null, "{path}");
            assert_eq!(schema["x-kubernetes-preserve-unknown-fields"], true, "{path}");
        }
        Type::AnyObject => {
            assert_eq!(kind_of_schema, "object", "{path}");
            assert_eq!(schema["x-kubernetes-preserve-unknown-fields"], true, "{path}");
        }
    }
    for keyword in [
        "required", "default", "format", "nullable", "minimum", "maximum", "pattern",
    ] {
        assert!(schema.get(keyword).is_none(), "{path} has {keyword}");
    }
}

/// What the API server would say of `value`: types and enums that do not fit, and fields that it would drop.
fn complaints(path: &str, value: &Value, schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if schema["x-kubernetes-int-or-string"] == true {
        if !(value.is_i64() || value.is_u64() || value.is_string()) {
            found.push(format!("{path}: {value} is neither integer nor string"));
        }
        return found;
    }
    let fits = match schema["type"].as_str() {
        None => true,
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some(other) => panic!("{path}: unknown type {other}"),
    };
    if !fits {
        found.push(format!("{path}: {value} is no {}", schema["type"]));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        found.push(format!("{path}: {value} is none of {allowed:?}"));
    }
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        return found;
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let below = schema["properties"].get(name).or(schema.get("additionalProperties"));
                match below {
                    Some(below) => found.extend(complaints(&format!("{path}.{name}"), member, below)),
                    None => found.push(format!("{path}.{name} is unknown")),
                }
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                found.extend(complaints(&format!("{path}[{index}]"), element, &schema["items"]));
            }
        }
        _ => {}
    }
    found
}

/// Numbers as texts: a quantity is kept as text, and 1 and 1.0 are the same number.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::String(
            number
                .as_i64()
                .map_or_else(|| number.as_f64().unwrap().to_string(), |integer| integer.to_string()),
        ),
        Value::Array(elements) => elements.iter().map(comparable).collect(),
        Value::Object(members) => Value::Object(members.iter().map(|(k, v)| (k.clone(), comparable(v))).collect()),
        other => other.clone(),
    }
}

/// `value` with a field that nobody knows in every object that has fixed fields.
fn with_unknown_fields(value: &Value, node: &Node) -> Value {
    match (value, &node.kind) {
        (Value::Object(members), Type::Object) => {
            let mut members: Map<String, Value> = members
                .iter()
                .map(|(name, member)| {
                    let member = node
                        .children
                        .get(name)
                        .map_or(member.clone(), |child| with_unknown_fields(member, child));
                    (name.clone(), member)
                })
                .collect();
            members.insert("fieldOfTomorrow".to_owned(), json!({ "a": [1] }));
            Value::Object(members)
        }
        (Value::Array(elements), Type::List(element)) => {
            let node = Node {
                kind: (**element).clone(),
                children: node.children.clone(),
            };
            elements
                .iter()
                .map(|element| with_unknown_fields(element, &node))
                .collect()
        }
        (value, _) => value.clone(),
    }
}

/// Reads `value` as `K` and writes it again as it goes to the API server.
fn through<K: DeserializeOwned + Serialize>(value: &Value) -> Value {
    let typed: K = serde_json::from_value(value.clone()).unwrap();
    without_nulls(serde_json::to_value(typed).unwrap())
}

fn holds<K: DeserializeOwned + Serialize>(kind: &str, parts: &Value) -> Result<(), TestCaseError> {
    let found = complaints(kind, parts, &schema(kind));
    prop_assert!(found.is_empty(), "{found:?}");

    let mut whole = json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": kind, "metadata": { "name": "a" }, "spec": {},
    });
    for (name, part) in parts.as_object().unwrap() {
        whole[name] = part.clone();
    }
    prop_assert_eq!(comparable(&through::<K>(&whole)), comparable(&whole));

    let mut odd = whole.clone();
    for (name, part) in with_unknown_fields(parts, &kind_nodes(kind)).as_object().unwrap() {
        odd[name] = part.clone();
    }
    prop_assert_eq!(comparable(&through::<K>(&odd)), comparable(&whole));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn deployments_are_accepted_and_kept(parts in object(&kind_nodes("FlinkDeployment"))) {
        holds::<FlinkDeployment>("FlinkDeployment", &parts)?;
    }

    #[test]
    fn session_jobs_are_accepted_and_kept(parts in object(&kind_nodes("FlinkSessionJob"))) {
        holds::<FlinkSessionJob>("FlinkSessionJob", &parts)?;
    }

    #[test]
    fn snapshots_are_accepted_and_kept(parts in object(&kind_nodes("FlinkStateSnapshot"))) {
        holds::<FlinkStateSnapshot>("FlinkStateSnapshot", &parts)?;
    }

    #[test]
    fn blue_green_deployments_are_accepted_and_kept(parts in object(&kind_nodes("FlinkBlueGreenDeployment"))) {
        holds::<FlinkBlueGreenDeployment>("FlinkBlueGreenDeployment", &parts)?;
    }
}

#[test]
fn the_validator_of_this_test_does_refuse() {
    let schema = schema("FlinkDeployment");
    let wrong = json!({ "spec": {
        "image": 1, "mode": "serverless", "nobody": 1, "restartNonce": 0.5,
        "taskManager": { "resources": { "limits": { "cpu": true } } },
    } });
    assert_eq!(complaints("", &wrong, &schema).len(), 5);
}
