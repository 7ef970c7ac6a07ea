use rstest::rstest;
use serde_json::{Value, json};
use sluice_shared::config::FlinkConfig;

use super::*;

/// A deployment named `job` in `ns` with this spec, of Flink 1.20 unless it says otherwise.
fn deployment(mut spec: Value) -> FlinkDeployment {
    if spec["flinkVersion"].is_null() {
        spec["flinkVersion"] = json!("v1_20");
    }
    serde_json::from_value(json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
        "metadata": { "name": "job", "namespace": "ns", "uid": "u-1", "generation": 4 },
        "spec": spec,
    }))
    .unwrap()
}

fn build(spec: Value) -> Result<ClusterConfig, BuildError> {
    deploy_config(&deployment(spec), &DefaultConfiguration::default(), &BTreeMap::new())
}

fn flink(spec: Value) -> FlinkConfig {
    build(spec).unwrap().flink
}

#[test]
fn a_minimal_application() {
    let config = flink(json!({
        "image": "flink:1.20", "serviceAccount": "flink",
        "jobManager": { "resource": { "memory": "2048m", "cpu": 1 } },
        "taskManager": { "resource": { "memory": "2048m", "cpu": 0.5 } },
        "job": { "jarURI": "local:///opt/a.jar", "parallelism": 2, "entryClass": "a.B", "args": ["--x", "1;2"] },
    }));
    let lines: Vec<_> = config.iter().map(|(k, v)| format!("{k}: {v}")).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[rstest]
#[case::session(json!({}), "execution.target", Some("kubernetes-session"))]
#[case::a_session_has_no_job_options(json!({}), "pipeline.name", None)]
#[case::user_keeps_web_cancel(json!({ "flinkConfiguration": { "web.cancel.enable": "true" } }), "web.cancel.enable", Some("true"))]
#[case::image_before_1_17(json!({ "flinkVersion": "v1_16", "image": "i" }), "kubernetes.container.image", Some("i"))]
#[case::spec_image_wins(json!({ "image": "i", "flinkConfiguration": { "kubernetes.container.image": "old" } }), "kubernetes.container.image", None)]
#[case::pull_policy(json!({ "imagePullPolicy": "Always" }), "kubernetes.container.image.pull-policy", Some("Always"))]
#[case::kubernetes_memory(json!({ "jobManager": { "resource": { "memory": "2Gi" } } }), "jobmanager.memory.process.size", Some("2 gb"))]
#[case::request_memory(
    json!({ "jobManager": { "resource": { "memory": "1g" }, "resources": { "requests": { "memory": "2048m" }, "limits": { "memory": "4Gi" } } } }),
    "jobmanager.memory.process.size", Some("2 gb")
)]
#[case::memory_factor(
    json!({ "jobManager": { "resources": { "requests": { "memory": "2048m" }, "limits": { "memory": "4Gi" } } } }),
    "kubernetes.jobmanager.memory.limit-factor", Some("2.0")
)]
#[case::limit_alone_is_the_request(
    json!({ "taskManager": { "resources": { "limits": { "cpu": "1500m" } } } }),
    "kubernetes.taskmanager.cpu.amount", Some("1.5")
)]
#[case::limit_alone_gives_no_factor(
    json!({ "taskManager": { "resources": { "limits": { "cpu": "1500m" } } } }),
    "kubernetes.taskmanager.cpu.limit-factor", None
)]
#[case::cpu_factor(
    json!({ "taskManager": { "resources": { "requests": { "cpu": 1 }, "limits": { "cpu": "3" } } } }),
    "kubernetes.taskmanager.cpu.limit-factor", Some("3.0")
)]
#[case::empty_resources_do_not_count(
    json!({ "taskManager": { "resource": { "cpu": 2 }, "resources": {} } }),
    "kubernetes.taskmanager.cpu.amount", Some("2.0")
)]
#[case::cpu_before_1_17(
    json!({ "flinkVersion": "v1_15", "taskManager": { "resource": { "cpu": 2 } } }),
    "kubernetes.taskmanager.cpu", Some("2.0")
)]
#[case::replicas(json!({ "jobManager": { "replicas": 2 } }), "kubernetes.jobmanager.replicas", Some("2"))]
#[case::replicas_and_slots_give_the_parallelism(
    json!({ "flinkConfiguration": { "taskmanager.numberOfTaskSlots": 3 }, "taskManager": { "replicas": 2 }, "job": { "parallelism": 1 } }),
    "parallelism.default", Some("6")
)]
#[case::last_state_checkpoints(json!({ "job": { "upgradeMode": "last-state" } }), "execution.checkpointing.interval", Some("5 min"))]
#[case::stateless_does_not(json!({ "job": {} }), "execution.checkpointing.interval", None)]
#[case::checkpoints_are_kept(
    json!({ "job": {} }), "execution.checkpointing.externalized-checkpoint-retention", Some("RETAIN_ON_CANCELLATION")
)]
#[case::unclaimed_state_in_the_newer_spelling(
    json!({ "flinkConfiguration": { "execution.state-recovery.ignore-unclaimed-state": "true" }, "job": { "allowNonRestoredState": false } }),
    "execution.state-recovery.ignore-unclaimed-state", None
)]
#[case::high_availability(
    json!({ "flinkConfiguration": { "high-availability.type": "kubernetes" } }), "high-availability.cluster-id", Some("job")
)]
#[case::no_high_availability(json!({}), "high-availability.cluster-id", None)]
#[case::the_generation_joins_annotations(
    json!({ "flinkConfiguration": { "kubernetes.jobmanager.annotations": "a:b" } }),
    "kubernetes.jobmanager.annotations", Some("a:b,flinkdeployment.flink.apache.org/generation:4")
)]
#[case::the_generation_joins_annotations_written_key_by_key(
    json!({ "flinkConfiguration": { "kubernetes.jobmanager.annotations": { "a": "b" } } }),
    "kubernetes.jobmanager.annotations", Some("a:b,flinkdeployment.flink.apache.org/generation:4")
)]
#[case::standalone(json!({ "mode": "standalone", "job": {} }), "execution.target", Some("remote"))]
#[case::standalone_class_path(
    json!({ "mode": "standalone", "job": { "jarURI": "local:///a.jar" } }), "pipeline.classpaths", Some("file:///a.jar")
)]
#[case::standalone_task_managers(
    json!({ "mode": "standalone", "flinkConfiguration": { "taskmanager.numberOfTaskSlots": 2 }, "job": { "parallelism": 5 } }),
    "kubernetes.internal.taskmanager.replicas", Some("3")
)]
#[case::standalone_overrides(
    json!({ "mode": "standalone", "flinkConfiguration": { "pipeline.jobvertex-parallelism-overrides": "a:2,b:7" }, "job": { "parallelism": 5 } }),
    "parallelism.default", Some("7")
)]
fn options_follow_from_the_spec(#[case] spec: Value, #[case] key: &str, #[case] expected: Option<&str>) {
    assert_eq!(flink(spec).get(key), expected);
}

