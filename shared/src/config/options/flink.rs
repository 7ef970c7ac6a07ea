//! Flink's own options.

use std::time::Duration;

use super::{CheckpointRetention, ImagePullPolicy, Known, ServiceExposedType, check_type};
use crate::config::MemorySize;
use crate::config::option::{ConfigOption, Map};

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
