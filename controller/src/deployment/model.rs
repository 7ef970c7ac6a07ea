//! What `observe` hands to `decide`, and what `decide` hands to `apply`. Plain data: tests and simulations write it down.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use sluice_shared::api::status::FlinkJobState;
use sluice_shared::api::{FlinkDeployment, FlinkDeploymentStatus};

use super::event::EventDraft;
use super::valid::Checked;

/// Milliseconds since 1970, UTC.
pub type Millis = i64;

/// Everything that `decide` looks at.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The resource, in the newest version known.
    pub resource: &'a FlinkDeployment,
    /// Its spec, validated; or why it is refused.
    pub desired: &'a Result<Checked, Refusal>,
    /// The spec recorded in the status; absent before the first deployment.
    pub deployed: Option<&'a Result<Checked, Refusal>>,
    /// What the cluster and Flink say.
    pub observation: &'a Observation,
    /// The present.
    pub now: Millis,
    /// A job id that was never used: 32 hexadecimal digits.
    pub fresh_job_id: &'a str,
}

/// Why a spec is refused: the violated rules, one sentence each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub String);

/// What the cluster and Flink say about one resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observation {
    /// The Deployment named as the resource, whoever made it.
    pub job_manager: Option<JobManager>,
    /// Pods with the labels of the resource's JobManager.
    pub pods: Vec<JobManagerPod>,
    /// Services and ConfigMaps that belong to a running cluster and are not there.
    pub missing: Vec<String>,
    /// Whether high-availability metadata of the cluster exists.
    pub ha_metadata: bool,
    /// What Flink's REST API says.
    pub rest: Rest,
}

/// A JobManager's Deployment.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each read by its name")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobManager {
    /// Its uid.
    pub uid: String,
    /// Whether it belongs to this very resource (by uid, not by name).
    pub owned: bool,
    /// Generation of the resource that it was made from.
    pub generation: Option<i64>,
    /// Whether it is being deleted.
    pub terminating: bool,
    /// Whether it was told to run no pods.
    pub scaled_down: bool,
    /// Whether at least one pod is available.
    pub available: bool,
    /// Whether a pod was ever available.
    pub ever_available: bool,
    /// Why its pods cannot be created: message of the condition `ReplicaFailure`.
    pub replica_failure: Option<String>,
}

/// A JobManager's pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobManagerPod {
    /// Its name.
    pub name: String,
    /// The node it is bound to.
    pub node: Option<String>,
    /// Whether a process of it may still run: neither succeeded nor failed. A pod being deleted is alive until it is gone.
    pub alive: bool,
    /// Since when it is being deleted.
    pub terminating_since: Option<Millis>,
    /// Whether the main container runs.
    pub running: bool,
    /// Since when it has been ready.
    pub ready_since: Option<Millis>,
    /// Why it cannot start.
    pub trouble: Option<Trouble>,
    /// Why no node takes it.
    pub unschedulable: Option<String>,
}

/// Why a JobManager cannot start, in Kubernetes' words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Kubernetes' reason: `ImagePullBackOff`, `CrashLoopBackOff`, `FailedCreate`, ...
    pub reason: String,
    /// What happened, for people.
    pub message: String,
}

/// What Flink's REST API says.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Rest {
    /// There is nobody to ask.
    #[default]
    NotAsked,
    /// No answer, or none that can be read.
    Failed(String),
    /// An answer.
    Answered(Box<FlinkView>),
}

/// Flink's answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FlinkView {
    /// All jobs.
    pub jobs: Vec<JobOverview>,
    /// Version and revision of Flink; only asked while the status lacks them.
    pub version: Option<FlinkBuild>,
    /// Number of registered TaskManagers; only asked while the job runs.
    pub task_managers: Option<i64>,
    /// Why the job failed; only asked when it did.
    pub failure: Option<String>,
    /// Exceptions of the job that no event tells of yet.
    pub exceptions: Vec<JobException>,
    /// The job's checkpoints; only asked now and then while it runs, and once after it ended.
    pub checkpoints: Option<Checkpoints>,
}

/// What Flink says of a job's newest checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoints {
    /// Bytes of state in the newest completed checkpoint of this run.
    pub state_size: Option<u64>,
    /// The newest state that the job can be restored from.
    pub newest: NewestState,
}

