//! Certificates, volumes and clients for tests with real sockets.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::body::Body;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Name in the certificates.
pub const NAME: &str = "webhook.test";

/// PEM of a chain, its key, and the root to trust it by.
#[derive(Clone)]
pub struct Pair {
    pub chain: String,
    pub key: String,
    pub root: String,
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A leaf of an intermediate of a root.
pub fn chain() -> Pair {
    chain_until(time::OffsetDateTime::now_utc() + time::Duration::days(1))
}

/// As [`chain`], with a leaf that ends at `end`.
pub fn chain_until(end: time::OffsetDateTime) -> Pair {
    let root = CertifiedIssuer::self_signed(authority("root"), KeyPair::generate().unwrap()).unwrap();
    let middle = CertifiedIssuer::signed_by(authority("middle"), KeyPair::generate().unwrap(), &root).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
    params.not_before = end - time::Duration::days(30);
    params.not_after = end;
    let leaf = params.signed_by(&key, &middle).unwrap();
    Pair {
        chain: leaf.pem() + &middle.pem(),
        key: key.serialize_pem(),
        root: root.pem(),
    }
}

/// Writes the next generation of a mounted Secret.
pub fn publish(volume: &Path, pair: &Pair) {
    let files = [("tls.crt", pair.chain.as_bytes()), ("tls.key", pair.key.as_bytes())];
    sluice_test_support::volume::publish(volume, &files).unwrap();
}

fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .map(Result::unwrap)
        .collect()
}

/// A trust store of these certificates.
pub fn roots(pem: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem) {
        roots.add(certificate).unwrap();
    }
    roots
}

/// Connects as the API server does: verifies the chain by `root` alone.
pub async fn connect(address: SocketAddr, root: &str, alpn: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
    connect_as(address, root, alpn, None).await
}

/// As [`connect`], with a certificate of the client's own.
pub async fn connect_as(
    address: SocketAddr,
    root: &str,
    alpn: &[&[u8]],
    own: Option<&Pair>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(root));
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => builder
            .with_client_auth_cert(
                certificates(&own.chain),
                PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap(),
            )
            .unwrap(),
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from(NAME).unwrap(), stream)
        .await
}

/// The leaf that the server presented.
pub fn leaf_of(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// A connection of HTTP/1.1.
pub async fn http1(stream: TlsStream<TcpStream>) -> http1::SendRequest<Body> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// A connection of HTTP/2.
pub async fn http2(stream: TlsStream<TcpStream>) -> http2::SendRequest<Body> {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    sender
}
