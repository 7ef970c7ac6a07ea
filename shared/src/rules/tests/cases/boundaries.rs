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
