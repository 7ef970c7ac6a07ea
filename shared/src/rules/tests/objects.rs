//! The objects that the tests change, and the cluster around them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::api::reconciled::{ReconciliationMetadata, encode};
use crate::rules::*;

/// A cluster that holds a session cluster, an application cluster and a session job.
pub(super) struct Cluster;

impl Lookups for Cluster {
    fn deployment(&self, namespace: &str, name: &str) -> Lookup<FlinkDeployment> {
        let mut deployment: FlinkDeployment = serde_json::from_value(good(Kind::FlinkDeployment)).unwrap();
        match (namespace, name) {
            ("team-a", "session") => deployment.spec.job = None,
            ("team-a", "application") => {}
            _ => return Lookup::Missing,
        }
        Lookup::Found(Arc::new(deployment))
    }

    fn session_job(&self, namespace: &str, name: &str) -> Lookup<FlinkSessionJob> {
        if (namespace, name) == ("team-a", "session-job") {
            Lookup::Found(Arc::new(serde_json::from_value(good(Kind::FlinkSessionJob)).unwrap()))
        } else {
            Lookup::Missing
        }
    }
}

/// An object that no rule refuses or warns of.
pub(super) fn good(kind: Kind) -> Value {
    let deployment = json!({
        "image": "flink:1.20",
        "flinkVersion": "v1_20",
        "serviceAccount": "flink",
        "flinkConfiguration": { "taskmanager.numberOfTaskSlots": "2" },
        "jobManager": { "resource": { "memory": "2048m", "cpu": 1 } },
        "taskManager": { "resource": { "memory": "2048m", "cpu": 1 } },
        "job": { "jarURI": "local:///opt/flink/job.jar", "parallelism": 2, "upgradeMode": "stateless" },
    });
    let spec = match kind {
        Kind::FlinkDeployment => deployment,
        Kind::FlinkSessionJob => json!({
            "deploymentName": "session",
            "job": { "jarURI": "https://repo.example.com/job.jar", "parallelism": 2 },
        }),
        Kind::FlinkStateSnapshot => json!({
            "jobReference": { "kind": "FlinkDeployment", "name": "application" },
            "savepoint": { "path": "s3://bucket/savepoints" },
        }),
        Kind::FlinkBlueGreenDeployment => json!({ "template": { "spec": deployment } }),
    };
    json!({
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": kind.as_str(),
        "metadata": { "name": "my-job", "namespace": "team-a" },
        "spec": spec,
    })
}

/// RFC 7386: `null` removes.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in patch {
        if value.is_null() {
            target.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut target[name.as_str()], value);
        }
    }
}

/// The good object of `kind`, changed.
pub(super) fn changed(kind: Kind, patch: &Value) -> Value {
    let mut object = good(kind);
    merge(&mut object, patch);
    object
}

/// `status` that says that the good object, changed by `patch`, was acted on last.
pub(super) fn acted_on(kind: Kind, patch: &Value) -> Value {
    let object = changed(kind, patch);
    let text = encode(&object["spec"], &ReconciliationMetadata::new(false)).unwrap();
    if kind == Kind::FlinkBlueGreenDeployment {
        return json!({ "lastReconciledSpec": json!({ "spec": object["spec"] }).to_string() });
    }
    json!({ "reconciliationStatus": { "lastReconciledSpec": text } })
}

pub(super) fn judge(kind: Kind, object: &Value, old: Option<&Value>) -> Report {
    judge_with(&DefaultConfiguration::default(), kind, object, old)
}

pub(super) fn judge_with(defaults: &DefaultConfiguration, kind: Kind, object: &Value, old: Option<&Value>) -> Report {
    let environment = Environment::new(defaults, &Cluster);
    validate_json(kind, &Json::from(object), old.map(Json::from).as_ref(), &environment)
}

pub(super) fn codes(report: &Report) -> Vec<&str> {
    report.violations.iter().map(|v| v.code.as_ref()).collect()
}
