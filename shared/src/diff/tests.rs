use rstest::rstest;
use serde_json::{Value, json};

use super::{DiffKind, deployment};
use crate::api::FlinkDeploymentSpec;

fn base() -> Value {
    json!({
        "image": "flink:1.20",
        "flinkVersion": "v1_20",
        "serviceAccount": "flink",
        "flinkConfiguration": { "taskmanager.numberOfTaskSlots": "2", "s3.secret-key": "first" },
        "jobManager": { "resource": { "memory": "2048m", "cpu": 1 } },
        "taskManager": { "resource": { "memory": "2048m", "cpu": 1 } },
        "job": { "jarURI": "local:///job.jar", "parallelism": 2, "upgradeMode": "stateless" },
    })
}

fn spec(value: Value) -> FlinkDeploymentSpec {
    serde_json::from_value(value).expect("a spec")
}

/// `base` with the value at a JSON pointer replaced, or removed where it is null.
fn with(pointer: &str, value: Value) -> Value {
    let mut changed = base();
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = changed
        .pointer_mut(parent)
        .expect("a parent")
        .as_object_mut()
        .expect("an object");
    if value.is_null() {
        parent.remove(name);
    } else {
        parent.insert(name.to_owned(), value);
    }
    changed
}

#[rstest]
#[case::image("/image", json!("flink:2.3"), DiffKind::Upgrade, "image : flink:1.20 -> flink:2.3")]
#[case::parallelism("/job/parallelism", json!(4), DiffKind::Upgrade, "job.parallelism : 2 -> 4")]
#[case::suspended("/job/state", json!("suspended"), DiffKind::Upgrade, "job.state : running -> suspended")]
#[case::upgrade_mode("/job/upgradeMode", json!("savepoint"), DiffKind::Ignore, "job.upgradeMode : stateless -> savepoint")]
#[case::savepoint_nonce("/job/savepointTriggerNonce", json!(1), DiffKind::Ignore, "job.savepointTriggerNonce : null -> 1")]
#[case::redeploy("/job/savepointRedeployNonce", json!(1), DiffKind::SavepointRedeploy, "job.savepointRedeployNonce : null -> 1")]
#[case::restart("/restartNonce", json!(7), DiffKind::Upgrade, "restartNonce : null -> 7")]
#[case::operator_key(
    "/flinkConfiguration/kubernetes.operator.reconcile.interval",
    json!("5 s"),
    DiffKind::Ignore,
    "flinkConfiguration.kubernetes.operator.reconcile.interval : null -> 5 s"
)]
#[case::overrides(
    "/flinkConfiguration/pipeline.jobvertex-parallelism-overrides",
    json!("a:2"),
    DiffKind::Scale,
    "flinkConfiguration.pipeline.jobvertex-parallelism-overrides : null -> a:2"
)]
#[case::other_key(
    "/flinkConfiguration/taskmanager.numberOfTaskSlots",
    json!("4"),
    DiffKind::Upgrade,
    "flinkConfiguration.taskmanager.numberOfTaskSlots : 2 -> 4"
)]
#[case::memory(
    "/jobManager/resource",
    json!({ "memory": "1g", "cpu": 1 }),
    DiffKind::Upgrade,
    "jobManager.resource.memory : 2048m -> 1g"
)]
#[case::pod_template("/podTemplate", json!({ "spec": {} }), DiffKind::Upgrade, "podTemplate : null -> {..}")]
#[case::job_removed("/job", Value::Null, DiffKind::Upgrade, "job : {..} -> null")]
fn a_change(#[case] pointer: &str, #[case] value: Value, #[case] kind: DiffKind, #[case] text: &str) {
    let diff = deployment(&spec(base()), &spec(with(pointer, value))).expect("comparable");
    assert_eq!(diff.kind(), kind);
    assert_eq!(diff.to_string(), format!("Diff: FlinkDeploymentSpec[{text}]"));
}

