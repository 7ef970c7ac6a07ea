//! What becomes of a request, before it is put into Kubernetes' words by [`crate::answer`].

use sluice_shared::defaults::Operation;
use sluice_shared::rules::{Violation, Warning};

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The API server may go on.
    Allowed {
        /// Changes to the object, a JSON patch; `/mutate` only.
        patch: Vec<Operation>,
        /// Shown to the user.
        warnings: Vec<Warning>,
        /// Only recorded.
        audit: Vec<Warning>,
    },
    /// The object is wrong.
    Denied {
        /// All that is wrong, at least one.
        violations: Vec<Violation>,
        /// Shown to the user.
        warnings: Vec<Warning>,
        /// Only recorded.
        audit: Vec<Warning>,
    },
    /// The request could not be judged.
    Failed(Failure),
}

impl Verdict {
    /// Allowed as it is.
    #[must_use]
    pub fn pass() -> Self {
        Self::Allowed {
            patch: Vec::new(),
            warnings: Vec::new(),
            audit: Vec::new(),
        }
    }
}

/// Why a request could not be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The body is no AdmissionReview v1.
    #[error("{0}")]
    Malformed(String),
    /// The client showed no certificate, and only some clients may ask.
    #[error(
        "this webhook answers clients with a certificate of its --client-ca, and the client showed none; give the API \
         server one for webhooks (--admission-control-config-file)"
    )]
    NoClientCertificate,
    /// The client's certificate is for another name.
    #[error("the client's certificate is for none of the names that this webhook answers (--client-names)")]
    OtherClient,
    /// Another method than POST.
    #[error("{method} is not answered here; the API server sends POST")]
    Method {
        /// As received.
        method: String,
    },
    /// Another path.
    #[error("there is nothing at {path}; set the webhook's path to /validate or /mutate")]
    Path {
        /// As received.
        path: String,
    },
    /// Another content type.
    #[error("the content type is {found}, it has to be application/json")]
    ContentType {
        /// As received.
        found: String,
    },
    /// The body is longer than the limit.
    #[error("the request is larger than {limit_mib} MiB, more than the API server stores")]
    TooLarge {
        /// The limit in MiB.
        limit_mib: usize,
    },
    /// The body came too slowly.
    #[error(
        "only {bytes} bytes of the request's body came in {millis} ms; the API server sends it at once, so look for a slow \
         network or a proxy between it and the webhook, and try again"
    )]
    Slow {
        /// What came.
        bytes: usize,
        /// In which time.
        millis: u128,
    },
    /// The body broke off.
    #[error("the request ended before its body was complete")]
    Aborted,
    /// The API server's time was used up.
    #[error("no verdict within {millis} ms; try again, and see the webhook's log if it happens again")]
    Deadline {
        /// Time there was.
        millis: u128,
    },
    /// Too many requests wait.
    #[error("the webhook has too many requests to answer; try again in a moment")]
    Overloaded,
    /// Not one of our kinds.
    #[error(
        "{kind} is not judged by this webhook; its webhook configuration should only name flinkdeployments, \
         flinksessionjobs, flinkstatesnapshots and flinkbluegreendeployments of flink.apache.org/v1beta1"
    )]
    UnknownKind {
        /// Group, version and kind.
        kind: String,
    },
    /// The parts of the request contradict each other.
    #[error("the request contradicts itself: {0}")]
    Contradiction(String),
    /// A fault in the webhook.
    #[error("internal error; the webhook's log has the details")]
    Internal,
}

impl Failure {
    /// HTTP status code and reason of Kubernetes (`StatusReason`).
    #[must_use]
    pub const fn status(&self) -> (u16, &'static str) {
        match self {
            Self::Malformed(_) | Self::UnknownKind { .. } | Self::Contradiction(_) | Self::Aborted => {
                (400, "BadRequest")
            }
            Self::NoClientCertificate => (401, "Unauthorized"),
            Self::OtherClient => (403, "Forbidden"),
            Self::Path { .. } => (404, "NotFound"),
            Self::Method { .. } => (405, "MethodNotAllowed"),
            // Kubernetes has no reason of its own for 408.
            Self::Slow { .. } => (408, "Timeout"),
            Self::TooLarge { .. } => (413, "RequestEntityTooLarge"),
            Self::ContentType { .. } => (415, "UnsupportedMediaType"),
            Self::Overloaded => (429, "TooManyRequests"),
            Self::Internal => (500, "InternalError"),
            Self::Deadline { .. } => (504, "Timeout"),
        }
    }
}
