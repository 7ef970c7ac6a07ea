//! What each rule finds, and what it lets pass.

use serde_json::{Value, json};

use super::super::Kind;
use super::acted_on;

/// A good object, changed, and what is found in it.
pub struct Case {
    /// The rule.
    pub code: &'static str,
    /// Kind of the object.
    pub kind: Kind,
    /// RFC 7386 patch of the good object.
    pub patch: Value,
    /// Paths that the rule, and no other, names.
    pub finds: &'static [&'static str],
}

/// A few words of shorthand for a long table.
struct Table {
    code: &'static str,
    kind: Kind,
    cases: Vec<Case>,
}

impl Table {
    fn rule(&mut self, code: &'static str, kind: Kind) -> &mut Self {
        self.code = code;
        self.kind = kind;
        self
    }

    fn object(&mut self, patch: Value, finds: &'static [&'static str]) -> &mut Self {
        self.cases.push(Case {
            code: self.code,
            kind: self.kind,
            patch,
            finds,
        });
        self
    }

    fn spec(&mut self, spec: &Value, finds: &'static [&'static str]) -> &mut Self {
        self.object(json!({ "spec": spec }), finds)
    }
}

/// The table. A case that finds nothing shows what is still allowed.
pub fn cases() -> Vec<Case> {
    let mut table = Table {
        code: "",
        kind: Kind::FlinkDeployment,
        cases: Vec::new(),
    };
    shape_and_names(&mut table);
    configuration(&mut table);
    ingress_and_logging(&mut table);
    jobs(&mut table);
    memory(&mut table);
    quantities(&mut table);
    changes(&mut table);
    session_jobs(&mut table);
    snapshots(&mut table);
    blue_green(&mut table);
    table.cases
}

fn shape_and_names(table: &mut Table) {
    table
        .rule("field-type", Kind::FlinkDeployment)
        .spec(&json!({ "job": { "parallelism": "four" } }), &["spec.job.parallelism"])
        .spec(&json!({ "flinkVersion": "v1_99" }), &["spec.flinkVersion"])
        .spec(
            &json!({ "flinkVersion": "1.20", "restartNonce": "x" }),
            &["spec.flinkVersion", "spec.restartNonce"],
        )
        .spec(&json!({ "jobManager": "big" }), &["spec.jobManager"])
        .spec(&json!({ "unknown": 1, "job": { "unknown": [] } }), &[]);
    table.rule("field-type", Kind::FlinkStateSnapshot).spec(
        &json!({ "jobReference": { "kind": "Job" } }),
        &["spec.jobReference.kind"],
    );
    table
        .rule("name-invalid", Kind::FlinkDeployment)
        .object(json!({ "metadata": { "name": "My-job" } }), &["metadata.name"])
        .object(json!({ "metadata": { "name": "a".repeat(46) } }), &["metadata.name"])
        .object(json!({ "metadata": { "name": "a".repeat(45) } }), &[]);
    table
        .rule("version-missing", Kind::FlinkDeployment)
        .spec(&json!({ "flinkVersion": null }), &["spec.flinkVersion"]);
    table.rule("version-missing", Kind::FlinkBlueGreenDeployment).spec(
        &json!({ "template": { "spec": { "flinkVersion": null } } }),
        &["spec.template.spec.flinkVersion"],
    );
    table
        .rule("version-unsupported", Kind::FlinkDeployment)
        .spec(&json!({ "flinkVersion": "v1_14" }), &["spec.flinkVersion"]);
    table
        .rule("version-deprecated", Kind::FlinkDeployment)
        .spec(&json!({ "flinkVersion": "v1_18" }), &["spec.flinkVersion"])
        .spec(&json!({ "flinkVersion": "v1_19" }), &[])
        .spec(&json!({ "flinkVersion": "v2_3" }), &[]);
    table
        .rule("service-account-missing", Kind::FlinkDeployment)
        .spec(&json!({ "serviceAccount": null }), &["spec.serviceAccount"]);
}

