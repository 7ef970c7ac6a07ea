//! Mistakes beside each other: none hides another, and none brings a finding of its own about the same field.

use std::fmt::Write as _;

use rstest::rstest;
use serde_json::{Map, Value, json};

use super::cases::{Case, cases};
use super::found;
use super::objects::{changed, judge, merge};
use crate::rules::Kind;

/// A mistake that has nothing to do with any other, and what finds it.
fn another_mistake(kind: Kind) -> (Value, &'static str, &'static str) {
    match kind {
        Kind::FlinkDeployment => (
            json!({ "logConfiguration": { "log4j.properties": "a" } }),
            "logging-file-unknown",
            "spec.logConfiguration[log4j.properties]",
        ),
        Kind::FlinkSessionJob => (
            json!({ "flinkConfiguration": { "kubernetes.cluster-id": "x" } }),
            "job-config-forbidden",
            "spec.flinkConfiguration[kubernetes.cluster-id]",
        ),
        Kind::FlinkStateSnapshot => (
            json!({ "backoffLimit": -2 }),
            "snapshot-backoff-invalid",
            "spec.backoffLimit",
        ),
        Kind::FlinkBlueGreenDeployment => (
            json!({ "template": { "spec": { "logConfiguration": { "log4j.properties": "a" } } } }),
            "logging-file-unknown",
            "spec.template.spec.logConfiguration[log4j.properties]",
        ),
    }
}

