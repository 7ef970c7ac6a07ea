//! AdmissionReview v1 on the wire (`k8s.io/api/admission/v1`).
//!
//! Own types: objects stay raw text until their kind is known, and the answer's status has the fields that
//! `kube::core::admission` leaves out (code, reason, details).

mod decode;
mod encode;
mod uid;

pub(crate) use decode::describe;
pub use decode::{DecodeError, GroupVersionKind, GroupVersionResource, Request, decode};
pub use encode::{Cause, Details, Response, Status, encode};
pub use uid::find_uid;

/// `apiVersion` of requests and answers.
pub const API_VERSION: &str = "admission.k8s.io/v1";
/// `kind` of requests and answers.
pub const KIND: &str = "AdmissionReview";
