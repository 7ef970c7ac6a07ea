//! `spec.job`: what runs, and how it moves from one spec to the next.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

enumeration! {
    /// Whether the job shall run.
    pub enum JobState {
        /// The job runs.
        Running = "running",
        /// The job is stopped; how its state is kept depends on the upgrade mode.
        Suspended = "suspended",
    }
}

enumeration! {
    /// How a job gets from one spec to the next.
    pub enum UpgradeMode {
        /// Stop with a savepoint, start from it.
        Savepoint = "savepoint",
        /// Start from the latest checkpoint, found through the high-availability metadata or asked of the job.
        LastState = "last-state",
        /// Start empty.
        Stateless = "stateless",
    }
}

/// The job of an application cluster, or of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct JobSpec {
    /// Where the job's jar lies: `local://` for one in the image.
    #[serde(rename = "jarURI")]
    pub jar_uri: Option<String>,
    /// Parallelism; `taskManager.replicas` overrides it.
    pub parallelism: Option<i32>,
    /// Main class; the jar's manifest names it otherwise.
    #[serde(rename = "entryClass")]
    pub entry_class: Option<String>,
    /// Arguments of the main class.
    pub args: Option<Vec<String>>,
    /// Desired state; running where absent.
    pub state: Option<JobState>,
    /// Deprecated: a new value takes a savepoint. Use a `FlinkStateSnapshot`.
    #[serde(rename = "savepointTriggerNonce")]
    pub savepoint_trigger_nonce: Option<i64>,
    /// Savepoint or checkpoint of the very first start, or of a redeployment.
    #[serde(rename = "initialSavepointPath")]
    pub initial_savepoint_path: Option<String>,
    /// Deprecated: a new value takes a checkpoint. Use a `FlinkStateSnapshot`.
    #[serde(rename = "checkpointTriggerNonce")]
    pub checkpoint_trigger_nonce: Option<i64>,
    /// Stateless where absent.
    #[serde(rename = "upgradeMode")]
    pub upgrade_mode: Option<UpgradeMode>,
    /// Start although some state of the savepoint fits no operator.
    #[serde(rename = "allowNonRestoredState")]
    pub allow_non_restored_state: Option<bool>,
    /// A new value redeploys the job from `initialSavepointPath`, giving up its present state.
    #[serde(rename = "savepointRedeployNonce")]
    pub savepoint_redeploy_nonce: Option<i64>,
    /// A new value makes the autoscaler forget what it learned.
    #[serde(rename = "autoscalerResetNonce")]
    pub autoscaler_reset_nonce: Option<i64>,
}

impl JobSpec {
    /// Desired state; running where absent.
    #[must_use]
    pub fn desired_state(&self) -> JobState {
        self.state.unwrap_or(JobState::Running)
    }

    /// Upgrade mode; stateless where absent.
    #[must_use]
    pub fn upgrade_mode(&self) -> UpgradeMode {
        self.upgrade_mode.unwrap_or(UpgradeMode::Stateless)
    }

    /// Parallelism; 0 where absent, which no rule lets pass unless `taskManager.replicas` is set.
    #[must_use]
    pub fn parallelism(&self) -> i32 {
        self.parallelism.unwrap_or(0)
    }

    /// The same job with the defaults written out, as the Java operator's `lastReconciledSpec` has them.
    #[must_use]
    pub fn normalized(mut self) -> Self {
        self.parallelism = Some(self.parallelism());
        self.state = Some(self.desired_state());
        self.upgrade_mode = Some(self.upgrade_mode());
        self.args.get_or_insert_default();
        self
    }
}
