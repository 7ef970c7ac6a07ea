//! `FlinkBlueGreenDeployment`: two `FlinkDeployment`s that take turns.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::status::JobStatus;
use super::{FlinkDeploymentSpec, IngressSpec};

/// Spec of a `FlinkBlueGreenDeployment`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FlinkBlueGreenDeploymentSpec {
    /// Options `kubernetes.operator.bluegreen.*`.
    pub configuration: Option<BTreeMap<String, String>>,
    /// Ingress that follows the active child.
    pub ingress: Option<IngressSpec>,
    /// What both children are made of.
    pub template: Option<FlinkDeploymentTemplateSpec>,
}

/// Template of the children.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FlinkDeploymentTemplateSpec {
    /// Metadata of the children, as written.
    pub metadata: Option<TemplateMetadata>,
    /// Spec of the children.
    pub spec: Option<FlinkDeploymentSpec>,
}

/// An `ObjectMeta` as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TemplateMetadata(pub Value);

impl JsonSchema for TemplateMetadata {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TemplateMetadata".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
    }
}

enumeration! {
    /// Where a blue/green deployment stands.
    pub enum BlueGreenState {
        /// Nothing runs yet.
        InitializingBlue = "INITIALIZING_BLUE",
        /// Blue runs.
        ActiveBlue = "ACTIVE_BLUE",
        /// Green runs.
        ActiveGreen = "ACTIVE_GREEN",
        /// Blue is starting.
        TransitioningToBlue = "TRANSITIONING_TO_BLUE",
        /// Green is starting.
        TransitioningToGreen = "TRANSITIONING_TO_GREEN",
        /// A savepoint of blue is being taken for the transition.
        SavepointingBlue = "SAVEPOINTING_BLUE",
        /// A savepoint of green is being taken for the transition.
        SavepointingGreen = "SAVEPOINTING_GREEN",
    }
}

/// Status of a `FlinkBlueGreenDeployment`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FlinkBlueGreenDeploymentStatus {
    /// The active job.
    pub job_status: Option<JobStatus>,
    /// Where the transition stands.
    pub blue_green_state: Option<BlueGreenState>,
    /// The last reconciled spec as JSON `{"spec": ...}`.
    pub last_reconciled_spec: Option<String>,
    /// When it was reconciled (RFC 3339).
    pub last_reconciled_timestamp: Option<String>,
    /// When a transition is given up (RFC 3339).
    pub abort_timestamp: Option<String>,
    /// When the new child became ready (RFC 3339).
    pub deployment_ready_timestamp: Option<String>,
    /// Flink's id of the transition's savepoint.
    pub savepoint_trigger_id: Option<String>,
    /// What went wrong last.
    pub error: Option<String>,
}
