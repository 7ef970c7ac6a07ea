//! The controller killed at random points: never two JobManagers for one job, always STABLE in the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::command::{apply, kubectl};
use sluice_e2e::fixtures::tiny;
use sluice_e2e::{Failure, Outcome, flink, sluice};
use sluice_shared::api::status::LifecycleState;

const KILLS: u64 = 20;
const NAME: &str = "chaos";
const LIMIT: Duration = Duration::from_mins(4);

/// Numbers that look random and come again for the same seed (the constants are those of Knuth's MMIX generator).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// JobManager pods of the job that are not known to have ended: their owners, and how many there are.
async fn job_managers(client: &Client, namespace: &str) -> Outcome<(BTreeSet<String>, usize)> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let list = pods
        .list(&ListParams::default().labels(&format!("app={NAME},component=jobmanager")))
        .await?;
    let alive: Vec<Pod> = list
        .items
        .into_iter()
        .filter(|pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            !matches!(phase, Some("Succeeded" | "Failed"))
        })
        .collect();
    let owners = alive
        .iter()
        .flat_map(|pod| pod.owner_references().iter().map(|owner| owner.uid.clone()))
        .collect();
    Ok((owners, alive.len()))
}

/// Looks for two JobManagers at once until told to stop; gives the number of looks, and the first two found together.
async fn watch_for_two(client: Client, namespace: String, stop: Arc<AtomicBool>) -> Outcome<(usize, Option<String>)> {
    let mut looks = 0;
    while !stop.load(Ordering::Relaxed) {
        let (owners, pods) = job_managers(&client, &namespace).await?;
        looks += 1;
        if pods > 1 {
            return Ok((
                looks,
                Some(format!("{pods} JobManager pods at once, of the ReplicaSets {owners:?}")),
            ));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok((looks, None))
}

async fn kill_controller(client: &Client) -> Outcome {
    let pods: Api<Pod> = Api::namespaced(client.clone(), sluice::NAMESPACE);
    let labels = "app.kubernetes.io/component=controller";
    let list = pods.list(&ListParams::default().labels(labels)).await?;
    if list.items.is_empty() {
        return Err(Failure(format!("no controller pod with {labels}")));
    }
    for pod in list.items {
        // No grace: the process is killed wherever it is, and its lease is not given back.
        let now = DeleteParams::default().grace_period(0);
        match pods.delete(&pod.name_any(), &now).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            other => drop(other?),
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_controller_killed_twenty_times_during_deploy_and_upgrades() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "chaos").await?;
    let api = sluice::deployments(&client, &namespace.name);
    let seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| u64::from(now.subsec_nanos()));
    println!("seed {seed}");
    let mut random = Random(seed);

    let stop = Arc::new(AtomicBool::new(false));
    let watcher = tokio::spawn(watch_for_two(client.clone(), namespace.name.clone(), stop.clone()));
    let mut kills = 0;
    while kills < KILLS {
        if kills == 0 {
            apply(&namespace.name, &tiny(NAME).to_string())
                .await?
                .succeeded("kubectl apply")?;
        } else {
            let patch = json!({ "spec": { "restartNonce": kills } });
            api.patch(NAME, &PatchParams::default(), &Patch::Merge(&patch)).await?;
        }
        // Most of what can go wrong lies in the first second: stopping the old JobManager, then making the new one.
        for window in [1_000, 400, 6_000, 2_000] {
            tokio::time::sleep(Duration::from_millis(random.below(window))).await;
            kill_controller(&client).await?;
            kills += 1;
        }
        sluice::wait_lifecycle(&api, NAME, LifecycleState::Stable, LIMIT).await?;
        let jobs = flink::jobs(&client, &namespace.name, NAME).await?;
        assert_eq!(jobs, Some(1), "the cluster has {jobs:?} jobs");
    }
    stop.store(true, Ordering::Relaxed);
    let (looks, two) = watcher.await.map_err(|e| Failure(e.to_string()))??;
    assert_eq!(two, None, "seed {seed}");
    assert!(looks > 100, "only {looks} looks for a second JobManager");
    println!("{kills} kills, {looks} looks, never two JobManagers");
    kubectl(&[
        "--namespace",
        sluice::NAMESPACE,
        "rollout",
        "status",
        "deployment/sluice-controller",
        "--timeout=60s",
    ])
    .await?
    .succeeded("the controller to be back")?;
    namespace.remove().await
}
