//! A watch that is followed for ever, and how it stands.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use kube::runtime::watcher::{self, Event};
use parking_lot::RwLock;
use tokio::sync::watch;

/// First and longest pause after a watch failed.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// Pause before the API server is asked again for a kind that it does not know and that is not needed.
const NOT_INSTALLED: Duration = Duration::from_secs(30);

/// When a process cannot do without what it watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needed {
    /// Always.
    Always,
    /// Where the API server knows the kind: for the webhook, which would let pass what a policy refuses.
    WhereInstalled,
    /// Where the API server also lets this process see it: for the controller, which must not stop working for it.
    WhereAllowed,
}

/// How a watch stands.
#[derive(Debug)]
pub struct Watch {
    /// Resource and place, for people.
    what: String,
    /// Resource as RBAC names it.
    resource: &'static str,
    needed: Needed,
    synced: watch::Sender<bool>,
    problem: RwLock<Option<String>>,
}

impl Watch {
    /// A watch on `what`, resource and place in people's words, where RBAC calls the resource `resource`.
    #[must_use]
    pub fn new(what: String, resource: &'static str, needed: Needed) -> Arc<Self> {
        Arc::new(Self {
            what,
            resource,
            needed,
            synced: watch::Sender::new(false),
            problem: RwLock::default(),
        })
    }

    /// Waits until the watch has brought all its objects, or goes on without.
    pub async fn ready(&self) {
        // Fails only where the watch is gone, and with it the process.
        let _ = self.synced.subscribe().wait_for(|synced| *synced).await;
    }

    fn explain(&self, code: Option<u16>, error: &watcher::Error) -> String {
        let what = &self.what;
        match code {
            Some(404) if self.needed == Needed::Always => {
                format!("{what}: the CRD is not installed; apply the chart's crds folder")
            }
            Some(404) => format!(
                "{what}: the CRD is not installed, so there are none of this kind; apply the chart's crds folder to use them"
            ),
            Some(403) => format!(
                "no permission: cannot list and watch {what}; this service account needs the verbs \"get\", \"list\" and \
                 \"watch\" on \"{}\" there (the chart's roles grant them)",
                self.resource
            ),
            _ => format!("cannot watch {what}: {error}"),
        }
    }
}

/// Whether every one of `watches` has brought all its objects; if not, which has not and why.
///
/// # Errors
/// The watches that are not ready.
pub fn synced(watches: &[Arc<Watch>]) -> Result<(), String> {
    let missing: Vec<String> = watches
        .iter()
        .filter(|watch| !*watch.synced.borrow())
        .map(|watch| match watch.problem.read().as_deref() {
            Some(problem) => problem.to_owned(),
            None => format!("{}: not listed yet", watch.what),
        })
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing.join("; "))
    }
}

/// Follows `events` for ever, and gives each to `apply`.
pub async fn follow<K: Debug>(
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send,
    watch: Arc<Watch>,
    mut apply: impl FnMut(Event<K>) + Send,
) {
    let mut events = std::pin::pin!(events);
    let mut pause = RETRY.0;
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                pause = RETRY.0;
                let done = matches!(event, Event::InitDone);
                apply(event);
                if done {
                    *watch.problem.write() = None;
                    watch.synced.send_replace(true);
                }
            }
            Err(error) => {
                let code = code(&error);
                let problem = watch.explain(code, &error);
                let before = watch.problem.write().replace(problem.clone());
                if before.as_ref() != Some(&problem) {
                    tracing::warn!("{problem}");
                }
                let not_installed = code == Some(404) && watch.needed != Needed::Always;
                if not_installed || (code == Some(403) && watch.needed == Needed::WhereAllowed) {
                    watch.synced.send_replace(true);
                }
                tokio::time::sleep(if not_installed { NOT_INSTALLED } else { pause }).await;
                pause = (pause * 2).min(RETRY.1);
            }
        }
    }
}

fn code(error: &watcher::Error) -> Option<u16> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}