fn configuration(table: &mut Table) {
    table
        .rule("config-shape", Kind::FlinkDeployment)
        .spec(&json!({ "flinkConfiguration": "a: b" }), &["spec.flinkConfiguration"])
        .spec(
            &json!({ "flinkConfiguration": { "a": { "b": [["c"]] } } }),
            &["spec.flinkConfiguration[a.b]"],
        )
        .spec(&json!({ "flinkConfiguration": { "a": { "b": ["c", 1] } } }), &[]);
    table
        .rule("job-config-shape", Kind::FlinkSessionJob)
        .spec(&json!({ "flinkConfiguration": ["a"] }), &["spec.flinkConfiguration"]);
    table
        .rule("config-forbidden", Kind::FlinkDeployment)
        .spec(
            &json!({ "flinkConfiguration": { "kubernetes": { "namespace": "x", "cluster-id": "y" } } }),
            &[
                "spec.flinkConfiguration[kubernetes.namespace]",
                "spec.flinkConfiguration[kubernetes.cluster-id]",
            ],
        )
        .spec(
            &json!({ "flinkConfiguration": { "high-availability.cluster-id": "x" } }),
            &["spec.flinkConfiguration[high-availability.cluster-id]"],
        )
        // An older spelling is overwritten rather than refused.
        .spec(
            &json!({ "flinkConfiguration": { "high-availability.zookeeper.path.namespace": "x" } }),
            &[],
        );
    table
        .rule("config-value", Kind::FlinkDeployment)
        .spec(
            &json!({ "flinkConfiguration": { "taskmanager.numberOfTaskSlots": "two" } }),
            &["spec.flinkConfiguration[taskmanager.numberOfTaskSlots]"],
        )
        .spec(
            &json!({ "flinkConfiguration": { "execution": { "checkpointing": { "interval": "5 parsecs" } } } }),
            &["spec.flinkConfiguration[execution.checkpointing.interval]"],
        )
        .spec(
            &json!({ "flinkConfiguration": { "kubernetes.operator.savepoint.format.type": "PLAIN" } }),
            &["spec.flinkConfiguration[kubernetes.operator.savepoint.format.type]"],
        )
        .spec(
            &json!({ "flinkConfiguration": { "execution.checkpointing.interval": "5 min", "anything": "goes" } }),
            &[],
        );
    table.rule("job-config-value", Kind::FlinkSessionJob).spec(
        &json!({ "flinkConfiguration": { "parallelism.default": "1.5" } }),
        &["spec.flinkConfiguration[parallelism.default]"],
    );
    let mixed = json!({ "high-availability": "kubernetes", "high-availability.storageDir": "s3://b" });
    table
        .rule("config-key-prefix", Kind::FlinkDeployment)
        .spec(
            &json!({ "flinkVersion": "v2_0", "flinkConfiguration": mixed }),
            &["spec.flinkConfiguration[high-availability]"],
        )
        .spec(&json!({ "flinkVersion": "v1_20", "flinkConfiguration": mixed }), &[])
        .spec(
            &json!({ "flinkVersion": "v2_0", "flinkConfiguration": {
                "kubernetes.operator.savepoint.history.max.count": "1",
                "kubernetes.operator.savepoint.history.max.count.threshold": "2",
            } }),
            &[],
        );
    table
        .rule("rollback-needs-ha", Kind::FlinkDeployment)
        .spec(
            &json!({ "flinkConfiguration": { "kubernetes.operator.deployment.rollback.enabled": true } }),
            &["spec.flinkConfiguration[kubernetes.operator.deployment.rollback.enabled]"],
        )
        .spec(
            &json!({ "flinkConfiguration": {
                "kubernetes.operator.deployment.rollback.enabled": true, "high-availability": "zookeeper",
            } }),
            &[],
        );
    table
        .rule("health-check-needs-recovery", Kind::FlinkDeployment)
        .spec(
            &json!({ "flinkConfiguration": {
                "kubernetes.operator.cluster.health-check.enabled": "true",
                "kubernetes.operator.jm-deployment-recovery.enabled": "false",
            } }),
            &["spec.flinkConfiguration[kubernetes.operator.cluster.health-check.enabled]"],
        )
        .spec(
            &json!({ "flinkConfiguration": { "kubernetes.operator.cluster.health-check.enabled": "true" } }),
            &[],
        )
        .spec(
            &json!({ "flinkConfiguration": { "kubernetes.operator.jm-deployment-recovery.enabled": "false" } }),
            &[],
        );
}

