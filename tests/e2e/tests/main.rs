//! Sluice on the real cluster with real Flink. One program, linked once; `make test-e2e` runs it, one test after the other.
//!
//! It is built with the feature `cluster` only, so that `cargo test --workspace` needs no cluster.

mod admission;
mod api_server;
mod audit;
mod cert_manager;
mod chaos;
mod checkpoints;
mod exceptions;
mod flink_2;
mod flink_client_equality;
mod lifecycle;
mod own_certificates;
mod plugins;
mod policies;
mod standby;
mod trouble;
