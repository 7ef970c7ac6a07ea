//! Keys of `spec.flinkConfiguration` against the catalogue of options.

use std::cell::OnceCell;

use super::report::Findings;
use super::subject::{Deployment, SessionJob};
use super::table::{CLUSTERS, Cause, Check, Rule, SESSION_JOBS, Severity};
use crate::api::FlinkVersion;
use crate::catalogue::{self, Elsewhere, Known};
use crate::config::options::{
    self, APPLICATION_ARGS, APPLICATION_MAIN, DEPLOYMENT_CONFIG_DIR, HA_CLUSTER_ID, INTERNAL_FLINK_VERSION,
    KUBERNETES_CLUSTER_ID, KUBERNETES_NAMESPACE, PIPELINE_JOB_ID, TASK_MANAGER_REPLICAS, is_of_operator,
};
use crate::config::{ConfigError, FlinkConfig, line_end, redact, sets_another_key};

const UNKNOWN: &str = "Keys are options of Flink or the operator, or lie below a prefix that a plugin reads";
const UNKNOWN_WHY: &str =
    "Flink ignores a key that it does not know: a misspelt option has no effect, and nothing says so";
const UNKNOWN_FIX: &str = "remove the key, unless your own code or a plugin reads it";
const DEPRECATED: &str = "Options are written as the Flink version spells them, not by a deprecated key";
const DEPRECATED_WHY: &str =
    "Deprecated keys go with a later Flink version, and lose against the present key where both are set";
const DEPRECATED_FIX: &str = "write the option's present key";
const VERSION: &str = "Options exist in the Flink version of the resource";
const VERSION_WHY: &str = "Flink ignores options that it no longer knows or does not know yet";
const VERSION_FIX: &str = "remove the key: it has no effect";

const INTERNAL: &str = "flinkConfiguration sets no key by which the operator and Flink hand each other values ($internal., kubernetes.internal.), and names no file with a pod template; $internal.pipeline.job-id is the user's";
const INTERNAL_WHY: &str = "The operator sets these keys from the spec, and no file of its own goes into a cluster";
const INTERNAL_FIX: &str = "remove the key";

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "config-unknown",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: UNKNOWN,
        why: UNKNOWN_WHY,
        fix: UNKNOWN_FIX,
        since: "0.1",
        check: Check::Deployment(|subject, findings| on_deployment(subject, findings, unknown)),
    },
    Rule {
        code: "job-config-unknown",
        kinds: SESSION_JOBS,
        severity: Severity::Warn,
        what: UNKNOWN,
        why: UNKNOWN_WHY,
        fix: UNKNOWN_FIX,
        since: "0.1",
        check: Check::SessionJob(|subject, findings| on_session_job(subject, findings, unknown)),
    },
    Rule {
        code: "config-deprecated",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: DEPRECATED,
        why: DEPRECATED_WHY,
        fix: DEPRECATED_FIX,
        since: "0.1",
        check: Check::Deployment(|subject, findings| on_deployment(subject, findings, deprecated)),
    },
    Rule {
        code: "job-config-deprecated",
        kinds: SESSION_JOBS,
        severity: Severity::Warn,
        what: DEPRECATED,
        why: DEPRECATED_WHY,
        fix: DEPRECATED_FIX,
        since: "0.1",
        check: Check::SessionJob(|subject, findings| on_session_job(subject, findings, deprecated_of_job)),
    },
    Rule {
        code: "config-version",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: VERSION,
        why: VERSION_WHY,
        fix: VERSION_FIX,
        since: "0.1",
        check: Check::Deployment(|subject, findings| on_deployment(subject, findings, other_version)),
    },
    Rule {
        code: "job-config-version",
        kinds: SESSION_JOBS,
        severity: Severity::Warn,
        what: VERSION,
        why: VERSION_WHY,
        fix: VERSION_FIX,
        since: "0.1",
        check: Check::SessionJob(|subject, findings| on_session_job(subject, findings, other_version)),
    },
    Rule {
        code: "config-internal",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: INTERNAL,
        why: INTERNAL_WHY,
        fix: INTERNAL_FIX,
        since: "0.1",
        check: Check::Deployment(|subject, findings| on_deployment(subject, findings, internal)),
    },
    Rule {
        code: "job-config-internal",
        kinds: SESSION_JOBS,
        severity: Severity::Warn,
        what: INTERNAL,
        why: INTERNAL_WHY,
        fix: INTERNAL_FIX,
        since: "0.1",
        check: Check::SessionJob(|subject, findings| on_session_job(subject, findings, internal)),
    },
    Rule {
        code: "config-value-cut",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "Before Flink 2.0, values hold no # and no line break",
        why: "flink-conf.yaml is read line by line, # begins a comment anywhere, and there are no quotes",
        fix: "write the value without it, or move the job to Flink 2.0, which reads config.yaml",
        since: "0.1",
        check: Check::Deployment(values_fit_on_a_line),
    },
    Rule {
        code: "config-lines",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "Before Flink 2.0, no key and no value sets further keys behind a line break",
        why: "flink-conf.yaml is read line by line, so that even keys of the operator could be set in this way",
        fix: "write every key by itself, and values on one line",
        since: "0.1",
        check: Check::Deployment(lines_set_no_other_key),
    },
];

