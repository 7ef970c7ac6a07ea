//! CA and serving certificate in one Secret that all replicas share.
//!
//! Every replica does the same: read, decide by [`crate::plan`], write with the resourceVersion it read. Who loses the
//! race (AlreadyExists on create, Conflict on update) reads again and takes what the winner wrote. So there is one CA,
//! whoever starts first, and no leader is needed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::{pending, select_all};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::runtime::watcher;
use kube::{Api, Client};
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::authority::KeyAndCertificate;
use crate::ca_bundle::BundleState;
use crate::clock::Clock;
use crate::current::Current;
use crate::error::{ApiError, CertError};
use crate::pace::{self, Pace};
use crate::pem;
use crate::plan::{self, Plan, Seen, Stored, TooSoon};

/// Type of the Secret, as cert-manager writes it.
const SECRET_TYPE: &str = "kubernetes.io/tls";
/// Serving chain.
const TLS_CRT: &str = "tls.crt";
/// Key of the serving certificate.
const TLS_KEY: &str = "tls.key";
/// CAs to trust.
const CA_CRT: &str = "ca.crt";
/// Key of the first CA; the one key that cert-manager's layout does not have.
const CA_KEY: &str = "ca.key";
/// Set by cert-manager on Secrets that it writes.
const CERT_MANAGER_ANNOTATION: &str = "cert-manager.io/certificate-name";
/// Lost races in a row before giving up for this pass.
const ATTEMPTS: u32 = 10;
/// How often the wall clock is compared with the certificate.
const CHECK_EVERY: Duration = Duration::from_mins(1);
/// A certificate that is held back and ends within this time is an error in the log, a warning before.
const URGENT: time::Duration = time::Duration::days(3);
/// First and longest pause after a failure.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// Keeps the Secret and serves what it holds.
#[derive(Clone, Debug)]
pub struct SecretSource {
    api: Api<Secret>,
    namespace: String,
    name: String,
    dns_names: Vec<String>,
    current: Current,
    clock: Clock,
    bundles: Vec<watch::Receiver<BundleState>>,
    seen: Arc<Mutex<Seen>>,
    pace: Arc<Mutex<Pace>>,
    /// What this replica serves with; written back when someone deletes or damages the Secret.
    last: Arc<Mutex<Option<Stored>>>,
}

