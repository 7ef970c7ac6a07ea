//! Jobs and what they write to, and switches that need each other.

use serde_json::{Value, json};

use super::super::Table;
use super::{FD, HA, at, in_version, job, set};
use crate::rules::tests::merge;

pub(super) fn jobs(table: &mut Table) {
    const PERIODIC: &str = "kubernetes.operator.periodic.savepoint.interval";
    const AGE: &str = "kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age";
    const NONE: Value = Value::Null;
    let checkpoints = at("execution.checkpointing.dir");
    let savepoints = at("execution.checkpointing.savepoint-dir");
    let dir = |dir: Value| {
        job("last-state", &{
            let mut all = json!({ "execution.checkpointing.dir": null });
            merge(&mut all, &dir);
            all
        })
    };
    table
        .rule("checkpoint-dir-missing", FD)
        .spec(&job("savepoint", &json!({ "execution.checkpointing.dir": NONE })), checkpoints)
        .spec(&in_version("v2_0", &dir(json!({}))), checkpoints)
        .spec(&dir(json!({ "state.checkpoints.dir": " " })), checkpoints)
        // The present spelling counts, though it says nothing.
        .spec(&dir(json!({ "execution.checkpointing.dir": "", "state.checkpoints.dir": "s3://c" })), checkpoints)
        .spec(
            &json!({ "job": { "state": "suspended", "upgradeMode": "last-state" }, "flinkConfiguration": { HA: "kubernetes" } }),
            checkpoints,
        )
        .spec(&dir(json!({ "execution": { "checkpointing": { "dir": "s3://c" } } })), &[])
        .spec(&dir(json!({ "state": { "checkpoints": { "dir": "s3://c" } } })), &[])
        .spec(&dir(json!({ "state.backend.fs.checkpointdir": "s3://c" })), &[])
        .spec(&in_version("v2_0", &dir(json!({ "execution": { "checkpointing.dir": "s3://c" } }))), &[])
        .spec(&json!({ "job": { "upgradeMode": null } }), &[]);
    let dir = |dir: Value| {
        job("savepoint", &{
            let mut all = json!({ "execution.checkpointing.savepoint-dir": null });
            merge(&mut all, &dir);
            all
        })
    };
    table
        .rule("savepoint-dir-missing", FD)
        .spec(&dir(json!({ "state.savepoints.dir": "" })), savepoints)
        .spec(
            &dir(json!({ "execution.checkpointing.savepoint-dir": " ", "state.savepoints.dir": "s3://s" })),
            savepoints,
        )
        .spec(&in_version("v2_0", &dir(json!({}))), savepoints)
        .spec(&dir(json!({ "savepoints.state.backend.fs.dir": "s3://s" })), &[])
        .spec(&dir(json!({ "state": { "savepoints.dir": "s3://s" } })), &[])
        // last-state needs none.
        .spec(
            &job("last-state", &json!({ "execution.checkpointing.savepoint-dir": NONE })),
            &[],
        );
    table
        .rule("savepoint-trigger-needs-dir", FD)
        .spec(
            &json!({ "job": { "savepointTriggerNonce": 7 }, "flinkConfiguration": { "state.savepoints.dir": " " } }),
            &["spec.job.savepointTriggerNonce"],
        )
        .spec(
            &json!({ "job": { "savepointTriggerNonce": 7 }, "flinkConfiguration": { "state": { "savepoints": { "dir": "s3://s" } } } }),
            &[],
        )
        // Checkpoints are not written there.
        .spec(&json!({ "job": { "checkpointTriggerNonce": 7 } }), &[]);
    table
        .rule("periodic-savepoint-needs-dir", FD)
        .spec(
            &set(json!({ "kubernetes": { "operator": { "periodic.savepoint.interval": "1 h" } } })),
            at(PERIODIC),
        )
        // It is asked for by the key alone, as the Java operator has it.
        .spec(&set(json!({ PERIODIC: "0" })), at(PERIODIC))
        .spec(
            &set(json!({ PERIODIC: "1 h", "state.savepoints.dir": "" })),
            at(PERIODIC),
        )
        .spec(&set(json!({ PERIODIC: "1 h", "state.savepoints.dir": "s3://s" })), &[])
        .spec(
            &set(json!({ "kubernetes.operator.periodic.checkpoint.interval": "1 h" })),
            &[],
        );
    table
        .rule("checkpoint-age-needs-savepoint-dir", FD)
        .spec(&set(json!({ AGE: "1 h", "state.savepoints.dir": " " })), at(AGE))
        .spec(
            &job(
                "last-state",
                &json!({ AGE: "0 ms", "execution.checkpointing.savepoint-dir": NONE }),
            ),
            at(AGE),
        )
        .spec(
            &set(json!({ AGE: "1 h", "state": { "savepoints": { "dir": "s3://s" } } })),
            &[],
        );
    schedules(table);
}

