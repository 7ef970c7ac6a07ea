//! Flink configuration: what users write, what it means, and which of several sources wins.
//!
//! - [`flatten`]: flat or nested YAML to Flink's flat form
//! - [`FlinkConfig`]: the flat form; [`ConfigOption`] reads it with types, aliases and defaults; [`options`] names the keys
//! - [`MemorySize`], [`Amount`]: Flink's and Kubernetes' grammar of sizes
//! - [`DefaultConfiguration`]: the layers below a resource's own configuration
//! - [`mod@quartz`]: schedules, as Quartz has them
//! - [`secrets`]: which values must never be shown
//!
//! The grammars are those of Flink 1.20: `ConfigurationUtils`, `TimeUtils`, `MemorySize`, `StructuredOptionsSplitter`.

mod amount;
mod default_configuration;
mod duration;
mod file;
mod flatten;
mod flink_config;
mod lines;
mod memory_size;
mod option;
pub mod options;
pub mod quartz;
pub mod secrets;
mod structured;

pub use amount::{Amount, AmountError};
pub use default_configuration::DefaultConfiguration;
pub(crate) use duration::iso_nanos;
pub use duration::{DurationError, parse_duration};
pub use file::{ConfigFileError, Problem, parse_config_yaml, parse_flink_conf};
pub use flatten::{FlattenError, flatten};
pub use flink_config::FlinkConfig;
pub use lines::{line_end, sets_another_key};
pub use memory_size::{MemorySize, MemorySizeError, parse_memory_flink_then_kubernetes};
pub use option::{ConfigError, ConfigOption, Map, OptionValue};
pub use secrets::{REDACTED, is_sensitive_key, redact};
pub use structured::{StructuredError, split};
