//! Rules and defaults of the user's own in CEL: the kinds `ClusterFlinkPolicy` and `FlinkPolicy`.
//!
//! [`Policy::compile`] turns a resource into something that can be asked, or says what is wrong with it and where;
//! a [`Policy`] is an [`Extension`](sluice_shared::extension::Extension), so that webhook, controller and command line
//! ask it as they ask every other. Nothing in here reads or writes but the modules `watch` and `follow`, which are there
//! with the feature `watch` only.
//!
//! What an expression may use is in docs/policies.md. What bounds it is in [`budget`].

pub mod budget;
mod engine;
mod expression;
mod fields;
#[cfg(feature = "watch")]
pub mod follow;
mod functions;
mod load;
mod matching;
mod mistakes;
mod policy;
mod scan;
mod typed;
mod values;
#[cfg(feature = "watch")]
pub mod watch;

/// Name of the source in [`Extensions`](sluice_shared::extension::Extensions).
pub const SOURCE: &str = "cel";

pub use expression::{Expression, LONGEST, Mistake, Position};
pub use load::{Loaded, Problem, is_policy, load_json, load_yaml};
pub use policy::{Policy, PolicyScope};
