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

/// What turns warnings off: the annotation, and the option in the object's own configuration or the administrator's.
#[derive(Clone, Copy)]
pub(super) struct Switches<'a> {
    metadata: &'a ObjectMeta,
    /// All defaults with the object's own configuration over them.
    config: &'a FlinkConfig,
    /// The object's own configuration and the path of the spec that it is in, where the kind has one.
    written: Option<(&'static str, &'a FlinkConfig)>,
}

impl<'a> Switches<'a> {
    pub(super) fn new(metadata: &'a ObjectMeta, config: &'a FlinkConfig) -> Self {
        Self {
            metadata,
            config,
            written: None,
        }
    }

    /// With what the spec at `root` itself says.
    pub(super) fn with_written<E>(self, root: &'static str, written: &'a Result<FlinkConfig, E>) -> Self {
        Self {
            written: written.as_ref().ok().map(|written| (root, written)),
            ..self
        }
    }

    fn annotation(&self) -> &'a str {
        let annotations = self.metadata.annotations.as_ref();
        annotations
            .and_then(|annotations| annotations.get(ANNOTATION))
            .map_or("", String::as_str)
    }

    fn option(&self) -> &'a str {
        self.config.written(&WARNINGS_DISABLED).map_or("", |(_, text)| text)
    }

    /// Path of the option; none where it is not the object's own.
    fn option_path(&self) -> String {
        let own = self.written.filter(|(_, written)| written.is_set(&WARNINGS_DISABLED));
        own.map_or_else(String::new, |(root, _)| {
            format!("{root}.flinkConfiguration[{}]", WARNINGS_DISABLED.key)
        })
    }
}

/// Takes the warnings out of `report` that are turned off, and warns of codes that turn nothing off.
pub(super) fn apply(switches: Switches<'_>, report: &mut Report) {
    for code in codes(switches.annotation()) {
        report_code(format!("metadata.annotations[{ANNOTATION}]"), code, report);
    }
    for code in codes(switches.option()) {
        report_code(switches.option_path(), code, report);
    }
    filter(switches, report);
}

/// Takes the warnings out of `report` that are turned off.
pub(super) fn filter(switches: Switches<'_>, report: &mut Report) {
    if report.warnings.is_empty() {
        return;
    }
    let sources = [switches.annotation(), switches.option()];
    report
        .warnings
        .retain(|warning| !sources.iter().any(|text| codes(text).any(|code| code == warning.code)));
}

/// Codes are separated by commas; semicolons do too, since Flink's lists have them.
fn codes(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';']).map(str::trim).filter(|code| !code.is_empty())
}

/// An empty `path` is that of the administrator's configuration, which is no field of the object.
fn report_code(path: String, code: &str, report: &mut Report) {
    let problem = match rule(code).map(|rule| rule.severity) {
        Some(Severity::Warn) => return,
        Some(Severity::Refuse(_)) => format!("\"{code}\" is a violation, which cannot be turned off"),
        None => format!("\"{code}\" is the code of no warning"),
    };
    let mut findings = Findings::new(&RULES[0], report);
    if path.is_empty() {
        let message = format!(
            "the operator's default configuration sets {}: {problem}",
            WARNINGS_DISABLED.key
        );
        findings.add_with_fix(path, message, "ask your administrator to mend or remove it");
        return;
    }
    match super::handbook::nearest_warning(code) {
        Some(meant) => findings.add_with_fix(path, problem, format!("write {meant} if that is meant, or remove it")),
        None => findings.add(path, problem),
    }
}
