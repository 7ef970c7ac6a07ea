//! What a stored CA and serving certificate need at a moment. Pure: no clock, no I/O.
//!
//! A new CA stands in `ca.crt` beside its predecessor for a while ([`SETTLE`]), and until it was seen in both webhook
//! configurations, before it signs anything: so the API server trusts it before any replica serves with it. The
//! predecessor stays in `ca.crt` until it ends. The same holds for a certificate that someone else put into the Secret:
//! its CA is announced, and [`Seen`] for [`READ_WITHIN`], before a replica serves with it ([`too_soon`]).

use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

use crate::authority::{self, BACKDATE, KeyAndCertificate};
use crate::ca_bundle::BundleState;
use crate::error::CertError;
use crate::pem::{self, Serving};

/// How long a new CA is at least only announced, while its predecessor's certificate is still served: every API server
/// reads the webhook configurations through a watch of its own.
pub const SETTLE: Duration = Duration::minutes(10);

/// How long a CA stands in the webhook configurations at least before it is served: an API server that lost its watch of them
/// is back within that time (client-go's `Reflector`, 30 s at most and as much again at random).
pub const READ_WITHIN: Duration = Duration::minutes(1);

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
    /// The serving certificate is no good: put back the last one that was; where there is none, sign another, but not
    /// before the API server trusts the CA.
    Mend {
        /// What is wrong with it.
        why: &'static str,
        /// Why the API server may not trust the CA.
        doubt: Option<Doubt>,
    },
    /// Sign a new serving certificate by the present CA.
    Sign(&'static str),
    /// Put a new CA beside the present one; the serving certificate stays.
    Announce(&'static str),
    /// Start over: nothing of it can be trusted or used.
    Replace(String),
}

/// Why the API server may not trust a CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// What is wrong with the webhook configurations.
    pub reason: String,
    /// Whether they were looked at; at the start nobody knows yet.
    pub known: bool,
}

/// A certificate that is not served yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooSoon {
    /// Why, as what is said of its CA.
    pub doubt: Doubt,
    /// When the one that is served ends. Then the other takes its place all the same.
    pub ends: OffsetDateTime,
}

