//! The `CustomResourceDefinition`s, generated from the types. `deploy/crds` holds the result; a test compares.

use schemars::JsonSchema;
use serde_json::{Value, json};

use super::schema::structural;
use super::{
    FlinkBlueGreenDeployment, FlinkBlueGreenDeploymentSpec, FlinkBlueGreenDeploymentStatus, FlinkDeployment,
    FlinkDeploymentSpec, FlinkDeploymentStatus, FlinkSessionJob, FlinkSessionJobSpec, FlinkSessionJobStatus,
    FlinkStateSnapshot, FlinkStateSnapshotSpec, FlinkStateSnapshotStatus, GROUP, VERSION,
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
    let columns: Vec<Value> = columns
        .iter()
        .map(|(name, path)| json!({ "name": name, "jsonPath": path, "type": "string" }))
        .collect();
    let mut subresources = json!({ "status": {} });
    if let Some(scale) = scale {
        subresources["scale"] = scale;
    }
    let name = format!("{plural}.{GROUP}");
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": name },
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "plural": plural,
                "singular": kind.to_lowercase(),
                "shortNames": [short_name],
            },
            "scope": "Namespaced",
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "additionalPrinterColumns": columns,
                "subresources": subresources,
                "schema": { "openAPIV3Schema": {
                    "type": "object",
                    "properties": { "spec": structural::<S>(), "status": structural::<T>() },
                }},
            }],
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
