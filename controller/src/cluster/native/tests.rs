use rstest::rstest;
use serde_json::{Value, json};
use sluice_shared::api::FlinkDeployment;
use sluice_shared::config::DefaultConfiguration;

use super::*;
use crate::cluster::{Start, StartFrom, deploy_config};

fn deployment(spec: &Value) -> FlinkDeployment {
    serde_json::from_value(json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
        "metadata": { "name": "basic", "namespace": "flink-jobs", "uid": "cr-uid", "generation": 2 },
        "spec": spec,
    }))
    .unwrap()
}

fn config(spec: &Value) -> ClusterConfig {
    let deployment = deployment(spec);
    let log_files = [(
        "log4j-console.properties".to_owned(),
        "rootLogger.level = INFO\n".to_owned(),
    )]
    .into();
    let mut config = deploy_config(&deployment, &DefaultConfiguration::default(), &log_files).unwrap();
    config.set_owner(&deployment);
    if deployment.spec.job.is_some() {
        let start = Start {
            job_id: "0123456789abcdef0123456789abcdef",
            from: StartFrom::Nothing,
            unique: "unique",
        };
        config.start_with(&start).unwrap();
    }
    config
}

/// The spec of the basic example, with `more` over it.
fn basic(more: &Value) -> Value {
    let mut spec = json!({
        "image": "flink:1.20",
        "flinkVersion": "v1_20",
        "flinkConfiguration": { "taskmanager.numberOfTaskSlots": "2", "kubernetes.operator.job.restart.failed": "true" },
        "serviceAccount": "flink",
        "jobManager": { "resource": { "memory": "2048m", "cpu": 1 } },
        "taskManager": { "resource": { "memory": "2048m", "cpu": 1 } },
        "job": {
            "jarURI": "local:///opt/flink/examples/streaming/StateMachineExample.jar",
            "parallelism": 2,
            "upgradeMode": "stateless"
        }
    });
    for (name, value) in more.as_object().unwrap() {
        spec[name] = value.clone();
    }
    spec
}

/// All objects as the controller creates them, as one YAML text.
fn objects(spec: &Value) -> String {
    let cluster = build(&config(spec)).unwrap();
    let owned = cluster.owned_objects("deployment-uid");
    let mut documents = vec![serde_json::to_value(&cluster.deployment).unwrap()];
    documents.extend(owned.services.iter().map(|o| serde_json::to_value(o).unwrap()));
    documents.extend(owned.config_maps.iter().map(|o| serde_json::to_value(o).unwrap()));
    let documents: Vec<_> = documents.iter().map(|d| serde_saphyr::to_string(d).unwrap()).collect();
    documents.join("---\n")
}

#[rstest]
#[case::basic("basic", json!({}))]
#[case::session("session", json!({ "job": null }))]
#[case::flink_2("flink_2", json!({ "image": "flink:2.3", "flinkVersion": "v2_3" }))]
#[case::high_availability("high_availability", json!({
    "flinkConfiguration": { "high-availability": { "type": "kubernetes", "storageDir": "file:///ha" } },
    "jobManager": { "resource": { "memory": "2048m", "cpu": 1 }, "replicas": 2 }
}))]
#[case::pod_templates("pod_templates", json!({
    "podTemplate": {
        "metadata": { "labels": { "team": "x" } },
        "spec": {
            "containers": [
                { "name": "flink-main-container", "env": [{ "name": "A", "value": "1" }],
                  "resources": { "limits": { "cpu": 9, "example.com/device": 1 } },
                  "volumeMounts": [{ "mountPath": "/logs", "name": "logs" }] },
                { "name": "sidecar", "image": "busybox:1" }
            ],
            "volumes": [{ "name": "logs", "emptyDir": {} }]
        }
    },
    "jobManager": { "resource": { "memory": "2048m", "cpu": 1 }, "podTemplate": {
        "spec": { "initContainers": [{ "name": "init", "image": "busybox:1" }], "serviceAccountName": "other", "dnsPolicy": "Default" }
    } },
    "taskManager": { "resource": { "memory": "2048m", "cpu": 1, "ephemeralStorage": "1Gi" } }
}))]
#[case::every_option("every_option", json!({
    "imagePullPolicy": "Always",
    "flinkConfiguration": {
        "kubernetes.jobmanager.labels": "team:x,app:mine",
        "kubernetes.jobmanager.annotations": { "a": "b" },
        "kubernetes.jobmanager.node-selector": "disk:ssd",
        "kubernetes.jobmanager.tolerations": "key:k,operator:Equal,value:v,effect:NoExecute,tolerationSeconds:60;operator:Exists",
        "kubernetes.jobmanager.entrypoint.args": "-Dx=y",
        "kubernetes.container.image.pull-secrets": "one; two",
        "kubernetes.rest-service.exposed.type": "Headless_ClusterIP",
        "kubernetes.rest-service.annotations": "r:s",
        "kubernetes.internal-service.annotations": "i:s",
        "kubernetes.rest-service.labels": "rest:l",
        "kubernetes.internal-service.labels": "internal:l",
        "kubernetes.persistent-volume-claims": "my.claim:/data",
        "kubernetes.secrets": "foo:/opt/foo,bar:/opt/bar",
        "kubernetes.env.secretKeyRef": "env:E,secret:s,key:k",
        "kubernetes.flink.log.dir": "/var/log/flink",
        "kubernetes.flink.conf.dir": "/etc/flink",
        "kubernetes.entry.path": "/entry.sh",
        "kubernetes.hadoop.conf.config-map.name": "hadoop",
        "kubernetes.jobmanager.cpu.limit-factor": "2",
        "kubernetes.jobmanager.memory.limit-factor": "1.5",
        "containerized.master.env.X": "1",
        "containerized.master.env.Y": "2",
        "rest.port": "9081",
        "blob.server.port": "7124",
        "taskmanager.rpc.port": "7122"
    }
}))]
#[case::host_network("host_network", json!({ "flinkConfiguration": { "kubernetes.hostnetwork.enabled": "true" } }))]
fn objects_are_built(#[case] name: &str, #[case] more: Value) {
    insta::assert_snapshot!(name, objects(&basic(&more)));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    assert_eq!(objects(&basic(&json!({}))), objects(&basic(&json!({}))));
}

