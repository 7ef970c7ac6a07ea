//! Where calls run: threads of their own, a bounded number of calls at a time.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Handle, Runtime, RuntimeFlavor};
use tokio::sync::Semaphore;

use crate::call::{self, Output, Time};
use crate::engine::{Compiled, Engine};
use crate::error::CallError;
use crate::settings::Settings;

/// Calls that run at once, of all plugins.
pub const CALLS: usize = 16;
/// Calls of one plugin that run at once: whatever it does, there are places for the others.
pub const CALLS_OF_ONE: usize = 4;
/// Callers that wait at once, of all plugins; more are turned away. Fewer than the webhook judges at once (64), so that
/// those whose kind no plugin is asked about always have room there.
pub const CALLERS: usize = 32;
/// Threads that calls run on. They take turns there, so that one that computes for ever slows the others down and does
/// not stop them.
const THREADS: usize = 2;
/// How much later than its time a call is given up without having ended by itself, which only a fault of ours brings.
const GRACE: Duration = Duration::from_secs(1);

/// Runs calls. Callers wait for the answer, on any thread, inside of an asynchronous runtime or outside.
#[derive(Debug)]
pub struct Host {
    engine: Engine,
    places: Arc<Semaphore>,
    callers: Semaphore,
    runtime: Option<Runtime>,
}

/// The places of one plugin.
#[derive(Clone, Debug)]
pub struct Places(Arc<Semaphore>);

impl Places {
    /// How many are free.
    #[must_use]
    pub fn free(&self) -> usize {
        self.0.available_permits()
    }
}

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(CALLS_OF_ONE)))
    }
}

impl Host {
    /// Threads for calls.
    ///
    /// # Errors
    /// When this machine cannot run WebAssembly, or has no threads left.
    pub fn new() -> Result<Self, String> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("plugin")
            // Timers are looked at after every turn; a turn lasts up to a tick of the engine.
            .event_interval(1)
            .enable_time()
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self {
            engine: Engine::new()?,
            places: Arc::new(Semaphore::new(CALLS)),
            callers: Semaphore::new(CALLERS),
            runtime: Some(runtime),
        })
    }

    /// Compiles modules for this host.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Calls `plugin` with `input` and waits for what it writes: for its own time, and no longer than until `deadline`.
    #[must_use]
    pub fn call(
        &self,
        plugin: &Compiled,
        places: &Places,
        settings: &Arc<Settings>,
        input: Vec<u8>,
        deadline: Option<Instant>,
    ) -> Output {
        let failed = |error| Output {
            answer: Err(error),
            stderr: Vec::new(),
        };
        let time = match Time::new(settings.timeout, deadline) {
            Ok(time) => time,
            Err(error) => return failed(error),
        };
        let Ok(_caller) = self.callers.try_acquire() else {
            return failed(CallError::Full);
        };
        let Some(runtime) = &self.runtime else {
            return failed(CallError::Internal);
        };
        let (sender, receiver) = mpsc::sync_channel(1);
        let (engine, plugin) = (self.engine.clone(), plugin.clone());
        let (settings, own, all) = (Arc::clone(settings), Arc::clone(&places.0), Arc::clone(&self.places));
        runtime.spawn(async move {
            // Its own place first: who waits for that keeps no place of the others'.
            let both = async { (own.acquire().await, all.acquire().await) };
            let output = match tokio::time::timeout_at(time.until.into(), both).await {
                Ok((Ok(_own), Ok(_all))) => call::call(&engine, &plugin, &settings, input, time).await,
                Ok(_) => failed(CallError::Internal),
                Err(_) => failed(CallError::Busy {
                    millis: time.given.as_millis(),
                }),
            };
            // Whoever asked may have gone.
            let _ = sender.send(output);
        });
        let latest = time.until.saturating_duration_since(Instant::now()) + GRACE;
        blocking(|| receiver.recv_timeout(latest)).unwrap_or_else(|_| {
            tracing::error!("a call of a plugin did not end in time; please report it");
            failed(CallError::Internal)
        })
    }
}

/// Waits in a way that lets the other tasks of an asynchronous runtime go on.
fn blocking<T>(wait: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => tokio::task::block_in_place(wait),
        _ => wait(),
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Calls may still run, and a runtime must not be waited for inside of another.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
