//! Session jobs, snapshots and blue/green deployments.

use serde_json::json;

use super::super::acted_on;
use super::Table;
use crate::rules::Kind;

pub(super) fn session_jobs(table: &mut Table) {
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

pub(super) fn snapshots(table: &mut Table) {
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
    table
        .rule("snapshot-path-missing", Kind::FlinkStateSnapshot)
        .spec(
            &json!({ "savepoint": { "alreadyExists": true, "path": " " } }),
            &["spec.savepoint.path"],
        )
        .spec(
            &json!({ "savepoint": { "alreadyExists": true, "path": "s3://s/1" } }),
            &[],
        )
        .spec(&json!({ "savepoint": { "alreadyExists": false, "path": null } }), &[]);
    table
        .rule("snapshot-backoff-invalid", Kind::FlinkStateSnapshot)
        .spec(&json!({ "backoffLimit": -2 }), &["spec.backoffLimit"])
        .spec(&json!({ "backoffLimit": -1 }), &[])
        .spec(&json!({ "backoffLimit": 0 }), &[]);
}

pub(super) fn blue_green(table: &mut Table) {
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
    let kind = Kind::FlinkBlueGreenDeployment;
    let grace = |text: &str| json!({ "configuration": { "kubernetes.operator.bluegreen.abort.grace-period": text } });
    table
        .rule("blue-green-option-value", kind)
        .spec(
            &grace("soon"),
            &["spec.configuration[kubernetes.operator.bluegreen.abort.grace-period]"],
        )
        .spec(&grace("5 min"), &[])
        .spec(
            &json!({ "configuration": { "kubernetes.operator.bluegreen.deployment-deletion.delay": "-1 s" } }),
            &[],
        );
    table.rule("blue-green-option-unknown", kind).spec(
        &json!({ "configuration": { "kubernetes.operator.bluegreen.abort.grace-perio": "1 s", "rest.port": "1" } }),
        &[
            "spec.configuration[kubernetes.operator.bluegreen.abort.grace-perio]",
            "spec.configuration[rest.port]",
        ],
    );
    table.rule("blue-green-option-misplaced", kind).spec(
        &json!({ "template": { "spec": { "flinkConfiguration": {
            "kubernetes.operator.bluegreen.abort.grace-period": "1 min",
        } } } }),
        &["spec.template.spec.flinkConfiguration[kubernetes.operator.bluegreen.abort.grace-period]"],
    );
    let last_state = |savepoints: &serde_json::Value| {
        json!({ "template": { "spec": { "job": { "upgradeMode": "last-state" }, "flinkConfiguration": {
            "high-availability.type": "kubernetes",
            "execution.checkpointing.dir": "s3://c",
            "execution.checkpointing.savepoint-dir": savepoints,
        } } } })
    };
    table
        .rule("blue-green-savepoint-dir", kind)
        .spec(
            &last_state(&json!(null)),
            &["spec.template.spec.flinkConfiguration[execution.checkpointing.savepoint-dir]"],
        )
        .spec(&last_state(&json!("s3://s")), &[]);
    // The children's host begins with their colour.
    table
        .rule("ingress-template-invalid", kind)
        .spec(
            &json!({ "template": { "spec": { "ingress": { "template": "/{{namespace}}" } } } }),
            &["spec.template.spec.ingress.template"],
        )
        .spec(
            &json!({ "template": { "spec": { "ingress": { "template": "{{name}}.example.com" } } } }),
            &[],
        );
}

/// What turns warnings off. The deprecated version shows that a code counts.
pub(super) fn switches(table: &mut Table) {
    const ANNOTATION: &str = "metadata.annotations[sluice.flink.apache.org/disable-warnings]";
    let annotated = |codes: &str| {
        json!({
            "metadata": { "annotations": { "sluice.flink.apache.org/disable-warnings": codes } },
            "spec": { "flinkVersion": "v1_17" },
        })
    };
    table
        .rule("warning-code-unknown", Kind::FlinkDeployment)
        .object(annotated("version-deprecated"), &[])
        .object(annotated(" resource-ignored,version-deprecated ,"), &[])
        .object(annotated("version-deprecated;nonsense"), &[ANNOTATION])
        .object(annotated("version-deprecatd,version-deprecated"), &[ANNOTATION])
        .object(annotated("version-deprecated,version-missing"), &[ANNOTATION])
        .object(annotated("version-deprecated,nonsense,warning-code-unknown"), &[])
        .spec(
            &json!({ "flinkVersion": "v1_17", "flinkConfiguration": {
                "kubernetes.operator.warnings.disabled": "version-deprecated, Version-Deprecated",
            } }),
            &["spec.flinkConfiguration[kubernetes.operator.warnings.disabled]"],
        );
    for kind in [
        Kind::FlinkSessionJob,
        Kind::FlinkStateSnapshot,
        Kind::FlinkBlueGreenDeployment,
    ] {
        table.rule("warning-code-unknown", kind).object(
            json!({ "metadata": { "annotations": { "sluice.flink.apache.org/disable-warnings": "nonsense" } } }),
            &[ANNOTATION],
        );
    }
}
