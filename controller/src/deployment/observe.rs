//! All reads: the caches first, then Flink.

use std::collections::HashSet;
use std::net::IpAddr;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Pod, Service};
use kube::api::ListParams;
use kube::runtime::reflector::ObjectRef;
use kube::{Api, ResourceExt};
use sluice_shared::api::FlinkDeployment;
use sluice_shared::api::labels;
use sluice_shared::api::status::{FlinkJobState, JobManagerDeploymentStatus};

use super::checkpoints;
use super::exceptions;
use super::model::{FlinkView, JobManager, JobManagerPod, Millis, Observation, Rest, Trouble};
use super::status::StatusExt;
use super::trouble;
use super::valid::Checked;
use crate::context::Context;
use crate::flink::{Endpoint, RestError};

/// How long after its creation a pod may wait for its node before the Events are asked why.
const MOUNT_GRACE: Millis = 2_000;
/// A mount that failed once may only have been too early: the pod is created before the ConfigMap that it mounts.
const MOUNT_ATTEMPTS: i32 = 2;
/// A condition that changed this soon after the Deployment's creation was set by it.
const CREATION_GRACE: Millis = 2_000;
/// Port of the REST Service where the Service does not name one (option `rest.port`).
const REST_PORT: u16 = 8081;

/// Everything that is known of `resource`'s cluster.
pub async fn observe(
    context: &Context,
    resource: &FlinkDeployment,
    deployed: Option<&Checked>,
    now: Millis,
) -> Observation {
    let name = resource.name_any();
    let namespace = resource.namespace().unwrap_or_default();
    let caches = &context.caches;
    let mut job_manager = caches
        .deployments
        .get(&ObjectRef::new(&name).within(&namespace))
        .map(|deployment| job_manager(&deployment, resource));
    if job_manager.is_none()
        && context
            .shared
            .conflicts
            .lock()
            .contains(&(namespace.clone(), name.clone()))
    {
        job_manager = unlabelled(context, resource).await;
    }
    let is_part = |labels: &std::collections::BTreeMap<String, String>| labels.get(labels::APP) == Some(&name);
    let pods = caches
        .pods
        .state_filter(|pod| pod.namespace().as_deref() == Some(&namespace) && is_part(pod.labels()));
    let mut summaries = Vec::with_capacity(pods.len());
    for pod in &pods {
        let mut summary = trouble::summary(pod);
        if summary.trouble.is_none() && trouble::waits_for_its_node(pod) && age(pod, now) > MOUNT_GRACE {
            summary.trouble = failed_mount(context, pod).await;
        }
        summaries.push(summary);
    }
    let config_maps = caches
        .config_maps
        .state_filter(|map| map.namespace().as_deref() == Some(&namespace) && is_part(map.labels()));
    let ha_metadata = config_maps
        .iter()
        .any(|map| map.metadata.deletion_timestamp.is_none() && is_ha_metadata(&map.name_any()));
    let here: HashSet<String> = config_maps.iter().map(|map| map.name_any()).collect();
    let live = job_manager.as_ref().is_some_and(|jm| jm.owned && !jm.terminating);
    let missing = if live {
        missing(context, deployed, &namespace, &here)
    } else {
        Vec::new()
    };
    let rest = if live {
        ask(context, resource, deployed, &summaries, now).await
    } else {
        Rest::NotAsked
    };
    Observation {
        job_manager,
        pods: summaries,
        missing,
        ha_metadata,
        rest,
    }
}

fn job_manager(deployment: &Deployment, resource: &FlinkDeployment) -> JobManager {
    let metadata = &deployment.metadata;
    let status = deployment.status.as_ref();
    let conditions = status.and_then(|s| s.conditions.as_deref()).unwrap_or_default();
    let created = metadata.creation_timestamp.as_ref().map(|t| t.0.as_millisecond());
    let ever_available = conditions.iter().find(|c| c.type_ == "Available").is_some_and(|c| {
        let changed = c.last_transition_time.as_ref().map(|t| t.0.as_millisecond());
        let at_creation = changed
            .zip(created)
            .is_some_and(|(changed, created)| changed - created <= CREATION_GRACE);
        c.status == "True" || !at_creation
    });
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    JobManager {
        uid: metadata.uid.clone().unwrap_or_default(),
        owned: resource.metadata.uid.is_some() && owners.iter().any(|o| Some(&o.uid) == resource.metadata.uid.as_ref()),
        generation: metadata
            .annotations
            .as_ref()
            .and_then(|a| a.get(labels::GENERATION))
            .and_then(|text| text.parse().ok()),
        terminating: metadata.deletion_timestamp.is_some(),
        scaled_down: deployment.spec.as_ref().is_some_and(|s| s.replicas == Some(0)),
        available: status.and_then(|s| s.available_replicas).unwrap_or(0) > 0,
        ever_available,
        replica_failure: conditions
            .iter()
            .find(|c| c.type_ == "ReplicaFailure" && c.status == "True")
            .and_then(|c| c.message.clone()),
    }
}

