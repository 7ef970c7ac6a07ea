//! Status parts that several kinds share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

enumeration! {
    /// State of a job, in the words of Flink's `JobStatus`.
    pub enum FlinkJobState {
        /// Being set up.
        Initializing = "INITIALIZING",
        /// Created, not all tasks run.
        Created = "CREATED",
        /// All tasks run.
        Running = "RUNNING",
        /// About to fail.
        Failing = "FAILING",
        /// Failed for good.
        Failed = "FAILED",
        /// Being cancelled.
        Cancelling = "CANCELLING",
        /// Cancelled.
        Canceled = "CANCELED",
        /// Done.
        Finished = "FINISHED",
        /// Restarting after a failure.
        Restarting = "RESTARTING",
        /// Stopped; may be restarted from high-availability metadata.
        Suspended = "SUSPENDED",
        /// Not known at the moment.
        Reconciling = "RECONCILING",
    }
}

impl FlinkJobState {
    /// Whether the job ended and no JobManager will restart it (Flink: globally terminal).
    #[must_use]
    pub fn is_globally_terminal(self) -> bool {
        matches!(self, Self::Failed | Self::Canceled | Self::Finished)
    }
}

enumeration! {
    /// State of the JobManager's Deployment.
    pub enum JobManagerDeploymentStatus {
        /// REST answers.
        Ready = "READY",
        /// The port is open; REST may not answer yet.
        DeployedNotReady = "DEPLOYED_NOT_READY",
        /// Pods are starting.
        Deploying = "DEPLOYING",
        /// There is no Deployment.
        Missing = "MISSING",
        /// It cannot start.
        Error = "ERROR",
    }
}

enumeration! {
    /// Where a resource stands in its life.
    pub enum LifecycleState {
        /// Nothing deployed yet.
        Created = "CREATED",
        /// The job is stopped as asked.
        Suspended = "SUSPENDED",
        /// The old version is being stopped or the new one submitted.
        Upgrading = "UPGRADING",
        /// Submitted, not yet seen to run.
        Deployed = "DEPLOYED",
        /// Seen to run.
        Stable = "STABLE",
        /// Going back to the last stable spec.
        RollingBack = "ROLLING_BACK",
        /// Runs the last stable spec.
        RolledBack = "ROLLED_BACK",
        /// The job failed for good.
        Failed = "FAILED",
        /// Being deleted.
        Deleting = "DELETING",
        /// Deleted.
        Deleted = "DELETED",
    }
}

enumeration! {
    /// Where a change of the spec stands.
    pub enum ReconciliationState {
        /// The spec is deployed.
        Deployed = "DEPLOYED",
        /// The spec is being deployed.
        Upgrading = "UPGRADING",
        /// The last stable spec is being deployed again.
        RollingBack = "ROLLING_BACK",
        /// The last stable spec is deployed.
        RolledBack = "ROLLED_BACK",
    }
}

enumeration! {
    /// What made a snapshot.
    pub enum SnapshotTriggerType {
        /// A nonce or a resource of the user.
        Manual = "MANUAL",
        /// The periodic trigger.
        Periodic = "PERIODIC",
        /// An upgrade.
        Upgrade = "UPGRADE",
        /// Not known.
        Unknown = "UNKNOWN",
    }
}

enumeration! {
    /// Format of a savepoint.
    pub enum SavepointFormat {
        /// Independent of the state backend.
        Canonical = "CANONICAL",
        /// The state backend's own.
        Native = "NATIVE",
        /// Not known.
        Unknown = "UNKNOWN",
    }
}

enumeration! {
    /// Kind of a checkpoint.
    pub enum CheckpointType {
        /// All state.
        Full = "FULL",
        /// What changed.
        Incremental = "INCREMENTAL",
        /// Not known.
        Unknown = "UNKNOWN",
    }
}

