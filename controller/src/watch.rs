//! Watches and caches: what the API server tells, trimmed to what is read.
//!
//! One set per watched namespace, or one for the whole cluster. A standby keeps its caches warm, so that it can take
//! over at once.

use std::collections::HashMap;
use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, PodSpec, Service, ServiceSpec};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt as _, watcher as watch};
use kube::{Api, Client, Resource, ResourceExt as _};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use sluice_shared::api::{FlinkDeployment, labels};

use crate::context::OwnWrites;

/// A `FlinkDeployment`, or why it cannot be read. A malformed object must not end the watch for all others.
pub type Guarded = DeserializeGuard<FlinkDeployment>;
/// Names of resources to reconcile.
pub type Queue = UnboundedReceiver<ObjectRef<Guarded>>;

/// The caches of one watched namespace, or of all.
#[derive(Clone, Debug)]
pub struct Caches {
    /// The resources themselves.
    pub resources: Store<Guarded>,
    /// JobManager Deployments; metadata, number of replicas and status only.
    pub deployments: Store<Deployment>,
    /// JobManager pods; metadata, node name and status only.
    pub pods: Store<Pod>,
    /// Services of native clusters; metadata, ports and cluster IP only.
    pub services: Store<Service>,
    /// ConfigMaps of native clusters; metadata only.
    pub config_maps: Store<PartialObjectMeta<ConfigMap>>,
}

/// Why watches do not deliver, by what they watch. Empty when all is well.
#[derive(Clone, Debug, Default)]
pub struct WatchHealth(Arc<Mutex<HashMap<String, String>>>);

impl WatchHealth {
    /// The problems, one sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = self.0.lock().values().cloned().collect();
        problems.sort();
        problems
    }
}

/// Runs the watches of one namespace, or of all where `namespace` is absent.
#[derive(Debug)]
pub struct Watches {
    /// What they fill.
    pub caches: Caches,
    /// Which resources something happened to, while `leading` is set.
    pub queue: Queue,
    sender: UnboundedSender<ObjectRef<Guarded>>,
    leading: Arc<AtomicBool>,
}

impl Watches {
    /// Starts the watches on the current runtime. They run until the process ends.
    #[must_use]
    pub fn start(client: &Client, namespace: Option<&str>, health: &WatchHealth, own_writes: &Arc<OwnWrites>) -> Self {
        let (sender, queue) = unbounded();
        let leading = Arc::new(AtomicBool::new(false));
        let start = Start {
            client,
            namespace,
            health,
            sender: &sender,
            leading: &leading,
        };
        let native = format!("{}={}", labels::TYPE, labels::TYPE_NATIVE);
        let job_manager = format!("{native},{}={}", labels::COMPONENT, labels::COMPONENT_JOB_MANAGER);
        let caches = Caches {
            resources: start.watch::<Guarded>("flinkdeployments", None, |_| {}, unless_own(own_writes)),
            deployments: start.watch("deployments", Some(&job_manager), trim_deployment, by_label),
            pods: start.watch("pods", Some(&job_manager), trim_pod, by_label),
            services: start.watch("services", Some(&native), trim_service, by_label),
            config_maps: start.watch("configmaps", Some(&native), |_| {}, by_label),
        };
        Self {
            caches,
            queue,
            sender,
            leading,
        }
    }

    /// From now on resources are queued, beginning with all that are known.
    pub fn lead(&self) {
        self.leading.store(true, Ordering::Release);
        for object in self.caches.resources.state() {
            // The receiver is in this very struct, or in the loop that it was handed to.
            let _ = self.sender.unbounded_send(ObjectRef::from_obj(object.as_ref()));
        }
    }
}

impl Caches {
    /// Waits until every cache has been filled once.
    pub async fn ready(&self) {
        // An error means that the watch task is gone, and with it the process.
        let _ = self.resources.wait_until_ready().await;
        let _ = self.deployments.wait_until_ready().await;
        let _ = self.pods.wait_until_ready().await;
        let _ = self.services.wait_until_ready().await;
        let _ = self.config_maps.wait_until_ready().await;
    }
}

