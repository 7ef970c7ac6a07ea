//! The `CustomResourceDefinition`s, generated from the types. `deploy/crds` holds the result; a test compares.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::schema::structural;
use super::{
    ClusterFlinkPolicy, FlinkBlueGreenDeployment, FlinkBlueGreenDeploymentSpec, FlinkBlueGreenDeploymentStatus,
    FlinkDeployment, FlinkDeploymentSpec, FlinkDeploymentStatus, FlinkPolicy, FlinkSessionJob, FlinkSessionJobSpec,
    FlinkSessionJobStatus, FlinkStateSnapshot, FlinkStateSnapshotSpec, FlinkStateSnapshotStatus, GROUP, PolicySpec,
    VERSION, policy,
};

/// One CRD and the file it is kept in.
#[derive(Clone, Debug)]
pub struct Definition {
    /// File name within `deploy/crds`.
    pub file: String,
    /// The `CustomResourceDefinition`.
    pub crd: Value,
}

/// All CRDs, in the order of their names.
#[must_use]
pub fn all() -> Vec<Definition> {
    let jobs = [
        ("Job Status", ".status.jobStatus.state"),
        ("Lifecycle State", ".status.lifecycleState"),
    ];
    vec![
        policy(
            ClusterFlinkPolicy::KIND,
            ClusterFlinkPolicy::PLURAL,
            "cflinkpol",
            "Cluster",
        ),
        definition::<FlinkBlueGreenDeploymentSpec, FlinkBlueGreenDeploymentStatus>(
            FlinkBlueGreenDeployment::KIND,
            FlinkBlueGreenDeployment::PLURAL,
            "flinkbgdep",
            &[("Job Status", ".status.jobStatus.state")],
            None,
        ),
        definition::<FlinkDeploymentSpec, FlinkDeploymentStatus>(
            FlinkDeployment::KIND,
            FlinkDeployment::PLURAL,
            "flinkdep",
            &jobs,
            Some(json!({
                "specReplicasPath": ".spec.taskManager.replicas",
                "statusReplicasPath": ".status.taskManager.replicas",
                "labelSelectorPath": ".status.taskManager.labelSelector",
            })),
        ),
        policy(FlinkPolicy::KIND, FlinkPolicy::PLURAL, "flinkpol", "Namespaced"),
        definition::<FlinkSessionJobSpec, FlinkSessionJobStatus>(
            FlinkSessionJob::KIND,
            FlinkSessionJob::PLURAL,
            "sessionjob",
            &jobs,
            None,
        ),
        definition::<FlinkStateSnapshotSpec, FlinkStateSnapshotStatus>(
            FlinkStateSnapshot::KIND,
            FlinkStateSnapshot::PLURAL,
            "flinksnp",
            &[
                ("Path", ".status.path"),
                ("Result Timestamp", ".status.resultTimestamp"),
                ("Snapshot State", ".status.state"),
            ],
            None,
        ),
    ]
}

fn definition<S: JsonSchema, T: JsonSchema>(
    kind: &str,
    plural: &str,
    short_name: &str,
    columns: &[(&str, &str)],
    scale: Option<Value>,
) -> Definition {
    let mut subresources = json!({ "status": {} });
    if let Some(scale) = scale {
        subresources["scale"] = scale;
    }
    let version = json!({
        "name": VERSION,
        "served": true,
        "storage": true,
        "additionalPrinterColumns": printed(columns),
        "subresources": subresources,
        "schema": { "openAPIV3Schema": {
            "type": "object",
            "properties": { "spec": structural::<S>(), "status": structural::<T>() },
        }},
    });
    in_group(GROUP, kind, plural, short_name, "Namespaced", &version)
}

/// A kind of policies. It has no status: whether a policy is taken is said when it is written.
fn policy(kind: &str, plural: &str, short_name: &str, scope: &str) -> Definition {
    let version = json!({
        "name": policy::VERSION,
        "served": true,
        "storage": true,
        "additionalPrinterColumns": printed(&[
            ("Rules", ".spec.rules[*].name"),
            ("Defaults", ".spec.defaults[*].path"),
        ]),
        "schema": { "openAPIV3Schema": {
            "type": "object",
            "properties": { "spec": structural::<PolicySpec>() },
        }},
    });
    in_group(policy::GROUP, kind, plural, short_name, scope, &version)
}

fn printed(columns: &[(&str, &str)]) -> Vec<Value> {
    columns
        .iter()
        .map(|(name, path)| json!({ "name": name, "jsonPath": path, "type": "string" }))
        .collect()
}

fn in_group(group: &str, kind: &str, plural: &str, short_name: &str, scope: &str, version: &Value) -> Definition {
    let name = format!("{plural}.{group}");
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": name },
        "spec": {
            "group": group,
            "names": {
                "kind": kind,
                "plural": plural,
                "singular": kind.to_lowercase(),
                "shortNames": [short_name],
            },
            "scope": scope,
            "versions": [version],
        },
    });
    Definition {
        file: format!("{name}.yaml"),
        crd,
    }
}

/// `crd` as YAML with the note that it is generated.
///
/// # Errors
/// None in practice; the serialiser's error type is passed on.
pub fn to_yaml(definition: &Definition) -> Result<String, serde_saphyr::ser::Error> {
    let body = serde_saphyr::to_string(&definition.crd)?;
    Ok(format!(
        "# Generated from shared/src/api by `make crds`; do not edit.\n{body}"
    ))
}