/// The job, as last observed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JobStatus {
    /// Name of the job.
    pub job_name: Option<String>,
    /// Flink's id of the job, 32 hexadecimal digits.
    pub job_id: Option<String>,
    /// State of the job.
    pub state: Option<FlinkJobState>,
    /// When the job started: milliseconds since 1970, as text.
    pub start_time: Option<String>,
    /// When the state last changed: milliseconds since 1970, as text.
    pub update_time: Option<String>,
    /// Savepoint or checkpoint that the next start continues from.
    pub upgrade_savepoint_path: Option<String>,
    /// Deprecated: savepoints taken without a `FlinkStateSnapshot`.
    pub savepoint_info: Option<SavepointInfo>,
    /// Deprecated: checkpoints triggered without a `FlinkStateSnapshot`.
    pub checkpoint_info: Option<CheckpointInfo>,
}

/// Savepoints taken without a `FlinkStateSnapshot`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SavepointInfo {
    /// The newest savepoint.
    pub last_savepoint: Option<Savepoint>,
    /// Flink's id of the running trigger.
    pub trigger_id: Option<String>,
    /// When it was triggered, milliseconds since 1970.
    pub trigger_timestamp: Option<i64>,
    /// What triggered it.
    pub trigger_type: Option<SnapshotTriggerType>,
    /// Format asked for.
    pub format_type: Option<SavepointFormat>,
    /// Known savepoints, oldest first.
    pub savepoint_history: Option<Vec<Savepoint>>,
    /// When the last periodic savepoint was taken, milliseconds since 1970.
    pub last_periodic_savepoint_timestamp: Option<i64>,
}

/// One savepoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Savepoint {
    /// When it was taken, milliseconds since 1970.
    pub time_stamp: Option<i64>,
    /// Where it lies.
    pub location: Option<String>,
    /// What triggered it.
    pub trigger_type: Option<SnapshotTriggerType>,
    /// Its format.
    pub format_type: Option<SavepointFormat>,
    /// Nonce that triggered it.
    pub trigger_nonce: Option<i64>,
}

/// Checkpoints triggered without a `FlinkStateSnapshot`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckpointInfo {
    /// The newest checkpoint.
    pub last_checkpoint: Option<Checkpoint>,
    /// Flink's id of the running trigger.
    pub trigger_id: Option<String>,
    /// When it was triggered, milliseconds since 1970.
    pub trigger_timestamp: Option<i64>,
    /// What triggered it.
    pub trigger_type: Option<SnapshotTriggerType>,
    /// Kind asked for.
    pub format_type: Option<CheckpointType>,
    /// When the last periodic checkpoint was taken, milliseconds since 1970.
    pub last_periodic_checkpoint_timestamp: Option<i64>,
}

/// One checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Checkpoint {
    /// When it was taken, milliseconds since 1970.
    pub time_stamp: Option<i64>,
    /// What triggered it.
    pub trigger_type: Option<SnapshotTriggerType>,
    /// Its kind.
    pub format_type: Option<CheckpointType>,
    /// Nonce that triggered it.
    pub trigger_nonce: Option<i64>,
}

/// What has been deployed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ReconciliationStatus {
    /// When a spec was last acted on, milliseconds since 1970.
    pub reconciliation_timestamp: Option<i64>,
    /// The spec that was acted on last, in the encoding of [`super::reconciled`].
    pub last_reconciled_spec: Option<String>,
    /// The newest spec that was seen to run, in the same encoding.
    pub last_stable_spec: Option<String>,
    /// Where the change stands; upgrading where absent.
    pub state: Option<ReconciliationState>,
}

/// TaskManagers, for the scale subresource.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TaskManagerInfo {
    /// Label selector of the TaskManager pods.
    pub label_selector: Option<String>,
    /// Their number.
    pub replicas: Option<i32>,
}

/// A condition in the manner of `metav1.Condition`, with every field optional as the CRD has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// When `status` last changed (RFC 3339).
    pub last_transition_time: Option<String>,
    /// For people.
    pub message: Option<String>,
    /// Generation of the spec that the condition speaks of.
    pub observed_generation: Option<i64>,
    /// For programs: one word in upper camel case.
    pub reason: Option<String>,
    /// `True`, `False` or `Unknown`.
    pub status: Option<String>,
    /// What the condition says.
    #[serde(rename = "type")]
    pub type_: Option<String>,
}
