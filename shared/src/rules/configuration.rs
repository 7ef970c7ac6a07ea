//! `spec.flinkConfiguration`.

use super::options::add_unreadable;
use super::report::Findings;
use super::subject::{Deployment, SessionJob, setting};
use super::table::{CLUSTERS, Cause, Check, Rule, SESSION_JOBS, Severity};
use crate::api::FlinkVersion;
use crate::config::options::{
    HA_CLUSTER_ID, HEALTH_CHECK_ENABLED, JM_DEPLOYMENT_RECOVERY_ENABLED, KUBERNETES_CLUSTER_ID, KUBERNETES_NAMESPACE,
    ROLLBACK_ENABLED, is_ha_enabled, is_of_operator,
};
use crate::config::{FlattenError, options};

const FORBIDDEN: &str =
    "flinkConfiguration does not set kubernetes.namespace, kubernetes.cluster-id or high-availability.cluster-id";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "config-shape",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::TypeInvalid),
        what: "flinkConfiguration is a map, flat or nested, of texts, numbers, booleans and lists of these",
        why: "Nothing else has a form in Flink's configuration",
        fix: "write a map of keys to values",
        since: "0.1",
        check: Check::Deployment(configuration_is_a_map),
    },
    Rule {
        code: "job-config-shape",
        kinds: SESSION_JOBS,
        severity: Severity::Refuse(Cause::TypeInvalid),
        what: "flinkConfiguration is a map, flat or nested, of texts, numbers, booleans and lists of these",
        why: "Nothing else has a form in Flink's configuration",
        fix: "write a map of keys to values",
        since: "0.1",
        check: Check::SessionJob(job_configuration_is_a_map),
    },
    Rule {
        code: "config-forbidden",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Forbidden),
        what: FORBIDDEN,
        why: "They are set from the resource's own namespace and name",
        fix: "remove the key",
        since: "0.1",
        check: Check::Deployment(forbidden_keys_are_absent),
    },
    Rule {
        code: "job-config-forbidden",
        kinds: SESSION_JOBS,
        severity: Severity::Refuse(Cause::Forbidden),
        what: FORBIDDEN,
        why: "They say which cluster the job goes to, and deploymentName does",
        fix: "remove the key",
        since: "0.1",
        check: Check::SessionJob(job_forbidden_keys_are_absent),
    },
    Rule {
        code: "config-value",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "Values of known options have the option's type, and lie in the range that Flink takes",
        why: "Flink or the controller would fail on them later",
        fix: "write a value of the option's type and range",
        since: "0.1",
        check: Check::Deployment(values_are_readable),
    },
    Rule {
        code: "job-config-value",
        kinds: SESSION_JOBS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "Values of known options have the option's type, and lie in the range that Flink takes",
        why: "Flink or the controller would fail on them later",
        fix: "write a value of the option's type and range",
        since: "0.1",
        check: Check::SessionJob(job_values_are_readable),
    },
    Rule {
        code: "config-key-prefix",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "From Flink 2.0 on, no key is the beginning of another key",
        why: "config.yaml of Flink 2 is nested: a key cannot hold a value and further keys",
        fix: "use the key's present spelling",
        since: "0.1",
        check: Check::Deployment(keys_can_be_nested),
    },
    Rule {
        code: "rollback-needs-ha",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Forbidden),
        what: "High availability is on where kubernetes.operator.deployment.rollback.enabled is true",
        why: "A rollback restores the job from high-availability metadata",
        fix: "set high-availability.type: kubernetes and high-availability.storageDir, or turn rollback off",
        since: "0.1",
        check: Check::Deployment(rollback_has_ha),
    },
    Rule {
        code: "health-check-needs-recovery",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Forbidden),
        what: "kubernetes.operator.jm-deployment-recovery.enabled is not false where kubernetes.operator.cluster.health-check.enabled is true",
        why: "An unhealthy job is restarted by the same means as a lost JobManager",
        fix: "remove kubernetes.operator.jm-deployment-recovery.enabled: false, or turn the health check off",
        since: "0.1",
        check: Check::Deployment(health_check_has_recovery),
    },
];