struct Start<'a> {
    client: &'a Client,
    namespace: Option<&'a str>,
    health: &'a WatchHealth,
    sender: &'a UnboundedSender<ObjectRef<Guarded>>,
    leading: &'a Arc<AtomicBool>,
}

impl Start<'_> {
    fn watch<K>(
        &self,
        plural: &str,
        label_selector: Option<&str>,
        trim: impl Fn(&mut K) + Clone + Send + 'static,
        resource: impl Fn(&K) -> Option<ObjectRef<Guarded>> + Send + 'static,
    ) -> Store<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let api: Api<K> = match self.namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        };
        let mut config = watcher::Config::default();
        if let Some(selector) = label_selector {
            config = config.labels(selector);
        }
        let (reader, writer) = reflector::store();
        let name = match self.namespace {
            Some(namespace) => format!("{plural} in namespace {namespace}"),
            None => format!("{plural} in all namespaces"),
        };
        let task = follow(
            api,
            config,
            writer,
            trim,
            resource,
            Follower {
                name,
                health: self.health.clone(),
                sender: self.sender.clone(),
                leading: self.leading.clone(),
            },
        );
        tokio::spawn(task);
        reader
    }
}

struct Follower {
    name: String,
    health: WatchHealth,
    sender: UnboundedSender<ObjectRef<Guarded>>,
    leading: Arc<AtomicBool>,
}

fn follow<K>(
    api: Api<K>,
    config: watcher::Config,
    writer: reflector::store::Writer<K>,
    trim: impl Fn(&mut K) + Clone + Send + 'static,
    resource: impl Fn(&K) -> Option<ObjectRef<Guarded>> + Send + 'static,
    follower: Follower,
) -> impl Future<Output = ()>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let stream = watch(api, config)
        .default_backoff()
        .modify(move |object| {
            object.meta_mut().managed_fields = None;
            trim(object);
        })
        .reflect(writer);
    async move {
        let mut stream = std::pin::pin!(stream);
        while let Some(event) = stream.next().await {
            match event {
                Ok(Event::Apply(object) | Event::InitApply(object) | Event::Delete(object)) => {
                    if follower.leading.load(Ordering::Acquire)
                        && let Some(name) = resource(&object)
                    {
                        // Fails only when the process is ending.
                        let _ = follower.sender.unbounded_send(name);
                    }
                }
                Ok(Event::InitDone) => {
                    follower.health.0.lock().remove(&follower.name);
                    tracing::debug!(what = follower.name, "watching");
                }
                Ok(Event::Init) => {}
                Err(error) => {
                    let problem = explain(&follower.name, &error);
                    let before = follower.health.0.lock().insert(follower.name.clone(), problem.clone());
                    if before.as_ref() != Some(&problem) {
                        tracing::error!("{problem}");
                    }
                }
            }
        }
    }
}

/// What is wrong and what to do about it. The API server's own text names verb, resource and namespace.
fn explain(name: &str, error: &watcher::Error) -> String {
    let source = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => Some(status),
        _ => None,
    };
    match source {
        Some(status) if status.code == 403 => format!(
            "no permission to watch {name}: {}; grant get, list and watch on it to this service account",
            status.message
        ),
        Some(status) if status.code == 404 => format!("{name} are unknown to the API server: are the CRDs installed?"),
        _ => format!("cannot watch {name}: {error}"),
    }
}

/// The resource that an object of a cluster belongs to: Flink labels them all with the cluster's id.
fn by_label<K: Resource<DynamicType = ()>>(object: &K) -> Option<ObjectRef<Guarded>> {
    let id = object.labels().get(labels::APP)?;
    Some(ObjectRef::new(id).within(object.namespace().as_deref().unwrap_or_default()))
}

