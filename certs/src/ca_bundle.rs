//! The CA in both webhook configurations.
//!
//! The API server trusts the webhook by `clientConfig.caBundle`. It is written by server-side apply under an own field
//! manager and for nothing but that field, so Helm and the user keep all else; a watch puts it back when someone
//! blanks it (`helm upgrade` of a chart that renders an empty bundle, for example).

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration, WebhookClientConfig,
};
use kube::api::{Patch, PatchParams};
use kube::runtime::watcher;
use kube::{Api, Client, Resource, ResourceExt as _};
use rustls::pki_types::CertificateDer;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::current::{Current, View};
use crate::error::ApiError;
use crate::pace::{self, Pace};
use crate::pem;

/// Field manager of the caBundle.
pub const FIELD_MANAGER: &str = "sluice-webhook-ca";
/// First and longest pause after a failure.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));

/// How a webhook configuration stands to the CA.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum BundleState {
    /// Not looked at yet.
    #[default]
    Unknown,
    /// All webhooks of the configuration have this bundle (PEM).
    InPlace(Arc<[u8]>),
    /// There is no such configuration: the API server does not call this webhook.
    Missing,
    /// It could not be looked at or written.
    Failed {
        /// Why.
        reason: String,
        /// The bundles (PEM) that its webhooks had then; none where it could not be looked at.
        present: Vec<Vec<u8>>,
    },
}

impl BundleState {
    /// Why the API server may not trust a CA that is as `wanted` says; nothing when it does, or does not call this
    /// webhook. A bundle that cannot be written is no problem to a CA that stands in it already.
    #[must_use]
    pub fn distrusts(&self, wanted: impl Fn(&CertificateDer<'_>) -> bool) -> Option<String> {
        let holds = |bundle: &[u8]| {
            pem::certificates(bundle, "caBundle").is_ok_and(|certificates| certificates.iter().any(&wanted))
        };
        match self {
            Self::Missing => None,
            Self::Unknown => Some("not looked at yet".to_owned()),
            Self::InPlace(bundle) => (!holds(bundle)).then(|| "does not hold the CA yet".to_owned()),
            Self::Failed { reason, present } => {
                let trusted = !present.is_empty() && present.iter().all(|bundle| holds(bundle));
                (!trusted).then(|| reason.clone())
            }
        }
    }

    /// What stands in it, as far as it can be read.
    pub(crate) fn certificates(&self) -> Vec<CertificateDer<'static>> {
        let read = |bundle: &[u8]| pem::certificates(bundle, "caBundle").unwrap_or_default();
        match self {
            Self::Unknown | Self::Missing => Vec::new(),
            Self::InPlace(bundle) => read(bundle),
            Self::Failed { present, .. } => present.iter().flat_map(|bundle| read(bundle)).collect(),
        }
    }
}

/// One of the two kinds of webhook configuration.
pub trait Configuration: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static {
    /// Resource as RBAC names it.
    const RESOURCE: &'static str;
    /// Name and client configuration of each webhook.
    fn clients(&self) -> Vec<(&str, &WebhookClientConfig)>;
}

impl Configuration for ValidatingWebhookConfiguration {
    const RESOURCE: &'static str = "validatingwebhookconfigurations.admissionregistration.k8s.io";
    fn clients(&self) -> Vec<(&str, &WebhookClientConfig)> {
        let webhooks = self.webhooks.iter().flatten();
        webhooks.map(|w| (w.name.as_str(), &w.client_config)).collect()
    }
}

impl Configuration for MutatingWebhookConfiguration {
    const RESOURCE: &'static str = "mutatingwebhookconfigurations.admissionregistration.k8s.io";
    fn clients(&self) -> Vec<(&str, &WebhookClientConfig)> {
        let webhooks = self.webhooks.iter().flatten();
        webhooks.map(|w| (w.name.as_str(), &w.client_config)).collect()
    }
}

