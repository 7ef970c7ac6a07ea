//! What the tests share.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluice_policies::Policy;
use sluice_shared::config::FlinkConfig;
use sluice_shared::defaults::apply;
use sluice_shared::extension::{Extension, Operation, Question, Request, User};
use sluice_shared::rules::{Kind, Report};

pub fn policy(spec: &Value) -> Policy {
    try_policy(spec).unwrap_or_else(|e| panic!("{e:?}"))
}

pub fn try_policy(spec: &Value) -> Result<Policy, Vec<String>> {
    let object = json!({ "apiVersion": "sluice.flink.apache.org/v1alpha1", "kind": "ClusterFlinkPolicy",
                         "metadata": { "name": "p" }, "spec": spec });
    Policy::from_json(&object).map_err(|violations| violations.iter().map(ToString::to_string).collect())
}

pub fn rule(expression: &str) -> Value {
    json!({ "rules": [{ "name": "r", "expression": expression }] })
}

pub fn deployment() -> Value {
    json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
        "metadata": { "name": "d", "namespace": "team-a", "labels": { "team": "a" } },
        "spec": {
            "image": "registry.example.com/flink:1.20",
            "flinkVersion": "v1_20",
            "taskManager": { "resource": { "memory": "2048m", "cpu": 1.5 }, "replicas": null },
            "flinkConfiguration": { "taskmanager.numberOfTaskSlots": "2" },
            "podTemplate": { "spec": { "containers": [
                { "name": "a", "env": [{ "name": "DB_PASSWORD", "value": "hunter2" }] }, { "name": "b" } ] } },
        },
    })
}

pub struct Asked {
    pub object: Value,
    pub old: Option<Value>,
    pub config: FlinkConfig,
    pub labels: Option<BTreeMap<String, String>>,
    pub operation: Option<Operation>,
    pub user: Option<User>,
}

impl Asked {
    pub fn new(object: Value) -> Self {
        let config = [
            ("execution.checkpointing.interval", "10 min"),
            ("taskmanager.memory.process.size", "2g"),
            ("taskmanager.numberOfTaskSlots", "2"),
            ("state.checkpoints.dir", "s3://bucket/c"),
            ("job.autoscaler.enabled", "true"),
            ("job.autoscaler.target.utilization", "0.7"),
            ("s3.secret-key", "hunter2"),
            ("my.own", "10 min"),
        ];
        Self {
            object,
            old: None,
            config: config.into_iter().collect(),
            labels: Some([("env".to_owned(), "prod".to_owned())].into()),
            operation: Some(Operation::Create),
            user: Some(User {
                name: "alice".to_owned(),
                groups: vec!["dev".to_owned()],
            }),
        }
    }

    pub fn question(&self) -> Question<'_> {
        Question {
            kind: Kind::FlinkDeployment,
            object: &self.object,
            old: self.old.as_ref(),
            config: &self.config,
            namespace_labels: self.labels.as_ref(),
            request: Request {
                operation: self.operation,
                user: self.user.as_ref(),
                ..Request::default()
            },
        }
    }

    pub fn validate(&self, policy: &Policy) -> Report {
        let question = self.question();
        if policy.applies(&question) {
            policy.validate(&question).unwrap()
        } else {
            Report::default()
        }
    }

    pub fn mutate(&self, policy: &Policy) -> Value {
        let patch = policy.mutate(&self.question()).unwrap();
        let mut object = self.object.clone();
        apply(&patch, &mut object).unwrap();
        object
    }
}

/// What `expression` comes to on a usual deployment: `None` where it holds, or else the message.
pub fn judged(expression: &str) -> Option<String> {
    let report = Asked::new(deployment()).validate(&policy(&rule(expression)));
    report.violations.first().map(|violation| violation.message.clone())
}
