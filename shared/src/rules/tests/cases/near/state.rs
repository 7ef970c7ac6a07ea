//! State that would be lost.

use serde_json::{Value, json};

use super::super::Table;
use super::{FD, HA, at, in_version, job};
use crate::rules::tests::merge;

pub(super) fn state(table: &mut Table) {
    const MODE: &[&str] = &["spec.job.upgradeMode"];
    const FACTORY: &str = "org.apache.flink.kubernetes.highavailability.KubernetesHaServicesFactory";
    const RETENTION: &str = "execution.checkpointing.externalized-checkpoint-retention";
    let last_state = |ha: Value| {
        let mut all = json!({ "execution.checkpointing.dir": "s3://c" });
        merge(&mut all, &ha);
        json!({ "job": { "upgradeMode": "last-state" }, "flinkConfiguration": all })
    };
    table
        .rule("last-state-without-ha", FD)
        .spec(&last_state(json!({ "high-availability": "NONE" })), MODE)
        .spec(&last_state(json!({ "high-availability": { "type": "None" } })), MODE)
        // The present spelling counts.
        .spec(
            &last_state(json!({ HA: "none", "high-availability": "kubernetes" })),
            MODE,
        )
        .spec(&last_state(json!({ "high-availability.storageDir": "s3://h" })), MODE)
        .spec(&in_version("v2_0", &last_state(json!({}))), MODE)
        .spec(
            &last_state(json!({ HA: "kubernetes", "high-availability": "none" })),
            &[],
        )
        .spec(&last_state(json!({ "recovery.mode": "zookeeper" })), &[])
        .spec(&last_state(json!({ HA: FACTORY })), &[])
        .spec(&last_state(json!({ HA: "KUBERNETES" })), &[])
        .spec(
            &in_version(
                "v2_0",
                &last_state(json!({ "high-availability": { "type": "kubernetes" } })),
            ),
            &[],
        )
        .spec(&job("savepoint", &json!({ HA: "NONE" })), &[])
        .spec(
            &json!({ "job": { "upgradeMode": "stateless" }, "flinkConfiguration": { HA: "NONE" } }),
            &[],
        );
    let retained = |mode: &str, text: &str| job(mode, &json!({ RETENTION: text }));
    table
        .rule("checkpoints-not-retained", FD)
        .spec(&retained("last-state", "delete_on_cancellation"), at(RETENTION))
        .spec(&retained("savepoint", "No_Externalized_Checkpoints"), at(RETENTION))
        .spec(&in_version("v2_0", &retained("savepoint", "DELETE_ON_CANCELLATION")), at(RETENTION))
        .spec(
            &job("savepoint", &json!({ "execution": { "checkpointing": { "externalized-checkpoint-retention": "DELETE_ON_CANCELLATION" } } })),
            at(RETENTION),
        )
        .spec(&retained("last-state", "retain_on_cancellation"), &[])
        .spec(&json!({ "job": { "upgradeMode": null }, "flinkConfiguration": { RETENTION: "DELETE_ON_CANCELLATION" } }), &[]);
    schedules_of_state(table);
    let dropping = |mode: &str, allow: Value| {
        let mut spec = job(mode, &json!({}));
        merge(&mut spec, &json!({ "job": { "allowNonRestoredState": allow } }));
        spec
    };
    table
        .rule("non-restored-state-ignored", FD)
        .spec(
            &in_version("v2_0", &dropping("last-state", json!(true))),
            &["spec.job.allowNonRestoredState"],
        )
        .spec(&dropping("last-state", Value::Null), &[])
        .spec(&dropping("stateless", json!(true)), &[]);
}

/// What counts as taking checkpoints or savepoints from time to time.
fn schedules_of_state(table: &mut Table) {
    const MODE: &[&str] = &["spec.job.upgradeMode"];
    let timed = |more: Value| {
        let mut all = json!({ "execution.checkpointing.interval": null });
        merge(&mut all, &more);
        job("savepoint", &all)
    };
    table.rule("savepoint-without-checkpoints", FD);
    for off in ["", "0", "0 ms", "PT0S", " 0 s "] {
        table
            .spec(
                &timed(json!({ "kubernetes.operator.periodic.savepoint.interval": off })),
                MODE,
            )
            .spec(
                &timed(json!({ "kubernetes.operator.periodic.checkpoint.interval": off })),
                MODE,
            );
    }
    for on in ["1 ms", "PT10M", "0 0 0 * * ?"] {
        table
            .spec(
                &timed(json!({ "kubernetes.operator.periodic.savepoint.interval": on })),
                &[],
            )
            .spec(
                &timed(json!({ "kubernetes.operator.periodic.checkpoint.interval": on })),
                &[],
            );
    }
    table
        // One that is off beside one that is on.
        .spec(
            &timed(json!({
                "kubernetes.operator.periodic.savepoint.interval": "0",
                "kubernetes.operator.periodic.checkpoint.interval": "1 h",
            })),
            &[],
        )
        .spec(&timed(json!({ "execution.runtime-mode": "AUTOMATIC" })), MODE)
        .spec(&in_version("v2_0", &timed(json!({}))), MODE)
        .spec(
            &in_version("v2_0", &timed(json!({ "execution": { "runtime-mode": "Batch" } }))),
            &[],
        );
}
