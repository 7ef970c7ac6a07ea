//! State that would be lost.

use serde_json::{Value, json};

use super::super::acted_on;
use super::Table;
use crate::rules::Kind;

const HA: &str = "high-availability.type";
const RETENTION: &str = "spec.flinkConfiguration[execution.checkpointing.externalized-checkpoint-retention]";

const MODE: &[&str] = &["spec.job.upgradeMode"];

pub(super) fn state(table: &mut Table) {
    last_states(table);
    savepoints(table);
}

fn last_state(configuration: &Value) -> Value {
    let mut all = json!({ "execution.checkpointing.dir": "s3://c" });
    super::super::merge(&mut all, configuration);
    json!({ "job": { "upgradeMode": "last-state" }, "flinkConfiguration": all })
}

fn last_states(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    table
        .rule("last-state-without-ha", kind)
        .spec(&last_state(&json!({})), &["spec.job.upgradeMode"])
        .spec(&last_state(&json!({ HA: "NONE" })), &["spec.job.upgradeMode"])
        .spec(&last_state(&json!({ HA: " none " })), &["spec.job.upgradeMode"])
        .spec(&last_state(&json!({ HA: "zookeeper" })), &[])
        .spec(&last_state(&json!({ "high-availability": "kubernetes" })), &[])
        .spec(&json!({ "job": null }), &[])
        .spec(
            &last_state(&json!({ HA: "kubernetes", "high-availability.storageDir": "s3://h" })),
            &[],
        );
    let retained = |mode: &str, retention: &str| {
        json!({ "job": { "upgradeMode": mode }, "flinkConfiguration": {
            HA: "kubernetes",
            "execution.checkpointing.dir": "s3://c",
            "execution.checkpointing.savepoint-dir": "s3://s",
            "execution.checkpointing.interval": "1 min",
            "execution.checkpointing.externalized-checkpoint-retention": retention,
        } })
    };
    table
        .rule("checkpoints-not-retained", kind)
        .spec(&retained("savepoint", "DELETE_ON_CANCELLATION"), &[RETENTION])
        .spec(&retained("last-state", "NO_EXTERNALIZED_CHECKPOINTS"), &[RETENTION])
        .spec(&retained("savepoint", "RETAIN_ON_CANCELLATION"), &[])
        .spec(&retained("stateless", "DELETE_ON_CANCELLATION"), &[]);
}

