//! Plugins as a whole. One program, since linking the engine takes longer than the tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

mod call;
mod common;
mod component;
mod examples;
mod hostile;
mod keep;
mod registry;
