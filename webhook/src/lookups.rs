//! What rules need to know of other objects: session clusters and the jobs that snapshots refer to.
//!
//! A look-up never leaves the process. Objects come from watches, or from a file when there is no cluster, and only the
//! fields that rules read are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::store::{Writer, store};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Resource};
use parking_lot::RwLock;
use serde::de::DeserializeOwned;
use sluice_policies::follow::{self, Needed, Watch, follow};
use sluice_policies::watch::Policies;
use sluice_shared::api::{
    FlinkDeployment, FlinkDeploymentSpec, FlinkSessionJob, FlinkSessionJobSpec, JobManagerSpec, PodTemplate,
    TaskManagerSpec,
};
use sluice_shared::rules::{self, Lookup};

/// A kind that is looked up.
pub trait Looked:
    Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + Unpin + 'static
{
    /// Resource as RBAC names it.
    const RESOURCE: &'static str;
    /// `self` with only what rules read.
    #[must_use]
    fn trimmed(self) -> Self;
}

impl Looked for FlinkDeployment {
    const RESOURCE: &'static str = "flinkdeployments.flink.apache.org";
    fn trimmed(self) -> Self {
        let mounts = |template: Option<PodTemplate>| template.as_ref().map(rules::without_most);
        Self {
            metadata: identity(self.metadata),
            spec: FlinkDeploymentSpec {
                pod_template: mounts(self.spec.pod_template),
                job_manager: self.spec.job_manager.map(|jm| JobManagerSpec {
                    pod_template: mounts(jm.pod_template),
                    ..JobManagerSpec::default()
                }),
                task_manager: self.spec.task_manager.map(|tm| TaskManagerSpec {
                    pod_template: mounts(tm.pod_template),
                    ..TaskManagerSpec::default()
                }),
                job: self.spec.job,
                flink_configuration: self.spec.flink_configuration,
                flink_version: self.spec.flink_version,
                mode: self.spec.mode,
                ..FlinkDeploymentSpec::default()
            },
            status: None,
            ..self
        }
    }
}

impl Looked for FlinkSessionJob {
    const RESOURCE: &'static str = "flinksessionjobs.flink.apache.org";
    fn trimmed(self) -> Self {
        Self {
            metadata: identity(self.metadata),
            spec: FlinkSessionJobSpec {
                deployment_name: self.spec.deployment_name,
                ..FlinkSessionJobSpec::default()
            },
            status: None,
            ..self
        }
    }
}

fn identity(metadata: ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        name: metadata.name,
        namespace: metadata.namespace,
        resource_version: metadata.resource_version,
        ..ObjectMeta::default()
    }
}

/// The objects that rules may ask for.
#[derive(Default)]
pub struct Lookups {
    deployments: Vec<Store<FlinkDeployment>>,
    session_jobs: Vec<Store<FlinkSessionJob>>,
    watches: Vec<Arc<Watch>>,
    /// By watch.
    unreadable: Vec<Arc<Unreadable>>,
    policies: Option<Arc<Policies>>,
}

impl Debug for Lookups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookups")
            .field("watches", &self.watches)
            .finish_non_exhaustive()
    }
}

/// Namespace and name of objects that exist but cannot be read.
type Unreadable = RwLock<BTreeSet<(String, String)>>;

/// `--objects` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// The file cannot be read.
    #[error("cannot read --objects {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// Not YAML.
    #[error("--objects {path} is no YAML: {reason}")]
    Yaml {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// A document cannot be read as its kind.
    #[error("--objects {path}, document {document} ({kind}): {reason}")]
    Object {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        document: usize,
        /// Its kind.
        kind: String,
        /// What is wrong.
        reason: String,
    },
}

impl Lookups {
    /// No objects at all.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The objects of the cluster, in `namespaces` or in all where that is empty. Starts the watches.
    #[must_use]
    pub fn watching(client: &Client, namespaces: &[String]) -> Self {
        let mut lookups = Self::default();
        lookups.deployments = lookups.watch(client, namespaces);
        lookups.session_jobs = lookups.watch(client, namespaces);
        lookups
    }

    /// With the labels of namespaces, which `policies` watches.
    #[must_use]
    pub fn with_policies(self, policies: Option<Arc<Policies>>) -> Self {
        Self { policies, ..self }
    }

    fn watch<K>(&mut self, client: &Client, namespaces: &[String]) -> Vec<Store<K>>
    where
        K: Looked + Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    {
        let scopes: Vec<Option<&String>> = if namespaces.is_empty() {
            vec![None]
        } else {
            namespaces.iter().map(Some).collect()
        };
        scopes
            .into_iter()
            .map(|namespace| {
                let (api, scope) = match namespace {
                    Some(namespace) => (
                        Api::namespaced(client.clone(), namespace),
                        format!("namespace {namespace}"),
                    ),
                    None => (Api::all(client.clone()), "all namespaces".to_owned()),
                };
                let (reader, mut writer) = store();
                let watch = Watch::new(format!("{} in {scope}", K::RESOURCE), K::RESOURCE, Needed::Always);
                self.watches.push(Arc::clone(&watch));
                let events = watcher::watcher(api, watcher::Config::default());
                let unreadable: Arc<Unreadable> = Arc::default();
                self.unreadable.push(Arc::clone(&unreadable));
                tokio::spawn(follow(events, watch, move |event| {
                    keep(event, &mut writer, &unreadable);
                }));
                reader
            })
            .collect()
    }