/// The CAs that all webhook configurations hold, and since when, as far as this replica has seen.
#[derive(Clone, Debug, Default)]
pub struct Seen(Vec<(CertificateDer<'static>, OffsetDateTime)>);

impl Seen {
    /// Notes how the webhook configurations stand at `now`. A CA that was not in all of them counts from its return.
    pub fn note(&mut self, bundles: &[BundleState], now: OffsetDateTime) {
        let mut seen = Self::default();
        for ca in bundles.iter().flat_map(BundleState::certificates) {
            let everywhere = bundles
                .iter()
                .all(|state| state.distrusts(|held| *held == ca).is_none());
            if everywhere && seen.since(&ca).is_none() {
                // A clock that was set back has not seen it before its time.
                let since = self.since(&ca).map_or(now, |since| since.min(now));
                seen.0.push((ca, since));
            }
        }
        *self = seen;
    }

    fn since(&self, ca: &CertificateDer<'_>) -> Option<OffsetDateTime> {
        self.0.iter().find(|(seen, _)| seen == ca).map(|(_, since)| *since)
    }
}

/// Decides for `stored`, which shall serve `dns_names`, at `now`, when `bundles` is how the webhook configurations stand,
/// and `seen` what they held before.
#[must_use]
pub fn plan(stored: &Stored, dns_names: &[String], bundles: &[BundleState], seen: &Seen, now: OffsetDateTime) -> Plan {
    let (authority, predecessors) = match authorities(stored) {
        Ok(found) => found,
        Err(reason) => return Plan::Replace(reason),
    };
    if authority.not_after <= now {
        return Plan::Replace("the CA has expired".to_owned());
    }
    let all = std::iter::once(&authority).chain(&predecessors);
    let serving = match fit(stored, all, dns_names, now) {
        Ok(serving) => serving,
        Err(Flaw::Ended) => return Plan::Sign("the serving certificate has expired"),
        Err(Flaw::NoGood(why)) => {
            let doubt = doubt(bundles, |ca| *ca == authority.certificate);
            return Plan::Mend { why, doubt };
        }
    };
    if last_third(authority.not_before, authority.not_after, now) {
        return Plan::Announce("the CA is in the last third of its life");
    }
    let announced_at = authority.not_before + BACKDATE;
    let settled = now - announced_at >= SETTLE || predecessors.is_empty();
    if settled && last_third(serving.not_before, serving.not_after, now) {
        let proven = pem::is_signed_by(&CertificateDer::from(serving.leaf()), &authority.certificate);
        // A replica that starts would serve what is signed at once, so it is not signed before it may be served.
        if !proven && let Some(doubt) = distrust(std::slice::from_ref(&authority.certificate), bundles, seen, now) {
            // At the start, when nothing is known of them, nothing is held back yet; it is decided again when they are.
            return if doubt.known {
                let (reason, ends) = (doubt.reason, serving.not_after);
                Plan::Hold { reason, ends }
            } else {
                Plan::Keep
            };
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
        Plan::Keep | Plan::Hold { .. } | Plan::Mend { doubt: Some(_), .. } => Ok(None),
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
        Plan::Sign(_) | Plan::Mend { doubt: None, .. } => {
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

/// Whether the serving certificate of `stored` can be served for `dns_names` at `now`, by the CAs that stand beside it.
#[must_use]
pub fn is_fit(stored: &Stored, dns_names: &[String], now: OffsetDateTime) -> bool {
    authorities(stored).is_ok_and(|(authority, predecessors)| {
        fit(stored, std::iter::once(&authority).chain(&predecessors), dns_names, now).is_ok()
    })
}

/// Why `next` shall not be served in the place of `last` yet: an API server may not trust its CA. `None` where it may be
/// served, as well as where `last` is no good any more.
#[must_use]
pub fn too_soon(
    next: &Stored,
    last: &Stored,
    dns_names: &[String],
    bundles: &[BundleState],
    seen: &Seen,
    now: OffsetDateTime,
) -> Option<TooSoon> {
    if next.serving == last.serving || !is_fit(last, dns_names, now) {
        return None;
    }
    let (old, new) = (leaf(last)?, leaf(next)?);
    let signers = |stored: &Stored, leaf: &CertificateDer<'_>| {
        let mut all = pem::certificates(stored.ca_bundle.as_bytes(), "ca.crt").unwrap_or_default();
        all.retain(|ca| pem::is_signed_by(leaf, ca));
        all
    };
    // Of the CA of the one that is served: as well trusted as that.
    if signers(last, &old).iter().any(|ca| pem::is_signed_by(&new, ca)) {
        return None;
    }
    let signers = signers(next, &new);
    let doubt = distrust(&signers, bundles, seen, now)?;
    let (_, ends) = pem::validity(&old).ok()?;
    Some(TooSoon { doubt, ends })
}

/// `stored`, and in its `ca.crt` also the CAs that `last`'s serving certificate is trusted by.
#[must_use]
pub fn with_cas_of(stored: &Stored, last: &Stored, now: OffsetDateTime) -> Stored {
    let present = pem::certificates(stored.ca_bundle.as_bytes(), "ca.crt").unwrap_or_default();
    let missing: Vec<_> = leaf(last)
        .into_iter()
        .flat_map(|leaf| {
            let cas = pem::certificates(unexpired(last, now).as_bytes(), "ca.crt").unwrap_or_default();
            cas.into_iter().filter(move |ca| pem::is_signed_by(&leaf, ca))
        })
        .filter(|ca| !present.contains(ca))
        .collect();
    let mut all = stored.clone();
    if !missing.is_empty() {
        all.ca_bundle = pem::encode(&present) + &pem::encode(&missing);
    }
    all
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

/// What is wrong with a serving certificate.
enum Flaw {
    /// It has ended.
    Ended,
    /// It cannot be served.
    NoGood(&'static str),
}

/// The serving certificate of `stored`, if one of `authorities` signed it and it can be served for `dns_names` at `now`.
fn fit<'a>(
    stored: &Stored,
    authorities: impl Iterator<Item = &'a Authority>,
    dns_names: &[String],
    now: OffsetDateTime,
) -> Result<Serving, Flaw> {
    let (certificate, key) = (stored.serving.certificate.as_bytes(), stored.serving.key.as_bytes());
    let Ok(serving) = pem::serving(certificate, key, "tls.crt") else {
        return Err(Flaw::NoGood("the serving certificate cannot be read"));
    };
    let leaf = CertificateDer::from(serving.leaf());
    let mut signers = authorities
        .filter(|ca| pem::is_signed_by(&leaf, &ca.certificate))
        .peekable();
    // Before its time: where it is not of these CAs, its end says nothing of what the API server trusts.
    if signers.peek().is_none() {
        return Err(Flaw::NoGood("the serving certificate is signed by another CA"));
    }
    if serving.not_after <= now {
        return Err(Flaw::Ended);
    }
    if dns_names.iter().any(|name| !serving.dns_names.contains(name)) {
        return Err(Flaw::NoGood("the serving certificate is for other DNS names"));
    }
    if signers.all(|ca| ca.not_after <= now) {
        return Err(Flaw::NoGood("the serving certificate is signed by a CA that has ended"));
    }
    Ok(serving)
}

/// Why a CA that is as `wanted` says may not be trusted; what is known goes first.
fn doubt(bundles: &[BundleState], wanted: impl Fn(&CertificateDer<'_>) -> bool) -> Option<Doubt> {
    let doubts = bundles.iter().filter_map(|state| {
        let known = *state != BundleState::Unknown;
        state.distrusts(&wanted).map(|reason| Doubt { reason, known })
    });
    doubts.max_by_key(|doubt| doubt.known)
}

/// Why an API server may not trust what one of `signers` signed: not every webhook configuration holds one of them, or not
/// for long enough to have been read.
fn distrust(
    signers: &[CertificateDer<'_>],
    bundles: &[BundleState],
    seen: &Seen,
    now: OffsetDateTime,
) -> Option<Doubt> {
    if let Some(Doubt { reason, known }) = doubt(bundles, |ca| signers.iter().any(|signer| signer == ca)) {
        let reason = format!("not every caBundle holds it: {reason}");
        return Some(Doubt { reason, known });
    }
    // Where nobody calls, nobody has to read it.
    let called = bundles.iter().any(|state| *state != BundleState::Missing);
    let since = signers.iter().filter_map(|ca| seen.since(ca)).min();
    let settled = since.is_some_and(|since| now - since >= READ_WITHIN);
    (called && !settled).then(|| Doubt {
        reason: format!(
            "every caBundle has held it for less than {} s, so that an API server may not have read it",
            READ_WITHIN.whole_seconds()
        ),
        known: true,
    })
}

/// The serving certificate itself, without its chain.
fn leaf(stored: &Stored) -> Option<CertificateDer<'static>> {
    let chain = pem::certificates(stored.serving.certificate.as_bytes(), "tls.crt").ok()?;
    chain.into_iter().next()
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
