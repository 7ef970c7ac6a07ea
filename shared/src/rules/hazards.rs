//! What is legal and will hurt.

use super::report::Findings;
use super::subject::{Deployment, SessionJob, setting};
use super::table::{CLUSTERS, Check, Rule, SESSION_JOBS, Severity};
use crate::api::{KubernetesMode, Quantity, ResourceRequirements};
use crate::config::options::{
    AUTOSCALER_ENABLED, CONTAINER_IMAGE, CONTAINER_IMAGE_PULL_POLICY, EXECUTION_TARGET, HA_CLUSTER_ID,
    JOB_MANAGER_MEMORY_LIMIT_FACTOR, JOB_MANAGER_PROCESS_MEMORY, JOB_MANAGER_REPLICAS, PARALLELISM_DEFAULT,
    SCHEDULER_MODE, SERVICE_ACCOUNT, TASK_MANAGER_MEMORY_LIMIT_FACTOR, TASK_MANAGER_PROCESS_MEMORY, TASK_SLOTS,
};
use crate::config::{FlinkConfig, is_sensitive_key, parse_memory_flink_then_kubernetes};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "memory-limit-unused",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "The memory limit is not more than half as much again as the request, whether written or made by a limit-factor",
        why: "Flink sizes its process by the request, so what lies above it is never used",
        fix: "set request and limit to the same amount",
        since: "0.1",
        check: Check::Deployment(limits_are_near_requests),
    },
    Rule {
        code: "slots-unused",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "A job has use for all slots of its TaskManagers, unless the autoscaler or the reactive scheduler sets its parallelism",
        why: "Slots that no task runs in hold memory and CPU all the same",
        fix: "lower taskmanager.numberOfTaskSlots or taskManager.replicas, or raise job.parallelism",
        since: "0.1",
        check: Check::Deployment(slots_are_used),
    },
    Rule {
        code: "parallelism-overridden",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "In native mode job.parallelism, where given beside taskManager.replicas, is replicas times slots",
        why: "The replicas win, and the parallelism that is written is not the job's",
        fix: "remove taskManager.replicas, or job.parallelism",
        since: "0.1",
        check: Check::Deployment(parallelism_counts),
    },
    Rule {
        code: "secret-in-configuration",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "flinkConfiguration holds no secrets",
        why: "Whoever may read the resource, or the ConfigMap that is made of it, reads them",
        fix: SECRET_FIX,
        since: "0.1",
        check: Check::Deployment(configuration_has_no_secrets),
    },
    Rule {
        code: "job-secret-in-configuration",
        kinds: SESSION_JOBS,
        severity: Severity::Warn,
        what: "flinkConfiguration holds no secrets",
        why: "Whoever may read the resource reads them",
        fix: SECRET_FIX,
        since: "0.1",
        check: Check::SessionJob(job_configuration_has_no_secrets),
    },
    Rule {
        code: "config-overwritten",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "flinkConfiguration does not set what a field of the spec, or the resource itself, says",
        why: "The field wins, and the key has no effect",
        fix: "remove the key",
        since: "0.1",
        check: Check::Deployment(configuration_repeats_no_field),
    },
];

const SECRET_FIX: &str =
    "keep it in a Secret, and give it to the pods by podTemplate (env, volumes) or by kubernetes.env.secretKeyRef";
/// Ends of keys that look secret and hold none: classes, files, switches, times.
const HARMLESS_ENDS: [&str; 10] = [
    "provider",
    "providers",
    "path",
    "file",
    "type",
    "enabled",
    "interval",
    "class",
    "dir",
    "ratio",
];

fn limits_are_near_requests(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let (jm, tm) = (subject.spec.job_manager.as_ref(), subject.spec.task_manager.as_ref());
    let components = [
        (
            "jobManager",
            "JobManager",
            jm.and_then(|jm| jm.resources.as_ref()),
            &JOB_MANAGER_MEMORY_LIMIT_FACTOR,
        ),
        (
            "taskManager",
            "TaskManager",
            tm.and_then(|tm| tm.resources.as_ref()),
            &TASK_MANAGER_MEMORY_LIMIT_FACTOR,
        ),
    ];
    for (field, name, resources, factor) in components {
        let Some((request, limit)) = resources.and_then(memory_of) else {
            // What the administrator sets is not the user's to mend.
            let written = subject.written.as_ref().ok().filter(|written| written.is_set(factor));
            if let Some(times) = written
                .and_then(|written| setting(written, factor))
                .filter(|times| *times > 1.5)
            {
                findings.add_with_fix(
                    subject.config_path(factor.key),
                    format!("the {name} never uses more memory than its request, and its limit is {times} times that"),
                    "remove the key",
                );
            }
            continue;
        };
        if limit.bytes() / 3 > request.bytes() / 2 {
            findings.add(
                subject.path(&format!("{field}.resources.limits.memory")),
                format!("the {name} uses {request}, its request, and never its limit of {limit}"),
            );
        }
    }
}

