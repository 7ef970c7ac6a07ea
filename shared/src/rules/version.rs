//! `spec.flinkVersion`.

use super::report::Findings;
use super::subject::Deployment;
use super::table::{CLUSTERS, Cause, Check, DEPLOYMENTS, Rule, Severity};
use crate::api::{FlinkVersion, JobState, UpgradeMode};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "version-missing",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Required),
        what: "flinkVersion is given",
        why: "The names of options and the way to start a cluster depend on it",
        fix: "set flinkVersion to the version in the image, such as v1_20",
        since: "0.1",
        check: Check::Deployment(version_is_given),
    },
    Rule {
        code: "version-unsupported",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::NotSupported),
        what: "flinkVersion is v1_15 or newer",
        why: "Older versions lack what savepoints and last-state upgrades need",
        fix: "move the job to Flink 1.15 or newer",
        since: "0.1",
        check: Check::Deployment(version_is_supported),
    },
    Rule {
        code: "version-deprecated",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "flinkVersion is v1_19 or newer",
        why: "Support for older versions will end",
        fix: "plan the move to a newer Flink version",
        since: "0.1",
        check: Check::Deployment(version_is_current),
    },
    Rule {
        code: "version-change-while-suspended",
        kinds: DEPLOYMENTS,
        severity: Severity::Refuse(Cause::Forbidden),
        what: "flinkVersion stays while the job is suspended by last-state",
        why: "High-availability metadata of one Flink version cannot be read by another",
        fix: "resume the job with the old version first, then change the version",
        since: "0.1",
        check: Check::Deployment(version_stays_while_suspended),
    },
];

fn version_is_given(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if subject.spec.flink_version.is_none() {
        findings.add(subject.path("flinkVersion"), "flinkVersion is missing");
    }
}

fn version_is_supported(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if let Some(version) = subject.spec.flink_version.filter(|v| !v.is_supported()) {
        findings.add_value(
            subject.path("flinkVersion"),
            version.as_str(),
            format!(
                "Flink version {version} is not supported; the oldest supported version is {}",
                FlinkVersion::OLDEST_SUPPORTED
            ),
            "move the job to Flink 1.15 or newer",
        );
    }
}

fn version_is_current(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if let Some(version) = subject.spec.flink_version.filter(|v| v.is_deprecated()) {
        findings.add(
            subject.path("flinkVersion"),
            format!("Flink version {version} is deprecated and will not be supported much longer"),
        );
    }
}

fn version_stays_while_suspended(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let (Some(job), Some(last)) = (&subject.spec.job, &subject.reconciled) else {
        return;
    };
    let Some(last_job) = &last.job else { return };
    if job.upgrade_mode() != UpgradeMode::Stateless
        && last_job.desired_state() == JobState::Suspended
        && last_job.upgrade_mode() == UpgradeMode::LastState
        && let (Some(new), Some(old)) = (subject.spec.flink_version, last.flink_version)
        && new != old
    {
        findings.add_value(
            subject.path("flinkVersion"),
            new.as_str(),
            format!("the job is suspended by last-state under Flink {old}, so its version cannot change to {new} now"),
            format!("resume the job with {old} first, then change the version"),
        );
    }
}
