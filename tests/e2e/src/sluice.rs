//! Sluice itself on the cluster, and its resources.

use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use sluice_shared::api::FlinkDeployment;
use sluice_shared::api::status::{FlinkJobState, LifecycleState};

use crate::command::{helm, kubectl};
use crate::wait::{Seen, until};
use crate::{Failure, Outcome};

/// Namespace of the release.
pub const NAMESPACE: &str = "sluice-system";
/// Name of the release.
pub const RELEASE: &str = "sluice";

/// The repository's root.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of the repository, as text.
///
/// # Errors
/// When it cannot be read.
pub fn file(path: &str) -> Outcome<String> {
    std::fs::read_to_string(root().join(path)).map_err(|e| Failure(format!("cannot read {path}: {e}")))
}

/// Installs or upgrades the release from this checkout's chart, with `settings` as `--set` arguments, and waits until
/// its pods are ready.
///
/// # Errors
/// When Helm says no.
pub async fn install(settings: &[&str]) -> Outcome<String> {
    let chart = root().join("deploy/helm/sluice");
    let chart = chart.to_string_lossy().into_owned();
    let mut arguments = vec![
        "upgrade",
        "--install",
        RELEASE,
        &chart,
        "--namespace",
        NAMESPACE,
        "--create-namespace",
        "--wait",
        "--timeout",
        "180s",
        "--set",
        "image.tag=dev",
        "--reset-values",
    ];
    for setting in settings {
        arguments.extend(["--set", setting]);
    }
    let image = loaded_image().await?;
    if let Some(image) = &image {
        arguments.extend(["--set-string", image]);
    }
    let output = helm(&arguments).await?;
    if output.success {
        return Ok(output.stdout);
    }
    let pods = kubectl(&["--namespace", NAMESPACE, "describe", "pods"]).await?;
    Err(Failure(format!(
        "helm install failed: {}\n{}",
        output.stderr, pods.stdout
    )))
}

/// Waits until the webhook's pods are those that its Deployment wants, and ready.
///
/// # Errors
/// When that takes more than two minutes.
pub async fn wait_webhook() -> Outcome {
    let status = [
        "--namespace",
        NAMESPACE,
        "rollout",
        "status",
        "deployment/sluice-webhook",
        "--timeout=120s",
    ];
    kubectl(&status).await?.succeeded("rollout status").map(|_| ())
}

/// The setting by which the pods name the image that was loaded last: its tag is always the same, and without another
/// template the pods of an older one would stay. `None` where `tests/tools/load-images.sh` did not load it.
async fn loaded_image() -> Outcome<Option<String>> {
    let loaded = kubectl(&[
        "get",
        "nodes",
        "-o",
        r"jsonpath={.items[0].metadata.annotations.sluice\.test/image}",
    ])
    .await?
    .succeeded("kubectl get nodes")?;
    let key = loaded.trim();
    Ok((!key.is_empty()).then(|| format!(r"operatorPod.annotations.sluice\.test/image={key}")))
}

/// The image, as a test installs it, and one controller.
///
/// # Errors
/// When Helm says no.
pub async fn ensure_installed() -> Outcome {
    install(&[]).await.map(|_| ())
}

/// Name of the controller's Lease.
const LEASE: &str = "sluice-controller";

/// Leases of the release's namespace.
#[must_use]
pub fn leases(client: &Client) -> Api<Lease> {
    Api::namespaced(client.clone(), NAMESPACE)
}

/// The controller that leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// Its pod, which is what it is called in the Lease.
    pub pod: String,
    /// The pod's uid.
    pub uid: String,
    /// Version of the Lease. Another one with every renewal, so that a later one shows a process that is alive.
    pub version: String,
}

/// The pod that holds the controller's Lease, if it is there and not being deleted; a Lease outlives a pod that was killed.
///
/// # Errors
/// When the API server refuses.
pub async fn leader(client: &Client) -> Outcome<Option<Leader>> {
    let Some(lease) = leases(client).get_opt(LEASE).await? else {
        return Ok(None);
    };
    let version = lease.metadata.resource_version.unwrap_or_default();
    let holder = lease.spec.and_then(|spec| spec.holder_identity).unwrap_or_default();
    if holder.is_empty() {
        return Ok(None);
    }
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let pod = pods.get_opt(&holder).await?;
    Ok(pod
        .filter(|pod| pod.metadata.deletion_timestamp.is_none())
        .map(|pod| Leader {
            pod: holder,
            uid: pod.metadata.uid.unwrap_or_default(),
            version,
        }))
}

/// Waits for a leader that `is_it`.
///
/// # Errors
/// When `limit` passes first.
pub async fn wait_leader(
    client: &Client,
    what: &str,
    limit: Duration,
    is_it: impl Fn(&Leader) -> bool,
) -> Outcome<(Leader, Duration)> {
    until(what, limit, || async {
        let leader = leader(client).await?;
        Ok(match leader {
            Some(leader) if is_it(&leader) => Seen::Yes(leader),
            other => Seen::NotYet(format!("{other:?}")),
        })
    })
    .await
}

/// `FlinkDeployments` of a namespace.
#[must_use]
pub fn deployments(client: &Client, namespace: &str) -> Api<FlinkDeployment> {
    Api::namespaced(client.clone(), namespace)
}

/// Lifecycle state, job state and error in a line.
#[must_use]
pub fn summary(deployment: &FlinkDeployment) -> String {
    let Some(status) = &deployment.status else {
        return "no status".to_owned();
    };
    format!(
        "lifecycle {}, job {}, generation {:?} of {:?}, error {}",
        status.lifecycle_state.map_or("-", LifecycleState::as_str),
        status
            .job_status
            .as_ref()
            .and_then(|job| job.state)
            .map_or("-", FlinkJobState::as_str),
        status.observed_generation,
        deployment.metadata.generation,
        status.error.as_deref().unwrap_or("-"),
    )
}

/// Waits until the resource is in `state` for its newest generation.
///
/// # Errors
/// When `limit` passes first.
pub async fn wait_lifecycle(
    api: &Api<FlinkDeployment>,
    name: &str,
    state: LifecycleState,
    limit: Duration,
) -> Outcome<(FlinkDeployment, Duration)> {
    until(&format!("{name} to be {state}"), limit, || async {
        let Some(deployment) = api.get_opt(name).await? else {
            return Ok(Seen::NotYet("no such resource".to_owned()));
        };
        let status = deployment.status.clone().unwrap_or_default();
        Ok(
            if status.lifecycle_state == Some(state) && status.observed_generation == deployment.metadata.generation {
                Seen::Yes(deployment)
            } else {
                Seen::NotYet(summary(&deployment))
            },
        )
    })
    .await
}