/// Request and limit of memory.
fn memory_of(resources: &ResourceRequirements) -> Option<(crate::config::MemorySize, crate::config::MemorySize)> {
    let read = |Quantity(text): &Quantity| parse_memory_flink_then_kubernetes(text).ok();
    let request = resources.requests.as_ref()?.get("memory").and_then(read)?;
    let limit = resources.limits.as_ref()?.get("memory").and_then(read)?;
    Some((request, limit))
}

fn slots_are_used(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let Some(parallelism) = subject.spec.job.as_ref().and_then(|job| job.parallelism) else {
        return;
    };
    let is_reactive =
        setting(&subject.config, &SCHEDULER_MODE).is_some_and(|mode| mode.eq_ignore_ascii_case("reactive"));
    if is_reactive || setting(&subject.config, &AUTOSCALER_ENABLED) == Some(true) {
        return;
    }
    let Some(slots) = setting(&subject.config, &TASK_SLOTS).filter(|slots| *slots > 0) else {
        return;
    };
    let replicas = subject.spec.task_manager.as_ref().and_then(|tm| tm.replicas);
    let (parallelism, slots) = (i64::from(parallelism), i64::from(slots));
    match replicas.map(i64::from) {
        // In native mode the replicas make the parallelism.
        Some(replicas) if subject.spec.mode() == KubernetesMode::Standalone => {
            let all = replicas * slots;
            if parallelism > 0 && all >= parallelism + slots {
                findings.add(
                    subject.path("taskManager.replicas"),
                    format!("{replicas} TaskManagers of {slots} slots have {all}, but the job uses {parallelism}"),
                );
            }
        }
        None if parallelism > 0 && slots > parallelism => findings.add(
            subject.config_path(TASK_SLOTS.key),
            format!("a TaskManager has {slots} slots, but the job uses {parallelism}"),
        ),
        _ => {}
    }
}

fn parallelism_counts(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let parallelism = subject.spec.job.as_ref().and_then(|job| job.parallelism);
    let replicas = subject.spec.task_manager.as_ref().and_then(|tm| tm.replicas);
    let slots = setting(&subject.config, &TASK_SLOTS);
    if let (Some(parallelism), Some(replicas), Some(slots)) = (parallelism, replicas, slots)
        && subject.spec.mode() == KubernetesMode::Native
        && parallelism > 0
        && replicas > 0
        && slots > 0
        && i64::from(parallelism) != i64::from(replicas) * i64::from(slots)
    {
        findings.add(
            subject.path("job.parallelism"),
            format!(
                "{replicas} TaskManagers of {slots} slots make the parallelism {}, not {parallelism}",
                i64::from(replicas) * i64::from(slots)
            ),
        );
    }
}

fn configuration_has_no_secrets(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if let Ok(written) = &subject.written {
        add_secrets(subject.root, written, findings);
    }
}

fn job_configuration_has_no_secrets(subject: &SessionJob<'_>, findings: &mut Findings<'_>) {
    if let Ok(written) = &subject.written {
        add_secrets("spec", written, findings);
    }
}

fn add_secrets(root: &str, written: &FlinkConfig, findings: &mut Findings<'_>) {
    for (key, text) in written.iter() {
        if is_secret(key, text) {
            findings.add(
                format!("{root}.flinkConfiguration[{key}]"),
                "a secret stands here for everybody to read",
            );
        }
    }
}

/// Whether the text of `key` is a secret, rather than something about one.
fn is_secret(key: &str, text: &str) -> bool {
    if !is_sensitive_key(key) {
        return false;
    }
    let text = text.trim();
    let end = key.rsplit(['.', '-']).next().unwrap_or_default().to_ascii_lowercase();
    let is_plain = text.eq_ignore_ascii_case("true")
        || text.eq_ignore_ascii_case("false")
        || crate::config::parse_duration(text).is_ok() && text.contains(' ')
        // A reference that something replaces: ${ENV}, $(ENV), {{ template }}.
        || text.starts_with("${")
        || text.starts_with("$(")
        || text.starts_with("{{");
    !text.is_empty()
        && !is_plain
        // These name Secrets: kubernetes.secrets, kubernetes.env.secretKeyRef.
        && (!key.starts_with("kubernetes.") || key.starts_with("kubernetes.operator.user."))
        && !HARMLESS_ENDS.contains(&end.as_str())
}

