//! State that would be lost: legal, and will hurt.

use std::time::Duration;

use super::report::Findings;
use super::storage::{self, Storage, local_path_in};
use super::subject::{Deployment, Job, SessionJob};
use super::table::{CLUSTERS, Check, JOBS, Rule, SESSION_JOBS, Severity};
use crate::api::UpgradeMode;
use crate::config::options::{
    CHECKPOINT_RETENTION, CHECKPOINTING_INTERVAL, CHECKPOINTS_DIRECTORY, CheckpointRetention, HA_STORAGE_DIR,
    PERIODIC_CHECKPOINT_INTERVAL, PERIODIC_SAVEPOINT_INTERVAL, SAVEPOINT_DIRECTORY, is_ha_enabled,
};
use crate::config::{ConfigOption, parse_duration};

const DIRECTORIES: &str = "Directories of checkpoints, savepoints and high availability outlive a pod and its node: they have the scheme of a store, or lie in a volume that all pods share";
const DIRECTORIES_WHY: &str = "The files are lost with the pod or its node, and no pod elsewhere can read them";
const DIRECTORIES_FIX: &str = "use a store such as s3://, or mount a volume that all pods share";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "last-state-without-ha",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "High availability is on where upgradeMode is last-state",
        why: "Without its metadata the last checkpoint is known only while the JobManager answers: an upgrade of a failed job has to be repaired by hand",
        fix: "set high-availability.type: kubernetes and high-availability.storageDir",
        since: "0.1",
        check: Check::Deployment(last_state_has_ha),
    },
    Rule {
        code: "node-local-dir",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: DIRECTORIES,
        why: DIRECTORIES_WHY,
        fix: DIRECTORIES_FIX,
        since: "0.1",
        check: Check::Deployment(directories_outlive_pods),
    },
    Rule {
        code: "job-node-local-dir",
        kinds: SESSION_JOBS,
        severity: Severity::Warn,
        what: DIRECTORIES,
        why: DIRECTORIES_WHY,
        fix: DIRECTORIES_FIX,
        since: "0.1",
        check: Check::SessionJob(job_directories_outlive_pods),
    },
    Rule {
        code: "checkpoints-not-retained",
        kinds: JOBS,
        severity: Severity::Warn,
        what: "Checkpoints are retained where upgradeMode is last-state or savepoint",
        why: "When a savepoint cannot be taken, the last checkpoint is the only way back, and Flink deletes it",
        fix: "set it to RETAIN_ON_CANCELLATION, or remove it",
        since: "0.1",
        check: Check::Job(checkpoints_are_retained),
    },
    Rule {
        code: "savepoint-without-checkpoints",
        kinds: JOBS,
        severity: Severity::Warn,
        what: "A streaming job takes checkpoints, or savepoints from time to time, where upgradeMode is savepoint",
        why: "A job that fails between two upgrades cannot take a savepoint any more, and would begin anew",
        fix: "set execution.checkpointing.interval",
        since: "0.1",
        check: Check::Job(savepoint_mode_has_checkpoints),
    },
    Rule {
        code: "non-restored-state-ignored",
        kinds: JOBS,
        severity: Severity::Warn,
        what: "allowNonRestoredState stands beside upgradeMode savepoint",
        why: "In last-state mode Flink restores the checkpoint by itself and does not look at it: an upgrade that drops an operator fails",
        fix: "use upgradeMode: savepoint for the change that drops state",
        since: "0.1",
        check: Check::Job(non_restored_state_is_honoured),
    },
    Rule {
        code: "initial-savepoint-ignored",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "A change of job.initialSavepointPath comes with a change of job.savepointRedeployNonce",
        why: "The path counts at the very first start and at a redeployment only",
        fix: "set job.savepointRedeployNonce to a new number to start from that savepoint",
        since: "0.1",
        check: Check::Deployment(initial_savepoint_counts),
    },
];

fn last_state_has_ha(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let mode = subject.spec.job.as_ref().map(crate::api::JobSpec::upgrade_mode);
    if mode == Some(UpgradeMode::LastState) && is_ha_enabled(&subject.config) != Ok(true) {
        findings.add(
            subject.path("job.upgradeMode"),
            "upgradeMode is last-state, but high availability is off",
        );
    }
}

/// What `directory` lacks to outlive the pods that write to it, or `None`.
fn loss(storage: Storage, path: &str) -> Option<String> {
    match storage {
        Storage::Container => Some(format!("{path} in the container, where no lasting volume is mounted")),
        Storage::Node => Some(format!("{path}, a hostPath volume, which stays on one node")),
        Storage::Lasting => None,
    }
}