    /// The objects in a file of YAML documents, those of other kinds left out.
    ///
    /// # Errors
    /// When the file cannot be read or an object in it does not fit its kind.
    pub fn from_file(path: &Path) -> Result<Self, ObjectsError> {
        let text = std::fs::read_to_string(path).map_err(|source| ObjectsError::Read {
            path: path.to_owned(),
            source,
        })?;
        let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&text).map_err(|e| ObjectsError::Yaml {
            path: path.to_owned(),
            reason: e.to_string(),
        })?;
        let (deployments, mut deployment_writer) = store();
        let (session_jobs, mut session_job_writer) = store();
        for (index, document) in documents.into_iter().enumerate() {
            let kind = document
                .get("kind")
                .and_then(|k| k.as_str())
                .unwrap_or_default()
                .to_owned();
            let failed = |e: serde_json::Error| ObjectsError::Object {
                path: path.to_owned(),
                document: index + 1,
                kind: kind.clone(),
                reason: e.to_string(),
            };
            match kind.as_str() {
                FlinkDeployment::KIND => put(&mut deployment_writer, document).map_err(failed)?,
                FlinkSessionJob::KIND => put(&mut session_job_writer, document).map_err(failed)?,
                _ => {}
            }
        }
        Ok(Self {
            deployments: vec![deployments],
            session_jobs: vec![session_jobs],
            ..Self::default()
        })
    }

    fn find<K: Looked>(&self, stores: &[Store<K>], namespace: &str, name: &str) -> Lookup<K> {
        let key = ObjectRef::new(name).within(namespace);
        match stores.iter().find_map(|store| store.get(&key)) {
            Some(object) => Lookup::Found(object),
            // Where nothing is looked up, or not all of it has come yet, absence means nothing.
            None if stores.is_empty() || self.synced().is_err() || self.exists_unreadable(namespace, name) => {
                Lookup::Unknown
            }
            None => Lookup::Missing,
        }
    }

    fn exists_unreadable(&self, namespace: &str, name: &str) -> bool {
        let key = (namespace.to_owned(), name.to_owned());
        self.unreadable
            .iter()
            .any(|unreadable| unreadable.read().contains(&key))
    }

    /// Whether every watch has brought all its objects; if not, which has not and why.
    ///
    /// # Errors
    /// The watches that are not ready.
    pub fn synced(&self) -> Result<(), String> {
        follow::synced(&self.watches)
    }
}

impl rules::Lookups for Lookups {
    fn deployment(&self, namespace: &str, name: &str) -> Lookup<FlinkDeployment> {
        self.find(&self.deployments, namespace, name)
    }

    fn session_job(&self, namespace: &str, name: &str) -> Lookup<FlinkSessionJob> {
        self.find(&self.session_jobs, namespace, name)
    }

    fn namespace_labels(&self, namespace: &str) -> Lookup<BTreeMap<String, String>> {
        match &self.policies {
            Some(policies) => policies.labels_of(namespace),
            None => Lookup::Unknown,
        }
    }
}

/// Objects of a file have the namespace `default` where they name none, as kubectl has it.
fn put<K: Looked>(writer: &mut Writer<K>, document: serde_json::Value) -> serde_json::Result<()> {
    let mut object: K = serde_json::from_value(document)?;
    object.meta_mut().namespace.get_or_insert_with(|| "default".to_owned());
    writer.apply_watcher_event(&Event::Apply(object.trimmed()));
    Ok(())
}

/// Keeps what a watch brings. What cannot be read is left out: one odd object must not end the watch.
fn keep<K: Looked>(event: Event<DeserializeGuard<K>>, writer: &mut Writer<K>, unreadable: &Unreadable) {
    let event = match event {
        Event::Apply(object) => readable(object, unreadable).map(Event::Apply),
        Event::InitApply(object) => readable(object, unreadable).map(Event::InitApply),
        Event::Delete(object) => {
            unreadable.write().remove(&key(object.meta()));
            object.0.ok().map(Event::Delete)
        }
        Event::Init => {
            unreadable.write().clear();
            Some(Event::Init)
        }
        Event::InitDone => Some(Event::InitDone),
    };
    if let Some(event) = event {
        writer.apply_watcher_event(&event);
    }
}

/// The object as it is kept, or a note that there is one that cannot be read.
fn readable<K: Looked>(object: DeserializeGuard<K>, unreadable: &Unreadable) -> Option<K> {
    let key = key(object.meta());
    if let Ok(object) = object.0 {
        unreadable.write().remove(&key);
        return Some(object.trimmed());
    }
    tracing::warn!(
        "{} {}/{} cannot be read and is left out of look-ups",
        K::RESOURCE,
        key.0,
        key.1
    );
    unreadable.write().insert(key);
    None
}

fn key(metadata: &ObjectMeta) -> (String, String) {
    (
        metadata.namespace.clone().unwrap_or_default(),
        metadata.name.clone().unwrap_or_default(),
    )
}
