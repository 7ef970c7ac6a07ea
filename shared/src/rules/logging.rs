//! `spec.logConfiguration`.

use serde_json::Value;

use super::report::Findings;
use super::subject::Deployment;
use super::table::{CLUSTERS, Cause, Check, Rule, Severity};
use crate::api::{KubernetesMode, PodTemplate};
use crate::config::options::is_of_operator;

/// Files that a cluster's logging is set up by.
pub const FILES: [&str; 2] = ["log4j-console.properties", "logback-console.xml"];

/// Most that a ConfigMap holds, in bytes (`core.MaxSecretSize`, which is also checked for ConfigMaps).
const MOST_BYTES: usize = 1024 * 1024;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "logging-file-unknown",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::NotSupported),
        what: "logConfiguration holds log4j-console.properties and logback-console.xml only",
        why: "The containers read no other file",
        fix: "use log4j-console.properties or logback-console.xml",
        since: "0.1",
        check: Check::Deployment(files_are_known),
    },
    Rule {
        code: "config-map-too-large",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::TooLong),
        what: "The configuration with all defaults and logConfiguration together are at most 1 MiB long; and in native mode so are podTemplate and taskManager.podTemplate",
        why: "Each two go into one ConfigMap, and Kubernetes takes no larger one",
        fix: "shorten what is large, or put it into the image or a volume",
        since: "0.1",
        check: Check::Deployment(config_maps_are_small),
    },
];

fn files_are_known(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for file in subject.spec.log_configuration.iter().flat_map(|files| files.keys()) {
        if !FILES.contains(&file.as_str()) {
            findings.add_value(
                subject.path(&format!("logConfiguration[{file}]")),
                file,
                format!("\"{file}\" is no file that Flink's logging reads"),
                "use log4j-console.properties or logback-console.xml",
            );
        }
    }
}

fn config_maps_are_small(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    files_fit_a_config_map(subject, findings);
    templates_fit_a_config_map(subject, findings);
}

fn files_fit_a_config_map(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    // A line of the file is "key: value" and its end; quotes and escapes only add to that.
    let configuration: usize = subject
        .config
        .iter()
        .filter(|(key, _)| !is_of_operator(key))
        .map(|(key, value)| key.len() + value.len() + 3)
        .sum();
    let logging: usize = subject
        .spec
        .log_configuration
        .iter()
        .flatten()
        .map(|(name, text)| name.len() + text.len())
        .sum();
    if configuration + logging > MOST_BYTES {
        let field = if logging > configuration {
            "logConfiguration"
        } else {
            "flinkConfiguration"
        };
        findings.add(
            subject.path(field),
            format!(
                "the configuration ({configuration} bytes) and the logging files ({logging} bytes) do not fit into one ConfigMap of {MOST_BYTES} bytes"
            ),
        );
    }
}

/// In native mode the JobManager makes TaskManagers of a template that it reads from a `ConfigMap`.
fn templates_fit_a_config_map(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if subject.spec.mode() != KubernetesMode::Native {
        return;
    }
    let length = |template: Option<&PodTemplate>| template.map_or(0, |template| text_length(&template.0));
    let common = length(subject.spec.pod_template.as_ref());
    let task_manager = subject.spec.task_manager.as_ref();
    let own = length(task_manager.and_then(|tm| tm.pod_template.as_ref()));
    if common + own > MOST_BYTES {
        let field = if common > own {
            "podTemplate"
        } else {
            "taskManager.podTemplate"
        };
        findings.add(
            subject.path(field),
            format!("podTemplate ({common} bytes) and taskManager.podTemplate ({own} bytes) do not fit into one ConfigMap of {MOST_BYTES} bytes"),
        );
    }
}

/// What the keys and texts of `value` need in bytes; the file has its signs and white space besides.
fn text_length(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 1,
        Value::String(text) => text.len(),
        Value::Array(elements) => elements.iter().map(text_length).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| name.len() + text_length(value))
            .sum(),
    }
}
