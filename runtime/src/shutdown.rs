//! SIGTERM and SIGINT as something to wait for.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Tells when the process shall end. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// Asks for the shutdown; what tests and failing tasks hold.
#[derive(Clone, Debug)]
pub struct Trigger(watch::Sender<bool>);

impl Trigger {
    /// Asks every holder of the [`Shutdown`] to end.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

/// A shutdown that only its trigger requests.
#[must_use]
pub fn manual() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

/// A shutdown on SIGTERM or SIGINT. A second signal ends the process at once.
///
/// # Errors
/// When the kernel refuses the signal handlers.
pub fn on_signal() -> std::io::Result<(Trigger, Shutdown)> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (trigger, shutdown) = manual();
    let signalled = trigger.clone();
    tokio::spawn(async move {
        let mut first = true;
        loop {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if !first {
                tracing::warn!("{name} again: ending at once");
                std::process::exit(i32::from(crate::exit::RUNTIME_FAILURE));
            }
            first = false;
            tracing::info!("{name}: shutting down");
            signalled.request();
        }
    });
    Ok((trigger, shutdown))
}

impl Shutdown {
    /// Whether the shutdown has been requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the shutdown is requested. Waits for ever when nothing can request it any more.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|requested| *requested).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
