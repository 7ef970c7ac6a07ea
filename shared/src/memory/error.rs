//! Why no memory could be derived.

use crate::config::{ConfigError, MemorySize};

/// The options for memory contradict each other, or leave too little.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// A value is not of its option's type.
    #[error(transparent)]
    Option(#[from] ConfigError),
    /// Nothing says how much memory there is.
    #[error("nothing says how much memory the {component} gets")]
    NotConfigured {
        /// `JobManager` or `TaskManager`.
        component: &'static str,
        /// Key of the total size of the process.
        key: &'static str,
    },
    /// A total is smaller than what is to fit into it.
    #[error("{key} is {total}, which is less than its parts need: {parts}")]
    TooSmall {
        /// Key of the total, or of the option that it is derived from.
        key: &'static str,
        /// The total.
        total: MemorySize,
        /// The parts and their sizes, as a text.
        parts: String,
        /// The smallest total with which they fit, where there is one.
        needed: Option<MemorySize>,
    },
    /// Two ways to say the same disagree.
    #[error("{key} is {total}, but its parts add up to {sum}: {parts}")]
    Mismatch {
        /// Key of the total.
        key: &'static str,
        /// The total.
        total: MemorySize,
        /// Sum of the parts.
        sum: MemorySize,
        /// The parts and their sizes, as a text.
        parts: String,
    },
    /// What is left for a part is outside the bounds that are configured for that part.
    #[error("{left} would be left for {part}, which must lie between {min} ({min_key}) and {max} ({max_key})")]
    OutOfRange {
        /// The part.
        part: &'static str,
        /// What is left.
        left: MemorySize,
        /// The smallest size allowed.
        min: MemorySize,
        /// Its key.
        min_key: &'static str,
        /// The largest size allowed.
        max: MemorySize,
        /// Its key.
        max_key: &'static str,
    },
    /// A lower bound lies above its upper bound.
    #[error("{min_key} is {min}, which is more than {max_key}, {max}")]
    Bounds {
        /// Key of the lower bound.
        min_key: &'static str,
        /// The lower bound.
        min: MemorySize,
        /// Key of the upper bound.
        max_key: &'static str,
        /// The upper bound.
        max: MemorySize,
    },
    /// A fraction is no fraction.
    #[error("{key} is {value}, but it must be at least 0 and less than 1")]
    Fraction {
        /// Key of the fraction.
        key: &'static str,
        /// Its value, as a text.
        value: String,
    },
}

impl MemoryError {
    /// The key to look at first.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Option(error) => error.key(),
            Self::NotConfigured { key, .. }
            | Self::TooSmall { key, .. }
            | Self::Mismatch { key, .. }
            | Self::Fraction { key, .. } => key,
            Self::OutOfRange {
                min_key,
                max_key,
                left,
                min,
                ..
            } => {
                if left < min {
                    min_key
                } else {
                    max_key
                }
            }
            Self::Bounds { min_key, .. } => min_key,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn fix(&self) -> String {
        match self {
            Self::Option(error) => format!("correct the value of {}", error.key()),
            Self::NotConfigured { key, .. } => format!("set {key}, for example to 2048m"),
            Self::TooSmall {
                key,
                needed: Some(needed),
                ..
            } => {
                format!("raise {key} to at least {needed}, or make its parts smaller")
            }
            Self::TooSmall { key, needed: None, .. } => format!("raise {key}, or make its parts smaller"),
            Self::Mismatch { key, .. } => format!("set either {key} or its parts, not both"),
            Self::OutOfRange {
                left,
                min,
                min_key,
                max_key,
                ..
            } => {
                if left < min {
                    format!("raise the total, make the other parts smaller, or lower {min_key}")
                } else {
                    format!("lower the total, or raise {max_key}")
                }
            }
            Self::Bounds { min_key, max_key, .. } => format!("lower {min_key} or raise {max_key}"),
            Self::Fraction { key, .. } => format!("set {key} to a number such as 0.1"),
        }
    }
}

/// "a 1 mb, b 2 mb"; a part without a size is only named.
pub(super) fn describe(named: &[(&str, u64)]) -> String {
    named
        .iter()
        .map(|(name, bytes)| match bytes {
            0 => (*name).to_owned(),
            bytes => format!("{name} {}", MemorySize::from_bytes(*bytes)),
        })
        .collect::<Vec<_>>()
        .join(", ")
}
