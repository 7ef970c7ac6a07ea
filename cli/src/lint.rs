//! `sluice lint`: the webhook's rules on files.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::Value;
use sluice_runtime::config_dir;
use sluice_shared::api::{API_VERSION, FlinkDeployment, FlinkSessionJob};
use sluice_shared::config::DefaultConfiguration;
use sluice_shared::rules::{Environment, Kind, Lookup, Lookups, shape, validate_json};

/// What to lint, and under which defaults.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Files of YAML or JSON documents; "-" is standard input. Documents of other kinds are left out.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Folder with the operator's config.yaml or flink-conf.yaml, whose defaults count as they do in the cluster.
    #[arg(long, value_name = "DIR")]
    config_dir: Option<PathBuf>,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is refused.
    Clean,
    /// Something is refused.
    Refused,
}

/// Lints and prints.
///
/// # Errors
/// When a file cannot be read or is no YAML.
pub fn run(arguments: &Arguments) -> Result<Outcome, String> {
    let defaults = config_dir::load(arguments.config_dir.as_deref())
        .map_err(|e| e.to_string())?
        .configuration;
    let mut documents = Vec::new();
    for file in &arguments.files {
        documents.extend(read(file)?);
    }
    let (text, outcome) = lint(&documents, &defaults);
    print!("{text}");
    Ok(outcome)
}

/// One of our objects in a file.
struct Document {
    file: String,
    /// Position in the file, from 1.
    number: usize,
    kind: Kind,
    object: Value,
}

impl Document {
    fn metadata(&self, field: &str) -> Option<&str> {
        self.object["metadata"][field].as_str()
    }

    fn namespace(&self) -> &str {
        self.metadata("namespace").unwrap_or("default")
    }

    fn name(&self) -> &str {
        self.metadata("name")
            .or(self.metadata("generateName"))
            .unwrap_or("(no name)")
    }
}

fn read(path: &Path) -> Result<Vec<Document>, String> {
    let (name, text) = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|e| format!("cannot read standard input: {e}"))?;
        ("standard input".to_owned(), text)
    } else {
        let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        (path.display().to_string(), text)
    };
    parse(&name, &text)
}

fn parse(file: &str, text: &str) -> Result<Vec<Document>, String> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(|e| format!("{file} is no YAML: {e}"))?;
    Ok(documents
        .into_iter()
        .enumerate()
        .flat_map(|(index, document)| {
            // A List, as kubectl get writes it, holds objects.
            let objects = match document.get("items") {
                Some(Value::Array(items)) if document["kind"].as_str().is_some_and(|k| k.ends_with("List")) => {
                    items.clone()
                }
                _ => vec![document],
            };
            objects.into_iter().map(move |object| (index + 1, object))
        })
        .filter_map(|(number, object)| {
            let kind = Kind::from_name(object["kind"].as_str()?)?;
            (object["apiVersion"] == API_VERSION).then(|| Document {
                file: file.to_owned(),
                number,
                kind,
                object,
            })
        })
        .collect())
}

/// The objects that are linted together know of each other; of others nothing is known.
#[derive(Default)]
struct Files {
    deployments: HashMap<(String, String), Arc<FlinkDeployment>>,
    session_jobs: HashMap<(String, String), Arc<FlinkSessionJob>>,
}

impl Files {
    fn new(documents: &[Document]) -> Self {
        let mut files = Self::default();
        for document in documents {
            let key = (document.namespace().to_owned(), document.name().to_owned());
            match document.kind {
                Kind::FlinkDeployment => {
                    if let (Some(object), _) = shape::read(&document.object) {
                        files.deployments.insert(key, Arc::new(object));
                    }
                }
                Kind::FlinkSessionJob => {
                    if let (Some(object), _) = shape::read(&document.object) {
                        files.session_jobs.insert(key, Arc::new(object));
                    }
                }
                Kind::FlinkStateSnapshot | Kind::FlinkBlueGreenDeployment => {}
            }
        }
        files
    }
}

fn look_up<T>(objects: &HashMap<(String, String), Arc<T>>, namespace: &str, name: &str) -> Lookup<T> {
    objects
        .get(&(namespace.to_owned(), name.to_owned()))
        .map_or(Lookup::Unknown, |object| Lookup::Found(Arc::clone(object)))
}