/// The newest state that a job can be restored from: a checkpoint, a savepoint, or what it was restored from itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NewestState {
    /// Flink keeps no count of it: checkpointing is off.
    #[default]
    Unknown,
    /// There is none.
    Absent,
    /// At this path.
    At(String),
    /// It was only in the JobManager's memory.
    NotKept,
}

/// One entry of a job's exception history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobException {
    /// When it happened.
    pub timestamp: Millis,
    /// The exception with its stack.
    pub stacktrace: String,
    /// The task that threw it.
    pub task_name: Option<String>,
    /// Host and port of the TaskManager.
    pub endpoint: Option<String>,
    /// Id of the TaskManager.
    pub task_manager_id: Option<String>,
    /// What Flink's failure enrichers say of it.
    pub labels: BTreeMap<String, String>,
}

/// Version of a running Flink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlinkBuild {
    /// `flink-version`.
    pub version: String,
    /// `flink-revision`.
    pub revision: String,
}

/// One job of `/jobs/overview`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOverview {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Name of the job.
    pub name: String,
    /// State; `RUNNING` only when every task runs or is finished, `CREATED` before.
    pub state: FlinkJobState,
    /// When the job started.
    pub start_time: Millis,
}

/// What to do with the finalizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FinalizerChange {
    /// Nothing.
    #[default]
    Keep,
    /// Set it, before anything else happens.
    Add,
    /// Take it away, after everything else.
    Remove,
}

/// Which of the two validated specs a cluster is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The resource's own spec.
    Desired,
    /// The spec recorded in the status.
    Deployed,
}

/// How to start a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The spec.
    pub source: Source,
    /// Generation to note on the Deployment.
    pub generation: i64,
    /// Id of the job.
    pub job_id: String,
    /// Where its state comes from.
    pub restore_from: RestoreFrom,
}

/// Where a job's state comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreFrom {
    /// No state. With high availability on, a job that is started again under the same id finds its own checkpoints.
    Nothing,
    /// A savepoint or retained checkpoint.
    Savepoint(String),
    /// The latest checkpoint in the high-availability metadata; a start that finds none fails.
    HighAvailability,
}

/// One side effect. Each can be repeated: what is done already is found done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask Flink to cancel the job. Failure is no obstacle: the cluster is deleted next.
    CancelJob {
        /// The job.
        job_id: String,
    },
    /// Tell the JobManager's Deployment of this uid, and no other, to run no pods.
    ScaleDownJobManager {
        /// The Deployment.
        uid: String,
    },
    /// Delete the JobManager's Deployment of this uid, and no other, together with all that it owns.
    DeleteJobManager {
        /// The Deployment.
        uid: String,
    },
    /// Delete the ConfigMaps that Flink keeps for high availability.
    DeleteHaMetadata,
    /// Create the cluster, once the API server itself confirms that no JobManager is left.
    CreateCluster(Launch),
    /// Put back what is missing beside an existing JobManager Deployment.
    CompleteCluster {
        /// The Deployment that owns the rest.
        uid: String,
        /// How it was started.
        launch: Launch,
    },
}

/// As the log says it.
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CancelJob { job_id } => write!(f, "cancelling job {job_id}"),
            Self::ScaleDownJobManager { .. } => f.write_str("stopping the JobManager's pods"),
            Self::DeleteJobManager { .. } => f.write_str("deleting the JobManager Deployment"),
            Self::DeleteHaMetadata => f.write_str("deleting the HA ConfigMaps"),
            Self::CreateCluster(launch) => write!(f, "creating the cluster for {launch}"),
            Self::CompleteCluster { launch, .. } => {
                write!(f, "putting back what is missing of the cluster for {launch}")
            }
        }
    }
}

impl fmt::Display for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {} of generation {}, ", self.job_id, self.generation)?;
        match &self.restore_from {
            RestoreFrom::Nothing => f.write_str("without state"),
            RestoreFrom::Savepoint(path) => write!(f, "from {path}"),
            RestoreFrom::HighAvailability => f.write_str("from its latest checkpoint"),
        }
    }
}

/// What shall happen: first the status, then the actions in order, then the events.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The status as it shall be before the first action.
    pub status: FlinkDeploymentStatus,
    /// The finalizer.
    pub finalizer: FinalizerChange,
    /// Side effects, in order.
    pub actions: Vec<Action>,
    /// Events.
    pub events: Vec<EventDraft>,
    /// When to look again although no watch says so; never where absent.
    pub requeue: Option<Duration>,
}
