//! CA and serving certificates of the webhook.
//!
//! - [`pem`]: a chain and its key, read and checked
//! - [`current`]: the certificate in use, swapped while the server runs
//! - [`authority`]: our own CA and the certificates it signs
//! - [`clock`]: the wall clock, by which certificates end
//! - [`plan`]: what a stored CA and certificate need now; pure
//! - [`secret`]: CA and certificate in one Secret that all replicas share
//! - [`files`]: certificate and key in files, such as cert-manager's Secret mounted as a volume
//! - [`ca_bundle`]: the CA in both webhook configurations, put back when someone takes it out
//!
//! A source ([`secret`], [`files`]) never ends a process: what is wrong is told by [`current::Current::view`], logged,
//! and tried again.

pub mod authority;
pub mod ca_bundle;
pub mod clock;
pub mod current;
pub mod error;
pub mod files;
mod pace;
pub mod pem;
pub mod plan;
pub mod secret;

pub use current::Current;
pub use error::{ApiError, CertError};