/// Keeps the CA of `current` in one webhook configuration.
#[derive(Debug)]
pub struct Injector<K> {
    api: Api<K>,
    name: String,
    current: Current,
    state: Arc<watch::Sender<BundleState>>,
    pace: Pace,
}

impl<K: Configuration> Injector<K> {
    /// The injector for the configuration called `name`.
    #[must_use]
    pub fn new(client: Client, name: &str, current: Current) -> Self {
        Self {
            api: Api::all(client),
            name: name.to_owned(),
            current,
            state: Arc::new(watch::Sender::default()),
            pace: Pace::default(),
        }
    }

    /// How the configuration stands.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<BundleState> {
        self.state.subscribe()
    }

    /// Keeps the CA in place for ever. Never ends.
    pub async fn run(mut self) {
        let config = watcher::Config::default().fields(&format!("metadata.name={}", self.name));
        let mut changes = Box::pin(watcher::watcher(self.api.clone(), config));
        let mut view = self.current.subscribe();
        // Until the first list has come, nobody knows whether there is a configuration.
        let mut listed = false;
        let mut seen: Option<K> = None;
        let mut relisted: Option<K> = None;
        let mut pause = RETRY.0;
        let mut retry_at: Option<Instant> = None;
        loop {
            let retry = async {
                match retry_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = changes.next() => match event {
                    Some(Ok(watcher::Event::Init)) => { relisted = None; continue }
                    Some(Ok(watcher::Event::InitApply(found))) => { relisted = Some(found); continue }
                    Some(Ok(watcher::Event::InitDone)) => { listed = true; seen = relisted.take(); }
                    Some(Ok(watcher::Event::Apply(found))) => seen = Some(found),
                    Some(Ok(watcher::Event::Delete(_))) => seen = None,
                    Some(Err(error)) => {
                        let error = self.watch_failed(error);
                        self.watch_failing(&error);
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(RETRY.1);
                        continue;
                    }
                    None => return,
                },
                source = view.changed() => if source.is_err() { return },
                () = retry => {}
            }
            if !listed {
                continue;
            }
            let now = view.borrow_and_update().clone();
            match self.repair(seen.as_ref(), &now).await {
                Ok(not_before) => {
                    pause = RETRY.0;
                    retry_at = not_before;
                }
                Err(error) => {
                    let present = seen.as_ref().map(bundles).unwrap_or_default();
                    self.fail(&error, present);
                    retry_at = Some(Instant::now() + pause);
                    pause = (pause * 2).min(RETRY.1);
                }
            }
        }
    }

    /// Writes the CA of `view` into `present` where it lacks it. Where someone else keeps changing it, it gives when that
    /// may be done, and does nothing before.
    ///
    /// # Errors
    /// When the API server refuses or cannot be reached.
    pub async fn repair(&mut self, present: Option<&K>, view: &View) -> Result<Option<Instant>, ApiError> {
        let Some(bundle) = view.ca_bundle.as_deref() else {
            return Ok(None);
        };
        let Some(present) = present else {
            self.note_missing();
            return Ok(None);
        };
        let clients = present.clients();
        let lacking = clients.iter().filter(|(_, client)| !has(client, bundle)).count();
        if lacking == 0 {
            self.set_state(BundleState::InPlace(Arc::from(bundle)));
            return Ok(None);
        }
        if let Some(at) = self.pace.not_before() {
            self.note_contended(present);
            return Ok(Some(at));
        }
        let value = ByteString(bundle.to_vec());
        let webhooks: Vec<_> = clients
            .iter()
            .map(|(name, _)| json!({ "name": name, "clientConfig": { "caBundle": value } }))
            .collect();
        let patch = json!({
            "apiVersion": K::api_version(&()),
            "kind": K::kind(&()),
            // With the uid, an object that was deleted meanwhile is not created anew with nothing but a caBundle.
            "metadata": { "name": self.name, "uid": present.uid() },
            "webhooks": webhooks,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        match self.api.patch(&self.name, &params, &Patch::Apply(&patch)).await {
            Ok(_) => {
                self.pace.wrote();
                tracing::info!(
                    "wrote caBundle into {lacking} webhook(s) of {} {}",
                    K::RESOURCE,
                    self.name
                );
                self.set_state(BundleState::InPlace(Arc::from(bundle)));
                Ok(None)
            }
            // Deleted or made anew meanwhile: the watch brings what there is now.
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(None),
            Err(source) => Err(ApiError {
                verb: "patch",
                resource: K::RESOURCE,
                namespace: None,
                name: self.name.clone(),
                source: Box::new(source),
            }),
        }
    }

    fn note_missing(&self) {
        if *self.state.borrow() != BundleState::Missing {
            tracing::warn!(
                "there is no {} \"{}\": the API server does not call this webhook; waiting for it (--webhook-config-name \
                 names it, the chart creates it)",
                K::RESOURCE,
                self.name
            );
        }
        self.set_state(BundleState::Missing);
    }

    fn note_contended(&mut self, present: &K) {
        let (resource, name) = (K::RESOURCE, &self.name);
        if self.pace.tell() {
            tracing::warn!(
                "someone else keeps changing caBundle of {resource} {name}: it is written back at most every {} s from now \
                 on. `kubectl get {resource} {name} -o yaml --show-managed-fields` names who writes it; have that leave \
                 clientConfig.caBundle alone",
                pace::LONGEST.as_secs()
            );
        }
        self.set_state(BundleState::Failed {
            reason: "someone else keeps changing it".to_owned(),
            present: bundles(present),
        });
    }

    fn set_state(&self, state: BundleState) {
        self.state.send_if_modified(|present| {
            let changed = *present != state;
            *present = state;
            changed
        });
    }

    /// A watch that fails says nothing about a caBundle that was seen in place: while the API server restarts, no replica
    /// may become unready for it.
    fn watch_failing(&self, error: &ApiError) {
        let unknown = match &*self.state.borrow() {
            BundleState::Unknown => true,
            BundleState::Failed { present, .. } => present.is_empty(),
            BundleState::InPlace(_) | BundleState::Missing => false,
        };
        if unknown {
            self.fail(error, Vec::new());
        } else {
            tracing::debug!("caBundle: {error}");
        }
    }

    fn fail(&self, error: &ApiError, present: Vec<Vec<u8>>) {
        let reason = error.to_string();
        let told = matches!(&*self.state.borrow(), BundleState::Failed { reason: told, .. } if *told == reason);
        if !told {
            tracing::warn!("caBundle: {reason}");
        }
        self.set_state(BundleState::Failed { reason, present });
    }

    fn watch_failed(&self, error: watcher::Error) -> ApiError {
        let source = match error {
            watcher::Error::InitialListFailed(e)
            | watcher::Error::WatchStartFailed(e)
            | watcher::Error::WatchFailed(e) => e,
            watcher::Error::WatchError(status) => kube::Error::Api(status),
            watcher::Error::NoResourceVersion => {
                kube::Error::Api(kube::core::Status::failure("the answer has no resourceVersion", "").boxed())
            }
        };
        ApiError {
            verb: "watch",
            resource: K::RESOURCE,
            namespace: None,
            name: self.name.clone(),
            source: Box::new(source),
        }
    }
}

/// What the webhooks hold, an empty bundle where one holds none.
fn bundles<K: Configuration>(configuration: &K) -> Vec<Vec<u8>> {
    let clients = configuration.clients().into_iter();
    clients
        .map(|(_, client)| client.ca_bundle.clone().unwrap_or_default().0)
        .collect()
}

fn has(client: &WebhookClientConfig, bundle: &[u8]) -> bool {
    client.ca_bundle.as_ref().is_some_and(|present| present.0 == bundle)
}
