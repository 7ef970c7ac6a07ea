//! Every rule refuses what it is there for, nothing refuses a good object, and nobody is refused for an old mistake.

mod administrators;
mod cases;
mod everyday;
mod objects;
mod properties;
mod secrets;
mod together;
mod upstream;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use cases::{Case, cases};
use objects::{Cluster, acted_on, changed, codes, good, judge, merge};

#[rstest]
fn a_good_object_is_taken(
    #[values(
        Kind::FlinkDeployment,
        Kind::FlinkSessionJob,
        Kind::FlinkStateSnapshot,
        Kind::FlinkBlueGreenDeployment
    )]
    kind: Kind,
) {
    assert_eq!(judge(kind, &good(kind), None), Report::default());
}

#[test]
fn every_case_is_found_by_its_rule_alone() {
    let mut wrong = String::new();
    for Case {
        code,
        kind,
        patch,
        finds,
    } in cases()
    {
        let report = judge(kind, &changed(kind, &patch), None);
        let found: Vec<(&str, &str)> = report
            .violations
            .iter()
            .map(|v| (v.code.as_ref(), v.path.as_str()))
            .chain(report.warnings.iter().map(|w| (w.code.as_ref(), w.path.as_str())))
            // Many cases use older spellings of options on purpose.
            .filter(|(found, _)| *found == code || !["config-deprecated", "job-config-deprecated"].contains(found))
            .collect();
        let expected: Vec<(&str, &str)> = finds.iter().map(|path| (code, *path)).collect();
        if found != expected {
            let patch: String = patch.to_string().chars().take(400).collect();
            writeln!(wrong, "{kind} with {patch}\n  finds  {found:?}\n  should {expected:?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Codes and paths of what is found.
fn found(report: &Report) -> Vec<(&str, &str)> {
    let violations = report.violations.iter().map(|v| (v.code.as_ref(), v.path.as_str()));
    let warnings = report.warnings.iter().map(|w| (w.code.as_ref(), w.path.as_str()));
    violations.chain(warnings).collect()
}

#[test]
fn an_update_gets_the_verdict_of_a_create_and_no_change_gets_none() {
    for Case { code, kind, patch, .. } in cases() {
        let (old, new) = (good(kind), changed(kind, &patch));
        assert_eq!(judge(kind, &new, Some(&new)), Report::default(), "{code}: {patch}");
        let created = judge(kind, &new, None);
        let updated = judge(kind, &new, Some(&old));
        if old["spec"] == new["spec"] {
            assert_eq!(updated, Report::default(), "{code}: {patch}");
            continue;
        }
        // A snapshot may not become another one, whatever else is said of it.
        let (stays, rest): (Vec<_>, Vec<_>) = found(&updated)
            .into_iter()
            .partition(|(code, _)| *code == "snapshot-immutable");
        assert!(stays.is_empty() || kind == Kind::FlinkStateSnapshot, "{code}: {patch}");
        assert_eq!(rest, found(&created), "{code}: {patch}");
    }
}

/// Every case of a `FlinkDeployment` as one of another kind that has the rule, too: object and where it is found.
fn cases_of(other: Kind) -> impl Iterator<Item = (Case, Value, Vec<String>)> {
    cases().into_iter().filter_map(move |case| {
        let has_rule = rule(case.code).is_some_and(|rule| rule.kinds.contains(&other));
        let parts = case.patch.as_object().unwrap();
        let spec = case.patch["spec"].as_object().filter(|_| parts.len() == 1)?;
        // Children's colour goes before the template of an ingress: one that begins with a path is none for them.
        let differs = case.code == "ingress-template-invalid";
        if !has_rule || differs || case.kind != Kind::FlinkDeployment {
            return None;
        }
        let (object, root) = match other {
            Kind::FlinkBlueGreenDeployment => (
                json!({ "spec": { "template": { "spec": spec } } }),
                "spec.template.spec",
            ),
            _ if spec
                .keys()
                .all(|part| ["job", "flinkConfiguration"].contains(&part.as_str()))
                && !spec.get("job").is_some_and(Value::is_null) =>
            {
                (case.patch.clone(), "spec")
            }
            _ => return None,
        };
        let paths = case.finds.iter().map(|path| path.replacen("spec", root, 1)).collect();
        Some((case, changed(other, &object), paths))
    })
}

#[rstest]
#[case(Kind::FlinkBlueGreenDeployment, 250)]
#[case(Kind::FlinkSessionJob, 50)]
fn other_kinds_with_the_rule_get_the_same_verdict(#[case] kind: Kind, #[case] at_least: usize) {
    let mut tried = 0;
    let mut wrong = String::new();
    for (case, object, paths) in cases_of(kind) {
        let report = judge(kind, &object, None);
        let found: Vec<&str> = found(&report)
            .into_iter()
            .filter(|(code, _)| *code == case.code)
            .map(|(_, path)| path)
            .collect();
        tried += 1;
        if found != paths {
            writeln!(
                wrong,
                "{} {}\n  finds  {found:?}\n  should {paths:?}",
                case.code, case.patch
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(tried >= at_least, "{tried}");
}

#[test]
fn every_rule_has_a_case_for_every_kind_of_code() {
    let mut cased: BTreeSet<&str> = cases().iter().filter(|c| !c.finds.is_empty()).map(|c| c.code).collect();
    // It needs an old object: see `a_snapshot_stays_what_it_was`.
    cased.insert("snapshot-immutable");
    let rules: BTreeSet<&str> = all().map(|rule| rule.code).collect();
    assert_eq!(cased, rules);
}

#[test]
fn codes_are_unique_and_in_kebab_case() {
    let mut seen = BTreeSet::new();
    for rule in all() {
        assert!(seen.insert(rule.code), "{} stands twice", rule.code);
        assert!(
            rule.code.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
            "{}",
            rule.code
        );
        assert!(!rule.kinds.is_empty(), "{}", rule.code);
        for text in [rule.what, rule.why, rule.fix] {
            assert!(!text.is_empty() && !text.ends_with('.'), "{}: {text}", rule.code);
        }
    }
}

#[test]
fn what_users_read() {
    let mut text = String::new();
    for Case { code, kind, patch, .. } in cases() {
        let report = judge(kind, &changed(kind, &patch), None);
        let lines: Vec<String> = report
            .violations
            .iter()
            .map(ToString::to_string)
            .chain(report.warnings.iter().map(|w| format!("warning: {w}")))
            .collect();
        if !lines.is_empty() {
            let mut shown = patch.clone();
            shown.as_object_mut().unwrap().remove("status");
            let shown: String = shown.to_string().chars().take(400).collect();
            writeln!(text, "{code} ({kind}) {shown}").unwrap();
            for line in lines {
                writeln!(text, "  {line}").unwrap();
            }
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn all_mistakes_are_told_at_once_and_in_order() {
    let object = changed(
        Kind::FlinkDeployment,
        &json!({
            "metadata": { "name": "My_Job" },
            "spec": {
                "flinkVersion": null,
                "serviceAccount": null,
                "mode": "serverless",
                "flinkConfiguration": { "kubernetes": { "cluster-id": "x" } },
                "jobManager": { "resource": { "memory": "two" }, "replicas": 0 },
                "taskManager": { "resource": null },
                "job": { "parallelism": "many", "upgradeMode": "savepoint" },
            },
        }),
    );
    assert_eq!(
        codes(&judge(Kind::FlinkDeployment, &object, None)),
        [
            "field-type",
            "field-type",
            "name-invalid",
            "version-missing",
            "config-forbidden",
            "checkpoint-dir-missing",
            "savepoint-dir-missing",
            "memory-missing",
            "memory-unreadable",
            "replicas-invalid",
            "service-account-missing",
        ]
    );
}

#[rstest]
#[case::unchanged(json!({}), json!({}))]
#[case::labels_only(json!({ "metadata": { "labels": { "a": "b" } } }), json!({}))]
#[case::status_only(json!({ "status": { "error": "x" } }), json!({}))]
#[case::nulls_only(json!({ "spec": { "mode": null } }), json!({}))]
#[case::being_deleted(json!({ "metadata": { "deletionTimestamp": "2024-01-01T00:00:00Z" }, "spec": { "image": "new" } }), json!({}))]
#[case::canary(json!({ "metadata": { "labels": { "flink.apache.org/canary": "True" } }, "spec": null }), json!({ "spec": null }))]
fn an_old_mistake_stands_in_nobodys_way(#[case] patch: Value, #[case] old: Value) {
    let mistake = json!({ "spec": { "flinkVersion": "v1_13", "serviceAccount": null } });
    let mut old_object = changed(Kind::FlinkDeployment, &mistake);
    merge(&mut old_object, &old);
    let mut object = old_object.clone();
    merge(&mut object, &patch);
    assert_eq!(
        judge(Kind::FlinkDeployment, &object, Some(&old_object)),
        Report::default()
    );
}

#[test]
fn a_status_that_another_version_wrote_stands_in_nobodys_way() {
    let patch = json!({ "status": { "jobStatus": { "state": "DREAMING" }, "observedGeneration": "one" } });
    let object = changed(Kind::FlinkDeployment, &patch);
    assert_eq!(judge(Kind::FlinkDeployment, &object, None), Report::default());
}

#[test]
fn a_changed_spec_is_judged_as_a_whole() {
    let old = changed(Kind::FlinkDeployment, &json!({ "spec": { "flinkVersion": "v1_13" } }));
    let new = changed(
        Kind::FlinkDeployment,
        &json!({ "spec": { "flinkVersion": "v1_13", "image": "new" } }),
    );
    assert_eq!(
        codes(&judge(Kind::FlinkDeployment, &new, Some(&old))),
        ["version-unsupported"]
    );
    assert!(judge(Kind::FlinkDeployment, &good(Kind::FlinkDeployment), Some(&old)).is_valid());
}

#[test]
fn a_huge_configuration_of_mistakes_is_answered_briefly() {
    let keys: serde_json::Map<String, Value> = (0..5_000)
        .map(|i| (format!("execution.checkpointing.intervall{i}"), Value::from("x")))
        .collect();
    let object = changed(
        Kind::FlinkDeployment,
        &json!({ "spec": { "flinkConfiguration": keys } }),
    );
    let report = judge(Kind::FlinkDeployment, &object, None);
    assert!(report.is_valid());
    assert_eq!(report.warnings.len(), 20);
}

#[test]
fn what_is_not_known_is_taken_as_fine() {
    let defaults = DefaultConfiguration::default();
    let environment = Environment::new(&defaults, &NoLookups);
    let job = changed(
        Kind::FlinkSessionJob,
        &json!({ "spec": { "deploymentName": "somewhere" } }),
    );
    assert!(validate_json(Kind::FlinkSessionJob, &Json::from(&job), None, &environment).is_valid());
    let snapshot = changed(
        Kind::FlinkStateSnapshot,
        &json!({ "spec": { "jobReference": { "name": "somebody" } } }),
    );
    assert!(validate_json(Kind::FlinkStateSnapshot, &Json::from(&snapshot), None, &environment).is_valid());
}

#[test]
fn a_session_job_runs_with_its_clusters_configuration() {
    struct Session;
    impl Lookups for Session {
        fn deployment(&self, _: &str, _: &str) -> Lookup<FlinkDeployment> {
            let mut session: FlinkDeployment = serde_json::from_value(changed(
                Kind::FlinkDeployment,
                &json!({ "spec": { "job": null, "flinkConfiguration": { "state": { "checkpoints.dir": "s3://c" } } } }),
            ))
            .unwrap();
            session.metadata.name = Some("session".to_owned());
            Lookup::Found(Arc::new(session))
        }
        fn session_job(&self, _: &str, _: &str) -> Lookup<FlinkSessionJob> {
            Lookup::Missing
        }
    }
    let defaults = DefaultConfiguration::default();
    let environment = Environment::new(&defaults, &Session);
    let job = changed(
        Kind::FlinkSessionJob,
        &json!({ "spec": { "job": { "upgradeMode": "last-state" } } }),
    );
    assert!(validate_json(Kind::FlinkSessionJob, &Json::from(&job), None, &environment).is_valid());
    assert_eq!(
        codes(&judge(Kind::FlinkSessionJob, &job, None)),
        ["checkpoint-dir-missing"]
    );
}

#[test]
fn the_proof_comes_from_the_rules_or_from_what_runs() {
    let defaults = DefaultConfiguration::default();
    let environment = Environment::new(&defaults, &NoLookups);
    let object =
        |patch: Value| -> FlinkDeployment { serde_json::from_value(changed(Kind::FlinkDeployment, &patch)).unwrap() };
    let valid = Valid::check(object(json!({})), &environment).unwrap();
    assert_eq!(valid.config().get("taskmanager.numberOfTaskSlots"), Some("2"));
    assert_eq!(valid.spec.image.as_deref(), Some("flink:1.20"));
    let deprecated = Valid::check(object(json!({ "spec": { "flinkVersion": "v1_17" } })), &environment).unwrap();
    assert_eq!(deprecated.warnings()[0].code, "version-deprecated");

    let bad = object(json!({
        "metadata": { "deletionTimestamp": "2024-01-01T00:00:00Z" },
        "spec": { "serviceAccount": null, "image": "new" },
        "status": acted_on(Kind::FlinkDeployment, &json!({})),
    }));
    let report = Valid::check(bad.clone(), &environment).unwrap_err();
    assert_eq!(codes(&report), ["service-account-missing"]);
    let running = Valid::<FlinkDeployment>::last_reconciled(bad, &environment).unwrap();
    assert_eq!(running.spec.image.as_deref(), Some("flink:1.20"));
    assert!(Valid::<FlinkDeployment>::last_reconciled(object(json!({})), &environment).is_none());
}

#[test]
fn a_name_still_to_be_generated_is_judged_by_its_length() {
    let generated = |prefix: &str| {
        let patch = json!({ "metadata": { "name": null, "generateName": prefix } });
        judge(Kind::FlinkDeployment, &changed(Kind::FlinkDeployment, &patch), None)
    };
    assert!(generated("my-job-").is_valid());
    assert_eq!(codes(&generated(&"a".repeat(41))), ["name-invalid"]);
}

#[rstest]
#[case(json!({}), &[])]
#[case(json!({ "backoffLimit": 3, "savepoint": { "disposeOnDelete": false } }), &[])]
#[case(json!({ "savepoint": { "path": "s3://other" } }), &["spec.savepoint"])]
#[case(json!({ "savepoint": { "formatType": "NATIVE" } }), &["spec.savepoint"])]
#[case(json!({ "jobReference": { "kind": "FlinkSessionJob", "name": "session-job" } }), &["spec.jobReference"])]
#[case(json!({ "savepoint": null, "checkpoint": {} }), &["spec.savepoint", "spec.checkpoint"])]
// What is written out is what its absence means.
#[case(json!({ "savepoint": { "formatType": "CANONICAL", "alreadyExists": false, "disposeOnDelete": true } }), &[])]
#[case(json!({ "backoffLimit": -1, "savepoint": { "alreadyExists": false } }), &[])]
#[case(json!({ "savepoint": { "alreadyExists": true } }), &["spec.savepoint"])]
#[case(json!({ "savepoint": { "formatType": "UNKNOWN" } }), &["spec.savepoint"])]
#[case(json!({ "savepoint": { "path": null } }), &["spec.savepoint"])]
#[case(json!({ "jobReference": { "name": "session" } }), &["spec.jobReference"])]
fn a_snapshot_stays_what_it_was(#[case] spec: Value, #[case] paths: &[&str]) {
    let old = good(Kind::FlinkStateSnapshot);
    let new = changed(Kind::FlinkStateSnapshot, &json!({ "spec": spec }));
    let report = judge(Kind::FlinkStateSnapshot, &new, Some(&old));
    let found: Vec<(&str, &str)> = report
        .violations
        .iter()
        .map(|v| (v.code.as_ref(), v.path.as_str()))
        .collect();
    let expected: Vec<(&str, &str)> = paths.iter().map(|path| ("snapshot-immutable", *path)).collect();
    assert_eq!(found, expected);
    let typed = |value: &Value| serde_json::from_value::<FlinkStateSnapshot>(value.clone()).unwrap();
    let environment = DefaultConfiguration::default();
    let environment = Environment::new(&environment, &Cluster);
    assert_eq!(validate(&typed(&new), Some(&typed(&old)), &environment), report);
}

#[test]
fn a_webhook_is_not_asked_about_fields_that_the_api_server_dropped() {
    let defaults = DefaultConfiguration::default();
    let object = changed(Kind::FlinkDeployment, &json!({ "spec": { "unknown": 1 } }));
    let request = Request {
        operation: Some(crate::extension::Operation::Create),
        ..Request::default()
    };
    let environment = Environment::new(&defaults, &Cluster).with_request(request);
    assert_eq!(
        validate_json(Kind::FlinkDeployment, &Json::from(&object), None, &environment),
        Report::default()
    );
}

#[test]
fn an_old_flink_version_can_be_repaired_and_deleted() {
    let old = changed(Kind::FlinkDeployment, &json!({ "spec": { "flinkVersion": "v1_13" } }));
    let mut deleted = old.clone();
    merge(
        &mut deleted,
        &json!({ "metadata": { "deletionTimestamp": "2024-01-01T00:00:00Z", "finalizers": [] } }),
    );
    assert_eq!(judge(Kind::FlinkDeployment, &deleted, Some(&old)), Report::default());
    assert_eq!(judge(Kind::FlinkDeployment, &deleted, None), Report::default());
    assert_eq!(
        judge(Kind::FlinkDeployment, &good(Kind::FlinkDeployment), Some(&old)),
        Report::default()
    );
}

#[test]
fn reasons_are_kubernetes_own() {
    let cause = |patch: Value| {
        let report = judge(Kind::FlinkDeployment, &changed(Kind::FlinkDeployment, &patch), None);
        report.violations[0].cause().as_str()
    };
    assert_eq!(cause(json!({ "spec": { "flinkVersion": null } })), "FieldValueRequired");
    assert_eq!(
        cause(json!({ "spec": { "restartNonce": "x" } })),
        "FieldValueTypeInvalid"
    );
    assert_eq!(
        cause(json!({ "spec": { "imagePullPolicy": "x" } })),
        "FieldValueNotSupported"
    );
    assert_eq!(
        cause(json!({ "spec": { "jobManager": { "replicas": 2 } } })),
        "FieldValueForbidden"
    );
    assert_eq!(cause(json!({ "metadata": { "name": "X" } })), "FieldValueInvalid");
}

#[test]
fn texts_fit_into_what_kubernetes_shows() {
    for Case { code, kind, patch, .. } in cases() {
        for warning in judge(kind, &changed(kind, &patch), None).warnings {
            assert!(warning.to_string().len() <= 256, "{code}: {warning}");
        }
    }
}
