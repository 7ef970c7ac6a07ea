//! Events as `decide` words them. Publishing them is `crate::events`' work.

use std::collections::BTreeMap;
use std::fmt;

/// Why an event is there. The texts are those of the Java operator, which alerts are written for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The job is stopped for an upgrade or because the spec asks so.
    Suspended,
    /// The spec differs from what is deployed.
    SpecChanged,
    /// A cluster is about to be created.
    Submit,
    /// Flink reports another state.
    JobStatusChanged,
    /// The resource is being deleted.
    Cleanup,
    /// The deletion cannot go on.
    CleanupFailed,
    /// The JobManager's Deployment, or the job, vanished.
    Missing,
    /// The spec is refused.
    ValidationError,
    /// A lost JobManager Deployment is made again.
    RecoverDeployment,
    /// The Flink version is not supported.
    UnsupportedFlinkVersion,
    /// The job cannot be moved to the new spec.
    UpgradeFailed,
    /// The spec asks for an Ingress.
    IngressManagement,
    /// The job threw an exception.
    JobException,
    /// No savepoint was taken that was asked for.
    SavepointError,
    /// No checkpoint was taken that was asked for.
    CheckpointError,
    /// An ended job's newest checkpoint was not kept.
    CheckpointNotFound,
    /// Anything else.
    Error,
    /// Kubernetes' own reason.
    Kubernetes(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kubernetes(reason) => f.write_str(reason),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Which part speaks: `source.component`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The controller.
    Operator,
    /// The JobManager's Deployment.
    JobManagerDeployment,
    /// The job.
    Job,
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// An event to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDraft {
    /// Whether it is of type `Warning`.
    pub warning: bool,
    /// Why.
    pub reason: Reason,
    /// Which part speaks.
    pub component: Component,
    /// For people.
    pub message: String,
    /// Identity in place of the message.
    pub key: Option<String>,
    /// Whether a repetition is not even counted.
    pub once: bool,
    /// Annotations of the event.
    pub annotations: BTreeMap<String, String>,
}

impl EventDraft {
    /// An event of type `Normal`.
    #[must_use]
    pub fn normal(reason: Reason, component: Component, message: impl Into<String>) -> Self {
        Self {
            warning: false,
            reason,
            component,
            message: message.into(),
            key: None,
            once: false,
            annotations: BTreeMap::new(),
        }
    }

    /// An event of type `Warning`.
    #[must_use]
    pub fn warning(reason: Reason, component: Component, message: impl Into<String>) -> Self {
        Self {
            warning: true,
            ..Self::normal(reason, component, message)
        }
    }

    /// The same event, published once per `key`.
    #[must_use]
    pub fn once(self, key: impl Into<String>) -> Self {
        Self {
            once: true,
            ..self.keyed(key)
        }
    }

    /// The same event, known again by `key` whatever its message says.
    #[must_use]
    pub fn keyed(self, key: impl Into<String>) -> Self {
        Self {
            key: Some(key.into()),
            ..self
        }
    }

    /// `Normal` or `Warning`.
    #[must_use]
    pub fn type_(&self) -> &'static str {
        if self.warning { "Warning" } else { "Normal" }
    }

    /// Name of the Event object: `<component>.<hash>`, as the Java operator's class `EventUtils` makes it, so that a
    /// repetition is found again and counted, also across a change of operator.
    #[must_use]
    pub fn name(&self, kind: &str, resource: &str, uid: &str) -> String {
        let text = format!(
            "{}{}{}{kind}{resource}{uid}",
            self.reason,
            self.key.as_deref().unwrap_or(&self.message),
            self.type_()
        );
        format!("{}.{}", self.component, java_hash(&text) & 0x7fff_ffff)
    }
}

/// `String.hashCode` of Java.
#[must_use]
pub fn java_hash(text: &str) -> i32 {
    text.encode_utf16()
        .fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("", 0)]
    #[case("hello", 99_162_322)]
    #[case("The quick brown fox jumps over the lazy dog", -609_428_141)]
    fn hashes_like_java(#[case] text: &str, #[case] hash: i32) {
        assert_eq!(java_hash(text), hash);
    }

    #[test]
    fn the_name_depends_on_the_message_unless_there_is_a_key() {
        let name = |draft: &EventDraft| draft.name("FlinkDeployment", "a", "1");
        let first = EventDraft::normal(Reason::Submit, Component::JobManagerDeployment, "one");
        let second = EventDraft {
            message: "two".into(),
            ..first.clone()
        };
        assert_ne!(name(&first), name(&second));
        assert!(name(&first).starts_with("JobManagerDeployment."));
        assert_eq!(name(&first.once("k")), name(&second.once("k")));
    }
}
