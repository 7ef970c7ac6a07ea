//! The folder with the default Flink configuration, as a ConfigMap mounts it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files of a configuration folder, as text by name. Parsing them is `sluice_shared::config`'s work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigDir {
    /// Contents of `flink-conf.yaml`, the older form with one `key: value` a line; it wins over `config.yaml`.
    pub legacy: Option<String>,
    /// Contents of `config.yaml`.
    pub standard: Option<String>,
    /// Logging files that are passed on to clusters, by name.
    pub log_files: BTreeMap<String, String>,
}

/// Logging files that clusters get (Flink: `KubernetesParameters` mounts exactly these two).
pub const LOG_FILES: [&str; 2] = ["log4j-console.properties", "logback-console.xml"];

/// A configuration file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigDirError {
    /// The folder is not there.
    #[error("--config-dir {0} is not a folder; mount the default configuration there or leave the flag out")]
    NoFolder(PathBuf),
    /// A file in it cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        source: std::io::Error,
    },
}

/// Reads `folder`. Files that are absent are simply absent.
///
/// # Errors
/// When the folder does not exist or a file in it cannot be read.
pub fn load(folder: &Path) -> Result<ConfigDir, ConfigDirError> {
    if !folder.is_dir() {
        return Err(ConfigDirError::NoFolder(folder.to_owned()));
    }
    let read = |name: &str| -> Result<Option<String>, ConfigDirError> {
        let path = folder.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ConfigDirError::Read { path, source }),
        }
    };
    let mut log_files = BTreeMap::new();
    for name in LOG_FILES {
        if let Some(text) = read(name)? {
            log_files.insert(name.to_owned(), text);
        }
    }
    Ok(ConfigDir {
        legacy: read("flink-conf.yaml")?,
        standard: read("config.yaml")?,
        log_files,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("config.yaml"), "a: 1\n").expect("written");
        std::fs::write(
            folder.path().join("log4j-console.properties"),
            "rootLogger.level = INFO\n",
        )
        .expect("written");
        std::fs::write(folder.path().join("unrelated"), "x").expect("written");
        let read = load(folder.path()).expect("readable");
        assert_eq!(read.standard.as_deref(), Some("a: 1\n"));
        assert_eq!(read.legacy, None);
        assert_eq!(read.log_files.keys().collect::<Vec<_>>(), ["log4j-console.properties"]);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = load(Path::new("/nonexistent/sluice")).expect_err("missing");
        assert!(
            error.to_string().contains("--config-dir /nonexistent/sluice"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("config.yaml")).expect("made");
        let error = load(folder.path()).expect_err("a folder in place of the file");
        assert!(error.to_string().contains("config.yaml"), "{error}");
    }
}
