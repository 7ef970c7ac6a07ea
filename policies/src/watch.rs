//! The policies of a cluster, as they change.
//!
//! Every change replaces what the source `cel` has in [`Extensions`]. A policy that cannot be compiled is left out with
//! a line in the log: the webhook refuses such ones when they are written, so there is one only where none was running.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
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
use tokio::sync::watch;

use crate::SOURCE;
use crate::policy::Policy;

/// First and longest pause after a watch failed.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// Pause before the API server is asked again for a kind that it does not know.
const NOT_INSTALLED: Duration = Duration::from_secs(30);

/// What follows where the API server does not let this process see the policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// It is not ready: for the webhook, which would let pass what a policy refuses.
    Wait,
    /// It goes on without: for the controller, which must not stop working for it.
    GoOn,
}

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

/// How a watch stands.
#[derive(Debug)]
struct Watch {
    /// Resource and place, for people.
    what: String,
    /// Resource as RBAC names it.
    resource: &'static str,
    forbidden: Forbidden,
    synced: watch::Sender<bool>,
    problem: RwLock<Option<String>>,
}

/// Namespace and name.
type Key = (String, String);

/// All policies, by watch.
struct Book {
    extensions: Arc<Extensions>,
    policies: Mutex<BTreeMap<usize, ByName>>,
}

type ByName = BTreeMap<Key, Arc<dyn Extension>>;

impl Book {
    fn change(&self, watch: usize, change: impl FnOnce(&mut ByName)) {
        let mut policies = self.policies.lock();
        change(policies.entry(watch).or_default());
        let all = policies.values().flat_map(BTreeMap::values).map(Arc::clone).collect();
        // Within the lock, so that an older state never follows a newer one.
        self.extensions.replace(SOURCE, all);
    }
}

impl Policies {
    /// Starts to watch on the current runtime: cluster policies, the policies of `namespaces` or of all where that is
    /// empty, and the labels of namespaces where all are watched. Policies go into `extensions`.
    #[must_use]
    pub fn start(client: &Client, namespaces: &[String], extensions: Arc<Extensions>, forbidden: Forbidden) -> Self {
        let book = Arc::new(Book {
            extensions,
            policies: Mutex::default(),
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
        policies.watch_policies(api, name, name.to_owned(), &book, forbidden);
        let local = resource(FlinkPolicy::KIND, FlinkPolicy::PLURAL);
        let name = "flinkpolicies.sluice.flink.apache.org";
        for namespace in namespaces {
            let api = Api::namespaced_with(client.clone(), namespace, &local);
            policies.watch_policies(api, name, format!("{name} in namespace {namespace}"), &book, forbidden);
        }
        if namespaces.is_empty() {
            let api = Api::all_with(client.clone(), &local);
            policies.watch_policies(api, name, format!("{name} in all namespaces"), &book, forbidden);
            policies.watch_namespaces(client, forbidden);
        }
        policies
    }

    fn add(&mut self, what: String, resource: &'static str, forbidden: Forbidden) -> Arc<Watch> {
        let watch = Arc::new(Watch {
            what,
            resource,
            forbidden,
            synced: watch::Sender::new(false),
            problem: RwLock::default(),
        });
        self.watches.push(Arc::clone(&watch));
        watch
    }

    fn watch_policies(
        &mut self,
        api: Api<DynamicObject>,
        resource: &'static str,
        what: String,
        book: &Arc<Book>,
        forbidden: Forbidden,
    ) {
        let number = self.watches.len();
        let watch = self.add(what, resource, forbidden);
        let book = Arc::clone(book);
        let mut listed = BTreeMap::new();
        let events = watcher::watcher(api, watcher::Config::default());
        tokio::spawn(follow(events, watch, move |event| match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => listed.extend(compiled(&object)),
            Event::InitDone => {
                let listed = std::mem::take(&mut listed);
                book.change(number, |policies| *policies = listed);
            }
            Event::Apply(object) => {
                let compiled = compiled(&object);
                book.change(number, |policies| {
                    policies.remove(&key(&object));
                    policies.extend(compiled);
                });
            }
            Event::Delete(object) => book.change(number, |policies| {
                policies.remove(&key(&object));
            }),
        }));
    }

    fn watch_namespaces(&mut self, client: &Client, forbidden: Forbidden) {
        let watch = self.add("namespaces".to_owned(), "namespaces", forbidden);
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
        let missing: Vec<String> = self
            .watches
            .iter()
            .filter(|watch| !*watch.synced.borrow())
            .map(|watch| match watch.problem.read().as_deref() {
                Some(problem) => problem.to_owned(),
                None => format!("{}: not listed yet", watch.what),
            })
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(missing.join("; "))
        }
    }

    /// Waits until every watch has brought all its objects, or goes on without.
    pub async fn ready(&self) {
        for watch in &self.watches {
            // Fails only where the watch is gone, and with it the process.
            let _ = watch.synced.subscribe().wait_for(|synced| *synced).await;
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

fn compiled(object: &DynamicObject) -> Option<(Key, Arc<dyn Extension>)> {
    let (namespace, name) = key(object);
    let kind = object.types.as_ref().map_or("policy", |types| types.kind.as_str());
    let json = serde_json::to_value(object).ok()?;
    match Policy::from_json(&json) {
        Ok(policy) => {
            tracing::info!(kind, namespace, name, "policy in force");
            Some(((namespace, name), Arc::new(policy)))
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

/// Follows a watch for ever.
async fn follow<K: Debug>(
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send,
    watch: Arc<Watch>,
    mut apply: impl FnMut(Event<K>) + Send,
) {
    let mut events = std::pin::pin!(events);
    let mut pause = RETRY.0;
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                pause = RETRY.0;
                let done = matches!(event, Event::InitDone);
                apply(event);
                if done {
                    *watch.problem.write() = None;
                    watch.synced.send_replace(true);
                }
            }
            Err(error) => {
                let code = code(&error);
                let problem = watch.explain(code, &error);
                let before = watch.problem.write().replace(problem.clone());
                if before.as_ref() != Some(&problem) {
                    tracing::warn!("{problem}");
                }
                // Who has no such kind has no policies.
                if code == Some(404) || (code == Some(403) && watch.forbidden == Forbidden::GoOn) {
                    watch.synced.send_replace(true);
                }
                tokio::time::sleep(if code == Some(404) { NOT_INSTALLED } else { pause }).await;
                pause = (pause * 2).min(RETRY.1);
            }
        }
    }
}

fn code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

impl Watch {
    fn explain(&self, code: Option<u16>, error: &watcher::Error) -> String {
        let what = &self.what;
        match code {
            Some(404) => format!(
                "{what}: the CRD is not installed, so there are no policies of this kind; apply the chart's crds folder \
                 to use them"
            ),
            Some(403) => format!(
                "no permission: cannot list and watch {what}; this service account needs the verbs \"get\", \"list\" and \
                 \"watch\" on \"{}\" there (the chart's roles grant them)",
                self.resource
            ),
            _ => format!("cannot watch {what}: {error}"),
        }
    }
}
