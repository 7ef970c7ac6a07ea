//! Policies as their users write them: what is refused when they are written, and what they say of resources.

#![allow(clippy::unwrap_used, clippy::panic)] // a test's helpers fail as its own body does

mod asked;
mod common;
mod expressions;
mod properties;
