//! What the administrator set is judged with the object, and told as the administrator's.

use serde_json::json;

use super::found;
use super::objects::{changed, codes, good, judge, judge_with};
use crate::config::DefaultConfiguration;
use crate::rules::{Kind, Report};

#[test]
fn defaults_of_the_administrator_count() {
    let defaults = DefaultConfiguration::new(
        [
            ("jobmanager.memory.process.size", "1g"),
            (
                "kubernetes.operator.default-configuration.namespace.team-a.taskmanager.memory.flink.size",
                "1g",
            ),
            (
                "kubernetes.operator.default-configuration.flink-version.v1_20.state.checkpoints.dir",
                "s3://c",
            ),
            ("state.savepoints.dir", "s3://s"),
            ("execution.checkpointing.interval", "1 min"),
        ]
        .into_iter()
        .collect(),
    );
    let object = changed(
        Kind::FlinkDeployment,
        &json!({ "spec": { "jobManager": null, "taskManager": null, "job": { "upgradeMode": "savepoint" } } }),
    );
    assert_eq!(
        judge_with(&defaults, Kind::FlinkDeployment, &object, None),
        Report::default()
    );
    assert_eq!(
        codes(&judge(Kind::FlinkDeployment, &object, None)),
        [
            "checkpoint-dir-missing",
            "savepoint-dir-missing",
            "memory-missing",
            "memory-missing"
        ]
    );
}

#[test]
fn a_forbidden_default_is_the_administrators_to_mend() {
    let defaults = DefaultConfiguration::new([("kubernetes.namespace", "x")].into_iter().collect());
    let report = judge_with(&defaults, Kind::FlinkDeployment, &good(Kind::FlinkDeployment), None);
    assert_eq!(codes(&report), ["config-forbidden"]);
    assert!(report.violations[0].fix.contains("administrator"));
}

#[test]
fn a_mistaken_switch_of_the_administrator_is_no_field_of_the_object() {
    let key = "kubernetes.operator.warnings.disabled";
    let defaults = DefaultConfiguration::new([(key, "nonsense")].into_iter().collect());
    for kind in Kind::ALL {
        let report = judge_with(&defaults, kind, &good(kind), None);
        assert_eq!(found(&report), [("warning-code-unknown", "")], "{kind}");
        assert!(report.warnings[0].fix.contains("administrator"));
    }
    let template = json!({ "spec": { "template": { "spec": { "flinkConfiguration": { key: "nonsense" } } } } });
    let kind = Kind::FlinkBlueGreenDeployment;
    let report = judge_with(&defaults, kind, &changed(kind, &template), None);
    let path = format!("spec.template.spec.flinkConfiguration[{key}]");
    assert_eq!(found(&report), [("warning-code-unknown", path.as_str())]);
}
