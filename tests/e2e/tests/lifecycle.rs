//! One job through its life, on real Flink.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod, Service};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::command::{apply, kubectl};
use sluice_e2e::fixtures::{tiny, with};
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Outcome, flink, latency, objects, sluice};
use sluice_shared::api::FlinkDeployment;
use sluice_shared::api::status::{Condition, JobManagerDeploymentStatus, LifecycleState};

const LIMIT: Duration = Duration::from_secs(150);

struct Job {
    client: Client,
    namespace: TestNamespace,
    api: Api<FlinkDeployment>,
    name: &'static str,
}

impl Job {
    async fn patch(&self, patch: Value) -> Outcome {
        self.api
            .patch(self.name, &PatchParams::default(), &Patch::Merge(&patch))
            .await?;
        Ok(())
    }

    async fn reaches(&self, state: LifecycleState) -> Outcome<FlinkDeployment> {
        Ok(sluice::wait_lifecycle(&self.api, self.name, state, LIMIT).await?.0)
    }

    async fn job_manager(&self) -> Outcome<Option<Deployment>> {
        Ok(Api::<Deployment>::namespaced(self.client.clone(), &self.namespace.name)
            .get_opt(self.name)
            .await?)
    }

    async fn pods(&self) -> Outcome<Vec<Pod>> {
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace.name);
        objects::with_labels(&pods, &format!("app={}", self.name)).await
    }

    /// The one job that Flink knows, with its operators' parallelism.
    async fn flink_job(&self) -> Outcome<(String, Vec<i64>)> {
        let overview = flink::get(&self.client, &self.namespace.name, self.name, "/jobs/overview")
            .await?
            .unwrap_or_default();
        let jobs = overview["jobs"].as_array().cloned().unwrap_or_default();
        assert_eq!(jobs.len(), 1, "not one job: {overview}");
        let id = jobs[0]["jid"].as_str().unwrap_or_default().to_owned();
        let job = flink::get(&self.client, &self.namespace.name, self.name, &format!("/jobs/{id}"))
            .await?
            .unwrap_or_default();
        let parallelism = job["vertices"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|v| v["parallelism"].as_i64());
        Ok((id, parallelism.collect()))
    }

    async fn reasons(&self) -> Outcome<Vec<String>> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace.name);
        let fields = format!("involvedObject.kind=FlinkDeployment,involvedObject.name={}", self.name);
        let list = events.list(&ListParams::default().fields(&fields)).await?;
        Ok(list.items.into_iter().filter_map(|event| event.reason).collect())
    }
}

fn condition(deployment: &FlinkDeployment, name: &str) -> Condition {
    let conditions = deployment.status.as_ref().and_then(|status| status.conditions.as_ref());
    let found = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition.type_.as_deref() == Some(name));
    assert!(found.is_some(), "no condition {name} in {conditions:?}");
    found.cloned().unwrap_or_default()
}

fn assert_condition(deployment: &FlinkDeployment, name: &str, status: &str) {
    assert_eq!(
        condition(deployment, name).status.as_deref(),
        Some(status),
        "{:?}",
        condition(deployment, name)
    );
}

fn job_id(deployment: &FlinkDeployment) -> String {
    let status = deployment.status.clone().unwrap_or_default();
    let id = status.job_status.and_then(|job| job.job_id);
    assert!(id.is_some(), "no job id in the status");
    id.unwrap_or_default()
}

#[tokio::test]
async fn deployed_changed_suspended_resumed_repaired_and_deleted() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "lifecycle").await?;
    let api = sluice::deployments(&client, &namespace.name);
    let job = Job {
        client: client.clone(),
        namespace,
        api,
        name: "life",
    };

    deployed(&job).await?;
    changed(&job).await?;
    suspended_and_resumed(&job).await?;
    repaired(&job).await?;
    deleted(&job).await?;
    job.namespace.remove().await
}

async fn deployed(job: &Job) -> Outcome {
    let measured = latency::deploy(
        &job.client,
        &job.namespace.name,
        job.name,
        &tiny(job.name).to_string(),
        LIMIT,
    )
    .await?;
    println!("deployed: {measured:?}");
    let deployment = job.reaches(LifecycleState::Stable).await?;
    let status = deployment.status.clone().unwrap_or_default();
    assert_eq!(
        status.job_manager_deployment_status,
        Some(JobManagerDeploymentStatus::Ready)
    );
    assert_eq!(status.error, None);
    assert_condition(&deployment, "Running", "True");
    assert_condition(&deployment, "Ready", "True");
    assert_condition(&deployment, "Reconciling", "False");
    assert_condition(&deployment, "Stalled", "False");
    assert_eq!(
        condition(&deployment, "Ready").observed_generation,
        deployment.metadata.generation
    );
    assert_eq!(
        condition(&deployment, "Running").message.as_deref(),
        Some("Job status RUNNING")
    );
    let info = status.cluster_info.unwrap_or_default();
    assert!(
        info.get("flink-version")
            .is_some_and(|version| version.starts_with("1.20")),
        "{info:?}"
    );
    let (id, parallelism) = job.flink_job().await?;
    assert_eq!(id, job_id(&deployment), "the status names another job than Flink runs");
    assert!(parallelism.iter().all(|&p| p == 1), "{parallelism:?}");
    let reasons = job.reasons().await?;
    for reason in ["Submit", "JobStatusChanged"] {
        assert!(reasons.iter().any(|r| r == reason), "no event {reason} in {reasons:?}");
    }
    Ok(())
}

