//! `FlinkDeployment`: an application or session cluster.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::{
    Condition, JobManagerDeploymentStatus, JobStatus, LifecycleState, ReconciliationStatus, TaskManagerInfo,
};
use super::{FlinkConfiguration, FlinkVersion, IngressSpec, JobSpec, PodTemplate, Resource, ResourceRequirements};

enumeration! {
    /// Who creates `TaskManager` pods.
    pub enum KubernetesMode {
        /// Flink's own resource manager does, as the job needs them.
        Native = "native",
        /// A Deployment with a fixed number of replicas.
        Standalone = "standalone",
    }
}

/// Spec of a `FlinkDeployment`.
// The order of the fields is the order in lastReconciledSpec.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FlinkDeploymentSpec {
    /// The job of an application cluster; absent for a session cluster.
    pub job: Option<JobSpec>,
    /// Any new value restarts the cluster.
    pub restart_nonce: Option<i64>,
    /// Flink configuration, flat or nested.
    pub flink_configuration: Option<FlinkConfiguration>,
    /// Image of JobManager and TaskManager.
    pub image: Option<String>,
    /// Pull policy of the image.
    pub image_pull_policy: Option<String>,
    /// Service account of the Flink pods.
    pub service_account: Option<String>,
    /// Flink version that the image holds.
    pub flink_version: Option<FlinkVersion>,
    /// Ingress to the REST port; none where absent.
    pub ingress: Option<IngressSpec>,
    /// Common base of the JobManager's and the TaskManager's pod template.
    pub pod_template: Option<PodTemplate>,
    /// The JobManager.
    pub job_manager: Option<JobManagerSpec>,
    /// The TaskManagers.
    pub task_manager: Option<TaskManagerSpec>,
    /// Logging files by name: `log4j-console.properties`, `logback-console.xml`.
    pub log_configuration: Option<BTreeMap<String, String>>,
    /// Native where absent.
    pub mode: Option<KubernetesMode>,
}

impl FlinkDeploymentSpec {
    /// Deployment mode; native where absent.
    #[must_use]
    pub fn mode(&self) -> KubernetesMode {
        self.mode.unwrap_or(KubernetesMode::Native)
    }

    /// The same spec with the defaults written out, as the Java operator's `lastReconciledSpec` has them.
    #[must_use]
    pub fn normalized(mut self) -> Self {
        self.job = self.job.map(JobSpec::normalized);
        if self.flink_configuration.as_ref().is_none_or(|c| c.0.is_null()) {
            self.flink_configuration = Some(FlinkConfiguration(serde_json::Value::Object(serde_json::Map::new())));
        }
        if let Some(job_manager) = &mut self.job_manager {
            job_manager.replicas = Some(job_manager.replicas());
        }
        self
    }
}

/// Spec of the JobManager.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JobManagerSpec {
    /// Amounts in the short form.
    pub resource: Option<Resource>,
    /// Amounts in Kubernetes' form; wins where not empty.
    pub resources: Option<ResourceRequirements>,
    /// Number of JobManagers; 1 where absent. More need high availability.
    pub replicas: Option<i32>,
    /// Pod template, merged over the common one.
    pub pod_template: Option<PodTemplate>,
}

impl JobManagerSpec {
    /// Number of JobManagers; 1 where absent.
    #[must_use]
    pub fn replicas(&self) -> i32 {
        self.replicas.unwrap_or(1)
    }
}

/// Spec of the TaskManagers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskManagerSpec {
    /// Amounts in the short form.
    pub resource: Option<Resource>,
    /// Amounts in Kubernetes' form; wins where not empty.
    pub resources: Option<ResourceRequirements>,
    /// Number of TaskManagers; overrides `job.parallelism` (parallelism = replicas x slots).
    pub replicas: Option<i32>,
    /// Pod template, merged over the common one.
    pub pod_template: Option<PodTemplate>,
}

/// Status of a `FlinkDeployment`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FlinkDeploymentStatus {
    /// The job, as last observed.
    pub job_status: Option<JobStatus>,
    /// What went wrong last, as JSON `{type, message, ...}`; absent when nothing is wrong.
    pub error: Option<String>,
    /// Generation of the spec that the status speaks of.
    pub observed_generation: Option<i64>,
    /// Where the resource stands in its life.
    pub lifecycle_state: Option<LifecycleState>,
    /// Facts about the running cluster: `flink-version`, `flink-revision`, `total-cpu`, `total-memory` (bytes), `state-size`.
    pub cluster_info: Option<BTreeMap<String, String>>,
    /// State of the JobManager's Deployment; missing where absent.
    pub job_manager_deployment_status: Option<JobManagerDeploymentStatus>,
    /// What has been deployed.
    pub reconciliation_status: Option<ReconciliationStatus>,
    /// TaskManagers, for the scale subresource.
    pub task_manager: Option<TaskManagerInfo>,
    /// Conditions: `Running`, and the standard `Ready`, `Reconciling`, `Stalled`.
    pub conditions: Option<Vec<Condition>>,
}
