//! The file that lists the plugins.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use sluice_shared::config::{parse_duration, parse_memory_flink_then_kubernetes};
use sluice_shared::extension::FailurePolicy;
use sluice_shared::rules::Kind;

/// Time for one call where nothing is said: the API server waits 5 s for the webhook as the chart sets it up, and there
/// may be several plugins.
const TIMEOUT: Duration = Duration::from_millis(500);
/// Shortest and longest time for one call; the API server never waits longer than 30 s.
const TIMEOUTS: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(30));
/// Memory of one call where nothing is said.
const MEMORY: u64 = 64 * MIB;
/// Least and most memory of one call: one page of WebAssembly, and what a 32-bit memory can be.
const MEMORIES: (u64, u64) = (64 * 1024, 4 * 1024 * MIB);
/// Longest answer where nothing is said.
const OUTPUT: u64 = 64 * 1024;
/// Shortest and longest answer; a longer one could not be stored with the object.
const OUTPUTS: (u64, u64) = (64, 3 * MIB);
const MIB: u64 = 1024 * 1024;

/// What is wrong in the file, with the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// No YAML, or not of this shape.
    #[error("{0}")]
    Shape(String),
    /// A value that cannot be.
    #[error("plugins[{index}] ({name}): {problem}")]
    Plugin {
        /// Position in the list, from 0.
        index: usize,
        /// Its name.
        name: String,
        /// What is wrong, and what to do about it.
        problem: String,
    },
}

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// The plugins, in the order of the file.
    pub plugins: Vec<Settings>,
    /// How registries are reached.
    pub registries: Registries,
}

/// How registries are reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Registries {
    /// File in the form of `~/.docker/config.json` (a Secret of type `kubernetes.io/dockerconfigjson`) with users and
    /// passwords by registry.
    pub credentials: Option<PathBuf>,
    /// File with certificates (PEM) that are trusted beside the system's.
    pub certificate_authorities: Option<PathBuf>,
    /// Registries, as `host` or `host:port`, that are spoken to without TLS.
    pub plain_http: BTreeSet<String>,
}

/// One plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Unique; part of the code of its findings, and of metrics.
    pub name: String,
    /// Where the module is.
    pub source: Source,
    /// Kinds that it is asked about.
    pub kinds: BTreeSet<Kind>,
    /// Plugins of a lower order are asked first.
    pub order: i32,
    /// Whether it may change objects.
    pub mutating: bool,
    /// What becomes of a request when it gives no answer.
    pub failure_policy: FailurePolicy,
    /// Longest time for one call.
    pub timeout: Duration,
    /// Most memory for one call, in bytes.
    pub memory: u64,
    /// Longest answer, in bytes.
    pub max_output: usize,
    /// What it gets of the world.
    pub grants: Grants,
    /// What its author lets it be told; passed on as it is.
    pub settings: Value,
}

/// Where a module is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file, as a volume of any kind has it.
    Path(PathBuf),
    /// `registry/repository@sha256:…`
    Oci(String),
}