/// The resource itself, unless its new version is this process's own work: the reconcile that wrote it has said when to
/// look again.
fn unless_own(own_writes: &Arc<OwnWrites>) -> impl Fn(&Guarded) -> Option<ObjectRef<Guarded>> + Send + 'static {
    let own_writes = own_writes.clone();
    move |object| (!own_writes.wrote(object.meta())).then(|| ObjectRef::from_obj(object))
}

fn trim_deployment(deployment: &mut Deployment) {
    let replicas = deployment.spec.take().and_then(|spec| spec.replicas);
    deployment.spec = Some(DeploymentSpec {
        replicas,
        ..DeploymentSpec::default()
    });
    if let Some(annotations) = &mut deployment.metadata.annotations {
        annotations.retain(|key, _| key == labels::GENERATION);
    }
}

fn trim_pod(pod: &mut Pod) {
    pod.metadata.annotations = None;
    let node_name = pod.spec.take().and_then(|spec| spec.node_name);
    pod.spec = Some(PodSpec {
        node_name,
        ..PodSpec::default()
    });
}

fn trim_service(service: &mut Service) {
    service.metadata.annotations = None;
    let spec = service.spec.take().unwrap_or_default();
    service.spec = Some(ServiceSpec {
        cluster_ip: spec.cluster_ip,
        ports: spec.ports,
        ..ServiceSpec::default()
    });
    service.status = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{api, status};
    use serde_json::json;

    /// An API server that lists one well-formed and one malformed resource, and nothing else.
    fn items(path: &str) -> serde_json::Value {
        if path.contains("/flinkdeployments") {
            json!([
                {"metadata": {"name": "good", "namespace": "ns", "managedFields": [{"manager": "x"}]}, "spec": {"image": "flink:1.20"}},
                {"metadata": {"name": "bad", "namespace": "ns"}, "spec": {"image": {"not": "a text"}}},
            ])
        } else {
            json!([])
        }
    }

    #[tokio::test]
    async fn one_malformed_object_does_not_hide_the_others() {
        let (client, calls) = api(|_, path, _| {
            (
                200,
                json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items(path)}),
            )
        });
        let mut watches = Watches::start(&client, Some("ns"), &WatchHealth::default(), &Arc::default());
        watches.caches.ready().await;
        let get = |name: &str| {
            watches
                .caches
                .resources
                .get(&ObjectRef::new(name).within("ns"))
                .expect("in the cache")
        };
        let good = get("good");
        assert!(good.0.as_ref().is_ok_and(|good| good.metadata.managed_fields.is_none()));
        assert!(
            get("bad")
                .0
                .as_ref()
                .is_err_and(|bad| bad.metadata.name.as_deref() == Some("bad"))
        );
        assert!(
            calls.all().iter().all(|call| call.line.contains("/namespaces/ns/")),
            "only the watched namespace"
        );

        watches.lead();
        let mut queued =
            [watches.queue.next().await, watches.queue.next().await].map(|name| name.expect("queued").name);
        queued.sort();
        assert_eq!(queued, ["bad", "good"], "a new leader looks at everything");
    }

    #[tokio::test]
    async fn a_missing_permission_is_named() {
        let message =
            "flinkdeployments.flink.apache.org is forbidden: User \"u\" cannot list resource \"flinkdeployments\"";
        let (client, _) = api(move |_, _, _| {
            let (code, mut body) = status(403, "Forbidden");
            body["message"] = json!(message);
            (code, body)
        });
        let health = WatchHealth::default();
        let _watches = Watches::start(&client, Some("ns"), &health, &Arc::default());
        let problems = loop {
            let problems = health.problems();
            if problems.len() == 5 {
                break problems;
            }
            tokio::task::yield_now().await;
        };
        assert!(
            problems
                .iter()
                .any(|p| p.contains("watch flinkdeployments in namespace ns") && p.contains(message)),
            "{problems:?}"
        );
    }
}
