//! Ingresses, and changes of what runs.

use serde_json::{Value, json};

use super::super::Table;
use super::{FD, in_version, job};
use crate::rules::tests::{acted_on, merge};

pub(super) fn ingresses(table: &mut Table) {
    const TEMPLATE: &[&str] = &["spec.ingress.template"];
    let template = |text: &str| json!({ "ingress": { "template": text } });
    table.rule("ingress-template-invalid", FD);
    for wrong in [
        "",
        "http://",
        "?a=b",
        "*",
        "Example.com",
        "a_b.example.com",
        "-a.example.com",
        "example.com.",
        "a..example.com",
        "10.0.0.1",
        "http://[::1]:8081/a",
        "{{ name }}.example.com",
        "{{name}.example.com",
        "example.com:80a",
        "example.com:99999999999",
        "ftp://example.com",
        "ftp://user:hunter2@example.com",
        "tcp://{{name}}.example.com",
        "user@example.com",
        "https://user:hunter2@example.com/a",
        "user:hunter/2@example.com",
    ] {
        table.spec(&template(wrong), TEMPLATE);
    }
    table.spec(&template(&format!("{}.example.com", "a".repeat(242))), TEMPLATE);
    for right in [
        "example.com",
        "https://example.com",
        "HTTP://example.com/a",
        "example.com:8081/{{name}}",
        "{{Name}}.{{NAMESPACE}}.example.com",
        "example.com/{{namespace}}/{{name}}(/|$)(.*)",
        "http:///{{namespace}}/{{name}}",
        "*.example.com",
        "example.com?a=b",
        "example.com/a@b",
        "/a@b:c",
        "1.example.com",
    ] {
        table.spec(&template(right), &[]);
    }
    table
        .spec(&template(&format!("{}.example.com", "a".repeat(241))), &[])
        .rule("ingress-template-missing", FD)
        .spec(&json!({ "ingress": {} }), TEMPLATE)
        .spec(
            &json!({ "ingress": { "template": null, "tls": [{ "hosts": ["example.com"] }] } }),
            TEMPLATE,
        )
        .spec(&json!({ "ingress": null }), &[]);
}

/// What was acted on last, and what is wanted now.
pub(super) fn changes(table: &mut Table) {
    const VERSION: &[&str] = &["spec.flinkVersion"];
    const MODE: &[&str] = &["spec.mode"];
    const PATH: &[&str] = &["spec.job.initialSavepointPath"];
    let after = |old: Value, new: Value| json!({ "status": acted_on(FD, &json!({ "spec": old })), "spec": new });
    let recorded = |text: &str| json!({ "reconciliationStatus": { "lastReconciledSpec": text } });
    let suspended = |mode: &str| json!({ "job": { "state": "suspended", "upgradeMode": mode } });
    let newer = |version: &str, mode: &str| in_version(version, &job(mode, &json!({})));
    table
        .rule("version-change-while-suspended", FD)
        .object(after(suspended("last-state"), newer("v2_0", "savepoint")), VERSION)
        .object(
            after(
                in_version("v2_0", &suspended("last-state")),
                newer("v1_20", "last-state"),
            ),
            VERSION,
        )
        .object(
            after(suspended("last-state"), {
                let mut still = newer("v2_0", "last-state");
                merge(&mut still, &json!({ "job": { "state": "suspended" } }));
                still
            }),
            VERSION,
        )
        .object(after(suspended("savepoint"), newer("v2_0", "last-state")), &[])
        .object(after(suspended("last-state"), newer("v2_0", "stateless")), &[])
        .object(after(suspended("last-state"), newer("v1_20", "savepoint")), &[])
        .object(json!({ "spec": newer("v2_0", "last-state") }), &[]);
    let standalone = json!({ "mode": "standalone" });
    table
        .rule("mode-change", FD)
        .object(after(json!({ "mode": "native" }), standalone.clone()), MODE)
        .object(after(standalone.clone(), json!({ "mode": null })), MODE)
        // What cannot be read says nothing.
        .object(json!({ "status": recorded("{"), "spec": standalone }), &[])
        .object(json!({ "status": recorded(""), "spec": standalone }), &[])
        .object(
            json!({ "status": recorded("{\"spec\":null,\"resource_metadata\":{}}"), "spec": standalone }),
            &[],
        )
        // As Java wrote it before there was metadata.
        .object(
            json!({ "status": recorded(r#"{"apiVersion":"v1beta1","job":{},"mode":"standalone"}"#), "spec": {} }),
            MODE,
        )
        .object(json!({ "spec": { "mode": "standalone" } }), &[]);
    table
        .rule("cluster-type-change", FD)
        .object(
            json!({ "status": recorded(r#"{"apiVersion":"v1beta1","mode":"native"}"#), "spec": {} }),
            &["spec.job"],
        )
        .object(after(suspended("stateless"), json!({ "job": null })), &["spec.job"])
        .object(json!({ "spec": { "job": null } }), &[]);
    let start =
        |nonce: Value, path: Value| json!({ "job": { "savepointRedeployNonce": nonce, "initialSavepointPath": path } });
    table
        .rule("redeploy-needs-savepoint", FD)
        .object(
            after(start(json!(null), json!(null)), start(json!(0), json!(null))),
            PATH,
        )
        .object(
            after(start(json!(2), json!("s3://s/1")), start(json!(1), json!(""))),
            PATH,
        )
        .object(
            after(start(json!(2), json!("s3://s/1")), start(json!(3), json!("s3://s/1"))),
            &[],
        )
        .object(
            after(start(json!(2), json!("s3://s/1")), start(json!(2), json!(null))),
            &[],
        );
    table
        .rule("initial-savepoint-ignored", FD)
        .object(
            after(start(json!(null), json!(null)), start(json!(null), json!("s3://s/1"))),
            PATH,
        )
        // To remove the number starts nothing either.
        .object(
            after(
                start(json!(1), json!("s3://s/1")),
                start(json!(null), json!("s3://s/2")),
            ),
            PATH,
        )
        .object(
            after(start(json!(1), json!("s3://s/1")), start(json!(2), json!("s3://s/2"))),
            &[],
        )
        .object(
            after(start(json!(1), json!("s3://s/1")), start(json!(1), json!(" "))),
            &[],
        )
        .object(
            after(start(json!(1), json!("s3://s/1")), start(json!(1), json!("s3://s/1"))),
            &[],
        );
}