impl SecretSource {
    /// The source that keeps Secret `namespace`/`name` with a certificate for `dns_names` and puts it into `current`.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &str, dns_names: Vec<String>, current: Current) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dns_names,
            current,
            clock: Clock::default(),
            bundles: Vec::new(),
            seen: Arc::default(),
            pace: Arc::default(),
            last: Arc::default(),
        }
    }

    /// Another clock than this machine's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How the webhook configurations stand: a new CA signs nothing before all of them hold it, and no certificate of it is
    /// served before they have held it for [`READ_WITHIN`](plan::READ_WITHIN).
    #[must_use]
    pub fn with_bundles(mut self, bundles: Vec<watch::Receiver<BundleState>>) -> Self {
        self.bundles = bundles;
        self
    }

    /// Keeps the Secret for ever: at each change of it or of how the webhook configurations stand, and by the wall clock.
    /// Never ends.
    pub async fn run(self) {
        let config = watcher::Config::default().fields(&format!("metadata.name={}", self.name));
        let mut changes = Box::pin(watcher::watcher(self.api.clone(), config));
        let mut bundles = self.bundles.clone();
        let mut pause = RETRY.0;
        loop {
            let next = match self.reconcile().await {
                Ok(()) => {
                    self.current.clear_problem();
                    pause = RETRY.0;
                    CHECK_EVERY
                }
                Err(error) => {
                    self.current.set_problem(&error);
                    let next = pause;
                    pause = (pause * 2).min(RETRY.1);
                    next
                }
            };
            let wake = tokio::time::sleep(next);
            tokio::pin!(wake);
            let mut watching = true;
            loop {
                tokio::select! {
                    () = &mut wake => break,
                    () = changed(&mut bundles) => break,
                    event = changes.next(), if watching => match event {
                        Some(Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_) | watcher::Event::InitDone)) => break,
                        Some(Ok(_)) => {}
                        // The watch is not needed to serve; the clock above looks again.
                        Some(Err(error)) => {
                            tracing::debug!("watching Secret {}/{}: {error}", self.namespace, self.name);
                            watching = false;
                        }
                        None => watching = false,
                    },
                }
            }
        }
    }

    /// One pass: reads the Secret, makes or renews what it needs, and puts the result into use. Where someone else keeps
    /// changing it, it waits first.
    ///
    /// # Errors
    /// When the API server refuses or cannot be reached, or when the Secret is somebody else's.
    pub async fn reconcile(&self) -> Result<(), CertError> {
        for _ in 0..ATTEMPTS {
            // Before it is read: what was read before a pause would be refused after it.
            self.slow_down().await;
            let found = self.api.get_opt(&self.name).await.map_err(|e| self.failed("get", e))?;
            let now = self.clock.now();
            self.seen().note(&self.bundles(), now);
            let (wanted, written, plan) = match &found {
                None => {
                    tracing::info!("Secret {}/{} is absent", self.namespace, self.name);
                    let stored = self.start_over(now)?;
                    let written = self.create(&stored).await?;
                    (stored, written, Plan::Keep)
                }
                Some(secret) => {
                    self.refuse_foreign(secret)?;
                    let stored = read(secret);
                    let plan = match &stored {
                        Some(stored) => self.plan(stored, now),
                        None => Plan::Replace(format!("{TLS_CRT}, {TLS_KEY}, {CA_CRT} or {CA_KEY} is missing")),
                    };
                    let wanted = self.follow(&plan, stored.as_ref(), now)?;
                    let written = stored.as_ref() == Some(&wanted) || self.replace(secret, &wanted).await?;
                    (wanted, written, plan)
                }
            };
            if written {
                return self.serve(&wanted, &plan, now);
            }
        }
        Err(CertError::Contended {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            attempts: ATTEMPTS,
        })
    }

    fn bundles(&self) -> Vec<BundleState> {
        self.bundles.iter().map(|state| state.borrow().clone()).collect()
    }

    fn plan(&self, stored: &Stored, now: OffsetDateTime) -> Plan {
        plan::plan(stored, &self.dns_names, &self.bundles(), &self.seen(), now)
    }

    async fn slow_down(&self) {
        let (namespace, name) = (&self.namespace, &self.name);
        let not_before = {
            let mut pace = self.pace();
            let not_before = pace.not_before();
            if not_before.is_some() && pace.tell() {
                tracing::warn!(
                    "someone else keeps changing Secret {namespace}/{name}: it is written back at most every {} s from now \
                     on. `kubectl get secret {name} -n {namespace} -o yaml --show-managed-fields` names who writes it; have \
                     that leave this Secret alone, or give the webhook another one by --secret-name",
                    pace::LONGEST.as_secs()
                );
            }
            not_before
        };
        if let Some(at) = not_before {
            tokio::time::sleep_until(at).await;
        }
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self) -> Option<Stored> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the Secret shall hold after `plan`.
    fn follow(&self, plan: &Plan, stored: Option<&Stored>, now: OffsetDateTime) -> Result<Stored, CertError> {
        let (namespace, name) = (&self.namespace, &self.name);
        if let Plan::Replace(why) = plan {
            tracing::warn!("Secret {namespace}/{name} cannot be used: {why}");
        }
        let Some(stored) = stored.filter(|_| !matches!(plan, Plan::Replace(_))) else {
            return self.start_over(now);
        };
        if let Some(back) = self.put_back(stored, now) {
            tracing::warn!("Secret {namespace}/{name}: writing back the certificate that it held");
            return Ok(back);
        }
        match plan {
            Plan::Mend {
                why,
                doubt: Some(doubt),
            } => {
                self.current.announce(&stored.ca_bundle);
                self.current.set_held_back(None);
                return Err(CertError::NotAnnounced {
                    namespace: namespace.clone(),
                    name: name.clone(),
                    why,
                    reason: doubt.reason.clone(),
                });
            }
            Plan::Sign(why) | Plan::Mend { why, .. } => {
                tracing::info!("Secret {namespace}/{name}: signing a new certificate: {why}");
            }
            Plan::Announce(why) => tracing::info!("Secret {namespace}/{name}: adding a new CA: {why}"),
            Plan::Keep | Plan::Hold { .. } | Plan::Replace(_) => {}
        }
        let next = plan::carry_out(plan, stored, &self.dns_names, now)?;
        Ok(self.with_own_cas(next.unwrap_or_else(|| stored.clone()), now))
    }

    /// `stored` with the last good certificate, if its own is none and this replica holds one.
    fn put_back(&self, stored: &Stored, now: OffsetDateTime) -> Option<Stored> {
        let last = self.last()?;
        if plan::is_fit(stored, &self.dns_names, now) {
            return None;
        }
        let back = Stored {
            serving: last.serving.clone(),
            ..plan::with_cas_of(stored, &last, now)
        };
        plan::is_fit(&back, &self.dns_names, now).then_some(back)
    }

    /// `wanted`; where it is too soon to serve it, with the CAs of what is served on, so that those stay announced, by all
    /// replicas alike.
    fn with_own_cas(&self, wanted: Stored, now: OffsetDateTime) -> Stored {
        match self.too_soon(&wanted, now) {
            Some((last, _)) => plan::with_cas_of(&wanted, &last, now),
            None => wanted,
        }
    }

    /// What is served on for now, and why `wanted` is not.
    fn too_soon(&self, wanted: &Stored, now: OffsetDateTime) -> Option<(Stored, TooSoon)> {
        let last = self.last()?;
        let found = plan::too_soon(wanted, &last, &self.dns_names, &self.bundles(), &self.seen(), now)?;
        Some((last, found))
    }

    /// For a Secret that is gone or no good: what is served now, or what follows on it, so that nobody notices; all new
    /// where that is none or no good.
    fn start_over(&self, now: OffsetDateTime) -> Result<Stored, CertError> {
        let (namespace, name) = (&self.namespace, &self.name);
        if let Some(last) = self.last() {
            let plan = self.plan(&last, now);
            if !matches!(plan, Plan::Replace(_)) {
                tracing::warn!("Secret {namespace}/{name}: writing back what it held");
                return Ok(plan::carry_out(&plan, &last, &self.dns_names, now)?.unwrap_or(last));
            }
        }
        tracing::info!("Secret {namespace}/{name}: making a CA and a certificate");
        plan::fresh(&self.dns_names, now)
    }

    fn serve(&self, stored: &Stored, plan: &Plan, now: OffsetDateTime) -> Result<(), CertError> {
        let origin = format!("Secret {}/{}", self.namespace, self.name);
        let serving = pem::serving(
            stored.serving.certificate.as_bytes(),
            stored.serving.key.as_bytes(),
            &origin,
        )?;
        if let Some((last, TooSoon { doubt, ends })) = self.too_soon(stored, now) {
            // Where a caBundle changed since the Secret was written, the next pass comes at once and adds what is missing.
            if plan::with_cas_of(stored, &last, now) == *stored {
                self.current.announce(&stored.ca_bundle);
            }
            let text = format!(
                "its certificate is of another CA ({}); the one before is served on",
                doubt.reason
            );
            self.tell_held_back(doubt.known.then_some((text, ends)).as_ref(), now);
            return Ok(());
        }
        let held = match plan {
            Plan::Hold { reason, ends } => Some((
                format!("the new CA signs nothing yet ({reason}); the certificate of its predecessor is served on"),
                *ends,
            )),
            _ => None,
        };
        self.tell_held_back(held.as_ref(), now);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(stored.clone());
        let view = self.current.view();
        let same = view
            .serving
            .as_ref()
            .is_some_and(|present| present.leaf() == serving.leaf());
        if same && view.ca_bundle.as_deref() == Some(stored.ca_bundle.as_bytes()) {
            return Ok(());
        }
        tracing::info!(
            "serving with the certificate of {origin}, valid until {}",
            serving.not_after
        );
        self.current.set(serving, Some(stored.ca_bundle.clone().into_bytes()));
        Ok(())
    }

    /// Tells what is held back and when what is served ends, each once a day.
    fn tell_held_back(&self, held: Option<&(String, OffsetDateTime)>, now: OffsetDateTime) {
        let (namespace, name) = (&self.namespace, &self.name);
        // With the days that are left, so that it is a new text every day.
        let text = held.map(|(text, ends)| format!("{text}, for {} days", (*ends - now).whole_days()));
        if let (Some(text), Some((_, ends))) = (&text, held)
            && self.current.view().held_back.as_ref() != Some(text)
        {
            if *ends - now < URGENT {
                tracing::error!("Secret {namespace}/{name}: {text}");
            } else {
                tracing::warn!("Secret {namespace}/{name}: {text}");
            }
        }
        self.current.set_held_back(text);
    }

    fn refuse_foreign(&self, secret: &Secret) -> Result<(), CertError> {
        match secret
            .metadata
            .annotations
            .as_ref()
            .and_then(|all| all.get(CERT_MANAGER_ANNOTATION))
        {
            Some(certificate) => Err(CertError::ManagedByCertManager {
                namespace: self.namespace.clone(),
                name: self.name.clone(),
                certificate: certificate.clone(),
            }),
            None => Ok(()),
        }
    }

    /// Whether this replica's Secret is now the one; not if another's came first.
    async fn create(&self, stored: &Stored) -> Result<bool, CertError> {
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                namespace: Some(self.namespace.clone()),
                labels: Some(BTreeMap::from([
                    ("app.kubernetes.io/managed-by".to_owned(), "sluice-webhook".to_owned()),
                    ("app.kubernetes.io/part-of".to_owned(), "sluice".to_owned()),
                ])),
                ..ObjectMeta::default()
            },
            type_: Some(SECRET_TYPE.to_owned()),
            data: Some(data(stored)),
            ..Secret::default()
        };
        self.won("create", self.api.create(&PostParams::default(), &secret).await)
    }

    async fn replace(&self, present: &Secret, stored: &Stored) -> Result<bool, CertError> {
        let mut secret = present.clone();
        secret.metadata.managed_fields = None;
        secret.data.get_or_insert_default().extend(data(stored));
        // The resourceVersion in the metadata makes the API server refuse it when another replica was faster.
        self.won(
            "update",
            self.api.replace(&self.name, &PostParams::default(), &secret).await,
        )
    }

    fn won(&self, verb: &'static str, result: kube::Result<Secret>) -> Result<bool, CertError> {
        match result {
            Ok(_) => {
                self.pace().wrote();
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.code == 409 => {
                self.pace().wrote();
                tracing::info!(
                    "Secret {}/{}: another replica was first; taking its CA",
                    self.namespace,
                    self.name
                );
                Ok(false)
            }
            // Deleted between reading and writing: the next pass creates it.
            Err(kube::Error::Api(status)) if status.code == 404 && verb == "update" => Ok(false),
            Err(error) => Err(self.failed(verb, error).into()),
        }
    }

    fn failed(&self, verb: &'static str, source: kube::Error) -> ApiError {
        ApiError {
            verb,
            resource: "secrets",
            namespace: Some(self.namespace.clone()),
            name: self.name.clone(),
            source: Box::new(source),
        }
    }
}

