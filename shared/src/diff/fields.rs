//! The comparison, field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::{Change, DiffKind, configuration_key};
use crate::api::{
    FlinkConfiguration, FlinkDeploymentSpec, JobManagerSpec, JobSpec, KubernetesMode, PodTemplate, TaskManagerSpec,
    without_nulls,
};
use crate::config::{FlattenError, flatten};

/// Text of a value that is absent.
pub const NULL: &str = "null";
/// Path prefix of configuration keys.
pub const CONFIGURATION_PREFIX: &str = "flinkConfiguration.";

struct Changes(Vec<Change>);

impl Changes {
    fn add<T: Serialize + ?Sized>(&mut self, path: &str, old: &T, new: &T, kind: DiffKind) {
        // Types of the API always serialise; a value that did not would count as absent on both sides.
        let old = without_nulls(serde_json::to_value(old).unwrap_or_default());
        let new = without_nulls(serde_json::to_value(new).unwrap_or_default());
        if old != new {
            self.leaves(path, &old, &new, kind);
        }
    }

    /// Names the innermost fields that differ; an object that appears or disappears is one change.
    fn leaves(&mut self, path: &str, old: &Value, new: &Value, kind: DiffKind) {
        if let (Value::Object(before), Value::Object(after)) = (old, new) {
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                let (old, new) = (
                    before.get(name).unwrap_or(&Value::Null),
                    after.get(name).unwrap_or(&Value::Null),
                );
                if old != new {
                    self.leaves(&format!("{path}.{name}"), old, new, kind);
                }
            }
        } else {
            self.0.push(Change {
                path: path.to_owned(),
                old: text(old),
                new: text(new),
                kind,
            });
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => NULL.to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(_) => "{..}".to_owned(),
        other => other.to_string(),
    }
}

/// Changes between two normalised specs. Every struct is taken apart without `..`: a new field does not compile until
/// it has its line here.
pub fn compare(
    old: &FlinkDeploymentSpec,
    new: &FlinkDeploymentSpec,
    mode: KubernetesMode,
) -> Result<Vec<Change>, FlattenError> {
    use DiffKind::Upgrade;
    let FlinkDeploymentSpec {
        job,
        restart_nonce,
        flink_configuration,
        image,
        image_pull_policy,
        service_account,
        flink_version,
        ingress,
        pod_template,
        job_manager,
        task_manager,
        log_configuration,
        mode: old_mode,
    } = old;
    let mut changes = Changes(Vec::new());
    compare_job(&mut changes, job.as_ref(), new.job.as_ref(), mode);
    compare_nonce(&mut changes, "restartNonce", *restart_nonce, new.restart_nonce, Upgrade);
    compare_configuration(
        &mut changes,
        flink_configuration.as_ref(),
        new.flink_configuration.as_ref(),
        mode,
    )?;
    changes.add("image", image, &new.image, Upgrade);
    changes.add("imagePullPolicy", image_pull_policy, &new.image_pull_policy, Upgrade);
    changes.add("serviceAccount", service_account, &new.service_account, Upgrade);
    changes.add("flinkVersion", flink_version, &new.flink_version, Upgrade);
    changes.add("ingress", ingress, &new.ingress, Upgrade);
    changes.add(
        "podTemplate",
        &pod(pod_template.as_ref()),
        &pod(new.pod_template.as_ref()),
        Upgrade,
    );
    compare_job_manager(&mut changes, job_manager.as_ref(), new.job_manager.as_ref());
    compare_task_manager(&mut changes, task_manager.as_ref(), new.task_manager.as_ref(), mode);
    changes.add("logConfiguration", log_configuration, &new.log_configuration, Upgrade);
    changes.add(
        "mode",
        old_mode.unwrap_or(KubernetesMode::Native).as_str(),
        new.mode.unwrap_or(KubernetesMode::Native).as_str(),
        Upgrade,
    );
    Ok(changes.0)
}

/// A nonce that is taken away asks for nothing.
fn compare_nonce(changes: &mut Changes, path: &str, old: Option<i64>, new: Option<i64>, kind: DiffKind) {
    changes.add(path, &old, &new, if new.is_none() { DiffKind::Ignore } else { kind });
}

/// How a change of parallelism is carried out.
fn scaling(mode: KubernetesMode) -> DiffKind {
    match mode {
        KubernetesMode::Native => DiffKind::Upgrade,
        KubernetesMode::Standalone => DiffKind::Scale,
    }
}

