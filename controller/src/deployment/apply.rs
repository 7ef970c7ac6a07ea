//! All writes: the finalizer, the status, the actions in order, the events.
//!
//! The status is replaced as a whole (PUT), with the resource version that the decision was made from. One request, no
//! field of an earlier writer stays behind, and a decision made from an outdated version is refused rather than mixed
//! in; server-side apply would leave fields that another manager (the Java operator) owns.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::core::PartialObjectMeta;
use kube::{Api, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use sluice_shared::api::labels::{self, DEPLOYMENT_FINALIZER};
use sluice_shared::api::{API_VERSION, FlinkDeployment, FlinkDeploymentStatus, GROUP, VERSION, without_nulls};

use super::model::{Action, Decision, FinalizerChange, Launch, Millis, Refusal, Source};
use super::observe::endpoint;
use super::valid::Checked;
use crate::cluster::{BuildError, NativeCluster, OwnedObjects};
use crate::context::Context;
use crate::events;

/// Field manager of all writes.
pub const FIELD_MANAGER: &str = "sluice-controller";
/// How long Flink may take to accept a cancellation before the cluster is deleted anyway.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// A write failed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The resource was changed since it was read. It is looked at again.
    #[error("the resource was changed meanwhile")]
    Conflict,
    /// This process does not lead any more.
    #[error("this process does not lead any more")]
    NotLeading,
    /// The API server refused.
    #[error("cannot {what}: {}", worded(.source))]
    Api {
        /// What was attempted, with names.
        what: String,
        /// The API server's answer.
        source: Box<kube::Error>,
    },
    /// The objects cannot be built.
    #[error("the cluster's objects cannot be built: {0}")]
    Build(#[from] BuildError),
    /// The spec to start is not valid.
    #[error("the spec is not valid: {}", .0.0)]
    Spec(Refusal),
}

/// What came of the actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All done.
    Done,
    /// Something is in the way; look again.
    Wait,
}

/// Everything that is needed to carry a decision out.
#[derive(Clone, Copy, Debug)]
pub struct Apply<'a> {
    /// What reconciles share.
    pub context: &'a Context,
    /// The resource, in the version that the decision was made from.
    pub resource: &'a FlinkDeployment,
    /// Its own spec.
    pub desired: &'a Result<Checked, Refusal>,
    /// The spec that was deployed last.
    pub deployed: Option<&'a Result<Checked, Refusal>>,
    /// The present.
    pub now: Millis,
}