#[test]
fn another_mistake_hides_none_and_is_not_hidden() {
    let mut wrong = String::new();
    for Case {
        code,
        kind,
        patch,
        finds,
    } in cases()
    {
        let (other, other_code, other_path) = another_mistake(kind);
        // What cannot be read cannot hold another mistake.
        let is_shape = ["config-shape", "job-config-shape", "field-type", "template-missing"].contains(&code);
        if code == other_code || (is_shape && !finds.is_empty()) || patch["spec"].is_null() {
            continue;
        }
        let mut object = changed(kind, &patch);
        merge(&mut object["spec"], &other);
        let report = judge(kind, &object, None);
        let found = found(&report);
        let ours: Vec<&str> = found
            .iter()
            .filter(|(of, _)| *of == code)
            .map(|(_, path)| *path)
            .collect();
        if ours != finds || !found.contains(&(other_code, other_path)) {
            writeln!(wrong, "{code} {kind} {patch}\n  finds {found:?}\n  should {finds:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// An old mistake is no mistake as long as nothing changes, and is one again when anything does.
#[test]
fn a_change_elsewhere_brings_an_old_mistake_up_again() {
    for Case { code, kind, patch, .. } in cases() {
        let old = changed(kind, &patch);
        let mut new = old.clone();
        let change = match kind {
            Kind::FlinkDeployment | Kind::FlinkSessionJob => json!({ "restartNonce": 77 }),
            Kind::FlinkBlueGreenDeployment => json!({ "template": { "spec": { "restartNonce": 77 } } }),
            Kind::FlinkStateSnapshot => json!({ "savepoint": { "disposeOnDelete": false } }),
        };
        let is_object = new["spec"].is_object()
            && new["spec"]["template"].get("spec").is_none_or(Value::is_object)
            && (kind != Kind::FlinkStateSnapshot || new["spec"]["savepoint"].is_object())
            && (kind != Kind::FlinkBlueGreenDeployment || new["spec"]["template"]["spec"].is_object());
        if !is_object {
            continue;
        }
        merge(&mut new["spec"], &change);
        if new == old {
            continue;
        }
        let report = judge(kind, &new, Some(&old));
        assert_eq!(found(&report), found(&judge(kind, &new, None)), "{code}: {patch}");
    }
}

/// `configuration` with every key as a path of maps; `None` where two keys cannot stand beside each other so.
fn nested(configuration: &Map<String, Value>) -> Option<Value> {
    let mut all = json!({});
    for (key, value) in configuration {
        let mut at = &mut all;
        for part in key.split('.') {
            at = at.as_object_mut()?.entry(part).or_insert_with(|| json!({}));
        }
        if *at != json!({}) {
            return None;
        }
        *at = value.clone();
    }
    Some(all)
}

#[test]
fn a_nested_configuration_gets_the_verdict_of_a_flat_one() {
    let mut tried = 0;
    let mut wrong = String::new();
    for Case { code, kind, patch, .. } in cases() {
        let object = changed(kind, &patch);
        let pointer = match kind {
            Kind::FlinkBlueGreenDeployment => "/spec/template/spec/flinkConfiguration",
            _ => "/spec/flinkConfiguration",
        };
        let Some(Value::Object(flat)) = object.pointer(pointer) else {
            continue;
        };
        let Some(nested) = nested(flat).filter(|nested| nested.as_object() != Some(flat)) else {
            continue;
        };
        let mut other = object.clone();
        *other.pointer_mut(pointer).unwrap() = nested;
        let (report, other_report) = (judge(kind, &object, None), judge(kind, &other, None));
        tried += 1;
        if found(&report) != found(&other_report) {
            writeln!(
                wrong,
                "{code} {kind} {patch}\n  flat   {:?}\n  nested {:?}",
                found(&report),
                found(&other_report)
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(tried > 300, "{tried}");
}

/// What one object is found to have, in the order in which it is told.
#[rstest]
#[case::nothing_for_savepoints(
    json!({ "job": { "upgradeMode": "savepoint", "savepointTriggerNonce": 1 }, "flinkConfiguration": {
        "kubernetes.operator.periodic.savepoint.interval": "often",
    } }),
    &[
        "checkpoint-dir-missing", "savepoint-dir-missing", "savepoint-trigger-needs-dir", "periodic-savepoint-needs-dir",
        "schedule-unreadable",
    ]
)]
#[case::no_way_back(
    json!({ "job": { "upgradeMode": "last-state" }, "jobManager": { "replicas": 2 }, "flinkConfiguration": {
        "kubernetes.operator.deployment.rollback.enabled": true,
        "kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age": "1 h",
    } }),
    &[
        "rollback-needs-ha", "checkpoint-dir-missing", "checkpoint-age-needs-savepoint-dir", "standby-needs-ha",
        "last-state-without-ha",
    ]
)]
#[case::scaled_all_wrong(
    json!({ "flinkConfiguration": {
        "job.autoscaler.enabled": "true",
        "job.autoscaler.scale-up.max-factor": "-1",
        "job.autoscaler.memory.heap-usage.threshold": "2",
        "job.autoscaler.utilization.max": "0.1",
        "job.autoscaler.excluded.periods": "lunch",
        "job.autoscaler.metrics.window": "1 s",
        "scheduler-mode": "reactive",
    } }),
    &[
        "autoscaler-negative", "autoscaler-fraction", "autoscaler-utilization-bounds", "autoscaler-excluded-period",
        "autoscaler-window-too-small", "autoscaler-cannot-act",
    ]
)]
// What cannot be read is told once, and its default takes its place.
#[case::an_unreadable_target(
    json!({ "flinkConfiguration": {
        "job.autoscaler.enabled": "true",
        "job.autoscaler.utilization.target": "most",
        "job.autoscaler.utilization.max": "0.6",
    } }),
    &["config-value", "autoscaler-utilization-bounds"]
)]
// Bounds of a target that cannot be say nothing.
#[case::an_impossible_target(
    json!({ "flinkConfiguration": {
        "job.autoscaler.enabled": "true",
        "job.autoscaler.utilization.target": "1.5",
        "job.autoscaler.utilization.max": "0.6",
    } }),
    &["autoscaler-fraction"]
)]
#[case::unreadable_switch(
    json!({ "flinkConfiguration": { "job.autoscaler.enabled": "on", "job.autoscaler.scale-up.max-factor": "-1" } }),
    &["config-value"]
)]
#[case::unreadable_window(
    json!({ "flinkConfiguration": { "job.autoscaler.enabled": "true", "job.autoscaler.metrics.window": "short" } }),
    &["config-value"]
)]
#[case::old_flink_is_not_scaled(
    json!({ "flinkVersion": "v1_16", "flinkConfiguration": { "job.autoscaler.enabled": "true" } }),
    &["version-deprecated", "autoscaler-cannot-act"]
)]
#[case::unreadable_retention(
    json!({ "job": { "upgradeMode": "last-state" }, "flinkConfiguration": {
        "high-availability.type": "kubernetes",
        "execution.checkpointing.dir": "s3://c",
        "execution.checkpointing.externalized-checkpoint-retention": "KEEP",
    } }),
    &["config-value"]
)]
#[case::no_replicas_make_no_parallelism(
    json!({ "taskManager": { "replicas": 0 }, "job": { "parallelism": 0 } }),
    &["replicas-invalid"]
)]
#[case::local_directories_of_a_stateful_job(
    json!({ "job": { "upgradeMode": "savepoint" }, "flinkConfiguration": {
        "execution.checkpointing.dir": "file:///c", "execution.checkpointing.savepoint-dir": "/s",
    } }),
    &["node-local-dir", "node-local-dir", "savepoint-without-checkpoints"]
)]
fn of_a_deployment_all_is_told(#[case] spec: Value, #[case] expected: &[&str]) {
    assert_eq!(codes_of(Kind::FlinkDeployment, &json!({ "spec": spec })), expected);
}

