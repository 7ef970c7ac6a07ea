//! What is legal and will hurt.

use super::pod_template::{is_below, is_mounted};
use super::report::Findings;
use super::subject::{Deployment, Job, SessionJob, setting};
use super::table::{CLUSTERS, Check, JOBS, Rule, SESSION_JOBS, Severity};
use crate::api::{KubernetesMode, Quantity, ResourceRequirements, UpgradeMode};
use crate::config::options::{
    CHECKPOINT_RETENTION, CHECKPOINTS_DIRECTORY, CONTAINER_IMAGE, CONTAINER_IMAGE_PULL_POLICY, CheckpointRetention,
    EXECUTION_TARGET, HA_CLUSTER_ID, HA_STORAGE_DIR, JOB_MANAGER_PROCESS_MEMORY, JOB_MANAGER_REPLICAS,
    PARALLELISM_DEFAULT, SAVEPOINT_DIRECTORY, SERVICE_ACCOUNT, TASK_MANAGER_PROCESS_MEMORY, TASK_SLOTS, is_ha_enabled,
};
use crate::config::{ConfigOption, FlinkConfig, is_sensitive_key, parse_memory_flink_then_kubernetes};

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
        what: "Directories of checkpoints, savepoints and high availability are not in the file system of a container: they have the scheme of a store, or a volume is mounted there",
        why: "The files are lost with the pod, and no other pod can read them",
        fix: "use a store such as s3://, or mount a volume that all pods share at that path in podTemplate",
        since: "0.1",
        check: Check::Deployment(directories_outlive_pods),
    },
    Rule {
        code: "checkpoints-not-retained",
        kinds: JOBS,
        severity: Severity::Warn,
        what: "Checkpoints are retained where upgradeMode is last-state or savepoint",
        why: "When a savepoint cannot be taken, the last checkpoint is the only way back, and Flink deletes it",
        fix: "set execution.checkpointing.externalized-checkpoint-retention: RETAIN_ON_CANCELLATION, or remove the key",
        since: "0.1",
        check: Check::Job(checkpoints_are_retained),
    },
    Rule {
        code: "memory-limit-unused",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "The memory limit is not more than half as much again as the request",
        why: "Flink sizes its process by the request, so what lies above it is never used",
        fix: "set request and limit to the same amount",
        since: "0.1",
        check: Check::Deployment(limits_are_near_requests),
    },
    Rule {
        code: "slots-unused",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "A job has use for all slots of its TaskManagers",
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

fn last_state_has_ha(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let mode = subject.spec.job.as_ref().map(crate::api::JobSpec::upgrade_mode);
    if mode == Some(UpgradeMode::LastState) && is_ha_enabled(&subject.config) != Ok(true) {
        findings.add(
            subject.path("job.upgradeMode"),
            "upgradeMode is last-state, but high availability is off",
        );
    }
}

/// The path in a container that `directory` names, or `None` where it names a store.
fn local_path(directory: &str) -> Option<&str> {
    let directory = directory.trim();
    if directory.starts_with('/') {
        return Some(directory);
    }
    let (scheme, rest) = directory.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("file") {
        return None;
    }
    // file:/a, file:///a, file://localhost/a
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.find('/').map(|at| &rest[at..]),
        None => Some(rest),
    };
    path.filter(|path| path.starts_with('/'))
}

fn directories_outlive_pods(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let claims: Vec<&str> = subject
        .config
        .get("kubernetes.persistent-volume-claims")
        .into_iter()
        .flat_map(|claims| claims.split(','))
        .filter_map(|claim| Some(claim.split_once(':')?.1.trim()))
        .chain(
            subject
                .config
                .with_prefix("kubernetes.persistent-volume-claims.")
                .map(|(_, folder)| folder),
        )
        .collect();
    let mut check = |option: &ConfigOption<String>, what: &str, job_manager_only: bool| {
        let Some((key, directory)) = subject.config.written(option) else {
            return;
        };
        let Some(path) = local_path(directory) else { return };
        if claims.iter().any(|folder| is_below(path, folder)) || is_mounted(subject, path, job_manager_only) {
            return;
        }
        findings.add(
            subject.config_path(key),
            format!("{what} go to {path} in the container, where no lasting volume is mounted"),
        );
    };
    check(&CHECKPOINTS_DIRECTORY, "checkpoints", false);
    check(&SAVEPOINT_DIRECTORY, "savepoints", false);
    if is_ha_enabled(&subject.config) == Ok(true) {
        check(&HA_STORAGE_DIR, "high-availability files", true);
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
            format!("upgradeMode is {mode}, but Flink deletes the job's checkpoints when the job is cancelled"),
        );
    }
}

fn limits_are_near_requests(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let (jm, tm) = (subject.spec.job_manager.as_ref(), subject.spec.task_manager.as_ref());
    let components = [
        ("jobManager", "JobManager", jm.and_then(|jm| jm.resources.as_ref())),
        ("taskManager", "TaskManager", tm.and_then(|tm| tm.resources.as_ref())),
    ];
    for (field, name, resources) in components {
        let Some((request, limit)) = resources.and_then(memory_of) else {
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
    let text = text.trim();
    let end = key.rsplit(['.', '-']).next().unwrap_or_default().to_ascii_lowercase();
    let is_plain = text.eq_ignore_ascii_case("true")
        || text.eq_ignore_ascii_case("false")
        || crate::config::parse_duration(text).is_ok() && text.contains(' ')
        // A reference that something replaces: ${ENV}, $(ENV), {{ template }}.
        || text.starts_with("${")
        || text.starts_with("$(")
        || text.starts_with("{{");
    is_sensitive_key(key)
        && !text.is_empty()
        && !is_plain
        // These name Secrets: kubernetes.secrets, kubernetes.env.secretKeyRef.
        && (!key.starts_with("kubernetes.") || key.starts_with("kubernetes.operator.user."))
        && !HARMLESS_ENDS.contains(&end.as_str())
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
        && new.savepoint_redeploy_nonce == last.savepoint_redeploy_nonce
    {
        findings.add(
            subject.path("job.initialSavepointPath"),
            "the job runs already and will not start from this savepoint",
        );
    }
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
    #[case("s3://bucket/a", None)]
    #[case("hdfs:///a", None)]
    #[case("file:///a/b", Some("/a/b"))]
    #[case("FILE:/a", Some("/a"))]
    #[case("file://localhost/a", Some("/a"))]
    #[case("/a", Some("/a"))]
    #[case("file:a", None)]
    #[case("file://", None)]
    #[case("relative", None)]
    #[case("", None)]
    fn local_paths(#[case] directory: &str, #[case] expected: Option<&str>) {
        assert_eq!(local_path(directory), expected);
    }

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
