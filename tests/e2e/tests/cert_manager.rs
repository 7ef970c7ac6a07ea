//! The webhook with a certificate that the real cert-manager issues and renews, and whose CA it injects.

use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use sluice_e2e::certificates::{WEBHOOK_PODS, parse, served};
use sluice_e2e::cluster::client;
use sluice_e2e::command::{dry_run, run};
use sluice_e2e::fixtures::{tiny, with};
use sluice_e2e::objects::with_labels;
use sluice_e2e::stream::none_fails_during;
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Failure, Outcome, sluice};

/// The Secret that cert-manager writes.
const SECRET: &str = "sluice-webhook-cert";
/// How long kubelet may take to bring a changed Secret into pods, and the webhook to read it.
const RELOAD: Duration = Duration::from_mins(3);

async fn cert_manager(argument: &str) -> Outcome {
    let script = sluice::root().join("tests/cluster/cluster.sh");
    run(&script.to_string_lossy(), &["cert-manager", argument], None)
        .await?
        .succeeded("cert-manager")?;
    Ok(())
}

#[tokio::test]
async fn admission_works_with_certificates_of_cert_manager() -> Outcome {
    cert_manager("up").await?;
    sluice::install(&["certs.mode=cert-manager"]).await?;
    let client = client().await?;

    let secrets: Api<Secret> = Api::namespaced(client.clone(), sluice::NAMESPACE);
    let issued = secrets.get(SECRET).await?.data.unwrap_or_default();
    let authority = issued
        .get("ca.crt")
        .map(|ca| String::from_utf8_lossy(&ca.0).trim().to_owned())
        .unwrap_or_default();
    assert!(!authority.is_empty(), "cert-manager issued no ca.crt");
    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    until("cert-manager to inject its CA", Duration::from_secs(30), || async {
        let configuration = configurations.get("sluice").await?;
        let bundles = configuration
            .webhooks
            .into_iter()
            .flatten()
            .map(|webhook| webhook.client_config.ca_bundle);
        let injected = bundles
            .map(|bundle| bundle.map(|bundle| bundle.0).unwrap_or_default())
            // It keeps the CA that stood there before beside its own.
            .all(|bundle| String::from_utf8_lossy(&bundle).contains(&authority));
        Ok(if injected {
            Seen::Yes(())
        } else {
            Seen::NotYet("another caBundle".to_owned())
        })
    })
    .await?;

    until(
        "the API server to trust the webhook",
        Duration::from_secs(20),
        || async {
            let output = dry_run("default", &tiny("right").to_string()).await?;
            Ok(if output.success {
                Seen::Yes(())
            } else {
                Seen::NotYet(output.stderr)
            })
        },
    )
    .await?;
    let wrong = with(tiny("wrong"), "/spec/job/parallelism", json!(0));
    let output = dry_run("default", &wrong.to_string()).await?;
    assert!(
        !output.success && output.stderr.contains("spec.job.parallelism"),
        "{}",
        output.stderr
    );

    Box::pin(renewed_without_a_restart(&client)).await?;
    sluice::ensure_installed().await?;
    cert_manager("down").await
}

/// Has cert-manager renew the certificate, as `cmctl renew` does, under a stream of applies.
async fn renewed_without_a_restart(client: &Client) -> Outcome {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), sluice::NAMESPACE);
    let pods: Api<Pod> = Api::namespaced(client.clone(), sluice::NAMESPACE);
    let kind = GroupVersionKind::gvk("cert-manager.io", "v1", "Certificate");
    let certificates: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), sluice::NAMESPACE, &ApiResource::from_gvk(&kind));
    let leaf = || async {
        let data = secrets.get(SECRET).await?.data.unwrap_or_default();
        let chain = data.get("tls.crt").map(|chain| chain.0.clone()).unwrap_or_default();
        let chain = parse(&chain)?;
        chain.into_iter().next().ok_or_else(|| Failure::new("tls.crt is empty"))
    };
    let running = || async {
        let mut running: Vec<_> = with_labels(&pods, WEBHOOK_PODS)
            .await?
            .into_iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .map(|pod| {
                let containers = pod
                    .status
                    .clone()
                    .unwrap_or_default()
                    .container_statuses
                    .unwrap_or_default();
                let restarts: i32 = containers.iter().map(|container| container.restart_count).sum();
                (pod.metadata.uid, restarts)
            })
            .collect();
        running.sort();
        Ok::<_, Failure>(running)
    };
    let (first, pods_before) = (leaf().await?, running().await?);
    let before = served(client).await?;
    assert!(!before.is_empty() && before.iter().all(|served| *served == first));

    let renew = async {
        let certificate = certificates.get("sluice-webhook").await?;
        let mut conditions = certificate.data["status"]["conditions"].clone();
        if let Some(conditions) = conditions.as_array_mut() {
            conditions.push(json!({
                "type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "by the test",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }));
        }
        let patch = Patch::Merge(json!({ "status": { "conditions": conditions } }));
        certificates
            .patch_status("sluice-webhook", &PatchParams::default(), &patch)
            .await?;
        let (second, _) = until("cert-manager to issue another", Duration::from_secs(30), || async {
            let now = leaf().await?;
            Ok(if now == first {
                Seen::NotYet("the first".to_owned())
            } else {
                Seen::Yes(now)
            })
        })
        .await?;
        until("every webhook to serve it", RELOAD, || async {
            let leaves = served(client).await?;
            let new = leaves.iter().filter(|leaf| **leaf == second).count();
            Ok(if new == leaves.len() && new > 0 {
                Seen::Yes(())
            } else {
                Seen::NotYet(format!("{new} of {} handshakes", leaves.len()))
            })
        })
        .await
    };
    let (((), took), applied) = Box::pin(none_fails_during(client, renew)).await?;
    assert!(applied > 10, "only {applied} applies: too few to show anything");
    assert_eq!(running().await?, pods_before, "pods were started anew");
    println!(
        "{applied} applies through a renewal that took {:.0} s, none failed",
        took.as_secs_f64()
    );
    Ok(())
}
