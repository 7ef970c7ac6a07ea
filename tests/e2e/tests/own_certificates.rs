//! The webhook's own certificates: a Secret that is deleted and a rotation of the CA, and no apply that fails.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use sluice_certs::plan::{self, Plan, SETTLE, Stored};
use sluice_certs::{authority, pem};
use sluice_e2e::certificates::{WEBHOOK_PODS, ca_bundles, parse, served};
use sluice_e2e::cluster::client;
use sluice_e2e::command::kubectl;
use sluice_e2e::objects::with_labels;
use sluice_e2e::stream::none_fails_during;
use sluice_e2e::wait::{Seen, until};
use sluice_e2e::{Failure, Outcome, sluice};
use time::{Duration as Span, OffsetDateTime};

const SECRET: &str = "sluice-webhook-tls";
/// Until a change of the Secret has reached pods and webhook configurations.
const SOON: Duration = Duration::from_secs(20);
/// What is left of the time for which a new CA is only announced when the test brings it.
const LEFT: Span = Span::seconds(40);
/// That, and the minute between two looks at the clock.
const ROTATED: Duration = Duration::from_mins(3);

fn secrets(client: &Client) -> Api<Secret> {
    Api::namespaced(client.clone(), sluice::NAMESPACE)
}

fn failed(error: &sluice_certs::CertError) -> Failure {
    Failure(error.to_string())
}

async fn scale(replicas: u32) -> Outcome {
    let replicas = format!("--replicas={replicas}");
    let arguments = ["--namespace", sluice::NAMESPACE, "scale", "deployment/sluice-webhook"];
    kubectl(&[&arguments[..], &[&replicas]].concat())
        .await?
        .succeeded("kubectl scale")
        .map(|_| ())
}

#[tokio::test]
async fn a_deleted_secret_comes_back_as_it_was_and_nobody_notices() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let secrets = secrets(&client);
    let before = secrets.get(SECRET).await?;
    let leaves = served(&client).await?;
    assert!(!leaves.is_empty(), "no webhook is ready");
    let heal = async {
        for _ in 0..10 {
            let uid = secrets.get(SECRET).await?.uid();
            secrets.delete(SECRET, &DeleteParams::default()).await?;
            until("the Secret to come back", SOON, || async {
                Ok(match secrets.get_opt(SECRET).await? {
                    Some(secret) if secret.uid() != uid => Seen::Yes(()),
                    Some(_) => Seen::NotYet("still being deleted".to_owned()),
                    None => Seen::NotYet("absent".to_owned()),
                })
            })
            .await?;
            assert_eq!(secrets.get(SECRET).await?.data, before.data);
            assert_eq!(served(&client).await?, leaves);
        }
        Ok(())
    };
    let ((), applied) = Box::pin(none_fails_during(&client, heal)).await?;
    assert!(applied > 10, "only {applied} applies: too few to show anything");
    println!("{applied} applies while the Secret was deleted ten times, none failed");
    Ok(())
}

/// Writes what the webhook itself would have, had it been there then.
async fn write(client: &Client, stored: &Stored) -> Outcome {
    let data: BTreeMap<&str, ByteString> = [
        ("tls.crt", &stored.serving.certificate),
        ("tls.key", &stored.serving.key),
        ("ca.crt", &stored.ca_bundle),
        ("ca.key", &stored.ca_key.0),
    ]
    .into_iter()
    .map(|(key, text)| (key, ByteString(text.clone().into_bytes())))
    .collect();
    let patch = Patch::Merge(json!({ "data": data }));
    secrets(client).patch(SECRET, &PatchParams::default(), &patch).await?;
    Ok(())
}

/// Waits until every caBundle holds these certificates and no others.
async fn wait_bundles(client: &Client, wanted: &str) -> Outcome {
    until("every caBundle to hold both CAs", SOON, || async {
        let bundles = ca_bundles(client).await?;
        Ok(if bundles.iter().all(|bundle| bundle == wanted.as_bytes()) {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("others in {} webhooks", bundles.len()))
        })
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_ca_is_replaced_and_no_apply_fails() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let secrets = secrets(&client);
    let replicas = served(&client).await?.len() / ca_bundles(&client).await?.len();
    let now = OffsetDateTime::now_utc();
    let names = authority::service_names("sluice-webhook", sluice::NAMESPACE);

    // A CA and a certificate that have both come into the last third of their lives, while no webhook runs.
    let first = plan::fresh(&names, now - Span::days(250)).map_err(|e| failed(&e))?;
    let aged = plan::carry_out(&Plan::Sign("test"), &first, &names, now - Span::days(25))
        .map_err(|e| failed(&e))?
        .ok_or_else(|| Failure::new("nothing was signed"))?;
    let old_leaf = parse(aged.serving.certificate.as_bytes())?.remove(0);
    let pods: Api<Pod> = Api::namespaced(client.clone(), sluice::NAMESPACE);
    scale(0).await?;
    until("the webhook to end", Duration::from_mins(1), || async {
        let left = with_labels(&pods, WEBHOOK_PODS).await?.len();
        Ok(if left == 0 {
            Seen::Yes(())
        } else {
            Seen::NotYet(format!("{left} pods"))
        })
    })
    .await?;
    write(&client, &aged).await?;
    scale(u32::try_from(replicas).unwrap_or(1)).await?;
    sluice::wait_webhook().await?;

    // It announces a new CA and serves with the old one.
    let announced = secrets.get(SECRET).await?.data.unwrap_or_default();
    let bundle = announced.get("ca.crt").map(|ca| ca.0.clone()).unwrap_or_default();
    let bundle = String::from_utf8_lossy(&bundle).into_owned();
    let authorities = parse(bundle.as_bytes())?;
    assert_eq!(authorities.len(), 2, "the new CA and the old one: {bundle}");
    assert_eq!(authorities[1], parse(aged.ca_bundle.as_bytes())?[0]);
    wait_bundles(&client, &bundle).await?;
    let leaves = served(&client).await?;
    assert!(!leaves.is_empty() && leaves.iter().all(|leaf| *leaf == old_leaf));

    // The same again, but announced ten minutes ago less LEFT.
    let ca = authority::create(OffsetDateTime::now_utc() - SETTLE + LEFT).map_err(|e| failed(&e))?;
    let new_ca = parse(ca.certificate.as_bytes())?.remove(0);
    let announced = Stored {
        ca_bundle: format!("{}{}", ca.certificate, aged.ca_bundle),
        ca_key: plan::Secret(ca.key),
        serving: aged.serving.clone(),
    };
    let rotate = async {
        write(&client, &announced).await?;
        wait_bundles(&client, &announced.ca_bundle).await?;
        let leaves = served(&client).await?;
        assert!(
            !leaves.is_empty() && leaves.iter().all(|leaf| *leaf == old_leaf),
            "served before it was trusted"
        );
        until("every webhook to serve by the new CA", ROTATED, || async {
            // Each look is a handshake with each pod that its caBundle has to verify.
            let leaves = served(&client).await?;
            let new = leaves.iter().filter(|leaf| pem::is_signed_by(leaf, &new_ca)).count();
            Ok(if new == leaves.len() && new > 0 {
                Seen::Yes(())
            } else {
                Seen::NotYet(format!("{new} of {} handshakes", leaves.len()))
            })
        })
        .await?;
        // Both, for replicas that would still be behind.
        wait_bundles(&client, &announced.ca_bundle).await
    };
    let ((), applied) = Box::pin(none_fails_during(&client, rotate)).await?;
    assert!(applied > 100, "only {applied} applies: too few to show anything");
    println!("{applied} applies while the CA was replaced, none failed");
    Ok(())
}
