//! A JobManager that cannot start: the resource says so, and why, within five seconds of Kubernetes knowing it.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{Event, Pod, ResourceQuota};
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};
use rstest::rstest;
use serde_json::{Value, json};
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::command::apply;
use sluice_e2e::fixtures::{TINY_JOB, tiny, with};
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Outcome, objects, sluice};
use sluice_shared::api::status::JobManagerDeploymentStatus;

/// Longest time between Kubernetes knowing of the trouble and the resource naming it.
const REACTION: Duration = Duration::from_secs(5);
/// Kubernetes itself takes its time: kubelet retries a mount, pulls, restarts.
const KUBERNETES: Duration = Duration::from_mins(2);

/// Whether Kubernetes knows of trouble with one of these reasons: in a container's state, or as an event.
async fn known(client: &Client, namespace: &str, name: &str, reasons: &[&str]) -> Outcome<bool> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let containers = objects::with_labels(&pods, &format!("app={name},component=jobmanager"))
        .await?
        .into_iter()
        .flat_map(|pod| pod.status.unwrap_or_default().container_statuses.unwrap_or_default());
    for container in containers {
        let states = [container.state, container.last_state].into_iter().flatten();
        let mut found = states.flat_map(|state| {
            let waiting = state.waiting.and_then(|waiting| waiting.reason);
            let ended = state.terminated.and_then(|terminated| terminated.reason);
            [waiting, ended]
        });
        if found.any(|reason| reason.is_some_and(|reason| reasons.contains(&reason.as_str()))) {
            return Ok(true);
        }
    }
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    let list = events.list(&ListParams::default().fields("type=Warning")).await?;
    Ok(list.items.iter().any(|event| {
        event.involved_object.kind.as_deref() != Some("FlinkDeployment")
            && event.reason.as_deref().is_some_and(|reason| reasons.contains(&reason))
    }))
}

/// The status error and the reasons of Warning events of the resource.
async fn told(client: &Client, namespace: &str, name: &str) -> Outcome<(String, Vec<String>)> {
    let resource = sluice::deployments(client, namespace).get(name).await?;
    let error = resource.status.unwrap_or_default().error.unwrap_or_default();
    let events: Api<Event> = Api::namespaced(client.clone(), namespace);
    let fields = format!("type=Warning,involvedObject.kind=FlinkDeployment,involvedObject.name={name}");
    let list = events.list(&ListParams::default().fields(&fields)).await?;
    Ok((error, list.items.into_iter().filter_map(|event| event.reason).collect()))
}

#[rstest]
#[case::image("no-image", "/spec/image", json!("localhost/no-such-image:1"), &["ErrImagePull", "ImagePullBackOff"], "no-such-image")]
#[case::crash(
    "crash",
    "/spec/jobManager/podTemplate",
    // Flink's scripts look for the configuration there and end.
    json!({ "spec": { "containers": [{ "name": "flink-main-container", "env": [{ "name": "FLINK_CONF_DIR", "value": "/nonexistent" }] }] } }),
    &["CrashLoopBackOff"],
    "CrashLoop"
)]
#[case::missing_config_map(
    "no-config-map",
    "/spec/jobManager/podTemplate",
    json!({ "spec": { "containers": [{ "name": "flink-main-container", "envFrom": [{ "configMapRef": { "name": "no-such-map" } }] }] } }),
    &["CreateContainerConfigError"],
    "no-such-map"
)]
#[case::mount(
    "no-secret",
    "/spec/jobManager/podTemplate",
    json!({ "spec": {
        "containers": [{ "name": "flink-main-container", "volumeMounts": [{ "name": "secret", "mountPath": "/secret" }] }],
        "volumes": [{ "name": "secret", "secret": { "secretName": "no-such-secret" } }],
    } }),
    &["FailedMount"],
    "no-such-secret"
)]
#[case::memory(
    "memory",
    "/spec/job",
    json!({ "jarURI": TINY_JOB, "parallelism": 1, "upgradeMode": "stateless", "args": ["--main-megabytes", "2048"] }),
    &["OOMKilled"],
    "more memory than its limit"
)]
#[tokio::test]
async fn is_named_in_status_and_event(
    #[case] name: &str,
    #[case] pointer: &str,
    #[case] value: Value,
    #[case] reasons: &[&str],
    #[case] text: &str,
) -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, &format!("trouble-{name}")).await?;
    // So that a JVM does not refuse what only the container's limit shall.
    let resource = with(
        tiny(name),
        "/spec/flinkConfiguration/env.java.opts.jobmanager",
        json!("-XX:MaxDirectMemorySize=4g"),
    );
    apply(&namespace.name, &with(resource, pointer, value).to_string())
        .await?
        .succeeded("kubectl apply")?;
    assert_told(&client, &namespace.name, name, reasons, text).await?;
    namespace.remove().await
}

