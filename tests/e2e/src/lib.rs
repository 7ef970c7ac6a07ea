//! What the end-to-end tests and the demo stand on: the cluster of `KUBECONFIG`, the real `kubectl` and `helm`, and
//! ways to wait for something to become true, each with a limit and a text that says what was being waited for.

pub mod certificates;
pub mod cluster;
pub mod command;
pub mod fixtures;
pub mod flink;
pub mod latency;
pub mod objects;
pub mod report;
pub mod sluice;
pub mod stream;
pub mod wait;

/// Anything that goes wrong in a test or the demo, as text for people.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failure(pub String);

impl Failure {
    /// A failure with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

macro_rules! failure_from {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self { Self(error.to_string()) }
        })+
    };
}
failure_from!(
    kube::Error,
    kube::config::KubeconfigError,
    kube::runtime::watcher::Error,
    serde_json::Error,
    std::io::Error
);

/// Result of a step.
pub type Outcome<T = ()> = Result<T, Failure>;
