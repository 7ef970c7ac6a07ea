//! The configuration file that a cluster's pods mount.

use std::collections::BTreeMap;

use sluice_shared::api::FlinkVersion;
use sluice_shared::config::{ConfigOption, FlinkConfig, OptionValue, options, sets_another_key};

use super::BuildError;

/// Keys that only mean something where Flink's client runs (Flink's `FlinkConfMountDecorator`).
const DROPPED: &[&str] = &[
    "kubernetes.config.file",
    "$internal.deployment.config-dir",
    "rest.bind-address",
    "jobmanager.bind-host",
    "taskmanager.bind-host",
    "taskmanager.host",
];

/// Files on the disk of Flink's client: their content travels in objects of its own.
const CLIENT_FILES: &[&ConfigOption<String>] =
    &[&options::JOB_MANAGER_POD_TEMPLATE, &options::TASK_MANAGER_POD_TEMPLATE];

/// Lists that are written as such into nested YAML: an element such as `[x]` would be read as a list of its own there.
const LISTS: &[&ConfigOption<Vec<String>>] = &[
    &options::APPLICATION_ARGS,
    &options::PIPELINE_JARS,
    &options::PIPELINE_CLASSPATHS,
];

/// What of `config` goes into the file.
#[must_use]
pub fn cluster_side(config: &FlinkConfig) -> FlinkConfig {
    let mut config = config.clone();
    for key in DROPPED {
        config.remove(key);
    }
    for key in CLIENT_FILES.iter().flat_map(|option| option.keys()) {
        config.remove(key);
    }
    config
}

/// The file's content for images of `version`: nested YAML in `config.yaml` from Flink 2.0 on, before that one
/// `key: value` to a line in `flink-conf.yaml`, the values as they are. [`FlinkVersion::config_file_name`] names it.
///
/// # Errors
/// For nested YAML, when a key is the beginning of another one; for lines, when a value would set another key.
pub fn render(config: &FlinkConfig, version: FlinkVersion) -> Result<String, BuildError> {
    if version >= FlinkVersion::V2_0 {
        nested(config)
    } else {
        let mut text = String::new();
        for (key, value) in config.iter() {
            // The rules refuse this in a resource, and the start of the controller in its own configuration.
            if sets_another_key(key, value) {
                let key = key.replace(char::is_control, " ");
                return Err(BuildError::Line { key });
            }
            text.extend([key, ": ", value, "\n"]);
        }
        Ok(text)
    }
}

fn nested(config: &FlinkConfig) -> Result<String, BuildError> {
    let mut root = BTreeMap::new();
    for (key, value) in config.iter() {
        let mut prefix = key;
        while let Some((shorter, _)) = prefix.rsplit_once('.') {
            if config.contains(shorter) {
                return Err(BuildError::Overlap {
                    shorter: shorter.to_owned(),
                    longer: key.to_owned(),
                });
            }
            prefix = shorter;
        }
        insert(&mut root, key, leaf(key, value));
    }
    let mut text = String::new();
    write(&root, 0, &mut text);
    Ok(text)
}

enum Node {
    Text(String),
    List(Vec<String>),
    Map(BTreeMap<String, Node>),
}

fn leaf(key: &str, value: &str) -> Node {
    let is_list = LISTS.iter().any(|option| option.keys().any(|k| k == key));
    match Vec::<String>::parse(value) {
        Ok(elements) if is_list && !elements.is_empty() => Node::List(elements),
        _ => Node::Text(value.to_owned()),
    }
}

/// Puts `leaf` at its place. No key on the way has a value: that has been checked.
fn insert(map: &mut BTreeMap<String, Node>, key: &str, leaf: Node) {
    match key.split_once('.') {
        None => {
            map.insert(key.to_owned(), leaf);
        }
        Some((first, rest)) => {
            let child = map
                .entry(first.to_owned())
                .or_insert_with(|| Node::Map(BTreeMap::new()));
            if let Node::Map(child) = child {
                insert(child, rest, leaf);
            }
        }
    }
}

fn write(map: &BTreeMap<String, Node>, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    for (key, node) in map {
        let key = scalar(key);
        match node {
            Node::Text(value) => text.extend([&indent, &key, ": ", &scalar(value), "\n"]),
            Node::List(elements) => {
                text.extend([&indent, &key, ":\n"]);
                for element in elements {
                    text.extend([&indent, "- ", &scalar(element), "\n"]);
                }
            }
            Node::Map(child) => {
                text.extend([&indent, &key, ":\n"]);
                write(child, depth + 1, text);
            }
        }
    }
}