/// The other rows of the Java operator's table (the annotations `SpecDiff` of its spec classes): native, then standalone.
#[rstest]
#[case("/job/checkpointTriggerNonce", json!(1), DiffKind::Ignore, DiffKind::Ignore)]
#[case("/job/initialSavepointPath", json!("s3://s/1"), DiffKind::Ignore, DiffKind::Ignore)]
#[case("/job/allowNonRestoredState", json!(true), DiffKind::Ignore, DiffKind::Ignore)]
#[case("/job/autoscalerResetNonce", json!(1), DiffKind::Ignore, DiffKind::Ignore)]
#[case("/taskManager/replicas", json!(3), DiffKind::Upgrade, DiffKind::Scale)]
#[case("/flinkConfiguration/job.autoscaler.enabled", json!("true"), DiffKind::Ignore, DiffKind::Ignore)]
#[case("/flinkConfiguration/parallelism.default", json!("4"), DiffKind::Ignore, DiffKind::Ignore)]
#[case(
    "/flinkConfiguration/pipeline.jobvertex-parallelism-overrides",
    json!("a:2"),
    DiffKind::Scale,
    DiffKind::Upgrade
)]
#[case("/job/jarURI", json!("local:///b.jar"), DiffKind::Upgrade, DiffKind::Upgrade)]
#[case("/job/args", json!(["a"]), DiffKind::Upgrade, DiffKind::Upgrade)]
#[case("/job/entryClass", json!("A"), DiffKind::Upgrade, DiffKind::Upgrade)]
#[case("/imagePullPolicy", json!("Always"), DiffKind::Upgrade, DiffKind::Upgrade)]
#[case("/serviceAccount", json!("other"), DiffKind::Upgrade, DiffKind::Upgrade)]
#[case("/flinkVersion", json!("v2_0"), DiffKind::Upgrade, DiffKind::Upgrade)]
#[case("/ingress", json!({ "template": "a.b" }), DiffKind::Upgrade, DiffKind::Upgrade)]
#[case("/logConfiguration", json!({ "log4j-console.properties": "a" }), DiffKind::Upgrade, DiffKind::Upgrade)]
fn weighs_by_mode(#[case] pointer: &str, #[case] value: Value, #[case] native: DiffKind, #[case] standalone: DiffKind) {
    let kind = |mode: &str| {
        let in_mode = |mut object: Value| {
            object["mode"] = json!(mode);
            spec(object)
        };
        let diff = deployment(&in_mode(base()), &in_mode(with(pointer, value.clone())));
        diff.expect("comparable").kind()
    };
    assert_eq!((kind("native"), kind("standalone")), (native, standalone));
}

#[rstest]
#[case::state("/job/state", json!("running"))]
#[case::arguments("/job/args", json!([]))]
#[case::job_manager_replicas("/jobManager/replicas", json!(1))]
#[case::mode("/mode", json!("native"))]
#[case::configuration_spelling(
    "/flinkConfiguration",
    json!({ "taskmanager": { "numberOfTaskSlots": 2 }, "s3": { "secret-key": "first" } })
)]
fn spelling_a_default_out_is_no_change(#[case] pointer: &str, #[case] value: Value) {
    let diff = deployment(&spec(base()), &spec(with(pointer, value))).expect("comparable");
    assert!(diff.is_empty(), "{diff}");
}

#[test]
fn pod_template_noise_is_no_change() {
    let old = with("/podTemplate", json!({ "spec": { "containers": [] } }));
    let new = with(
        "/podTemplate",
        json!({ "apiVersion": "v1", "kind": "Pod", "status": {}, "spec": { "containers": [] } }),
    );
    assert!(deployment(&spec(old), &spec(new)).expect("comparable").is_empty());
}

#[test]
fn standalone_mode_scales_in_place() {
    let mut old = base();
    old["mode"] = json!("standalone");
    let mut new = old.clone();
    new["job"]["parallelism"] = json!(4);
    assert_eq!(
        deployment(&spec(old), &spec(new)).expect("comparable").kind(),
        DiffKind::Scale
    );
}

#[test]
fn a_nonce_that_goes_away_asks_for_nothing() {
    for nonce in ["/restartNonce", "/job/savepointRedeployNonce"] {
        let old = with(nonce, json!(7));
        assert_eq!(
            deployment(&spec(old), &spec(base())).expect("comparable").kind(),
            DiffKind::Ignore,
            "{nonce}"
        );
    }
}

#[test]
fn the_greatest_change_decides() {
    let mut new = with("/job/upgradeMode", json!("savepoint"));
    new["image"] = json!("flink:2.3");
    assert_eq!(
        deployment(&spec(base()), &spec(new)).expect("comparable").kind(),
        DiffKind::Upgrade
    );
}

#[test]
fn secrets_are_masked() {
    let diff = deployment(
        &spec(base()),
        &spec(with("/flinkConfiguration/s3.secret-key", json!("second"))),
    )
    .expect("comparable");
    let text = diff.to_string();
    assert!(text.contains("s3.secret-key : ****** -> ******"), "{text}");
    assert!(!text.contains("first") && !text.contains("second"), "{text}");
}
