//! One JSON object: a summary, every finding, and what could not be judged.

use serde::Serialize;

use super::Results;
use crate::check::Level;
use crate::lint::node::Position;

#[derive(Serialize)]
struct Output<'a> {
    summary: Summary,
    findings: Vec<Line<'a>>,
    problems: Vec<Problem<'a>>,
}

#[derive(Serialize)]
struct Summary {
    objects: usize,
    errors: usize,
    warnings: usize,
    notes: usize,
    #[serde(rename = "otherDocuments")]
    other_documents: usize,
}

#[derive(Serialize)]
struct Line<'a> {
    level: &'static str,
    code: &'a str,
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
    #[serde(flatten)]
    place: Place<'a>,
    field: &'a str,
    message: &'a str,
    fix: &'a str,
}

#[derive(Serialize)]
struct Place<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u64>,
}

impl<'a> Place<'a> {
    fn new(file: Option<&'a str>, position: Option<Position>) -> Self {
        Self {
            file,
            line: position.map(|position| position.line),
            column: position.map(|position| position.column),
        }
    }
}

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resources: Option<&'a str>,
    message: &'a str,
}

pub(super) fn render(results: &Results) -> Result<String, String> {
    let output = Output {
        summary: Summary {
            objects: results.checked.len(),
            errors: results.count(Level::Error),
            warnings: results.count(Level::Warning),
            notes: results.count(Level::Note),
            other_documents: results.others,
        },
        findings: results
            .findings()
            .map(|(checked, position, finding)| Line {
                level: finding.level.as_str(),
                code: &finding.violation.code,
                kind: checked.kind,
                namespace: &checked.namespace,
                name: &checked.name,
                place: Place::new(checked.file.as_deref(), position),
                field: &finding.violation.path,
                message: &finding.violation.message,
                fix: &finding.violation.fix,
            })
            .collect(),
        problems: results
            .problems
            .iter()
            .map(|problem| {
                let (file, resources) = match &problem.place {
                    super::Place::File(file) => (Some(file.as_str()), None),
                    super::Place::Cluster(resources) => (None, Some(resources.as_str())),
                };
                Problem {
                    place: Place::new(file, problem.position),
                    resources,
                    message: &problem.reason,
                }
            })
            .collect(),
    };
    pretty(&output)
}

/// Indented, with a line end.
pub(super) fn pretty(output: &impl Serialize) -> Result<String, String> {
    match serde_json::to_string_pretty(output) {
        Ok(text) => Ok(text + "\n"),
        Err(error) => Err(format!("the results cannot be written: {error}")),
    }
}
