//! What is legal and will hurt.

use serde_json::{Value, json};

use super::Table;
use crate::rules::Kind;

pub(super) fn capacity(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    let memory = |request: &str, limit: &str| {
        json!({ "taskManager": { "resource": null, "resources": {
            "requests": { "memory": request }, "limits": { "memory": limit },
        } } })
    };
    table
        .rule("memory-limit-unused", kind)
        .spec(&memory("2Gi", "4Gi"), &["spec.taskManager.resources.limits.memory"])
        .spec(&memory("2Gi", "2Gi"), &[])
        .spec(&memory("2Gi", "3Gi"), &[])
        .spec(&memory("2048m", "3073m"), &["spec.taskManager.resources.limits.memory"])
        .spec(
            &json!({ "jobManager": { "resource": null, "resources": {
                "requests": { "memory": "1Gi" }, "limits": { "memory": "4Gi" },
            } } }),
            &["spec.jobManager.resources.limits.memory"],
        )
        .spec(
            &json!({ "jobManager": { "resource": null, "resources": { "limits": { "memory": "4Gi" } } } }),
            &[],
        )
        .spec(
            &json!({ "flinkConfiguration": { "kubernetes.taskmanager.memory.limit-factor": "2.0" } }),
            &["spec.flinkConfiguration[kubernetes.taskmanager.memory.limit-factor]"],
        )
        .spec(
            &json!({ "flinkConfiguration": { "kubernetes.jobmanager.memory.limit-factor": "1.51" } }),
            &["spec.flinkConfiguration[kubernetes.jobmanager.memory.limit-factor]"],
        )
        .spec(
            &json!({ "flinkConfiguration": { "kubernetes.jobmanager.memory.limit-factor": "1.5" } }),
            &[],
        )
        // Request and limit of the spec make the factor.
        .spec(
            &json!({
                "flinkConfiguration": { "kubernetes.taskmanager.memory.limit-factor": "2.0" },
                "taskManager": { "resource": null, "resources": { "requests": { "memory": "2Gi" }, "limits": { "memory": "2Gi" } } },
            }),
            &[],
        );
    let slots = |slots: &str, parallelism: Value| {
        json!({
            "flinkConfiguration": { "taskmanager.numberOfTaskSlots": slots },
            "job": { "parallelism": parallelism },
        })
    };
    let scaled = |slots: &str, more: &Value| {
        let mut configuration = json!({ "taskmanager.numberOfTaskSlots": slots });
        super::super::merge(&mut configuration, more);
        json!({ "flinkConfiguration": configuration })
    };
    table
        .rule("slots-unused", kind)
        .spec(
            &slots("4", json!(2)),
            &["spec.flinkConfiguration[taskmanager.numberOfTaskSlots]"],
        )
        .spec(&slots("2", json!(3)), &[])
        .spec(&slots("4", json!(4)), &[])
        .spec(
            &json!({ "mode": "standalone", "taskManager": { "replicas": 3 } }),
            &["spec.taskManager.replicas"],
        )
        .spec(&json!({ "mode": "standalone", "taskManager": { "replicas": 1 } }), &[])
        // 3 TaskManagers of 2 slots for 5 subtasks: one slot is left, but no TaskManager.
        .spec(
            &json!({ "mode": "standalone", "taskManager": { "replicas": 3 }, "job": { "parallelism": 5 } }),
            &[],
        )
        .spec(
            &json!({ "mode": "standalone", "taskManager": { "replicas": 3 }, "job": { "parallelism": 4 } }),
            &["spec.taskManager.replicas"],
        )
        // Others set the parallelism.
        .spec(&scaled("4", &json!({ "job.autoscaler.enabled": "true" })), &[])
        .spec(
            &scaled("4", &json!({ "kubernetes.operator.job.autoscaler.enabled": "true" })),
            &[],
        )
        .spec(&scaled("4", &json!({ "scheduler-mode": "REACTIVE" })), &[])
        .spec(
            &scaled("4", &json!({ "job.autoscaler.enabled": "false" })),
            &["spec.flinkConfiguration[taskmanager.numberOfTaskSlots]"],
        )
        .spec(
            &json!({ "job": null, "flinkConfiguration": { "taskmanager.numberOfTaskSlots": "4" } }),
            &[],
        );
    table
        .rule("parallelism-overridden", kind)
        .spec(&json!({ "taskManager": { "replicas": 2 } }), &["spec.job.parallelism"])
        .spec(&json!({ "taskManager": { "replicas": 1 } }), &[])
        .spec(
            &json!({ "taskManager": { "replicas": 2 }, "job": { "parallelism": null } }),
            &[],
        );
}

pub(super) fn configuration(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    table
        .rule("secret-in-configuration", kind)
        .spec(
            &json!({ "flinkConfiguration": { "s3.access-key": "AKIA", "s3.secret-key": "hunter2" } }),
            &[
                "spec.flinkConfiguration[s3.access-key]",
                "spec.flinkConfiguration[s3.secret-key]",
            ],
        )
        .spec(
            &json!({ "flinkConfiguration": { "security.ssl.rest.keystore-password": "hunter2" } }),
            &["spec.flinkConfiguration[security.ssl.rest.keystore-password]"],
        )
        .spec(
            &json!({ "flinkConfiguration": { "kubernetes.secrets": "mine:/etc/mine" } }),
            &[],
        )
        .spec(
            &json!({ "flinkConfiguration": { "s3.secret-key": "${S3_SECRET}" } }),
            &[],
        )
        .spec(&json!({ "flinkConfiguration": { "s3.secret-key": " " } }), &[])
        .spec(
            &json!({ "flinkConfiguration": { "s3": { "secret": { "key": "hunter2" } } } }),
            &["spec.flinkConfiguration[s3.secret.key]"],
        );
    table.rule("job-secret-in-configuration", Kind::FlinkSessionJob).spec(
        &json!({ "flinkConfiguration": { "kubernetes.operator.user.artifacts.http.header": "Authorization:x" } }),
        &["spec.flinkConfiguration[kubernetes.operator.user.artifacts.http.header]"],
    );
    table
        .rule("config-overwritten", kind)
        .spec(
            &json!({ "flinkConfiguration": { "kubernetes.container.image.ref": "flink:1.19", "execution.target": "local" } }),
            &[
                "spec.flinkConfiguration[kubernetes.container.image.ref]",
                "spec.flinkConfiguration[execution.target]",
            ],
        )
        .spec(
            &json!({ "flinkConfiguration": { "jobmanager.memory.process.size": "1g" } }),
            &["spec.flinkConfiguration[jobmanager.memory.process.size]"],
        )
        .spec(
            &json!({ "jobManager": null, "flinkConfiguration": { "jobmanager.memory.process.size": "1g" } }),
            &[],
        )
        .spec(
            &json!({ "flinkConfiguration": { "parallelism.default": "4", "kubernetes.jobmanager.replicas": "1" } }),
            &["spec.flinkConfiguration[parallelism.default]"],
        )
        .spec(
            &json!({ "flinkConfiguration": { "kubernetes.service-account": "x" } }),
            &["spec.flinkConfiguration[kubernetes.service-account]"],
        )
        // They say the same.
        .spec(
            &json!({ "flinkConfiguration": { "kubernetes.service-account": "flink", "parallelism.default": "2" } }),
            &[],
        );
}