fn directories_outlive_pods(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let mut check = |option: &ConfigOption<String>, what: &str, job_manager_only: bool| {
        if let Some((key, directory)) = subject.config.written(option)
            && let Some(path) = local_path_in(&subject.config, directory)
            && let Some(loss) = loss(storage::at(subject.spec, &subject.config, path, job_manager_only), path)
        {
            findings.add(subject.config_path(key), format!("{what} go to {loss}"));
        }
    };
    check(&CHECKPOINTS_DIRECTORY, "checkpoints", false);
    check(&SAVEPOINT_DIRECTORY, "savepoints", false);
    if is_ha_enabled(&subject.config) == Ok(true) {
        check(&HA_STORAGE_DIR, "high-availability files", true);
    }
}

/// Directories that the job sets itself; those of its cluster are the cluster's to mend.
fn job_directories_outlive_pods(subject: &SessionJob<'_>, findings: &mut Findings<'_>) {
    let (Some(cluster), Ok(written)) = (subject.cluster.found(), &subject.written) else {
        return;
    };
    for (option, what) in [
        (&CHECKPOINTS_DIRECTORY, "checkpoints"),
        (&SAVEPOINT_DIRECTORY, "savepoints"),
    ] {
        if let Some((key, directory)) = written.written(option)
            && let Some(path) = local_path_in(&subject.config, directory)
            && let Some(loss) = loss(storage::at(&cluster.spec, &subject.config, path, false), path)
        {
            findings.add(
                format!("spec.flinkConfiguration[{key}]"),
                format!("{what} go to {loss}"),
            );
        }
    }
}

fn checkpoints_are_retained(subject: &Job<'_>, findings: &mut Findings<'_>) {
    let mode = subject.job.upgrade_mode();
    let Ok(Some(retention)) = subject.config.value(&CHECKPOINT_RETENTION) else {
        return;
    };
    if mode != UpgradeMode::Stateless && retention != CheckpointRetention::RetainOnCancellation {
        findings.add(
            subject.config_path(CHECKPOINT_RETENTION.key),
            format!("upgradeMode is {mode}, but Flink deletes the checkpoints of a cancelled job"),
        );
    }
}

fn savepoint_mode_has_checkpoints(subject: &Job<'_>, findings: &mut Findings<'_>) {
    let is_batch = || {
        let mode = subject.config.get("execution.runtime-mode");
        mode.is_some_and(|mode| mode.trim().eq_ignore_ascii_case("batch"))
    };
    // An interval of 0 turns a schedule off.
    let is_timed = [&PERIODIC_SAVEPOINT_INTERVAL, &PERIODIC_CHECKPOINT_INTERVAL]
        .into_iter()
        .filter_map(|option| subject.config.written(option))
        .any(|(_, text)| !text.trim().is_empty() && parse_duration(text) != Ok(Duration::ZERO));
    if subject.job.upgrade_mode() == UpgradeMode::Savepoint
        && !subject.config.is_set(&CHECKPOINTING_INTERVAL)
        && !is_timed
        && !is_batch()
    {
        findings.add(
            subject.path("upgradeMode"),
            "upgradeMode is savepoint, but nothing turns checkpoints on, unless the job's code does: a failure would leave no state",
        );
    }
}

fn non_restored_state_is_honoured(subject: &Job<'_>, findings: &mut Findings<'_>) {
    if subject.job.allow_non_restored_state == Some(true) && subject.job.upgrade_mode() == UpgradeMode::LastState {
        findings.add(
            subject.path("allowNonRestoredState"),
            "allowNonRestoredState has no effect on a last-state upgrade",
        );
    }
}

fn initial_savepoint_counts(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let last = subject.reconciled.as_ref().and_then(|last| last.job.as_ref());
    let (Some(new), Some(last)) = (&subject.spec.job, last) else {
        return;
    };
    let path = new.initial_savepoint_path.as_deref().unwrap_or_default();
    if !path.trim().is_empty()
        && new.initial_savepoint_path != last.initial_savepoint_path
        // To remove the number starts nothing either.
        && (new.savepoint_redeploy_nonce.is_none() || new.savepoint_redeploy_nonce == last.savepoint_redeploy_nonce)
    {
        findings.add(
            subject.path("job.initialSavepointPath"),
            "the job runs already and will not start from this savepoint",
        );
    }
}
