//! `spec.job`.

use super::report::Findings;
use super::subject::{Job, is_given};
use super::table::{Cause, Check, JOBS, Rule, Severity};
use crate::api::UpgradeMode;
use crate::config::options::{
    CHECKPOINTS_DIRECTORY, LAST_STATE_MAX_CHECKPOINT_AGE, PERIODIC_CHECKPOINT_INTERVAL, PERIODIC_SAVEPOINT_INTERVAL,
    SAVEPOINT_DIRECTORY,
};
use crate::config::parse_duration;
use crate::config::quartz::cron_problem;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "checkpoint-dir-missing",
        kinds: JOBS,
        severity: Severity::Refuse(Cause::Required),
        what: "execution.checkpointing.dir is set where upgradeMode is last-state or savepoint",
        why: "Without it checkpoints are kept in the JobManager's memory, and the job's state is lost with the pod",
        fix: "set execution.checkpointing.dir (or state.checkpoints.dir) to a directory that all pods reach, or use upgradeMode: stateless",
        since: "0.1",
        check: Check::Job(checkpoint_directory_is_given),
    },
    Rule {
        code: "savepoint-dir-missing",
        kinds: JOBS,
        severity: Severity::Refuse(Cause::Required),
        what: "execution.checkpointing.savepoint-dir is set where upgradeMode is savepoint",
        why: "An upgrade writes a savepoint there",
        fix: SAVEPOINT_DIR_FIX,
        since: "0.1",
        check: Check::Job(savepoint_mode_has_directory),
    },
    Rule {
        code: "savepoint-trigger-needs-dir",
        kinds: JOBS,
        severity: Severity::Refuse(Cause::Required),
        what: "execution.checkpointing.savepoint-dir is set where savepointTriggerNonce is",
        why: "The savepoint is written there",
        fix: SAVEPOINT_DIR_FIX,
        since: "0.1",
        check: Check::Job(trigger_has_directory),
    },
    Rule {
        code: "periodic-savepoint-needs-dir",
        kinds: JOBS,
        severity: Severity::Refuse(Cause::Required),
        what: "execution.checkpointing.savepoint-dir is set where kubernetes.operator.periodic.savepoint.interval is",
        why: "The savepoints are written there",
        fix: SAVEPOINT_DIR_FIX,
        since: "0.1",
        check: Check::Job(periodic_savepoints_have_directory),
    },
    Rule {
        code: "checkpoint-age-needs-savepoint-dir",
        kinds: JOBS,
        severity: Severity::Refuse(Cause::Required),
        what: "execution.checkpointing.savepoint-dir is set where kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age is",
        why: "Where the newest checkpoint is too old, the upgrade writes a savepoint there",
        fix: SAVEPOINT_DIR_FIX,
        since: "0.1",
        check: Check::Job(checkpoint_age_has_directory),
    },
    Rule {
        code: "parallelism-missing",
        kinds: JOBS,
        severity: Severity::Refuse(Cause::Required),
        what: "job.parallelism is above 0, unless taskManager.replicas is set",
        why: "It says how many tasks run",
        fix: "set job.parallelism to 1 or more",
        since: "0.1",
        check: Check::Job(parallelism_is_positive),
    },
    Rule {
        code: "schedule-unreadable",
        kinds: JOBS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "kubernetes.operator.periodic.savepoint.interval and periodic.checkpoint.interval are durations or Quartz cron expressions",
        why: "Nothing would ever be taken",
        fix: SCHEDULE_FIX,
        since: "0.1",
        check: Check::Job(schedules_are_readable),
    },
];

const SCHEDULE_FIX: &str = "write a duration such as \"6 h\", or a cron expression such as \"0 0 */6 * * ?\"";

const SAVEPOINT_DIR_FIX: &str =
    "set execution.checkpointing.savepoint-dir (or state.savepoints.dir) to a directory that all pods reach";

fn checkpoint_directory_is_given(subject: &Job<'_>, findings: &mut Findings<'_>) {
    let mode = subject.job.upgrade_mode();
    if mode != UpgradeMode::Stateless && !is_given(subject.config, &CHECKPOINTS_DIRECTORY) {
        findings.add(
            subject.config_path(CHECKPOINTS_DIRECTORY.key),
            format!("upgradeMode is {mode}, but there is no checkpoint directory"),
        );
    }
}

/// Whether a savepoint cannot be written for want of a directory.
fn lacks_savepoint_directory(subject: &Job<'_>) -> bool {
    !is_given(subject.config, &SAVEPOINT_DIRECTORY)
}

fn savepoint_mode_has_directory(subject: &Job<'_>, findings: &mut Findings<'_>) {
    if subject.job.upgrade_mode() == UpgradeMode::Savepoint && lacks_savepoint_directory(subject) {
        findings.add(
            subject.config_path(SAVEPOINT_DIRECTORY.key),
            "upgradeMode is savepoint, but there is no savepoint directory",
        );
    }
}

fn trigger_has_directory(subject: &Job<'_>, findings: &mut Findings<'_>) {
    if subject.job.savepoint_trigger_nonce.is_some() && lacks_savepoint_directory(subject) {
        findings.add(
            subject.path("savepointTriggerNonce"),
            "a savepoint is asked for, but there is no savepoint directory",
        );
    }
}

fn periodic_savepoints_have_directory(subject: &Job<'_>, findings: &mut Findings<'_>) {
    if subject.config.is_set(&PERIODIC_SAVEPOINT_INTERVAL) && lacks_savepoint_directory(subject) {
        findings.add(
            subject.config_path(PERIODIC_SAVEPOINT_INTERVAL.key),
            "periodic savepoints are asked for, but there is no savepoint directory",
        );
    }
}

fn checkpoint_age_has_directory(subject: &Job<'_>, findings: &mut Findings<'_>) {
    if subject.config.is_set(&LAST_STATE_MAX_CHECKPOINT_AGE) && lacks_savepoint_directory(subject) {
        findings.add(
            subject.config_path(LAST_STATE_MAX_CHECKPOINT_AGE.key),
            "a greatest age of checkpoints is set, but there is no savepoint directory",
        );
    }
}

fn parallelism_is_positive(subject: &Job<'_>, findings: &mut Findings<'_>) {
    if subject.task_manager_replicas.is_some() {
        return;
    }
    match subject.job.parallelism {
        None => findings.add(subject.path("parallelism"), "the job has no parallelism"),
        Some(parallelism) if parallelism < 1 => findings.add_value(
            subject.path("parallelism"),
            parallelism.to_string(),
            format!("the job's parallelism is {parallelism}"),
            "set job.parallelism to 1 or more",
        ),
        Some(_) => {}
    }
}

fn schedules_are_readable(subject: &Job<'_>, findings: &mut Findings<'_>) {
    for option in [&PERIODIC_SAVEPOINT_INTERVAL, &PERIODIC_CHECKPOINT_INTERVAL] {
        let Some((key, text)) = subject.config.written(option) else {
            continue;
        };
        if text.trim().is_empty() || parse_duration(text).is_ok() {
            continue;
        }
        if let Some(problem) = cron_problem(text) {
            findings.add_value(
                subject.config_path(key),
                text,
                format!("\"{text}\" is no duration, and as a cron expression {problem}"),
                SCHEDULE_FIX,
            );
        }
    }
}
