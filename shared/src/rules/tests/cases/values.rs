//! Values outside of their ranges, and keys that are no user's.

use serde_json::{Value, json};

use super::Table;
use crate::rules::Kind;

fn set(key: &str, text: &str) -> Value {
    json!({ "flinkConfiguration": { key: text } })
}

pub(super) fn ranges(table: &mut Table) {
    const SLOTS: &str = "taskmanager.numberOfTaskSlots";
    table
        .rule("config-value", Kind::FlinkDeployment)
        .spec(
            &set(SLOTS, "0"),
            &["spec.flinkConfiguration[taskmanager.numberOfTaskSlots]"],
        )
        .spec(
            &set(SLOTS, "-1"),
            &["spec.flinkConfiguration[taskmanager.numberOfTaskSlots]"],
        )
        .spec(&set(SLOTS, "1"), &[])
        .spec(&set("rest.port", "0"), &["spec.flinkConfiguration[rest.port]"])
        .spec(&set("rest.port", "99999"), &["spec.flinkConfiguration[rest.port]"])
        .spec(&set("rest.port", "65535"), &[])
        .spec(&set("rest.bind-port", "0"), &[])
        .spec(
            &set("rest.bind-port", "8081-8090"),
            &["spec.flinkConfiguration[rest.bind-port]"],
        )
        .spec(
            &set("blob.server.port", "70000"),
            &["spec.flinkConfiguration[blob.server.port]"],
        )
        .spec(
            &set("jobmanager.rpc.port", "0"),
            &["spec.flinkConfiguration[jobmanager.rpc.port]"],
        )
        .spec(
            &set("execution.checkpointing.timeout", "1 ms"),
            &["spec.flinkConfiguration[execution.checkpointing.timeout]"],
        )
        .spec(
            &set("execution.checkpointing.max-concurrent-checkpoints", "0"),
            &["spec.flinkConfiguration[execution.checkpointing.max-concurrent-checkpoints]"],
        )
        .spec(
            &set("kubernetes.taskmanager.memory.limit-factor", "0.5"),
            &["spec.flinkConfiguration[kubernetes.taskmanager.memory.limit-factor]"],
        )
        .spec(
            &set("pipeline.max-parallelism", "0"),
            &["spec.flinkConfiguration[pipeline.max-parallelism]"],
        )
        .spec(&set("pipeline.max-parallelism", "128"), &[]);
    table
        .rule("job-config-value", Kind::FlinkSessionJob)
        .spec(
            &set("pipeline.max-parallelism", "0"),
            &["spec.flinkConfiguration[pipeline.max-parallelism]"],
        )
        .spec(
            &set("execution.checkpointing.timeout", "9 ms"),
            &["spec.flinkConfiguration[execution.checkpointing.timeout]"],
        )
        .spec(&set("execution.checkpointing.timeout", "10 ms"), &[]);
}

pub(super) fn internal(table: &mut Table) {
    table
        .rule("config-internal", Kind::FlinkDeployment)
        .spec(
            &json!({ "flinkConfiguration": { "$internal": { "application.main": "a.B", "flink.version": "v1_19" } } }),
            &[
                "spec.flinkConfiguration[$internal.application.main]",
                "spec.flinkConfiguration[$internal.flink.version]",
            ],
        )
        .spec(
            &set("$internal.application.program-args", "--a"),
            &["spec.flinkConfiguration[$internal.application.program-args]"],
        )
        .spec(
            &set("$internal.deployment.config-dir", "/x"),
            &["spec.flinkConfiguration[$internal.deployment.config-dir]"],
        )
        .spec(
            &set("kubernetes.internal.taskmanager.replicas", "3"),
            &["spec.flinkConfiguration[kubernetes.internal.taskmanager.replicas]"],
        )
        .spec(
            &set("kubernetes.internal.cluster-mode", "SESSION"),
            &["spec.flinkConfiguration[kubernetes.internal.cluster-mode]"],
        )
        .spec(
            &json!({ "flinkConfiguration": {
                "kubernetes.pod-template-file.default": "/opt/pod.yaml",
                "kubernetes.pod-template-file.jobmanager": "/opt/jm.yaml",
                "kubernetes.pod-template-file.taskmanager": "/opt/tm.yaml",
            } }),
            &[
                "spec.flinkConfiguration[kubernetes.pod-template-file.default]",
                "spec.flinkConfiguration[kubernetes.pod-template-file.jobmanager]",
                "spec.flinkConfiguration[kubernetes.pod-template-file.taskmanager]",
            ],
        )
        .spec(
            &set("kubernetes.pod-template-file", "/opt/pod.yaml"),
            &["spec.flinkConfiguration[kubernetes.pod-template-file]"],
        )
        // The one internal key that is the user's.
        .spec(
            &set("$internal.pipeline.job-id", "00000000000000000000000000000001"),
            &[],
        );
    table.rule("config-internal", Kind::FlinkBlueGreenDeployment).spec(
        &json!({ "template": { "spec": { "flinkConfiguration": { "kubernetes.internal.cluster-mode": "SESSION" } } } }),
        &["spec.template.spec.flinkConfiguration[kubernetes.internal.cluster-mode]"],
    );
}

pub(super) fn session_jobs(table: &mut Table) {
    let kind = Kind::FlinkSessionJob;
    table
        .rule("job-config-internal", kind)
        .spec(
            &set("$internal.application.main", "a.B"),
            &["spec.flinkConfiguration[$internal.application.main]"],
        )
        .spec(
            &set("$internal.pipeline.job-id", "00000000000000000000000000000001"),
            &[],
        );
    table
        .rule("job-config-forbidden", kind)
        .spec(
            &json!({ "flinkConfiguration": { "kubernetes": { "namespace": "x", "cluster-id": "y" } } }),
            &[
                "spec.flinkConfiguration[kubernetes.namespace]",
                "spec.flinkConfiguration[kubernetes.cluster-id]",
            ],
        )
        .spec(
            &set("high-availability.cluster-id", "x"),
            &["spec.flinkConfiguration[high-availability.cluster-id]"],
        )
        .spec(&set("pipeline.name", "mine"), &[]);
    let scaled =
        |key: &str, text: &str| json!({ "flinkConfiguration": { "job.autoscaler.enabled": "true", key: text } });
    table
        .rule("autoscaler-cannot-act", kind)
        .spec(
            &json!({ "flinkConfiguration": {
                "job.autoscaler.enabled": "true",
                "job.autoscaler.vertex.min-parallelism": "4",
                "job.autoscaler.vertex.max-parallelism": "4",
            } }),
            &["spec.flinkConfiguration[job.autoscaler.vertex.max-parallelism]"],
        )
        .spec(&scaled("job.autoscaler.vertex.max-parallelism", "4"), &[]);
    table
        .rule("autoscaler-off", kind)
        .spec(
            &set("job.autoscaler.utilization.target", "0.5"),
            &["spec.flinkConfiguration[job.autoscaler.utilization.target]"],
        )
        .spec(&scaled("job.autoscaler.utilization.target", "0.5"), &[])
        .spec(
            &json!({ "flinkConfiguration": {
                "job.autoscaler.enabled": "false", "job.autoscaler.utilization.target": "0.5",
            } }),
            &[],
        )
        .spec(
            &json!({ "deploymentName": "elsewhere", "flinkConfiguration": { "job.autoscaler.utilization.target": "0.5" } }),
            &[],
        );
    table.rule("autoscaler-fraction", kind).spec(
        &scaled("job.autoscaler.utilization.target", "1.5"),
        &["spec.flinkConfiguration[job.autoscaler.utilization.target]"],
    );
}
