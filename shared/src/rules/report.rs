//! What the rules found.

use std::borrow::Cow;
use std::fmt;

use super::table::{Cause, Rule, Severity, rule};
use crate::secrets::without_secrets_of_urls;

/// Why a spec is refused: one mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Field, as `spec.jobManager.resource.memory` or `spec.flinkConfiguration[rest.port]`.
    pub path: String,
    /// Stable code of the rule, in kebab case.
    pub code: Cow<'static, str>,
    /// What is wrong: a clause without a full stop, with the offending value unless that is secret.
    pub message: String,
    /// What to do about it: a clause without a full stop.
    pub fix: String,
    /// The offending value, where there is one; [`crate::config::REDACTED`] where it is secret.
    pub value: Option<String>,
}

impl Violation {
    /// Message, fix and code, for where the path is already shown.
    #[must_use]
    pub fn text(&self) -> String {
        text(&self.message, &self.fix, &self.code)
    }

    /// What is wrong with the field, in Kubernetes' words. Findings of the user's own validators are
    /// [`Cause::Invalid`].
    #[must_use]
    pub fn cause(&self) -> Cause {
        match rule(&self.code).map(|rule| rule.severity) {
            Some(Severity::Refuse(cause)) => cause,
            Some(Severity::Warn) | None => Cause::Invalid,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&at(&self.path, &self.text()))
    }
}

/// What is legal but will hurt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Field.
    pub path: String,
    /// Stable code of the rule, in kebab case.
    pub code: Cow<'static, str>,
    /// What will hurt: a clause without a full stop.
    pub message: String,
    /// What to do about it: a clause without a full stop.
    pub fix: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&at(&self.path, &text(&self.message, &self.fix, &self.code)))
    }
}

/// `text` behind the field that it is about; a finding about the resource as a whole has no field.
fn at(path: &str, text: &str) -> String {
    if path.is_empty() {
        text.to_owned()
    } else {
        format!("{path}: {text}")
    }
}

fn text(message: &str, fix: &str, code: &str) -> String {
    let mut first = fix.chars();
    let fix = first
        .next()
        .map(|c| c.to_uppercase().chain(first).collect::<String>())
        .unwrap_or_default();
    format!("{message}. {fix}. [{code}]")
}

/// Everything the rules found, in the order of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Why the spec is refused; it is not where this is empty.
    pub violations: Vec<Violation>,
    /// What is legal but will hurt.
    pub warnings: Vec<Warning>,
    /// What is only to be recorded: neither refused nor shown to the user.
    pub audit: Vec<Warning>,
}

impl Report {
    /// Whether nothing is refused.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.violations.is_empty()
    }

    /// Adds what `other` found.
    pub fn extend(&mut self, other: Self) {
        self.violations.extend(other.violations);
        self.warnings.extend(other.warnings);
        self.audit.extend(other.audit);
    }
}

/// The violations, one a line.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.violations.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{violation}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

/// Where a rule puts what it finds. It adds the rule's code, and files findings as violations or warnings by the rule's
/// severity.
#[derive(Debug)]
pub struct Findings<'r> {
    rule: &'static Rule,
    report: &'r mut Report,
}

impl<'r> Findings<'r> {
    pub(super) fn new(rule: &'static Rule, report: &'r mut Report) -> Self {
        Self { rule, report }
    }

    /// `path` is wrong as `message` says; the rule's own fix applies.
    pub fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.push(path.into(), message.into(), self.rule.fix.to_owned(), None);
    }

    /// `path` is wrong as `message` says, with a fix for this very case.
    pub fn add_with_fix(&mut self, path: impl Into<String>, message: impl Into<String>, fix: impl Into<String>) {
        self.push(path.into(), message.into(), fix.into(), None);
    }

    /// `value` at `path` is wrong as `message` says. The caller has redacted `value` where it is secret.
    pub fn add_value(
        &mut self,
        path: impl Into<String>,
        value: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) {
        self.push(path.into(), message.into(), fix.into(), Some(value.into()));
    }

    fn push(&mut self, path: String, message: String, fix: String, value: Option<String>) {
        let code = Cow::Borrowed(self.rule.code);
        // Images, jars and directories are quoted as they were written.
        let (message, fix) = (shown(message), shown(fix));
        let value = value.map(shown);
        match self.rule.severity {
            Severity::Refuse(_) => self.report.violations.push(Violation {
                path,
                code,
                message,
                fix,
                value,
            }),
            Severity::Warn => self.report.warnings.push(Warning {
                path,
                code,
                message,
                fix,
            }),
        }
    }
}

/// `text` as anybody may read it.
fn shown(text: String) -> String {
    match without_secrets_of_urls(&text) {
        Cow::Owned(shown) => shown,
        Cow::Borrowed(_) => text,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::field("spec.job", "spec.job: it is wrong. Write it anew. [own-rule]")]
    #[case::whole_resource("", "It is wrong. Write it anew. [own-rule]")]
    fn a_finding_names_its_field_where_it_has_one(#[case] path: &str, #[case] shown: &str) {
        let message = if path.is_empty() { "It is wrong" } else { "it is wrong" };
        let violation = Violation {
            path: path.to_owned(),
            code: "own-rule".into(),
            message: message.to_owned(),
            fix: "write it anew".to_owned(),
            value: None,
        };
        let warning = Warning {
            path: violation.path.clone(),
            code: violation.code.clone(),
            message: violation.message.clone(),
            fix: violation.fix.clone(),
        };
        assert_eq!(violation.to_string(), shown);
        assert_eq!(warning.to_string(), shown);
    }
}
