//! The controller.

pub mod cluster;
