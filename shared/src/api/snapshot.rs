//! `FlinkStateSnapshot`: a savepoint or checkpoint.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::SavepointFormat;

/// Spec of a `FlinkStateSnapshot`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FlinkStateSnapshotSpec {
    /// The job to take it of, in the snapshot's own namespace.
    pub job_reference: Option<JobReference>,
    /// Take a savepoint. Exactly one of `savepoint` and `checkpoint` is set.
    pub savepoint: Option<SavepointSpec>,
    /// Take a checkpoint. Exactly one of `savepoint` and `checkpoint` is set.
    pub checkpoint: Option<CheckpointSpec>,
    /// Retries before the snapshot fails; -1, the value where absent, retries for ever.
    pub backoff_limit: Option<i32>,
}

enumeration! {
    /// Kind of the job's resource.
    pub enum JobKind {
        /// An application cluster.
        FlinkDeployment = "FlinkDeployment",
        /// A job of a session cluster.
        FlinkSessionJob = "FlinkSessionJob",
    }
}

/// Names the job of a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct JobReference {
    /// Kind of the resource.
    pub kind: Option<JobKind>,
    /// Name of the resource.
    pub name: Option<String>,
}

/// A savepoint to take, or one that exists already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SavepointSpec {
    /// Directory to write to; the job's savepoint directory where absent. With `alreadyExists` the savepoint itself.
    pub path: Option<String>,
    /// Canonical where absent.
    pub format_type: Option<SavepointFormat>,
    /// Delete the savepoint with the resource; true where absent.
    pub dispose_on_delete: Option<bool>,
    /// The savepoint exists; nothing is taken. False where absent.
    pub already_exists: Option<bool>,
}

/// A checkpoint to take. It has no settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointSpec {}

enumeration! {
    /// Where a snapshot stands.
    pub enum SnapshotState {
        /// Done; `path` tells where.
        Completed = "COMPLETED",
        /// Given up after the last retry, or waiting for the next one.
        Failed = "FAILED",
        /// Flink is taking it.
        InProgress = "IN_PROGRESS",
        /// Not begun.
        TriggerPending = "TRIGGER_PENDING",
        /// Its job is gone or stopped running.
        Abandoned = "ABANDONED",
    }
}

/// Status of a `FlinkStateSnapshot`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FlinkStateSnapshotStatus {
    /// Trigger pending where absent.
    pub state: Option<SnapshotState>,
    /// Flink's id of the operation.
    pub trigger_id: Option<String>,
    /// When it was triggered (RFC 3339).
    pub trigger_timestamp: Option<String>,
    /// When it ended (RFC 3339).
    pub result_timestamp: Option<String>,
    /// Where the snapshot lies.
    pub path: Option<String>,
    /// Why it failed, as JSON.
    pub error: Option<String>,
    /// Failed attempts so far.
    pub failures: Option<i32>,
}
