//! Whatever comes in, there is an answer; and what has nothing to do with a rule does not change its answer.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{changed, good, judge};
use crate::rules::Kind;

/// Names that rules look for.
const NAMES: [&str; 34] = [
    "spec",
    "job",
    "args",
    "metadata",
    "name",
    "status",
    "jobManager",
    "taskManager",
    "resources",
    "resource",
    "limits",
    "requests",
    "memory",
    "cpu",
    "parallelism",
    "ingress",
    "template",
    "podTemplate",
    "containers",
    "volumes",
    "image",
    "flinkConfiguration",
    "configuration",
    "logConfiguration",
    "savepoint",
    "checkpoint",
    "jobReference",
    "kind",
    "job.autoscaler.enabled",
    "job.autoscaler.excluded.periods",
    "upgradeMode",
    "flinkVersion",
    "replicas",
    "annotations",
];
/// Values that rules read.
const TEXTS: [&str; 16] = [
    "",
    "true",
    "v1_20",
    "v1_13",
    "last-state",
    "savepoint",
    "2g",
    "-1",
    "1e400",
    "0 0 * * * ?",
    "file:///x",
    "s3://x",
    "{{name}}",
    "flink:latest",
    "ü\u{0}€",
    "FlinkSessionJob",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(TEXTS.as_slice()).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from)
    ];
    let name = prop_oneof![
        4 => prop::sample::select(NAMES.as_slice()).prop_map(str::to_owned),
        1 => "[a-zA-Z.-]{0,20}",
    ];
    leaf.prop_recursive(7, 96, 8, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => prop::collection::btree_map(name.clone(), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect()))
        ]
    })
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(Kind::ALL.as_slice())
}

proptest! {
    #[test]
    fn anything_gets_an_answer(kind in any_kind(), object in any_json(), old in prop::option::of(any_json())) {
        let _ = judge(kind, &object, old.as_ref());
    }

    #[test]
    fn a_good_object_with_any_part_changed_gets_an_answer(kind in any_kind(), patch in any_json()) {
        let report = judge(kind, &changed(kind, &json!({ "spec": patch })), Some(&good(kind)));
        for violation in &report.violations {
            prop_assert!(!violation.message.is_empty() && !violation.fix.is_empty(), "{violation:?}");
        }
    }

    #[test]
    fn the_same_object_gets_the_same_answer(kind in any_kind(), patch in any_json()) {
        let object = changed(kind, &patch);
        prop_assert_eq!(judge(kind, &object, None), judge(kind, &object, None));
    }

    #[test]
    fn a_good_object_stays_good_whatever_else_it_says(
        kind in any_kind(),
        labels in prop::collection::btree_map("[a-z]{1,8}", "[a-z0-9]{0,8}", 0..4),
        status in any_json(),
        nonce in any::<i32>(),
        parallelism in 2..10_000_i32,
        entry_class in "[A-Za-z.]{1,20}",
    ) {
        let deployment = json!({ "restartNonce": nonce, "job": { "parallelism": parallelism, "entryClass": entry_class } });
        let spec = match kind {
            Kind::FlinkDeployment | Kind::FlinkSessionJob => deployment,
            Kind::FlinkBlueGreenDeployment => json!({ "template": { "spec": deployment } }),
            Kind::FlinkStateSnapshot => json!({ "backoffLimit": nonce.max(-1) }),
        };
        // A status may record a spec that was acted on; one that cannot be read is none.
        let status = json!({ "error": status.to_string() });
        let object = changed(kind, &json!({ "metadata": { "labels": labels }, "status": status, "spec": spec }));
        let report = judge(kind, &object, None);
        prop_assert!(report.is_valid() && report.warnings.is_empty(), "{report:?}");
    }

    #[test]
    fn metadata_alone_is_never_refused(kind in any_kind(), spec in any_json(), annotations in any_json()) {
        let old = json!({ "metadata": { "name": "a" }, "spec": spec });
        let new = json!({ "metadata": { "name": "a", "annotations": annotations }, "spec": spec, "status": {} });
        prop_assert!(judge(kind, &new, Some(&old)).is_valid());
    }
}
