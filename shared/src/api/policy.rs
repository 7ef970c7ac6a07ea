//! `ClusterFlinkPolicy` and `FlinkPolicy`: rules and defaults of the user's own, in CEL.
//!
//! These kinds are Sluice's and have a group of their own; Flink's users know the other four.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// API group of the kinds that only Sluice has.
pub const GROUP: &str = "sluice.flink.apache.org";
/// The only served and stored version of them.
pub const VERSION: &str = "v1alpha1";
/// `apiVersion` of them.
pub const API_VERSION: &str = "sluice.flink.apache.org/v1alpha1";

/// Rules and defaults, and what they are for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicySpec {
    /// Which resources the policy is for; all where absent. A FlinkPolicy is for those of its own namespace only.
    #[serde(rename = "match")]
    pub matches: Option<PolicyMatch>,
    /// What has to hold.
    pub rules: Option<Vec<PolicyRule>>,
    /// What is filled in where the user left it out.
    pub defaults: Option<Vec<PolicyDefault>>,
    /// What follows when an expression cannot be evaluated, because a field is missing for example: Fail, the value
    /// where absent, counts it as broken; Ignore lets the request pass with a warning.
    pub failure_policy: Option<PolicyFailure>,
}

/// Which resources a policy is for. What is absent does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyMatch {
    /// Kinds.
    pub kinds: Option<Vec<PolicyKind>>,
    /// Names of namespaces.
    pub namespaces: Option<Vec<String>>,
    /// Labels of the namespace.
    pub namespace_selector: Option<LabelSelector>,
    /// Labels of the resource.
    pub object_selector: Option<LabelSelector>,
    /// What is done to the resource. Where that is unknown, as in the controller, it does not restrict.
    pub operations: Option<Vec<PolicyOperation>>,
}

enumeration! {
    /// A kind that policies can be for.
    pub enum PolicyKind {
        /// An application or session cluster.
        FlinkDeployment = "FlinkDeployment",
        /// A job of a session cluster.
        FlinkSessionJob = "FlinkSessionJob",
        /// A savepoint or checkpoint.
        FlinkStateSnapshot = "FlinkStateSnapshot",
        /// Two clusters that take turns.
        FlinkBlueGreenDeployment = "FlinkBlueGreenDeployment",
    }
}

enumeration! {
    /// What is done to a resource.
    pub enum PolicyOperation {
        /// It is new.
        Create = "CREATE",
        /// It takes the place of another.
        Update = "UPDATE",
    }
}

enumeration! {
    /// What follows when an expression cannot be evaluated.
    pub enum PolicyFailure {
        /// It counts as broken.
        Fail = "Fail",
        /// The request passes with a warning.
        Ignore = "Ignore",
    }
}

enumeration! {
    /// What follows when a rule is broken.
    pub enum PolicySeverity {
        /// The request is refused.
        Deny = "Deny",
        /// The request passes with a warning.
        Warn = "Warn",
        /// The request passes; it is recorded in the webhook's log.
        Audit = "Audit",
    }
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyRule {
    /// Name within the policy, in kebab case.
    pub name: Option<String>,
    /// CEL that is true where the rule is kept.
    pub expression: Option<String>,
    /// What is wrong where it is not. At most one of `message` and `messageExpression` is set.
    pub message: Option<String>,
    /// CEL that gives the message.
    pub message_expression: Option<String>,
    /// The field that is wrong, as spec.job.parallelism.
    pub field: Option<String>,
    /// What the user should do.
    pub fix: Option<String>,
    /// What follows; Deny where absent.
    pub severity: Option<PolicySeverity>,
}

/// One default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyDefault {
    /// The field to fill in, as spec.job.parallelism, spec.flinkConfiguration[rest.port] or /metadata/labels/team.
    pub path: Option<String>,
    /// CEL that gives the value; null leaves the field as it is.
    pub expression: Option<String>,
}
