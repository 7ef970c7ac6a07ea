//! What is legal and will hurt.

use serde_json::{Value, json};

use super::super::acted_on;
use super::Table;
use crate::rules::Kind;

const HA: &str = "high-availability.type";
const RETENTION: &str = "spec.flinkConfiguration[execution.checkpointing.externalized-checkpoint-retention]";

pub(super) fn state(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    let last_state = |configuration: Value| {
        let mut all = json!({ "execution.checkpointing.dir": "s3://c" });
        super::super::merge(&mut all, &configuration);
        json!({ "job": { "upgradeMode": "last-state" }, "flinkConfiguration": all })
    };
    table
        .rule("last-state-without-ha", kind)
        .spec(&last_state(json!({})), &["spec.job.upgradeMode"])
        .spec(&last_state(json!({ HA: "NONE" })), &["spec.job.upgradeMode"])
        .spec(
            &last_state(json!({ HA: "kubernetes", "high-availability.storageDir": "s3://h" })),
            &[],
        );
    directories(table);
    let retained = |mode: &str, retention: &str| {
        json!({ "job": { "upgradeMode": mode }, "flinkConfiguration": {
            HA: "kubernetes",
            "execution.checkpointing.dir": "s3://c",
            "execution.checkpointing.savepoint-dir": "s3://s",
            "execution.checkpointing.externalized-checkpoint-retention": retention,
        } })
    };
    table
        .rule("checkpoints-not-retained", kind)
        .spec(&retained("savepoint", "DELETE_ON_CANCELLATION"), &[RETENTION])
        .spec(&retained("last-state", "NO_EXTERNALIZED_CHECKPOINTS"), &[RETENTION])
        .spec(&retained("savepoint", "RETAIN_ON_CANCELLATION"), &[])
        .spec(&retained("stateless", "DELETE_ON_CANCELLATION"), &[]);
    let dropping = |mode: &str, allow: Value| {
        json!({
            "job": { "upgradeMode": mode, "allowNonRestoredState": allow },
            "flinkConfiguration": {
                HA: "kubernetes",
                "execution.checkpointing.dir": "s3://c",
                "execution.checkpointing.savepoint-dir": "s3://s",
            },
        })
    };
    table
        .rule("non-restored-state-ignored", kind)
        .spec(
            &dropping("last-state", json!(true)),
            &["spec.job.allowNonRestoredState"],
        )
        .spec(&dropping("last-state", json!(false)), &[])
        .spec(&dropping("savepoint", json!(true)), &[]);
    let started = |path: Value, nonce: Value| {
        json!({
            "status": acted_on(kind, &json!({ "spec": { "job": { "initialSavepointPath": "s3://s/1" } } })),
            "spec": { "job": { "initialSavepointPath": path, "savepointRedeployNonce": nonce } },
        })
    };
    table
        .rule("initial-savepoint-ignored", kind)
        .object(
            started(json!("s3://s/2"), json!(null)),
            &["spec.job.initialSavepointPath"],
        )
        .object(started(json!("s3://s/2"), json!(1)), &[])
        .object(started(json!("s3://s/1"), json!(null)), &[])
        .object(started(json!(null), json!(null)), &[])
        .spec(&json!({ "job": { "initialSavepointPath": "s3://s/2" } }), &[]);
}

fn directories(table: &mut Table) {
    const CHECKPOINTS: &str = "spec.flinkConfiguration[execution.checkpointing.dir]";
    const SAVEPOINTS: &str = "spec.flinkConfiguration[execution.checkpointing.savepoint-dir]";
    let checkpoints = |dir: &str| json!({ "flinkConfiguration": { "execution.checkpointing.dir": dir } });
    let with = |component: &str, volume: Value, mount: &str| {
        let template = json!({ "spec": {
            "containers": [{ "name": "flink-main-container", "volumeMounts": [{ "name": "v", "mountPath": mount }] }],
            "volumes": [volume],
        } });
        let mut spec = json!({ "flinkConfiguration": { "execution.checkpointing.dir": "file:///data/c" } });
        match component {
            "" => spec["podTemplate"] = template,
            component => spec[component] = json!({ "podTemplate": template }),
        }
        spec
    };
    let claim = json!({ "name": "v", "persistentVolumeClaim": { "claimName": "c" } });
    table
        .rule("node-local-dir", Kind::FlinkDeployment)
        .spec(&checkpoints("file:///tmp/c"), &[CHECKPOINTS])
        .spec(&checkpoints("/tmp/c"), &[CHECKPOINTS])
        .spec(&checkpoints("s3://c"), &[])
        .spec(
            &json!({ "flinkConfiguration": {
                "execution.checkpointing.savepoint-dir": "file:/s",
                "execution.checkpointing.dir": "file:/c",
            } }),
            &[CHECKPOINTS, SAVEPOINTS],
        )
        .spec(
            &json!({ "flinkConfiguration": { HA: "kubernetes", "high-availability.storageDir": "file:///ha" } }),
            &["spec.flinkConfiguration[high-availability.storageDir]"],
        )
        .spec(
            &json!({ "flinkConfiguration": { "high-availability.storageDir": "file:///ha" } }),
            &[],
        )
        .spec(&with("", claim.clone(), "/data"), &[])
        .spec(
            &with("", json!({ "name": "v", "hostPath": { "path": "/x" } }), "/data/"),
            &[],
        )
        .spec(
            &with("", json!({ "name": "v", "emptyDir": {} }), "/data"),
            &[CHECKPOINTS],
        )
        .spec(
            &with("", json!({ "name": "other", "hostPath": { "path": "/x" } }), "/data"),
            &[CHECKPOINTS],
        )
        .spec(&with("", claim.clone(), "/database"), &[CHECKPOINTS])
        .spec(&with("jobManager", claim, "/data"), &[CHECKPOINTS])
        .spec(
            &json!({ "flinkVersion": "v2_3", "flinkConfiguration": {
                "execution.checkpointing.dir": "file:///data/c",
                "kubernetes.persistent-volume-claims": "claim:/data",
            } }),
            &[],
        );
}

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
        .spec(&memory("2Gi", "3Gi"), &[]);
    let slots = |slots: &str, parallelism: Value| {
        json!({
            "flinkConfiguration": { "taskmanager.numberOfTaskSlots": slots },
            "job": { "parallelism": parallelism },
        })
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
        .spec(&json!({ "mode": "standalone", "taskManager": { "replicas": 1 } }), &[]);
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
