//! Snapshots.

use serde_json::{Value, json};

use super::super::Table;
use crate::rules::Kind;

pub(super) fn snapshots(table: &mut Table) {
    snapshots_of_jobs(table);
    snapshots_that_exist(table);
}

fn snapshots_of_jobs(table: &mut Table) {
    const NAME: &[&str] = &["spec.jobReference.name"];
    let kind = Kind::FlinkStateSnapshot;
    let nobody = json!({ "jobReference": { "name": "nobody" } });
    let in_state = |status: Value| json!({ "spec": nobody, "status": status });
    table
        .rule("snapshot-kind", kind)
        .spec(&json!({ "savepoint": { "path": null } }), &[])
        .spec(&json!({ "savepoint": { "path": null }, "checkpoint": {} }), &["spec"])
        .spec(
            &json!({ "jobReference": null, "savepoint": { "alreadyExists": true }, "checkpoint": {} }),
            &["spec"],
        );
    table
        .rule("snapshot-reference-missing", kind)
        .spec(
            &json!({ "jobReference": { "kind": null, "name": null } }),
            &["spec.jobReference.kind", "spec.jobReference.name"],
        )
        // White space is no name, and nobody's.
        .spec(&json!({ "jobReference": { "name": "  " } }), NAME)
        .spec(
            &json!({ "jobReference": null, "savepoint": null, "checkpoint": {} }),
            &["spec.jobReference"],
        )
        .spec(
            &json!({ "jobReference": null, "savepoint": { "alreadyExists": false } }),
            &["spec.jobReference"],
        )
        .spec(
            &json!({ "jobReference": { "kind": null, "name": "" }, "savepoint": { "alreadyExists": true } }),
            &[],
        );
    table
        .rule("snapshot-target-missing", kind)
        .spec(
            &json!({ "jobReference": { "name": "nobody" }, "savepoint": null, "checkpoint": {} }),
            NAME,
        )
        .spec(
            &json!({ "jobReference": { "name": "nobody" }, "savepoint": { "alreadyExists": false } }),
            NAME,
        )
        // The name is another kind's.
        .spec(&json!({ "jobReference": { "name": "session-job" } }), NAME)
        .spec(
            &json!({ "jobReference": { "kind": "FlinkSessionJob", "name": "session" } }),
            NAME,
        )
        .spec(&json!({ "jobReference": { "name": "Application" } }), NAME)
        // The job is looked for in the snapshot's own namespace.
        .object(
            json!({ "metadata": { "namespace": "team-b" }, "spec": { "backoffLimit": 1 } }),
            NAME,
        )
        .object(
            json!({ "metadata": { "namespace": null }, "spec": { "backoffLimit": 1 } }),
            NAME,
        )
        .object(in_state(json!({})), NAME)
        .object(in_state(json!({ "state": null })), NAME)
        .object(in_state(json!({ "state": "TRIGGER_PENDING" })), NAME)
        .object(in_state(json!({ "state": "IN_PROGRESS" })), &[])
        .object(in_state(json!({ "state": "FAILED" })), &[])
        .object(in_state(json!({ "state": "ABANDONED" })), &[]);
    table
        .rule("snapshot-backoff-invalid", kind)
        .spec(&json!({ "backoffLimit": i32::MIN }), &["spec.backoffLimit"])
        .spec(&json!({ "backoffLimit": i32::MAX }), &[])
        .spec(
            &json!({ "backoffLimit": -2, "savepoint": null, "checkpoint": {} }),
            &["spec.backoffLimit"],
        )
        .spec(&json!({ "backoffLimit": null }), &[]);
    table
        .rule("field-type", kind)
        .spec(
            &json!({ "savepoint": { "formatType": "canonical" } }),
            &["spec.savepoint.formatType"],
        )
        .spec(&json!({ "backoffLimit": 1.5 }), &["spec.backoffLimit"])
        .spec(&json!({ "backoffLimit": 2_147_483_648_u32 }), &["spec.backoffLimit"])
        .spec(
            &json!({ "jobReference": { "kind": "flinkdeployment" } }),
            &["spec.jobReference.kind"],
        )
        .spec(
            &json!({ "savepoint": { "disposeOnDelete": "no" } }),
            &["spec.savepoint.disposeOnDelete"],
        )
        .spec(&json!({ "savepoint": { "formatType": "NATIVE" } }), &[]);
    table
        .rule("field-unknown", kind)
        .spec(
            &json!({ "savepoint": { "disposeOnDeletion": true } }),
            &["spec.savepoint.disposeOnDeletion"],
        )
        .spec(
            &json!({ "jobReference": { "namespace": "team-b" } }),
            &["spec.jobReference.namespace"],
        );
}

fn snapshots_that_exist(table: &mut Table) {
    const PATH: &[&str] = &["spec.savepoint.path"];
    let existing = |path: Value| json!({ "savepoint": { "alreadyExists": true, "path": path } });
    table
        .rule("snapshot-path-missing", Kind::FlinkStateSnapshot)
        .spec(&existing(Value::Null), PATH)
        .spec(&existing(json!("")), PATH)
        .spec(&existing(json!("\t\n")), PATH)
        .spec(
            &json!({ "jobReference": null, "savepoint": { "alreadyExists": true, "path": null } }),
            PATH,
        )
        .spec(
            &json!({ "jobReference": null, "savepoint": { "alreadyExists": true, "path": "file:///s/1" } }),
            &[],
        )
        .spec(&json!({ "savepoint": { "alreadyExists": null, "path": null } }), &[]);
}
