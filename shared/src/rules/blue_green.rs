//! `FlinkBlueGreenDeployment`. Rules of a `FlinkDeployment` run on its template.

use std::time::Duration;

use super::name;
use super::report::Findings;
use super::subject::{BlueGreen, is_given};
use super::table::{BLUE_GREENS, Cause, Check, Rule, Severity};
use crate::api::UpgradeMode;
use crate::config::options::{
    BLUE_GREEN_ABORT_GRACE_PERIOD, BLUE_GREEN_DELETION_DELAY, BLUE_GREEN_RESCHEDULE_INTERVAL, SAVEPOINT_DIRECTORY,
};
use crate::config::{ConfigOption, OptionValue, iso_nanos, parse_duration};
use crate::nearest::nearest;

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
    Rule {
        code: "blue-green-option-value",
        kinds: BLUE_GREENS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "Values in configuration have the option's type",
        why: "The transition would fail on them",
        fix: "write a duration, such as \"10 min\"",
        since: "0.1",
        check: Check::BlueGreen(options_are_readable),
    },
    Rule {
        code: "blue-green-option-unknown",
        kinds: BLUE_GREENS,
        severity: Severity::Warn,
        what: "configuration holds options of blue/green deployments: kubernetes.operator.bluegreen.*",
        why: "Nothing else is read there; options of the children belong into template.spec.flinkConfiguration",
        fix: "move the key to template.spec.flinkConfiguration, or remove it",
        since: "0.1",
        check: Check::BlueGreen(options_are_known),
    },
    Rule {
        code: "blue-green-option-misplaced",
        kinds: BLUE_GREENS,
        severity: Severity::Warn,
        what: "Options of blue/green deployments stand in configuration, not in the template",
        why: "They are read from there only",
        fix: "move the key to spec.configuration",
        since: "0.1",
        check: Check::BlueGreen(options_are_in_their_place),
    },
    Rule {
        code: "blue-green-savepoint-dir",
        kinds: BLUE_GREENS,
        severity: Severity::Warn,
        what: "execution.checkpointing.savepoint-dir is set in the template unless upgradeMode is stateless",
        why: "A transition begins with a savepoint in every other mode, and would fail",
        fix: "set it (or state.savepoints.dir) to a directory that all pods reach",
        since: "0.1",
        check: Check::BlueGreen(transition_has_directory),
    },
];

/// Options that are read from `spec.configuration`.
const OPTIONS: [&ConfigOption<Duration>; 3] = [
    &BLUE_GREEN_ABORT_GRACE_PERIOD,
    &BLUE_GREEN_RESCHEDULE_INTERVAL,
    &BLUE_GREEN_DELETION_DELAY,
];
/// What their keys begin with.
const OPTION_PREFIX: &str = "kubernetes.operator.bluegreen.";

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

fn options_are_readable(subject: &BlueGreen<'_>, findings: &mut Findings<'_>) {
    for (key, text) in subject.spec.configuration.iter().flatten() {
        let is_option = OPTIONS.iter().any(|option| option.key == key);
        // A negative delay or interval means none.
        let is_negative = key != BLUE_GREEN_ABORT_GRACE_PERIOD.key && is_negative_duration(text.trim());
        if is_option
            && !is_negative
            && let Err(problem) = Duration::parse(text)
        {
            findings.add_value(
                format!("spec.configuration[{key}]"),
                text,
                problem,
                "write a duration, such as \"10 min\"",
            );
        }
    }
}

fn is_negative_duration(text: &str) -> bool {
    text.strip_prefix('-')
        .is_some_and(|amount| parse_duration(amount).is_ok())
        || iso_nanos(text).is_some_and(|nanos| nanos < 0)
}

fn options_are_known(subject: &BlueGreen<'_>, findings: &mut Findings<'_>) {
    for key in subject.spec.configuration.iter().flat_map(|options| options.keys()) {
        if OPTIONS.iter().any(|option| option.key == key) {
            continue;
        }
        let path = format!("spec.configuration[{key}]");
        let message = "this is no option of blue/green deployments";
        match nearest(key, OPTIONS.map(|option| option.key)) {
            Some(meant) => findings.add_with_fix(path, message, format!("write {meant} if that is meant")),
            None => findings.add(path, message),
        }
    }
}

fn options_are_in_their_place(subject: &BlueGreen<'_>, findings: &mut Findings<'_>) {
    let Some(Ok(written)) = subject.template.as_ref().map(|template| &template.written) else {
        return;
    };
    for (key, _) in written.with_prefix(OPTION_PREFIX) {
        findings.add(
            format!("spec.template.spec.flinkConfiguration[{OPTION_PREFIX}{key}]"),
            "the option is not read from here",
        );
    }
}

fn transition_has_directory(subject: &BlueGreen<'_>, findings: &mut Findings<'_>) {
    let Some(template) = &subject.template else { return };
    // In savepoint mode the directory is demanded anyway.
    if template
        .spec
        .job
        .as_ref()
        .is_some_and(|job| job.upgrade_mode() == UpgradeMode::LastState)
        && !is_given(&template.config, &SAVEPOINT_DIRECTORY)
    {
        findings.add(
            template.config_path(SAVEPOINT_DIRECTORY.key),
            "a transition begins with a savepoint, but has no directory for it",
        );
    }
}
