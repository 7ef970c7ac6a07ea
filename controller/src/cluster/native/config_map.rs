//! The ConfigMaps.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::{Value, json};

use super::parameters::Parameters;
use crate::cluster::{BuildError, ClusterConfig, pod_template};

/// Key of the TaskManagers' pod template, and the file's name in the pod.
pub(super) const POD_TEMPLATE_FILE: &str = "taskmanager-pod-template.yaml";

/// Name of the ConfigMap with the configuration.
pub(super) fn config_name(cluster_id: &str) -> String {
    format!("flink-config-{cluster_id}")
}

/// Name of the ConfigMap with the TaskManagers' pod template.
pub(super) fn pod_template_name(cluster_id: &str) -> String {
    format!("pod-template-{cluster_id}")
}

/// The configuration (`FlinkConfMountDecorator`) and the pod template (`PodTemplateMountDecorator`).
pub(super) fn build(
    parameters: &Parameters,
    config: &ClusterConfig,
    file: String,
) -> Result<Vec<ConfigMap>, BuildError> {
    let mut data = config.log_files.clone();
    data.insert(parameters.version.config_file_name().to_owned(), file);
    let mut config_maps = vec![config_map(parameters, config_name(&parameters.cluster_id), data)];
    if let Some(template) = &config.task_manager_pod_template {
        let data = BTreeMap::from([(POD_TEMPLATE_FILE.to_owned(), task_manager_pod_template(template)?)]);
        config_maps.push(config_map(parameters, pod_template_name(&parameters.cluster_id), data));
    }
    Ok(config_maps)
}

fn config_map(parameters: &Parameters, name: String, data: BTreeMap<String, String>) -> ConfigMap {
    ConfigMap {
        metadata: parameters.metadata(name, BTreeMap::new()),
        data: Some(data),
        ..ConfigMap::default()
    }
}

/// The template as a Pod in YAML: what the JobManager loads when it makes a TaskManager's pod.
fn task_manager_pod_template(template: &Value) -> Result<String, BuildError> {
    pod_template::parse(template, "TaskManager")?;
    let mut pod = template.clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    serde_saphyr::to_string(&pod).map_err(|problem| BuildError::PodTemplate {
        component: "TaskManager",
        problem: problem.to_string(),
    })
}
