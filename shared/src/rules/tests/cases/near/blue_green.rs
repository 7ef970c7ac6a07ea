//! Blue/green deployments.

use serde_json::{Map, Value, json};

use super::super::Table;
use crate::rules::Kind;
use crate::rules::tests::{acted_on, merge};

pub(super) fn blue_green(table: &mut Table) {
    const NAME: &[&str] = &["metadata.name"];
    const DIRECTORY: &[&str] = &["spec.template.spec.flinkConfiguration[execution.checkpointing.savepoint-dir]"];
    let kind = Kind::FlinkBlueGreenDeployment;
    table.rule("blue-green-name-invalid", kind);
    for wrong in ["My-job", "1a", "a.b", "a_b", "-a", ""] {
        table.object(json!({ "metadata": { "name": wrong } }), NAME);
    }
    table
        .object(
            json!({ "metadata": { "name": null, "generateName": "a".repeat(35) } }),
            NAME,
        )
        .object(
            json!({ "metadata": { "name": null, "generateName": "a".repeat(34) } }),
            &[],
        );
    table
        .rule("template-missing", kind)
        .spec(&json!({ "template": { "spec": null } }), &["spec.template.spec"])
        .spec(
            &json!({ "template": { "metadata": { "labels": { "a": "b" } }, "spec": null } }),
            &["spec.template.spec"],
        );
    table.rule("template-job-missing", kind).spec(
        &json!({ "template": { "spec": { "job": null, "mode": "standalone", "taskManager": { "replicas": 1 } } } }),
        &["spec.template.spec.job"],
    );
    let template = |spec: Value| json!({ "template": { "spec": spec } });
    let last_state = |configuration: &Value| {
        let mut all = json!({ "high-availability.type": "kubernetes", "execution.checkpointing.dir": "s3://c" });
        merge(&mut all, configuration);
        template(json!({ "job": { "upgradeMode": "last-state" }, "flinkConfiguration": all }))
    };
    table
        .rule("blue-green-savepoint-dir", kind)
        .spec(
            &last_state(&json!({ "execution.checkpointing.savepoint-dir": " " })),
            DIRECTORY,
        )
        .spec(&last_state(&json!({ "state.savepoints.dir": "" })), DIRECTORY)
        // The present spelling counts, though it says nothing.
        .spec(
            &last_state(&json!({ "execution.checkpointing.savepoint-dir": "", "state.savepoints.dir": "s3://s" })),
            DIRECTORY,
        )
        .spec(
            &{
                let mut spec = last_state(&json!({}));
                merge(&mut spec, &template(json!({ "flinkVersion": "v2_0" })));
                spec
            },
            DIRECTORY,
        )
        .spec(&last_state(&json!({ "state.savepoints.dir": "s3://s" })), &[])
        .spec(
            &last_state(&json!({ "state": { "savepoints": { "dir": "s3://s" } } })),
            &[],
        )
        .spec(&template(json!({ "job": { "upgradeMode": "stateless" } })), &[])
        .spec(&template(json!({ "job": { "upgradeMode": null } })), &[]);
    blue_green_options(table);
    blue_green_ingresses(table);
    blue_green_changes(table);
}

fn blue_green_options(table: &mut Table) {
    const GRACE: &str = "kubernetes.operator.bluegreen.abort.grace-period";
    const INTERVAL: &str = "kubernetes.operator.bluegreen.reconciliation.reschedule-interval";
    const DELAY: &str = "kubernetes.operator.bluegreen.deployment-deletion.delay";
    let kind = Kind::FlinkBlueGreenDeployment;
    let set = |key: &str, text: &str| {
        let options: Map<String, Value> = [(key.to_owned(), json!(text))].into_iter().collect();
        json!({ "configuration": options })
    };
    table.rule("blue-green-option-value", kind);
    for (key, text) in [
        (GRACE, ""),
        (GRACE, "10 parsecs"),
        (GRACE, "min"),
        // No grace is written as none.
        (GRACE, "-1 s"),
        (GRACE, "PT-1S"),
        (GRACE, "-PT1S"),
        (INTERVAL, "soon"),
        (INTERVAL, "-soon"),
        (INTERVAL, "-"),
        (INTERVAL, "1.5 s"),
        (DELAY, "never"),
        (DELAY, "--1 s"),
        (DELAY, "9223372036854775808"),
    ] {
        let path: &'static str = format!("spec.configuration[{key}]").leak();
        table.spec(&set(key, text), Box::leak(Box::new([path])));
    }
    for (key, text) in [
        (GRACE, "600000"),
        (GRACE, "PT10M"),
        (GRACE, " 10min "),
        (GRACE, "0 ms"),
        (INTERVAL, "-1 s"),
        (INTERVAL, "-PT1S"),
        (INTERVAL, "15 s"),
        (DELAY, "-1"),
        (DELAY, "PT-1S"),
        (DELAY, "1 d"),
    ] {
        table.spec(&set(key, text), &[]);
    }
    table
        .rule("blue-green-option-unknown", kind)
        .spec(
            &set("taskmanager.numberOfTaskSlots", "2"),
            &["spec.configuration[taskmanager.numberOfTaskSlots]"],
        )
        .spec(
            &set("Kubernetes.Operator.BlueGreen.abort.grace-period", "1 s"),
            &["spec.configuration[Kubernetes.Operator.BlueGreen.abort.grace-period]"],
        )
        // Beside one that is unknown, a known one counts.
        .spec(
            &json!({ "configuration": { GRACE: "1 s", "kubernetes.operator.bluegreen.active-deployment-type": "BLUE" } }),
            &["spec.configuration[kubernetes.operator.bluegreen.active-deployment-type]"],
        )
        .spec(&json!({ "configuration": {} }), &[])
        .spec(&json!({ "configuration": { GRACE: "1 s", INTERVAL: "2 s", DELAY: "3 s" } }), &[]);
    table
        .rule("blue-green-option-misplaced", kind)
        .spec(
            &json!({ "template": { "spec": { "flinkConfiguration": {
                "kubernetes": { "operator": { "bluegreen": { "deployment-deletion.delay": "1 min" } } },
            } } } }),
            &["spec.template.spec.flinkConfiguration[kubernetes.operator.bluegreen.deployment-deletion.delay]"],
        )
        // Also where it stands in its own place, too.
        .spec(
            &json!({
                "configuration": { GRACE: "1 min" },
                "template": { "spec": { "flinkConfiguration": { GRACE: "1 min" } } },
            }),
            &["spec.template.spec.flinkConfiguration[kubernetes.operator.bluegreen.abort.grace-period]"],
        );
}

