//! Readiness: a handshake with the own listener, as the API server would make it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use sluice_certs::Current;
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Whether the listener at `address` serves, over TLS, the certificate that `current` holds, and whether that one is
/// valid.
///
/// # Errors
/// What is wrong, for people.
pub async fn check(address: SocketAddr, current: &Current) -> Result<(), String> {
    let view = current.view();
    let Some(expected) = view.serving else {
        return Err(view.problem.unwrap_or_else(|| "there is no certificate yet".to_owned()));
    };
    let now = OffsetDateTime::now_utc();
    if now > expected.not_after {
        return Err(format!(
            "the certificate ended at {}{}",
            expected.not_after,
            because(view.problem.as_deref())
        ));
    }
    if now < expected.not_before {
        return Err(format!(
            "the certificate is not valid before {}; is this machine's clock right?",
            expected.not_before
        ));
    }
    let served = served_leaf(address, expected.dns_names.first().map(String::as_str)).await?;
    // Another swap during the handshake is not a fault.
    let is_current = |leaf: &[u8]| current.view().serving.is_some_and(|serving| serving.leaf() == leaf);
    if served == expected.leaf() || is_current(&served) {
        Ok(())
    } else {
        Err("the listener serves another certificate than the current one".to_owned())
    }
}

fn because(problem: Option<&str>) -> String {
    problem
        .map(|problem| format!(" and is not renewed: {problem}"))
        .unwrap_or_default()
}

/// The leaf that the listener presents in a complete handshake.
async fn served_leaf(address: SocketAddr, name: Option<&str>) -> Result<Vec<u8>, String> {
    let address = reachable(address);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    let name = name
        .filter(|name| !name.starts_with('*'))
        .unwrap_or("localhost")
        .to_owned();
    let name = ServerName::try_from(name).map_err(|e| e.to_string())?;
    let stream = TcpStream::connect(address)
        .await
        .map_err(|e| format!("cannot connect to the own listener at {address}: {e}"))?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .map_err(|e| format!("TLS handshake with the own listener failed: {e}"))?;
    let (_, session) = stream.get_ref();
    session
        .peer_certificates()
        .and_then(|chain| chain.first())
        .map(|leaf| leaf.to_vec())
        .ok_or_else(|| "the own listener presented no certificate".to_owned())
}

fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Takes any certificate, since [`check`] compares it byte by byte; the peer still has to prove that it has the key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
