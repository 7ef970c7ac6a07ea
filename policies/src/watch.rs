//! The policies of a cluster, as they change.
//!
//! Every change replaces what the source `cel` has in [`Extensions`]. A policy that cannot be compiled is left out with
//! a line in the log: the webhook refuses such ones when they are written, so there is one only where none was running.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{ApiResource, DynamicObject};
use kube::core::{GroupVersionKind, PartialObjectMeta};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, ResourceExt as _};
use parking_lot::{Mutex, RwLock};
use sluice_shared::api::policy::{GROUP, VERSION};
use sluice_shared::api::{ClusterFlinkPolicy, FlinkDeployment, FlinkPolicy, FlinkSessionJob};
use sluice_shared::extension::{Extension, Extensions};
use sluice_shared::rules::{Lookup, Lookups};

use crate::SOURCE;
use crate::follow::{self, Needed, Watch, follow};
use crate::policy::Policy;

/// Watches policies, and the labels of namespaces that they select by.
pub struct Policies {
    watches: Vec<Arc<Watch>>,
    /// Labels by namespace; absent where namespaces are not watched.
    labels: Option<Arc<RwLock<Namespaces>>>,
}

/// Labels by namespace.
type Namespaces = BTreeMap<String, Arc<BTreeMap<String, String>>>;

impl Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policies")
            .field("watches", &self.watches)
            .finish_non_exhaustive()
    }
}

/// Namespace and name.
type Key = (String, String);

/// Hears how many policies cannot be used, whenever that may have changed.
pub type OnInvalid = Box<dyn Fn(usize) + Send + Sync>;

/// All policies, by watch.
struct Book {
    extensions: Arc<Extensions>,
    policies: Mutex<BTreeMap<usize, ByName>>,
    on_invalid: OnInvalid,
}

/// None for a policy that cannot be used.
type ByName = BTreeMap<Key, Option<Arc<dyn Extension>>>;

impl Book {
    fn change(&self, watch: usize, change: impl FnOnce(&mut ByName)) {
        let mut policies = self.policies.lock();
        change(policies.entry(watch).or_default());
        let all = || policies.values().flat_map(BTreeMap::values);
        // Within the lock, so that an older state never follows a newer one.
        self.extensions
            .replace(SOURCE, all().flatten().map(Arc::clone).collect());
        (self.on_invalid)(all().filter(|policy| policy.is_none()).count());
    }
}

