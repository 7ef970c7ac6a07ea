//! The options that are read or set, with the spellings and defaults of Flink 1.20 and of the Java operator.
//!
//! The canonical key comes first; aliases are deprecated keys and fall-backs in the order in which Flink tries them.
//! A default is given where the absence of the option means that value.

use std::time::Duration;

use super::option::{ConfigOption, Map, OptionValue, option_enum};
use super::{ConfigError, FlinkConfig, MemorySize};
use crate::api::status::{CheckpointType, SavepointFormat};

option_enum!(
    /// Type of the REST Service (Flink's `KubernetesConfigOptions.ServiceExposedType`).
    ServiceExposedType {
        /// Reachable within the cluster.
        ClusterIp = "ClusterIP",
        /// Reachable by a port of every node.
        NodePort = "NodePort",
        /// Reachable by a load balancer.
        LoadBalancer = "LoadBalancer",
        /// Reachable within the cluster, by the pods' addresses.
        HeadlessClusterIp = "Headless_ClusterIP",
    }
);

option_enum!(
    /// Pull policy of images.
    ImagePullPolicy {
        /// Pull where the node lacks it.
        IfNotPresent = "IfNotPresent",
        /// Pull at every start.
        Always = "Always",
        /// Never pull.
        Never = "Never",
    }
);

option_enum!(
    /// What remains of a checkpoint when its job ends (Flink's `ExternalizedCheckpointRetention`).
    CheckpointRetention {
        /// Deleted when the job is cancelled.
        DeleteOnCancellation = "DELETE_ON_CANCELLATION",
        /// Kept when the job is cancelled.
        RetainOnCancellation = "RETAIN_ON_CANCELLATION",
        /// Never kept.
        None = "NO_EXTERNALIZED_CHECKPOINTS",
    }
);

option_enum!(
    /// How Deployments are deleted.
    DeletionPropagation {
        /// What they own is deleted afterwards.
        Background = "BACKGROUND",
        /// What they own is deleted first.
        Foreground = "FOREGROUND",
        /// What they own stays.
        Orphan = "ORPHAN",
    }
);

/// An option, whatever its type.
struct Known {
    key: &'static str,
    aliases: &'static [&'static str],
    /// Whether a text is of the option's type.
    check: fn(&str, &str) -> Result<(), ConfigError>,
    #[cfg(test)]
    default: Option<&'static str>,
}

fn known(key: &str) -> Option<&'static Known> {
    ALL.iter()
        .find(|option| option.key == key)
        .or_else(|| ALL.iter().find(|option| option.aliases.contains(&key)))
}

/// Whether `key` is a spelling of an option that is read here.
#[must_use]
pub fn is_known(key: &str) -> bool {
    known(key).is_some()
}

/// Whether `text` is of the type of the option `key`, in whichever spelling. Nothing is wrong with unknown keys.
///
/// # Errors
/// What is wrong, without the value where the key is sensitive.
pub fn check(key: &str, text: &str) -> Result<(), ConfigError> {
    known(key).map_or(Ok(()), |option| (option.check)(key, text))
}

/// The canonical key of the option that `key` is an older spelling of; `None` where it is canonical or unknown.
#[must_use]
pub fn canonical_key(key: &str) -> Option<&'static str> {
    known(key)
        .map(|option| option.key)
        .filter(|canonical| *canonical != key)
}

fn check_type<T: OptionValue>(key: &str, text: &str) -> Result<(), ConfigError> {
    T::parse(text)
        .map(|_| ())
        .map_err(|problem| ConfigError::new::<T>(key, problem))
}

