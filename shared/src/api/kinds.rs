//! The four kinds themselves.
//!
//! Written out rather than derived: a derived kind requires `spec`, and users store objects without one
//! (resources that only test the operator carry the canary label and no spec).

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use super::{
    API_VERSION, FlinkBlueGreenDeploymentSpec, FlinkBlueGreenDeploymentStatus, FlinkDeploymentSpec,
    FlinkDeploymentStatus, FlinkSessionJobSpec, FlinkSessionJobStatus, FlinkStateSnapshotSpec,
    FlinkStateSnapshotStatus, GROUP, VERSION,
};

macro_rules! kind {
    ($(#[$meta:meta])* $name:ident, $plural:literal, $spec:ty, $status:ty) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// Always [`API_VERSION`].
            #[serde(default = "api_version")]
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
                    api_version: api_version(),
                    kind: Self::KIND.to_owned(),
                    metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
                    spec,
                    status: None,
                }
            }
        }

        impl kube::Resource for $name {
            type DynamicType = ();
            type Scope = k8s_openapi::NamespaceResourceScope;
            fn kind((): &()) -> Cow<'_, str> { Self::KIND.into() }
            fn group((): &()) -> Cow<'_, str> { GROUP.into() }
            fn version((): &()) -> Cow<'_, str> { VERSION.into() }
            fn api_version((): &()) -> Cow<'_, str> { API_VERSION.into() }
            fn plural((): &()) -> Cow<'_, str> { Self::PLURAL.into() }
            fn meta(&self) -> &ObjectMeta { &self.metadata }
            fn meta_mut(&mut self) -> &mut ObjectMeta { &mut self.metadata }
        }
    };
}

fn api_version() -> String {
    API_VERSION.to_owned()
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
