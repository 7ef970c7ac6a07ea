//! The last value that is taken and the first that is not.

use serde_json::{Map, Value, json};

use super::Table;
use crate::rules::Kind;
use crate::rules::tests::acted_on;

fn set(key: &str, text: &str) -> Value {
    let options: Map<String, Value> = [(key.to_owned(), json!(text))].into_iter().collect();
    json!({ "flinkConfiguration": options })
}

pub(super) fn names_and_versions(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    table.rule("name-invalid", kind);
    for wrong in ["1a", "-a", "a-", "a.b", "a_b", "A", "a b", "\u{e4}"] {
        table.object(json!({ "metadata": { "name": wrong } }), &["metadata.name"]);
    }
    for right in ["a", "a1", "a-1", "a--b"] {
        table.object(json!({ "metadata": { "name": right } }), &[]);
    }
    table
        .rule("version-unsupported", kind)
        .spec(&json!({ "flinkVersion": "v1_13" }), &["spec.flinkVersion"]);
    table.rule("version-deprecated", kind);
    for version in ["v1_15", "v1_16", "v1_17"] {
        table.spec(&json!({ "flinkVersion": version }), &["spec.flinkVersion"]);
    }
    for version in ["v1_20", "v2_0", "v2_1", "v2_2"] {
        table.spec(&json!({ "flinkVersion": version }), &[]);
    }
    table.rule("session-name-invalid", Kind::FlinkSessionJob);
    for wrong in ["Session", "1a", "a-", "a.b"] {
        table.spec(&json!({ "deploymentName": wrong }), &["spec.deploymentName"]);
    }
    table
        .spec(&json!({ "deploymentName": "a".repeat(46) }), &["spec.deploymentName"])
        .spec(&json!({ "deploymentName": "a".repeat(45) }), &[])
        .spec(&json!({ "deploymentName": null }), &["spec.deploymentName"]);
}

pub(super) fn switches(table: &mut Table) {
    const ROLLBACK: &str = "kubernetes.operator.deployment.rollback.enabled";
    const HEALTH: &str = "kubernetes.operator.cluster.health-check.enabled";
    const RECOVERY: &str = "kubernetes.operator.jm-deployment-recovery.enabled";
    let kind = Kind::FlinkDeployment;
    table
        .rule("rollback-needs-ha", kind)
        .spec(&set(ROLLBACK, "false"), &[])
        .spec(
            &json!({ "flinkConfiguration": { ROLLBACK: "true", "high-availability.type": "kubernetes" } }),
            &[],
        )
        .spec(
            &json!({ "flinkConfiguration": { ROLLBACK: "true", "high-availability.type": "NONE" } }),
            &["spec.flinkConfiguration[kubernetes.operator.deployment.rollback.enabled]"],
        );
    table
        .rule("health-check-needs-recovery", kind)
        .spec(&set(HEALTH, "true"), &[])
        .spec(&set(RECOVERY, "false"), &[])
        .spec(
            &json!({ "flinkConfiguration": { HEALTH: "true", RECOVERY: "true" } }),
            &[],
        )
        .spec(
            &json!({ "flinkConfiguration": { HEALTH: "false", RECOVERY: "false" } }),
            &[],
        );
    table
        .rule("standby-needs-ha", kind)
        .spec(&json!({ "jobManager": { "replicas": 1 } }), &[])
        .spec(
            &json!({ "jobManager": { "replicas": 3 }, "flinkConfiguration": { "high-availability.type": "NONE" } }),
            &["spec.jobManager.replicas"],
        );
    table
        .rule("replicas-invalid", kind)
        .spec(
            &json!({ "jobManager": { "replicas": -1 } }),
            &["spec.jobManager.replicas"],
        )
        .spec(
            &json!({ "taskManager": { "replicas": 0 } }),
            &["spec.taskManager.replicas"],
        )
        .spec(&json!({ "taskManager": { "replicas": 1 } }), &[]);
}

