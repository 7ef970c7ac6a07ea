//! Who may ask, where that is restricted: clients with a certificate of a given CA, and of given names.
//!
//! A client without a certificate gets through the handshake and is answered with an AdmissionReview that says what is
//! missing; one with a certificate of another CA does not get that far. The CA's file is read again and again, as
//! [`sluice_certs::files`] does it, because a CA is renewed too.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use sluice_certs::{CertError, pem};

/// How often the file is read.
const POLL_EVERY: Duration = Duration::from_secs(10);

/// The CA's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ClientAuthError {
    /// It cannot be read, or holds no certificate.
    #[error("--client-ca: {0}")]
    Certificates(#[from] CertError),
    /// A certificate in it cannot be trusted by.
    #[error("--client-ca: {path}: {reason}")]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What rustls says.
        reason: String,
    },
}

/// Checks clients.
#[derive(Debug)]
pub struct ClientAuth {
    file: PathBuf,
    names: Vec<String>,
    trusted: RwLock<Trusted>,
}

#[derive(Debug)]
struct Trusted {
    bytes: Vec<u8>,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// What is known of the client of a connection; goes with each of its requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// It may ask.
    Trusted,
    /// It showed no certificate.
    Unknown,
    /// Its certificate is for other names.
    Misnamed,
}

impl ClientAuth {
    /// Clients with a certificate of a CA in `file`, whose common name or one of whose DNS names is among `names`; of any
    /// name where there are none.
    ///
    /// # Errors
    /// When the file cannot be read or holds no CA.
    pub fn load(file: &Path, names: Vec<String>) -> Result<Arc<Self>, ClientAuthError> {
        Ok(Arc::new(Self {
            trusted: RwLock::new(Trusted::read(file)?),
            file: file.to_owned(),
            names,
        }))
    }

    /// Follows the file for ever; while it cannot be used, the CAs read last hold. Never ends.
    pub async fn run(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(POLL_EVERY);
        let mut problem = None;
        loop {
            ticks.tick().await;
            match self.reload() {
                Ok(false) => {}
                Ok(true) => tracing::info!("trusting the clients of {} as it is now", self.file.display()),
                Err(error) => {
                    let text = error.to_string();
                    if problem.as_ref() != Some(&text) {
                        tracing::warn!("{text}; the CAs read before hold on");
                    }
                    problem = Some(text);
                    continue;
                }
            }
            problem = None;
        }
    }

    /// Reads the file again; whether it changed.
    ///
    /// # Errors
    /// When it cannot be used. What was read before holds on.
    pub fn reload(&self) -> Result<bool, ClientAuthError> {
        let read = Trusted::read(&self.file)?;
        let changed = self.trusted.read().bytes != read.bytes;
        if changed {
            *self.trusted.write() = read;
        }
        Ok(changed)
    }

    /// What the client with this chain is, once the handshake has verified the chain.
    #[must_use]
    pub fn caller(&self, chain: Option<&[CertificateDer<'_>]>) -> Caller {
        let Some(leaf) = chain.and_then(<[_]>::first) else {
            return Caller::Unknown;
        };
        let named = |names: Vec<String>| names.iter().any(|name| self.names.contains(name));
        if self.names.is_empty() || named(pem::names(leaf)) {
            Caller::Trusted
        } else {
            Caller::Misnamed
        }
    }

    fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.trusted.read().verifier)
    }
}

impl Trusted {
    fn read(file: &Path) -> Result<Self, ClientAuthError> {
        let bytes = std::fs::read(file).map_err(|source| CertError::Read {
            path: file.to_owned(),
            source,
        })?;
        let unusable = |reason: String| ClientAuthError::Unusable {
            path: file.to_owned(),
            reason,
        };
        let mut roots = RootCertStore::empty();
        for certificate in pem::certificates(&bytes, &file.display().to_string())? {
            roots.add(certificate).map_err(|e| unusable(e.to_string()))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .allow_unauthenticated()
            .build()
            .map_err(|e| unusable(e.to_string()))?;
        Ok(Self { bytes, verifier })
    }
}

impl ClientCertVerifier for ClientAuth {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    // No hints: they would have to outlive the CAs that they are of, and clients send their one certificate anyway.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.verifier().verify_client_cert(leaf, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier().verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier().verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier().supported_verify_schemes()
    }
}