fn configuration_repeats_no_field(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let Ok(written) = &subject.written else { return };
    let spec = subject.spec;
    let (jm, tm) = (spec.job_manager.as_ref(), spec.task_manager.as_ref());
    let has_text = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
    let has_memory = |resource: Option<&crate::api::Resource>, resources: Option<&ResourceRequirements>| {
        resource.is_some_and(|resource| has_text(&resource.memory))
            || resources.is_some_and(|resources| {
                [&resources.requests, &resources.limits]
                    .into_iter()
                    .any(|amounts| amounts.as_ref().is_some_and(|amounts| amounts.contains_key("memory")))
            })
    };
    let parallelism = spec.job.as_ref().and_then(|job| job.parallelism).map(|p| p.to_string());
    // `same` is what the field says, where it says it as the key would.
    let mut check = |keys: &mut dyn Iterator<Item = &'static str>, field: &str, same: Option<&str>, is_given: bool| {
        for key in keys.filter(|_| is_given) {
            if written.get(key).is_some_and(|text| Some(text) != same) {
                findings.add(
                    subject.config_path(key),
                    format!("the key has no effect: {field} is used"),
                );
            }
        }
    };
    // The canonical key is refused; it was always so, and these were not.
    check(
        &mut HA_CLUSTER_ID.aliases.iter().copied(),
        "the resource's name",
        None,
        true,
    );
    check(
        &mut CONTAINER_IMAGE.keys(),
        "spec.image",
        spec.image.as_deref(),
        has_text(&spec.image),
    );
    check(
        &mut CONTAINER_IMAGE_PULL_POLICY.keys(),
        "spec.imagePullPolicy",
        spec.image_pull_policy.as_deref(),
        has_text(&spec.image_pull_policy),
    );
    check(
        &mut SERVICE_ACCOUNT.keys(),
        "spec.serviceAccount",
        spec.service_account.as_deref(),
        has_text(&spec.service_account),
    );
    check(
        &mut JOB_MANAGER_PROCESS_MEMORY.keys(),
        "the memory of spec.jobManager",
        None,
        has_memory(
            jm.and_then(|jm| jm.resource.as_ref()),
            jm.and_then(|jm| jm.resources.as_ref()),
        ),
    );
    check(
        &mut TASK_MANAGER_PROCESS_MEMORY.keys(),
        "the memory of spec.taskManager",
        None,
        has_memory(
            tm.and_then(|tm| tm.resource.as_ref()),
            tm.and_then(|tm| tm.resources.as_ref()),
        ),
    );
    check(
        &mut JOB_MANAGER_REPLICAS.keys(),
        "spec.jobManager.replicas",
        None,
        jm.is_some_and(|jm| jm.replicas.is_some()),
    );
    check(
        &mut PARALLELISM_DEFAULT.keys(),
        "spec.job.parallelism",
        parallelism.as_deref(),
        spec.job.as_ref().is_some_and(|job| job.parallelism.is_some()),
    );
    check(&mut EXECUTION_TARGET.keys(), "the kind of the cluster", None, true);
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("s3.secret-key", "hunter2", true)]
    #[case("s3.access-key", "AKIA", true)]
    #[case("security.ssl.rest.keystore-password", "x", true)]
    #[case("kubernetes.operator.user.artifacts.http.header", "Authorization:Basic x", true)]
    #[case("s3.secret-key", "${S3_SECRET}", false)]
    #[case("s3.secret-key", "$(S3_SECRET)", false)]
    #[case("s3.secret-key", " ", false)]
    #[case("kubernetes.env.secretKeyRef", "env:A,secret:b,key:c", false)]
    #[case("kubernetes.secrets", "a:/b", false)]
    #[case("security.delegation.tokens.enabled", "true", false)]
    #[case("security.delegation.tokens.renewal.retry.backoff", "1 h", false)]
    #[case("fs.s3a.aws.credentials.provider", "com.example.Provider", false)]
    #[case("taskmanager.numberOfTaskSlots", "2", false)]
    fn secrets(#[case] key: &str, #[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_secret(key, text), expected);
    }
}