fn configuration_is_a_map(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if let Err(error) = &subject.written {
        add_shape(subject.root, error, findings);
    }
}

fn job_configuration_is_a_map(subject: &SessionJob<'_>, findings: &mut Findings<'_>) {
    if let Err(error) = &subject.written {
        add_shape("spec", error, findings);
    }
}

fn add_shape(root: &str, error: &FlattenError, findings: &mut Findings<'_>) {
    let path = match error.key() {
        Some(key) => format!("{root}.flinkConfiguration[{key}]"),
        None => format!("{root}.flinkConfiguration"),
    };
    match error {
        FlattenError::NotAMap { found } => findings.add(path, format!("the configuration is {found}, not a map")),
        FlattenError::ListElement { index, found, .. } => findings.add_with_fix(
            path,
            format!("element {index} of the list is {found}"),
            "write the elements as text or as flat maps",
        ),
    }
}

fn forbidden_keys_are_absent(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    for (key, source) in [
        (KUBERNETES_NAMESPACE.key, "namespace"),
        (KUBERNETES_CLUSTER_ID.key, "name"),
        (HA_CLUSTER_ID.key, "name"),
    ] {
        if let Some(value) = subject.config.get(key) {
            let message = format!("{key} must not be set: it always follows the resource's {source}");
            let fix = if subject.written.as_ref().is_ok_and(|written| written.contains(key)) {
                "remove the key"
            } else {
                "ask your administrator to remove the key from the operator's default configuration"
            };
            findings.add_value(subject.config_path(key), value, message, fix);
        }
    }
}

fn job_forbidden_keys_are_absent(subject: &SessionJob<'_>, findings: &mut Findings<'_>) {
    let Ok(written) = &subject.written else { return };
    for key in [KUBERNETES_NAMESPACE.key, KUBERNETES_CLUSTER_ID.key, HA_CLUSTER_ID.key] {
        if let Some(value) = written.get(key) {
            findings.add_value(
                format!("spec.flinkConfiguration[{key}]"),
                value,
                format!("{key} must not be set: the job runs in the cluster that deploymentName says"),
                "remove the key",
            );
        }
    }
}

fn values_are_readable(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if let Ok(written) = &subject.written {
        add_unreadable(subject.root, written, subject.spec.flink_version, findings);
    }
}

fn job_values_are_readable(subject: &SessionJob<'_>, findings: &mut Findings<'_>) {
    if let Ok(written) = &subject.written {
        let version = subject.cluster.found().and_then(|cluster| cluster.spec.flink_version);
        add_unreadable("spec", written, version, findings);
    }
}

fn keys_can_be_nested(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if subject.spec.flink_version.is_none_or(|v| v < FlinkVersion::V2_0) {
        return;
    }
    for (key, _) in subject.config.iter().filter(|(key, _)| !is_of_operator(key)) {
        let below = format!("{key}.");
        let Some((longer, _)) = subject.config.with_prefix(&below).next() else {
            continue;
        };
        let fix = match options::canonical_key(key) {
            Some(canonical) => format!("write {canonical} instead of {key}"),
            None => "use the present spelling of one of them".to_owned(),
        };
        findings.add_with_fix(
            subject.config_path(key),
            format!("{key} cannot stand beside {below}{longer} in Flink 2's nested configuration"),
            fix,
        );
    }
}

fn rollback_has_ha(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if setting(&subject.config, &ROLLBACK_ENABLED) == Some(true) && is_ha_enabled(&subject.config) != Ok(true) {
        findings.add(
            subject.config_path(ROLLBACK_ENABLED.key),
            "rollback is on, but high availability is off",
        );
    }
}

fn health_check_has_recovery(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if setting(&subject.config, &HEALTH_CHECK_ENABLED) == Some(true)
        && setting(&subject.config, &JM_DEPLOYMENT_RECOVERY_ENABLED) == Some(false)
    {
        findings.add(
            subject.config_path(HEALTH_CHECK_ENABLED.key),
            format!(
                "the health check is on, but {} is false",
                JM_DEPLOYMENT_RECOVERY_ENABLED.key
            ),
        );
    }
}
