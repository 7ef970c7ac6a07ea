//! Configuration files to configurations. Texts in, no files touched.

use serde_json::Value;

use super::{FlinkConfig, flatten};

/// A configuration file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; "))]
pub struct ConfigFileError {
    /// Everything that is wrong, in the order of lines.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong in a configuration file. Never holds a value of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Problem {
    /// Line, from 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

/// Reads `config.yaml`: YAML with flat or nested keys. A key without a value is not set.
///
/// # Errors
/// When the text is no YAML (with the line), a key stands twice, or the whole is no map.
pub fn parse_config_yaml(text: &str) -> Result<FlinkConfig, ConfigFileError> {
    // Snippets would show neighbouring lines, which may hold secrets.
    let options = serde_saphyr::options! { with_snippet: false };
    let value: Option<Value> = serde_saphyr::from_str_with_options(text, options).map_err(|error| ConfigFileError {
        problems: vec![Problem {
            line: error.location().map_or(1, |location| location.line()),
            message: error.without_snippet().to_string(),
        }],
    })?;
    let value = crate::api::without_nulls(value.unwrap_or_default());
    flatten(&value).map(FlinkConfig::from).map_err(|error| ConfigFileError {
        problems: vec![Problem {
            line: error.key().and_then(|key| line_of(text, key)).unwrap_or(1),
            message: error.to_string(),
        }],
    })
}

/// Where `key` is probably written: the first line that begins with it or its last part.
fn line_of(text: &str, key: &str) -> Option<u64> {
    let begins = |name: &str| {
        text.lines().position(|line| {
            line.trim_start()
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(':'))
        })
    };
    let at = begins(key).or_else(|| begins(key.rsplit('.').next()?))?;
    u64::try_from(at + 1).ok()
}

/// Reads `flink-conf.yaml` as Flink before 2.0 does (`GlobalConfiguration.loadLegacyYAMLResource`): one `key: value`
/// per line, `#` begins a comment anywhere, the last line of a key wins. A key without a value is not set.
///
/// # Errors
/// When a line is not of this form. (Flink would skip it with a warning that nobody reads.)
pub fn parse_flink_conf(text: &str) -> Result<FlinkConfig, ConfigFileError> {
    let mut config = FlinkConfig::new();
    let mut problems = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() || line == "---" {
            continue;
        }
        match line.split_once(": ") {
            Some((key, value)) if !key.trim().is_empty() => config.set(key.trim(), value.trim()),
            None if line.ends_with(':') && line.len() > 1 => {}
            _ => problems.push(Problem {
                line: number,
                message: "expected \"key: value\", with a space after the colon".to_owned(),
            }),
        }
    }
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(ConfigFileError { problems })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config(entries: &[(&str, &str)]) -> FlinkConfig {
        entries.iter().copied().collect()
    }

    #[test]
    fn reads_yaml() {
        let text = "# comment\ntaskmanager:\n  numberOfTaskSlots: 2\nparallelism.default: 1\nempty:\nlist: [a, b]\n";
        assert_eq!(
            parse_config_yaml(text).unwrap(),
            config(&[
                ("taskmanager.numberOfTaskSlots", "2"),
                ("parallelism.default", "1"),
                ("list", "a;b")
            ])
        );
        assert_eq!(parse_config_yaml("").unwrap(), FlinkConfig::new());
        assert_eq!(parse_config_yaml("# nothing\n").unwrap(), FlinkConfig::new());
    }

    #[test]
    fn names_the_line_of_broken_yaml_and_shows_no_values() {
        let error = parse_config_yaml("a: b\ns3.secret-key: hunter2\nc: [d\n").unwrap_err();
        assert!(error.problems[0].line >= 3, "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        let error = parse_config_yaml("a: b\na: c\n").unwrap_err();
        assert_eq!(error.problems[0].line, 2, "{error}");
        let error = parse_config_yaml("just a text").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 1: the configuration must be a map of keys to values, not a text"
        );
        let error = parse_config_yaml("a: b\nc:\n  d:\n  - [x]\n").unwrap_err();
        assert_eq!(error.problems[0].line, 3, "{error}");
    }

    #[test]
    fn reads_legacy_lines() {
        let text = "# comment\n\na.b: c # why\nurl: http://x:1/y\nempty:\na.b: d\n  spaced :  e  \n";
        assert_eq!(
            parse_flink_conf(text).unwrap(),
            config(&[("a.b", "d"), ("url", "http://x:1/y"), ("spaced", "e")])
        );
    }

    #[test]
    fn names_every_broken_legacy_line() {
        let error = parse_flink_conf("a: b\nnonsense\nc:d\n: e\n").unwrap_err();
        assert_eq!(error.problems.iter().map(|p| p.line).collect::<Vec<_>>(), [2, 3, 4]);
        assert!(error.to_string().starts_with("line 2: expected \"key: value\""));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(\\PC{0,12}(: |:|\n|#| ){0,2}){0,8}") {
            let _ = parse_flink_conf(&text);
            let _ = parse_config_yaml(&text);
        }

        #[test]
        fn both_forms_read_the_same_simple_lines(entries in prop::collection::btree_map("k[a-z]{1,8}(\\.[a-z]{1,8}){1,2}", "[a-z][a-z0-9/]{0,8}z", 1..6)) {
            let text = entries.iter().map(|(k, v)| format!("{k}: {v}")).collect::<Vec<_>>().join("\n");
            let expected = FlinkConfig::from(entries);
            prop_assert_eq!(parse_flink_conf(&text).unwrap(), expected.clone());
            prop_assert_eq!(parse_config_yaml(&text).unwrap(), expected);
        }
    }
}