fn ingress_and_logging(table: &mut Table) {
    table.rule("ingress-template-missing", Kind::FlinkDeployment).spec(
        &json!({ "ingress": { "className": "nginx" } }),
        &["spec.ingress.template"],
    );
    table
        .rule("ingress-template-invalid", Kind::FlinkDeployment)
        .spec(
            &json!({ "ingress": { "template": "example.com:port" } }),
            &["spec.ingress.template"],
        )
        .spec(
            &json!({ "ingress": { "template": "{{who}}.example.com" } }),
            &["spec.ingress.template"],
        )
        .spec(
            &json!({ "ingress": { "template": "{{name}}.{{namespace}}.example.com" } }),
            &[],
        )
        .spec(
            &json!({ "ingress": { "template": "/{{namespace}}/{{name}}(/|$)(.*)" } }),
            &[],
        );
    table
        .rule("parent-ingress-invalid", Kind::FlinkBlueGreenDeployment)
        .spec(&json!({ "ingress": {} }), &["spec.ingress.template"])
        .spec(
            &json!({ "ingress": { "template": "10.0.0.1" } }),
            &["spec.ingress.template"],
        );
    table
        .rule("logging-file-unknown", Kind::FlinkDeployment)
        .spec(
            &json!({ "logConfiguration": { "log4j.properties": "a", "log4j-console.properties": "b" } }),
            &["spec.logConfiguration[log4j.properties]"],
        )
        .spec(&json!({ "logConfiguration": { "logback-console.xml": "a" } }), &[]);
}

fn jobs(table: &mut Table) {
    let checkpoints = json!({ "state.checkpoints.dir": "s3://c" });
    let both = json!({ "state": { "checkpoints.dir": "s3://c", "savepoints.dir": "s3://s" } });
    table
        .rule("checkpoint-dir-missing", Kind::FlinkDeployment)
        .spec(
            &json!({ "job": { "upgradeMode": "last-state" } }),
            &["spec.flinkConfiguration[execution.checkpointing.dir]"],
        )
        .spec(
            &json!({ "job": { "upgradeMode": "last-state" }, "flinkConfiguration": { "execution.checkpointing.dir": " " } }),
            &["spec.flinkConfiguration[execution.checkpointing.dir]"],
        )
        .spec(&json!({ "job": { "upgradeMode": "last-state" }, "flinkConfiguration": checkpoints }), &[]);
    table
        .rule("savepoint-dir-missing", Kind::FlinkDeployment)
        .spec(
            &json!({ "job": { "upgradeMode": "savepoint" }, "flinkConfiguration": checkpoints }),
            &["spec.flinkConfiguration[execution.checkpointing.savepoint-dir]"],
        )
        .spec(
            &json!({ "job": { "upgradeMode": "savepoint" }, "flinkConfiguration": both }),
            &[],
        );
    table
        .rule("savepoint-trigger-needs-dir", Kind::FlinkDeployment)
        .spec(
            &json!({ "job": { "savepointTriggerNonce": 1 } }),
            &["spec.job.savepointTriggerNonce"],
        )
        .spec(
            &json!({ "job": { "savepointTriggerNonce": 1 }, "flinkConfiguration": both }),
            &[],
        );
    table.rule("periodic-savepoint-needs-dir", Kind::FlinkDeployment).spec(
        &json!({ "flinkConfiguration": { "kubernetes.operator.periodic.savepoint.interval": "" } }),
        &["spec.flinkConfiguration[kubernetes.operator.periodic.savepoint.interval]"],
    );
    table
        .rule("checkpoint-age-needs-savepoint-dir", Kind::FlinkDeployment)
        .spec(
            &json!({ "flinkConfiguration": {
            "kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age": "1 h",
        } }),
            &["spec.flinkConfiguration[kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age]"],
        );
    table
        .rule("parallelism-missing", Kind::FlinkDeployment)
        .spec(&json!({ "job": { "parallelism": 0 } }), &["spec.job.parallelism"])
        .spec(&json!({ "job": { "parallelism": null } }), &["spec.job.parallelism"])
        .spec(
            &json!({ "job": { "parallelism": null }, "taskManager": { "replicas": 2 } }),
            &[],
        )
        .spec(&json!({ "job": null }), &[]);
    table
        .rule("parallelism-missing", Kind::FlinkSessionJob)
        .spec(&json!({ "job": { "parallelism": -1 } }), &["spec.job.parallelism"]);
}

