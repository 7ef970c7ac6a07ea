//! `spec.serviceAccount`.

use super::report::Findings;
use super::subject::Deployment;
use super::table::{CLUSTERS, Cause, Check, Rule, Severity};

pub(super) const RULES: &[Rule] = &[Rule {
    code: "service-account-missing",
    kinds: CLUSTERS,
    severity: Severity::Refuse(Cause::Required),
    what: "serviceAccount is given",
    why: "The JobManager creates TaskManager pods and ConfigMaps under it",
    fix: "set serviceAccount to the account that the chart creates (jobServiceAccount.name, \"flink\" unless changed)",
    since: "0.1",
    check: Check::Deployment(service_account_is_given),
}];

fn service_account_is_given(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if subject.spec.service_account.is_none() {
        findings.add(subject.path("serviceAccount"), "serviceAccount is missing");
    }
}
