//! The API server goes away and comes back. Only on the tests' own cluster: nobody restarts another's API server.

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::json;
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::command::{apply, run};
use sluice_e2e::fixtures::tiny;
use sluice_e2e::{Outcome, flink, sluice};
use sluice_shared::api::status::LifecycleState;

#[tokio::test]
async fn a_restarted_api_server_stops_nothing() -> Outcome {
    sluice::ensure_installed().await?;
    let before = client().await?;
    let namespace = TestNamespace::create(&before, "api-server").await?;
    apply(&namespace.name, &tiny("steady").to_string())
        .await?
        .succeeded("kubectl apply")?;
    let limit = Duration::from_secs(150);
    let api = sluice::deployments(&before, &namespace.name);
    let (running, _) = sluice::wait_lifecycle(&api, "steady", LifecycleState::Stable, limit).await?;

    let script = sluice::root().join("tests/cluster/cluster.sh");
    run(&script.to_string_lossy(), &["restart", "kube-apiserver"], None)
        .await?
        .succeeded("restarting the API server")?;

    let after = client().await?;
    let api = sluice::deployments(&after, &namespace.name);
    let (still, _) = sluice::wait_lifecycle(&api, "steady", LifecycleState::Stable, limit).await?;
    let id = |found: &sluice_shared::api::FlinkDeployment| {
        found
            .status
            .clone()
            .unwrap_or_default()
            .job_status
            .and_then(|job| job.job_id)
    };
    assert_eq!(id(&running), id(&still), "the job was replaced");
    assert_eq!(flink::jobs(&after, &namespace.name, "steady").await?, Some(1));

    // Admission and the controller work again: a change goes through and is carried out.
    api.patch(
        "steady",
        &PatchParams::default(),
        &Patch::Merge(&json!({ "spec": { "restartNonce": 1 } })),
    )
    .await?;
    sluice::wait_lifecycle(&api, "steady", LifecycleState::Stable, limit).await?;
    namespace.remove().await
}
