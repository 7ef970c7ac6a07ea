//! What each rule finds, and what it lets pass.

mod autoscaler;
mod boundaries;
mod hazards;
mod near;
mod options;
mod other_kinds;
mod pods;
mod resources;
mod state;
mod values;

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
    options::keys(&mut table);
    ingress_and_logging(&mut table);
    jobs(&mut table);
    resources::memory(&mut table);
    resources::quantities(&mut table);
    changes(&mut table);
    autoscaler::autoscaler(&mut table);
    pods::pods(&mut table);
    pods::images(&mut table);
    state::state(&mut table);
    state::directories(&mut table);
    state::session_jobs(&mut table);
    values::ranges(&mut table);
    values::internal(&mut table);
    values::session_jobs(&mut table);
    hazards::capacity(&mut table);
    hazards::configuration(&mut table);
    other_kinds::switches(&mut table);
    other_kinds::session_jobs(&mut table);
    other_kinds::snapshots(&mut table);
    other_kinds::blue_green(&mut table);
    boundaries::names_and_versions(&mut table);
    boundaries::switches(&mut table);
    boundaries::amounts(&mut table);
    boundaries::jobs(&mut table);
    boundaries::changes(&mut table);
    boundaries::options(&mut table);
    boundaries::images_and_jars(&mut table);
    boundaries::capacity(&mut table);
    near::near(&mut table);
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
        .spec(&json!({ "jobManager": "big" }), &["spec.jobManager"]);
    table
        .rule("field-unknown", Kind::FlinkDeployment)
        .spec(
            &json!({ "unknown": 1, "job": { "paralelism": 4 } }),
            &["spec.unknown", "spec.job.paralelism"],
        )
        .spec(
            &json!({ "taskManager": { "resources": { "limit": {} } } }),
            &["spec.taskManager.resources.limit"],
        )
        .spec(
            &json!({ "flinkConfiguration": { "kubernetes": { "taskmanager": { "labels": { "team": "a" } } } } }),
            &[],
        )
        .object(
            json!({ "status": { "unknown": 1 }, "unknown": 1, "metadata": { "unknown": 1 } }),
            &[],
        )
        .object(
            json!({
                "metadata": { "annotations": { "sluice.flink.apache.org/disable-warnings": "field-unknown" } },
                "spec": { "unknown": 1 },
            }),
            &[],
        );
    table.rule("field-unknown", Kind::FlinkBlueGreenDeployment).spec(
        &json!({ "template": { "spec": { "job": { "jarUri": "x" } } } }),
        &["spec.template.spec.job.jarUri"],
    );
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
        .spec(
            &json!({ "flinkConfiguration": { "pipeline": { "jars": ["c", 1] } } }),
            &[],
        );
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
        );
    // An older spelling is overwritten rather than refused.
    table.rule("config-overwritten", Kind::FlinkDeployment).spec(
        &json!({ "flinkConfiguration": { "high-availability.zookeeper.path.namespace": "x" } }),
        &["spec.flinkConfiguration[high-availability.zookeeper.path.namespace]"],
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
            &json!({ "flinkConfiguration": { "execution.checkpointing.interval": "5 min", "fs.anything": "goes" } }),
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
    let checkpoints = json!({ "state.checkpoints.dir": "s3://c", "high-availability.type": "kubernetes" });
    let both = json!({ "state": { "checkpoints.dir": "s3://c", "savepoints.dir": "s3://s" } });
    let savepoint = |directories: &Value| {
        let mut configuration = json!({ "execution.checkpointing.interval": "1 min" });
        super::merge(&mut configuration, directories);
        json!({ "job": { "upgradeMode": "savepoint" }, "flinkConfiguration": configuration })
    };
    table
        .rule("checkpoint-dir-missing", Kind::FlinkDeployment)
        .spec(
            &json!({ "job": { "upgradeMode": "last-state" }, "flinkConfiguration": { "high-availability.type": "kubernetes" } }),
            &["spec.flinkConfiguration[execution.checkpointing.dir]"],
        )
        .spec(
            &json!({ "job": { "upgradeMode": "last-state" }, "flinkConfiguration": {
                "high-availability.type": "kubernetes",
                "execution.checkpointing.dir": " ",
            } }),
            &["spec.flinkConfiguration[execution.checkpointing.dir]"],
        )
        .spec(&json!({ "job": { "upgradeMode": "last-state" }, "flinkConfiguration": checkpoints }), &[]);
    table
        .rule("savepoint-dir-missing", Kind::FlinkDeployment)
        .spec(
            &savepoint(&checkpoints),
            &["spec.flinkConfiguration[execution.checkpointing.savepoint-dir]"],
        )
        .spec(&savepoint(&both), &[]);
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

fn changes(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    let after = |old: Value, new: Value| json!({ "status": acted_on(kind, &json!({ "spec": old })), "spec": new });
    let checkpoints = json!({ "state.checkpoints.dir": "s3://c", "high-availability.type": "kubernetes" });
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