macro_rules! options {
    ($($(#[$meta:meta])* $name:ident: $type:ty = $key:literal $([$($alias:literal),*])? $(= $default:literal)?;)+) => {
        $(
            $(#[$meta])*
            pub const $name: ConfigOption<$type> =
                ConfigOption::new($key, &[$($($alias),*)?], options!(@default $($default)?));
        )+

        const ALL: &[Known] = &[$(Known {
            key: $name.key,
            aliases: $name.aliases,
            check: check_type::<$type>,
            #[cfg(test)]
            default: $name.default,
        }),+];
    };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
}

options! {
    // Checkpoints and savepoints (Flink's CheckpointingOptions).
    /// Directory of checkpoints.
    CHECKPOINTS_DIRECTORY: String = "execution.checkpointing.dir" ["state.checkpoints.dir", "state.backend.fs.checkpointdir"];
    /// Directory of savepoints.
    SAVEPOINT_DIRECTORY: String = "execution.checkpointing.savepoint-dir" ["state.savepoints.dir", "savepoints.state.backend.fs.dir"];
    /// Completed checkpoints that are kept.
    RETAINED_CHECKPOINTS: i32 = "execution.checkpointing.num-retained" ["state.checkpoints.num-retained"] = "1";
    /// Time after which a checkpoint, or a stop with savepoint, is given up.
    CHECKPOINTING_TIMEOUT: Duration = "execution.checkpointing.timeout" = "10 min";
    /// Time between checkpoints; off where absent.
    CHECKPOINTING_INTERVAL: Duration = "execution.checkpointing.interval";
    /// Failed checkpoints in a row that a job survives.
    TOLERABLE_FAILED_CHECKPOINTS: i32 = "execution.checkpointing.tolerable-failed-checkpoints" = "0";
    /// What remains of the last checkpoint when the job ends.
    CHECKPOINT_RETENTION: CheckpointRetention = "execution.checkpointing.externalized-checkpoint-retention";
    /// Savepoint or checkpoint that the job starts from.
    SAVEPOINT_PATH: String = "execution.savepoint.path" ["execution.state-recovery.path"];
    /// Start although some state fits no operator.
    IGNORE_UNCLAIMED_STATE: bool = "execution.savepoint.ignore-unclaimed-state" ["execution.state-recovery.ignore-unclaimed-state"] = "false";

    // High availability (HighAvailabilityOptions).
    /// Kind of high availability: `NONE`, `KUBERNETES`, `ZOOKEEPER` or a factory's class name.
    HA_MODE: String = "high-availability.type" ["high-availability", "recovery.mode"] = "NONE";
    /// Directory of high-availability metadata.
    HA_STORAGE_DIR: String = "high-availability.storageDir" ["high-availability.zookeeper.storageDir", "recovery.zookeeper.storageDir"];
    /// Id under which metadata is kept. Set from the resource's name.
    HA_CLUSTER_ID: String = "high-availability.cluster-id" ["high-availability.zookeeper.path.namespace", "recovery.zookeeper.path.namespace"] = "/default";
    /// Port of the JobManager with high availability.
    HA_JOB_MANAGER_PORT: String = "high-availability.jobmanager.port" ["recovery.jobmanager.port"] = "0";
    /// ZooKeeper servers.
    HA_ZOOKEEPER_QUORUM: String = "high-availability.zookeeper.quorum" ["recovery.zookeeper.quorum"];
    /// ZooKeeper root node.
    HA_ZOOKEEPER_ROOT: String = "high-availability.zookeeper.path.root" ["recovery.zookeeper.path.root"] = "/flink";
    /// ZooKeeper node of job graphs.
    HA_ZOOKEEPER_JOBGRAPHS: String = "high-availability.zookeeper.path.jobgraphs" ["recovery.zookeeper.path.jobgraphs"] = "/jobgraphs";
    /// Where results of finished jobs are kept.
    JOB_RESULT_STORE_STORAGE_PATH: String = "job-result-store.storage-path";
    /// Delete a result once it is committed.
    JOB_RESULT_STORE_DELETE_ON_COMMIT: bool = "job-result-store.delete-on-commit" = "true";

    // Ports and addresses.
    /// Port of the REST API.
    REST_PORT: i32 = "rest.port" ["web.port"] = "8081";
    /// Ports that the REST server may bind.
    REST_BIND_PORT: String = "rest.bind-port" ["web.port", "rest.port"] = "8081";
    /// Address of the REST API.
    REST_ADDRESS: String = "rest.address" ["jobmanager.rpc.address"];
    /// TLS on the REST API.
    REST_SSL_ENABLED: bool = "security.ssl.rest.enabled" = "false";
    /// Port of the JobManager.
    JOB_MANAGER_RPC_PORT: i32 = "jobmanager.rpc.port" = "6123";
    /// Address of the JobManager.
    JOB_MANAGER_RPC_ADDRESS: String = "jobmanager.rpc.address";
    /// Ports of the blob server.
    BLOB_SERVER_PORT: String = "blob.server.port" = "0";
    /// Ports of TaskManagers.
    TASK_MANAGER_RPC_PORT: String = "taskmanager.rpc.port" = "0";

    // Execution.
    /// Where a job is submitted to.
    EXECUTION_TARGET: String = "execution.target";
    /// Parallelism of a job that says nothing else.
    PARALLELISM_DEFAULT: i32 = "parallelism.default" = "1";
    /// Parallelism by vertex id.
    PARALLELISM_OVERRIDES: Map = "pipeline.jobvertex-parallelism-overrides";
    /// Slots of a TaskManager.
    TASK_SLOTS: i32 = "taskmanager.numberOfTaskSlots" = "1";
    /// Jars of a job.
    PIPELINE_JARS: Vec<String> = "pipeline.jars";
    /// Class path of a job.
    PIPELINE_CLASSPATHS: Vec<String> = "pipeline.classpaths";
    /// Name of a job.
    PIPELINE_NAME: String = "pipeline.name";
    /// Scheduler of the JobManager.
    SCHEDULER: String = "jobmanager.scheduler" = "Default";
    /// Mode of the scheduler.
    SCHEDULER_MODE: String = "scheduler-mode";
    /// Whether the web UI can cancel jobs. Flink's own default is true; managed clusters get false.
    WEB_CANCEL_ENABLE: bool = "web.cancel.enable" = "true";
    /// Checkpoints that the REST API remembers.
    WEB_CHECKPOINTS_HISTORY: i32 = "web.checkpoints.history" ["jobmanager.web.checkpoints.history"] = "10";
    /// End the cluster when its application ends.
    SHUTDOWN_ON_APPLICATION_FINISH: bool = "execution.shutdown-on-application-finish" = "true";
    /// Show an application that failed at its start as a failed job.
    SUBMIT_FAILED_JOB_ON_APPLICATION_ERROR: bool = "execution.submit-failed-job-on-application-error" = "false";
    /// Where artifacts are kept in the container.
    ARTIFACTS_BASE_DIR: String = "user.artifacts.base-dir" = "/opt/flink/artifacts";

    // Memory (JobManagerOptions, TaskManagerOptions).
    /// Memory of the JobManager's process.
    JOB_MANAGER_PROCESS_MEMORY: MemorySize = "jobmanager.memory.process.size";
    /// Memory of the JobManager without metaspace and overhead.
    JOB_MANAGER_FLINK_MEMORY: MemorySize = "jobmanager.memory.flink.size";
    /// Heap of the JobManager.
    JOB_MANAGER_HEAP_MEMORY: MemorySize = "jobmanager.memory.heap.size";
    /// Heap of the JobManager in configurations older than Flink 1.11; in containers it means the process.
    JOB_MANAGER_LEGACY_HEAP_MEMORY: MemorySize = "jobmanager.heap.size";
    /// The same, in MiB.
    JOB_MANAGER_LEGACY_HEAP_MEMORY_MB: i32 = "jobmanager.heap.mb";
    /// Off-heap memory of the JobManager.
    JOB_MANAGER_OFF_HEAP_MEMORY: MemorySize = "jobmanager.memory.off-heap.size" = "128 mb";
    /// Metaspace of the JobManager.
    JOB_MANAGER_METASPACE: MemorySize = "jobmanager.memory.jvm-metaspace.size" = "256 mb";
    /// Least overhead of the JobManager's JVM.
    JOB_MANAGER_OVERHEAD_MIN: MemorySize = "jobmanager.memory.jvm-overhead.min" = "192 mb";
    /// Most overhead of the JobManager's JVM.
    JOB_MANAGER_OVERHEAD_MAX: MemorySize = "jobmanager.memory.jvm-overhead.max" = "1 gb";
    /// Overhead of the JobManager's JVM as a part of its process.
    JOB_MANAGER_OVERHEAD_FRACTION: f64 = "jobmanager.memory.jvm-overhead.fraction" = "0.1";
    /// Memory of a TaskManager's process.
    TASK_MANAGER_PROCESS_MEMORY: MemorySize = "taskmanager.memory.process.size";
    /// Memory of a TaskManager without metaspace and overhead.
    TASK_MANAGER_FLINK_MEMORY: MemorySize = "taskmanager.memory.flink.size";
    /// Heap of a TaskManager's tasks.
    TASK_MANAGER_TASK_HEAP: MemorySize = "taskmanager.memory.task.heap.size";
    /// Off-heap memory of a TaskManager's tasks.
    TASK_MANAGER_TASK_OFF_HEAP: MemorySize = "taskmanager.memory.task.off-heap.size" = "0 bytes";
    /// Heap of a TaskManager itself.
    TASK_MANAGER_FRAMEWORK_HEAP: MemorySize = "taskmanager.memory.framework.heap.size" = "128 mb";
    /// Off-heap memory of a TaskManager itself.
    TASK_MANAGER_FRAMEWORK_OFF_HEAP: MemorySize = "taskmanager.memory.framework.off-heap.size" = "128 mb";
    /// Managed memory.
    TASK_MANAGER_MANAGED_MEMORY: MemorySize = "taskmanager.memory.managed.size" ["taskmanager.memory.size"];
    /// Managed memory as a part of Flink's memory.
    TASK_MANAGER_MANAGED_FRACTION: f64 = "taskmanager.memory.managed.fraction" = "0.4";
    /// Least network memory.
    TASK_MANAGER_NETWORK_MIN: MemorySize = "taskmanager.memory.network.min" ["taskmanager.network.memory.min"] = "64 mb";
    /// Most network memory; no bound where absent (Flink: 2^63-1 bytes).
    TASK_MANAGER_NETWORK_MAX: MemorySize = "taskmanager.memory.network.max" ["taskmanager.network.memory.max"] = "9223372036854775807 bytes";
    /// Network memory as a part of Flink's memory.
    TASK_MANAGER_NETWORK_FRACTION: f64 = "taskmanager.memory.network.fraction" ["taskmanager.network.memory.fraction"] = "0.1";
    /// Metaspace of a TaskManager.
    TASK_MANAGER_METASPACE: MemorySize = "taskmanager.memory.jvm-metaspace.size" = "256 mb";
    /// Least overhead of a TaskManager's JVM.
    TASK_MANAGER_OVERHEAD_MIN: MemorySize = "taskmanager.memory.jvm-overhead.min" = "192 mb";
    /// Most overhead of a TaskManager's JVM.
    TASK_MANAGER_OVERHEAD_MAX: MemorySize = "taskmanager.memory.jvm-overhead.max" = "1 gb";
    /// Overhead of a TaskManager's JVM as a part of its process.
    TASK_MANAGER_OVERHEAD_FRACTION: f64 = "taskmanager.memory.jvm-overhead.fraction" = "0.1";
    /// Heap of a TaskManager in configurations older than Flink 1.10; in containers it means the process.
    TASK_MANAGER_LEGACY_HEAP_MEMORY: MemorySize = "taskmanager.heap.size";
    /// The same, in MiB.
    TASK_MANAGER_LEGACY_HEAP_MEMORY_MB: i32 = "taskmanager.heap.mb";
    /// Size of a network buffer.
    TASK_MANAGER_SEGMENT_SIZE: MemorySize = "taskmanager.memory.segment-size" = "32 kb";

    // Kubernetes (KubernetesConfigOptions).
    /// Namespace of the cluster. Set from the resource.
    KUBERNETES_NAMESPACE: String = "kubernetes.namespace" = "default";
    /// Name of the cluster. Set from the resource.
    KUBERNETES_CLUSTER_ID: String = "kubernetes.cluster-id";
    /// Image.
    CONTAINER_IMAGE: String = "kubernetes.container.image.ref" ["kubernetes.container.image"];
    /// Pull policy of the image.
    CONTAINER_IMAGE_PULL_POLICY: ImagePullPolicy = "kubernetes.container.image.pull-policy" = "IfNotPresent";
    /// Secrets for pulling the image.
    CONTAINER_IMAGE_PULL_SECRETS: Vec<String> = "kubernetes.container.image.pull-secrets";
    /// Service account of the JobManager.
    JOB_MANAGER_SERVICE_ACCOUNT: String = "kubernetes.jobmanager.service-account" ["kubernetes.service-account"] = "default";
    /// Service account of TaskManagers.
    TASK_MANAGER_SERVICE_ACCOUNT: String = "kubernetes.taskmanager.service-account" ["kubernetes.service-account"] = "default";
    /// Service account of both.
    SERVICE_ACCOUNT: String = "kubernetes.service-account" = "default";
    /// CPU cores of the JobManager.
    JOB_MANAGER_CPU: f64 = "kubernetes.jobmanager.cpu.amount" ["kubernetes.jobmanager.cpu"] = "1.0";
    /// CPU cores of a TaskManager; negative where the number of slots is meant.
    TASK_MANAGER_CPU: f64 = "kubernetes.taskmanager.cpu.amount" ["kubernetes.taskmanager.cpu"] = "-1.0";
    /// CPU limit of the JobManager as a multiple of its request.
    JOB_MANAGER_CPU_LIMIT_FACTOR: f64 = "kubernetes.jobmanager.cpu.limit-factor" = "1.0";
    /// Memory limit of the JobManager as a multiple of its request.
    JOB_MANAGER_MEMORY_LIMIT_FACTOR: f64 = "kubernetes.jobmanager.memory.limit-factor" = "1.0";
    /// CPU limit of a TaskManager as a multiple of its request.
    TASK_MANAGER_CPU_LIMIT_FACTOR: f64 = "kubernetes.taskmanager.cpu.limit-factor" = "1.0";
    /// Memory limit of a TaskManager as a multiple of its request.
    TASK_MANAGER_MEMORY_LIMIT_FACTOR: f64 = "kubernetes.taskmanager.memory.limit-factor" = "1.0";
    /// Number of JobManagers.
    JOB_MANAGER_REPLICAS: i32 = "kubernetes.jobmanager.replicas" = "1";
    /// Number of TaskManagers of a standalone cluster.
    TASK_MANAGER_REPLICAS: i32 = "kubernetes.internal.taskmanager.replicas" = "1";
    /// Labels of the JobManager.
    JOB_MANAGER_LABELS: Map = "kubernetes.jobmanager.labels";
    /// Labels of TaskManagers.
    TASK_MANAGER_LABELS: Map = "kubernetes.taskmanager.labels";
    /// Annotations of the JobManager.
    JOB_MANAGER_ANNOTATIONS: Map = "kubernetes.jobmanager.annotations";
    /// Annotations of TaskManagers.
    TASK_MANAGER_ANNOTATIONS: Map = "kubernetes.taskmanager.annotations";
    /// Node selector of the JobManager.
    JOB_MANAGER_NODE_SELECTOR: Map = "kubernetes.jobmanager.node-selector";
    /// Node selector of TaskManagers.
    TASK_MANAGER_NODE_SELECTOR: Map = "kubernetes.taskmanager.node-selector";
    /// Tolerations of the JobManager: maps of key, operator, value, effect, tolerationSeconds.
    JOB_MANAGER_TOLERATIONS: Vec<Map> = "kubernetes.jobmanager.tolerations";
    /// Tolerations of TaskManagers.
    TASK_MANAGER_TOLERATIONS: Vec<Map> = "kubernetes.taskmanager.tolerations";
    /// Owner references of the JobManager's Deployment: maps of apiVersion, kind, name, uid, blockOwnerDeletion, controller.
    JOB_MANAGER_OWNER_REFERENCE: Vec<Map> = "kubernetes.jobmanager.owner.reference";
    /// Arguments after the JobManager's command.
    JOB_MANAGER_ENTRYPOINT_ARGS: String = "kubernetes.jobmanager.entrypoint.args" = "";
    /// Arguments after a TaskManager's command.
    TASK_MANAGER_ENTRYPOINT_ARGS: String = "kubernetes.taskmanager.entrypoint.args" = "";
    /// Type of the REST Service.
    REST_SERVICE_EXPOSED_TYPE: ServiceExposedType = "kubernetes.rest-service.exposed.type" = "ClusterIP";
    /// Annotations of the REST Service.
    REST_SERVICE_ANNOTATIONS: Map = "kubernetes.rest-service.annotations";
    /// Annotations of the internal Service.
    INTERNAL_SERVICE_ANNOTATIONS: Map = "kubernetes.internal-service.annotations";
    /// Pod template of the JobManager, as a file.
    JOB_MANAGER_POD_TEMPLATE: String = "kubernetes.pod-template-file.jobmanager" ["kubernetes.pod-template-file.default", "kubernetes.pod-template-file"];
    /// Pod template of TaskManagers, as a file.
    TASK_MANAGER_POD_TEMPLATE: String = "kubernetes.pod-template-file.taskmanager" ["kubernetes.pod-template-file.default", "kubernetes.pod-template-file"];
    /// Use the node's network.
    HOST_NETWORK: bool = "kubernetes.hostnetwork.enabled" = "false";
    /// Command of the containers.
    ENTRY_PATH: String = "kubernetes.entry.path" = "/docker-entrypoint.sh";
    /// Where the configuration is mounted.
    FLINK_CONF_DIR: String = "kubernetes.flink.conf.dir" = "/opt/flink/conf";
    /// Where Flink writes its logs; the image decides where absent.
    FLINK_LOG_DIR: String = "kubernetes.flink.log.dir";
    /// Secrets to mount: name to path.
    SECRETS: Map = "kubernetes.secrets";
    /// Environment from Secrets: maps of env, secret, key.
    ENV_SECRET_KEY_REF: Vec<Map> = "kubernetes.env.secretKeyRef";
    /// ConfigMap with Hadoop's configuration.
    HADOOP_CONF_CONFIG_MAP: String = "kubernetes.hadoop.conf.config-map.name";
    /// Whether Hadoop's configuration is mounted.
    HADOOP_CONF_MOUNT_ENABLED: bool = "kubernetes.decorator.hadoop-conf-mount.enabled" = "true";
    /// Whether Kerberos' configuration is mounted.
    KERBEROS_MOUNT_ENABLED: bool = "kubernetes.decorator.kerberos-mount.enabled" = "true";

    // The operator's own: scope of a job.
    /// Go back to the last stable spec when an upgrade does not become stable in time.
    ROLLBACK_ENABLED: bool = "kubernetes.operator.deployment.rollback.enabled" = "false";
    /// Time in which an upgrade must become stable.
    READINESS_TIMEOUT: Duration = "kubernetes.operator.deployment.readiness.timeout" = "5 min";
    /// Create a lost JobManager Deployment again.
    JM_DEPLOYMENT_RECOVERY_ENABLED: bool = "kubernetes.operator.jm-deployment-recovery.enabled" ["kubernetes.operator.reconciler.jm-deployment-recovery.enabled"] = "true";
    /// Time that a JobManager is kept after its application ended.
    JM_DEPLOYMENT_SHUTDOWN_TTL: Duration = "kubernetes.operator.jm-deployment.shutdown-ttl" = "1 d";
    /// Give the JobManager a startup probe.
    JM_STARTUP_PROBE_ENABLED: bool = "kubernetes.operator.jm-deployment.startup.probe.enabled" = "true";
    /// Merge lists of pod templates by name rather than by position.
    POD_TEMPLATE_MERGE_BY_NAME: bool = "kubernetes.operator.pod-template.merge-arrays-by-name" = "false";
    /// Restart unhealthy jobs.
    HEALTH_CHECK_ENABLED: bool = "kubernetes.operator.cluster.health-check.enabled" = "false";
    /// Submit jobs again that failed for good.
    RESTART_FAILED: bool = "kubernetes.operator.job.restart.failed" = "false";
    /// Stop with a savepoint when the resource is deleted.
    SAVEPOINT_ON_DELETION: bool = "kubernetes.operator.job.savepoint-on-deletion" = "false";
    /// Drain on a stop with savepoint.
    DRAIN_ON_SAVEPOINT_DELETION: bool = "kubernetes.operator.job.drain-on-savepoint-deletion" = "false";
    /// Apply changes although a savepoint is being taken.
    IGNORE_PENDING_SAVEPOINT: bool = "kubernetes.operator.job.upgrade.ignore-pending-savepoint" = "false";
    /// Change the parallelism without a restart where possible.
    INPLACE_SCALING_ENABLED: bool = "kubernetes.operator.job.upgrade.inplace-scaling.enabled" = "true";
    /// Use last-state where a savepoint upgrade finds the job not running.
    LAST_STATE_FALLBACK_ENABLED: bool = "kubernetes.operator.job.upgrade.last-state-fallback.enabled" = "true";
    /// Age of the newest checkpoint up to which last-state is used.
    LAST_STATE_MAX_CHECKPOINT_AGE: Duration = "kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age";
    /// Cancel the job for a last-state upgrade.
    LAST_STATE_JOB_CANCEL_ENABLED: bool = "kubernetes.operator.job.upgrade.last-state.job-cancel.enabled" = "false";
    /// Use `FlinkStateSnapshot` resources.
    SNAPSHOT_RESOURCE_ENABLED: bool = "kubernetes.operator.snapshot.resource.enabled" = "true";
    /// Format of savepoints.
    SAVEPOINT_FORMAT: SavepointFormat = "kubernetes.operator.savepoint.format.type" = "CANONICAL";
    /// Kind of checkpoints that are triggered.
    CHECKPOINT_TYPE: CheckpointType = "kubernetes.operator.checkpoint.type" = "FULL";
    /// Schedule of savepoints: a duration or a cron expression.
    PERIODIC_SAVEPOINT_INTERVAL: String = "kubernetes.operator.periodic.savepoint.interval" = "";
    /// Schedule of checkpoints: a duration or a cron expression.
    PERIODIC_CHECKPOINT_INTERVAL: String = "kubernetes.operator.periodic.checkpoint.interval" = "";
    /// Hold the deletion of a session while jobs run that no resource describes.
    BLOCK_ON_UNMANAGED_JOBS: bool = "kubernetes.operator.session.deletion.block-on-unmanaged-jobs" ["kubernetes.operator.session.block-on-unmanaged-jobs"] = "true";
    /// Hold the deletion of a session while it has session jobs.
    BLOCK_ON_SESSION_JOBS: bool = "kubernetes.operator.session.deletion.block-on-session-jobs" = "true";

    // The operator's own: scope of the operator.
    /// Time between looks at a healthy resource.
    RECONCILE_INTERVAL: Duration = "kubernetes.operator.reconcile.interval" ["kubernetes.operator.reconciler.reschedule.interval"] = "60 s";
    /// Time between looks at a resource that is changing.
    PROGRESS_CHECK_INTERVAL: Duration = "kubernetes.operator.observer.progress-check.interval" = "10 s";
    /// Time that the REST API gets after its port opened.
    REST_READY_DELAY: Duration = "kubernetes.operator.observer.rest-ready.delay" = "10 s";
    /// Timeout of REST calls.
    FLINK_CLIENT_TIMEOUT: Duration = "kubernetes.operator.flink.client.timeout" ["kubernetes.operator.observer.flink.client.timeout"] = "10 s";
    /// Timeout of cancelling a job.
    FLINK_CANCEL_TIMEOUT: Duration = "kubernetes.operator.flink.client.cancel.timeout" ["kubernetes.operator.reconciler.flink.cancel.job.timeout"] = "1 min";
    /// Time in which a deleted cluster must be gone.
    RESOURCE_CLEANUP_TIMEOUT: Duration = "kubernetes.operator.resource.cleanup.timeout" ["kubernetes.operator.reconciler.flink.cluster.shutdown.timeout"] = "5 min";
    /// How Deployments are deleted.
    DELETION_PROPAGATION: DeletionPropagation = "kubernetes.operator.resource.deletion.propagation" = "FOREGROUND";
    /// Whether Ingresses are created.
    MANAGE_INGRESS: bool = "kubernetes.operator.ingress.manage" = "true";
    /// Namespaces to watch, separated by commas.
    WATCHED_NAMESPACES: String = "kubernetes.operator.watched.namespaces" = "JOSDK_ALL_NAMESPACES";
    /// Label selector of the resources to work on.
    LABEL_SELECTOR: String = "kubernetes.operator.label.selector";
    /// Reread the configuration file when it changes.
    DYNAMIC_CONFIG_ENABLED: bool = "kubernetes.operator.dynamic.config.enabled" = "true";
    /// Time between looks at the configuration file.
    DYNAMIC_CONFIG_INTERVAL: Duration = "kubernetes.operator.dynamic.config.check.interval" = "5 min";
    /// Put stack traces into `status.error`.
    EXCEPTION_STACKTRACE_ENABLED: bool = "kubernetes.operator.exception.stacktrace.enabled" = "false";
    /// Longest stack trace, in characters.
    EXCEPTION_STACKTRACE_LENGTH: i32 = "kubernetes.operator.exception.stacktrace.max.length" = "2048";
    /// Longest field of `status.error`, in characters.
    EXCEPTION_FIELD_LENGTH: i32 = "kubernetes.operator.exception.field.max.length" = "2048";
    /// Causes that `status.error` tells.
    EXCEPTION_CAUSES: i32 = "kubernetes.operator.exception.throwable.list.max.count" = "2";
    /// Lines of a stack trace in an event.
    EVENT_STACKTRACE_LINES: i32 = "kubernetes.operator.events.exceptions.stacktrace-lines" = "5";
    /// Events of exceptions per look.
    EVENT_EXCEPTION_LIMIT: i32 = "kubernetes.operator.events.exceptions.limit-per-reconciliation" = "10";
    /// First wait after an error.
    RETRY_INITIAL_INTERVAL: Duration = "kubernetes.operator.retry.initial.interval" = "5 s";
    /// Longest wait after errors.
    RETRY_MAX_INTERVAL: Duration = "kubernetes.operator.retry.max.interval";
    /// By what the wait grows.
    RETRY_MULTIPLIER: f64 = "kubernetes.operator.retry.interval.multiplier" = "1.5";
    /// Attempts before the next event is waited for.
    RETRY_MAX_ATTEMPTS: i32 = "kubernetes.operator.retry.max.attempts" = "15";
    /// Schemes of jar URIs that session jobs may use.
    ALLOWED_SCHEMES: Vec<String> = "kubernetes.operator.user.artifacts.allowed-schemes" = "https";
    /// Refuse jars on loopback, private and other restricted addresses.
    DISALLOW_RESTRICTED_HOSTS: bool = "kubernetes.operator.user.artifacts.disallow-restricted-hosts" = "true";
    /// Time that a health-testing resource has to be seen in.
    CANARY_TIMEOUT: Duration = "kubernetes.operator.health.canary.resource.timeout" = "1 min";
    /// Codes of warnings that are turned off, separated by commas. Sluice's own: the Java operator has no warnings.
    WARNINGS_DISABLED: String = "kubernetes.operator.warnings.disabled";

    // The autoscaler. The earlier spelling stood below the operator's prefix.
    /// Scale the job by its load.
    AUTOSCALER_ENABLED: bool = "job.autoscaler.enabled" ["kubernetes.operator.job.autoscaler.enabled"] = "false";
    /// Time over which metrics are averaged.
    AUTOSCALER_METRICS_WINDOW: Duration = "job.autoscaler.metrics.window" ["kubernetes.operator.job.autoscaler.metrics.window"] = "15 min";
    /// Times of day and cron expressions at which nothing is scaled.
    AUTOSCALER_EXCLUDED_PERIODS: Vec<String> = "job.autoscaler.excluded.periods" ["kubernetes.operator.job.autoscaler.excluded.periods"] = "";
    /// Utilization to aim for.
    AUTOSCALER_UTILIZATION_TARGET: f64 = "job.autoscaler.utilization.target" ["job.autoscaler.target.utilization", "kubernetes.operator.job.autoscaler.utilization.target"] = "0.7";
    /// Distance of the bounds from the target where they are not set.
    AUTOSCALER_UTILIZATION_BOUNDARY: f64 = "job.autoscaler.target.utilization.boundary" ["kubernetes.operator.job.autoscaler.target.utilization.boundary"] = "0.3";
    /// Utilization above which a vertex gets more subtasks.
    AUTOSCALER_UTILIZATION_MAX: f64 = "job.autoscaler.utilization.max" ["kubernetes.operator.job.autoscaler.utilization.max"];
    /// Utilization below which a vertex gets fewer subtasks.
    AUTOSCALER_UTILIZATION_MIN: f64 = "job.autoscaler.utilization.min" ["kubernetes.operator.job.autoscaler.utilization.min"];
    /// Least parallelism of a vertex.
    AUTOSCALER_MIN_PARALLELISM: i32 = "job.autoscaler.vertex.min-parallelism" ["kubernetes.operator.job.autoscaler.vertex.min-parallelism"] = "1";
    /// Most parallelism of a vertex.
    AUTOSCALER_MAX_PARALLELISM: i32 = "job.autoscaler.vertex.max-parallelism" ["kubernetes.operator.job.autoscaler.vertex.max-parallelism"] = "200";
    /// Most that one step takes away, as a part.
    AUTOSCALER_SCALE_DOWN_FACTOR: f64 = "job.autoscaler.scale-down.max-factor" ["kubernetes.operator.job.autoscaler.scale-down.max-factor"] = "0.6";
    /// Most that one step adds, as a part.
    AUTOSCALER_SCALE_UP_FACTOR: f64 = "job.autoscaler.scale-up.max-factor" ["kubernetes.operator.job.autoscaler.scale-up.max-factor"] = "100000.0";
    /// Part of the time spent on garbage collection above which nothing is scaled.
    AUTOSCALER_GC_THRESHOLD: f64 = "job.autoscaler.memory.gc-pressure.threshold" ["kubernetes.operator.job.autoscaler.memory.gc-pressure.threshold"] = "1.0";
    /// Part of the heap in use above which nothing is scaled.
    AUTOSCALER_HEAP_THRESHOLD: f64 = "job.autoscaler.memory.heap-usage.threshold" ["kubernetes.operator.job.autoscaler.memory.heap-usage.threshold"] = "1.0";
    /// Tune the memory of TaskManagers.
    AUTOSCALER_TUNING_ENABLED: bool = "job.autoscaler.memory.tuning.enabled" ["kubernetes.operator.job.autoscaler.memory.tuning.enabled"] = "false";
    /// Room above what was measured, as a part.
    AUTOSCALER_TUNING_OVERHEAD: f64 = "job.autoscaler.memory.tuning.overhead" ["kubernetes.operator.job.autoscaler.memory.tuning.overhead"] = "0.2";
    /// Correct for scaling that is less than linear.
    AUTOSCALER_SCALABILITY_ENABLED: bool = "job.autoscaler.observed-scalability.enabled" ["kubernetes.operator.job.autoscaler.observed-scalability.enabled"] = "false";
    /// Least coefficient of that correction.
    AUTOSCALER_SCALABILITY_MIN: f64 = "job.autoscaler.observed-scalability.coefficient-min" ["kubernetes.operator.job.autoscaler.observed-scalability.coefficient-min"] = "0.5";
    /// Stop scaling up what did not get faster by it.
    AUTOSCALER_EFFECTIVENESS_ENABLED: bool = "job.autoscaler.scaling.effectiveness.detection.enabled" ["kubernetes.operator.job.autoscaler.scaling.effectiveness.detection.enabled"] = "false";
    /// Least part of the expected gain that counts as effective.
    AUTOSCALER_EFFECTIVENESS_THRESHOLD: f64 = "job.autoscaler.scaling.effectiveness.threshold" ["kubernetes.operator.job.autoscaler.scaling.effectiveness.threshold"] = "0.1";

    // Blue/green deployments: spec.configuration.
    /// Time that a transition may take.
    BLUE_GREEN_ABORT_GRACE_PERIOD: Duration = "kubernetes.operator.bluegreen.abort.grace-period" = "10 min";
    /// Time between looks at a transition.
    BLUE_GREEN_RESCHEDULE_INTERVAL: Duration = "kubernetes.operator.bluegreen.reconciliation.reschedule-interval" = "15 s";
    /// Time that the old child is kept.
    BLUE_GREEN_DELETION_DELAY: Duration = "kubernetes.operator.bluegreen.deployment-deletion.delay" = "0 ms";

    // Flink's internal keys.
    /// Flink version, for code that behaves differently.
    INTERNAL_FLINK_VERSION: String = "$internal.flink.version";
    /// Main class of the application.
    APPLICATION_MAIN: String = "$internal.application.main";
    /// Arguments of the application.
    APPLICATION_ARGS: Vec<String> = "$internal.application.program-args";
    /// Id of the application's job.
    PIPELINE_JOB_ID: String = "$internal.pipeline.job-id";
    /// Where logging files come from.
    DEPLOYMENT_CONFIG_DIR: String = "$internal.deployment.config-dir";
    /// Class that a JobManager starts with.
    JOB_MANAGER_ENTRYPOINT_CLASS: String = "kubernetes.internal.jobmanager.entrypoint.class";
    /// Session or application, in standalone mode.
    CLUSTER_MODE: String = "kubernetes.internal.cluster-mode" = "APPLICATION";
}

/// Prefix of environment variables of the JobManager.
pub const JOB_MANAGER_ENV_PREFIX: &str = "containerized.master.env.";
/// Prefix of environment variables of TaskManagers.
pub const TASK_MANAGER_ENV_PREFIX: &str = "containerized.taskmanager.env.";
/// Prefix of the operator's own keys, which a cluster never sees.
pub const OPERATOR_PREFIX: &str = "kubernetes.operator.";
/// Prefix of the autoscaler's keys, which a cluster never sees.
pub const AUTOSCALER_PREFIX: &str = "job.autoscaler.";
/// Whether `key` is the operator's or the autoscaler's own: no cluster gets it.
#[must_use]
pub fn is_of_operator(key: &str) -> bool {
    key.starts_with(OPERATOR_PREFIX) || key.starts_with(AUTOSCALER_PREFIX)
}

/// Class name by which Kubernetes high availability is named in older configurations.
pub const KUBERNETES_HA_FACTORY: &str = "org.apache.flink.kubernetes.highavailability.KubernetesHaServicesFactory";

/// Whether `config` turns high availability on, of whatever kind (Flink's `HighAvailabilityMode`).
///
/// # Errors
/// None at present: the mode is a text.
pub fn is_ha_enabled(config: &FlinkConfig) -> Result<bool, ConfigError> {
    Ok(!config.value_or_default(&HA_MODE)?.trim().eq_ignore_ascii_case("none"))
}

/// Whether `config` keeps high-availability metadata in ConfigMaps.
///
/// # Errors
/// None at present: the mode is a text.
pub fn is_kubernetes_ha(config: &FlinkConfig) -> Result<bool, ConfigError> {
    let mode = config.value_or_default(&HA_MODE)?;
    Ok(mode.eq_ignore_ascii_case("kubernetes") || mode == KUBERNETES_HA_FACTORY)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::*;

    #[test]
    fn every_default_is_of_its_options_type() {
        for option in ALL {
            if let Some(default) = option.default {
                assert_eq!((option.check)(option.key, default), Ok(()));
            }
        }
    }

    #[test]
    fn keys_are_unique_and_no_option_is_its_own_alias() {
        let mut seen = BTreeSet::new();
        for option in ALL {
            assert!(seen.insert(option.key), "{} is defined twice", option.key);
            assert!(!option.aliases.contains(&option.key), "{}", option.key);
        }
    }

    #[test]
    fn any_spelling_is_checked() {
        assert_eq!(check("parallelism.default", "2"), Ok(()));
        assert_eq!(check("unheard.of", "anything"), Ok(()));
        assert!(check("parallelism.default", "two").is_err());
        assert!(check("web.port", "http").is_err());
        assert_eq!(canonical_key("high-availability"), Some("high-availability.type"));
        assert_eq!(canonical_key("high-availability.type"), None);
        assert_eq!(canonical_key("unheard.of"), None);
    }

    #[rstest]
    #[case(&[], false, false)]
    #[case(&[("high-availability", "NONE")], false, false)]
    #[case(&[("high-availability", "kubernetes")], true, true)]
    #[case(&[("high-availability.type", "zookeeper")], true, false)]
    #[case(&[("high-availability", KUBERNETES_HA_FACTORY)], true, true)]
    #[case(&[("recovery.mode", "zookeeper"), ("high-availability.type", "NONE")], false, false)]
    fn high_availability(#[case] entries: &[(&str, &str)], #[case] any: bool, #[case] kubernetes: bool) {
        let config: FlinkConfig = entries.iter().copied().collect();
        assert_eq!(is_ha_enabled(&config), Ok(any));
        assert_eq!(is_kubernetes_ha(&config), Ok(kubernetes));
    }
}