/// Finds texts that lines of flink-conf.yaml cannot carry. The operator's own keys do not go there.
fn in_lines<'c>(subject: &'c Deployment<'_>) -> impl Iterator<Item = (&'c str, &'c str)> {
    let by_line = subject.spec.flink_version.is_some_and(|v| v < FlinkVersion::V2_0);
    let written = subject.written.as_ref().ok().filter(|_| by_line);
    written
        .into_iter()
        .flat_map(FlinkConfig::iter)
        .filter(|(key, _)| !is_of_operator(key))
}

/// The job's arguments, which Flink puts into the same file, by their places.
fn arguments_in_lines<'c>(subject: &'c Deployment<'_>) -> impl Iterator<Item = (usize, &'c str)> {
    let by_line = subject.spec.flink_version.is_some_and(|v| v < FlinkVersion::V2_0);
    let job = subject.spec.job.as_ref().filter(|_| by_line);
    let arguments = job.and_then(|job| job.args.as_deref()).unwrap_or_default();
    arguments.iter().map(String::as_str).enumerate()
}

fn values_fit_on_a_line(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    // White space around a value does not count.
    let cut = in_lines(subject).filter_map(|(key, text)| Some((key, line_end(text.trim())?)));
    for (key, sign) in cut.take(MOST_FINDINGS) {
        findings.add(
            subject.config_path(key),
            format!("flink-conf.yaml ends the value at its first {sign}"),
        );
    }
    let cut = arguments_in_lines(subject).filter_map(|(index, text)| Some((index, line_end(text)?)));
    for (index, sign) in cut.take(MOST_FINDINGS) {
        findings.add(
            subject.argument_path(index),
            format!("flink-conf.yaml, by which the job gets its arguments, ends them at the first {sign}"),
        );
    }
}

fn lines_set_no_other_key(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let wrong = in_lines(subject).filter(|(key, text)| sets_another_key(key, text));
    for (key, _) in wrong.take(MOST_FINDINGS) {
        let shown: String = key.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        findings.add(
            subject.config_path(&shown),
            "a line break makes flink-conf.yaml set another key",
        );
    }
    let wrong = arguments_in_lines(subject).filter(|(_, text)| sets_another_key("", text));
    for (index, _) in wrong.take(MOST_FINDINGS) {
        findings.add(
            subject.argument_path(index),
            "flink-conf.yaml, by which the job gets its arguments, sets another key behind the line break",
        );
    }
}

/// Findings of one rule on one object. What a huge configuration costs is bounded, and so is what it says.
const MOST_FINDINGS: usize = 20;

const FORBIDDEN: [&str; 3] = [KUBERNETES_NAMESPACE.key, KUBERNETES_CLUSTER_ID.key, HA_CLUSTER_ID.key];

/// Prefixes of keys that are no user's.
const INTERNAL_PREFIXES: [&str; 2] = ["$internal.", "kubernetes.internal."];
const POD_TEMPLATE_FILE: &str = "kubernetes.pod-template-file";
const POD_TEMPLATE_FILES: &str = "kubernetes.pod-template-file.";

