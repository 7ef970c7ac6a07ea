//! A certificate chain and its key, read from PEM and checked.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::error::CertError;

/// A serving certificate that is fit to be served.
pub struct Serving {
    /// Chain and signing key, as rustls takes them.
    pub key: Arc<CertifiedKey>,
    /// First moment of validity.
    pub not_before: OffsetDateTime,
    /// Last moment of validity.
    pub not_after: OffsetDateTime,
    /// DNS names of the leaf.
    pub dns_names: Vec<String>,
}

impl Serving {
    /// DER of the leaf.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        self.key.cert.first().map_or(&[], |c| c.as_ref())
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving")
            .field("dns_names", &self.dns_names)
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// Reads a chain (leaf first, any number of intermediates) and the leaf's key (PKCS#8, PKCS#1 or SEC1; RSA, ECDSA or
/// Ed25519). `origin` names where they come from in errors.
///
/// # Errors
/// When either is no PEM of its kind, or when they do not belong together.
pub fn serving(chain: &[u8], key: &[u8], origin: &str) -> Result<Serving, CertError> {
    let content = |reason: String| CertError::Content {
        origin: origin.to_owned(),
        reason,
    };
    let chain = certificates(chain, origin)?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| content("holds no private key in PEM (\"-----BEGIN PRIVATE KEY-----\" or alike)".to_owned()))?;
    let (not_before, not_after, dns_names) = match chain.first() {
        Some(leaf) => facts(leaf).map_err(content)?,
        None => return Err(content("holds no certificate".to_owned())),
    };
    let key = CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider()).map_err(|e| match e {
        rustls::Error::InconsistentKeys(_) => CertError::KeyMismatch {
            origin: origin.to_owned(),
        },
        other => content(other.to_string()),
    })?;
    Ok(Serving {
        key: Arc::new(key),
        not_before,
        not_after,
        dns_names,
    })
}

/// All certificates of a PEM text, at least one.
///
/// # Errors
/// When there is none, or one is broken.
pub fn certificates(pem: &[u8], origin: &str) -> Result<Vec<CertificateDer<'static>>, CertError> {
    let content = |reason: String| CertError::Content {
        origin: origin.to_owned(),
        reason,
    };
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| content(format!("broken certificate in PEM: {e}")))?;
    if found.is_empty() {
        return Err(content(
            "holds no certificate in PEM (\"-----BEGIN CERTIFICATE-----\")".to_owned(),
        ));
    }
    Ok(found)
}

fn facts(leaf: &CertificateDer<'_>) -> Result<(OffsetDateTime, OffsetDateTime, Vec<String>), String> {
    let (_, parsed) = X509Certificate::from_der(leaf).map_err(|e| format!("broken certificate: {e}"))?;
    let names = match parsed.subject_alternative_name() {
        Ok(Some(names)) => names
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some((*name).to_owned()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    };
    Ok((
        parsed.validity().not_before.to_datetime(),
        parsed.validity().not_after.to_datetime(),
        names,
    ))
}

/// Common name and DNS names of a certificate; none where it cannot be read.
#[must_use]
pub fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let common = parsed.subject().iter_common_name();
    let mut names: Vec<String> = common
        .filter_map(|name| name.as_str().ok().map(str::to_owned))
        .collect();
    if let Ok((_, _, dns_names)) = facts(certificate) {
        names.extend(dns_names);
    }
    names
}

/// Validity of a certificate.
///
/// # Errors
/// When it cannot be read.
pub fn validity(certificate: &CertificateDer<'_>) -> Result<(OffsetDateTime, OffsetDateTime), CertError> {
    facts(certificate)
        .map(|(from, to, _)| (from, to))
        .map_err(|reason| CertError::Content {
            origin: "certificate".to_owned(),
            reason,
        })
}

/// Whether `certificate` bears a signature of `authority`.
#[must_use]
pub fn is_signed_by(certificate: &CertificateDer<'_>, authority: &CertificateDer<'_>) -> bool {
    let (Ok((_, certificate)), Ok((_, authority))) = (
        X509Certificate::from_der(certificate),
        X509Certificate::from_der(authority),
    ) else {
        return false;
    };
    certificate.issuer() == authority.subject() && certificate.verify_signature(Some(authority.public_key())).is_ok()
}

/// `certificates` as PEM, in their order.
#[must_use]
pub fn encode(certificates: &[CertificateDer<'_>]) -> String {
    let mut text = String::new();
    for certificate in certificates {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let body = BASE64.encode(certificate);
        for line in body.as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}
