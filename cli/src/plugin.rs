//! `sluice plugin test`: asks a plugin, or policies, about files, as the webhook would.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{ArgGroup, Args, Subcommand};
use serde_json::Value;
use sluice_plugins::answer::Answer;
use sluice_plugins::request::Phase;
use sluice_plugins::settings::Grants;
use sluice_plugins::{CallError, Host, Plugin, Settings};
use sluice_policies::Policy;
use sluice_runtime::config_dir;
use sluice_shared::api::{API_VERSION, FlinkBlueGreenDeployment, FlinkDeployment, FlinkSessionJob, FlinkStateSnapshot};
use sluice_shared::config::{FlinkConfig, parse_duration};
use sluice_shared::defaults::{self, Operation as PatchOperation};
use sluice_shared::extension::{Extension as _, Operation, Question, Request};
use sluice_shared::rules::{Environment, Kind, Lookups as _, Report, Validate, shape};

use crate::check::{Objects, in_namespace};
use crate::lint::Input;
use crate::lint::sources::Sources;

/// What to do with plugins.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask a plugin or policies about resources in files, and show what they answer.
    Test(Test),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["plugin", "policy"]))]
struct Test {
    /// The plugin: a WebAssembly module or component.
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// A file, or a folder of files, with policies (ClusterFlinkPolicy, FlinkPolicy); may be given again.
    #[arg(long, value_name = "PATH")]
    policy: Vec<PathBuf>,
    /// Settings of the plugin, as JSON.
    #[arg(long, value_name = "JSON", default_value = "null", requires = "plugin")]
    settings: String,
    /// Also ask the plugin what it fills in; of policies the defaults are always shown.
    #[arg(long, requires = "plugin")]
    mutate: bool,
    /// Grant the plugin the clock.
    #[arg(long, requires = "plugin")]
    clock: bool,
    /// Grant the plugin random numbers.
    #[arg(long, requires = "plugin")]
    random: bool,
    /// Longest time for one call of the plugin, such as "500 ms".
    #[arg(long, default_value = "500 ms", requires = "plugin")]
    timeout: String,
    /// Namespace of resources and policies that name none.
    #[arg(long, short, default_value = "default")]
    namespace: String,
    /// Folder with the operator's config.yaml or flink-conf.yaml, whose defaults count as they do in the cluster.
    #[arg(long, value_name = "DIR")]
    config_dir: Option<PathBuf>,
    /// Files of YAML or JSON documents, folders of these, or - for standard input. Documents of other kinds are left out.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Does what was asked; whether the plugin and the policies agree to everything.
///
/// # Errors
/// When a file cannot be read, a policy is wrong, or the plugin cannot be run at all.
pub fn run(arguments: &Arguments) -> Result<bool, String> {
    let Command::Test(test) = &arguments.command;
    let defaults = config_dir::load(test.config_dir.as_deref())
        .map_err(|e| e.to_string())?
        .configuration;
    let plugin = test.plugin.as_deref().map(|file| load(file, test)).transpose()?;
    let policies = policies(&test.policy, &test.namespace)?;
    let input = read(&test.files)?;
    let mut known = Objects::default();
    for node in &input.namespaces {
        known.add_namespace(&node.to_value());
    }
    let objects: Vec<(String, Kind, Value)> = input
        .documents
        .into_iter()
        .map(|(file, document)| {
            (
                file,
                document.kind,
                in_namespace(document.node.to_value(), &test.namespace),
            )
        })
        .collect();
    for (_, kind, object) in &objects {
        known.add(*kind, object);
    }
    if objects.is_empty() {
        return Err(format!("there is no resource of {API_VERSION} in these files"));
    }
    let environment = Environment::new(&defaults, &known);
    let mut agrees = true;
    for (file, kind, object) in &objects {
        let metadata = |field: &str| object["metadata"][field].as_str();
        println!("{file}: {kind} {}", metadata("name").unwrap_or("(no name)"));
        let labels = known.namespace_labels(metadata("namespace").unwrap_or_default());
        let config = config(*kind, object, &environment);
        let question = Question {
            kind: *kind,
            object,
            old: None,
            config: &config,
            namespace_labels: labels.found(),
            request: Request {
                operation: Some(Operation::Create),
                ..Request::default()
            },
        };
        if let Some(plugin) = &plugin {
            agrees &= ask(plugin, &question, test.mutate);
        }
        for policy in &policies {
            agrees &= ask_policy(policy, &question);
        }
    }
    Ok(agrees)
}

fn load(file: &Path, test: &Test) -> Result<Plugin, String> {
    let timeout = parse_duration(&test.timeout).map_err(|e| format!("--timeout: {e}"))?;
    let settings = Settings {
        mutating: test.mutate,
        timeout,
        grants: Grants {
            clock: test.clock,
            random: test.random,
            ..Grants::default()
        },
        settings: serde_json::from_str(&test.settings).map_err(|e| format!("--settings is no JSON: {e}"))?,
        ..Settings::of_file("plugin", file.to_owned())
    };
    let module = std::fs::read(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    let host = Arc::new(Host::new().map_err(|e| format!("WebAssembly cannot be run here: {e}"))?);
    let began = Instant::now();
    let compiled = host.engine().compile(&module);
    let compiled = compiled.map_err(|e| format!("{}: {e}", file.display()))?;
    eprintln!("compiled in {} ms", began.elapsed().as_millis());
    Ok(Plugin::new(settings, Ok(compiled), host))
}

/// What is in `files`, all of which have to be read.
fn read(files: &[PathBuf]) -> Result<Input, String> {
    let input = Input::read(&Sources::find(files));
    match input.problems.first() {
        Some(problem) => Err(problem.to_string()),
        None => Ok(input),
    }
}

fn policies(files: &[PathBuf], namespace: &str) -> Result<Vec<Policy>, String> {
    let found = read(files)?.policies;
    if found.is_empty() && !files.is_empty() {
        return Err("there is no policy in the files of --policy".to_owned());
    }
    found
        .iter()
        .map(|(file, resource, node)| policy(file, &in_namespace(node.to_value(), namespace), resource.as_str()))
        .collect()
}

fn policy(file: &str, object: &Value, kind: &str) -> Result<Policy, String> {
    Policy::from_json(object).map_err(|violations| {
        let name = object["metadata"]["name"].as_str().unwrap_or("(no name)");
        let reasons: Vec<String> = violations.iter().map(ToString::to_string).collect();
        format!("{file}: the {kind} {name} cannot be used: {}", reasons.join("; "))
    })
}

/// Prints what `policy` says and fills in; whether it says something and agrees.
fn ask_policy(policy: &Policy, question: &Question<'_>) -> bool {
    let name = policy.name();
    if !policy.applies(question) {
        println!("  {name}: is for others");
        return true;
    }
    let began = Instant::now();
    let filled = policy.mutate(question);
    let judged = policy.validate(question);
    let took = began.elapsed();
    let mut text = String::new();
    match &judged {
        Ok(report) => text.push_str(&findings(report)),
        Err(failure) => {
            let _ = writeln!(text, "  no answer: {failure}");
        }
    }
    text.push_str(&mutation(
        &filled.as_deref().map_err(ToString::to_string),
        question.object,
    ));
    print!("  {name}:\n{text}{}", time(took));
    filled.is_ok() && judged.is_ok_and(|report| report.is_valid())
}

/// Prints the answers; whether the plugin gave them and agrees.
fn ask(plugin: &Plugin, question: &Question<'_>, mutate: bool) -> bool {
    let began = Instant::now();
    let (judged, said) = call(plugin, Phase::Validate, question);
    print!(
        "{}{}{}",
        stderr(&said),
        judgement(&judged, question),
        time(began.elapsed())
    );
    let mut agrees = judged.as_ref().is_ok_and(|answer| answer.violations.is_empty());
    if mutate {
        let (filled, said) = call(plugin, Phase::Mutate, question);
        let patch = filled
            .as_ref()
            .map(|answer| answer.patch.as_slice())
            .map_err(Clone::clone);
        print!("{}{}", stderr(&said), mutation(&patch, question.object));
        agrees &= filled.is_ok();
    }
    agrees
}

fn call(plugin: &Plugin, phase: Phase, question: &Question<'_>) -> (Result<Answer, String>, Vec<u8>) {
    match plugin.run(phase, question) {
        Err(error) => (Err(error.to_string()), Vec::new()),
        Ok(output) => {
            let answer = output
                .answer
                .and_then(|bytes| Answer::parse(&bytes).map_err(CallError::Answer))
                .map_err(|error| error.to_string());
            (answer, output.stderr)
        }
    }
}

fn judgement(answer: &Result<Answer, String>, question: &Question<'_>) -> String {
    match answer {
        Err(error) => format!("  no answer: {error}\n"),
        Ok(answer) => findings(&answer.clone().report("plugin", question)),
    }
}

fn findings(report: &Report) -> String {
    let mut text = String::new();
    for violation in &report.violations {
        let _ = writeln!(text, "  violation {violation}");
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "  warning {warning}");
    }
    for finding in &report.audit {
        let _ = writeln!(text, "  audit {finding}");
    }
    if text.is_empty() {
        text.push_str("  nothing to say\n");
    }
    text
}

fn time(took: Duration) -> String {
    format!("  {:.1} ms\n", took.as_secs_f64() * 1000.0)
}

fn mutation(patch: &Result<&[PatchOperation], String>, object: &Value) -> String {
    let patch = match patch {
        Ok(patch) => *patch,
        Err(error) => return format!("  no patch: {error}\n"),
    };
    let mut changed = object.clone();
    let mut text = String::new();
    if let Err(error) = defaults::apply(patch, &mut changed) {
        let _ = writeln!(text, "  {error}");
    } else if changed == *object {
        text.push_str("  fills in nothing\n");
    } else {
        for operation in patch {
            let _ = writeln!(text, "  patch {}", serde_json::to_string(operation).unwrap_or_default());
        }
    }
    text
}

fn stderr(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    said.lines().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "  | {}", line.escape_debug());
        text
    })
}

