//! Policies as extensions: findings, matches, requests, defaults, files.

use crate::common::{Asked, deployment, policy, rule};
use rstest::rstest;
use serde_json::{Value, json};
use sluice_policies::{Policy, load_yaml};
use sluice_shared::extension::{Extension, Operation};
use sluice_shared::rules::Report;

#[test]
fn a_finding_has_code_field_message_and_fix() {
    let spec = json!({ "rules": [
        { "name": "deny", "expression": "false", "message": "No.", "field": "spec.image", "fix": "Do it." },
        { "name": "warn", "expression": "false", "severity": "Warn", "messageExpression": "'image is ' + object.spec.image" },
        { "name": "audit", "expression": "false", "severity": "Audit", "message": "seen" },
        { "name": "fine", "expression": "true" },
    ]});
    let report = Asked::new(deployment()).validate(&policy(&spec));
    let violation = &report.violations[0];
    assert_eq!(violation.to_string(), "spec.image: No. Do it. [policy/p/deny]");
    let warning = &report.warnings[0];
    assert_eq!(warning.code, "policy/p/warn");
    assert_eq!(warning.path, "spec");
    assert_eq!(warning.message, "image is registry.example.com/flink:1.20");
    assert!(
        warning.fix.contains("kubectl get clusterflinkpolicy p -o yaml"),
        "{}",
        warning.fix
    );
    assert_eq!(
        (report.violations.len(), report.warnings.len(), report.audit.len()),
        (1, 1, 1)
    );
    assert_eq!(report.audit[0].message, "seen");
}

#[test]
fn a_message_shows_no_secret_and_falls_back_where_it_fails() {
    let message = |expression: &str| {
        let spec = json!({ "rules": [{ "name": "r", "expression": "false", "messageExpression": expression }] });
        Asked::new(deployment()).validate(&policy(&spec)).violations[0]
            .message
            .clone()
    };
    let shown = message("object.spec.podTemplate.spec.containers[0].env[0].value + config['s3.secret-key']");
    assert_eq!(shown, "************");
    for failing in ["object.spec.nothing", "1 / 0 == 1 ? 'a' : 'b'", "''"] {
        assert_eq!(message(failing), "this does not hold: false");
    }
}

#[rstest]
#[case::deny("Deny", "Fail", (1, 0, 0))]
#[case::deny_ignored("Deny", "Ignore", (0, 1, 0))]
#[case::warn("Warn", "Fail", (0, 1, 0))]
#[case::audit("Audit", "Fail", (0, 0, 1))]
fn failures_follow_severity_and_policy(
    #[case] severity: &str,
    #[case] failure: &str,
    #[case] counts: (usize, usize, usize),
) {
    let spec = json!({ "failurePolicy": failure,
        "rules": [{ "name": "r", "expression": "object.spec.none == 1", "severity": severity }] });
    let report = Asked::new(deployment()).validate(&policy(&spec));
    assert_eq!(
        (report.violations.len(), report.warnings.len(), report.audit.len()),
        counts
    );
}

#[rstest]
#[case::nothing(json!({}), true)]
#[case::kind(json!({"kinds": ["FlinkDeployment"]}), true)]
#[case::other_kind(json!({"kinds": ["FlinkSessionJob"]}), false)]
#[case::empty_list(json!({"kinds": []}), true)]
#[case::namespace(json!({"namespaces": ["team-b", "team-a"]}), true)]
#[case::other_namespace(json!({"namespaces": ["team-b"]}), false)]
#[case::operation(json!({"operations": ["CREATE"]}), true)]
#[case::other_operation(json!({"operations": ["UPDATE"]}), false)]
#[case::label(json!({"objectSelector": {"matchLabels": {"team": "a"}}}), true)]
#[case::other_label(json!({"objectSelector": {"matchLabels": {"team": "b"}}}), false)]
#[case::expressions(json!({"objectSelector": {"matchExpressions": [{"key": "team", "operator": "In", "values": ["a"]}, {"key": "x", "operator": "DoesNotExist"}]}}), true)]
#[case::not_in(json!({"objectSelector": {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]}}), false)]
#[case::exists(json!({"objectSelector": {"matchExpressions": [{"key": "x", "operator": "Exists"}]}}), false)]
#[case::namespace_label(json!({"namespaceSelector": {"matchLabels": {"env": "prod"}}}), true)]
#[case::other_namespace_label(json!({"namespaceSelector": {"matchLabels": {"env": "dev"}}}), false)]
fn a_policy_is_for_what_it_matches(#[case] matches: Value, #[case] applies: bool) {
    let policy = policy(&json!({ "match": matches, "rules": [{ "name": "r", "expression": "false" }] }));
    assert_eq!(policy.applies(&Asked::new(deployment()).question()), applies);
}

#[test]
fn policies_of_one_name_have_different_codes() {
    let of = |kind: &str| {
        let object = json!({ "kind": kind, "metadata": { "name": "p", "namespace": "team-a" },
                             "spec": { "rules": [{ "name": "r", "expression": "false" }] } });
        let report = Asked::new(deployment()).validate(&Policy::from_json(&object).unwrap());
        report.violations[0].code.to_string()
    };
    assert_eq!(of("ClusterFlinkPolicy"), "policy/p/r");
    assert_eq!(of("FlinkPolicy"), "namespace-policy/p/r");
}