fn compare_job(changes: &mut Changes, old: Option<&JobSpec>, new: Option<&JobSpec>, mode: KubernetesMode) {
    use DiffKind::{Ignore, SavepointRedeploy, Upgrade};
    let (Some(old), Some(new)) = (old, new) else {
        changes.add("job", &old, &new, Upgrade);
        return;
    };
    let JobSpec {
        jar_uri,
        parallelism,
        entry_class,
        args,
        state,
        savepoint_trigger_nonce,
        initial_savepoint_path,
        checkpoint_trigger_nonce,
        upgrade_mode,
        allow_non_restored_state,
        savepoint_redeploy_nonce,
        autoscaler_reset_nonce,
    } = old;
    changes.add("job.jarURI", jar_uri, &new.jar_uri, Upgrade);
    changes.add("job.parallelism", parallelism, &new.parallelism, scaling(mode));
    changes.add("job.entryClass", entry_class, &new.entry_class, Upgrade);
    changes.add("job.args", args, &new.args, Upgrade);
    changes.add("job.state", state, &new.state, Upgrade);
    changes.add(
        "job.savepointTriggerNonce",
        savepoint_trigger_nonce,
        &new.savepoint_trigger_nonce,
        Ignore,
    );
    changes.add(
        "job.initialSavepointPath",
        initial_savepoint_path,
        &new.initial_savepoint_path,
        Ignore,
    );
    changes.add(
        "job.checkpointTriggerNonce",
        checkpoint_trigger_nonce,
        &new.checkpoint_trigger_nonce,
        Ignore,
    );
    changes.add("job.upgradeMode", upgrade_mode, &new.upgrade_mode, Ignore);
    changes.add(
        "job.allowNonRestoredState",
        allow_non_restored_state,
        &new.allow_non_restored_state,
        Ignore,
    );
    compare_nonce(
        changes,
        "job.savepointRedeployNonce",
        *savepoint_redeploy_nonce,
        new.savepoint_redeploy_nonce,
        SavepointRedeploy,
    );
    changes.add(
        "job.autoscalerResetNonce",
        autoscaler_reset_nonce,
        &new.autoscaler_reset_nonce,
        Ignore,
    );
}

fn compare_configuration(
    changes: &mut Changes,
    old: Option<&FlinkConfiguration>,
    new: Option<&FlinkConfiguration>,
    mode: KubernetesMode,
) -> Result<(), FlattenError> {
    let flat = |configuration: Option<&FlinkConfiguration>| {
        configuration.map_or_else(|| Ok(BTreeMap::default()), |configuration| flatten(&configuration.0))
    };
    let (old, new) = (flat(old)?, flat(new)?);
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for key in keys {
        let path = format!("{CONFIGURATION_PREFIX}{key}");
        changes.add(&path, &old.get(key), &new.get(key), configuration_key(key, mode));
    }
    Ok(())
}

fn compare_job_manager(changes: &mut Changes, old: Option<&JobManagerSpec>, new: Option<&JobManagerSpec>) {
    let comparable = |spec: Option<&JobManagerSpec>| {
        let JobManagerSpec {
            resource,
            resources,
            replicas,
            pod_template,
        } = spec.cloned().unwrap_or_default();
        (resource, resources, replicas.unwrap_or(1), pod(pod_template.as_ref()))
    };
    let (old, new) = (comparable(old), comparable(new));
    changes.add("jobManager.resource", &old.0, &new.0, DiffKind::Upgrade);
    changes.add("jobManager.resources", &old.1, &new.1, DiffKind::Upgrade);
    changes.add("jobManager.replicas", &old.2, &new.2, DiffKind::Upgrade);
    changes.add("jobManager.podTemplate", &old.3, &new.3, DiffKind::Upgrade);
}

fn compare_task_manager(
    changes: &mut Changes,
    old: Option<&TaskManagerSpec>,
    new: Option<&TaskManagerSpec>,
    mode: KubernetesMode,
) {
    let comparable = |spec: Option<&TaskManagerSpec>| {
        let TaskManagerSpec {
            resource,
            resources,
            replicas,
            pod_template,
        } = spec.cloned().unwrap_or_default();
        (resource, resources, replicas, pod(pod_template.as_ref()))
    };
    let (old, new) = (comparable(old), comparable(new));
    changes.add("taskManager.resource", &old.0, &new.0, DiffKind::Upgrade);
    changes.add("taskManager.resources", &old.1, &new.1, DiffKind::Upgrade);
    changes.add("taskManager.replicas", &old.2, &new.2, scaling(mode));
    changes.add("taskManager.podTemplate", &old.3, &new.3, DiffKind::Upgrade);
}

/// A pod template without what only a stored Pod has: it says nothing about the pods to be made.
fn pod(template: Option<&PodTemplate>) -> Value {
    let mut value = template.map_or(Value::Null, |template| template.0.clone());
    if let Value::Object(members) = &mut value {
        for noise in ["apiVersion", "kind", "status"] {
            members.remove(noise);
        }
    }
    value
}