/// The configuration that the object means.
fn config(kind: Kind, object: &Value, environment: &Environment<'_>) -> FlinkConfig {
    fn of<K: Validate>(object: &Value, environment: &Environment<'_>) -> FlinkConfig {
        let (object, _) = shape::read::<K>(object);
        object
            .map(|object| object.effective_config(environment))
            .unwrap_or_default()
    }
    match kind {
        Kind::FlinkDeployment => of::<FlinkDeployment>(object, environment),
        Kind::FlinkSessionJob => of::<FlinkSessionJob>(object, environment),
        Kind::FlinkStateSnapshot => of::<FlinkStateSnapshot>(object, environment),
        Kind::FlinkBlueGreenDeployment => of::<FlinkBlueGreenDeployment>(object, environment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_shown() {
        let answer = br#"{"violations": [{"path": "spec", "message": "no", "fix": "do not"}], "patch": [{"op": "add", "path": "/spec/x", "value": 1}]}"#;
        let answer = Answer::parse(answer);
        let object = serde_json::json!({ "spec": {} });
        let question = Question {
            kind: Kind::FlinkDeployment,
            object: &object,
            old: None,
            config: &FlinkConfig::default(),
            namespace_labels: None,
            request: Request::default(),
        };
        assert_eq!(
            judgement(&answer, &question),
            "  violation spec: no. Do not. [plugin]\n"
        );
        assert_eq!(stderr(b"hm\n"), "  | hm\n");
        assert_eq!(time(Duration::from_millis(2)), "  2.0 ms\n");
        let answer = answer.unwrap();
        let patch = "  patch {\"op\":\"add\",\"path\":\"/spec/x\",\"value\":1}\n";
        assert_eq!(mutation(&Ok(&answer.patch), &object), patch);
        let filled = serde_json::json!({ "spec": { "x": 1 } });
        assert_eq!(mutation(&Ok(&answer.patch), &filled), "  fills in nothing\n");
        assert_eq!(
            judgement(&Err("it crashed".to_owned()), &question),
            "  no answer: it crashed\n"
        );
    }
}
