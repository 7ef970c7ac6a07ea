//! Other objects that rules ask for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::{FlinkDeployment, FlinkSessionJob};

/// What is known of another object.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup<T> {
    /// It exists.
    Found(Arc<T>),
    /// It does not exist.
    Missing,
    /// Nobody knows: there is no cluster, or its caches are not filled. Rules then take it as fine.
    Unknown,
}

impl<T> Lookup<T> {
    /// The object, where it was found.
    #[must_use]
    pub fn found(&self) -> Option<&T> {
        match self {
            Self::Found(object) => Some(object),
            Self::Missing | Self::Unknown => None,
        }
    }
}

/// Finds other objects. Answers come from memory: a look-up never waits.
pub trait Lookups: Sync {
    /// The `FlinkDeployment` of this name. Rules read its job, version, mode and
    /// configuration, and of its pod templates what [`super::without_most`] leaves.
    fn deployment(&self, namespace: &str, name: &str) -> Lookup<FlinkDeployment>;
    /// The `FlinkSessionJob` of this name. Rules read nothing of it.
    fn session_job(&self, namespace: &str, name: &str) -> Lookup<FlinkSessionJob>;
    /// The labels of this namespace, for extensions that are for some namespaces only.
    fn namespace_labels(&self, namespace: &str) -> Lookup<BTreeMap<String, String>> {
        let _ = namespace;
        Lookup::Unknown
    }
}

/// Knows nothing, for use without a cluster.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLookups;

impl Lookups for NoLookups {
    fn deployment(&self, _: &str, _: &str) -> Lookup<FlinkDeployment> {
        Lookup::Unknown
    }
    fn session_job(&self, _: &str, _: &str) -> Lookup<FlinkSessionJob> {
        Lookup::Unknown
    }
}