async fn changed(job: &Job) -> Outcome {
    let before = job.job_manager().await?.and_then(|d| d.uid());
    job.patch(json!({ "spec": { "job": { "parallelism": 2 } } })).await?;
    let deployment = job.reaches(LifecycleState::Stable).await?;
    assert_ne!(
        job.job_manager().await?.and_then(|d| d.uid()),
        before,
        "the JobManager was not replaced"
    );
    let (id, parallelism) = job.flink_job().await?;
    assert_eq!(id, job_id(&deployment));
    assert!(parallelism.iter().all(|&p| p == 2), "{parallelism:?}");

    // A change that means nothing for what runs is recorded and restarts nothing.
    let before = job.job_manager().await?.and_then(|d| d.uid());
    let ignorable = json!({ "spec": { "flinkConfiguration": { "kubernetes.operator.reconcile.interval": "20 s" } } });
    job.patch(ignorable).await?;
    job.reaches(LifecycleState::Stable).await?;
    assert_eq!(
        job.job_manager().await?.and_then(|d| d.uid()),
        before,
        "an ignorable change restarted the JobManager"
    );

    job.patch(json!({ "spec": { "restartNonce": 1 } })).await?;
    job.reaches(LifecycleState::Stable).await?;
    assert_ne!(
        job.job_manager().await?.and_then(|d| d.uid()),
        before,
        "a new restartNonce restarted nothing"
    );
    let reasons = job.reasons().await?;
    assert!(reasons.iter().any(|r| r == "SpecChanged"), "{reasons:?}");

    // A wrong change is refused and leaves the job alone.
    let before = job.job_manager().await?.and_then(|d| d.uid());
    let wrong = with(tiny(job.name), "/spec/job/parallelism", json!(0));
    assert!(
        !apply(&job.namespace.name, &wrong.to_string()).await?.success,
        "parallelism 0 was accepted"
    );
    assert_eq!(job.job_manager().await?.and_then(|d| d.uid()), before);
    Ok(())
}

async fn suspended_and_resumed(job: &Job) -> Outcome {
    job.patch(json!({ "spec": { "job": { "state": "suspended" } } }))
        .await?;
    let deployment = job.reaches(LifecycleState::Suspended).await?;
    assert_condition(&deployment, "Running", "False");
    until("the suspended job's pods to be gone", LIMIT, || async {
        let pods = job.pods().await?.len();
        Ok(if pods == 0 {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("{pods} pods"))
        })
    })
    .await?;
    assert!(
        job.job_manager().await?.is_none(),
        "a suspended stateless job keeps its JobManager"
    );

    job.patch(json!({ "spec": { "job": { "state": "running" } } })).await?;
    let deployment = job.reaches(LifecycleState::Stable).await?;
    assert_eq!(job.flink_job().await?.0, job_id(&deployment));
    Ok(())
}

/// Whatever somebody deletes is put back.
async fn repaired(job: &Job) -> Outcome {
    let services: Api<Service> = Api::namespaced(job.client.clone(), &job.namespace.name);
    let rest = format!("{}-rest", job.name);
    let before = services.get(&rest).await?.uid();
    services.delete(&rest, &DeleteParams::default()).await?;
    until("the REST Service to be put back", Duration::from_secs(20), || async {
        let now = services.get_opt(&rest).await?.and_then(|service| service.uid());
        Ok(if now.is_some() && now != before {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("{now:?}"))
        })
    })
    .await?;

    let clusters: Api<Deployment> = Api::namespaced(job.client.clone(), &job.namespace.name);
    let before = clusters.get(job.name).await?.uid();
    clusters.delete(job.name, &DeleteParams::background()).await?;
    until("another JobManager Deployment", LIMIT, || async {
        let now = clusters.get_opt(job.name).await?.and_then(|found| found.uid());
        Ok(if now.is_some() && now != before {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("{now:?}"))
        })
    })
    .await?;
    job.reaches(LifecycleState::Stable).await?;
    until("the recovered job to run", LIMIT, || async {
        Ok(
            match flink::running_since(&job.client, &job.namespace.name, job.name).await? {
                Some(_) => Seen::Yes(()),
                None => Seen::NotYet("not running".to_owned()),
            },
        )
    })
    .await?;
    let reasons = job.reasons().await?;
    for reason in ["Missing", "RecoverDeployment"] {
        assert!(reasons.iter().any(|r| r == reason), "no event {reason} in {reasons:?}");
    }
    Ok(())
}

async fn deleted(job: &Job) -> Outcome {
    kubectl(&[
        "--namespace",
        &job.namespace.name,
        "delete",
        "flinkdeployment",
        job.name,
        "--timeout=90s",
    ])
    .await?
    .succeeded("kubectl delete")?;
    let maps: Api<ConfigMap> = Api::namespaced(job.client.clone(), &job.namespace.name);
    let services: Api<Service> = Api::namespaced(job.client.clone(), &job.namespace.name);
    until("everything of the job to be gone", LIMIT, || async {
        let label = format!("app={}", job.name);
        let left = (
            job.job_manager().await?.is_some(),
            job.pods().await?.len(),
            objects::with_labels(&maps, &label).await?.len(),
            objects::with_labels(&services, &label).await?.len(),
        );
        Ok(if left == (false, 0, 0, 0) {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("{left:?}"))
        })
    })
    .await?;
    Ok(())
}