pub(super) fn amounts(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    // Memory is needed beside whatever is tried.
    let with = |section: &str, name: &str, text: &str| {
        let mut resources = json!({ "requests": { "memory": "2g" } });
        super::super::merge(&mut resources, &json!({ section: { name: text } }));
        json!({ "taskManager": { "resource": null, "resources": resources } })
    };
    let pair = |name: &str, request: &str, limit: &str| {
        let mut resources = json!({ "requests": { "memory": "2g" } });
        super::super::merge(
            &mut resources,
            &json!({ "requests": { name: request }, "limits": { name: limit } }),
        );
        json!({ "jobManager": { "resource": null, "resources": resources } })
    };
    table
        .rule("quantity-unreadable", kind)
        .spec(
            &with("requests", "cpu", "1 core"),
            &["spec.taskManager.resources.requests.cpu"],
        )
        .spec(
            &with("limits", "ephemeral-storage", "2GB"),
            &["spec.taskManager.resources.limits.ephemeral-storage"],
        )
        .spec(&with("limits", "ephemeral-storage", "2G"), &[])
        .spec(&with("limits", "ephemeral-storage", "1e9"), &[])
        .spec(&with("requests", "cpu", "0.1"), &[]);
    table
        .rule("quantity-not-positive", kind)
        .spec(
            &with("requests", "cpu", "0"),
            &["spec.taskManager.resources.requests.cpu"],
        )
        .spec(
            &with("limits", "cpu", "0.0"),
            &["spec.taskManager.resources.limits.cpu"],
        )
        .spec(&with("requests", "cpu", "1m"), &[]);
    table
        .rule("quantity-negative", kind)
        .spec(
            &with("limits", "nvidia.com/gpu", "-1"),
            &["spec.taskManager.resources.limits.nvidia.com/gpu"],
        )
        .spec(&with("limits", "nvidia.com/gpu", "0"), &[])
        .spec(&json!({ "jobManager": { "resource": { "cpu": 0.5 } } }), &[]);
    table
        .rule("request-above-limit", kind)
        .spec(&pair("cpu", "2", "1"), &["spec.jobManager.resources.requests.cpu"])
        .spec(&pair("cpu", "1", "1000m"), &[])
        .spec(&pair("memory", "2Gi", "2048m"), &[])
        // Only CPU and memory are compared here; Kubernetes has the last word on the rest.
        .spec(&pair("ephemeral-storage", "2Gi", "1Gi"), &[]);
    table
        .rule("storage-unreadable", kind)
        .spec(
            &json!({ "jobManager": { "resource": { "ephemeralStorage": "2GB" } } }),
            &["spec.jobManager.resource.ephemeralStorage"],
        )
        .spec(
            &json!({ "jobManager": { "resource": { "ephemeralStorage": "2G" } } }),
            &[],
        );
    table
        .rule("memory-unreadable", kind)
        .spec(
            &json!({ "jobManager": { "resource": { "memory": "2,5g" } } }),
            &["spec.jobManager.resource.memory"],
        )
        .spec(
            &json!({ "taskManager": { "resource": { "memory": "-2g" } } }),
            &["spec.taskManager.resource.memory"],
        );
    for text in ["2048m", "2g", "2 gb", "2Gi", "2gib", "2147483648", "2048 mebibytes"] {
        table.spec(&json!({ "taskManager": { "resource": { "memory": text } } }), &[]);
    }
}

pub(super) fn jobs(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    table
        .rule("parallelism-missing", kind)
        .spec(&json!({ "job": { "parallelism": -1 } }), &["spec.job.parallelism"])
        .spec(
            &json!({ "job": { "parallelism": 1 }, "flinkConfiguration": { "taskmanager.numberOfTaskSlots": "1" } }),
            &[],
        );
    table
        .rule("parallelism-missing", Kind::FlinkSessionJob)
        .spec(&json!({ "job": { "parallelism": 0 } }), &["spec.job.parallelism"])
        .spec(&json!({ "job": { "parallelism": 1 } }), &[]);
    let with_dir = |key: &str, text: &str| json!({ "flinkConfiguration": { key: text, "execution.checkpointing.savepoint-dir": "s3://s" } });
    table
        .rule("periodic-savepoint-needs-dir", kind)
        .spec(&with_dir("kubernetes.operator.periodic.savepoint.interval", "1 h"), &[])
        .spec(
            &set("kubernetes.operator.periodic.savepoint.interval", "1 h"),
            &["spec.flinkConfiguration[kubernetes.operator.periodic.savepoint.interval]"],
        );
    table.rule("checkpoint-age-needs-savepoint-dir", kind).spec(
        &with_dir(
            "kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age",
            "1 h",
        ),
        &[],
    );
    table
        .rule("savepoint-trigger-needs-dir", kind)
        .spec(
            &json!({ "job": { "savepointTriggerNonce": 0 } }),
            &["spec.job.savepointTriggerNonce"],
        )
        .spec(&json!({ "job": { "savepointTriggerNonce": null } }), &[]);
    table
        .rule("logging-file-unknown", kind)
        .spec(&json!({ "logConfiguration": {} }), &[])
        .spec(
            &json!({ "logConfiguration": { "log4j-console.properties": "a", "logback-console.xml": "b" } }),
            &[],
        )
        .spec(
            &json!({ "logConfiguration": { "log4j-cli.properties": "a" } }),
            &["spec.logConfiguration[log4j-cli.properties]"],
        );
}

