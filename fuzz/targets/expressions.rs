//! Expressions of policies: each is refused, or ends within its budget with a finding or none. What takes longer than
//! libFuzzer's time limit, or more memory than its limit, is a fault.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use sluice_policies::Policy;
use sluice_shared::config::FlinkConfig;
use sluice_shared::extension::{Extension as _, Question, Request};
use sluice_shared::rules::Kind;

fuzz_target!(
    // Panics of the interpreter are caught where it is called, and its own hook would end the process at each.
    init: std::panic::set_hook(Box::new(|_| {})),
    |text: &str| {
        let policy = json!({
            "apiVersion": "sluice.flink.apache.org/v1alpha1", "kind": "ClusterFlinkPolicy", "metadata": { "name": "p" },
            "spec": {
                "rules": [{ "name": "r", "expression": text }, { "name": "m", "expression": "false", "messageExpression": text }],
                "defaults": [{ "path": "spec.job.parallelism", "expression": text }],
            },
        });
        let Ok(policy) = Policy::from_json(&policy) else {
            return;
        };
        let object = json!({
            "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
            "metadata": { "name": "d", "namespace": "n", "labels": { "team": "a" } },
            "spec": { "image": "flink:1.20", "job": { "args": ["a", "b", "c"] }, "flinkConfiguration": { "a.b": "1" } },
        });
        let config: FlinkConfig = [("s3.secret-key", "hunter2"), ("rest.port", "8081")].into_iter().collect();
        let question = Question {
            kind: Kind::FlinkDeployment,
            object: &object,
            old: None,
            config: &config,
            namespace_labels: None,
            request: Request::default(),
        };
        for violation in policy.validate(&question).map(|report| report.violations).unwrap_or_default() {
            assert!(!violation.message.contains("hunter2"), "a secret is shown: {}", violation.message);
        }
        let _ = policy.mutate(&question);
    }
);
