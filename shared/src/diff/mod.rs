//! What changed between two specs, and what that means for what runs.
//!
//! The table of fields is the Java operator's (`SpecDiff` annotations and `ReflectiveDiffBuilder`): a change of a field
//! that is not named here means an upgrade.

mod fields;

use std::fmt;

use crate::api::{FlinkDeploymentSpec, KubernetesMode};
use crate::config::{FlattenError, REDACTED, is_sensitive_key};

/// What a change means. Ordered: the greatest of a spec's changes decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiffKind {
    /// Nothing that runs has to change.
    Ignore,
    /// The parallelism can change while the job runs.
    Scale,
    /// The job is stopped and started again.
    Upgrade,
    /// The job is thrown away and started from `initialSavepointPath`.
    SavepointRedeploy,
}

impl DiffKind {
    /// The word used in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "IGNORE",
            Self::Scale => "SCALE",
            Self::Upgrade => "UPGRADE",
            Self::SavepointRedeploy => "SAVEPOINT_REDEPLOY",
        }
    }
}

/// One field that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Path within the spec, `job.parallelism` for example; keys of `flinkConfiguration` follow their field.
    pub path: String,
    /// Value before, as text for people; `null` where there was none. Secrets are masked.
    pub old: String,
    /// Value after.
    pub new: String,
    /// What the change means.
    pub kind: DiffKind,
}

/// All changes between two specs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpecDiff {
    /// The changes, in the order of the spec's fields.
    pub changes: Vec<Change>,
}

impl SpecDiff {
    /// What all changes together mean; [`DiffKind::Ignore`] when nothing changed.
    #[must_use]
    pub fn kind(&self) -> DiffKind {
        self.changes
            .iter()
            .map(|change| change.kind)
            .max()
            .unwrap_or(DiffKind::Ignore)
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl fmt::Display for SpecDiff {
    /// `Diff: FlinkDeploymentSpec[image : flink:1.19 -> flink:1.20, job.parallelism : 2 -> 4]`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Diff: FlinkDeploymentSpec[")?;
        for (index, change) in self.changes.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{} : {} -> {}", change.path, change.old, change.new)?;
        }
        f.write_str("]")
    }
}

/// Compares two specs of a `FlinkDeployment`. Defaults count as written out, so that spelling one out is no change.
///
/// # Errors
/// When a `flinkConfiguration` cannot be flattened.
pub fn deployment(old: &FlinkDeploymentSpec, new: &FlinkDeploymentSpec) -> Result<SpecDiff, FlattenError> {
    let mode = new.mode();
    let mut changes = fields::compare(&old.clone().normalized(), &new.clone().normalized(), mode)?;
    for change in &mut changes {
        let key = change
            .path
            .strip_prefix(fields::CONFIGURATION_PREFIX)
            .unwrap_or_default();
        if is_sensitive_key(key) {
            for value in [&mut change.old, &mut change.new] {
                if value != fields::NULL {
                    REDACTED.clone_into(value);
                }
            }
        }
    }
    Ok(SpecDiff { changes })
}

/// What a change of a configuration key means. The first prefix that fits decides.
#[must_use]
pub fn configuration_key(key: &str, mode: KubernetesMode) -> DiffKind {
    const IGNORED: [&str; 3] = ["job.autoscaler", "parallelism.default", "kubernetes.operator"];
    if IGNORED.iter().any(|prefix| key.starts_with(prefix)) {
        DiffKind::Ignore
    } else if key.starts_with("pipeline.jobvertex-parallelism-overrides") && mode == KubernetesMode::Native {
        DiffKind::Scale
    } else {
        DiffKind::Upgrade
    }
}

#[cfg(test)]
mod tests;
