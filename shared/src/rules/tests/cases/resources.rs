//! Amounts and replicas.

use serde_json::{Value, json};

use super::Table;
use crate::rules::Kind;

pub(super) fn memory(table: &mut Table) {
    table
        .rule("memory-missing", Kind::FlinkDeployment)
        .spec(&json!({ "jobManager": null }), &["spec.jobManager.resource.memory"])
        .spec(
            &json!({ "taskManager": { "resource": { "memory": " " } } }),
            &["spec.taskManager.resource.memory"],
        )
        .spec(
            &json!({ "jobManager": { "resource": { "memory": null } }, "taskManager": { "resource": null } }),
            &["spec.jobManager.resource.memory", "spec.taskManager.resource.memory"],
        )
        .spec(
            &json!({ "jobManager": { "resource": null, "resources": { "requests": { "cpu": "1" } } } }),
            &["spec.jobManager.resources.requests.memory"],
        )
        .spec(
            &json!({ "jobManager": { "resource": null, "resources": { "limits": { "memory": "2Gi" } } } }),
            &[],
        )
        .spec(
            &json!({ "jobManager": null, "flinkConfiguration": { "jobmanager.memory.heap.size": "1g" } }),
            &[],
        )
        .spec(
            &json!({ "taskManager": null, "flinkConfiguration": { "taskmanager.memory.task.heap.size": "1g" } }),
            &["spec.taskManager.resource.memory"],
        )
        .spec(
            &json!({ "taskManager": null, "flinkConfiguration": {
                "taskmanager.memory": { "task.heap.size": "1g", "size": "1g" },
            } }),
            &[],
        );
    table
        .rule("memory-unreadable", Kind::FlinkDeployment)
        .spec(
            &json!({ "jobManager": { "resource": { "memory": "two" } }, "taskManager": { "resource": { "memory": "2x" } } }),
            &["spec.jobManager.resource.memory", "spec.taskManager.resource.memory"],
        )
        .spec(&json!({ "jobManager": { "resource": { "memory": "2 GiB" } } }), &[]);
    table
        .rule("memory-impossible", Kind::FlinkDeployment)
        .spec(
            &json!({ "jobManager": { "resource": { "memory": "500m" } } }),
            &["spec.jobManager.resource.memory"],
        )
        .spec(
            &json!({ "taskManager": { "resource": null, "resources": { "limits": { "memory": "512Mi" } } } }),
            &["spec.taskManager.resources.limits.memory"],
        )
        .spec(
            &json!({ "flinkConfiguration": { "taskmanager.memory.jvm-overhead": { "min": "2g", "max": "1g" } } }),
            &["spec.flinkConfiguration[taskmanager.memory.jvm-overhead.min]"],
        );
    table
        .rule("storage-unreadable", Kind::FlinkDeployment)
        .spec(
            &json!({ "taskManager": { "resource": { "ephemeralStorage": "big" } } }),
            &["spec.taskManager.resource.ephemeralStorage"],
        )
        .spec(
            &json!({ "taskManager": { "resource": { "ephemeralStorage": "2Gi" } } }),
            &[],
        );
    table
        .rule("resource-ignored", Kind::FlinkDeployment)
        .spec(
            &json!({ "jobManager": { "resources": { "requests": { "memory": "2Gi" } } } }),
            &["spec.jobManager.resource"],
        )
        .spec(&json!({ "jobManager": { "resources": {} } }), &[]);
}

pub(super) fn quantities(table: &mut Table) {
    let task_manager = |resources: Value| json!({ "taskManager": { "resource": null, "resources": resources } });
    table
        .rule("quantity-unreadable", Kind::FlinkDeployment)
        .spec(
            &task_manager(
                json!({ "requests": { "memory": "2048m", "cpu": "lots" }, "limits": { "nvidia.com/gpu": "one" } }),
            ),
            &[
                "spec.taskManager.resources.requests.cpu",
                "spec.taskManager.resources.limits.nvidia.com/gpu",
            ],
        )
        .spec(
            &task_manager(json!({ "requests": { "memory": "lots" } })),
            &["spec.taskManager.resources.requests.memory"],
        )
        .spec(
            &task_manager(json!({ "requests": { "memory": "2048m", "cpu": 1 }, "limits": { "cpu": "1500m" } })),
            &[],
        );
    table.rule("quantity-not-positive", Kind::FlinkDeployment).spec(
        &task_manager(json!({ "requests": { "memory": "0" }, "limits": { "cpu": "-1", "memory": "-2Gi" } })),
        &[
            "spec.taskManager.resources.requests.memory",
            "spec.taskManager.resources.limits.cpu",
            "spec.taskManager.resources.limits.memory",
        ],
    );
    table
        .rule("quantity-negative", Kind::FlinkDeployment)
        .spec(
            &task_manager(json!({ "requests": { "memory": "2g", "ephemeral-storage": "-1Gi" } })),
            &["spec.taskManager.resources.requests.ephemeral-storage"],
        )
        .spec(
            &json!({ "jobManager": { "resource": { "cpu": -0.5 } } }),
            &["spec.jobManager.resource.cpu"],
        )
        .spec(
            &json!({ "jobManager": { "resource": { "ephemeralStorage": "-1" } } }),
            &["spec.jobManager.resource.ephemeralStorage"],
        )
        .spec(
            &task_manager(json!({ "requests": { "memory": "2g", "ephemeral-storage": "0" } })),
            &[],
        );
    table
        .rule("request-above-limit", Kind::FlinkDeployment)
        .spec(
            &task_manager(
                json!({ "requests": { "memory": "2048m", "cpu": "1001m" }, "limits": { "memory": "2G", "cpu": 1 } }),
            ),
            &["spec.taskManager.resources.requests.cpu"],
        )
        .spec(
            &task_manager(json!({ "requests": { "memory": "2049m" }, "limits": { "memory": "2Gi" } })),
            &["spec.taskManager.resources.requests.memory"],
        );
    table.rule("replicas-invalid", Kind::FlinkDeployment).spec(
        &json!({ "jobManager": { "replicas": 0 }, "taskManager": { "replicas": -1 } }),
        &["spec.jobManager.replicas", "spec.taskManager.replicas"],
    );
    table
        .rule("standby-needs-ha", Kind::FlinkDeployment)
        .spec(&json!({ "jobManager": { "replicas": 2 } }), &["spec.jobManager.replicas"])
        .spec(
            &json!({ "jobManager": { "replicas": 2 }, "flinkConfiguration": { "high-availability.type": "kubernetes" } }),
            &[],
        );
}
