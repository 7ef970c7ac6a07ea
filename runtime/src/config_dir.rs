//! The folder with the default Flink configuration, as a ConfigMap mounts it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sluice_shared::config::{
    ConfigFileError, DefaultConfiguration, FlinkConfig, line_end, parse_config_yaml, parse_flink_conf, sets_another_key,
};

/// What the administrator sets for all resources.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// The default configuration.
    pub configuration: DefaultConfiguration,
    /// Logging files that are passed on to clusters, by name.
    pub log_files: BTreeMap<String, String>,
}

/// The configuration file of Flink before 2.0, one `key: value` a line; it wins where both are there, as in Flink.
const LEGACY: &str = "flink-conf.yaml";
/// Flink's own name for the configuration file.
const STANDARD: &str = "config.yaml";

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
    /// A file in it is wrong.
    #[error("--config-dir {folder}: {file}, {source}")]
    File {
        /// The folder.
        folder: PathBuf,
        /// The file in it.
        file: &'static str,
        /// What is wrong.
        source: ConfigFileError,
    },
    /// Values that would change what clusters of Flink before 2.0 are configured with.
    #[error(
        "--config-dir {folder}: {file}, {}: clusters of Flink 1.x read flink-conf.yaml line by line, and would read another \
         key behind the line break; write keys and values on one line each, or set what only newer clusters get below \
         kubernetes.operator.default-configuration.flink-version.v2_0+.",
        .keys.join(", ")
    )]
    Lines {
        /// The folder.
        folder: PathBuf,
        /// The file in it.
        file: &'static str,
        /// The keys, as far as they can be shown.
        keys: Vec<String>,
    },
}

/// Reads `folder`. Files that are absent are simply absent; nothing is configured where there is no folder.
///
/// # Errors
/// When the folder does not exist, a file in it cannot be read or parsed, or a value would set another key of clusters.
pub fn load(folder: Option<&Path>) -> Result<Defaults, ConfigDirError> {
    let Some(folder) = folder else {
        return Ok(Defaults::default());
    };
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
    let wrong = |file| {
        move |source| ConfigDirError::File {
            folder: folder.to_owned(),
            file,
            source,
        }
    };
    let (file, config) = match (read(LEGACY)?, read(STANDARD)?) {
        (Some(text), _) => (LEGACY, parse_flink_conf(&text).map_err(wrong(LEGACY))?),
        (None, Some(text)) => (STANDARD, parse_config_yaml(&text).map_err(wrong(STANDARD))?),
        (None, None) => (STANDARD, FlinkConfig::new()),
    };
    let configuration = DefaultConfiguration::new(config);
    let keys = further_keys(&configuration);
    if !keys.is_empty() {
        let folder = folder.to_owned();
        return Err(ConfigDirError::Lines { folder, file, keys });
    }
    for (key, sign) in configuration
        .in_lines()
        .filter_map(|(key, value)| Some((key, line_end(value.trim())?)))
    {
        tracing::warn!(
            "{file}: flink-conf.yaml of Flink 1.x clusters ends the value of {key} at its first {sign}; write it without"
        );
    }
    let mut log_files = BTreeMap::new();
    for name in LOG_FILES {
        if let Some(text) = read(name)? {
            log_files.insert(name.to_owned(), text);
        }
    }
    Ok(Defaults {
        configuration,
        log_files,
    })
}

/// Keys whose lines in `flink-conf.yaml` would set further ones. For a resource's own configuration there is a rule.
fn further_keys(configuration: &DefaultConfiguration) -> Vec<String> {
    let wrong = configuration
        .in_lines()
        .filter(|(key, value)| sets_another_key(key, value));
    wrong.map(|(key, _)| key.replace(char::is_control, " ")).collect()
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
        let read = load(Some(folder.path())).expect("readable");
        assert_eq!(read.configuration.for_resource("any", None).get("a"), Some("1"));
        assert_eq!(read.log_files.keys().collect::<Vec<_>>(), ["log4j-console.properties"]);
    }

    #[test]
    fn the_older_file_wins() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("config.yaml"), "a: 1\n").expect("written");
        std::fs::write(folder.path().join("flink-conf.yaml"), "a: 2\n").expect("written");
        let read = load(Some(folder.path())).expect("readable");
        assert_eq!(read.configuration.for_resource("any", None).get("a"), Some("2"));
    }

    #[test]
    fn a_wrong_file_is_named_with_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("config.yaml"), "a: 1\na: 2\n").expect("written");
        let error = load(Some(folder.path())).expect_err("a twice").to_string();
        assert!(error.contains("config.yaml, line 2"), "{error}");
    }

    #[test]
    fn a_value_that_would_set_another_key_of_a_cluster_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let load_text = |text: &str| {
            std::fs::write(folder.path().join("config.yaml"), text).expect("written");
            load(Some(folder.path())).map_err(|error| error.to_string())
        };
        for key in [
            "env.java.opts.all",
            "kubernetes.operator.default-configuration.namespace.team-a.env.java.opts.all",
            "kubernetes.operator.default-configuration.flink-version.v1_17+.env.java.opts.all",
        ] {
            let error = load_text(&format!("{key}: |\n  -Dsecret=1\n  rest.port: 1\n")).expect_err("another key");
            assert!(error.contains(&format!("config.yaml, {key}: ")), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let error = load_text("\"a\\nrest.port\": 1\n").expect_err("another key");
        assert!(error.contains("config.yaml, a rest.port: "), "{error}");

        for fine in [
            "kubernetes.operator.default-configuration.flink-version.v2_0+.a: |\n  b\n  rest.port: 1\n",
            "kubernetes.operator.a: |\n  b\n  rest.port: 1\n",
            "a: |\n  b: c\n",
            "a: |\n  b\n  c\n",
        ] {
            assert!(load_text(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn no_folder_configures_nothing() {
        let read = load(None).expect("nothing to read");
        assert!(read.log_files.is_empty());
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = load(Some(Path::new("/nonexistent/sluice"))).expect_err("missing");
        assert!(
            error.to_string().contains("--config-dir /nonexistent/sluice"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("config.yaml")).expect("made");
        let error = load(Some(folder.path())).expect_err("a folder in place of the file");
        assert!(error.to_string().contains("config.yaml"), "{error}");
    }
}
