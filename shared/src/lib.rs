//! Types and pure rules that the webhook, the controller and the command line share.
//!
//! - [`api`]: the kinds, their parts, and the CRDs generated from them
//! - [`catalogue`]: every option of Flink and the operator
//! - [`config`]: Flink configuration: forms, types, spellings, layers
//! - [`defaults`]: what is filled in on behalf of the user
//! - [`diff`]: what changed between two specs, and what that means for what runs
//! - [`extension`]: validators of the user's own, and how they are called
//! - [`memory`]: from the memory options to the sizes of processes and pods
//! - [`nearest`]: the word that somebody meant
//! - [`rules`]: which specs are refused, and why
//! - [`secrets`]: what of an object must not be shown
//!
//! Nothing here performs I/O, reads a clock or needs an async runtime.

pub mod api;
pub mod catalogue;
pub mod config;
pub mod defaults;
pub mod diff;
pub mod extension;
pub mod memory;
pub mod nearest;
pub mod rules;
pub mod secrets;