#[rstest]
#[case::port_range(
    json!({ "flinkConfiguration": { "blob.server.port": "6124-6130" } }),
    "blob.server.port is \"6124-6130\", but Kubernetes needs one fixed port",
    "set blob.server.port to one port, or leave it out"
)]
#[case::standby(
    json!({ "jobManager": { "resource": { "memory": "2048m" }, "replicas": 2 } }),
    "2 JobManagers need high availability",
    "set jobManager.replicas to 1, or high-availability.type and high-availability.storageDir"
)]
#[case::factor(
    json!({ "flinkConfiguration": { "kubernetes.jobmanager.cpu.limit-factor": "0.5" } }),
    "kubernetes.jobmanager.cpu.limit-factor is 0.5, but it must be at least 1",
    "set kubernetes.jobmanager.cpu.limit-factor to 1 or more, or leave it out"
)]
#[case::memory(
    json!({ "jobManager": { "resource": { "memory": "500m" } } }),
    "jobmanager.memory.process.size is 500 mb, which is less than its parts need: some heap, off-heap 128 mb, JVM metaspace 256 mb, JVM overhead 192 mb",
    "raise jobmanager.memory.process.size to at least 577 mb, or make its parts smaller"
)]
#[case::kerberos(
    json!({ "flinkConfiguration": { "security.kerberos.login.keytab": "/k" } }),
    "security.kerberos.login.keytab names a file for Flink's client to ship, and there is no such client",
    "mount the file by the pod template and set kubernetes.decorator.kerberos-mount.enabled to false"
)]
#[case::overlap(
    json!({ "flinkVersion": "v2_0", "flinkConfiguration": { "high-availability": "kubernetes", "high-availability.storageDir": "s3://b" } }),
    "high-availability and high-availability.cluster-id cannot both be set: Flink reads nested YAML, where a key cannot have a value and keys below it",
    "write high-availability.type instead of high-availability"
)]
#[case::pod_template(
    json!({ "jobManager": { "resource": { "memory": "2048m" }, "podTemplate": { "spec": { "containers": { "a": "b" } } } } }),
    "the pod template of the JobManager is no pod: invalid type: map, expected a sequence",
    "correct spec.podTemplate or the podTemplate of the JobManager"
)]
#[case::task_manager_pod_template(
    json!({ "taskManager": { "podTemplate": { "spec": { "volumes": "v" } } } }),
    "the pod template of the TaskManager is no pod: invalid type: string \"v\", expected a sequence",
    "correct spec.podTemplate or the podTemplate of the TaskManager"
)]
fn what_cannot_be_built_is_explained(#[case] more: Value, #[case] message: &str, #[case] fix: &str) {
    let error = build(&config(&basic(&more))).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.fix().as_str()), (message, fix));
}

#[test]
fn an_image_comes_from_the_configuration_the_template_or_the_version() {
    let image = |spec: &Value| {
        let cluster = build(&config(spec)).unwrap();
        let pod = cluster.deployment.spec.unwrap().template.spec.unwrap();
        pod.containers.into_iter().last().unwrap().image.unwrap()
    };
    let template = json!({ "spec": { "containers": [{ "name": "flink-main-container", "image": "mine:1" }] } });
    assert_eq!(image(&basic(&json!({ "podTemplate": template }))), "flink:1.20");
    assert_eq!(
        image(&basic(&json!({ "image": null, "podTemplate": template }))),
        "mine:1"
    );
    assert_eq!(image(&basic(&json!({ "image": null }))), "flink:1.20");
    assert_eq!(
        image(&basic(&json!({ "image": null, "flinkVersion": "v2_1" }))),
        "flink:2.1"
    );
}

#[test]
fn the_cluster_learns_nothing_of_the_operators_keys() {
    let cluster = build(&config(&basic(&json!({})))).unwrap();
    let file = &cluster.config_maps[0].data.as_ref().unwrap()["flink-conf.yaml"];
    assert!(!file.contains("kubernetes.operator."), "{file}");
}