/// A Deployment that stood in the way of a creation and has none of Flink's labels, so that no cache shows it.
async fn unlabelled(context: &Context, resource: &FlinkDeployment) -> Option<JobManager> {
    let (name, namespace) = (resource.name_any(), resource.namespace().unwrap_or_default());
    let api: Api<Deployment> = Api::namespaced(context.shared.client.clone(), &namespace);
    match api.get_opt(&name).await {
        Ok(Some(found)) => Some(job_manager(&found, resource)),
        Ok(None) => {
            context.shared.conflicts.lock().remove(&(namespace, name));
            None
        }
        // A creation would find out again.
        Err(_) => None,
    }
}

fn age(pod: &Pod, now: Millis) -> Millis {
    pod.metadata
        .creation_timestamp
        .as_ref()
        .map_or(0, |t| now - t.0.as_millisecond())
}

async fn failed_mount(context: &Context, pod: &Pod) -> Option<Trouble> {
    let api: Api<Event> = Api::namespaced(context.shared.client.clone(), &pod.namespace()?);
    let fields = format!("involvedObject.uid={},reason=FailedMount", pod.metadata.uid.as_deref()?);
    let events = match api.list(&ListParams::default().fields(&fields)).await {
        Ok(events) => events,
        Err(error) => {
            tracing::warn!(pod = pod.name_any(), "cannot read the pod's events: {error}");
            return None;
        }
    };
    let newest = events
        .items
        .into_iter()
        .filter(|event| event.count.unwrap_or(1) >= MOUNT_ATTEMPTS)
        .max_by_key(|event| event.last_timestamp.as_ref().map(|t| t.0))?;
    Some(Trouble {
        reason: "FailedMount".to_owned(),
        message: newest.message.unwrap_or_default(),
    })
}

/// Names by which Flink keeps high-availability metadata (Java operator: class `FlinkUtils`).
fn is_ha_metadata(name: &str) -> bool {
    (name.ends_with("-config-map") && !name.ends_with("-cluster-config-map")) || name.ends_with("-jobmanager-leader")
}

fn missing(context: &Context, deployed: Option<&Checked>, namespace: &str, here: &HashSet<String>) -> Vec<String> {
    let Some(cluster) = deployed.and_then(|checked| checked.cluster(&context.shared.defaults, None).ok()) else {
        return Vec::new();
    };
    let maps = cluster
        .config_maps
        .iter()
        .map(ResourceExt::name_any)
        .filter(|name| !here.contains(name));
    let services = cluster.services.iter().map(ResourceExt::name_any).filter(|name| {
        let services = &context.caches.services;
        services
            .get(&ObjectRef::<Service>::new(name).within(namespace))
            .is_none()
    });
    let missing: Vec<String> = services
        .map(|n| format!("Service {n}"))
        .chain(maps.map(|n| format!("ConfigMap {n}")))
        .collect();
    // What was created a moment ago may not have reached the caches.
    missing
        .into_iter()
        .filter(|object| !context.shared.recent.knows(namespace, object))
        .collect()
}

/// Where the REST API of `resource` is, when its Service is known.
#[must_use]
pub fn endpoint(context: &Context, resource: &FlinkDeployment) -> Option<Endpoint> {
    let (name, namespace) = (resource.name_any(), resource.namespace().unwrap_or_default());
    let service = format!("{name}-rest");
    let service = context
        .caches
        .services
        .get(&ObjectRef::<Service>::new(&service).within(&namespace))?;
    let spec = service.spec.as_ref();
    let address: Option<IpAddr> = spec
        .and_then(|s| s.cluster_ip.as_deref())
        .and_then(|ip| ip.parse().ok());
    let ports = spec.and_then(|s| s.ports.as_deref()).unwrap_or_default();
    let port = ports
        .iter()
        .find(|p| p.name.as_deref() == Some("rest"))
        .or(ports.first());
    let port = port.and_then(|p| u16::try_from(p.port).ok()).unwrap_or(REST_PORT);
    Some(Endpoint::of(&name, &namespace, port, address))
}

/// Asks Flink, where a JobManager can be expected to answer.
async fn ask(
    context: &Context,
    resource: &FlinkDeployment,
    deployed: Option<&Checked>,
    pods: &[JobManagerPod],
    now: Millis,
) -> Rest {
    if !pods.iter().any(|pod| pod.running && pod.terminating_since.is_none()) {
        return Rest::NotAsked;
    }
    let Some(endpoint) = endpoint(context, resource) else {
        return Rest::NotAsked;
    };
    let answered_before = resource
        .status
        .as_ref()
        .is_some_and(|s| s.job_manager_deployment_status == Some(JobManagerDeploymentStatus::Ready));
    let mut result = view(context, resource, &endpoint).await;
    if answered_before && matches!(result, Err(RestError::Unreachable { .. } | RestError::Garbage { .. })) {
        // A connection that broke on the way is no news of the job.
        result = view(context, resource, &endpoint).await;
    }
    match result {
        Ok(mut view) => {
            if let (Some(job_id), false) = (status_job_id(resource), view.exceptions.is_empty()) {
                let limit = deployed.map_or(0, |checked| checked.facts.exception_limit);
                let history = std::mem::take(&mut view.exceptions);
                view.exceptions = exceptions::news(context, resource, job_id, history, limit, now).await;
            }
            Rest::Answered(Box::new(view))
        }
        Err(error) => {
            tracing::debug!(name = resource.name_any(), "{error}");
            Rest::Failed(error.to_string())
        }
    }
}

