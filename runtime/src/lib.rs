//! What the webhook's and the controller's process need around their work.
//!
//! - [`admin`]: `/healthz`, `/readyz` and `/metrics` on a port of their own
//! - [`exit`]: exit codes
//! - [`logging`]: text or JSON lines with a filter
//! - [`process`]: a process from its start to its exit code
//! - [`shutdown`]: SIGTERM and SIGINT as something to wait for
//! - `telemetry`: spans for a collector of OpenTelemetry (cargo feature `opentelemetry`)
//! - [`config_dir`]: the mounted default configuration
//!
//! Not in `sluice-shared`, because that crate does no I/O.

pub mod admin;
pub mod config_dir;
pub mod exit;
pub mod logging;
pub mod process;
pub mod shutdown;
#[cfg(feature = "opentelemetry")]
pub mod telemetry;
