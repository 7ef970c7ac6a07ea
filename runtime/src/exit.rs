//! Exit codes of the processes, as README.md documents them.

use std::process::ExitCode;

/// Something failed while running.
pub const RUNTIME_FAILURE: u8 = 1;
/// A flag, an environment variable or the configuration is wrong. Starting again will not help.
pub const USAGE: u8 = 2;
/// The leader lease was lost. Starting again makes this process a standby.
pub const LEASE_LOST: u8 = 3;

/// Says why the process ends, on standard error and without the prefix of a log line, and gives the code to end with.
#[must_use]
pub fn failed(process: &str, code: u8, reason: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("{process}: {reason}");
    ExitCode::from(code)
}
