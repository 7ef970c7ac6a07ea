//! One call: a fresh instance, its limits, and what came of it.

use std::time::{Duration, Instant};

use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;

use crate::engine::{Compiled, Engine, Entry, text};
use crate::error::CallError;
use crate::settings::Settings;
use crate::world::World;

/// What a call wrote, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Standard output of a call that ended well; else why there is none.
    pub answer: Result<Vec<u8>, CallError>,
    /// Standard error: the beginning of it where it is long.
    pub stderr: Vec<u8>,
}

/// Runs `plugin` with `input` until `until` at the latest. Waits and yields, so that it can run beside others.
pub(crate) async fn call(
    engine: &Engine,
    plugin: &Compiled,
    settings: &Settings,
    input: Vec<u8>,
    time: Time,
) -> Output {
    let Time { until, given } = time;
    let world = World::new(settings, input);
    let (stdout, stderr) = (world.stdout.clone(), world.stderr.clone());
    let mut store = Store::new(engine.wasmtime(), world);
    store.limiter(|world| &mut world.memory);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        if Instant::now() < until {
            Ok(UpdateDeadline::Yield(1))
        } else {
            Err(wasmtime::Error::new(TimeIsOver))
        }
    });
    let ticking = engine.interrupt();
    // The time limit of the callback is for what computes, this one for what waits.
    let run = tokio::time::timeout_at(until.into(), run(&mut store, plugin)).await;
    drop(ticking);
    let timeout = CallError::Timeout {
        millis: given.as_millis(),
    };
    let answer = match run {
        Err(_) => Err(timeout),
        Ok(Ok(())) => Ok(stdout.take()),
        Ok(Err(_)) if store.data().memory.exceeded => Err(CallError::Memory {
            limit_mib: settings.memory.div_ceil(1024 * 1024),
        }),
        Ok(Err(_)) if stdout.exceeded() => Err(CallError::Output {
            limit: settings.max_output,
        }),
        Ok(Err(error)) if error.is::<TimeIsOver>() => Err(timeout),
        Ok(Err(error)) => match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(0)) => Ok(stdout.take()),
            Some(I32Exit(code)) => Err(CallError::Exit(*code)),
            None => Err(CallError::Crash(crash(&error))),
        },
    };
    Output {
        answer,
        stderr: stderr.take(),
    }
}

async fn run(store: &mut Store<World>, plugin: &Compiled) -> wasmtime::Result<()> {
    match &plugin.entry {
        Entry::Module(module) => {
            let instance = module.instantiate_async(&mut *store).await?;
            let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
            start.call_async(store, ()).await
        }
        Entry::Component(component) => {
            let command = component.instantiate_async(&mut *store).await?;
            match command.wasi_cli_run().call_run(store).await? {
                Ok(()) => Ok(()),
                Err(()) => Err(I32Exit(1).into()),
            }
        }
    }
}

/// Why a program crashed, without addresses, which nobody can read.
fn crash(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
        None => text(error),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("its time is over")]
struct TimeIsOver;

/// The time for a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time {
    /// When it is over.
    pub(crate) until: Instant,
    /// How much of it there was in the beginning.
    pub(crate) given: Duration,
}

impl Time {
    /// For a call that may take `timeout`, of a request that has to be answered by `deadline`.
    pub(crate) fn new(timeout: Duration, deadline: Option<Instant>) -> Result<Self, CallError> {
        let now = Instant::now();
        let given = match deadline {
            None => timeout,
            // The answer has to be written and sent, too.
            Some(deadline) => deadline.saturating_duration_since(now + MARGIN).min(timeout),
        };
        if given.is_zero() {
            return Err(CallError::NoTime);
        }
        Ok(Self {
            until: now + given,
            given,
        })
    }
}

/// Kept back from the request's time.
const MARGIN: Duration = Duration::from_millis(20);
