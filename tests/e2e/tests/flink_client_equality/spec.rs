//! The specs that are compared.

use serde_json::{Value, json};

/// The spec of a case.
pub fn spec(version: &str, case: &str) -> Value {
    let two = version == "v2_3";
    let mut spec = json!({
        "image": if two { "flink:2.3" } else { "flink:1.20" },
        "flinkVersion": version,
        "serviceAccount": "flink",
        "flinkConfiguration": {
            "taskmanager.numberOfTaskSlots": "2",
            // No JobManager shall start.
            "kubernetes.jobmanager.node-selector": "sluice.test/nowhere:true"
        },
        "jobManager": { "resource": { "memory": "2048m", "cpu": 1 } },
        "taskManager": { "resource": { "memory": "2048m", "cpu": 0.5 } },
        "job": {
            "jarURI": "local:///opt/flink/examples/streaming/TinyJob.jar",
            "entryClass": "TinyJob",
            "args": ["--text", "a b;c"],
            "parallelism": 2,
            "upgradeMode": "stateless"
        }
    });
    match case {
        "session" => spec["job"] = Value::Null,
        "high-availability" => {
            spec["flinkConfiguration"]["high-availability.type"] = json!("kubernetes");
            spec["flinkConfiguration"]["high-availability.storageDir"] = json!("file:///tmp/ha");
            spec["jobManager"]["replicas"] = json!(2);
            spec["job"]["upgradeMode"] = json!("last-state");
            spec["job"]["allowNonRestoredState"] = json!(true);
        }
        "options" => options_spec(&mut spec, two),
        // "basic"
        _ => {}
    }
    spec
}

/// Pod templates, and every option that shows in an object.
fn options_spec(spec: &mut Value, two: bool) {
    let mut configuration = json!({
        "kubernetes.jobmanager.labels": "team:x",
        "kubernetes.jobmanager.annotations": "note:'a:b'",
        "kubernetes.jobmanager.tolerations": "key:k,operator:Equal,value:v,effect:NoExecute,tolerationSeconds:60;operator:Exists",
        "kubernetes.jobmanager.entrypoint.args": "-Dx=y",
        "kubernetes.jobmanager.cpu.limit-factor": "1.7",
        "kubernetes.jobmanager.memory.limit-factor": "1.5",
        "kubernetes.container.image.pull-secrets": "one;two",
        "kubernetes.rest-service.exposed.type": "Headless_ClusterIP",
        "kubernetes.rest-service.annotations": "r:s",
        "kubernetes.internal-service.annotations": "i:s",
        "kubernetes.secrets": "foo:/opt/foo",
        "kubernetes.env.secretKeyRef": "env:E,secret:s,key:k",
        "kubernetes.flink.log.dir": "/var/log/flink",
        "kubernetes.hadoop.conf.config-map.name": "hadoop",
        "containerized.master.env.X": "1",
        "containerized.taskmanager.env.Y": "2",
        "env.java.opts.all": "-Dfirst=1 -Dsecond=2",
        "rest.port": "9081",
        "blob.server.port": "7124",
        "taskmanager.rpc.port": "7122",
        "jobmanager.rpc.port": "7123"
    });
    if two {
        configuration["kubernetes.rest-service.labels"] = json!("rest:l");
        configuration["kubernetes.internal-service.labels"] = json!("internal:l");
        configuration["kubernetes.persistent-volume-claims"] = json!("my.claim:/data");
    }
    for (key, value) in configuration.as_object().into_iter().flatten() {
        spec["flinkConfiguration"][key] = value.clone();
    }
    spec["imagePullPolicy"] = json!("Never");
    spec["podTemplate"] = json!({
        "metadata": { "labels": { "from": "template" }, "annotations": { "from": "template" } },
        "spec": {
            "containers": [
                { "name": "flink-main-container", "env": [{ "name": "A", "value": "1" }],
                  "resources": { "limits": { "cpu": 9, "ephemeral-storage": "1Gi" } },
                  "volumeMounts": [{ "mountPath": "/logs", "name": "logs" }] },
                { "name": "sidecar", "image": "busybox:1", "command": ["sleep", "1000"] }
            ],
            "volumes": [{ "name": "logs", "emptyDir": {} }],
            "securityContext": { "fsGroup": 9999 }
        }
    });
    spec["jobManager"]["podTemplate"] = json!({
        "spec": {
            "initContainers": [{ "name": "init", "image": "busybox:1", "command": ["true"] }],
            "dnsPolicy": "Default", "priority": 0, "serviceAccountName": "beaten-by-the-configuration"
        }
    });
    spec["taskManager"]["resource"]["ephemeralStorage"] = json!("2Gi");
}
