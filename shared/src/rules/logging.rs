//! `spec.logConfiguration`.

use super::report::Findings;
use super::subject::Deployment;
use super::table::{CLUSTERS, Cause, Check, Rule, Severity};

/// Files that a cluster's logging is set up by.
pub const FILES: [&str; 2] = ["log4j-console.properties", "logback-console.xml"];

pub(super) const RULES: &[Rule] = &[Rule {
    code: "logging-file-unknown",
    kinds: CLUSTERS,
    severity: Severity::Refuse(Cause::NotSupported),
    what: "logConfiguration holds log4j-console.properties and logback-console.xml only",
    why: "The containers read no other file",
    fix: "use log4j-console.properties or logback-console.xml",
    since: "0.1",
    check: Check::Deployment(files_are_known),
}];

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
