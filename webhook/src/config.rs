//! The administrator's Flink configuration.

use std::path::Path;

use sluice_runtime::config_dir::{self, ConfigDirError};
use sluice_shared::config::{ConfigFileError, DefaultConfiguration, FlinkConfig, parse_config_yaml, parse_flink_conf};

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The folder or a file in it cannot be read.
    #[error(transparent)]
    Folder(#[from] ConfigDirError),
    /// A file is wrong.
    #[error("--config-dir {folder}: {file}, {source}")]
    File {
        /// The folder.
        folder: String,
        /// The file in it.
        file: &'static str,
        /// What is wrong.
        source: ConfigFileError,
    },
}

/// Reads `folder`; nothing is configured where there is none.
///
/// # Errors
/// When a file cannot be read or parsed.
pub fn load(folder: Option<&Path>) -> Result<DefaultConfiguration, ConfigError> {
    let Some(folder) = folder else {
        return Ok(DefaultConfiguration::default());
    };
    let wrong = |file| {
        move |source| ConfigError::File {
            folder: folder.display().to_string(),
            file,
            source,
        }
    };
    let files = config_dir::load(folder)?;
    let config = match (files.legacy, files.standard) {
        // The older file wins where both are there, as in Flink.
        (Some(text), _) => parse_flink_conf(&text).map_err(wrong("flink-conf.yaml"))?,
        (None, Some(text)) => parse_config_yaml(&text).map_err(wrong("config.yaml"))?,
        (None, None) => FlinkConfig::new(),
    };
    Ok(DefaultConfiguration::new(config))
}
