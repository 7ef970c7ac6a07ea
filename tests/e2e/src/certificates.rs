//! The webhook's certificates, as its pods serve them and as the API server checks them.

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::{Failure, Outcome, objects, sluice};

/// Labels of the webhook's pods.
pub const WEBHOOK_PODS: &str = "app.kubernetes.io/instance=sluice,app.kubernetes.io/component=webhook";
/// Port of the webhook's pods.
const PORT: u16 = 9443;
/// For a connection within the cluster.
const LIMIT: Duration = Duration::from_secs(5);

/// The caBundle of each webhook of both configurations; empty where there is none.
///
/// # Errors
/// When there is no such configuration.
pub async fn ca_bundles(client: &Client) -> Outcome<Vec<Vec<u8>>> {
    let validating: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let mutating: Api<MutatingWebhookConfiguration> = Api::all(client.clone());
    let validating = validating.get(sluice::RELEASE).await?.webhooks.unwrap_or_default();
    let mutating = mutating.get(sluice::RELEASE).await?.webhooks.unwrap_or_default();
    let validating = validating.into_iter().map(|webhook| webhook.client_config);
    let mutating = mutating.into_iter().map(|webhook| webhook.client_config);
    Ok(validating
        .chain(mutating)
        .map(|config| config.ca_bundle.unwrap_or_default().0)
        .collect())
}

/// Certificates in PEM, in the form that goes over the wire.
///
/// # Errors
/// When it is no PEM.
pub fn parse(pem: &[u8]) -> Outcome<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| Failure(format!("no PEM: {error}")))
}

/// The leaf that each ready pod of the webhook serves, after a handshake in which the caBundle of each webhook verified it
/// as the API server does.
///
/// # Errors
/// When a pod cannot be reached or serves what a caBundle does not verify.
pub async fn served(client: &Client) -> Outcome<Vec<CertificateDer<'static>>> {
    let bundles = ca_bundles(client).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), sluice::NAMESPACE);
    let mut leaves = Vec::new();
    for pod in objects::with_labels(&pods, WEBHOOK_PODS).await? {
        let status = pod.status.unwrap_or_default();
        let ready = status
            .conditions
            .into_iter()
            .flatten()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True");
        let Some(address) = status.pod_ip.and_then(|ip| ip.parse().ok()) else {
            continue;
        };
        if !ready || pod.metadata.deletion_timestamp.is_some() {
            continue;
        }
        for bundle in &bundles {
            let bundle = bundle.clone();
            let leaf = tokio::task::spawn_blocking(move || handshake(address, &bundle))
                .await
                .map_err(|error| Failure(error.to_string()))??;
            leaves.push(leaf);
        }
    }
    Ok(leaves)
}

fn handshake(address: IpAddr, bundle: &[u8]) -> Outcome<CertificateDer<'static>> {
    let failed = |error: &dyn std::fmt::Display| Failure(format!("the webhook at {address}: {error}"));
    let mut roots = RootCertStore::empty();
    for certificate in parse(bundle)? {
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = format!("sluice-webhook.{}.svc", sluice::NAMESPACE);
    let name = ServerName::try_from(name).map_err(|error| failed(&error))?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(|error| failed(&error))?;
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(address, PORT), LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(|error| failed(&error))?;
    }
    let chain = connection.peer_certificates().unwrap_or_default();
    chain
        .first()
        .map(|leaf| leaf.clone().into_owned())
        .ok_or_else(|| failed(&"no certificate"))
}