impl Lookups for Files {
    fn deployment(&self, namespace: &str, name: &str) -> Lookup<FlinkDeployment> {
        look_up(&self.deployments, namespace, name)
    }

    fn session_job(&self, namespace: &str, name: &str) -> Lookup<FlinkSessionJob> {
        look_up(&self.session_jobs, namespace, name)
    }
}

fn lint(documents: &[Document], defaults: &DefaultConfiguration) -> (String, Outcome) {
    let files = Files::new(documents);
    let environment = Environment::new(defaults, &files);
    let mut text = String::new();
    let (mut violations, mut warnings) = (0, 0);
    for document in documents {
        let report = validate_json(document.kind, &document.object, None, &environment);
        violations += report.violations.len();
        warnings += report.warnings.len();
        if report.violations.is_empty() && report.warnings.is_empty() {
            continue;
        }
        let Document { file, number, kind, .. } = document;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{file}, document {number}: {kind} {}/{}",
            document.namespace(),
            document.name()
        );
        for violation in &report.violations {
            let _ = writeln!(text, "  error: {violation}");
        }
        for warning in &report.warnings {
            let _ = writeln!(text, "  warning: {warning}");
        }
    }
    let _ = writeln!(
        text,
        "{}, {}, {}",
        counted(documents.len(), "object"),
        counted(violations, "error"),
        counted(warnings, "warning")
    );
    let outcome = if violations == 0 {
        Outcome::Clean
    } else {
        Outcome::Refused
    };
    (text, outcome)
}

fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: { name: session }
spec:
  image: flink:1.20
  flinkVersion: v1_20
  serviceAccount: flink
  jobManager: { resource: { memory: 2048m, cpu: 1 } }
  taskManager: { resource: { memory: 2048m, cpu: 1 } }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: other }
";
    const JOB: &str = "
apiVersion: flink.apache.org/v1beta1
kind: FlinkSessionJob
metadata: { name: job }
spec:
  deploymentName: session
  job: { jarURI: 'https://repo.example.com/job.jar', parallelism: 0, upgradeMode: last-state }
";

    fn linted(texts: &[&str], defaults: &DefaultConfiguration) -> (String, Outcome) {
        let documents: Vec<Document> = texts
            .iter()
            .enumerate()
            .flat_map(|(index, text)| parse(&format!("{index}.yaml"), text).unwrap())
            .collect();
        lint(&documents, defaults)
    }

    #[test]
    fn a_good_object_is_clean() {
        assert_eq!(
            linted(&[SESSION], &DefaultConfiguration::default()),
            ("1 object, 0 errors, 0 warnings\n".to_owned(), Outcome::Clean)
        );
    }

    #[test]
    fn objects_of_other_files_are_known_and_defaults_count() {
        let (text, outcome) = linted(&[JOB, SESSION], &DefaultConfiguration::default());
        assert_eq!(outcome, Outcome::Refused);
        assert!(text.starts_with("0.yaml, document 1: FlinkSessionJob default/job\n  error: spec.flinkConfiguration[execution.checkpointing.dir]"), "{text}");
        assert!(text.contains("[parallelism-missing]"), "{text}");
        assert!(text.ends_with("2 objects, 2 errors, 0 warnings\n"), "{text}");
        let defaults = DefaultConfiguration::new([("state.checkpoints.dir", "s3://c")].into_iter().collect());
        assert!(
            linted(&[JOB, SESSION], &defaults)
                .0
                .ends_with("2 objects, 1 error, 0 warnings\n")
        );
    }

    #[test]
    fn a_list_holds_objects() {
        let list = "{ apiVersion: v1, kind: List, items: [ { apiVersion: flink.apache.org/v1beta1, kind: FlinkSessionJob, spec: {} } ] }";
        let (text, outcome) = linted(&[list], &DefaultConfiguration::default());
        assert_eq!(outcome, Outcome::Refused);
        assert!(text.contains("FlinkSessionJob default/(no name)"), "{text}");
    }

    #[test]
    fn what_is_no_yaml_cannot_be_linted() {
        assert!(parse("a.yaml", "a: [").is_err());
    }
}
