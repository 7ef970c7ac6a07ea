//! `FlinkStateSnapshot`.

use super::report::Findings;
use super::subject::Snapshot;
use super::table::{Cause, Check, Rule, SNAPSHOTS, Severity};
use crate::api::FlinkStateSnapshotSpec;
use crate::api::snapshot::SnapshotState;
use crate::api::status::SavepointFormat;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "snapshot-kind",
        kinds: SNAPSHOTS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "Exactly one of savepoint and checkpoint is given",
        why: "A snapshot is one or the other",
        fix: "set either savepoint: {} or checkpoint: {}",
        since: "0.1",
        check: Check::Snapshot(exactly_one_kind_is_given),
    },
    Rule {
        code: "snapshot-reference-missing",
        kinds: SNAPSHOTS,
        severity: Severity::Refuse(Cause::Required),
        what: "jobReference names kind and name of the job, unless savepoint.alreadyExists is true",
        why: "The snapshot is taken of that job",
        fix: "set jobReference.kind to FlinkDeployment or FlinkSessionJob, and jobReference.name",
        since: "0.1",
        check: Check::Snapshot(reference_is_given),
    },
    Rule {
        code: "snapshot-target-missing",
        kinds: SNAPSHOTS,
        severity: Severity::Refuse(Cause::NotFound),
        what: "The resource that jobReference names exists when the snapshot is created",
        why: "There is nothing to take a snapshot of otherwise",
        fix: "name a FlinkDeployment or FlinkSessionJob in the snapshot's own namespace",
        since: "0.1",
        check: Check::Snapshot(target_exists),
    },
    Rule {
        code: "snapshot-immutable",
        kinds: SNAPSHOTS,
        severity: Severity::Refuse(Cause::Forbidden),
        what: "The spec of a snapshot stays what it was, but for backoffLimit and savepoint.disposeOnDelete",
        why: "A snapshot is taken once; what is changed afterwards would say something else than what was done",
        fix: "create another FlinkStateSnapshot",
        since: "0.1",
        check: Check::Snapshot(spec_stays),
    },
    Rule {
        code: "snapshot-path-missing",
        kinds: SNAPSHOTS,
        severity: Severity::Refuse(Cause::Required),
        what: "savepoint.path is given where savepoint.alreadyExists is true",
        why: "It is all that is known of the savepoint",
        fix: "set savepoint.path to the savepoint, such as s3://bucket/savepoints/savepoint-1a2b3c",
        since: "0.1",
        check: Check::Snapshot(existing_savepoint_has_path),
    },
    Rule {
        code: "snapshot-backoff-invalid",
        kinds: SNAPSHOTS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "backoffLimit is -1 (retry for ever) or more",
        why: "No other negative number has a meaning",
        fix: "write -1, 0 or a number of retries",
        since: "0.1",
        check: Check::Snapshot(backoff_is_valid),
    },
];

fn exactly_one_kind_is_given(subject: &Snapshot<'_>, findings: &mut Findings<'_>) {
    let message = match (&subject.spec().savepoint, &subject.spec().checkpoint) {
        (None, None) => "neither savepoint nor checkpoint is given",
        (Some(_), Some(_)) => "both savepoint and checkpoint are given",
        _ => return,
    };
    findings.add("spec", message);
}

/// Whether there is a savepoint already, so that no job is needed.
fn already_exists(subject: &Snapshot<'_>) -> bool {
    subject
        .spec()
        .savepoint
        .as_ref()
        .is_some_and(|savepoint| savepoint.already_exists == Some(true))
}

fn reference_is_given(subject: &Snapshot<'_>, findings: &mut Findings<'_>) {
    if already_exists(subject) {
        return;
    }
    let Some(reference) = &subject.spec().job_reference else {
        findings.add("spec.jobReference", "jobReference is missing");
        return;
    };
    if reference.kind.is_none() {
        findings.add("spec.jobReference.kind", "jobReference has no kind");
    }
    if reference.name.as_deref().is_none_or(|name| name.trim().is_empty()) {
        findings.add("spec.jobReference.name", "jobReference has no name");
    }
}

fn target_exists(subject: &Snapshot<'_>, findings: &mut Findings<'_>) {
    let state = subject.object.status.as_ref().and_then(|status| status.state);
    let begun = state.is_some_and(|state| state != SnapshotState::TriggerPending);
    if already_exists(subject) || begun || subject.target_exists != Some(false) {
        return;
    }
    if let Some(reference) = &subject.spec().job_reference {
        let kind = reference.kind.map_or("resource", |kind| kind.as_str());
        let name = reference.name.as_deref().unwrap_or_default();
        findings.add_value(
            "spec.jobReference.name",
            name,
            format!("there is no {kind} \"{name}\" in namespace {}", subject.namespace),
            "name a FlinkDeployment or FlinkSessionJob in the snapshot's own namespace; if it was made a moment ago, apply the snapshot again",
        );
    }
}

/// The spec without what may be changed, as both say what becomes of the snapshot, not what it is; and without defaults,
/// which mean what their absence means.
fn lasting(spec: &FlinkStateSnapshotSpec) -> FlinkStateSnapshotSpec {
    let mut spec = spec.clone();
    spec.backoff_limit = None;
    if let Some(savepoint) = &mut spec.savepoint {
        savepoint.dispose_on_delete = None;
        savepoint.already_exists = savepoint.already_exists.filter(|exists| *exists);
        savepoint.format_type = savepoint
            .format_type
            .filter(|format| *format != SavepointFormat::Canonical);
    }
    spec
}

fn spec_stays(subject: &Snapshot<'_>, findings: &mut Findings<'_>) {
    let Some(old) = subject.old else { return };
    let (old, new) = (lasting(&old.spec), lasting(subject.spec()));
    for (path, differs) in [
        ("spec.jobReference", old.job_reference != new.job_reference),
        ("spec.savepoint", old.savepoint != new.savepoint),
        ("spec.checkpoint", old.checkpoint != new.checkpoint),
    ] {
        if differs {
            findings.add(path, "this is another snapshot than was asked for");
        }
    }
}

fn existing_savepoint_has_path(subject: &Snapshot<'_>, findings: &mut Findings<'_>) {
    let savepoint = subject.spec().savepoint.as_ref();
    if already_exists(subject)
        && savepoint
            .and_then(|s| s.path.as_deref())
            .is_none_or(|path| path.trim().is_empty())
    {
        findings.add(
            "spec.savepoint.path",
            "the savepoint exists already, but nothing says where",
        );
    }
}

fn backoff_is_valid(subject: &Snapshot<'_>, findings: &mut Findings<'_>) {
    if let Some(limit) = subject.spec().backoff_limit.filter(|limit| *limit < -1) {
        findings.add_value(
            "spec.backoffLimit",
            limit.to_string(),
            format!("{limit} is no number of retries"),
            "write -1, 0 or a number of retries",
        );
    }
}
