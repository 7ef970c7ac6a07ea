//! Parts of a spec that name compute resources, pods and configuration.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Amounts in the short form: `{cpu, memory, ephemeralStorage}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Resource {
    /// CPU cores, as request and (times the limit factor) limit.
    pub cpu: Option<f64>,
    /// Memory of the process, in Flink's notation first ("2048m" is 2048 MiB), else in Kubernetes'.
    pub memory: Option<String>,
    /// Ephemeral storage of the main container, request and limit alike, as a Kubernetes quantity.
    pub ephemeral_storage: Option<String>,
}

/// Amounts in Kubernetes' form (core/v1 `ResourceRequirements`). Wins over [`Resource`] where it is not empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceRequirements {
    /// Names of resource claims of the pod.
    pub claims: Option<Vec<ResourceClaim>>,
    /// Upper bounds by resource name.
    pub limits: Option<BTreeMap<String, Quantity>>,
    /// Reserved amounts by resource name.
    pub requests: Option<BTreeMap<String, Quantity>>,
}

/// One entry of `resources.claims`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceClaim {
    /// Name of an entry in the pod's `resourceClaims`.
    pub name: Option<String>,
    /// Name of one request within the claim.
    pub request: Option<String>,
}

/// A quantity exactly as written. It is never normalised here: Flink's grammar has to see "2048m" first, which
/// Kubernetes would read as 2.048.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Quantity(pub String);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Number(number) => Ok(Self(number.to_string())),
            other => Err(serde::de::Error::custom(format!(
                "a quantity is a string or an integer, not {other}"
            ))),
        }
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-kubernetes-int-or-string": true })
    }
}

/// `flinkConfiguration` as the user wrote it: a flat map, nested YAML, or a mixture.
///
/// `config::flatten` turns it into Flink's own flat form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FlinkConfiguration(pub Value);

impl FlinkConfiguration {
    /// Whether nothing is configured.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Value::Null => true,
            Value::Object(members) => members.is_empty(),
            _ => false,
        }
    }
}

impl JsonSchema for FlinkConfiguration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FlinkConfiguration".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-kubernetes-preserve-unknown-fields": true })
    }
}

/// A pod template in the shape of a `Pod`, kept as written; it is parsed where pods are built and checked by a rule.
///
/// The CRD does not spell out the schema of a Pod: that would be half a megabyte, too much for client-side apply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PodTemplate(pub Value);

impl JsonSchema for PodTemplate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PodTemplate".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
    }
}
