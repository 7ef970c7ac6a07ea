//! Policies through the routes: written, and asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

mod common;

use std::sync::Arc;

use axum::Router;
use common::{ask, create_deployment, good_spec, patch_of, post, routes, webhook};
use rstest::rstest;
use serde_json::{Value, json};
use sluice_policies::Policy;
use sluice_shared::config::DefaultConfiguration;
use sluice_shared::extension::{Extension, Extensions};
use sluice_webhook::dispatch::Admission;
use sluice_webhook::judge::Judge;
use sluice_webhook::lookups::Lookups;

fn policy(kind: &str, spec: &Value) -> Value {
    json!({ "apiVersion": "sluice.flink.apache.org/v1alpha1", "kind": kind, "metadata": { "name": "p" }, "spec": spec })
}

fn written(kind: &str, plural: &str, operation: &str, object: &Value, old: Option<&Value>) -> String {
    let (group, version) = ("sluice.flink.apache.org", "v1alpha1");
    json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": common::UID,
            "kind": { "group": group, "version": version, "kind": kind },
            "resource": { "group": group, "version": version, "resource": plural },
            "name": "p", "namespace": if kind == "FlinkPolicy" { "default" } else { "" },
            "operation": operation, "userInfo": { "username": "admin" }, "object": object, "oldObject": old,
        },
    })
    .to_string()
}

const BAD: &str = "object.spec.image.startsWith('x') &&\n  objct.spec.job.parallelism < 3";

#[rstest]
#[case("ClusterFlinkPolicy", "clusterflinkpolicies")]
#[case("FlinkPolicy", "flinkpolicies")]
#[tokio::test]
async fn a_policy_with_a_mistake_is_refused_with_its_place(#[case] kind: &str, #[case] plural: &str) {
    let good = policy(kind, &json!({ "rules": [{ "name": "r", "expression": "true" }] }));
    let bad = policy(kind, &json!({ "rules": [{ "name": "r", "expression": BAD }] }));
    let (_, response) = ask(
        webhook(),
        post("/validate", written(kind, plural, "CREATE", &good, None)),
    )
    .await;
    assert_eq!(response["allowed"], true, "{response}");
    let (_, response) = ask(
        webhook(),
        post("/validate", written(kind, plural, "UPDATE", &bad, Some(&good))),
    )
    .await;
    let status = &response["status"];
    assert_eq!(status["code"], 422);
    let cause = &status["details"]["causes"][0];
    assert_eq!(cause["field"], "spec.rules[0].expression");
    let message = cause["message"].as_str().unwrap();
    assert!(
        message.starts_with("line 2, column 3: there is no variable `objct`; did you mean `object`?"),
        "{message}"
    );

    // What is there already is not held up, and goes when it is to go.
    let mut labelled = bad.clone();
    labelled["metadata"]["labels"] = json!({ "a": "b" });
    let mut going = policy(kind, &json!({ "rules": [{ "name": "r" }] }));
    going["metadata"]["deletionTimestamp"] = json!("2026-11-22T00:00:00Z");
    for object in [labelled, going] {
        let review = written(kind, plural, "UPDATE", &object, Some(&bad));
        let (_, response) = ask(webhook(), post("/validate", review)).await;
        assert_eq!(response["allowed"], true, "{response}");
    }
}

#[tokio::test]
async fn requests_about_other_kinds_of_the_group_are_no_policies() {
    let object = policy("Other", &json!({}));
    let (_, response) = ask(
        webhook(),
        post("/validate", written("Other", "others", "CREATE", &object, None)),
    )
    .await;
    assert_eq!(response["status"]["code"], 400);
    let object = policy("FlinkPolicy", &json!({}));
    let review = written("FlinkPolicy", "clusterflinkpolicies", "CREATE", &object, None);
    let (_, response) = ask(webhook(), post("/validate", review)).await;
    assert!(
        response["status"]["message"]
            .as_str()
            .unwrap()
            .contains("contradicts itself")
    );
}

fn asking(spec: &Value) -> Router {
    let extensions = Extensions::default();
    let policy: Arc<dyn Extension> = Arc::new(Policy::from_json(&policy("ClusterFlinkPolicy", spec)).unwrap());
    extensions.replace("cel", vec![policy]);
    let judge = Judge::new(DefaultConfiguration::default(), Arc::new(Lookups::none()));
    let judge = judge.with_extensions(Arc::new(extensions));
    routes(Arc::new(Admission::new(Arc::new(judge))))
}

fn rule(severity: &str) -> Value {
    json!({ "rules": [{ "name": "registry", "severity": severity, "field": "spec.image",
        "expression": "object.spec.image.startsWith('registry.example.com/') || user.name == 'root'",
        "messageExpression": "'image ' + object.spec.image + ' is not from our registry'",
        "fix": "push it there" }] })
}

#[tokio::test]
async fn a_broken_rule_denies_with_its_own_words() {
    let body = create_deployment(&good_spec()).to_string();
    let (_, response) = ask(asking(&rule("Deny")), post("/validate", body.clone())).await;
    assert_eq!(response["status"]["code"], 422);
    let cause = &response["status"]["details"]["causes"][0];
    assert_eq!(cause["field"], "spec.image");
    assert_eq!(
        cause["message"],
        "image flink:1.20 is not from our registry. Push it there. [policy/p/registry]"
    );
    let by_root = body.replace("\"admin\"", "\"root\"");
    let (_, response) = ask(asking(&rule("Deny")), post("/validate", by_root)).await;
    assert_eq!(response["allowed"], true);
}

#[tokio::test]
async fn a_broken_rule_warns_or_is_only_recorded() {
    let body = create_deployment(&good_spec()).to_string();
    let (_, response) = ask(asking(&rule("Warn")), post("/validate", body.clone())).await;
    assert_eq!(response["allowed"], true);
    let warnings = response["warnings"].to_string();
    assert!(warnings.contains("is not from our registry"), "{warnings}");
    let (_, response) = ask(asking(&rule("Audit")), post("/validate", body)).await;
    assert_eq!(response["allowed"], true);
    assert!(!response["warnings"].to_string().contains("registry"), "{response}");
}

#[tokio::test]
async fn defaults_fill_in_and_a_second_round_changes_nothing() {
    let spec = json!({ "defaults": [
        { "path": "metadata.labels.team", "expression": "object.metadata.namespace" },
        { "path": "spec.flinkConfiguration[execution.checkpointing.interval]", "expression": "duration('1m')" },
        { "path": "spec.image", "expression": "'never'" },
    ]});
    let mut body = create_deployment(&good_spec());
    let (_, response) = ask(asking(&spec), post("/mutate", body.to_string())).await;
    let patch: json_patch::Patch = serde_json::from_value(patch_of(&response)).unwrap();
    json_patch::patch(&mut body["request"]["object"], &patch).unwrap();
    let object = &body["request"]["object"];
    assert_eq!(object["metadata"]["labels"], json!({ "team": "default" }));
    assert_eq!(
        object["spec"]["flinkConfiguration"],
        json!({ "execution.checkpointing.interval": "60000 ms" })
    );
    assert_eq!(object["spec"]["image"], "flink:1.20");
    let (_, response) = ask(asking(&spec), post("/mutate", body.to_string())).await;
    assert_eq!(response, json!({ "uid": common::UID, "allowed": true }));
}