impl Policies {
    /// Starts to watch on the current runtime: cluster policies, the policies of `namespaces` or of all where that is
    /// empty, and the labels of namespaces where all are watched. Policies go into `extensions`; `on_invalid` hears of
    /// those that cannot.
    #[must_use]
    pub fn start(
        client: &Client,
        namespaces: &[String],
        extensions: Arc<Extensions>,
        needed: Needed,
        on_invalid: OnInvalid,
    ) -> Self {
        let book = Arc::new(Book {
            extensions,
            policies: Mutex::default(),
            on_invalid,
        });
        let mut policies = Self {
            watches: Vec::new(),
            labels: None,
        };
        let resource = |kind: &str, plural: &str| {
            ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind), plural)
        };
        let cluster = resource(ClusterFlinkPolicy::KIND, ClusterFlinkPolicy::PLURAL);
        let api = Api::all_with(client.clone(), &cluster);
        let name = "clusterflinkpolicies.sluice.flink.apache.org";
        policies.watch_policies(api, name, name.to_owned(), &book, needed);
        let local = resource(FlinkPolicy::KIND, FlinkPolicy::PLURAL);
        let name = "flinkpolicies.sluice.flink.apache.org";
        for namespace in namespaces {
            let api = Api::namespaced_with(client.clone(), namespace, &local);
            policies.watch_policies(api, name, format!("{name} in namespace {namespace}"), &book, needed);
        }
        if namespaces.is_empty() {
            let api = Api::all_with(client.clone(), &local);
            policies.watch_policies(api, name, format!("{name} in all namespaces"), &book, needed);
            policies.watch_namespaces(client, needed);
        }
        policies
    }

    fn add(&mut self, what: String, resource: &'static str, needed: Needed) -> Arc<Watch> {
        let watch = Watch::new(what, resource, needed);
        self.watches.push(Arc::clone(&watch));
        watch
    }

    fn watch_policies(
        &mut self,
        api: Api<DynamicObject>,
        resource: &'static str,
        what: String,
        book: &Arc<Book>,
        needed: Needed,
    ) {
        let number = self.watches.len();
        let watch = self.add(what, resource, needed);
        let book = Arc::clone(book);
        let mut listed = BTreeMap::new();
        let events = watcher::watcher(api, watcher::Config::default());
        tokio::spawn(follow(events, watch, move |event| match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                listed.insert(key(&object), compiled(&object));
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut listed);
                book.change(number, |policies| *policies = listed);
            }
            Event::Apply(object) => {
                let compiled = compiled(&object);
                book.change(number, |policies| {
                    policies.insert(key(&object), compiled);
                });
            }
            Event::Delete(object) => book.change(number, |policies| {
                policies.remove(&key(&object));
            }),
        }));
    }

    fn watch_namespaces(&mut self, client: &Client, needed: Needed) {
        let watch = self.add("namespaces".to_owned(), "namespaces", needed);
        let known: Arc<RwLock<Namespaces>> = Arc::default();
        self.labels = Some(Arc::clone(&known));
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
        let events = watcher::watcher(api, watcher::Config::default());
        let mut listed = BTreeMap::new();
        tokio::spawn(follow(events, watch, move |event| {
            let labels = |object: &PartialObjectMeta<Namespace>| (object.name_any(), Arc::new(object.labels().clone()));
            match event {
                Event::Init => listed.clear(),
                Event::InitApply(object) => listed.extend([labels(&object)]),
                Event::InitDone => *known.write() = std::mem::take(&mut listed),
                Event::Apply(object) => known.write().extend([labels(&object)]),
                Event::Delete(object) => {
                    known.write().remove(&object.name_any());
                }
            }
        }));
    }

    /// Whether every watch has brought all its objects; if not, which has not and why.
    ///
    /// # Errors
    /// The watches that are not ready.
    pub fn synced(&self) -> Result<(), String> {
        follow::synced(&self.watches)
    }

    /// Waits until every watch has brought all its objects, or goes on without.
    pub async fn ready(&self) {
        for watch in &self.watches {
            watch.ready().await;
        }
    }

    /// The labels of `namespace`.
    #[must_use]
    pub fn labels_of(&self, namespace: &str) -> Lookup<BTreeMap<String, String>> {
        let Some(known) = &self.labels else {
            return Lookup::Unknown;
        };
        match known.read().get(namespace) {
            Some(labels) => Lookup::Found(Arc::clone(labels)),
            // A namespace that has just been made may come here later than what is made in it.
            None => Lookup::Unknown,
        }
    }
}

/// Knows namespaces, and no other objects.
impl Lookups for Policies {
    fn deployment(&self, _: &str, _: &str) -> Lookup<FlinkDeployment> {
        Lookup::Unknown
    }
    fn session_job(&self, _: &str, _: &str) -> Lookup<FlinkSessionJob> {
        Lookup::Unknown
    }
    fn namespace_labels(&self, namespace: &str) -> Lookup<BTreeMap<String, String>> {
        self.labels_of(namespace)
    }
}

fn key(object: &DynamicObject) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// The policy, where it can be used.
fn compiled(object: &DynamicObject) -> Option<Arc<dyn Extension>> {
    let (namespace, name) = key(object);
    let kind = object.types.as_ref().map_or("policy", |types| types.kind.as_str());
    let json = serde_json::to_value(object).ok()?;
    match Policy::from_json(&json) {
        Ok(policy) => {
            tracing::info!(kind, namespace, name, "policy in force");
            Some(Arc::new(policy))
        }
        Err(violations) => {
            let reasons: Vec<String> = violations.iter().map(ToString::to_string).collect();
            tracing::error!(
                kind,
                namespace,
                name,
                "policy left out, it cannot be used: {}",
                reasons.join("; ")
            );
            None
        }
    }
}
