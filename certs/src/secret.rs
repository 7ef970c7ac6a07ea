//! CA and serving certificate in one Secret that all replicas share.
//!
//! Every replica does the same: read, decide by [`crate::plan`], write with the resourceVersion it read. Who loses the
//! race (AlreadyExists on create, Conflict on update) reads again and takes what the winner wrote. So there is one CA,
//! whoever starts first, and no leader is needed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
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
use crate::pem;
use crate::plan::{self, Plan, Stored};

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
    /// What this replica serves with; written back when someone deletes the Secret.
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
            last: Arc::default(),
        }
    }

    /// Another clock than this machine's.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// How the webhook configurations stand: a new CA signs nothing before all of them hold it.
    #[must_use]
    pub fn with_bundles(mut self, bundles: Vec<watch::Receiver<BundleState>>) -> Self {
        self.bundles = bundles;
        self
    }

    /// Keeps the Secret for ever: at each change of it, and by the wall clock. Never ends.
    pub async fn run(self) {
        let config = watcher::Config::default().fields(&format!("metadata.name={}", self.name));
        let mut changes = Box::pin(watcher::watcher(self.api.clone(), config));
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
            loop {
                tokio::select! {
                    () = &mut wake => break,
                    event = changes.next() => match event {
                        Some(Ok(watcher::Event::Apply(_) | watcher::Event::Delete(_) | watcher::Event::InitDone)) => break,
                        Some(Ok(_)) => {}
                        // The watch is not needed to serve; the clock above looks again.
                        Some(Err(error)) => {
                            tracing::debug!("watching Secret {}/{}: {error}", self.namespace, self.name);
                            wake.as_mut().await;
                            break;
                        }
                        None => { wake.as_mut().await; break; }
                    },
                }
            }
        }
    }

    /// One pass: reads the Secret, makes or renews what it needs, and puts the result into use.
    ///
    /// # Errors
    /// When the API server refuses or cannot be reached, or when the Secret is somebody else's.
    pub async fn reconcile(&self) -> Result<(), CertError> {
        for _ in 0..ATTEMPTS {
            let found = self.api.get_opt(&self.name).await.map_err(|e| self.failed("get", e))?;
            let now = self.clock.now();
            let (wanted, written) = match &found {
                None => {
                    tracing::info!("Secret {}/{} is absent", self.namespace, self.name);
                    let stored = self.start_over(now)?;
                    let written = self.create(&stored).await?;
                    (stored, written)
                }
                Some(secret) => {
                    self.refuse_foreign(secret)?;
                    let stored = read(secret);
                    let plan = match &stored {
                        Some(stored) => self.plan(stored, now),
                        None => Plan::Replace(format!("{TLS_CRT}, {TLS_KEY}, {CA_CRT} or {CA_KEY} is missing")),
                    };
                    self.log(&plan, now);
                    let next = match (&plan, &stored) {
                        (Plan::Replace(_), _) | (_, None) => Some(self.start_over(now)?),
                        (_, Some(stored)) => plan::carry_out(&plan, stored, &self.dns_names, now)?,
                    };
                    match (next, stored) {
                        (Some(next), _) => {
                            let written = self.replace(secret, &next).await?;
                            (next, written)
                        }
                        (None, Some(stored)) => (stored, true),
                        (None, None) => continue,
                    }
                }
            };
            if written {
                return self.serve(&wanted);
            }
        }
        Err(CertError::Contended {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            attempts: ATTEMPTS,
        })
    }

    fn plan(&self, stored: &Stored, now: OffsetDateTime) -> Plan {
        let bundles: Vec<_> = self.bundles.iter().map(|state| state.borrow().clone()).collect();
        plan::plan(stored, &self.dns_names, &bundles, now)
    }

    /// For a Secret that is gone or no good: what is served now, or what follows on it, so that nobody notices; all new
    /// where that is none or no good.
    fn start_over(&self, now: OffsetDateTime) -> Result<Stored, CertError> {
        let (namespace, name) = (&self.namespace, &self.name);
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(last) = last {
            let plan = self.plan(&last, now);
            if !matches!(plan, Plan::Replace(_)) {
                tracing::warn!("Secret {namespace}/{name}: writing back what it held");
                return Ok(plan::carry_out(&plan, &last, &self.dns_names, now)?.unwrap_or(last));
            }
        }
        tracing::info!("Secret {namespace}/{name}: making a CA and a certificate");
        plan::fresh(&self.dns_names, now)
    }

    fn log(&self, plan: &Plan, now: OffsetDateTime) {
        let (namespace, name) = (&self.namespace, &self.name);
        let held = match plan {
            // With the days that are left, so that it is told once a day.
            Plan::Hold { reason, ends } => Some(format!(
                "the new CA signs nothing until every caBundle holds it ({reason}); the certificate of its predecessor \
                 is served on, for {} days",
                (*ends - now).whole_days()
            )),
            _ => None,
        };
        if let (Some(text), Plan::Hold { ends, .. }) = (&held, plan)
            && self.current.view().held_back != held
        {
            if *ends - now < URGENT {
                tracing::error!("Secret {namespace}/{name}: {text}");
            } else {
                tracing::warn!("Secret {namespace}/{name}: {text}");
            }
        }
        self.current.set_held_back(held);
        match plan {
            Plan::Keep | Plan::Hold { .. } => {}
            Plan::Sign(why) => tracing::info!("Secret {namespace}/{name}: signing a new certificate: {why}"),
            Plan::Announce(why) => tracing::info!("Secret {namespace}/{name}: adding a new CA: {why}"),
            Plan::Replace(why) => tracing::warn!("Secret {namespace}/{name} cannot be used: {why}"),
        }
    }

    fn serve(&self, stored: &Stored) -> Result<(), CertError> {
        let origin = format!("Secret {}/{}", self.namespace, self.name);
        let serving = pem::serving(
            stored.serving.certificate.as_bytes(),
            stored.serving.key.as_bytes(),
            &origin,
        )?;
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
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.code == 409 => {
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