/// What was acted on last, and what is wanted now.
pub(super) fn changes(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    let after = |old: Value, new: Value| json!({ "status": acted_on(kind, &json!({ "spec": old })), "spec": new });
    let redeploy = |nonce: Value| json!({ "job": { "savepointRedeployNonce": nonce } });
    table
        .rule("mode-change", kind)
        .object(after(json!({}), json!({ "mode": "native" })), &[])
        .object(
            after(json!({ "mode": "standalone" }), json!({ "mode": "standalone" })),
            &[],
        )
        .object(after(json!({ "mode": "standalone" }), json!({})), &["spec.mode"]);
    table
        .rule("cluster-type-change", kind)
        .object(after(json!({ "job": null }), json!({ "job": null })), &[])
        .object(after(json!({}), json!({ "job": { "parallelism": 4 } })), &[]);
    table
        .rule("redeploy-needs-savepoint", kind)
        .object(
            after(redeploy(json!(1)), redeploy(json!(2))),
            &["spec.job.initialSavepointPath"],
        )
        .object(after(redeploy(json!(1)), redeploy(Value::Null)), &[])
        .object(
            after(
                redeploy(json!(1)),
                json!({ "job": { "savepointRedeployNonce": 2, "initialSavepointPath": " " } }),
            ),
            &["spec.job.initialSavepointPath"],
        );
    let suspended = |mode: &str| json!({ "job": { "state": "suspended", "upgradeMode": mode } });
    let newer = json!({
        "flinkVersion": "v2_0",
        "job": { "upgradeMode": "last-state" },
        "flinkConfiguration": { "execution.checkpointing.dir": "s3://c", "high-availability.type": "kubernetes" },
    });
    table
        .rule("version-change-while-suspended", kind)
        .object(after(suspended("stateless"), newer.clone()), &[])
        .object(after(json!({ "job": { "upgradeMode": "last-state" } }), newer), &[])
        .object(
            after(
                suspended("last-state"),
                json!({
                    "image": "flink:1.20-java17",
                    "job": { "upgradeMode": "last-state" },
                    "flinkConfiguration": {
                        "execution.checkpointing.dir": "s3://c",
                        "high-availability.type": "kubernetes",
                    },
                }),
            ),
            &[],
        );
}

pub(super) fn options(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    table
        .rule("config-value", kind)
        .spec(
            &set("execution.checkpointing.timeout", "9 ms"),
            &["spec.flinkConfiguration[execution.checkpointing.timeout]"],
        )
        .spec(&set("execution.checkpointing.timeout", "10 ms"), &[])
        .spec(
            &set("execution.checkpointing.tolerable-failed-checkpoints", "-1"),
            &["spec.flinkConfiguration[execution.checkpointing.tolerable-failed-checkpoints]"],
        )
        .spec(&set("execution.checkpointing.tolerable-failed-checkpoints", "0"), &[])
        .spec(
            &set("execution.checkpointing.max-concurrent-checkpoints", "0"),
            &["spec.flinkConfiguration[execution.checkpointing.max-concurrent-checkpoints]"],
        )
        .spec(&set("execution.checkpointing.max-concurrent-checkpoints", "1"), &[])
        .spec(
            &set("taskmanager.rpc.port", "6122-6130"),
            &["spec.flinkConfiguration[taskmanager.rpc.port]"],
        )
        .spec(
            &set("taskmanager.rpc.port", "65536"),
            &["spec.flinkConfiguration[taskmanager.rpc.port]"],
        )
        .spec(&set("taskmanager.rpc.port", "65535"), &[])
        .spec(
            &set("kubernetes.jobmanager.cpu.limit-factor", "0.99"),
            &["spec.flinkConfiguration[kubernetes.jobmanager.cpu.limit-factor]"],
        )
        .spec(&set("kubernetes.jobmanager.cpu.limit-factor", "1"), &[])
        .spec(&set("kubernetes.jobmanager.memory.limit-factor", "1.0"), &[]);
    table
        .rule("job-config-value", Kind::FlinkSessionJob)
        .spec(
            &set("execution.checkpointing.interval", "10 parsecs"),
            &["spec.flinkConfiguration[execution.checkpointing.interval]"],
        )
        .spec(&set("execution.checkpointing.interval", "1 min"), &[])
        .spec(
            &set("execution.checkpointing.timeout", "9 ms"),
            &["spec.flinkConfiguration[execution.checkpointing.timeout]"],
        );
    table.rule("secret-in-configuration", kind);
    table
        .spec(
            &set("fs.x.private-key", "abc"),
            &["spec.flinkConfiguration[fs.x.private-key]"],
        )
        .spec(&set("fs.x.api_key", "abc"), &["spec.flinkConfiguration[fs.x.api_key]"])
        .spec(
            &set("fs.x.passphrase", "abc"),
            &["spec.flinkConfiguration[fs.x.passphrase]"],
        )
        .spec(&set("fs.x.private-key.file", "/etc/key"), &[])
        .spec(&set("s3.secret-key", "$(S3_SECRET)"), &[])
        .spec(&set("s3.secret-key", "{{ secret }}"), &[]);
}

