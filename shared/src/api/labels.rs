//! Labels, annotations and finalizers that are read or written.

/// Label of everything of a cluster: its cluster-id.
pub const APP: &str = "app";
/// Label: `jobmanager`, `taskmanager`, `ingress`, ...
pub const COMPONENT: &str = "component";
/// Value of [`COMPONENT`] on the JobManager's Deployment and pods.
pub const COMPONENT_JOB_MANAGER: &str = "jobmanager";
/// Value of [`COMPONENT`] on TaskManager pods.
pub const COMPONENT_TASK_MANAGER: &str = "taskmanager";
/// Label: which kind of deployment made the object.
pub const TYPE: &str = "type";
/// Value of [`TYPE`] that Flink's native Kubernetes client writes (class `Constants`, `LABEL_CONFIGMAP_TYPE_KEY` aside).
pub const TYPE_NATIVE: &str = "flink-native-kubernetes";
/// Label of a session job: the `FlinkDeployment` it belongs to.
pub const TARGET_SESSION: &str = "target.session";
/// Label of resources that only test the operator.
pub const CANARY: &str = "flink.apache.org/canary";
/// Annotation of the JobManager's Deployment and pods: `metadata.generation` that they were made from.
pub const GENERATION: &str = "flinkdeployment.flink.apache.org/generation";
/// Finalizer of a `FlinkDeployment`, named as the Java operator names it so that either takes over from the other.
pub const DEPLOYMENT_FINALIZER: &str = "flinkdeployments.flink.apache.org/finalizer";