fn savepoints(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    let savepoint = |configuration: Value| {
        let mut all =
            json!({ "execution.checkpointing.dir": "s3://c", "execution.checkpointing.savepoint-dir": "s3://s" });
        super::super::merge(&mut all, &configuration);
        json!({ "job": { "upgradeMode": "savepoint" }, "flinkConfiguration": all })
    };
    table
        .rule("savepoint-without-checkpoints", kind)
        .spec(&savepoint(json!({})), MODE)
        .spec(&savepoint(json!({ "execution.runtime-mode": "STREAMING" })), MODE)
        .spec(&savepoint(json!({ "execution.checkpointing.timeout": "1 min" })), MODE)
        .spec(
            &savepoint(json!({ "kubernetes.operator.periodic.savepoint.interval": " " })),
            MODE,
        )
        .spec(
            &savepoint(json!({ "kubernetes.operator.periodic.savepoint.interval": "1 h" })),
            &[],
        )
        .spec(
            &savepoint(json!({ "kubernetes.operator.periodic.checkpoint.interval": "0 0 * * * ?" })),
            &[],
        )
        .spec(&savepoint(json!({ "execution.checkpointing.interval": "1 min" })), &[])
        .spec(
            &savepoint(json!({ "execution": { "checkpointing": { "interval": "1 min" } } })),
            &[],
        )
        .spec(&savepoint(json!({ "execution.runtime-mode": "BATCH" })), &[])
        .spec(&savepoint(json!({ "execution.runtime-mode": " batch " })), &[])
        // The operator turns checkpoints on.
        .spec(
            &last_state(&json!({ HA: "kubernetes", "high-availability.storageDir": "s3://h" })),
            &[],
        )
        .spec(&json!({ "job": { "upgradeMode": "stateless" } }), &[]);
    let dropping = |mode: &str, allow: Value| {
        json!({
            "job": { "upgradeMode": mode, "allowNonRestoredState": allow },
            "flinkConfiguration": {
                HA: "kubernetes",
                "execution.checkpointing.dir": "s3://c",
                "execution.checkpointing.savepoint-dir": "s3://s",
                "execution.checkpointing.interval": "1 min",
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

pub(super) fn directories(table: &mut Table) {
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
    let host = json!({ "name": "v", "hostPath": { "path": "/x" } });
    let mounting = json!({ "containers": [
        { "name": "flink-main-container", "volumeMounts": [{ "name": "v", "mountPath": "/data" }] },
    ] });
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
        .spec(&with("", host.clone(), "/data/"), &[CHECKPOINTS])
        .spec(&with("", json!({ "name": "v", "nfs": { "server": "s", "path": "/" } }), "/data"), &[])
        .spec(&with("", json!({ "name": "v", "ephemeral": {} }), "/data"), &[CHECKPOINTS])
        .spec(&with("", json!({ "name": "v", "configMap": { "name": "c" } }), "/data"), &[CHECKPOINTS])
        .spec(&with("", json!({ "name": "v", "secret": { "secretName": "s" } }), "/data"), &[CHECKPOINTS])
        .spec(&with("", json!({ "name": "v", "downwardAPI": {} }), "/data"), &[CHECKPOINTS])
        .spec(&with("", json!({ "name": "v", "projected": { "sources": [] } }), "/data"), &[CHECKPOINTS])
        .spec(&with("", json!({ "name": "v", "image": { "reference": "r" } }), "/data"), &[CHECKPOINTS])
        .spec(
            &json!({
                "podTemplate": { "spec": { "containers": [], "volumes": [claim] } },
                "jobManager": { "podTemplate": { "spec": mounting } },
                "taskManager": { "podTemplate": { "spec": mounting } },
                "flinkConfiguration": { "execution.checkpointing.dir": "file:///data/c" },
            }),
            &[],
        )
        // Only the JobManager reads and writes high-availability files.
        .spec(
            &json!({
                "jobManager": { "podTemplate": { "spec": { "containers": mounting["containers"], "volumes": [claim] } } },
                "flinkConfiguration": { HA: "kubernetes", "high-availability.storageDir": "file:///data/ha" },
            }),
            &[],
        )
        .spec(
            &json!({
                "jobManager": { "podTemplate": { "spec": { "containers": mounting["containers"], "volumes": [host] } } },
                "flinkConfiguration": { HA: "kubernetes", "high-availability.storageDir": "file:///data/ha" },
            }),
            &["spec.flinkConfiguration[high-availability.storageDir]"],
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

pub(super) fn session_jobs(table: &mut Table) {
    const CHECKPOINTS: &str = "spec.flinkConfiguration[execution.checkpointing.dir]";
    let kind = Kind::FlinkSessionJob;
    let set = |configuration: Value| json!({ "flinkConfiguration": configuration });
    table
        .rule("job-node-local-dir", kind)
        .spec(&set(json!({ "execution.checkpointing.dir": "file:///tmp/c" })), &[CHECKPOINTS])
        .spec(&set(json!({ "execution.checkpointing.dir": "/tmp/c" })), &[CHECKPOINTS])
        .spec(
            &set(json!({ "execution.checkpointing.savepoint-dir": "file:/s", "execution.checkpointing.dir": "file:/c" })),
            &[CHECKPOINTS, "spec.flinkConfiguration[execution.checkpointing.savepoint-dir]"],
        )
        .spec(&set(json!({ "execution.checkpointing.dir": "s3://c" })), &[])
        // It is the cluster's.
        .spec(&set(json!({ "high-availability.storageDir": "file:///ha" })), &[])
        .spec(
            &json!({ "deploymentName": "elsewhere", "flinkConfiguration": { "execution.checkpointing.dir": "file:///c" } }),
            &[],
        );
}
