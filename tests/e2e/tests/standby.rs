//! Two controllers: one works, the other takes over.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::command::apply;
use sluice_e2e::fixtures::{tiny, with};
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Outcome, sluice};
use sluice_shared::api::status::LifecycleState;

async fn holder(leases: &Api<Lease>) -> Outcome<Option<String>> {
    let lease = leases.get_opt("sluice-controller").await?;
    Ok(lease
        .and_then(|lease| lease.spec?.holder_identity)
        .filter(|holder| !holder.is_empty()))
}

#[tokio::test]
async fn a_killed_leader_is_replaced_and_its_work_goes_on() -> Outcome {
    sluice::install(&["replicas=2"]).await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "standby").await?;
    let leases: Api<Lease> = Api::namespaced(client.clone(), sluice::NAMESPACE);
    let (first, _) = until("a leader", Duration::from_secs(40), || async {
        Ok(holder(&leases)
            .await?
            .map_or(Seen::NotYet("no holder".to_owned()), Seen::Yes))
    })
    .await?;

    let pods: Api<Pod> = Api::namespaced(client.clone(), sluice::NAMESPACE);
    // The identity begins with the pod's name, which has no underscore.
    let pod = first.split('_').next().unwrap_or_default();
    pods.delete(pod, &DeleteParams::default().grace_period(0)).await?;
    let start = Instant::now();
    until("another leader", Duration::from_secs(40), || async {
        let now = holder(&leases).await?;
        Ok(if now.as_ref().is_some_and(|now| *now != first) {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("{now:?}"))
        })
    })
    .await?;
    println!(
        "another leader {:.1} s after the first was killed",
        start.elapsed().as_secs_f64()
    );

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
