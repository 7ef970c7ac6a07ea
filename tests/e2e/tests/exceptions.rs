//! A task that throws: the job goes on, and an event has Flink's exception.

use std::time::Duration;

use k8s_openapi::api::core::v1::Event;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::json;
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::command::apply;
use sluice_e2e::fixtures::{TINY_JOB, tiny, with};
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Outcome, sluice};
use sluice_shared::api::status::LifecycleState;

const LIMIT: Duration = Duration::from_secs(150);

#[tokio::test]
async fn an_exception_that_a_job_survives_becomes_an_event() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "exceptions").await?;
    let mut resource = with(
        tiny("throws"),
        "/spec/job",
        // Two seconds of records, then the first attempt of the task fails and the second does not.
        json!({ "jarURI": TINY_JOB, "parallelism": 1, "upgradeMode": "stateless",
            "args": ["--fail-after", "100", "--fail-attempts", "1"] }),
    );
    // Without checkpoints Flink would not restart the task by itself.
    for (key, value) in [
        ("restart-strategy.type", "fixed-delay"),
        ("restart-strategy.fixed-delay.attempts", "3"),
        ("restart-strategy.fixed-delay.delay", "1 s"),
    ] {
        resource = with(resource, &format!("/spec/flinkConfiguration/{key}"), json!(value));
    }
    apply(&namespace.name, &resource.to_string())
        .await?
        .succeeded("kubectl apply")?;

    let events: Api<Event> = Api::namespaced(client.clone(), &namespace.name);
    let fields = "reason=JobException,involvedObject.kind=FlinkDeployment,involvedObject.name=throws";
    let (event, _) = until("the event of the exception", LIMIT, || async {
        let found = events.list(&ListParams::default().fields(fields)).await?.items.pop();
        if let Some(event) = found {
            return Ok(Seen::Yes(event));
        }
        let deployment = sluice::deployments(&client, &namespace.name).get("throws").await?;
        Ok(Seen::NotYet(sluice::summary(&deployment)))
    })
    .await?;
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    let message = event.message.clone().unwrap_or_default();
    assert!(
        message.contains("java.lang.IllegalStateException: TinyJob: fails after 100 records"),
        "{message}"
    );
    let task = event.annotations().get("task-name").cloned().unwrap_or_default();
    assert!(task.contains("slow"), "task {task:?} in {:?}", event.annotations());
    assert!(event.annotations().contains_key("exception-timestamp"));

    // The job is running again, and was not told of twice.
    let deployments = sluice::deployments(&client, &namespace.name);
    sluice::wait_lifecycle(&deployments, "throws", LifecycleState::Stable, LIMIT).await?;
    let told = events.list(&ListParams::default().fields(fields)).await?.items;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].count, Some(1), "{told:?}");
    namespace.remove().await
}
