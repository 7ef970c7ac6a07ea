//! What Flink says of a job's checkpoints, in the status.

use std::time::Duration;

use serde_json::json;
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::command::apply;
use sluice_e2e::fixtures::{tiny, with};
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Outcome, flink, sluice};
use sluice_shared::api::status::{FlinkJobState, LifecycleState};

const NAME: &str = "kept";
const LIMIT: Duration = Duration::from_mins(2);

#[tokio::test]
async fn a_cancelled_jobs_newest_checkpoint_is_its_way_back() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "checkpoints").await?;
    let options = [
        ("execution.checkpointing.interval", "1 s"),
        ("execution.checkpointing.dir", "file:///tmp/checkpoints"),
        ("execution.checkpointing.savepoint-dir", "file:///tmp/savepoints"),
    ];
    let mut resource = with(tiny(NAME), "/spec/job/upgradeMode", json!("savepoint"));
    for (key, value) in options {
        resource = with(resource, &format!("/spec/flinkConfiguration/{key}"), json!(value));
    }
    apply(&namespace.name, &resource.to_string())
        .await?
        .succeeded("kubectl apply")?;
    let api = sluice::deployments(&client, &namespace.name);
    let (running, _) = sluice::wait_lifecycle(&api, NAME, LifecycleState::Stable, LIMIT).await?;
    let job = running.status.unwrap_or_default().job_status.unwrap_or_default();
    assert_eq!(
        job.upgrade_savepoint_path, None,
        "while it runs the next one is never far"
    );
    let id = job.job_id.unwrap_or_default();

    let path = format!("/jobs/{id}/checkpoints");
    let newest = || async {
        let answer = flink::get(&client, &namespace.name, NAME, &path).await?;
        let answer = answer.unwrap_or_default();
        Outcome::Ok(answer["latest"]["completed"].clone())
    };
    until("a checkpoint", LIMIT, || async {
        let newest = newest().await?;
        Ok(if newest.is_object() {
            Seen::Yes(())
        } else {
            Seen::NotYet(newest.to_string())
        })
    })
    .await?;
    flink::cancel(&client, &namespace.name, NAME, &id).await?;

    let (ended, _) = until("the job to be seen cancelled", LIMIT, || async {
        let status = api.get(NAME).await?.status.unwrap_or_default();
        let state = status.job_status.as_ref().and_then(|job| job.state);
        Ok(if state == Some(FlinkJobState::Canceled) {
            Seen::Yes(status)
        } else {
            Seen::NotYet(format!("{state:?}"))
        })
    })
    .await?;
    let newest = newest().await?;
    let job = ended.job_status.unwrap_or_default();
    println!("{newest}");
    assert!(
        newest["external_path"]
            .as_str()
            .is_some_and(|path| path.starts_with("file:/tmp/checkpoints/"))
    );
    assert_eq!(job.upgrade_savepoint_path.as_deref(), newest["external_path"].as_str());
    let info = ended.cluster_info.unwrap_or_default();
    let size = newest["state_size"].as_u64().filter(|size| *size > 0);
    assert_eq!(
        info.get("state-size").and_then(|text| text.parse().ok()),
        size,
        "{info:?}"
    );
    assert!(size.is_some(), "{newest}");
    namespace.remove().await
}
