//! Validators and defaults of the user's own in WebAssembly.
//!
//! A plugin is a program for WASI, preview 1 or 2, in any language: it reads a [`request`] as JSON on standard input and
//! writes an [`answer`] as JSON on standard output. Each call has a fresh instance of the precompiled module, with limits
//! of time, memory and output ([`settings`]), and sees nothing of the world but what it was granted.
//!
//! [`engine`] compiles, [`call`] runs once, [`host`] runs many without letting one starve the others, [`plugin`] is the
//! [`sluice_shared::extension::Extension`].

pub mod answer;
pub mod call;
pub mod engine;
pub mod error;
pub mod host;
pub mod keep;
pub mod metrics;
pub mod oci;
pub mod plugin;
mod poll;
pub mod request;
pub mod settings;
mod streams;
mod world;

pub use error::{CallError, LoadError};
pub use host::Host;
pub use keep::Keeper;
pub use plugin::Plugin;
pub use settings::Settings;
