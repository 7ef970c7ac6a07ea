//! Our own CA, and the certificates it signs.

use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

use crate::error::CertError;

/// Life of a CA.
pub const CA_LIFETIME: Duration = Duration::days(365);
/// Life of a serving certificate. Renewed after two thirds, so a cluster may stand still for ten days.
pub const SERVING_LIFETIME: Duration = Duration::days(30);
/// How far validity reaches back, for clocks that are behind.
pub const BACKDATE: Duration = Duration::hours(1);

/// A certificate and its private key as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyAndCertificate {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS#8.
    pub key: String,
}

impl fmt::Debug for KeyAndCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyAndCertificate").finish_non_exhaustive()
    }
}

/// A new CA, valid from `now` for [`CA_LIFETIME`]. Its name carries the time, so that two generations differ.
///
/// # Errors
/// When the random source or the signing fails.
pub fn create(now: OffsetDateTime) -> Result<KeyAndCertificate, CertError> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name = name(&format!("sluice-webhook-ca-{}", now.unix_timestamp()));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = now - BACKDATE;
    params.not_after = now + CA_LIFETIME;
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(KeyAndCertificate {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

/// A serving certificate for `dns_names`, signed by `authority`, valid from `now` for [`SERVING_LIFETIME`] but never
/// longer than `authority_ends`.
///
/// # Errors
/// When the CA cannot be read or the signing fails.
pub fn sign(
    authority: &KeyAndCertificate,
    authority_ends: OffsetDateTime,
    dns_names: &[String],
    now: OffsetDateTime,
) -> Result<KeyAndCertificate, CertError> {
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, KeyPair::from_pem(&authority.key)?)?;
    let mut params = CertificateParams::new(dns_names.to_vec())?;
    // The names stand in the subject alternative names; a common name is limited to 64 characters.
    params.distinguished_name = name("sluice-webhook");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.not_before = now - BACKDATE;
    params.not_after = authority_ends.min(now + SERVING_LIFETIME);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?;
    Ok(KeyAndCertificate {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
    })
}

/// Names that the API server and this cluster's clients reach a Service by.
#[must_use]
pub fn service_names(service: &str, namespace: &str) -> Vec<String> {
    vec![
        format!("{service}.{namespace}.svc"),
        format!("{service}.{namespace}.svc.cluster.local"),
        format!("{service}.{namespace}"),
        service.to_owned(),
    ]
}

fn name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Sluice");
    name.push(DnType::CommonName, common_name);
    name
}
