//! How fast Sluice reacts, from timestamps: those of Flink and the arrival of the API server's watch events.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use sluice_shared::api::status::LifecycleState;

use crate::{Failure, Outcome, command, flink, sluice};

/// What was measured while one resource was deployed.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// From the API server accepting the resource to the JobManager's Deployment being seen.
    pub to_deployment: Duration,
    /// From Flink's last task beginning to run to the resource being seen STABLE, in seconds. Flink's clock and ours
    /// are the same machine's on the test cluster.
    pub running_to_stable: f64,
    /// From `kubectl apply` being started to STABLE.
    pub total: Duration,
}

/// Applies `yaml`, which makes the `FlinkDeployment` `name`, and measures until it is STABLE.
///
/// # Errors
/// When it is refused, or not STABLE within `limit`.
pub async fn deploy(client: &Client, namespace: &str, name: &str, yaml: &str, limit: Duration) -> Outcome<Latency> {
    let start = Instant::now();
    let origin = origin(client, namespace).await?;
    let seen = tokio::spawn(first_seen(
        client.clone(),
        namespace.to_owned(),
        name.to_owned(),
        origin,
    ));
    command::apply(namespace, yaml).await?.succeeded("kubectl apply")?;
    let resources = sluice::deployments(client, namespace);
    let stable = wait_stable(&resources, name, limit);
    let stable_at = tokio::time::timeout(limit, stable)
        .await
        .map_err(|_| Failure(format!("{name} was not STABLE within {} s", limit.as_secs())));
    let stable_at = match stable_at {
        Ok(result) => result?,
        Err(failure) => {
            let last = resources
                .get_opt(name)
                .await?
                .map_or("gone".to_owned(), |found| sluice::summary(&found));
            return Err(Failure(format!("{failure}; last seen: {last}")));
        }
    };
    let total = start.elapsed();
    let to_deployment = seen.await.map_err(|e| Failure(e.to_string()))??;
    let running = flink::running_since(client, namespace, name)
        .await?
        .ok_or_else(|| Failure(format!("{name} is STABLE, but Flink says that not all its tasks run")))?;
    let stable_ms = stable_at
        .duration_since(UNIX_EPOCH)
        .map_err(|e| Failure(e.to_string()))?
        .as_millis();
    let stable_ms = i64::try_from(stable_ms).map_err(|e| Failure(e.to_string()))?;
    Ok(Latency {
        to_deployment,
        running_to_stable: Duration::from_millis(u64::try_from(stable_ms - running).unwrap_or(0)).as_secs_f64(),
        total,
    })
}

/// Where the watches have to begin: before the resource is applied.
struct Origin {
    resources: String,
    clusters: String,
}

async fn origin(client: &Client, namespace: &str) -> Outcome<Origin> {
    let newest = ListParams::default().limit(1);
    let resources = sluice::deployments(client, namespace)
        .list(&newest)
        .await?
        .metadata
        .resource_version;
    let clusters: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let clusters = clusters.list(&newest).await?.metadata.resource_version;
    Ok(Origin {
        resources: resources.unwrap_or_default(),
        clusters: clusters.unwrap_or_default(),
    })
}

/// Watches for the resource and for its JobManager Deployment: the time between the two.
async fn first_seen(client: Client, namespace: String, name: String, origin: Origin) -> Outcome<Duration> {
    let resources = sluice::deployments(&client, &namespace);
    let clusters: Api<Deployment> = Api::namespaced(client, &namespace);
    let parameters = WatchParams::default().fields(&format!("metadata.name={name}"));
    let resource = first_added(&resources, &parameters, &origin.resources);
    let cluster = first_added(&clusters, &parameters, &origin.clusters);
    let (accepted, created) = futures::try_join!(resource, cluster)?;
    Ok(created.saturating_duration_since(accepted))
}

async fn first_added<K>(api: &Api<K>, parameters: &WatchParams, from: &str) -> Outcome<Instant>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let mut events = api.watch(parameters, from).await?.boxed();
    while let Some(event) = events.try_next().await? {
        if matches!(event, WatchEvent::Added(_)) {
            return Ok(Instant::now());
        }
    }
    Err(Failure::new("the watch ended before the object was seen"))
}

/// When the resource is seen STABLE in its newest generation.
async fn wait_stable(
    api: &Api<sluice_shared::api::FlinkDeployment>,
    name: &str,
    limit: Duration,
) -> Outcome<SystemTime> {
    let seconds = u32::try_from(limit.as_secs()).unwrap_or(290).min(290);
    let parameters = WatchParams::default()
        .fields(&format!("metadata.name={name}"))
        .timeout(seconds);
    let mut events = api.watch(&parameters, "0").await?.boxed();
    while let Some(event) = events.try_next().await? {
        if let WatchEvent::Added(found) | WatchEvent::Modified(found) = event {
            let generation = found.metadata.generation;
            let status = found.status.unwrap_or_default();
            if status.lifecycle_state == Some(LifecycleState::Stable) && status.observed_generation == generation {
                return Ok(SystemTime::now());
            }
        }
    }
    Err(Failure(format!("the watch on {name} ended before it was STABLE")))
}
