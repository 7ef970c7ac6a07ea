//! Session jobs.

use serde_json::{Map, Value, json};

use super::super::Table;
use crate::rules::Kind;
use crate::rules::tests::{acted_on, merge};

pub(super) fn session_jobs(table: &mut Table) {
    const NAME: &[&str] = &["spec.deploymentName"];
    let kind = Kind::FlinkSessionJob;
    table.rule("session-name-invalid", kind);
    for wrong in ["", "  ", "session.team-a", "team-a/session", "session "] {
        table.spec(&json!({ "deploymentName": wrong }), NAME);
    }
    let after = |old: Value, new: Value| json!({ "status": acted_on(kind, &json!({ "spec": old })), "spec": new });
    table
        .rule("session-change", kind)
        // Nothing was said before.
        .object(after(json!({ "deploymentName": null }), json!({})), &[])
        .object(after(json!({}), json!({ "job": { "parallelism": 4 } })), &[])
        .object(after(json!({}), json!({ "deploymentName": "elsewhere" })), NAME)
        .object(
            json!({ "status": { "reconciliationStatus": { "lastReconciledSpec": "{" } } }),
            &[],
        )
        // As Java wrote it before there was metadata.
        .object(
            json!({ "status": { "reconciliationStatus": {
                "lastReconciledSpec": r#"{"deploymentName":"other","apiVersion":"v1beta1"}"#,
            } } }),
            NAME,
        );
    jobs_of_sessions(table);
    jars(table);
}

/// Rules of jobs ask for the cluster's configuration, and so say nothing where the cluster is not there.
fn jobs_of_sessions(table: &mut Table) {
    const CHECKPOINTS: &[&str] = &["spec.flinkConfiguration[execution.checkpointing.dir]"];
    const SAVEPOINTS: &[&str] = &["spec.flinkConfiguration[execution.checkpointing.savepoint-dir]"];
    let kind = Kind::FlinkSessionJob;
    let savepoint = json!({ "job": { "upgradeMode": "savepoint" }, "flinkConfiguration": {
        "state.checkpoints.dir": "s3://c", "execution.checkpointing.interval": "1 min",
    } });
    let elsewhere = |spec: &Value| {
        let mut spec = spec.clone();
        merge(&mut spec, &json!({ "deploymentName": "elsewhere" }));
        spec
    };
    let last_state = json!({ "job": { "upgradeMode": "last-state" } });
    let nonce = json!({ "job": { "savepointTriggerNonce": 1 } });
    let unset = json!({ "job": { "parallelism": null } });
    let scaled = json!({ "flinkConfiguration": {
        "job.autoscaler.enabled": "true", "job.autoscaler.scale-up.max-factor": "-1",
    } });
    table
        .rule("checkpoint-dir-missing", kind)
        .spec(&last_state, CHECKPOINTS)
        .spec(&elsewhere(&last_state), &[]);
    table
        .rule("savepoint-dir-missing", kind)
        .spec(&savepoint, SAVEPOINTS)
        .spec(&elsewhere(&savepoint), &[]);
    table
        .rule("savepoint-trigger-needs-dir", kind)
        .spec(&nonce, &["spec.job.savepointTriggerNonce"])
        .spec(&elsewhere(&nonce), &[]);
    table
        .rule("parallelism-missing", kind)
        .spec(&unset, &["spec.job.parallelism"])
        .spec(&elsewhere(&unset), &[]);
    table.rule("autoscaler-negative", kind).spec(&elsewhere(&scaled), &[]);
    let set = |key: &str, text: &str| {
        let options: Map<String, Value> = [(key.to_owned(), json!(text))].into_iter().collect();
        json!({ "flinkConfiguration": options })
    };
    table.rule("job-config-forbidden", kind);
    for key in [
        "kubernetes.namespace",
        "kubernetes.cluster-id",
        "high-availability.cluster-id",
    ] {
        let path: &'static str = format!("spec.flinkConfiguration[{key}]").leak();
        table.spec(&elsewhere(&set(key, "x")), Box::leak(Box::new([path])));
    }
    table.spec(
        &json!({ "flinkConfiguration": { "kubernetes": { "cluster-id": "x" } } }),
        &["spec.flinkConfiguration[kubernetes.cluster-id]"],
    );
}

fn jars(table: &mut Table) {
    const JAR: &[&str] = &["spec.job.jarURI"];
    let kind = Kind::FlinkSessionJob;
    let jar = |uri: &str| json!({ "job": { "jarURI": uri } });
    table.rule("jar-uri-invalid", kind);
    for wrong in [
        "",
        "jobs/a.jar",
        " https://repo.example.com/a.jar",
        "https://repo.example.com/a.jar\n",
        "https://repo.example.com/{{version}}.jar",
        "https://repo.example.com/${VERSION}.jar",
        "https://repo.example.com/a[1].jar",
        "https://repo.example.com/a.jar#b#c",
        "//repo.example.com/a.jar",
    ] {
        table.spec(&jar(wrong), JAR);
    }
    for right in [
        "https://repo.example.com/a.jar?x[0]=1",
        "https://repo.example.com/a.jar#b",
        "https://[2606:4700::1111]:8443/a.jar",
        "https://repo.example.com/\u{e4}.jar",
        "https://repo.example.com/a+b,c;d=e@f.jar",
    ] {
        table.spec(&jar(right), &[]);
    }
    table.rule("jar-scheme-refused", kind);
    for wrong in [
        "HTTP://repo.example.com/a.jar",
        "hdfs:///a.jar",
        "jar:https://repo.example.com/a.jar",
        "https+unix://repo.example.com/a.jar",
        "ftp://repo.example.com/a.jar",
    ] {
        table.spec(&jar(wrong), JAR);
    }
    table.rule("jar-host-refused", kind);
    for wrong in [
        "https:repo.example.com/a.jar",
        "https:/repo.example.com/a.jar",
        "https://user:password@/a.jar",
        "https://repo.example.com@10.0.0.1/a.jar",
        "https://LOCALHOST./a.jar",
        "https://a.localhost/a.jar",
        "https://0.0.0.0/a.jar",
        "https://224.0.0.1/a.jar",
        "https://127.1/a.jar",
        "https://0x7f.1/a.jar",
        "https://[::ffff:10.0.0.1]/a.jar",
        "https://[fd00::1]/a.jar",
        "https://[fe80::1%25eth0]/a.jar",
        // Clients make addresses of these.
        "https://127.0.0.%31/a.jar",
        "https://%6cocalhost/a.jar",
        "https://minio_svc/a.jar",
        "https://127\u{3002}0\u{3002}0\u{3002}1/a.jar",
        "https://\u{ff11}27.0.0.1/a.jar",
    ] {
        table.spec(&jar(wrong), JAR);
    }
    for right in [
        "https://192.169.0.1/a.jar",
        "https://172.15.255.255/a.jar",
        "https://169.253.0.1/a.jar",
        "https://localhost.example.com/a.jar",
        "https://1e100.net/a.jar",
        "https://10.0.0.1@repo.example.com/a.jar",
        "https://repo.example.com/a.jar?from=@10.0.0.1",
        "https://minio.storage.svc:9000/a.jar",
    ] {
        table.spec(&jar(right), &[]);
    }
}