fn status_job_id(resource: &FlinkDeployment) -> Option<&str> {
    resource.status.as_ref().and_then(StatusExt::job_id)
}

async fn view(context: &Context, resource: &FlinkDeployment, endpoint: &Endpoint) -> Result<FlinkView, RestError> {
    let flink = &context.shared.flink;
    let jobs = flink.jobs(endpoint).await?;
    let status = resource.status.clone().unwrap_or_default();
    let known = |key: &str| status.cluster_info.as_ref().is_some_and(|info| info.contains_key(key));
    let job = jobs.iter().find(|job| Some(job.id.as_str()) == status.job_id());
    let runs = job.is_some_and(|job| job.state == FlinkJobState::Running);
    // An exception that the job survives shows in a change of its state, or behind a state that is running again.
    let eventful = job.filter(|job| runs || Some(job.state) != status.job_state());
    // Useful, but no reason to doubt the state of the job when one of them fails.
    let version = async {
        if known("flink-version") {
            None
        } else {
            flink.build(endpoint).await.ok()
        }
    };
    let task_managers = async {
        if runs {
            flink.task_managers(endpoint).await.ok()
        } else {
            None
        }
    };
    let exceptions = async {
        match eventful {
            Some(job) => flink.exceptions(endpoint, &job.id).await.unwrap_or_default(),
            None => Default::default(),
        }
    };
    let checkpoints = async { checkpoints::ask(context, resource, endpoint, job?).await };
    let (version, task_managers, (newest, exceptions), checkpoints) =
        tokio::join!(version, task_managers, exceptions, checkpoints);
    let failed = eventful.is_some_and(|job| job.state == FlinkJobState::Failed);
    Ok(FlinkView {
        failure: newest.filter(|_| failed),
        jobs,
        version,
        task_managers,
        exceptions,
        checkpoints,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn seen(metadata: &Value, status: &Value) -> JobManager {
        let mut deployment = json!({"metadata": {"name": "job", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "status": status});
        for (key, value) in metadata.as_object().expect("an object") {
            deployment["metadata"][key] = value.clone();
        }
        let deployment: Deployment = serde_json::from_value(deployment).expect("a Deployment");
        job_manager(&deployment, &crate::deployment::decide::tests::resource())
    }

    fn available(status: &str, at: &str) -> Value {
        json!({"conditions": [{"type": "Available", "status": status, "lastTransitionTime": at}]})
    }

    #[rstest]
    #[case::no_condition_yet(json!({}), false)]
    #[case::false_since_its_creation(available("False", "2026-01-01T00:00:00Z"), false)]
    #[case::false_just_after(available("False", "2026-01-01T00:00:02Z"), false)]
    #[case::false_again_later(available("False", "2026-01-01T00:05:00Z"), true)]
    #[case::available(available("True", "2026-01-01T00:00:20Z"), true)]
    fn whether_it_ever_was_available(#[case] status: Value, #[case] expected: bool) {
        assert_eq!(seen(&json!({}), &status).ever_available, expected);
    }

    #[rstest]
    #[case(json!([{"apiVersion": "v", "kind": "FlinkDeployment", "name": "job", "uid": "resource-uid"}]), true)]
    #[case::a_former_resource_of_that_name(json!([{"apiVersion": "v", "kind": "FlinkDeployment", "name": "job", "uid": "former"}]), false)]
    #[case::nobody(json!([]), false)]
    fn ownership_is_by_uid(#[case] owners: Value, #[case] owned: bool) {
        assert_eq!(seen(&json!({"ownerReferences": owners}), &json!({})).owned, owned);
    }

    #[test]
    fn generation_and_quota() {
        let metadata = json!({"annotations": {"flinkdeployment.flink.apache.org/generation": "7"}});
        let status = json!({"conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "quota"}]});
        let job_manager = seen(&metadata, &status);
        assert_eq!(
            (job_manager.generation, job_manager.replica_failure.as_deref()),
            (Some(7), Some("quota"))
        );
    }

    #[rstest]
    #[case("job-0123-config-map", true)]
    #[case("job-0123-jobmanager-leader", true)]
    #[case("job-cluster-config-map", false)]
    #[case("flink-config-job", false)]
    #[case("pod-template-job", false)]
    fn names_of_ha_metadata(#[case] name: &str, #[case] expected: bool) {
        assert_eq!(is_ha_metadata(name), expected);
    }
}