#[rstest]
#[case::nothing(json!({ "deploymentName": null, "job": null }), &["job-missing", "session-name-invalid"])]
#[case::jar(json!({ "job": { "jarURI": "http://10.0.0.1/a b.jar" } }), &["jar-host-refused", "jar-scheme-refused", "jar-uri-invalid"])]
#[case::application(
    json!({ "deploymentName": "application", "job": { "parallelism": 0, "upgradeMode": "last-state" } }),
    &["checkpoint-dir-missing", "parallelism-missing", "session-is-application"]
)]
// Of a cluster that is not there only the job's own mistakes are told.
#[case::elsewhere(
    json!({ "deploymentName": "elsewhere", "job": { "parallelism": 0, "jarURI": "a.jar" }, "flinkConfiguration": {
        "high-availability.cluster-id": "x", "execution.checkpointing.interval": "soon",
    } }),
    &["jar-uri-invalid", "job-config-forbidden", "job-config-value"]
)]
fn of_a_session_job_all_is_told(#[case] spec: Value, #[case] expected: &[&str]) {
    let mut found = codes_of(Kind::FlinkSessionJob, &json!({ "spec": spec }));
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[rstest]
#[case::nothing(
    json!({ "jobReference": null, "savepoint": null, "backoffLimit": -7 }),
    &["snapshot-kind", "snapshot-reference-missing", "snapshot-backoff-invalid"]
)]
#[case::both_of_nobody(
    json!({ "jobReference": { "name": "nobody" }, "checkpoint": {} }),
    &["snapshot-kind", "snapshot-target-missing"]
)]
#[case::existing_nowhere(
    json!({ "jobReference": null, "savepoint": { "alreadyExists": true, "path": null }, "checkpoint": {}, "backoffLimit": -2 }),
    &["snapshot-kind", "snapshot-path-missing", "snapshot-backoff-invalid"]
)]
fn of_a_snapshot_all_is_told(#[case] spec: Value, #[case] expected: &[&str]) {
    assert_eq!(codes_of(Kind::FlinkStateSnapshot, &json!({ "spec": spec })), expected);
}

#[rstest]
#[case::parent_and_children(
    json!({
        "metadata": { "name": "a".repeat(40) },
        "spec": {
            "configuration": { "kubernetes.operator.bluegreen.abort.grace-period": "soon", "rest.port": "1" },
            "ingress": { "template": "10.0.0.1" },
            "template": { "spec": { "job": null, "flinkVersion": null, "ingress": { "template": "/a" } } },
        },
    }),
    &[
        "parent-ingress-invalid", "blue-green-name-invalid", "template-job-missing", "blue-green-option-value",
        "version-missing", "ingress-template-invalid", "blue-green-option-unknown",
    ]
)]
#[case::savepoints_of_children(
    json!({ "spec": { "template": { "spec": { "job": { "upgradeMode": "savepoint" } } } } }),
    &["checkpoint-dir-missing", "savepoint-dir-missing", "savepoint-without-checkpoints"]
)]
fn of_a_blue_green_deployment_all_is_told(#[case] patch: Value, #[case] expected: &[&str]) {
    assert_eq!(codes_of(Kind::FlinkBlueGreenDeployment, &patch), expected);
}

/// Codes of what is found in the good object, changed.
fn codes_of(kind: Kind, patch: &Value) -> Vec<String> {
    let report = judge(kind, &changed(kind, patch), None);
    found(&report).into_iter().map(|(code, _)| code.to_owned()).collect()
}

/// Cases that name no version are not about one.
#[test]
fn flink_2_gets_the_verdict_of_flink_1() {
    let mut tried = 0;
    let mut wrong = String::new();
    for Case {
        code,
        kind,
        patch,
        finds,
    } in cases()
    {
        let pointer = match kind {
            Kind::FlinkDeployment => "/spec",
            Kind::FlinkBlueGreenDeployment => "/spec/template/spec",
            Kind::FlinkSessionJob | Kind::FlinkStateSnapshot => continue,
        };
        let mut object = changed(kind, &patch);
        let names_a_version = patch.pointer(&format!("{pointer}/flinkVersion")).is_some();
        let spec = object
            .pointer_mut(pointer)
            .filter(|spec| spec["flinkVersion"] == "v1_20");
        let Some(spec) = spec.filter(|_| !names_a_version && code != "version-change-while-suspended") else {
            continue;
        };
        spec["flinkVersion"] = json!("v2_0");
        let report = judge(kind, &object, None);
        let found = found(&report);
        let ours: Vec<&str> = found
            .iter()
            .filter(|(of, _)| *of == code)
            .map(|(_, path)| *path)
            .collect();
        tried += 1;
        if ours != finds {
            writeln!(wrong, "{code} {kind} {patch}\n  finds {found:?}\n  should {finds:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(tried > 500, "{tried}");
}
