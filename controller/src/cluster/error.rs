//! Why a cluster cannot be built.

use sluice_shared::config::options::APPLICATION_ARGS;
use sluice_shared::config::{ConfigError, FlattenError};
use sluice_shared::memory::MemoryError;

/// Something in the resource or its configuration that no cluster can be made of. The message names it, [`Self::fix`]
/// says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The configuration has no flat form.
    #[error("spec.flinkConfiguration: {0}")]
    Configuration(#[from] FlattenError),
    /// An option cannot be read.
    #[error(transparent)]
    Option(#[from] ConfigError),
    /// The memory options do not fit together.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// A field of the spec is missing or has a value that means nothing.
    #[error("{path}: {problem}")]
    Field {
        /// The field.
        path: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A pod template is no pod.
    #[error("the pod template of the {component} is no pod: {problem}")]
    PodTemplate {
        /// `JobManager` or `TaskManager`.
        component: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A key is at once a value and the beginning of another key, which nested YAML cannot express.
    #[error(
        "{shorter} and {longer} cannot both be set: Flink reads nested YAML, where a key cannot have a value and keys below it"
    )]
    Overlap {
        /// The key that has a value.
        shorter: String,
        /// The key below it.
        longer: String,
    },
    /// A value in lines of text would set another key.
    #[error("{key} has a line break, behind which flink-conf.yaml would set another key")]
    Line {
        /// The key.
        key: String,
    },
    /// A port is a range, or no port.
    #[error("{key} is \"{value}\", but Kubernetes needs one fixed port")]
    Port {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// A number is below what it must at least be.
    #[error("{key} is {value}, but it must be at least 1")]
    LessThanOne {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
    },
    /// Several JobManagers without high availability.
    #[error("{replicas} JobManagers need high availability")]
    StandbyWithoutHighAvailability {
        /// How many.
        replicas: i32,
    },
    /// Kerberos files lie on the machine where Flink's client runs; here there is none.
    #[error("{key} names a file for Flink's client to ship, and there is no such client")]
    Kerberos {
        /// The key.
        key: &'static str,
    },
}

impl BuildError {
    /// What to do about it.
    #[must_use]
    pub fn fix(&self) -> String {
        match self {
            Self::Configuration(_) => "write keys and values, or lists of them".to_owned(),
            Self::Option(error) => format!("correct {}", error.key()),
            Self::Memory(error) => error.fix(),
            Self::Field { path, .. } => format!("correct {path}"),
            Self::PodTemplate { component, .. } => {
                format!("correct spec.podTemplate or the podTemplate of the {component}")
            }
            Self::Overlap { shorter, .. } if shorter == "high-availability" => {
                "write high-availability.type instead of high-availability".to_owned()
            }
            Self::Overlap { shorter, .. } => format!("replace {shorter} by the key that Flink 2 has for it"),
            Self::Line { key } if *key == APPLICATION_ARGS.key => {
                "write spec.job.args without line breaks, or move the job to Flink 2".to_owned()
            }
            Self::Line { key } => format!("write {key} on one line"),
            Self::Port { key, .. } => format!("set {key} to one port, or leave it out"),
            Self::LessThanOne { key, .. } => format!("set {key} to 1 or more, or leave it out"),
            Self::StandbyWithoutHighAvailability { .. } => {
                "set jobManager.replicas to 1, or high-availability.type and high-availability.storageDir".to_owned()
            }
            Self::Kerberos { .. } => {
                "mount the file by the pod template and set kubernetes.decorator.kerberos-mount.enabled to false"
                    .to_owned()
            }
        }
    }
}