fn schedules(table: &mut Table) {
    const CHECKPOINT: &str = "kubernetes.operator.periodic.checkpoint.interval";
    table.rule("schedule-unreadable", FD);
    for wrong in [
        "-1 h",
        "6 fortnights",
        "1.5 h",
        "@daily",
        "* * * * *",
        "0 0 0 * * *",
        "0 0 0 ? * ?",
        "60 0 0 * * ?",
        "0 0 24 * * ?",
        "0 0 0 32 * ?",
        "0 0 0 ? * 8",
        "0 0 0 ? 13 MON",
        "0 0 0 * * ? 1969",
        "0 0 0 * * ? 2026 x",
    ] {
        table.spec(&set(json!({ CHECKPOINT: wrong })), at(CHECKPOINT));
    }
    for right in [
        "PT6H",
        "P1D",
        "6 hours",
        " 6h ",
        "21600000",
        "0 0 0 * * ? 2026",
        "0 0 0 ? * mon-fri",
        "0 0/15 * ? * SUN,SAT",
        "0 0 0 L * ?",
        "0 0 0 ? * 6#3",
    ] {
        table.spec(&set(json!({ CHECKPOINT: right })), &[]);
    }
    table.spec(
        &set(json!({ "kubernetes": { "operator": { "periodic": { "checkpoint": { "interval": "often" } } } } })),
        at(CHECKPOINT),
    );
}

pub(super) fn switches(table: &mut Table) {
    const ROLLBACK: &str = "kubernetes.operator.deployment.rollback.enabled";
    const HEALTH: &str = "kubernetes.operator.cluster.health-check.enabled";
    const RECOVERY: &str = "kubernetes.operator.jm-deployment-recovery.enabled";
    const OLD_RECOVERY: &str = "kubernetes.operator.reconciler.jm-deployment-recovery.enabled";
    table
        .rule("rollback-needs-ha", FD)
        .spec(
            &set(json!({ ROLLBACK: "TRUE", "high-availability": "none" })),
            at(ROLLBACK),
        )
        .spec(
            &set(json!({ "kubernetes.operator": { "deployment": { "rollback.enabled": true } } })),
            at(ROLLBACK),
        )
        .spec(&in_version("v2_0", &set(json!({ ROLLBACK: true }))), at(ROLLBACK))
        .spec(&set(json!({ ROLLBACK: true, "recovery.mode": "zookeeper" })), &[])
        .spec(
            &in_version(
                "v2_0",
                &set(json!({ ROLLBACK: true, "high-availability": { "type": "zookeeper" } })),
            ),
            &[],
        );
    table
        .rule("health-check-needs-recovery", FD)
        .spec(&set(json!({ HEALTH: true, OLD_RECOVERY: false })), at(HEALTH))
        .spec(&set(json!({ HEALTH: "True", RECOVERY: "FALSE" })), at(HEALTH))
        .spec(
            &set(json!({ "kubernetes": { "operator": {
                "cluster": { "health-check": { "enabled": true } },
                "jm-deployment-recovery": { "enabled": false },
            } } })),
            at(HEALTH),
        )
        // Of two spellings the present one counts.
        .spec(&set(json!({ HEALTH: true, RECOVERY: true, OLD_RECOVERY: false })), &[])
        .spec(
            &set(json!({ HEALTH: true, RECOVERY: false, OLD_RECOVERY: true })),
            at(HEALTH),
        )
        .spec(&set(json!({ HEALTH: false, OLD_RECOVERY: false })), &[]);
}
