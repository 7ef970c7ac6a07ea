//! The API `flink.apache.org/v1beta1`: four kinds, field for field as Flink's users know them; and [`policy`], which is
//! Sluice's own.
//!
//! Every field is optional on the wire and none has a default in the CRD: an object that a user stored long ago must
//! read the same tomorrow. Where the absence of a field means something, a method beside it gives the meaning
//! (`JobSpec::upgrade_mode`, for example).
//!
//! Serialising writes absent fields as `null`, because the text kept in `status.reconciliationStatus.lastReconciledSpec`
//! does (see [`reconciled`]). What goes to the API server is stripped of them by [`without_nulls`].

#[macro_use]
mod enumeration;

pub mod blue_green;
pub mod crd;
pub mod deployment;
pub mod flink_version;
pub mod ingress;
pub mod job;
mod kinds;
pub mod labels;
pub mod policy;
pub mod reconciled;
pub mod resources;
pub mod schema;
pub mod session_job;
pub mod snapshot;
pub mod status;

pub use blue_green::{FlinkBlueGreenDeploymentSpec, FlinkBlueGreenDeploymentStatus};
pub use deployment::{FlinkDeploymentSpec, FlinkDeploymentStatus, JobManagerSpec, KubernetesMode, TaskManagerSpec};
pub use flink_version::FlinkVersion;
pub use ingress::IngressSpec;
pub use job::{JobSpec, JobState, UpgradeMode};
pub use kinds::{
    ClusterFlinkPolicy, FlinkBlueGreenDeployment, FlinkDeployment, FlinkPolicy, FlinkSessionJob, FlinkStateSnapshot,
};
pub use policy::PolicySpec;
pub use resources::{FlinkConfiguration, PodTemplate, Quantity, Resource, ResourceRequirements};
pub use session_job::{FlinkSessionJobSpec, FlinkSessionJobStatus};
pub use snapshot::{FlinkStateSnapshotSpec, FlinkStateSnapshotStatus};

/// API group of the four kinds.
pub const GROUP: &str = "flink.apache.org";
/// Their only served and stored version.
pub const VERSION: &str = "v1beta1";
/// Their `apiVersion`.
pub const API_VERSION: &str = "flink.apache.org/v1beta1";

/// `value` without object members that are `null`, at any depth. Elements of arrays stay, so positions hold.
#[must_use]
pub fn without_nulls(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .filter(|(_, v)| !v.is_null())
                .map(|(k, v)| (k, without_nulls(v)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

/// Whether two values are the same [`without_nulls`].
#[must_use]
pub fn equal_without_nulls(one: &serde_json::Value, other: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let mut left = one.iter().filter(|(_, member)| !member.is_null());
            let mut right = other.iter().filter(|(_, member)| !member.is_null());
            // Both are ordered by key.
            loop {
                match (left.next(), right.next()) {
                    (None, None) => return true,
                    (Some((key, a)), Some((name, b))) if key == name && equal_without_nulls(a, b) => {}
                    _ => return false,
                }
            }
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| equal_without_nulls(a, b))
        }
        (one, other) => one == other,
    }
}
