//! A process from its start to its exit code.

use std::process::ExitCode;

use crate::exit;
use crate::shutdown::{self, Shutdown};

/// Threads that run tasks. Both processes mostly wait; one more than needed keeps probes answered while one computes.
const WORKERS: usize = 2;

/// Why a process ends before it was asked to.
pub trait Failure: std::error::Error {
    /// The code to end the process with, one of [`exit`].
    fn exit_code(&self) -> u8;
}

/// Runs `work` to its end on a runtime of its own; what it is given tells of SIGTERM and SIGINT. The log must be set up.
/// `name` is the program's, for what is said on standard error.
///
/// From then on a panic is logged by its place alone, because its message may hold a user's values.
#[must_use]
pub fn run<W, F, E>(name: &str, work: W) -> ExitCode
where
    W: FnOnce(Shutdown) -> F,
    F: Future<Output = Result<(), E>>,
    E: Failure,
{
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, ToString::to_string);
        tracing::error!("internal error at {place}; please report it");
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return exit::failed(name, exit::RUNTIME_FAILURE, &error),
    };
    let outcome = runtime.block_on(async {
        match shutdown::on_signal() {
            Ok((_, shutdown)) => work(shutdown).await.map_err(|e| (e.exit_code(), e.to_string())),
            Err(error) => Err((exit::RUNTIME_FAILURE, format!("cannot wait for signals: {error}"))),
        }
    });
    // Watches run for ever; they end with the process.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, reason)) => exit::failed(name, code, &reason),
    }
}
