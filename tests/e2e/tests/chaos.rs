//! The leading controller killed at random points of its work: never two JobManagers for one job, always STABLE in the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::command::{apply, kubectl};
use sluice_e2e::fixtures::tiny;
use sluice_e2e::sluice::Leader;
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Failure, Outcome, flink, sluice};
use sluice_shared::api::FlinkDeployment;
use sluice_shared::api::status::LifecycleState;

const KILLS: u64 = 20;
const NAME: &str = "chaos";
const LIMIT: Duration = Duration::from_mins(4);
/// Milliseconds from a leader being there, within which it is killed. Most of what can go wrong lies in the first second:
/// stopping the old JobManager, then making the new one.
const WINDOWS: [u64; 4] = [1_000, 400, 4_000, 2_000];
/// Short leases, so that most of the time a leader is there to be killed. The margins are those of the defaults.
const LEASE: &str = "defaultConfiguration.config\\.yaml=kubernetes.operator.leader-election.lease-duration: 4 s
kubernetes.operator.leader-election.renew-deadline: 3 s
kubernetes.operator.leader-election.retry-period: 500 ms";

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

/// Kills processes from outside of their containers: a pod that is deleted, even without grace, is asked to end first.
struct Killer {
    namespace: String,
}

impl Killer {
    async fn start(client: &Client, namespace: &str) -> Outcome<Self> {
        let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
        let pod = serde_json::from_value(json!({
            "metadata": { "name": "killer" },
            "spec": {
                "hostPID": true,
                "terminationGracePeriodSeconds": 0,
                "containers": [{ "name": "killer", "image": "busybox:1", "imagePullPolicy": "IfNotPresent", "command": ["sleep", "3600"] }],
            },
        }))?;
        pods.create(&PostParams::default(), &pod).await?;
        until("the killer to run", Duration::from_mins(1), || async {
            let phase = pods.get("killer").await?.status.and_then(|status| status.phase);
            Ok(match phase.as_deref() {
                Some("Running") => Seen::Yes(()),
                other => Seen::NotYet(format!("{other:?}")),
            })
        })
        .await?;
        Ok(Self {
            namespace: namespace.to_owned(),
        })
    }

    /// SIGKILL to all processes of a container; how many there were.
    async fn kill(&self, container_id: &str) -> Outcome<usize> {
        let script = r#"n=0
for file in $(grep -l -- "$1" /proc/[0-9]*/cgroup 2>/dev/null); do
    pid=${file#/proc/}
    kill -9 "${pid%/cgroup}" && n=$((n + 1))
done
echo "$n""#;
        let pod = ["--namespace", &self.namespace, "exec", "killer", "--"];
        let command = ["sh", "-c", script, "sh", container_id];
        let output = kubectl(&[pod.as_slice(), &command].concat()).await?.succeeded("kill")?;
        output.trim().parse().map_err(|_| Failure(format!("killed {output}")))
    }
}

/// Kills the controller if it is still what `leader` says; gives the version of the Lease that it left behind.
async fn kill_leader(client: &Client, killer: &Killer, leader: &Leader) -> Outcome<Option<String>> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), sluice::NAMESPACE);
    let status = pods.get(&leader.pod).await?.status.unwrap_or_default();
    let Some(container) = status.container_statuses.into_iter().flatten().next() else {
        return Ok(None);
    };
    let running = container.state.is_some_and(|state| state.running.is_some());
    let id = container.container_id.unwrap_or_default();
    let Some(id) = id.split("://").nth(1).filter(|_| running) else {
        return Ok(None);
    };
    if killer.kill(id).await? == 0 {
        return Err(Failure(format!("no process of container {id} was found")));
    }
    // The dead give nothing back: a Lease that it does not hold was lost before.
    let left = sluice::leader(client).await?;
    let Some(left) = left.filter(|left| left.uid == leader.uid) else {
        return Ok(None);
    };
    // The first time kubelet starts the container again, which goes on with its pod's lease at once. The second time it
    // would wait, so a new pod takes the place, and has to wait for the end of the lease.
    if container.restart_count > 0 {
        pods.delete(&leader.pod, &DeleteParams::default().grace_period(0))
            .await?;
    }
    Ok(Some(left.version))
}

/// Whether nothing is left to do.
async fn settled(api: &Api<FlinkDeployment>) -> Outcome<bool> {
    let found = api.get(NAME).await?;
    let status = found.status.unwrap_or_default();
    Ok(status.lifecycle_state == Some(LifecycleState::Stable)
        && status.observed_generation == found.metadata.generation)
}

#[tokio::test]
async fn the_leading_controller_killed_twenty_times_during_deploy_and_upgrades() -> Outcome {
    sluice::install(&[LEASE]).await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "chaos").await?;
    let killer = Killer::start(&client, &namespace.name).await?;
    let api = sluice::deployments(&client, &namespace.name);
    let seed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| u64::from(now.subsec_nanos()));
    println!("seed {seed}");
    let mut random = Random(seed);

    let stop = Arc::new(AtomicBool::new(false));
    let watcher = tokio::spawn(watch_for_two(client.clone(), namespace.name.clone(), stop.clone()));
    let (mut kills, mut rounds) = (0, 0);
    // The Lease as the last one killed left it: a later version is from somebody who lives.
    let mut left = String::new();
    while kills < KILLS {
        assert!(rounds < 3 * KILLS, "only {kills} of {rounds} changes were hit");
        for (attempt, window) in WINDOWS.into_iter().enumerate() {
            let (leader, _) =
                sluice::wait_leader(&client, "a living leader", LIMIT, |leader| leader.version != left).await?;
            if attempt == 0 {
                change(&api, &namespace.name, rounds).await?;
                rounds += 1;
            }
            tokio::time::sleep(Duration::from_millis(random.below(window))).await;
            if kills == KILLS || settled(&api).await? {
                break;
            }
            if let Some(version) = kill_leader(&client, &killer, &leader).await? {
                left = version;
                kills += 1;
            }
        }
        sluice::wait_lifecycle(&api, NAME, LifecycleState::Stable, LIMIT).await?;
        let jobs = flink::jobs(&client, &namespace.name, NAME).await?;
        assert_eq!(jobs, Some(1), "the cluster has {jobs:?} jobs");
    }
    stop.store(true, Ordering::Relaxed);
    let (looks, two) = watcher.await.map_err(|e| Failure(e.to_string()))??;
    assert_eq!(two, None, "seed {seed}");
    assert!(looks > 100, "only {looks} looks for a second JobManager");
    println!(
        "{kills} kills of a leader at work in {rounds} deploys and upgrades, {looks} looks, never two JobManagers"
    );
    namespace.remove().await?;
    sluice::ensure_installed().await
}

/// The deployment the first time, an upgrade each further time.
async fn change(api: &Api<FlinkDeployment>, namespace: &str, round: u64) -> Outcome {
    if round == 0 {
        apply(namespace, &tiny(NAME).to_string())
            .await?
            .succeeded("kubectl apply")?;
    } else {
        let patch = json!({ "spec": { "restartNonce": round } });
        api.patch(NAME, &PatchParams::default(), &Patch::Merge(&patch)).await?;
    }
    Ok(())
}
