//! `sluice plugin test`: asks a plugin about files, as the webhook would.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::Value;
use sluice_plugins::answer::Answer;
use sluice_plugins::request::Phase;
use sluice_plugins::settings::Grants;
use sluice_plugins::{CallError, Host, Plugin, Settings};
use sluice_runtime::config_dir;
use sluice_shared::api::{API_VERSION, FlinkBlueGreenDeployment, FlinkDeployment, FlinkSessionJob, FlinkStateSnapshot};
use sluice_shared::config::{DefaultConfiguration, FlinkConfig, parse_duration};
use sluice_shared::defaults;
use sluice_shared::extension::{Operation, Question, Request};
use sluice_shared::rules::{Environment, Kind, NoLookups, Validate, shape};

/// What to do with plugins.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask a plugin about resources in files, and show what it answers.
    Test(Test),
}

#[derive(Debug, Args)]
struct Test {
    /// The plugin: a WebAssembly module or component.
    #[arg(long, value_name = "FILE")]
    plugin: PathBuf,
    /// Settings of the plugin, as JSON.
    #[arg(long, value_name = "JSON", default_value = "null")]
    settings: String,
    /// Also ask what it fills in.
    #[arg(long)]
    mutate: bool,
    /// Grant it the clock.
    #[arg(long)]
    clock: bool,
    /// Grant it random numbers.
    #[arg(long)]
    random: bool,
    /// Longest time for one call, such as "500 ms".
    #[arg(long, default_value = "500 ms")]
    timeout: String,
    /// Folder with the operator's config.yaml or flink-conf.yaml, whose defaults count as they do in the cluster.
    #[arg(long, value_name = "DIR")]
    config_dir: Option<PathBuf>,
    /// Files of YAML or JSON documents. Documents of other kinds are left out.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Does what was asked; whether the plugin agrees to everything.
///
/// # Errors
/// When a file cannot be read, or the plugin cannot be run at all.
pub fn run(arguments: &Arguments) -> Result<bool, String> {
    let Command::Test(test) = &arguments.command;
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
        ..Settings::of_file("plugin", test.plugin.clone())
    };
    let defaults = config_dir::load(test.config_dir.as_deref())
        .map_err(|e| e.to_string())?
        .configuration;
    let module = std::fs::read(&test.plugin).map_err(|e| format!("cannot read {}: {e}", test.plugin.display()))?;
    let host = Arc::new(Host::new().map_err(|e| format!("WebAssembly cannot be run here: {e}"))?);
    let began = Instant::now();
    let compiled = host.engine().compile(&module);
    let compiled = compiled.map_err(|e| format!("{}: {e}", test.plugin.display()))?;
    eprintln!("compiled in {} ms", began.elapsed().as_millis());
    let plugin = Plugin::new(settings, Ok(compiled), host);
    let mut agrees = true;
    let mut asked = 0;
    for file in &test.files {
        let content = std::fs::read_to_string(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
        for (kind, object) in objects(&content).map_err(|e| format!("{} is no YAML: {e}", file.display()))? {
            let config = config(kind, &object, &defaults);
            println!(
                "{}: {kind} {}",
                file.display(),
                object["metadata"]["name"].as_str().unwrap_or("(no name)")
            );
            agrees &= ask(&plugin, kind, &object, &config, test.mutate);
            asked += 1;
        }
    }
    if asked == 0 {
        return Err(format!("there is no resource of {API_VERSION} in these files"));
    }
    Ok(agrees)
}

/// Prints the answers; whether the plugin gave them and agrees.
fn ask(plugin: &Plugin, kind: Kind, object: &Value, config: &FlinkConfig, mutate: bool) -> bool {
    let question = Question {
        kind,
        object,
        old: None,
        config,
        namespace_labels: None,
        request: Request {
            operation: Some(Operation::Create),
            ..Request::default()
        },
    };
    let began = Instant::now();
    let (judged, said) = call(plugin, Phase::Validate, &question);
    print!("{}", judgement(&judged, config, &said, began.elapsed()));
    let mut agrees = judged.as_ref().is_ok_and(|answer| answer.violations.is_empty());
    if mutate {
        let (filled, said) = call(plugin, Phase::Mutate, &question);
        print!("{}", mutation(&filled, object, &said));
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

fn judgement(answer: &Result<Answer, String>, config: &FlinkConfig, said: &[u8], took: Duration) -> String {
    let mut text = stderr(said);
    match answer {
        Err(error) => {
            let _ = writeln!(text, "  no answer: {error}");
        }
        Ok(answer) => {
            let report = answer.clone().report("plugin", config);
            for violation in &report.violations {
                let _ = writeln!(text, "  violation {violation}");
            }
            for warning in &report.warnings {
                let _ = writeln!(text, "  warning {warning}");
            }
            if report.violations.is_empty() && report.warnings.is_empty() {
                text.push_str("  nothing to say\n");
            }
        }
    }
    let _ = writeln!(text, "  {:.1} ms", took.as_secs_f64() * 1000.0);
    text
}

fn mutation(answer: &Result<Answer, String>, object: &Value, said: &[u8]) -> String {
    let mut text = stderr(said);
    let patch = match answer {
        Ok(answer) => &answer.patch,
        Err(error) => {
            let _ = writeln!(text, "  no patch: {error}");
            return text;
        }
    };
    let mut changed = object.clone();
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

/// Those of our kinds.
fn objects(text: &str) -> Result<Vec<(Kind, Value)>, String> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|e| e.to_string())?;
    let ours = documents
        .into_iter()
        .filter(|document| document["apiVersion"] == API_VERSION);
    Ok(ours
        .filter_map(|document| Some((Kind::from_name(document["kind"].as_str()?)?, document)))
        .collect())
}

/// The configuration that the object means.
fn config(kind: Kind, object: &Value, defaults: &DefaultConfiguration) -> FlinkConfig {
    fn of<K: Validate>(object: &Value, environment: &Environment<'_>) -> FlinkConfig {
        let (object, _) = shape::read::<K>(object);
        object
            .map(|object| object.effective_config(environment))
            .unwrap_or_default()
    }
    let environment = Environment::new(defaults, &NoLookups);
    match kind {
        Kind::FlinkDeployment => of::<FlinkDeployment>(object, &environment),
        Kind::FlinkSessionJob => of::<FlinkSessionJob>(object, &environment),
        Kind::FlinkStateSnapshot => of::<FlinkStateSnapshot>(object, &environment),
        Kind::FlinkBlueGreenDeployment => of::<FlinkBlueGreenDeployment>(object, &environment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "kind: ConfigMap\napiVersion: v1\n---\napiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: a}\nspec: \
                       {flinkVersion: v1_20, flinkConfiguration: {a.b: c}}\n";

    #[test]
    fn other_kinds_are_left_out_and_the_configuration_is_the_effective_one() {
        let found = objects(TWO).expect("YAML");
        let [(kind, object)] = &found[..] else {
            panic!("one of ours")
        };
        assert_eq!(*kind, Kind::FlinkDeployment);
        assert_eq!(
            config(*kind, object, &DefaultConfiguration::default()).get("a.b"),
            Some("c")
        );
    }

    #[test]
    fn answers_are_shown() {
        let answer = br#"{"violations": [{"path": "spec", "message": "no", "fix": "do not"}], "patch": [{"op": "add", "path": "/spec/x", "value": 1}]}"#;
        let answer = Answer::parse(answer);
        let shown = judgement(&answer, &FlinkConfig::default(), b"hm\n", Duration::from_millis(2));
        assert_eq!(shown, "  | hm\n  violation spec: no. Do not. [plugin]\n  2.0 ms\n");
        let object = serde_json::json!({ "spec": {} });
        let patch = "  patch {\"op\":\"add\",\"path\":\"/spec/x\",\"value\":1}\n";
        assert_eq!(mutation(&answer, &object, b""), patch);
        let filled = serde_json::json!({ "spec": { "x": 1 } });
        assert_eq!(mutation(&answer, &filled, b""), "  fills in nothing\n");
        let none = Err("it crashed".to_owned());
        assert!(
            judgement(&none, &FlinkConfig::default(), b"", Duration::ZERO).starts_with("  no answer: it crashed\n")
        );
    }
}
