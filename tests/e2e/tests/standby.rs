//! Two controllers: one works, the other takes over. And one that loses its lease.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, LogParams, Patch, PatchParams};
use serde_json::json;
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::command::apply;
use sluice_e2e::fixtures::{tiny, with};
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Outcome, sluice};
use sluice_shared::api::status::LifecycleState;

#[tokio::test]
async fn a_killed_leader_is_replaced_and_its_work_goes_on() -> Outcome {
    sluice::install(&["replicas=2"]).await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "standby").await?;
    let limit = Duration::from_secs(40);
    let (first, _) = sluice::wait_leader(&client, "a leader", limit, |_| true).await?;

    let pods: Api<Pod> = Api::namespaced(client.clone(), sluice::NAMESPACE);
    pods.delete(&first.pod, &DeleteParams::default().grace_period(0))
        .await?;
    let (_, taken) = sluice::wait_leader(&client, "another leader", limit, |leader| leader.pod != first.pod).await?;
    println!("another leader {:.1} s after the first was killed", taken.as_secs_f64());

    // The new leader does the work; a suspended job needs no Flink to show it.
    let resource = with(tiny("after"), "/spec/job/state", json!("suspended"));
    apply(&namespace.name, &resource.to_string())
        .await?
        .succeeded("kubectl apply")?;
    let api = sluice::deployments(&client, &namespace.name);
    until(
        "the new leader to take up the resource",
        Duration::from_secs(20),
        || async {
            let found = api.get("after").await?;
            let state = found.status.as_ref().and_then(|status| status.lifecycle_state);
            Ok(if state == Some(LifecycleState::Created) {
                Seen::Yes(())
            } else {
                Seen::NotYet(sluice::summary(&found))
            })
        },
    )
    .await?;
    namespace.remove().await?;
    sluice::ensure_installed().await
}

#[tokio::test]
async fn a_leader_whose_lease_is_taken_ends_and_comes_back_as_a_standby() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let limit = Duration::from_mins(1);
    let (leader, _) = sluice::wait_leader(&client, "a leader", limit, |_| true).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), sluice::NAMESPACE);
    let before = restarts(&pods, &leader.pod).await?.0;

    let thief = json!({ "spec": { "holderIdentity": "someone-else" } });
    sluice::leases(&client)
        .patch("sluice-controller", &PatchParams::default(), &Patch::Merge(&thief))
        .await?;
    let ((count, exit_code), _) = until("the container to be started again", limit, || async {
        let now = restarts(&pods, &leader.pod).await?;
        Ok(if now.0 > before {
            Seen::Yes(now)
        } else {
            Seen::NotYet(format!("{now:?}"))
        })
    })
    .await?;
    assert_eq!((count, exit_code), (before + 1, Some(3)), "README.md, Exit codes");
    let last_words = LogParams {
        previous: true,
        tail_lines: Some(1),
        ..LogParams::default()
    };
    let last_words = pods.logs(&leader.pod, &last_words).await?;
    assert_eq!(
        last_words.trim_end(),
        "sluice-controller: the lease sluice-controller was lost: someone-else holds it"
    );

    // Nobody renews the thief's lease, so that it ends.
    let (again, _) = sluice::wait_leader(&client, "the controller to lead again", limit, |_| true).await?;
    assert_eq!(again.pod, leader.pod);
    assert_eq!(
        restarts(&pods, &leader.pod).await?.0,
        before + 1,
        "it waited as a standby"
    );
    Ok(())
}

/// How often the controller's container was started again, and the exit code of its last life.
async fn restarts(pods: &Api<Pod>, name: &str) -> Outcome<(i32, Option<i32>)> {
    let status = pods.get(name).await?.status.unwrap_or_default();
    let container = status.container_statuses.into_iter().flatten().next();
    let Some(container) = container else {
        return Ok((0, None));
    };
    let ended = container.last_state.and_then(|state| state.terminated);
    Ok((container.restart_count, ended.map(|ended| ended.exit_code)))
}
