//! `FlinkDeployment`: observe -> validate -> decide -> apply.

pub mod apply;
pub mod checkpoints;
pub mod conditions;
pub mod decide;
pub mod error;
pub mod event;
pub mod exceptions;
pub mod lifecycle;
pub mod model;
pub mod observe;
mod reconcile;
pub mod status;
pub mod trouble;
pub mod valid;

pub use reconcile::{on_error, reconcile};