/// What is to be said of a key: what is wrong, and what to do.
type Judgement = (String, String);
type Judge = fn(&FlinkConfig, &Key<'_>) -> Option<Judgement>;

/// A key as it is written.
struct Key<'k> {
    key: &'k str,
    /// What it is in the Flink version of the resource, which may not be known.
    of: Option<(FlinkVersion, &'k Known)>,
}

fn on_deployment(subject: &Deployment<'_>, findings: &mut Findings<'_>, judge: Judge) {
    if let Ok(written) = &subject.written {
        let version = subject.spec.flink_version;
        each_key(subject.root, written, version, &subject.known, findings, judge);
    }
}

fn on_session_job(subject: &SessionJob<'_>, findings: &mut Findings<'_>, judge: Judge) {
    if let Ok(written) = &subject.written {
        let version = subject.cluster.found().and_then(|cluster| cluster.spec.flink_version);
        each_key("spec", written, version, &subject.known, findings, judge);
    }
}

fn each_key(
    root: &str,
    written: &FlinkConfig,
    version: Option<FlinkVersion>,
    known: &OnceCell<Vec<Known>>,
    findings: &mut Findings<'_>,
    judge: Judge,
) {
    // Other rules speak of versions that are too old; of newer ones nothing is known.
    if version.is_some_and(|version| !version.is_supported() || version > catalogue::NEWEST) {
        return;
    }
    let look_up = |version| written.iter().map(|(key, _)| catalogue::lookup(key, version)).collect();
    let mut known = version
        .map(|version| {
            known
                .get_or_init(|| look_up(version))
                .iter()
                .map(move |known| (version, known))
        })
        .into_iter()
        .flatten();
    let found = written
        .iter()
        .filter_map(|(key, _)| {
            let of = known.next();
            Some((key, judge(written, &Key { key, of })?))
        })
        .take(MOST_FINDINGS);
    for (key, (message, fix)) in found {
        findings.add_with_fix(format!("{root}.flinkConfiguration[{key}]"), message, fix);
    }
}

fn unknown(_: &FlinkConfig, &Key { key, of }: &Key<'_>) -> Option<Judgement> {
    let is_known = match of {
        Some((_, known)) => *known != Known::Unknown,
        None => catalogue::is_known(key),
    };
    let version = of.map(|(version, _)| version);
    if is_known || options::is_known(key) {
        return None;
    }
    let who = match version {
        _ if is_of_operator(key) => "the operator".to_owned(),
        Some(version) => flink(version),
        None => "Flink".to_owned(),
    };
    let fix = match catalogue::nearest(key, version.unwrap_or(catalogue::NEWEST)) {
        Some(option) => format!("did you mean {option}? Then write that"),
        None => UNKNOWN_FIX.to_owned(),
    };
    Some((format!("{who} has no option of this name"), fix))
}

fn deprecated(written: &FlinkConfig, &Key { key, of }: &Key<'_>) -> Option<Judgement> {
    let (version, Known::Spelling { of, deprecated: true }) = of? else {
        return None;
    };
    let keys: Vec<&str> = of.iter().map(catalogue::Entry::key).collect();
    // These are not to be written in any spelling: other rules say so.
    if key == POD_TEMPLATE_FILE || keys.iter().any(|key| FORBIDDEN.contains(key)) {
        return None;
    }
    let whose = if of.iter().any(catalogue::Entry::is_of_operator) {
        String::new()
    } else {
        format!(" in {}", flink(version))
    };
    Some(match keys.iter().find(|key| written.contains(key)) {
        Some(present) if keys.len() == 1 => (
            format!("this key is deprecated{whose}, and has no effect beside {present}"),
            "remove the key".to_owned(),
        ),
        _ => (
            format!("this key is deprecated{whose}"),
            format!("write {} instead", keys.join(" and ")),
        ),
    })
}

/// A session job has no field that wins over old spellings of the cluster's name: `config-overwritten` speaks of clusters.
fn deprecated_of_job(written: &FlinkConfig, key: &Key<'_>) -> Option<Judgement> {
    if HA_CLUSTER_ID.aliases.contains(&key.key) {
        return Some((
            format!(
                "this key is an old spelling of {}, and has no effect: the job runs in the cluster that deploymentName says",
                HA_CLUSTER_ID.key
            ),
            "remove the key".to_owned(),
        ));
    }
    deprecated(written, key)
}

fn other_version(_: &FlinkConfig, key: &Key<'_>) -> Option<Judgement> {
    let (version, Known::Elsewhere(known)) = key.of? else {
        return None;
    };
    let Elsewhere {
        first,
        last,
        gone,
        replacement,
    } = known;
    let flink = flink(version);
    let message = if *gone {
        format!("{flink} no longer has this option; Flink {last} was the last")
    } else {
        format!("{flink} does not have this option; Flink {first} is the first")
    };
    let fix = match replacement {
        Some(option) => format!("write {option} instead"),
        None => VERSION_FIX.to_owned(),
    };
    Some((message, fix))
}

fn internal(_: &FlinkConfig, &Key { key, .. }: &Key<'_>) -> Option<Judgement> {
    if key == POD_TEMPLATE_FILE || key.starts_with(POD_TEMPLATE_FILES) {
        let message = "the key has no effect: pod templates are read from the spec";
        return Some((
            message.to_owned(),
            "write the template itself into podTemplate".to_owned(),
        ));
    }
    if key == PIPELINE_JOB_ID.key || !INTERNAL_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) {
        return None;
    }
    let field = match key {
        _ if key == INTERNAL_FLINK_VERSION.key => "flinkVersion",
        _ if key == APPLICATION_MAIN.key => "job.entryClass",
        _ if key == APPLICATION_ARGS.key => "job.args",
        _ if key == DEPLOYMENT_CONFIG_DIR.key => "logConfiguration",
        _ if key == TASK_MANAGER_REPLICAS.key => "taskManager.replicas",
        _ => {
            let message = "the key is for values that the operator and Flink hand each other";
            return Some((message.to_owned(), INTERNAL_FIX.to_owned()));
        }
    };
    Some((format!("the key is set from {field}"), format!("set {field} instead")))
}

fn flink(version: FlinkVersion) -> String {
    let (major, minor) = version.number();
    format!("Flink {major}.{minor}")
}

/// Finds values that Flink of `version`, or the controller, cannot read.
pub(super) fn add_unreadable(
    root: &str,
    written: &FlinkConfig,
    version: Option<FlinkVersion>,
    findings: &mut Findings<'_>,
) {
    for (key, text) in written.iter() {
        let (message, fix) = match (catalogue::check(key, text, version), options::check(key, text)) {
            (Err(problem), _) => (problem.message, problem.fix),
            (Ok(()), Err(ConfigError::Value { problem, .. })) => {
                (problem, "write a value of the option's type".to_owned())
            }
            (Ok(()), _) => continue,
        };
        findings.add_value(
            format!("{root}.flinkConfiguration[{key}]"),
            redact(key, text),
            message,
            fix,
        );
    }
}
