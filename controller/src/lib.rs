//! The controller of Sluice: it makes `FlinkDeployment`s run.
//!
//! A reconcile is `observe` (all reads) -> `validate` -> `decide` (pure) -> `apply` (all writes); see [`deployment`]. [`run`] wires the process,
//! [`command`] reads its arguments.

pub mod cluster;
pub mod command;
pub mod context;
pub mod deployment;
pub mod events;
pub mod flink;
pub mod leader;
pub mod metrics;
pub mod run;
#[cfg(test)]
mod testing;
pub mod watch;
