//! `FlinkSessionJob`: a job of a session cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::{JobStatus, LifecycleState, ReconciliationStatus};
use super::{FlinkConfiguration, JobSpec};

/// Spec of a `FlinkSessionJob`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FlinkSessionJobSpec {
    /// The job.
    pub job: Option<JobSpec>,
    /// Any new value restarts the job.
    pub restart_nonce: Option<i64>,
    /// Flink configuration of the job, flat or nested.
    pub flink_configuration: Option<FlinkConfiguration>,
    /// The `FlinkDeployment` in the same namespace that is the session cluster.
    pub deployment_name: Option<String>,
}

/// Status of a `FlinkSessionJob`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FlinkSessionJobStatus {
    /// The job, as last observed.
    pub job_status: Option<JobStatus>,
    /// What went wrong last, as JSON; absent when nothing is wrong.
    pub error: Option<String>,
    /// Generation of the spec that the status speaks of.
    pub observed_generation: Option<i64>,
    /// Where the resource stands in its life.
    pub lifecycle_state: Option<LifecycleState>,
    /// What has been deployed.
    pub reconciliation_status: Option<ReconciliationStatus>,
}
