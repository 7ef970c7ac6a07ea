//! `status.error`: JSON in the form that consumers of the Java operator's status parse.

use serde_json::json;

/// Texts are cut to this many characters (option `kubernetes.operator.exception.field.max.length`).
const MAX_LENGTH: usize = 2048;

/// The class that the Java operator would name. Consumers look at it, so the names stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The spec is refused.
    Validation,
    /// Something unexpected.
    Reconciliation,
    /// The job cannot be moved to the new spec.
    UpgradeFailure,
    /// The JobManager cannot start.
    DeploymentFailed,
    /// The JobManager's Deployment vanished.
    MissingJobManager,
    /// The job failed for good.
    JobFailed,
}

impl ErrorClass {
    fn class(self) -> &'static str {
        match self {
            Self::Validation => "org.apache.flink.kubernetes.operator.exception.ValidationException",
            Self::Reconciliation => "org.apache.flink.kubernetes.operator.exception.ReconciliationException",
            Self::UpgradeFailure => "org.apache.flink.kubernetes.operator.exception.UpgradeFailureException",
            Self::DeploymentFailed => "org.apache.flink.kubernetes.operator.exception.DeploymentFailedException",
            Self::MissingJobManager => "org.apache.flink.kubernetes.operator.exception.MissingJobManagerException",
            Self::JobFailed => "org.apache.flink.runtime.client.JobExecutionException",
        }
    }
}

impl ErrorClass {
    /// Whether `error`, a `status.error`, is of this class.
    #[must_use]
    pub fn is_of(self, error: &str) -> bool {
        let error: Option<serde_json::Value> = serde_json::from_str(error).ok();
        error.is_some_and(|e| e.get("type").and_then(|t| t.as_str()) == Some(self.class()))
    }
}

/// One error of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlinkError {
    /// Its class.
    pub class: ErrorClass,
    /// Kubernetes' or Flink's reason, where there is one.
    pub reason: Option<String>,
    /// What happened and what to do.
    pub message: String,
}

/// `error` of a job that Flink does not know any more: plain text, as the Java operator has it.
pub const JOB_NOT_FOUND: &str = "Job Not Found";

impl FlinkError {
    /// An error without a reason.
    #[must_use]
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            class,
            reason: None,
            message: message.into(),
        }
    }

    /// The same error with Kubernetes' or Flink's reason.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// The text for `status.error`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut value = json!({ "type": self.class.class(), "message": truncated(&self.message) });
        let metadata = self
            .reason
            .as_ref()
            .map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
        value["additionalMetadata"] = metadata;
        value["throwableList"] = json!([]);
        value.to_string()
    }
}

/// `text`, cut at a character boundary to what fits a status field.
#[must_use]
pub fn truncated(text: &str) -> String {
    text.chars().take(MAX_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_names_class_message_and_reason() {
        let error = FlinkError::new(ErrorClass::DeploymentFailed, "[main] no such image").with_reason("ErrImagePull");
        let value: serde_json::Value = serde_json::from_str(&error.to_json()).expect("JSON");
        assert_eq!(
            value["type"],
            "org.apache.flink.kubernetes.operator.exception.DeploymentFailedException"
        );
        assert_eq!(value["message"], "[main] no such image");
        assert_eq!(value["additionalMetadata"]["reason"], "ErrImagePull");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let error = FlinkError::new(ErrorClass::Reconciliation, "ä".repeat(5000));
        let value: serde_json::Value = serde_json::from_str(&error.to_json()).expect("JSON");
        assert_eq!(value["message"].as_str().expect("text").chars().count(), MAX_LENGTH);
    }
}