fn memory(table: &mut Table) {
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

fn quantities(table: &mut Table) {
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

fn changes(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    let after = |old: Value, new: Value| json!({ "status": acted_on(kind, &json!({ "spec": old })), "spec": new });
    let checkpoints = json!({ "state.checkpoints.dir": "s3://c" });
    let suspended = json!({ "job": { "state": "suspended", "upgradeMode": "last-state" } });
    table
        .rule("version-change-while-suspended", kind)
        .object(
            after(
                suspended.clone(),
                json!({ "flinkVersion": "v2_0", "job": { "upgradeMode": "last-state" }, "flinkConfiguration": checkpoints }),
            ),
            &["spec.flinkVersion"],
        )
        .object(after(suspended, json!({ "flinkVersion": "v2_0", "job": { "upgradeMode": "stateless" } })), &[]);
    table
        .rule("cluster-type-change", kind)
        .object(after(json!({ "job": null }), json!({})), &["spec.job"])
        .object(after(json!({}), json!({ "job": null })), &["spec.job"]);
    table
        .rule("mode-change", kind)
        .object(after(json!({}), json!({ "mode": "standalone" })), &["spec.mode"])
        .object(
            after(json!({ "mode": "standalone" }), json!({ "mode": "native" })),
            &["spec.mode"],
        )
        .object(after(json!({ "mode": "native" }), json!({ "mode": null })), &[]);
    table
        .rule("redeploy-needs-savepoint", kind)
        .object(
            after(json!({}), json!({ "job": { "savepointRedeployNonce": 1 } })),
            &["spec.job.initialSavepointPath"],
        )
        .object(
            after(
                json!({}),
                json!({ "job": { "savepointRedeployNonce": 1, "initialSavepointPath": "s3://s/1" } }),
            ),
            &[],
        )
        .object(
            after(
                json!({ "job": { "savepointRedeployNonce": 1 } }),
                json!({ "job": { "savepointRedeployNonce": 1 } }),
            ),
            &[],
        )
        .object(json!({ "spec": { "job": { "savepointRedeployNonce": 1 } } }), &[]);
    table
        .rule("redeploy-needs-savepoint", Kind::FlinkBlueGreenDeployment)
        .object(
            json!({
                "status": acted_on(Kind::FlinkBlueGreenDeployment, &json!({})),
                "spec": { "template": { "spec": { "job": { "savepointRedeployNonce": 1 } } } },
            }),
            &["spec.template.spec.job.initialSavepointPath"],
        );
}

fn session_jobs(table: &mut Table) {
    let kind = Kind::FlinkSessionJob;
    let jar = |uri: &str| json!({ "job": { "jarURI": uri } });
    table
        .rule("session-name-invalid", kind)
        .spec(&json!({ "deploymentName": null }), &["spec.deploymentName"])
        .spec(&json!({ "deploymentName": "My_Session" }), &["spec.deploymentName"])
        .spec(&json!({ "deploymentName": "not-yet-there" }), &[]);
    table
        .rule("job-missing", kind)
        .spec(&json!({ "job": null }), &["spec.job"]);
    table
        .rule("session-change", kind)
        .object(
            json!({
                "status": acted_on(kind, &json!({ "spec": { "deploymentName": "other" } })),
            }),
            &["spec.deploymentName"],
        )
        .object(json!({ "status": acted_on(kind, &json!({})) }), &[]);
    table
        .rule("jar-uri-invalid", kind)
        .spec(&jar("/opt/job.jar"), &["spec.job.jarURI"])
        .spec(
            &jar("https://repo.example.com/my job.jar?token=hunter2"),
            &["spec.job.jarURI"],
        )
        .spec(&json!({ "job": { "jarURI": null } }), &[]);
    table
        .rule("jar-scheme-refused", kind)
        .spec(&jar("file:///etc/passwd"), &["spec.job.jarURI"])
        .spec(&jar("HTTPS://repo.example.com/job.jar"), &[]);
    table
        .rule("jar-host-refused", kind)
        .spec(&jar("https:///job.jar"), &["spec.job.jarURI"])
        .spec(&jar("https://169.254.169.254/latest"), &["spec.job.jarURI"]);
    table
        .rule("session-is-application", kind)
        .spec(&json!({ "deploymentName": "application" }), &["spec.deploymentName"]);
}

fn snapshots(table: &mut Table) {
    table
        .rule("snapshot-kind", Kind::FlinkStateSnapshot)
        .spec(&json!({ "savepoint": null }), &["spec"])
        .spec(&json!({ "checkpoint": {} }), &["spec"])
        .spec(&json!({ "savepoint": null, "checkpoint": {} }), &[]);
    table
        .rule("snapshot-reference-missing", Kind::FlinkStateSnapshot)
        .spec(&json!({ "jobReference": null }), &["spec.jobReference"])
        .spec(
            &json!({ "jobReference": { "kind": null } }),
            &["spec.jobReference.kind"],
        )
        .spec(&json!({ "jobReference": { "name": "" } }), &["spec.jobReference.name"])
        .spec(
            &json!({ "jobReference": null, "savepoint": { "alreadyExists": true } }),
            &[],
        );
    table
        .rule("snapshot-target-missing", Kind::FlinkStateSnapshot)
        .spec(
            &json!({ "jobReference": { "name": "nobody" } }),
            &["spec.jobReference.name"],
        )
        .spec(
            &json!({ "jobReference": { "kind": "FlinkSessionJob" } }),
            &["spec.jobReference.name"],
        )
        .spec(
            &json!({ "jobReference": { "kind": "FlinkSessionJob", "name": "session-job" } }),
            &[],
        )
        .spec(
            &json!({ "jobReference": { "name": "nobody" }, "savepoint": { "alreadyExists": true } }),
            &[],
        )
        .object(
            json!({ "spec": { "jobReference": { "name": "nobody" } }, "status": { "state": "COMPLETED" } }),
            &[],
        );
}

fn blue_green(table: &mut Table) {
    table
        .rule("blue-green-name-invalid", Kind::FlinkBlueGreenDeployment)
        .object(json!({ "metadata": { "name": "a".repeat(40) } }), &["metadata.name"])
        .object(json!({ "metadata": { "name": "a".repeat(39) } }), &[]);
    table
        .rule("template-missing", Kind::FlinkBlueGreenDeployment)
        .spec(&json!({ "template": null }), &["spec.template.spec"]);
    table.rule("template-job-missing", Kind::FlinkBlueGreenDeployment).spec(
        &json!({ "template": { "spec": { "job": null } } }),
        &["spec.template.spec.job"],
    );
}