/// What a plugin gets of the world; nothing unless it is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Grants {
    /// The true time. Without it, calendars stand still at the beginning of 1970.
    pub clock: bool,
    /// True random numbers. Without it, they are the same in every call.
    pub random: bool,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FileForm {
    plugins: Option<Vec<Form>>,
    registries: Option<Registries>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Form {
    name: String,
    source: SourceForm,
    kinds: Option<Vec<String>>,
    #[serde(default)]
    order: i32,
    #[serde(default)]
    mutating: bool,
    failure_policy: Option<PolicyForm>,
    timeout: Option<String>,
    memory: Option<String>,
    max_output: Option<String>,
    #[serde(default)]
    grants: Grants,
    #[serde(default)]
    settings: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceForm {
    path: Option<PathBuf>,
    oci: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum PolicyForm {
    Closed,
    Open,
}

impl Settings {
    /// A plugin from a file, with everything else as it is where nothing is said.
    #[must_use]
    pub fn of_file(name: &str, path: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            source: Source::Path(path),
            kinds: Kind::ALL.into_iter().collect(),
            order: 0,
            mutating: false,
            failure_policy: FailurePolicy::Closed,
            timeout: TIMEOUT,
            memory: MEMORY,
            max_output: usize::try_from(OUTPUT).unwrap_or(usize::MAX),
            grants: Grants::default(),
            settings: Value::Null,
        }
    }
}

/// Reads the file.
///
/// # Errors
/// The first thing that is wrong in it.
pub fn parse(text: &str) -> Result<File, SettingsError> {
    let form: Option<FileForm> = serde_saphyr::from_str(text).map_err(|e| SettingsError::Shape(one_line(&e)))?;
    let Some(form) = form else {
        return Ok(File::default());
    };
    let mut names = BTreeSet::new();
    let mut plugins = Vec::new();
    for (index, form) in form.plugins.into_iter().flatten().enumerate() {
        let name = form.name.clone();
        let wrong = |problem| SettingsError::Plugin {
            index,
            name: name.clone(),
            problem,
        };
        let plugin = checked(form).map_err(wrong)?;
        if !names.insert(plugin.name.clone()) {
            return Err(wrong("another plugin has this name; choose another".to_owned()));
        }
        plugins.push(plugin);
    }
    Ok(File {
        plugins,
        registries: form.registries.unwrap_or_default(),
    })
}

/// The first line of what the parser says; below it is an excerpt of the file, which may hold secrets.
fn one_line(error: &serde_saphyr::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn checked(form: Form) -> Result<Settings, String> {
    if !is_name(&form.name) {
        return Err("the name has to be of small letters, digits and hyphens, at most 63".to_owned());
    }
    let timeout = match form.timeout.as_deref() {
        Some(text) => parse_duration(text).map_err(|e| format!("timeout: {e}"))?,
        None => TIMEOUT,
    };
    if timeout < TIMEOUTS.0 || timeout > TIMEOUTS.1 {
        return Err("timeout: it has to be between 1 ms and 30 s".to_owned());
    }
    let max_output = size("maxOutput", form.max_output.as_deref(), OUTPUT, OUTPUTS)?;
    Ok(Settings {
        source: source(form.source)?,
        kinds: kinds(form.kinds)?,
        order: form.order,
        mutating: form.mutating,
        failure_policy: match form.failure_policy {
            None | Some(PolicyForm::Closed) => FailurePolicy::Closed,
            Some(PolicyForm::Open) => FailurePolicy::Open,
        },
        timeout,
        memory: size("memory", form.memory.as_deref(), MEMORY, MEMORIES)?,
        max_output: usize::try_from(max_output).unwrap_or(usize::MAX),
        grants: form.grants,
        settings: form.settings,
        name: form.name,
    })
}

/// A label of DNS (RFC 1123), so that it fits into codes and metrics.
fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(allowed) && !name.starts_with('-') && !name.ends_with('-')
}

fn size(field: &str, text: Option<&str>, default: u64, (least, most): (u64, u64)) -> Result<u64, String> {
    let bytes = match text {
        Some(text) => parse_memory_flink_then_kubernetes(text)
            .map_err(|e| format!("{field}: {e}"))?
            .bytes(),
        None => default,
    };
    if (least..=most).contains(&bytes) {
        Ok(bytes)
    } else {
        Err(format!("{field}: it has to be between {least} and {most} bytes"))
    }
}

fn kinds(names: Option<Vec<String>>) -> Result<BTreeSet<Kind>, String> {
    let Some(names) = names else {
        return Ok(Kind::ALL.into_iter().collect());
    };
    if names.is_empty() {
        return Err("kinds: the list is empty; name kinds, or leave it out for all".to_owned());
    }
    let known = Kind::ALL.map(Kind::as_str).join(", ");
    names
        .iter()
        .map(|name| Kind::from_name(name).ok_or_else(|| format!("kinds: there is no {name}; there are {known}")))
        .collect()
}

fn source(form: SourceForm) -> Result<Source, String> {
    match (form.path, form.oci) {
        (Some(path), None) if path.is_absolute() => Ok(Source::Path(path)),
        (Some(path), None) => Err(format!("source.path: {} has to begin with /", path.display())),
        (None, Some(reference)) => {
            let digest = reference.split_once("@sha256:").map(|(_, digest)| digest);
            if !digest.is_some_and(|d| d.len() == 64 && d.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))) {
                return Err(format!(
                    "source.oci: {reference} names no digest; write registry/repository@sha256:… as `oras push` and `crane digest` show it"
                ));
            }
            Ok(Source::Oci(reference))
        }
        _ => Err("source: it needs either path or oci".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_has_a_default() {
        let file = parse("plugins:\n- name: a\n  source: {path: /p/a.wasm}\n").expect("a file");
        assert_eq!(file.plugins, [Settings::of_file("a", "/p/a.wasm".into())]);
        assert_eq!(file.registries, Registries::default());
        assert_eq!(parse("").expect("nothing"), File::default());
        assert_eq!(parse("plugins:\nregistries:\n").expect("nothing"), File::default());
    }

    #[test]
    fn everything_can_be_said() {
        let digest = "0123456789abcdef".repeat(4);
        let text = format!(
            "registries:\n  credentials: /c/config.json\n  plainHttp: ['127.0.0.1:5000']\nplugins:\n- name: owner\n  source:\n    oci: \
             127.0.0.1:5000/p@sha256:{digest}\n  kinds: [FlinkSessionJob]\n  order: -3\n  mutating: true\n  failurePolicy: Open\n  timeout: \
             2 s\n  memory: 16Mi\n  maxOutput: 1Ki\n  grants: {{clock: true, random: true, env: {{A: b}}}}\n  settings: {{x: [1, z]}}\n"
        );
        let file = parse(&text).expect("a file");
        assert_eq!(file.registries.credentials, Some("/c/config.json".into()));
        let [plugin] = &file.plugins[..] else {
            panic!("one plugin")
        };
        assert_eq!(plugin.source, Source::Oci(format!("127.0.0.1:5000/p@sha256:{digest}")));
        assert_eq!(plugin.kinds, BTreeSet::from([Kind::FlinkSessionJob]));
        assert_eq!((plugin.order, plugin.mutating), (-3, true));
        assert_eq!(plugin.failure_policy, FailurePolicy::Open);
        assert_eq!(plugin.timeout, Duration::from_secs(2));
        assert_eq!((plugin.memory, plugin.max_output), (16 * MIB, 1024));
        assert!(plugin.grants.clock && plugin.grants.random);
        assert_eq!(plugin.grants.env["A"], "b");
        assert_eq!(plugin.settings, json!({ "x": [1, "z"] }));
    }

    #[rstest]
    #[case::not_yaml("plugins: [", "")]
    #[case::unknown_field("plugins:\n- name: a\n  source: {path: /a}\n  timeOut: 1s\n", "timeOut")]
    #[case::no_name("plugins:\n- source: {path: /a}\n", "name")]
    #[case::name(
        "plugins:\n- name: A_b\n  source: {path: /a}\n",
        "plugins[0] (A_b): the name has to be of small letters"
    )]
    #[case::twice(
        "plugins:\n- name: a\n  source: {path: /a}\n- name: a\n  source: {path: /b}\n",
        "plugins[1] (a): another plugin has this name"
    )]
    #[case::no_source("plugins:\n- name: a\n  source: {}\n", "source: it needs either path or oci")]
    #[case::two_sources(
        "plugins:\n- name: a\n  source: {path: /a, oci: b}\n",
        "source: it needs either path or oci"
    )]
    #[case::relative(
        "plugins:\n- name: a\n  source: {path: a.wasm}\n",
        "source.path: a.wasm has to begin with /"
    )]
    #[case::tag("plugins:\n- name: a\n  source: {oci: 'reg/a:v1'}\n", "reg/a:v1 names no digest")]
    #[case::short_digest("plugins:\n- name: a\n  source: {oci: 'reg/a@sha256:12'}\n", "names no digest")]
    #[case::kind(
        "plugins:\n- name: a\n  source: {path: /a}\n  kinds: [Pod]\n",
        "there is no Pod; there are FlinkDeployment"
    )]
    #[case::no_kinds(
        "plugins:\n- name: a\n  source: {path: /a}\n  kinds: []\n",
        "kinds: the list is empty"
    )]
    #[case::policy("plugins:\n- name: a\n  source: {path: /a}\n  failurePolicy: Fail\n", "Closed")]
    #[case::timeout(
        "plugins:\n- name: a\n  source: {path: /a}\n  timeout: soon\n",
        "timeout: \"soon\" is no duration"
    )]
    #[case::long(
        "plugins:\n- name: a\n  source: {path: /a}\n  timeout: 1 min\n",
        "between 1 ms and 30 s"
    )]
    #[case::memory(
        "plugins:\n- name: a\n  source: {path: /a}\n  memory: much\n",
        "memory: \"much\" is no size"
    )]
    #[case::little(
        "plugins:\n- name: a\n  source: {path: /a}\n  memory: 1Ki\n",
        "memory: it has to be between 65536 and"
    )]
    #[case::output(
        "plugins:\n- name: a\n  source: {path: /a}\n  maxOutput: 1Gi\n",
        "maxOutput: it has to be between"
    )]
    #[case::grant("plugins:\n- name: a\n  source: {path: /a}\n  grants: {network: true}\n", "network")]
    fn each_mistake_is_named(#[case] text: &str, #[case] expected: &str) {
        let error = parse(text).expect_err("a mistake").to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
