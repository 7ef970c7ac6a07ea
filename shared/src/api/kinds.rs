//! The kinds themselves.
//!
//! Written out rather than derived: a derived kind requires `spec`, and users store objects without one
//! (resources that only test the operator carry the canary label and no spec).

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use super::policy::{self, PolicySpec};
use super::{
    API_VERSION, FlinkBlueGreenDeploymentSpec, FlinkBlueGreenDeploymentStatus, FlinkDeploymentSpec,
    FlinkDeploymentStatus, FlinkSessionJobSpec, FlinkSessionJobStatus, FlinkStateSnapshotSpec,
    FlinkStateSnapshotStatus, GROUP, VERSION,
};

macro_rules! kind {
    ($(#[$meta:meta])* $name:ident, $plural:literal, $spec:ty, $status:ty) => {
        kind!(
            $(#[$meta])* $name, $plural, $spec, $status,
            GROUP, VERSION, API_VERSION, "api_version", k8s_openapi::NamespaceResourceScope
        );
    };
    (
        $(#[$meta:meta])* $name:ident, $plural:literal, $spec:ty, $status:ty,
        $group:expr, $version:expr, $api_version:expr, $default_version:literal, $scope:ty
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// Group and version.
            #[serde(default = $default_version)]
            pub api_version: String,
            /// The kind's name.
            #[serde(default)]
            pub kind: String,
            /// Standard metadata.
            #[serde(default)]
            pub metadata: ObjectMeta,
            /// What the user wants.
            #[serde(default)]
            pub spec: $spec,
            /// What is.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub status: Option<$status>,
        }

        impl $name {
            /// Name of the kind.
            pub const KIND: &'static str = stringify!($name);
            /// Plural name, as in URLs.
            pub const PLURAL: &'static str = $plural;

            /// An object of this kind with a name and a spec.
            #[must_use]
            pub fn new(name: &str, spec: $spec) -> Self {
                Self {
                    api_version: $api_version.to_owned(),
                    kind: Self::KIND.to_owned(),
                    metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
                    spec,
                    status: None,
                }
            }
        }

        impl kube::Resource for $name {
            type DynamicType = ();
            type Scope = $scope;
            fn kind((): &()) -> Cow<'_, str> { Self::KIND.into() }
            fn group((): &()) -> Cow<'_, str> { $group.into() }
            fn version((): &()) -> Cow<'_, str> { $version.into() }
            fn api_version((): &()) -> Cow<'_, str> { $api_version.into() }
            fn plural((): &()) -> Cow<'_, str> { Self::PLURAL.into() }
            fn meta(&self) -> &ObjectMeta { &self.metadata }
            fn meta_mut(&mut self) -> &mut ObjectMeta { &mut self.metadata }
        }
    };
}

fn api_version() -> String {
    API_VERSION.to_owned()
}

fn policy_api_version() -> String {
    policy::API_VERSION.to_owned()
}

kind!(
    /// An application or session cluster.
    FlinkDeployment, "flinkdeployments", FlinkDeploymentSpec, FlinkDeploymentStatus
);
kind!(
    /// A job of a session cluster.
    FlinkSessionJob, "flinksessionjobs", FlinkSessionJobSpec, FlinkSessionJobStatus
);
kind!(
    /// A savepoint or checkpoint.
    FlinkStateSnapshot, "flinkstatesnapshots", FlinkStateSnapshotSpec, FlinkStateSnapshotStatus
);
kind!(
    /// Two `FlinkDeployment`s that take turns.
    FlinkBlueGreenDeployment, "flinkbluegreendeployments", FlinkBlueGreenDeploymentSpec, FlinkBlueGreenDeploymentStatus
);
kind!(
    /// Rules and defaults of the user's own for resources of all namespaces.
    ClusterFlinkPolicy, "clusterflinkpolicies", PolicySpec, serde_json::Value,
    policy::GROUP, policy::VERSION, policy::API_VERSION, "policy_api_version", k8s_openapi::ClusterResourceScope
);
kind!(
    /// Rules and defaults of the user's own for resources of the same namespace.
    FlinkPolicy, "flinkpolicies", PolicySpec, serde_json::Value,
    policy::GROUP, policy::VERSION, policy::API_VERSION, "policy_api_version", k8s_openapi::NamespaceResourceScope
);
