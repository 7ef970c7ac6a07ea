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
    /// From `kubectl apply` being started to the JobManager's Deployment being seen.
    pub to_deployment: Duration,
    /// From Flink's last task beginning to run to the resource being seen STABLE. Flink's clock and ours are the same
    /// machine's on the test cluster.
    pub running_to_stable: Duration,
    /// From `kubectl apply` being started to STABLE.
    pub total: Duration,
}

/// Applies `yaml`, which makes the `FlinkDeployment` `name`, and measures until it is STABLE.
///
/// # Errors
/// When it is refused, or not STABLE within `limit`.
pub async fn deploy(client: &Client, namespace: &str, name: &str, yaml: &str, limit: Duration) -> Outcome<Latency> {
    let clusters: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let only = WatchParams::default().fields(&format!("metadata.name={name}"));
    // Where the watch has to begin: before the resource is applied.
    let origin = clusters.list(&ListParams::default().limit(1)).await?.metadata;
    let origin = origin.resource_version.unwrap_or_default();
    let seen = tokio::spawn(async move { first_added(&clusters, &only, &origin).await });
    let start = Instant::now();
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
    let created = seen.await.map_err(|e| Failure(e.to_string()))??;
    let running = flink::running_since(client, namespace, name)
        .await?
        .ok_or_else(|| Failure(format!("{name} is STABLE, but Flink says that not all its tasks run")))?;
    let stable_ms = stable_at
        .duration_since(UNIX_EPOCH)
        .map_err(|e| Failure(e.to_string()))?
        .as_millis();
    let stable_ms = i64::try_from(stable_ms).map_err(|e| Failure(e.to_string()))?;
    Ok(Latency {
        to_deployment: created
            .checked_duration_since(start)
            .ok_or_else(|| Failure(format!("a Deployment {name} was there before the resource was applied")))?,
        running_to_stable: after(running, stable_ms)?,
        total,
    })
}

/// The time from Flink's RUNNING to STABLE, both milliseconds since 1970.
fn after(running: i64, stable: i64) -> Outcome<Duration> {
    let milliseconds = u64::try_from(stable - running).map_err(|_| {
        Failure(format!(
            "STABLE was seen {} ms before Flink's own RUNNING: the clocks of Flink and of this machine differ",
            running - stable
        ))
    })?;
    Ok(Duration::from_millis(milliseconds))
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