impl Apply<'_> {
    /// Carries `decision` out.
    ///
    /// # Errors
    /// At the first write that fails. What was done stays done; the next reconcile goes on from there.
    pub async fn run(&self, decision: &Decision) -> Result<Outcome, ApplyError> {
        let mut current = self.resource.clone();
        if decision.finalizer == FinalizerChange::Add {
            current = self.set_finalizer(&current, true).await?;
        }
        if current.status.as_ref() != Some(&decision.status) {
            current = self.write_status(&current, &decision.status).await?;
        }
        let mut outcome = Outcome::Done;
        for action in &decision.actions {
            self.leading()?;
            tracing::info!(namespace = self.namespace(), name = self.name(), "{action}");
            outcome = self.act(action).await?;
            if outcome == Outcome::Wait {
                break;
            }
        }
        for event in &decision.events {
            tracing::info!(
                namespace = self.namespace(),
                name = self.name(),
                "{}: {}",
                event.reason,
                event.message
            );
            events::publish(&self.context.shared.client, self.resource, event, self.now).await;
        }
        if decision.finalizer == FinalizerChange::Remove && outcome == Outcome::Done {
            self.set_finalizer(&current, false).await?;
            if let Some(uid) = &current.metadata.uid {
                self.context.shared.forget(uid);
            }
        }
        Ok(outcome)
    }

    fn name(&self) -> String {
        self.resource.name_any()
    }

    fn namespace(&self) -> String {
        self.resource.namespace().unwrap_or_default()
    }

    fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.context.shared.client.clone(), &self.namespace())
    }

    fn leading(&self) -> Result<(), ApplyError> {
        if self.context.shared.leadership.holds() {
            Ok(())
        } else {
            Err(ApplyError::NotLeading)
        }
    }

    async fn set_finalizer(&self, current: &FlinkDeployment, present: bool) -> Result<FlinkDeployment, ApplyError> {
        self.leading()?;
        let mut finalizers = current.metadata.finalizers.clone().unwrap_or_default();
        finalizers.retain(|f| f != DEPLOYMENT_FINALIZER);
        if present {
            finalizers.push(DEPLOYMENT_FINALIZER.to_owned());
        }
        let version = current.metadata.resource_version.clone().unwrap_or_default();
        let patch = json!({ "metadata": { "finalizers": finalizers, "resourceVersion": version } });
        let api: Api<FlinkDeployment> = self.api();
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let result = api.patch(&self.name(), &parameters, &Patch::Merge(patch)).await;
        if !present && matches!(&result, Err(error) if status_code(error) == Some(404)) {
            return Ok(current.clone());
        }
        let written = result.map_err(|e| failed(format!("set the finalizer of {}", self.title()), e))?;
        self.context.shared.own_writes.note(&version, &written);
        Ok(written)
    }

    /// Replaces the status of `current`.
    ///
    /// # Errors
    /// [`ApplyError::Conflict`] when the resource was changed since.
    pub async fn write_status(
        &self,
        current: &FlinkDeployment,
        status: &FlinkDeploymentStatus,
    ) -> Result<FlinkDeployment, ApplyError> {
        self.leading()?;
        let what = || format!("write the status of {}", self.title());
        let metadata = &current.metadata;
        let version = metadata.resource_version.clone().unwrap_or_default();
        // The API server takes nothing but metadata and status from this request, so nothing else is sent.
        let body = json!({
            "apiVersion": API_VERSION,
            "kind": FlinkDeployment::KIND,
            "metadata": {
                "name": self.name(),
                "namespace": self.namespace(),
                "uid": metadata.uid,
                "resourceVersion": version,
            },
            "status": without_nulls(json!(status)),
        });
        let uri = format!(
            "/apis/{GROUP}/{VERSION}/namespaces/{}/{}/{}/status?fieldManager={FIELD_MANAGER}",
            self.namespace(),
            FlinkDeployment::PLURAL,
            self.name(),
        );
        let request = http::Request::put(uri)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body.to_string().into_bytes())
            .map_err(|e| failed(what(), kube::Error::HttpError(e)))?;
        let written: FlinkDeployment = self
            .context
            .shared
            .client
            .request(request)
            .await
            .map_err(|e| failed(what(), e))?;
        self.context.shared.own_writes.note(&version, &written);
        Ok(written)
    }

    fn title(&self) -> String {
        format!("FlinkDeployment {}/{}", self.namespace(), self.name())
    }

    async fn act(&self, action: &Action) -> Result<Outcome, ApplyError> {
        match action {
            Action::CancelJob { job_id } => {
                if let Some(endpoint) = endpoint(self.context, self.resource) {
                    let cancel = self.context.shared.flink.cancel(&endpoint, job_id);
                    match tokio::time::timeout(CANCEL_TIMEOUT, cancel).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => tracing::info!(name = self.name(), "not cancelled, deleted instead: {error}"),
                        Err(_) => tracing::info!(name = self.name(), "not cancelled in time, deleted instead"),
                    }
                }
                Ok(Outcome::Done)
            }
            Action::ScaleDownJobManager { uid } => self.scale_down(uid).await,
            Action::DeleteJobManager { uid } => self.delete_job_manager(uid).await,
            Action::DeleteHaMetadata => self.delete_ha_metadata().await,
            Action::CreateCluster(launch) => self.create(launch).await,
            Action::CompleteCluster { uid, launch } => {
                let cluster = self.cluster(launch)?;
                self.complete(&cluster, uid).await
            }
        }
    }

    async fn scale_down(&self, uid: &str) -> Result<Outcome, ApplyError> {
        let api: Api<Deployment> = self.api();
        // The uid in the patch is a precondition.
        let patch = json!({ "metadata": { "uid": uid }, "spec": { "replicas": 0 } });
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        match api.patch(&self.name(), &parameters, &Patch::Merge(patch)).await {
            Ok(_) => Ok(Outcome::Done),
            // Gone, or another one has its name by now.
            Err(error) if matches!(status_code(&error), Some(404 | 409)) => Ok(Outcome::Done),
            Err(error) => Err(failed(format!("scale Deployment {}", self.name()), error)),
        }
    }

    async fn delete_job_manager(&self, uid: &str) -> Result<Outcome, ApplyError> {
        let api: Api<Deployment> = self.api();
        let parameters = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Foreground),
            preconditions: Some(Preconditions {
                uid: Some(uid.to_owned()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        match api.delete(&self.name(), &parameters).await {
            Ok(_) => {}
            // Gone, or another one has its name by now.
            Err(error) if matches!(status_code(&error), Some(404 | 409)) => {}
            Err(error) => return Err(failed(format!("delete Deployment {}", self.name()), error)),
        }
        if let Some(endpoint) = endpoint(self.context, self.resource) {
            self.context.shared.flink.forget(&endpoint);
        }
        Ok(Outcome::Done)
    }

    async fn delete_ha_metadata(&self) -> Result<Outcome, ApplyError> {
        let selector = format!(
            "{}={},{}={},configmap-type=high-availability",
            labels::TYPE,
            labels::TYPE_NATIVE,
            labels::APP,
            self.name()
        );
        let api: Api<ConfigMap> = self.api();
        let parameters = ListParams::default().labels(&selector);
        api.delete_collection(&DeleteParams::default(), &parameters)
            .await
            .map_err(|e| {
                failed(
                    format!("delete the high-availability ConfigMaps of {}", self.title()),
                    e,
                )
            })?;
        Ok(Outcome::Done)
    }

    fn cluster(&self, launch: &Launch) -> Result<NativeCluster, ApplyError> {
        let checked = match (launch.source, self.deployed) {
            (Source::Desired, _) => self.desired,
            (Source::Deployed, Some(deployed)) => deployed,
            (Source::Deployed, None) => return Err(ApplyError::Spec(Refusal("nothing was deployed yet".to_owned()))),
        };
        let checked = checked.as_ref().map_err(|refusal| ApplyError::Spec(refusal.clone()))?;
        Ok(checked.cluster(&self.context.shared.defaults, Some(launch))?)
    }

    /// S1: created, never applied, and only after the API server itself has said that nothing of an older JobManager
    /// is left; caches may be behind.
    async fn create(&self, launch: &Launch) -> Result<Outcome, ApplyError> {
        let cluster = self.cluster(launch)?;
        let name = self.name();
        let api: Api<Deployment> = self.api();
        let existing = api
            .get_opt(&name)
            .await
            .map_err(|e| failed(format!("read Deployment {name}"), e))?;
        if let Some(existing) = existing {
            return self.take_over(&existing, launch, &cluster).await;
        }
        if self.old_pods_left().await? {
            return Ok(Outcome::Wait);
        }
        self.leading()?;
        let parameters = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        let created = match api.create(&parameters, &cluster.deployment).await {
            Ok(created) => created,
            Err(error) if status_code(&error) == Some(409) => return Ok(Outcome::Wait),
            Err(error) => return Err(failed(format!("create Deployment {name}"), error)),
        };
        let uid = created.metadata.uid.unwrap_or_default();
        self.complete(&cluster, &uid).await
    }

    /// The Deployment is there already: a creation whose answer was lost, or something foreign.
    async fn take_over(
        &self,
        existing: &Deployment,
        launch: &Launch,
        cluster: &NativeCluster,
    ) -> Result<Outcome, ApplyError> {
        let metadata = &existing.metadata;
        let owners = metadata.owner_references.as_deref().unwrap_or_default();
        let owned = owners
            .iter()
            .any(|o| Some(&o.uid) == self.resource.metadata.uid.as_ref());
        let generation = launch.generation.to_string();
        let ours = owned
            && metadata.deletion_timestamp.is_none()
            && existing.annotations().get(labels::GENERATION) == Some(&generation);
        if ours {
            let uid = metadata.uid.clone().unwrap_or_default();
            return self.complete(cluster, &uid).await;
        }
        if !owned && existing.labels().get(labels::TYPE).map(String::as_str) != Some(labels::TYPE_NATIVE) {
            // No watch shows it; the next look asks for it by name.
            self.context
                .shared
                .conflicts
                .lock()
                .insert((self.namespace(), self.name()));
        }
        Ok(Outcome::Wait)
    }

    async fn old_pods_left(&self) -> Result<bool, ApplyError> {
        let selector = format!(
            "{}={},{}={},{}={}",
            labels::TYPE,
            labels::TYPE_NATIVE,
            labels::APP,
            self.name(),
            labels::COMPONENT,
            labels::COMPONENT_JOB_MANAGER
        );
        let parameters = ListParams::default().labels(&selector);
        let live = parameters
            .clone()
            .fields("status.phase!=Succeeded,status.phase!=Failed");
        let pods: Api<PartialObjectMeta<Pod>> = self.api();
        let replica_sets: Api<PartialObjectMeta<ReplicaSet>> = self.api();
        let (pods, replica_sets) = tokio::join!(pods.list(&live), replica_sets.list(&parameters));
        let pods = pods.map_err(|e| failed("list JobManager pods".to_owned(), e))?;
        // A ReplicaSet that outlived its Deployment would start another JobManager.
        let replica_sets = replica_sets.map_err(|e| failed("list JobManager ReplicaSets".to_owned(), e))?;
        let left: Vec<String> = pods
            .items
            .iter()
            .map(|pod| format!("Pod {}", pod.name_any()))
            .chain(
                replica_sets
                    .items
                    .iter()
                    .map(|set| format!("ReplicaSet {}", set.name_any())),
            )
            .collect();
        if !left.is_empty() {
            tracing::info!(
                name = self.name(),
                "nothing new is started before {} is gone",
                left.join(", ")
            );
        }
        Ok(!left.is_empty())
    }

    /// Applies everything that belongs to the Deployment of `uid`.
    async fn complete(&self, cluster: &NativeCluster, uid: &str) -> Result<Outcome, ApplyError> {
        self.leading()?;
        let OwnedObjects { services, config_maps } = cluster.owned_objects(uid);
        let services = services.iter().map(|object| self.apply("Service", object));
        let config_maps = config_maps.iter().map(|object| self.apply("ConfigMap", object));
        let (services, config_maps) = tokio::join!(
            futures::future::try_join_all(services),
            futures::future::try_join_all(config_maps)
        );
        services?;
        config_maps?;
        Ok(Outcome::Done)
    }

    async fn apply<K>(&self, kind: &str, object: &K) -> Result<(), ApplyError>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
            + Clone
            + Debug
            + Serialize
            + DeserializeOwned,
    {
        let name = object.name_any();
        let api: Api<K> = self.api();
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        api.patch(&name, &parameters, &Patch::Apply(object))
            .await
            .map_err(|e| failed(format!("apply {kind} {name}"), e))?;
        self.context
            .shared
            .recent
            .note(&self.namespace(), format!("{kind} {name}"));
        Ok(())
    }
}

/// The API server's own words, which name verb, resource and namespace where a permission is missing.
fn worded(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

fn status_code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

fn failed(what: String, error: kube::Error) -> ApplyError {
    match &error {
        // A status or finalizer made from an outdated version, or of a resource that is gone.
        kube::Error::Api(status) if status.code == 409 && status.reason == "Conflict" => ApplyError::Conflict,
        _ => ApplyError::Api {
            what,
            source: Box::new(error),
        },
    }
}

#[cfg(test)]
mod tests;
