//! The webhook with a certificate that the real cert-manager issues and whose CA it injects.

use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::json;
use sluice_e2e::cluster::client;
use sluice_e2e::command::run;
use sluice_e2e::fixtures::{tiny, with};
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Outcome, sluice};

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
    let issued = secrets.get("sluice-webhook-cert").await?.data.unwrap_or_default();
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

    let arguments = ["--namespace", "default", "create", "--dry-run=server", "-f", "-"];
    until(
        "the API server to trust the webhook",
        Duration::from_secs(20),
        || async {
            let output = run("kubectl", &arguments, Some(&tiny("right").to_string())).await?;
            Ok(if output.success {
                Seen::Yes(())
            } else {
                Seen::NotYet(output.stderr)
            })
        },
    )
    .await?;
    let wrong = with(tiny("wrong"), "/spec/job/parallelism", json!(0));
    let output = run("kubectl", &arguments, Some(&wrong.to_string())).await?;
    assert!(
        !output.success && output.stderr.contains("spec.job.parallelism"),
        "{}",
        output.stderr
    );

    sluice::ensure_installed().await?;
    cert_manager("down").await
}