/// Returns when one of `bundles` stands otherwise than before; never where nobody looks at them any more.
async fn changed(bundles: &mut [watch::Receiver<BundleState>]) {
    if bundles.is_empty() {
        return pending().await;
    }
    let changes = bundles.iter_mut().map(|state| {
        Box::pin(async move {
            if state.changed().await.is_err() {
                pending::<()>().await;
            }
        })
    });
    select_all(changes).await;
}

fn data(stored: &Stored) -> BTreeMap<String, ByteString> {
    [
        (TLS_CRT, &stored.serving.certificate),
        (TLS_KEY, &stored.serving.key),
        (CA_CRT, &stored.ca_bundle),
        (CA_KEY, &stored.ca_key.0),
    ]
    .into_iter()
    .map(|(key, text)| (key.to_owned(), ByteString(text.clone().into_bytes())))
    .collect()
}

fn read(secret: &Secret) -> Option<Stored> {
    let text = |key: &str| {
        let bytes = &secret.data.as_ref()?.get(key)?.0;
        String::from_utf8(bytes.clone()).ok()
    };
    Some(Stored {
        ca_bundle: text(CA_CRT)?,
        ca_key: plan::Secret(text(CA_KEY)?),
        serving: KeyAndCertificate {
            certificate: text(TLS_CRT)?,
            key: text(TLS_KEY)?,
        },
    })
}
