//! `FlinkBlueGreenDeployment`. Rules of a `FlinkDeployment` run on its template.

use super::name;
use super::report::Findings;
use super::subject::BlueGreen;
use super::table::{BLUE_GREENS, Cause, Check, Rule, Severity};

/// The longer of what is appended to the name for the children: `-blue`, `-green`.
pub(super) const LONGEST_SUFFIX: &str = "-green";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "blue-green-name-invalid",
        kinds: BLUE_GREENS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "The name with -green appended is a valid name of a FlinkDeployment, so it has at most 39 characters",
        why: "The children are named <name>-blue and <name>-green",
        fix: "choose another name, of at most 39 lower-case letters, digits and '-'",
        since: "0.1",
        check: Check::BlueGreen(child_names_are_valid),
    },
    Rule {
        code: "template-missing",
        kinds: BLUE_GREENS,
        severity: Severity::Refuse(Cause::Required),
        what: "template.spec is given",
        why: "The children are made of it",
        fix: "set template.spec to the spec of a FlinkDeployment",
        since: "0.1",
        check: Check::BlueGreen(template_is_given),
    },
    Rule {
        code: "template-job-missing",
        kinds: BLUE_GREENS,
        severity: Severity::Refuse(Cause::Required),
        what: "template.spec.job is given",
        why: "Only application clusters take turns: the jobs of a session would not move",
        fix: "set template.spec.job",
        since: "0.1",
        check: Check::BlueGreen(template_has_a_job),
    },
];

fn child_names_are_valid(subject: &BlueGreen<'_>, findings: &mut Findings<'_>) {
    let child = format!("{}{LONGEST_SUFFIX}", subject.name);
    let problem = if subject.name.is_empty() {
        Some("is empty")
    } else {
        name::problem(&child)
    };
    if let Some(problem) = problem {
        findings.add_value(
            "metadata.name",
            &subject.name,
            format!("the child's name \"{child}\" {problem}"),
            "choose another name, of at most 39 lower-case letters, digits and '-'",
        );
    }
}

fn template_is_given(subject: &BlueGreen<'_>, findings: &mut Findings<'_>) {
    if subject.template.is_none() {
        findings.add("spec.template.spec", "template.spec is missing");
    }
}

fn template_has_a_job(subject: &BlueGreen<'_>, findings: &mut Findings<'_>) {
    if subject
        .template
        .as_ref()
        .is_some_and(|template| template.spec.job.is_none())
    {
        findings.add("spec.template.spec.job", "the template has no job");
    }
}