fn blue_green_ingresses(table: &mut Table) {
    let kind = Kind::FlinkBlueGreenDeployment;
    table.rule("parent-ingress-invalid", kind);
    for wrong in [
        "",
        "ftp://{{name}}.example.com",
        "https://u:hunter2@example.com",
        "{{child}}.example.com",
        "[::1]/a",
        "example.com:https",
    ] {
        table.spec(&json!({ "ingress": { "template": wrong } }), &["spec.ingress.template"]);
    }
    table.spec(
        &json!({ "ingress": { "template": null, "className": "nginx" } }),
        &["spec.ingress.template"],
    );
    // The parent has no colour, so that a path alone will do.
    for right in [
        "/{{namespace}}/{{name}}(/|$)(.*)",
        "https://{{name}}.example.com",
        "*.example.com",
        "example.com:443/{{name}}",
    ] {
        table.spec(&json!({ "ingress": { "template": right } }), &[]);
    }
    let child = |template: &str| json!({ "template": { "spec": { "ingress": { "template": template } } } });
    table.rule("ingress-template-invalid", kind);
    for wrong in [
        // The colour goes before all of it.
        "https://{{name}}.example.com",
        "*.example.com",
        "u@example.com",
        "-{{name}}-.example.com",
        "",
    ] {
        table.spec(&child(wrong), &["spec.template.spec.ingress.template"]);
    }
    for right in [
        "{{name}}.{{namespace}}.example.com/a",
        "example.com:8081",
        "-example.com",
    ] {
        table.spec(&child(right), &[]);
    }
    table.rule("ingress-template-missing", kind).spec(
        &json!({ "template": { "spec": { "ingress": {} } } }),
        &["spec.template.spec.ingress.template"],
    );
}

/// Children are made anew, so that more may change than for a `FlinkDeployment`.
fn blue_green_changes(table: &mut Table) {
    const PATH: &[&str] = &["spec.template.spec.job.initialSavepointPath"];
    let kind = Kind::FlinkBlueGreenDeployment;
    let of = |spec: Value| json!({ "template": { "spec": spec } });
    let after =
        |old: Value, new: Value| json!({ "status": acted_on(kind, &json!({ "spec": of(old) })), "spec": of(new) });
    let start =
        |path: Value, nonce: Value| json!({ "job": { "initialSavepointPath": path, "savepointRedeployNonce": nonce } });
    let standalone = json!({ "mode": "standalone", "taskManager": { "replicas": 1 } });
    table
        .rule("mode-change", kind)
        .object(after(json!({}), standalone.clone()), &[])
        .object(after(standalone, json!({})), &[]);
    table
        .rule("cluster-type-change", kind)
        .object(after(json!({ "job": null }), json!({})), &[]);
    table.rule("version-change-while-suspended", kind).object(
        after(
            json!({ "job": { "state": "suspended", "upgradeMode": "last-state" } }),
            json!({ "flinkVersion": "v2_0" }),
        ),
        &[],
    );
    table
        .rule("redeploy-needs-savepoint", kind)
        .object(after(start(json!(null), json!(1)), start(json!(null), json!(2))), PATH)
        .object(
            after(start(json!("s3://s/1"), json!(1)), start(json!(" "), json!(2))),
            PATH,
        )
        .object(after(start(json!(null), json!(1)), start(json!(null), json!(1))), &[])
        .object(
            after(start(json!(null), json!(1)), start(json!(null), json!(null))),
            &[],
        )
        .object(
            after(start(json!(null), json!(1)), start(json!("s3://s/1"), json!(2))),
            &[],
        );
    table
        .rule("initial-savepoint-ignored", kind)
        .object(
            after(start(json!("s3://s/1"), json!(1)), start(json!("s3://s/2"), json!(1))),
            PATH,
        )
        .object(
            after(
                start(json!("s3://s/1"), json!(1)),
                start(json!("s3://s/2"), json!(null)),
            ),
            PATH,
        )
        .object(
            after(start(json!("s3://s/1"), json!(1)), start(json!("s3://s/2"), json!(2))),
            &[],
        )
        .object(
            after(start(json!("s3://s/1"), json!(1)), start(json!(null), json!(1))),
            &[],
        );
}