#[test]
fn annotations_written_key_by_key_are_not_left_beside_the_map() {
    let config = flink(json!({ "flinkConfiguration": { "kubernetes.jobmanager.annotations": { "a": "b" } } }));
    assert!(!config.contains("kubernetes.jobmanager.annotations.a"));
}

#[rstest]
#[case::version(json!({ "flinkVersion": null }), "spec.flinkVersion: it is missing")]
#[case::memory(
    json!({ "flinkVersion": "v1_20", "jobManager": { "resource": { "memory": "much" } } }),
    "spec.jobManager: \"much\" is no size; write a whole number and a unit of k, m, g or t (powers of 1024), such as \"2048m\", or a Kubernetes quantity such as \"2Gi\""
)]
#[case::configuration(
    json!({ "flinkVersion": "v1_20", "flinkConfiguration": "text" }),
    "spec.flinkConfiguration: the configuration must be a map of keys to values, not a text"
)]
fn what_means_nothing_is_refused(#[case] spec: Value, #[case] message: &str) {
    let deployment = FlinkDeployment::new("job", serde_json::from_value(spec).unwrap());
    let error = deploy_config(&deployment, &DefaultConfiguration::default(), &BTreeMap::new()).unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[test]
fn logging_files_of_the_spec_replace_those_of_the_administrator() {
    let files: BTreeMap<String, String> = [
        ("log4j-console.properties", "l"),
        ("logback-console.xml", "b"),
        ("other", "o"),
    ]
    .map(|(k, v)| (k.to_owned(), v.to_owned()))
    .into();
    let names = |spec| {
        let config = deploy_config(&deployment(spec), &DefaultConfiguration::default(), &files).unwrap();
        config
            .log_files
            .into_iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(json!({})),
        ["log4j-console.properties=l", "logback-console.xml=b"]
    );
    let own = json!({ "logConfiguration": { "log4j-console.properties": "mine", "what": "ever" } });
    assert_eq!(names(own), ["log4j-console.properties=mine"]);
}

fn start(from: StartFrom<'static>) -> Start<'static> {
    Start {
        job_id: "0123456789abcdef0123456789abcdef",
        from,
        unique: "unique",
    }
}

#[rstest]
#[case(StartFrom::Nothing, None)]
#[case(StartFrom::Savepoint("s3://b/sp-1"), Some("s3://b/sp-1"))]
#[case(StartFrom::HighAvailability, Some("KUBERNETES_OPERATOR_LAST_STATE"))]
fn a_start_says_where_state_comes_from(#[case] from: StartFrom<'static>, #[case] path: Option<&str>) {
    for key in ["execution.savepoint.path", "execution.state-recovery.path"] {
        let mut config = build(json!({ "flinkConfiguration": { key: "s3://configured" }, "job": {} })).unwrap();
        config.start_with(&start(from)).unwrap();
        assert_eq!(config.flink.get("execution.savepoint.path"), path);
        assert!(!config.flink.contains("execution.state-recovery.path"));
    }
}

#[test]
fn a_start_has_a_job_id_and_a_result_store_of_its_own() {
    let mut config = build(json!({ "flinkConfiguration": { "high-availability": { "type": "kubernetes", "storageDir": "s3://ha" } }, "job": {} })).unwrap();
    config.start_with(&start(StartFrom::Nothing)).unwrap();
    let get = |key| config.flink.get(key);
    assert_eq!(
        get("$internal.pipeline.job-id"),
        Some("0123456789abcdef0123456789abcdef")
    );
    assert_eq!(get("job-result-store.delete-on-commit"), Some("false"));
    assert_eq!(
        get("job-result-store.storage-path"),
        Some("s3://ha/job-result-store/job/unique")
    );

    let mut fixed = build(json!({ "flinkConfiguration": { "$internal.pipeline.job-id": "f" }, "job": {} })).unwrap();
    assert_eq!(fixed.fixed_job_id(), Some("f"));
    fixed.start_with(&start(StartFrom::Nothing)).unwrap();
    assert_eq!(fixed.fixed_job_id(), Some("f"));
    assert!(!fixed.flink.contains("job-result-store.storage-path"));
}

#[test]
fn the_resource_owns_its_cluster() {
    let mut config = build(json!({})).unwrap();
    config.set_owner(&deployment(json!({})));
    assert_eq!(
        config.flink.get("kubernetes.jobmanager.owner.reference"),
        Some(
            "apiVersion:flink.apache.org/v1beta1,blockOwnerDeletion:true,controller:false,kind:FlinkDeployment,name:job,uid:u-1"
        )
    );
}
