//! `sluice lint`: the webhook's rules on files.

pub mod documents;
pub mod node;
pub mod sources;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;
use sluice_runtime::config_dir;
use sluice_shared::config::DefaultConfiguration;

use crate::check::{Levels, Objects, environment, in_namespace, judge};
use crate::output::{Checked, Format, Outcome, Place, Problem, Results};
use crate::own_rules::{OwnRules, PolicyResource};

use documents::{Document, NoYaml};
use node::Node;
use sources::Sources;

/// What to lint, and under which defaults.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Files of YAML or JSON documents, folders with such files (*.yaml, *.yml, *.json), or "-" for standard input.
    /// Policies among them count. Documents of other kinds are left out.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Namespace of objects that name none.
    #[arg(short, long, default_value = "default")]
    namespace: String,
    #[command(flatten)]
    common: Common,
}

/// What `lint` and `audit` have in common.
#[derive(Debug, Args)]
pub struct Common {
    /// Folder with the operator's config.yaml or flink-conf.yaml, whose defaults count as they do in the cluster.
    #[arg(long, value_name = "DIR")]
    pub config_dir: Option<PathBuf>,
    /// File or folder with policies that count, too; may be given several times.
    #[arg(long, value_name = "PATH")]
    pub policies: Vec<PathBuf>,
    /// File that lists plugins, as for the webhook. They are asked, too.
    #[arg(long, value_name = "FILE")]
    pub plugins: Option<PathBuf>,
    /// Form of the output.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Count warnings as errors.
    #[arg(long)]
    pub warnings_as_errors: bool,
}

impl Common {
    /// The operator's configuration.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn defaults(&self) -> Result<DefaultConfiguration, String> {
        let defaults = config_dir::load(self.config_dir.as_deref()).map_err(|error| error.to_string())?;
        Ok(defaults.configuration)
    }

    /// Rules of the user's own from files. Policies without a namespace belong to `namespace`.
    ///
    /// # Errors
    /// When the file of plugins cannot be used.
    pub fn own_rules(&self, namespace: &str) -> Result<OwnRules, String> {
        let mut own_rules = OwnRules::default();
        if let Some(file) = &self.plugins {
            own_rules.add_plugins(file)?;
        }
        let input = Input::read(&Sources::find(&self.policies));
        add_policies(&mut own_rules, input.policies, namespace);
        own_rules.problems.extend(input.problems);
        Ok(own_rules)
    }

    /// Prints what `command` found: results on standard output, what could not be judged on standard error too.
    ///
    /// # Errors
    /// When the results cannot be written in the form that is asked for.
    pub fn print(&self, command: &str, results: &Results) -> Result<Outcome, String> {
        print!("{}", results.render(command, self.format)?);
        for problem in &results.problems {
            eprintln!("sluice: {problem}");
        }
        Ok(results.outcome())
    }
}

/// Lints and prints.
///
/// # Errors
/// When the operator's configuration or the file of plugins cannot be read.
pub fn run(arguments: &Arguments) -> Result<Outcome, String> {
    let defaults = arguments.common.defaults()?;
    let sources = Sources::find(&arguments.paths);
    for folder in &sources.templates {
        eprintln!(
            "sluice: {} holds a chart's templates and is left out; lint what `helm template` makes of it",
            folder.display()
        );
    }
    let own_rules = arguments.common.own_rules(&arguments.namespace)?;
    let levels = Levels {
        warnings_as_errors: arguments.common.warnings_as_errors,
        notes: false,
    };
    let results = Input::read(&sources).lint(&arguments.namespace, &defaults, own_rules, levels);
    arguments.common.print("lint", &results)
}

/// What was read.
#[derive(Debug, Default)]
pub struct Input {
    /// File and object.
    pub documents: Vec<(String, Document)>,
    /// File, kind and policy.
    pub policies: Vec<(String, PolicyResource, Node)>,
    /// Namespaces, with their labels.
    pub namespaces: Vec<Node>,
    /// What could not be read.
    pub problems: Vec<Problem>,
    others: usize,
}

impl Input {
    /// Reads all of `sources`.
    pub fn read(sources: &Sources) -> Self {
        let mut input = Self::default();
        for unreadable in &sources.unreadable {
            input.fail(unreadable.clone());
        }
        for path in &sources.files {
            match sources::read(path) {
                Ok((name, text)) => input.add(&name, &text),
                Err(unreadable) => input.fail(unreadable),
            }
        }
        input
    }

    fn add(&mut self, file: &str, text: &str) {
        match documents::parse(text) {
            Ok(found) => {
                self.others += found.others;
                let ours = found.ours.into_iter();
                self.documents.extend(ours.map(|document| (file.to_owned(), document)));
                let policies = found.policies.into_iter();
                self.policies
                    .extend(policies.map(|(resource, node)| (file.to_owned(), resource, node)));
                self.namespaces.extend(found.namespaces);
            }
            Err(NoYaml { position, reason }) => self.problems.push(Problem {
                place: Place::File(file.to_owned()),
                position,
                reason: format!("no YAML: {reason}"),
            }),
        }
    }

    fn fail(&mut self, unreadable: sources::Unreadable) {
        self.problems.push(Problem {
            place: Place::File(unreadable.path),
            position: None,
            reason: unreadable.reason,
        });
    }

    fn lint(
        self,
        namespace: &str,
        defaults: &DefaultConfiguration,
        mut own_rules: OwnRules,
        levels: Levels,
    ) -> Results {
        add_policies(&mut own_rules, self.policies, namespace);
        let objects: Vec<(String, Document, Value)> = self
            .documents
            .into_iter()
            .map(|(file, document)| {
                let object = in_namespace(document.node.to_value(), namespace);
                (file, document, object)
            })
            .collect();
        let mut known = Objects::default();
        for (_, document, object) in &objects {
            known.add(document.kind, object);
        }
        for node in &self.namespaces {
            known.add_namespace(&node.to_value());
        }
        let environment = environment(defaults, &known, own_rules.in_force());
        let checked: Vec<Checked> = objects
            .into_iter()
            .map(|(file, Document { kind, node }, object)| {
                let metadata = |field: &str| object["metadata"][field].as_str();
                let findings = levels.findings(judge(kind, &object, &environment));
                Checked {
                    kind: kind.as_str(),
                    namespace: metadata("namespace").unwrap_or(namespace).to_owned(),
                    name: metadata("name")
                        .or(metadata("generateName"))
                        .unwrap_or("(no name)")
                        .to_owned(),
                    file: Some(file),
                    findings: findings
                        .into_iter()
                        .map(|finding| (node.locate(&finding.violation.path), finding))
                        .collect(),
                }
            })
            .collect();
        Results {
            checked: own_rules.checked.into_iter().chain(checked).collect(),
            problems: own_rules.problems.into_iter().chain(self.problems).collect(),
            others: self.others,
        }
    }
}

fn add_policies(own_rules: &mut OwnRules, policies: Vec<(String, PolicyResource, Node)>, namespace: &str) {
    for (file, resource, node) in policies {
        let object = in_namespace(node.to_value(), namespace);
        own_rules.add_policy(resource, &object, Some(file), |path| node.locate(path));
    }
}