#[test]
fn a_namespaced_policy_is_for_its_namespace() {
    let of = |namespace: &str| {
        let object = json!({ "kind": "FlinkPolicy", "metadata": { "name": "p", "namespace": namespace } });
        Policy::from_json(&object).unwrap()
    };
    let asked = Asked::new(deployment());
    assert!(of("team-a").applies(&asked.question()));
    assert_eq!(of("team-a").name(), "team-a/p");
    assert!(!of("team-b").applies(&asked.question()));
    let elsewhere = json!({ "kind": "FlinkPolicy", "metadata": { "name": "p", "namespace": "a" },
                            "spec": { "match": { "namespaces": ["b"] } } });
    assert_eq!(
        Policy::from_json(&elsewhere).unwrap_err()[0].path,
        "spec.match.namespaces"
    );
}

#[rstest]
#[case("user.name != 'alice'")]
#[case("operation == 'UPDATE'")]
#[case("oldObject != null")]
#[case("namespaceLabels.env == 'dev'")]
fn what_asks_for_a_request_is_left_out_where_there_is_none(#[case] expression: &str) {
    let policy = policy(&rule(expression));
    let mut asked = Asked::new(deployment());
    assert_eq!(asked.validate(&policy).violations.len(), 1);
    (asked.user, asked.operation, asked.labels) = (None, None, None);
    assert_eq!(asked.validate(&policy), Report::default());
}

#[test]
fn a_request_whose_namespace_is_unknown_is_a_failure() {
    let mut asked = Asked::new(deployment());
    asked.labels = None;
    let selecting = policy(
        &json!({ "match": { "namespaceSelector": { "matchLabels": { "a": "b" } } },
                                    "rules": [{ "name": "r", "expression": "true" }] }),
    );
    assert!(selecting.applies(&asked.question()));
    assert!(
        selecting
            .validate(&asked.question())
            .unwrap_err()
            .to_string()
            .contains("labels of the namespace")
    );
    let using = policy(&rule("namespaceLabels.env == 'prod'"));
    assert!(
        asked.validate(&using).violations[0]
            .message
            .contains("labels of the namespace")
    );
    asked.operation = None;
    assert!(!selecting.applies(&asked.question()));
}

#[test]
fn an_update_sees_the_old_object() {
    let policy = policy(&rule(
        "oldObject == null || object.spec.image == oldObject.spec.image || user.name == 'root'",
    ));
    let mut asked = Asked::new(deployment());
    assert_eq!(asked.validate(&policy), Report::default());
    let mut old = deployment();
    old["spec"]["image"] = json!("other");
    (asked.old, asked.operation) = (Some(old), Some(Operation::Update));
    assert_eq!(asked.validate(&policy).violations.len(), 1);
}

#[test]
fn defaults_fill_in_what_is_missing_and_nothing_else() {
    let spec = json!({ "defaults": [
        { "path": "spec.image", "expression": "'other'" },
        { "path": "spec.job.parallelism", "expression": "config['taskmanager.numberOfTaskSlots'] * 2" },
        { "path": "spec.job.upgradeMode", "expression": "'savepoint'" },
        { "path": "metadata.labels.slots", "expression": "config['taskmanager.numberOfTaskSlots']" },
        { "path": "spec.flinkConfiguration[execution.checkpointing.interval]", "expression": "duration('30s')" },
        { "path": "spec.flinkConfiguration['taskmanager.numberOfTaskSlots']", "expression": "8" },
        { "path": "spec.serviceAccount", "expression": "has(object.spec.job) ? 'flink' : null" },
        { "path": "/spec/podTemplate/metadata/labels", "expression": "{'a': 'b'}" },
    ]});
    let policy = policy(&spec);
    let once = Asked::new(deployment()).mutate(&policy);
    let mut expected = deployment();
    expected["spec"]["job"] = json!({ "parallelism": 4, "upgradeMode": "savepoint" });
    expected["metadata"]["labels"]["slots"] = json!("2");
    expected["spec"]["flinkConfiguration"]["execution.checkpointing.interval"] = json!("30000 ms");
    expected["spec"]["podTemplate"]["metadata"] = json!({ "labels": { "a": "b" } });
    assert_eq!(once, expected);
    // The second round sees a job, which the first did not.
    expected["spec"]["serviceAccount"] = json!("flink");
    assert_eq!(Asked::new(once).mutate(&policy), expected);
}

#[test]
fn a_default_that_fails_is_a_failure_that_names_it() {
    let policy = policy(&json!({ "defaults": [{ "path": "spec.x", "expression": "object.spec.none" }] }));
    let failure = policy
        .mutate(&Asked::new(deployment()).question())
        .unwrap_err()
        .to_string();
    assert!(
        failure.starts_with("the default of spec.x cannot be worked out: there is no `none`"),
        "{failure}"
    );
}

#[test]
fn policies_are_found_among_documents() {
    let text = "
apiVersion: sluice.flink.apache.org/v1alpha1
kind: ClusterFlinkPolicy
metadata: { name: good }
spec: { rules: [ { name: r, expression: 'true' } ] }
---
apiVersion: v1
kind: ConfigMap
---
apiVersion: v1
kind: List
items:
  - { apiVersion: sluice.flink.apache.org/v1alpha1, kind: FlinkPolicy, metadata: { name: bad, namespace: ns },
      spec: { rules: [ { name: r, expression: 'tru' } ] } }
";
    let loaded = load_yaml(text).unwrap();
    assert_eq!(loaded.policies.len(), 1);
    assert_eq!(loaded.policies[0].name(), "good");
    let problem = loaded.problems[0].to_string();
    assert!(
        problem.starts_with(
            "document 3, FlinkPolicy bad:\n  spec.rules[0].expression: line 1, column 1: there is no variable `tru`"
        ),
        "{problem}"
    );
    assert!(load_yaml("a: [").is_err());
}