/// Between two crashes a container runs for a while: the resource goes on saying what is wrong.
#[tokio::test]
async fn a_crash_loop_is_one_trouble() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "trouble-loop").await?;
    // The class is found only when Flink runs, seconds after the container started.
    let resource = with(tiny("loop"), "/spec/job/entryClass", json!("no.such.Class"));
    apply(&namespace.name, &resource.to_string())
        .await?
        .succeeded("kubectl apply")?;
    let deployments = sluice::deployments(&client, &namespace.name);
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace.name);
    let restarts = || async {
        let pods = objects::with_labels(&pods, "app=loop,component=jobmanager").await?;
        let statuses = pods
            .into_iter()
            .flat_map(|pod| pod.status.unwrap_or_default().container_statuses.unwrap_or_default());
        Outcome::Ok(statuses.map(|status| status.restart_count).max().unwrap_or_default())
    };
    until("the resource to tell of the crash loop", KUBERNETES, || async {
        let (error, _) = told(&client, &namespace.name, "loop").await?;
        Ok(if error.contains("CrashLoop") {
            Seen::Yes(())
        } else {
            Seen::NotYet(error)
        })
    })
    .await?;
    let told_at = restarts().await?;
    until("the container to be started twice more", KUBERNETES, || async {
        let status = deployments.get("loop").await?.status.unwrap_or_default();
        assert_eq!(
            status.job_manager_deployment_status,
            Some(JobManagerDeploymentStatus::Error),
            "{:?}",
            status.error
        );
        let now = restarts().await?;
        Ok(if now >= told_at + 2 {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("{now} restarts"))
        })
    })
    .await?;
    namespace.remove().await
}

async fn assert_told(client: &Client, namespace: &str, name: &str, reasons: &[&str], text: &str) -> Outcome {
    until(&format!("Kubernetes to know of {reasons:?}"), KUBERNETES, || async {
        Ok(if known(client, namespace, name, reasons).await? {
            Seen::Yes(())
        } else {
            Seen::NotYet("no trouble".into())
        })
    })
    .await?;
    let known_at = Instant::now();
    until(&format!("the resource to name {reasons:?}"), REACTION, || async {
        let (error, events) = told(client, namespace, name).await?;
        let named = events.iter().any(|reason| reasons.contains(&reason.as_str()));
        Ok(if named && error.contains(text) {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("{error}; events {events:?}"))
        })
    })
    .await?;
    println!(
        "{name}: told {:.2} s after Kubernetes knew",
        known_at.elapsed().as_secs_f64()
    );
    Ok(())
}

#[tokio::test]
async fn a_quota_is_named_in_status_and_event() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "trouble-quota").await?;
    let quotas: Api<ResourceQuota> = Api::namespaced(client.clone(), &namespace.name);
    let quota = serde_json::from_value(
        json!({ "metadata": { "name": "small" }, "spec": { "hard": { "requests.memory": "100Mi" } } }),
    )?;
    quotas.create(&PostParams::default(), &quota).await?;
    apply(&namespace.name, &tiny("quota").to_string())
        .await?
        .succeeded("kubectl apply")?;
    assert_told(&client, &namespace.name, "quota", &["FailedCreate"], "exceeded quota").await?;
    namespace.remove().await
}
