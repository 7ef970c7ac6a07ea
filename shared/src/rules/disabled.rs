//! Warnings that somebody does not want to see.

use kube::core::ObjectMeta;

use super::report::{Findings, Report};
use super::table::{Check, Kind, Rule, Severity, rule};
use crate::config::FlinkConfig;
use crate::config::options::WARNINGS_DISABLED;

/// Annotation with codes of warnings that are off for the object, separated by commas.
pub const ANNOTATION: &str = "sluice.flink.apache.org/disable-warnings";

pub(super) const RULES: &[Rule] = &[Rule {
    code: "warning-code-unknown",
    kinds: &Kind::ALL,
    severity: Severity::Warn,
    what: "Every code by which warnings are turned off is the code of a warning",
    why: "A mistyped code turns nothing off, and a violation cannot be turned off",
    fix: FIX,
    since: "0.1",
    check: Check::Switches,
}];

const FIX: &str = "write the code that stands behind the warning in brackets, or remove it";

/// What turns warnings off: the annotation and the option, each with its path.
fn sources<'a>(metadata: &'a ObjectMeta, config: &'a FlinkConfig) -> [(String, &'a str); 2] {
    let annotation = metadata
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get(ANNOTATION))
        .map(String::as_str);
    let option = config.written(&WARNINGS_DISABLED).map(|(_, text)| text);
    [
        (
            format!("metadata.annotations[{ANNOTATION}]"),
            annotation.unwrap_or_default(),
        ),
        (
            format!("spec.flinkConfiguration[{}]", WARNINGS_DISABLED.key),
            option.unwrap_or_default(),
        ),
    ]
}

/// Takes the warnings out of `report` that `metadata` or `config` turns off, and warns of codes that turn nothing off.
pub(super) fn apply(metadata: &ObjectMeta, config: &FlinkConfig, report: &mut Report) {
    for (path, text) in sources(metadata, config) {
        for code in codes(text) {
            report_code(&path, code, report);
        }
    }
    filter(metadata, config, report);
}

/// Takes the warnings out of `report` that `metadata` or `config` turns off.
pub(super) fn filter(metadata: &ObjectMeta, config: &FlinkConfig, report: &mut Report) {
    if report.warnings.is_empty() {
        return;
    }
    let sources = sources(metadata, config);
    report.warnings.retain(|warning| {
        !sources
            .iter()
            .any(|(_, text)| codes(text).any(|code| code == warning.code))
    });
}

/// Codes are separated by commas; semicolons do too, since Flink's lists have them.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';']).map(str::trim).filter(|code| !code.is_empty())
}

fn report_code(path: &str, code: &str, report: &mut Report) {
    let message = match rule(code).map(|rule| rule.severity) {
        Some(Severity::Warn) => return,
        Some(Severity::Refuse(_)) => format!("\"{code}\" is a violation, which cannot be turned off"),
        None => format!("\"{code}\" is the code of no warning"),
    };
    let mut findings = Findings::new(&RULES[0], report);
    match super::handbook::nearest_warning(code) {
        Some(meant) => findings.add_with_fix(path, message, format!("write {meant} if that is meant, or remove it")),
        None => findings.add(path, message),
    }
}
