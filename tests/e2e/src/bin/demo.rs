//! `make demo`: a wrong spec is refused, a right one runs, changes, sleeps, wakes and goes. Every step is checked; the
//! first that is not seen to be true ends the demo with exit code 1.

use std::process::ExitCode;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use sluice_e2e::command::{self, kubectl};
use sluice_e2e::report::{Report, command as typed, fact, quote};
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Failure, Outcome, cluster, flink, latency, objects, sluice};
use sluice_shared::api::FlinkDeployment;
use sluice_shared::api::status::LifecycleState;

const NAMESPACE: &str = "default";
/// Flink needs some 25 s of CPU time for both JVMs; the rest is room for a busy machine.
const START: Duration = Duration::from_mins(3);

#[tokio::main]
async fn main() -> ExitCode {
    match demo().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nThe demo stopped: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn demo() -> Outcome {
    let client = cluster::client().await?;
    let deployments = sluice::deployments(&client, NAMESPACE);
    let mut report = Report::default();
    report.step("Install Sluice with Helm", install()).await?;
    report
        .step(
            "Apply a spec with seven mistakes: it is refused, with all of them",
            refuse(),
        )
        .await?;
    report
        .step(
            "Apply the basic example and follow it until STABLE",
            start(&client, "basic-example", "basic.yaml"),
        )
        .await?;
    report
        .step(
            "Change the parallelism from 2 to 1",
            change_parallelism(&client, &deployments),
        )
        .await?;
    report.step("Suspend the job", suspend(&client, &deployments)).await?;
    report.step("Resume it", resume(&client, &deployments)).await?;
    report
        .step("Delete it", delete(&client, &deployments, "basic-example"))
        .await?;
    report
        .step(
            "Run the same job on Flink 2.3; it stays",
            start(&client, "basic-flink-2", "basic-flink-2.yaml"),
        )
        .await?;
    report.end();
    println!("\n{LOOK_AROUND}");
    Ok(())
}

const LOOK_AROUND: &str = "\
Look around:
  eval \"$(make env)\"                                    # kubectl and helm of this cluster
  kubectl get flinkdeployments
  kubectl describe flinkdeployment basic-flink-2        # status, conditions, events
  kubectl --namespace sluice-system get pods
  kubectl --namespace sluice-system logs deployment/sluice-controller
  kubectl port-forward service/basic-flink-2-rest 8081  # then open http://localhost:8081: Flink's web UI
  kubectl apply -f docs/examples/wrong.yaml             # and see what is wrong with it
Remove it all:
  make down";

async fn install() -> Outcome {
    typed(
        "helm upgrade --install sluice deploy/helm/sluice --namespace sluice-system --create-namespace --wait \\\n      \
         --set image.tag=dev --set 'jobServiceAccount.namespaces={default}'",
    );
    let notes = sluice::install(&["jobServiceAccount.namespaces={default}"]).await?;
    quote(&notes);
    for name in ["basic-example", "basic-flink-2"] {
        // What an earlier demo left; the steps below start from nothing.
        kubectl(&[
            "--namespace",
            NAMESPACE,
            "delete",
            "flinkdeployment",
            name,
            "--ignore-not-found",
        ])
        .await?
        .succeeded("removing what an earlier demo left")?;
    }
    Ok(())
}

async fn refuse() -> Outcome {
    typed("kubectl apply -f docs/examples/wrong.yaml");
    let output = command::apply(NAMESPACE, &sluice::file("docs/examples/wrong.yaml")?).await?;
    quote(&output.stderr);
    if output.success {
        return Err(Failure::new("the wrong spec was accepted"));
    }
    for path in [
        "spec.flinkVersion",
        "kubernetes.cluster-id",
        "spec.serviceAccount",
        "spec.logConfiguration",
        "spec.jobManager.resource.memory",
        "spec.jobManager.replicas",
        "spec.job.parallelism",
    ] {
        if !output.stderr.contains(path) {
            return Err(Failure(format!("the answer does not name {path}")));
        }
    }
    Ok(())
}

async fn start(client: &Client, name: &str, example: &str) -> Outcome {
    typed(&format!("kubectl apply -f docs/examples/{example}"));
    let yaml = sluice::file(&format!("docs/examples/{example}"))?;
    let measured = latency::deploy(client, NAMESPACE, name, &yaml, START).await?;
    fact(&format!(
        "from apply to the JobManager's Deployment created:    {:.3} s",
        measured.to_deployment.as_secs_f64()
    ));
    fact(&format!(
        "from Flink's own RUNNING to STABLE:                   {:.3} s",
        measured.running_to_stable.as_secs_f64()
    ));
    fact(&format!(
        "from apply to STABLE, Flink's start included:         {:.1} s",
        measured.total.as_secs_f64()
    ));
    typed("kubectl get flinkdeployments");
    quote(
        &kubectl(&["--namespace", NAMESPACE, "get", "flinkdeployments"])
            .await?
            .succeeded("kubectl get")?,
    );
    Ok(())
}

async fn change_parallelism(client: &Client, deployments: &Api<FlinkDeployment>) -> Outcome {
    patch(r#"{"spec":{"job":{"parallelism":1}}}"#).await?;
    sluice::wait_lifecycle(deployments, "basic-example", LifecycleState::Stable, START).await?;
    let overview = flink::get(client, NAMESPACE, "basic-example", "/jobs/overview")
        .await?
        .unwrap_or_default();
    let id = overview["jobs"][0]["jid"].as_str().unwrap_or_default().to_owned();
    let job = flink::get(client, NAMESPACE, "basic-example", &format!("/jobs/{id}"))
        .await?
        .unwrap_or_default();
    let parallelism: Vec<i64> = job["vertices"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|vertex| vertex["parallelism"].as_i64())
        .collect();
    if parallelism.is_empty() || parallelism.iter().any(|&p| p != 1) {
        return Err(Failure(format!(
            "Flink runs with the parallelisms {parallelism:?}, not with 1"
        )));
    }
    fact("Flink's REST API shows parallelism 1 for every operator");
    Ok(())
}

async fn suspend(client: &Client, deployments: &Api<FlinkDeployment>) -> Outcome {
    patch(r#"{"spec":{"job":{"state":"suspended"}}}"#).await?;
    sluice::wait_lifecycle(deployments, "basic-example", LifecycleState::Suspended, START).await?;
    no_pods(client, "basic-example").await?;
    fact("no pod of the job is left");
    Ok(())
}

async fn resume(client: &Client, deployments: &Api<FlinkDeployment>) -> Outcome {
    patch(r#"{"spec":{"job":{"state":"running"}}}"#).await?;
    sluice::wait_lifecycle(deployments, "basic-example", LifecycleState::Stable, START).await?;
    match flink::jobs(client, NAMESPACE, "basic-example").await? {
        Some(1) => Ok(()),
        other => Err(Failure(format!("the cluster has {other:?} jobs, not one"))),
    }
}

async fn delete(client: &Client, deployments: &Api<FlinkDeployment>, name: &str) -> Outcome {
    typed(&format!("kubectl delete flinkdeployment {name}"));
    kubectl(&["--namespace", NAMESPACE, "delete", "flinkdeployment", name])
        .await?
        .succeeded("kubectl delete")?;
    objects::wait_gone(deployments, name).await?;
    let clusters: Api<Deployment> = Api::namespaced(client.clone(), NAMESPACE);
    objects::wait_gone(&clusters, name).await?;
    no_pods(client, name).await?;
    fact("no Deployment and no pod of it is left");
    Ok(())
}

async fn patch(patch: &str) -> Outcome {
    typed(&format!(
        "kubectl patch flinkdeployment basic-example --type merge --patch '{patch}'"
    ));
    kubectl(&[
        "--namespace",
        NAMESPACE,
        "patch",
        "flinkdeployment",
        "basic-example",
        "--type",
        "merge",
        "--patch",
        patch,
    ])
    .await?
    .succeeded("kubectl patch")?;
    Ok(())
}

async fn no_pods(client: &Client, name: &str) -> Outcome {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    until("the job's pods to be gone", Duration::from_mins(1), || async {
        let left = objects::with_labels(&pods, &format!("app={name}")).await?;
        Ok(if left.is_empty() {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("{} pods", left.len()))
        })
    })
    .await?;
    Ok(())
}
