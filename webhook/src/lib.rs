//! The admission webhook.
//!
//! A request goes through [`http`] (deadline, panic fence), [`body`] (limits of memory and time), [`review`] (bytes to AdmissionReview),
//! [`dispatch`] (kind, operation, typed object), the rules, and [`answer`] (verdict to AdmissionReview). Whatever fails
//! on the way is itself an AdmissionReview that says what and why.
//!
//! Around it: [`server`] (TLS, connections, drain), [`lookups`] (what rules need to know of other objects), [`own_rules`]
//! (policies), [`metrics`], [`selfcheck`] (readiness), [`serve`] (wires them all) and [`command`] (arguments and process).
//! [`client_auth`] restricts who may ask, [`audit`] records what was decided.

pub mod answer;
pub mod audit;
pub mod body;
pub mod client_auth;
pub mod command;
pub mod dispatch;
pub mod http;
pub mod judge;
pub mod lookups;
pub mod metrics;
pub mod own_rules;
pub mod review;
pub mod selfcheck;
pub mod serve;
pub mod server;
pub mod verdict;
