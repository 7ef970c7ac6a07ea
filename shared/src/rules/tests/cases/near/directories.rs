//! Directories that outlive a pod, and those that do not.

use serde_json::{Value, json};

use super::super::Table;
use super::{FD, HA, at, in_version, set};
use crate::rules::Kind;
use crate::rules::tests::merge;

pub(super) fn directories(table: &mut Table) {
    const CHECKPOINTS: &str = "execution.checkpointing.dir";
    table.rule("node-local-dir", FD);
    for (key, text) in [
        (CHECKPOINTS, "FILE:///c"),
        (CHECKPOINTS, " file:///c "),
        (CHECKPOINTS, "file://localhost/c"),
        (CHECKPOINTS, "/"),
        ("state.checkpoints.dir", "file:///c"),
        ("state.backend.fs.checkpointdir", "file:///c"),
        ("execution.checkpointing.savepoint-dir", "/s"),
        ("state.savepoints.dir", "file:/s"),
        ("savepoints.state.backend.fs.dir", "file:/s"),
    ] {
        table.spec(&set(json!({ key: text })), at(key));
    }
    for store in [
        "S3://c",
        "s3a://c/d",
        "s3p://c",
        "hdfs:///c",
        "hdfs://nn:8020/c",
        "gs://c",
        "oss://c",
        "abfss://c@a.dfs.core.windows.net/d",
        "wasbs://c@a.blob.core.windows.net/d",
        "viewfs://c/d",
        "",
    ] {
        table.spec(&set(json!({ CHECKPOINTS: store })), &[]);
    }
    table
        .spec(&set(json!({ "state": { "checkpoints": { "dir": "file:///c" } } })), at("state.checkpoints.dir"))
        .spec(&in_version("v2_0", &set(json!({ "execution": { "checkpointing": { "dir": "/c" } } }))), at(CHECKPOINTS))
        // Of two spellings the present one counts.
        .spec(&set(json!({ CHECKPOINTS: "s3://c", "state.checkpoints.dir": "file:///c" })), &[])
        .spec(&set(json!({ CHECKPOINTS: "file:///c", "state.checkpoints.dir": "s3://c" })), at(CHECKPOINTS))
        // Paths without a scheme get this one.
        .spec(&set(json!({ CHECKPOINTS: "/c", "fs.default-scheme": "hdfs://nn:8020/" })), &[])
        .spec(&set(json!({ CHECKPOINTS: "/c", "fs": { "default-scheme": "s3://b" } })), &[])
        .spec(&set(json!({ CHECKPOINTS: "/c", "fs.default-scheme": "file:///" })), at(CHECKPOINTS))
        .spec(&set(json!({ CHECKPOINTS: "/c", "fs.default-scheme": " " })), at(CHECKPOINTS))
        .spec(&set(json!({ CHECKPOINTS: "file:///c", "fs.default-scheme": "hdfs://nn:8020/" })), at(CHECKPOINTS))
        .spec(
            &set(json!({ HA: "zookeeper", "high-availability.zookeeper.storageDir": "file:///ha" })),
            at("high-availability.zookeeper.storageDir"),
        )
        .spec(&set(json!({ "high-availability": "kubernetes", "high-availability.storageDir": "/ha" })), at("high-availability.storageDir"))
        .spec(&set(json!({ HA: "none", "high-availability.storageDir": "/ha" })), &[])
        .spec(&set(json!({ HA: "kubernetes", "high-availability": { "storageDir": "/ha" }, "fs.default-scheme": "s3://b" })), &[]);
    volumes(table);
    session_jobs(table);
}

fn volumes(table: &mut Table) {
    const CHECKPOINTS: &str = "execution.checkpointing.dir";
    let claim = json!([{ "name": "v", "persistentVolumeClaim": { "claimName": "c" } }]);
    let spec = |volumes: &Value, container: &str, mount: &str, directory: &str| {
        json!({
            "podTemplate": { "spec": {
                "containers": [{ "name": container, "image": "flink:1.20", "volumeMounts": [{ "name": "v", "mountPath": mount }] }],
                "volumes": volumes,
            } },
            "flinkConfiguration": { CHECKPOINTS: directory },
        })
    };
    let main = "flink-main-container";
    table
        .rule("node-local-dir", FD)
        .spec(&spec(&claim, main, "/data", "file:///data"), &[])
        .spec(&spec(&claim, main, "/data/", "/data/c/d"), &[])
        .spec(&spec(&claim, main, "/data/c/d", "/data/c"), at(CHECKPOINTS))
        .spec(&spec(&claim, main, "/Data", "/data/c"), at(CHECKPOINTS))
        // Another container's mount is not Flink's.
        .spec(&spec(&claim, "sidecar", "/data", "/data/c"), at(CHECKPOINTS))
        .spec(
            &spec(
                &json!([{ "name": "v", "csi": { "driver": "efs.csi.aws.com" } }]),
                main,
                "/data",
                "/data/c",
            ),
            &[],
        )
        .spec(
            &spec(
                &json!([{ "name": "v", "azureFile": { "secretName": "s", "shareName": "x" } }]),
                main,
                "/data",
                "/data/c",
            ),
            &[],
        );
    // Only TaskManagers have the volume, and then both.
    let template = json!({ "spec": {
        "containers": [{ "name": main, "volumeMounts": [{ "name": "v", "mountPath": "/data" }] }],
        "volumes": claim,
    } });
    let directory = set(json!({ CHECKPOINTS: "/data/c" }));
    let in_parts = |parts: &[&str]| {
        let mut spec = directory.clone();
        for part in parts {
            merge(&mut spec, &json!({ *part: { "podTemplate": template } }));
        }
        spec
    };
    table
        .spec(&in_parts(&["taskManager"]), at(CHECKPOINTS))
        .spec(&in_parts(&["jobManager", "taskManager"]), &[]);
    let claims = |claims: Value, directory: &str| {
        in_version(
            "v2_3",
            &set(json!({ "kubernetes.persistent-volume-claims": claims, CHECKPOINTS: directory })),
        )
    };
    table
        .spec(&claims(json!("a:/data,b:/other"), "/other/c"), &[])
        .spec(&claims(json!("a:/data"), "/database"), at(CHECKPOINTS))
        .spec(&claims(json!("a:/data/"), "file:/data/c"), &[]);
}

fn session_jobs(table: &mut Table) {
    const CHECKPOINTS: &str = "execution.checkpointing.dir";
    table
        .rule("job-node-local-dir", Kind::FlinkSessionJob)
        .spec(
            &set(json!({ "state.checkpoints.dir": "file:///c" })),
            at("state.checkpoints.dir"),
        )
        .spec(
            &set(json!({ "state": { "savepoints": { "dir": "/s" } } })),
            at("state.savepoints.dir"),
        )
        .spec(&set(json!({ CHECKPOINTS: "FILE:/c" })), at(CHECKPOINTS))
        .spec(
            &set(json!({ CHECKPOINTS: "s3://c", "state.checkpoints.dir": "file:///c" })),
            &[],
        )
        .spec(
            &set(json!({ CHECKPOINTS: "gs://c", "state.savepoints.dir": "hdfs:///s" })),
            &[],
        )
        .spec(&set(json!({ CHECKPOINTS: "" })), &[]);
}
