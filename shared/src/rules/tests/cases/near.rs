//! The values next to each other on both sides of a rule, in all their spellings.

mod amounts;
mod autoscaler;
mod blue_green;
mod clusters;
mod directories;
mod jobs;
mod session_jobs;
mod snapshots;
mod state;

use serde_json::{Map, Value, json};

use super::Table;
use crate::rules::Kind;
use crate::rules::tests::merge;

const FD: Kind = Kind::FlinkDeployment;
const HA: &str = "high-availability.type";

pub(super) fn near(table: &mut Table) {
    amounts::amounts(table);
    amounts::demands(table);
    jobs::jobs(table);
    jobs::switches(table);
    state::state(table);
    directories::directories(table);
    clusters::ingresses(table);
    clusters::changes(table);
    autoscaler::autoscaler(table);
    session_jobs::session_jobs(table);
    snapshots::snapshots(table);
    blue_green::blue_green(table);
}

fn set(configuration: Value) -> Value {
    Value::Object(Map::from_iter([("flinkConfiguration".to_owned(), configuration)]))
}

/// `mode`, with what it needs, and with more.
fn job(mode: &str, options: &Value) -> Value {
    let mut all = json!({
        HA: "kubernetes",
        "execution.checkpointing.dir": "s3://c",
        "execution.checkpointing.savepoint-dir": "s3://s",
        "execution.checkpointing.interval": "1 min",
    });
    merge(&mut all, options);
    json!({ "job": { "upgradeMode": mode }, "flinkConfiguration": all })
}

fn in_version(version: &str, spec: &Value) -> Value {
    let mut spec = spec.clone();
    merge(&mut spec, &json!({ "flinkVersion": version }));
    spec
}

/// Path of a key of the configuration.
fn at(key: &str) -> &'static [&'static str] {
    let path: &'static str = format!("spec.flinkConfiguration[{key}]").leak();
    Box::leak(Box::new([path]))
}
