//! The certificate in use. Sources put it here; the TLS server takes it from here at each handshake.

use std::fmt;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use crate::pem::Serving;

/// What a source has achieved.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The certificate to serve, once there is one.
    pub serving: Option<Arc<Serving>>,
    /// PEM of the CAs to trust it by, where the source knows them.
    pub ca_bundle: Option<Arc<[u8]>>,
    /// Why the source could not do its work at the last try. What was served before is served on.
    pub problem: Option<String>,
    /// Why the certificate is not renewed though it is due, or another one in the Secret not served.
    pub held_back: Option<String>,
}

/// The certificate in use. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Current(Arc<watch::Sender<View>>);

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.borrow().fmt(f)
    }
}

impl Default for Current {
    fn default() -> Self {
        Self(Arc::new(watch::channel(View::default()).0))
    }
}

impl Current {
    /// Nothing yet: handshakes fail until a source has put a certificate here.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What there is now.
    #[must_use]
    pub fn view(&self) -> View {
        self.0.borrow().clone()
    }

    /// Follows the changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<View> {
        self.0.subscribe()
    }

    /// Puts a certificate into use for all new connections. Connections that exist keep theirs.
    pub fn set(&self, serving: Serving, ca_bundle: Option<Vec<u8>>) {
        self.0.send_modify(|view| {
            view.serving = Some(Arc::new(serving));
            view.ca_bundle = ca_bundle.map(Arc::from);
            view.problem = None;
        });
    }

    /// Has these CAs trusted; what is served stays, and where nothing is, nothing is yet.
    pub fn announce(&self, ca_bundle: &str) {
        self.0.send_if_modified(|view| {
            let changed = view.ca_bundle.as_deref() != Some(ca_bundle.as_bytes());
            if changed {
                view.ca_bundle = Some(Arc::from(ca_bundle.as_bytes()));
            }
            changed
        });
    }

    /// Notes that the source could not do its work. Logged once, when the problem is new.
    pub fn set_problem(&self, problem: &dyn fmt::Display) {
        let text = problem.to_string();
        self.0.send_if_modified(|view| {
            if view.problem.as_deref() == Some(text.as_str()) {
                return false;
            }
            tracing::warn!("certificate: {text}");
            view.problem = Some(text);
            true
        });
    }

    /// Notes why a certificate is held back, or that none is any more.
    pub fn set_held_back(&self, reason: Option<String>) {
        self.0.send_if_modified(|view| {
            let changed = view.held_back != reason;
            view.held_back = reason;
            changed
        });
    }

    /// Notes that the source works again, with what it had before.
    pub fn clear_problem(&self) {
        self.0.send_if_modified(|view| view.problem.take().is_some());
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.borrow().serving.as_ref().map(|serving| Arc::clone(&serving.key))
    }
}
