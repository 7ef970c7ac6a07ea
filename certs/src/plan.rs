//! What a stored CA and serving certificate need at a moment. Pure: no clock, no I/O.
//!
//! A new CA stands in `ca.crt` beside its predecessor for a while ([`SETTLE`]), and until it was seen in both webhook
//! configurations, before it signs anything: so the API server trusts it before any replica serves with it. The
//! predecessor stays in `ca.crt` until it ends.

use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

use crate::authority::{self, BACKDATE, KeyAndCertificate};
use crate::ca_bundle::BundleState;
use crate::error::CertError;
use crate::pem;

/// How long a new CA is at least only announced, while its predecessor's certificate is still served: every API server
/// reads the webhook configurations through a watch of its own.
pub const SETTLE: Duration = Duration::minutes(10);

/// What the Secret holds, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// `ca.crt`: the CA that signs, then its predecessors that have not ended.
    pub ca_bundle: String,
    /// `ca.key`: key of the first CA in `ca.crt`. Never logged.
    pub ca_key: Secret,
    /// `tls.crt` and `tls.key`.
    pub serving: KeyAndCertificate,
}

/// A text that never shows in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

/// What to do with a [`Stored`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Serve it as it is.
    Keep,
    /// Serve it as it is, though it is due: the API server may not trust the CA that would sign the next one.
    Hold {
        /// What is wrong with the webhook configurations.
        reason: String,
        /// When the certificate that is served ends. Then the new CA signs all the same: nobody trusts the old one.
        ends: OffsetDateTime,
    },
    /// Sign a new serving certificate by the present CA.
    Sign(&'static str),
    /// Put a new CA beside the present one; the serving certificate stays.
    Announce(&'static str),
    /// Start over: nothing of it can be trusted or used.
    Replace(String),
}

/// Decides for `stored`, which shall serve `dns_names`, at `now`, when `bundles` is how the webhook configurations stand.
#[must_use]
pub fn plan(stored: &Stored, dns_names: &[String], bundles: &[BundleState], now: OffsetDateTime) -> Plan {
    let (authority, predecessors) = match authorities(stored) {
        Ok(found) => found,
        Err(reason) => return Plan::Replace(reason),
    };
    if authority.not_after <= now {
        return Plan::Replace("the CA has expired".to_owned());
    }
    let Ok(serving) = pem::serving(
        stored.serving.certificate.as_bytes(),
        stored.serving.key.as_bytes(),
        "tls.crt",
    ) else {
        return Plan::Sign("the serving certificate cannot be read");
    };
    if serving.not_after <= now {
        return Plan::Sign("the serving certificate has expired");
    }
    if dns_names.iter().any(|name| !serving.dns_names.contains(name)) {
        return Plan::Sign("the serving certificate is for other DNS names");
    }
    let leaf = CertificateDer::from(serving.leaf());
    let trusted = std::iter::once(&authority)
        .chain(&predecessors)
        .any(|ca| ca.not_after > now && pem::is_signed_by(&leaf, &ca.certificate));
    if !trusted {
        return Plan::Sign("the serving certificate is signed by another CA");
    }
    if last_third(authority.not_before, authority.not_after, now) {
        return Plan::Announce("the CA is in the last third of its life");
    }
    let announced_at = authority.not_before + BACKDATE;
    let settled = now - announced_at >= SETTLE || predecessors.is_empty();
    if settled && last_third(serving.not_before, serving.not_after, now) {
        let proven = pem::is_signed_by(&leaf, &authority.certificate);
        let mut problems = bundles
            .iter()
            .filter_map(|state| state.distrusts(|ca| *ca == authority.certificate));
        if !proven && let Some(reason) = problems.next() {
            let ends = serving.not_after;
            return Plan::Hold { reason, ends };
        }
        return Plan::Sign("the serving certificate is in the last third of its life");
    }
    Plan::Keep
}

/// A new CA and a certificate of it.
///
/// # Errors
/// When they cannot be made.
pub fn fresh(dns_names: &[String], now: OffsetDateTime) -> Result<Stored, CertError> {
    let ca = authority::create(now)?;
    let serving = authority::sign(&ca, now + authority::CA_LIFETIME, dns_names, now)?;
    Ok(Stored {
        ca_bundle: ca.certificate,
        ca_key: Secret(ca.key),
        serving,
    })
}

/// `stored` after `plan`, at `now`; `None` where nothing changes.
///
/// # Errors
/// When a certificate cannot be made.
pub fn carry_out(
    plan: &Plan,
    stored: &Stored,
    dns_names: &[String],
    now: OffsetDateTime,
) -> Result<Option<Stored>, CertError> {
    match plan {
        Plan::Keep | Plan::Hold { .. } => Ok(None),
        Plan::Replace(_) => fresh(dns_names, now).map(Some),
        Plan::Announce(_) => {
            let ca = authority::create(now)?;
            let mut ca_bundle = ca.certificate;
            ca_bundle.push_str(&unexpired(stored, now));
            Ok(Some(Stored {
                ca_bundle,
                ca_key: Secret(ca.key),
                serving: stored.serving.clone(),
            }))
        }
        Plan::Sign(_) => {
            let certificates = pem::certificates(stored.ca_bundle.as_bytes(), "ca.crt")?;
            let signer = KeyAndCertificate {
                certificate: pem::encode(certificates.get(..1).unwrap_or_default()),
                key: stored.ca_key.0.clone(),
            };
            let (_, ends) = pem::validity(&certificates[0])?;
            Ok(Some(Stored {
                ca_bundle: unexpired(stored, now),
                ca_key: stored.ca_key.clone(),
                serving: authority::sign(&signer, ends, dns_names, now)?,
            }))
        }
    }
}

struct Authority {
    certificate: CertificateDer<'static>,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
}

/// The CA that signs, checked against its key, and its predecessors.
fn authorities(stored: &Stored) -> Result<(Authority, Vec<Authority>), String> {
    let certificates = pem::certificates(stored.ca_bundle.as_bytes(), "ca.crt").map_err(|e| e.to_string())?;
    // Checks that the key is the first CA's: a hand-edited Secret would sign what nobody trusts.
    pem::serving(stored.ca_bundle.as_bytes(), stored.ca_key.0.as_bytes(), "ca.key").map_err(|e| e.to_string())?;
    let mut all = Vec::with_capacity(certificates.len());
    for certificate in certificates {
        let (not_before, not_after) = pem::validity(&certificate).map_err(|e| e.to_string())?;
        all.push(Authority {
            certificate,
            not_before,
            not_after,
        });
    }
    let mut all = all.into_iter();
    all.next()
        .map(|first| (first, all.collect()))
        .ok_or_else(|| "ca.crt is empty".to_owned())
}

fn unexpired(stored: &Stored, now: OffsetDateTime) -> String {
    let kept: Vec<_> = pem::certificates(stored.ca_bundle.as_bytes(), "ca.crt")
        .unwrap_or_default()
        .into_iter()
        .filter(|certificate| pem::validity(certificate).is_ok_and(|(_, ends)| ends > now))
        .collect();
    pem::encode(&kept)
}

/// Whether less than a third of the life between the two is left at `now`.
fn last_third(not_before: OffsetDateTime, not_after: OffsetDateTime, now: OffsetDateTime) -> bool {
    (not_after - now) * 3 < not_after - not_before
}