pub(super) fn images_and_jars(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    table.rule("image-invalid", kind);
    for wrong in ["FLINK", "flink: 1.20", "a//b:1", "flink:1.20@sha256:0"] {
        table.spec(&json!({ "image": wrong }), &["spec.image"]);
    }
    for right in [
        "localhost:5000/flink:1.20",
        "registry/flink:1.20-scala_2.12-java17",
        "a.b-c/d_e/f:1",
    ] {
        table.spec(&json!({ "image": right }), &[]);
    }
    table
        .rule("image-pull-policy-unknown", kind)
        .spec(&json!({ "imagePullPolicy": "Sometimes" }), &["spec.imagePullPolicy"])
        .spec(&json!({ "imagePullPolicy": "Never" }), &[])
        .spec(&json!({ "imagePullPolicy": "Always" }), &[]);
    let jar = |uri: &str| json!({ "job": { "jarURI": uri } });
    table.rule("jar-uri-invalid", Kind::FlinkSessionJob);
    for wrong in [
        "https://repo.example.com/%zz",
        "https://repo.example.com/%2",
        "repo.example.com/a.jar",
    ] {
        table.spec(&jar(wrong), &["spec.job.jarURI"]);
    }
    for right in [
        "https://repo.example.com/a%20b.jar",
        "https://repo.example.com:8443/a.jar?x=y",
    ] {
        table.spec(&jar(right), &[]);
    }
    table.rule("jar-scheme-refused", Kind::FlinkSessionJob);
    for wrong in [
        "http://repo.example.com/a.jar",
        "s3://bucket/a.jar",
        "local:///opt/a.jar",
    ] {
        table.spec(&jar(wrong), &["spec.job.jarURI"]);
    }
    table.rule("jar-host-refused", Kind::FlinkSessionJob);
    for wrong in [
        "https://localhost/a.jar",
        "https://127.0.0.1/a.jar",
        "https://10.0.0.1:8443/a.jar",
        "https://172.16.0.1/a.jar",
        "https://172.31.255.255/a.jar",
        "https://192.168.1.1/a.jar",
        "https://[::1]/a.jar",
        "https://user@10.0.0.1/a.jar",
        "https://2130706433/a.jar",
    ] {
        table.spec(&jar(wrong), &["spec.job.jarURI"]);
    }
    for right in [
        "https://172.32.0.1/a.jar",
        "https://8.8.8.8/a.jar",
        "https://10.example.com/a.jar",
    ] {
        table.spec(&jar(right), &[]);
    }
}

pub(super) fn capacity(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    let replicas = |replicas: i32, parallelism: i32| json!({ "taskManager": { "replicas": replicas }, "job": { "parallelism": parallelism } });
    table
        .rule("parallelism-overridden", kind)
        .spec(&replicas(1, 1), &["spec.job.parallelism"])
        .spec(&replicas(1, 3), &["spec.job.parallelism"])
        .spec(&replicas(2, 4), &[])
        .spec(&replicas(2, 5), &["spec.job.parallelism"]);
    table.rule("slots-unused", kind).spec(
        &json!({ "job": { "parallelism": 1 } }),
        &["spec.flinkConfiguration[taskmanager.numberOfTaskSlots]"],
    );
    table
        .rule("config-overwritten", kind)
        .spec(&set("kubernetes.container.image.pull-policy", "Always"), &[])
        .spec(
            &json!({
                "imagePullPolicy": "Never",
                "flinkConfiguration": { "kubernetes.container.image.pull-policy": "Always" },
            }),
            &["spec.flinkConfiguration[kubernetes.container.image.pull-policy]"],
        )
        .spec(
            &json!({
                "imagePullPolicy": "Never",
                "flinkConfiguration": { "kubernetes.container.image.pull-policy": "Never" },
            }),
            &[],
        );
}
