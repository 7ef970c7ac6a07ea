//! Names of clusters.

use super::report::Findings;
use super::subject::Deployment;
use super::table::{Cause, Check, DEPLOYMENTS, Rule, Severity};

/// Longest name of a cluster: Flink appends to it, and the results must remain names of Services.
pub const MAX_LENGTH: usize = 45;

pub(super) const RULES: &[Rule] = &[Rule {
    code: "name-invalid",
    kinds: DEPLOYMENTS,
    severity: Severity::Refuse(Cause::Invalid),
    what: "The name is at most 45 characters long, of lower-case letters, digits and '-', begins with a letter and does not end with '-'",
    why: "Flink derives names of Services, ConfigMaps and pods from it",
    fix: "choose another name, such as my-job or abc-123",
    since: "0.1",
    check: Check::Deployment(name_is_valid),
}];

/// What is wrong with the name of a cluster, or `None`.
#[must_use]
pub fn problem(name: &str) -> Option<&'static str> {
    let length = name.chars().count();
    if length == 0 {
        Some("is empty")
    } else if length > MAX_LENGTH {
        Some("is longer than 45 characters")
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Some("does not begin with a lower-case letter")
    } else if name.ends_with('-') {
        Some("ends with '-'")
    } else if !name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    {
        Some("holds other characters than lower-case letters, digits and '-'")
    } else {
        None
    }
}

fn name_is_valid(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if let Some(problem) = problem(&subject.name) {
        findings.add_value(
            "metadata.name",
            &subject.name,
            format!("the name \"{}\" {problem}", subject.name),
            "choose another name, such as my-job or abc-123",
        );
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a", true)]
    #[case("my-job", true)]
    #[case("abc-123", true)]
    #[case("a23456789-123456789-123456789-123456789-12345", true)]
    #[case("a23456789-123456789-123456789-123456789-123456", false)]
    #[case("", false)]
    #[case("1a", false)]
    #[case("-a", false)]
    #[case("a-", false)]
    #[case("a.b", false)]
    #[case("My-job", false)]
    #[case("jöb", false)]
    fn names(#[case] name: &str, #[case] valid: bool) {
        assert_eq!(problem(name).is_none(), valid, "{:?}", problem(name));
    }
}
