//! What a plugin writes: it is read or refused, its findings are lines of bounded length without the configuration's
//! secrets, and its patch can be applied or not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_plugins::answer::Answer;
use sluice_shared::config::FlinkConfig;
use sluice_shared::defaults::apply;
use sluice_shared::extension::{Question, Request};
use sluice_shared::rules::Kind;

const SECRET: &str = "hunter2";

fuzz_target!(|bytes: &[u8]| {
    let Ok(answer) = Answer::parse(bytes) else {
        return;
    };
    let mut object = serde_json::json!({ "metadata": { "labels": {} }, "spec": { "job": { "args": ["a"] } } });
    let _ = apply(&answer.patch, &mut object);
    let config: FlinkConfig = [("s3.secret-key", SECRET)].into_iter().collect();
    let question = Question {
        kind: Kind::FlinkDeployment,
        object: &object,
        old: None,
        config: &config,
        namespace_labels: None,
        request: Request::default(),
    };
    let report = answer.report("plugin", &question);
    let violations = report.violations.iter().map(|v| (&v.path, &v.message, &v.fix));
    let warnings = report.warnings.iter().map(|w| (&w.path, &w.message, &w.fix));
    for (path, message, fix) in violations.chain(warnings) {
        for text in [path, message, fix] {
            assert!(text.chars().count() <= 1025, "too long");
            assert!(!text.chars().any(char::is_control), "more than a line");
            assert!(!text.contains(SECRET), "a secret is shown");
        }
    }
});
