//! What reconciles share.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Client;
use parking_lot::Mutex;
use sluice_shared::api::FlinkDeployment;
use tokio::time::Instant;

use crate::deployment::checkpoints::Known;
use crate::deployment::exceptions::Published;
use crate::deployment::model::Millis;
use crate::deployment::valid::OwnRules;
use crate::flink::FlinkClient;
use crate::metrics::Metrics;
use crate::watch::Caches;
use sluice_runtime::config_dir::Defaults;

/// What the reconciles of one watched namespace share, or of all.
#[derive(Clone, Debug)]
pub struct Context {
    /// What is known of the cluster.
    pub caches: Caches,
    /// What all reconciles share.
    pub shared: Arc<Shared>,
}

/// What all reconciles share.
pub struct Shared {
    /// Client of the API server.
    pub client: Client,
    /// Client of Flink's REST API.
    pub flink: FlinkClient,
    /// What the administrator gives every cluster.
    pub defaults: Defaults,
    /// Rules of the user's own.
    pub own_rules: OwnRules,
    /// Metrics.
    pub metrics: Metrics,
    /// Whether this process may write.
    pub leadership: Leadership,
    /// This process's own writes, ahead of the cache.
    pub own_writes: Arc<OwnWrites>,
    /// Resources (namespace, name) in whose way a foreign Deployment stood.
    pub conflicts: Mutex<HashSet<(String, String)>>,
    /// Objects made a moment ago.
    pub recent: Recent,
    /// What was published of jobs' exceptions, by uid.
    pub exceptions: Mutex<HashMap<String, Published>>,
    /// What is known of jobs' checkpoints, by uid.
    pub checkpoints: Mutex<HashMap<String, Known>>,
    /// Failed reconciles in a row by uid.
    pub failures: Mutex<HashMap<String, u32>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("leadership", &self.leadership)
            .finish_non_exhaustive()
    }
}

impl Shared {
    /// Forgets a resource that is gone.
    pub fn forget(&self, uid: &str) {
        self.own_writes.forget(uid);
        self.exceptions.lock().remove(uid);
        self.checkpoints.lock().remove(uid);
        self.failures.lock().remove(uid);
    }
}

/// Whether this process leads. A write is only begun while it does.
#[derive(Clone, Debug, Default)]
pub struct Leadership(Arc<AtomicBool>);

impl Leadership {
    /// Sets it.
    pub fn set(&self, leads: bool) {
        self.0.store(leads, Ordering::Release);
    }

    /// Whether this process leads.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Own writes, so that a reconcile never acts on a status older than the one that this process wrote itself.
#[derive(Debug, Default)]
pub struct OwnWrites(Mutex<HashMap<String, OwnWrite>>);

#[derive(Debug)]
struct OwnWrite {
    /// Resource versions that the written ones replaced.
    superseded: Vec<String>,
    written: FlinkDeployment,
}

impl OwnWrites {
    /// Notes that `written` replaced the version `base`.
    pub fn note(&self, base: &str, written: &FlinkDeployment) {
        let Some(uid) = written.metadata.uid.clone() else {
            return;
        };
        let mut writes = self.0.lock();
        let entry = writes.entry(uid).or_insert_with(|| OwnWrite {
            superseded: Vec::new(),
            written: written.clone(),
        });
        if written.metadata.resource_version.as_deref() != Some(base) {
            entry.superseded.push(base.to_owned());
        }
        entry.written = written.clone();
    }

    /// The newer of `cached` and what this process wrote itself.
    #[must_use]
    pub fn newest(&self, cached: &FlinkDeployment) -> FlinkDeployment {
        let mut writes = self.0.lock();
        let Some(uid) = &cached.metadata.uid else {
            return cached.clone();
        };
        let version = cached.metadata.resource_version.as_ref();
        match writes.get(uid) {
            Some(own) if version.is_some_and(|v| own.superseded.contains(v)) => own.written.clone(),
            Some(_) => {
                writes.remove(uid);
                cached.clone()
            }
            None => cached.clone(),
        }
    }

    /// Whether `seen` is what this process wrote last, so that its arrival is no news.
    #[must_use]
    pub fn wrote(&self, seen: &ObjectMeta) -> bool {
        let writes = self.0.lock();
        let own = seen.uid.as_ref().and_then(|uid| writes.get(uid));
        own.is_some_and(|own| own.written.metadata.resource_version == seen.resource_version)
    }

    /// Forgets a resource that is gone.
    pub fn forget(&self, uid: &str) {
        self.0.lock().remove(uid);
    }
}

/// Objects made a moment ago, which caches may not show yet.
#[derive(Debug, Default)]
pub struct Recent(Mutex<HashMap<(String, String), Instant>>);

/// Longer than a watch event takes.
const RECENT: Duration = Duration::from_secs(3);

impl Recent {
    /// Notes that `object` ("Service a-rest") was made.
    pub fn note(&self, namespace: &str, object: String) {
        let now = Instant::now();
        let mut recent = self.0.lock();
        recent.retain(|_, made| now.duration_since(*made) < RECENT);
        recent.insert((namespace.to_owned(), object), now);
    }

    /// Whether `object` was made a moment ago.
    #[must_use]
    pub fn knows(&self, namespace: &str, object: &str) -> bool {
        let recent = self.0.lock();
        let made = recent.get(&(namespace.to_owned(), object.to_owned()));
        made.is_some_and(|made| made.elapsed() < RECENT)
    }
}

/// The present, by the wall clock.
#[must_use]
pub fn now() -> Millis {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(elapsed.as_millis()).unwrap_or(Millis::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_shared::api::FlinkDeploymentSpec;

    fn version(version: &str) -> FlinkDeployment {
        let mut object = FlinkDeployment::new("a", FlinkDeploymentSpec::default());
        object.metadata.uid = Some("u".into());
        object.metadata.resource_version = Some(version.into());
        object
    }

    fn seen(writes: &OwnWrites, cached: &str) -> String {
        writes
            .newest(&version(cached))
            .metadata
            .resource_version
            .expect("a version")
    }

    #[test]
    fn own_writes_hide_older_versions_until_the_cache_has_caught_up() {
        let writes = OwnWrites::default();
        assert_eq!(seen(&writes, "1"), "1");
        writes.note("1", &version("2"));
        writes.note("2", &version("3"));
        assert_eq!(seen(&writes, "1"), "3");
        assert_eq!(seen(&writes, "2"), "3");
        assert_eq!(seen(&writes, "4"), "4", "someone else wrote since");
        assert_eq!(seen(&writes, "4"), "4");
    }

    #[test]
    fn the_arrival_of_an_own_write_is_no_news() {
        let writes = OwnWrites::default();
        writes.note("1", &version("2"));
        assert!(writes.wrote(&version("2").metadata));
        assert!(!writes.wrote(&version("1").metadata));
        assert!(!writes.wrote(&version("3").metadata), "someone else wrote since");
    }

    #[test]
    fn a_write_that_changed_nothing_hides_nothing() {
        let writes = OwnWrites::default();
        writes.note("1", &version("1"));
        assert_eq!(seen(&writes, "1"), "1");
    }
}
