//! Changes that a running cluster cannot follow.

use super::report::Findings;
use super::subject::Deployment;
use super::table::{CLUSTERS, Cause, Check, DEPLOYMENTS, Rule, Severity};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "cluster-type-change",
        kinds: DEPLOYMENTS,
        severity: Severity::Refuse(Cause::Forbidden),
        what: "An application cluster does not become a session cluster, nor the other way round",
        why: "The two start in different ways and keep their jobs in different places",
        fix: "delete the resource and create it anew, or use another name",
        since: "0.1",
        check: Check::Deployment(cluster_type_stays),
    },
    Rule {
        code: "mode-change",
        kinds: DEPLOYMENTS,
        severity: Severity::Refuse(Cause::Forbidden),
        what: "mode stays what it was",
        why: "TaskManagers of one mode cannot be taken over by the other",
        fix: "delete the resource and create it anew, or use another name",
        since: "0.1",
        check: Check::Deployment(mode_stays),
    },
    Rule {
        code: "redeploy-needs-savepoint",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Required),
        what: "job.initialSavepointPath is given where job.savepointRedeployNonce changes",
        why: "The job would start empty",
        fix: "set job.initialSavepointPath to the savepoint to start from",
        since: "0.1",
        check: Check::Deployment(redeploy_has_savepoint),
    },
];

fn cluster_type_stays(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let Some(last) = &subject.reconciled else { return };
    let message = match (&last.job, &subject.spec.job) {
        (None, Some(_)) => "this is a session cluster, which cannot become an application cluster",
        (Some(_), None) => "this is an application cluster, which cannot become a session cluster",
        _ => return,
    };
    findings.add(subject.path("job"), message);
}

fn mode_stays(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let Some(last) = &subject.reconciled else { return };
    let (old, new) = (last.mode(), subject.spec.mode());
    if old != new {
        findings.add_value(
            subject.path("mode"),
            new.as_str(),
            format!("the cluster runs in {old} mode and cannot change to {new}"),
            "delete the resource and create it anew, or use another name",
        );
    }
}

fn redeploy_has_savepoint(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let old = subject.reconciled.as_ref().and_then(|last| last.job.as_ref());
    let (Some(new), Some(old)) = (&subject.spec.job, old) else {
        return;
    };
    let Some(nonce) = new.savepoint_redeploy_nonce else {
        return;
    };
    let path = new.initial_savepoint_path.as_deref().unwrap_or_default();
    if Some(nonce) != old.savepoint_redeploy_nonce && path.trim().is_empty() {
        findings.add(
            subject.path("job.initialSavepointPath"),
            format!("savepointRedeployNonce {nonce} asks for a start from a savepoint, but none is named"),
        );
    }
}