/// `text` as a YAML scalar that reads as exactly this text: plain only where nothing else can be meant.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '$')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./:@$-".contains(c))
        && !text.ends_with(':')
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_ascii_lowercase().as_str());
    if plain {
        text.to_owned()
    } else {
        // A JSON string is a double-quoted YAML scalar.
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use sluice_shared::config::flatten;

    use super::*;

    fn config(entries: &[(&str, &str)]) -> FlinkConfig {
        entries.iter().copied().collect()
    }

    #[test]
    fn lines_before_flink_2() {
        let written = config(&[("b.c", "x: y # z"), ("a", "1"), ("a.b", "2")]);
        assert_eq!(
            render(&written, FlinkVersion::V1_20).unwrap(),
            "a: 1\na.b: 2\nb.c: x: y # z\n"
        );
    }

    #[test]
    fn a_value_that_would_set_another_key_is_refused_before_flink_2() {
        let written = config(&[(
            "$internal.application.program-args",
            "--sql;select\nkubernetes.cluster-id: x",
        )]);
        let error = render(&written, FlinkVersion::V1_20).unwrap_err();
        assert_eq!(
            error.to_string(),
            "$internal.application.program-args has a line break, behind which flink-conf.yaml would set another key"
        );
        assert!(
            error.fix().starts_with("write spec.job.args without"),
            "{}",
            error.fix()
        );
        assert!(render(&written, FlinkVersion::V2_0).is_ok());
        assert!(render(&config(&[("a", "b\nc")]), FlinkVersion::V1_20).is_ok());
    }

    #[test]
    fn nested_yaml_from_flink_2_on() {
        let written = config(&[
            ("$internal.application.program-args", "--a;'b;c'"),
            ("$internal.flink.version", "v2_3"),
            ("rest.port", "8081"),
            ("rest.bind-port", "8081"),
            ("pipeline.name", "it's: a \"job\""),
            ("pipeline.jars", "local:///opt/a.jar"),
            ("web.cancel.enable", "false"),
        ]);
        insta::assert_snapshot!(render(&written, FlinkVersion::V2_3).unwrap(), @r#"
        $internal:
          application:
            program-args:
            - "--a"
            - "b;c"
          flink:
            version: v2_3
        pipeline:
          jars:
          - local:///opt/a.jar
          name: "it's: a \"job\""
        rest:
          bind-port: "8081"
          port: "8081"
        web:
          cancel:
            enable: "false"
        "#);
    }

    #[rstest]
    #[case(&[("a", "1"), ("a.b", "2")], "a", "a.b")]
    #[case(&[("a.b", "1"), ("a.b.c.d", "2"), ("a.bc", "3")], "a.b", "a.b.c.d")]
    fn a_value_above_other_keys_is_refused(
        #[case] entries: &[(&str, &str)],
        #[case] shorter: &str,
        #[case] longer: &str,
    ) {
        assert_eq!(
            render(&config(entries), FlinkVersion::V2_0),
            Err(BuildError::Overlap {
                shorter: shorter.to_owned(),
                longer: longer.to_owned()
            })
        );
        assert!(render(&config(entries), FlinkVersion::V1_20).is_ok());
    }

    #[test]
    fn what_belongs_to_the_client_stays_out() {
        let written = config(&[
            ("kubernetes.config.file", "x"),
            ("$internal.deployment.config-dir", "x"),
            ("rest.bind-address", "x"),
            ("jobmanager.bind-host", "x"),
            ("taskmanager.bind-host", "x"),
            ("taskmanager.host", "x"),
            ("kubernetes.pod-template-file", "x"),
            ("kubernetes.pod-template-file.taskmanager", "x"),
            ("rest.port", "8081"),
        ]);
        assert_eq!(cluster_side(&written), config(&[("rest.port", "8081")]));
    }

    proptest! {
        #[test]
        fn nested_yaml_reads_as_what_was_configured(
            entries in prop::collection::btree_map("[a-z$0-9]{1,3}(\\.[a-z0-9]{1,3}){0,2}", "\\PC{0,12}|true|[0-9]{1,4}|[a-z]:[ a-z#*&!-]{0,5}", 0..8)
        ) {
            let config: FlinkConfig = entries.into_iter().collect();
            if let Ok(text) = render(&config, FlinkVersion::V2_0) {
                let read: serde_json::Value = if config.is_empty() { serde_json::json!({}) } else { serde_saphyr::from_str(&text).unwrap() };
                prop_assert_eq!(FlinkConfig::from(flatten(&read).unwrap()), config);
            }
        }
    }
}
