//! Log lines on standard error.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Form of the log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The filter does not parse.
    #[error("--log-level \"{filter}\" is no filter: {reason}; write e.g. info, or info,sluice_controller=debug")]
    Filter {
        /// As given.
        filter: String,
        /// What the parser says.
        reason: String,
    },
    /// A subscriber is already set.
    #[error("logging is set up already: {0}")]
    Twice(String),
}

/// kube puts a span around each reconciliation that repeats the object's name, which our own lines have. What the user's
/// filter says comes later and wins.
const QUIET: &str = "kube_runtime=warn";

/// Sets up the log of this process: lines in `format`, those that `filter` lets pass.
///
/// # Errors
/// When the filter does not parse, or on a second call.
pub fn init(format: LogFormat, filter: &str) -> Result<(), LoggingError> {
    let env_filter = parse(filter)?;
    let registry = tracing_subscriber::registry().with(env_filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let result = match format {
        LogFormat::Text => registry.with(lines.with_target(false).with_ansi(false)).try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    result.map_err(|e| LoggingError::Twice(e.to_string()))
}

/// As [`init`], with a layer that exports spans and has its own filter.
///
/// # Errors
/// As for [`init`].
#[cfg(feature = "opentelemetry")]
pub fn init_with_spans(
    format: LogFormat,
    filter: &str,
    spans: crate::telemetry::SpanLayer,
) -> Result<(), LoggingError> {
    use tracing_subscriber::Layer as _;
    let env_filter = parse(filter)?;
    let registry = tracing_subscriber::registry().with(spans);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let result = match format {
        LogFormat::Text => {
            let lines = lines.with_target(false).with_ansi(false);
            registry.with(lines.with_filter(env_filter)).try_init()
        }
        LogFormat::Json => registry
            .with(lines.json().flatten_event(true).with_filter(env_filter))
            .try_init(),
    };
    result.map_err(|e| LoggingError::Twice(e.to_string()))
}

fn parse(filter: &str) -> Result<EnvFilter, LoggingError> {
    EnvFilter::try_new(format!("{QUIET},{filter}")).map_err(|e| LoggingError::Filter {
        filter: filter.to_owned(),
        reason: e.to_string(),
    })
}
