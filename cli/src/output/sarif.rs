//! SARIF 2.1.0 (OASIS): one run, the rules that found something, a result for each finding. What could not be judged is
//! a notification of the tool.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use sluice_shared::rules;

use super::{Place, Problem, Results, json::pretty, text};
use crate::lint::node::Position;
use crate::lint::sources::STDIN_NAME;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";
const VERSION: &str = "2.1.0";

pub(super) fn render(results: &Results) -> Result<String, String> {
    let mut codes: Vec<&str> = results
        .findings()
        .map(|(_, _, finding)| finding.violation.code.as_ref())
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let found: Vec<Value> = results
        .findings()
        .map(|(checked, position, finding)| {
            let violation = &finding.violation;
            let mut location = json!({
                "logicalLocations": [{
                    "name": checked.name,
                    "kind": "resource",
                    "fullyQualifiedName": format!("{} {}", checked.kind, checked.key()),
                }],
            });
            if let Some(file) = &checked.file {
                location["physicalLocation"] = physical(file, position);
            }
            json!({
                "ruleId": violation.code,
                "ruleIndex": codes.binary_search(&violation.code.as_ref()).unwrap_or_default(),
                "level": finding.level.as_str(),
                "message": { "text": text::what(finding) },
                "locations": [location],
            })
        })
        .collect();
    let run = json!({
        "tool": { "driver": {
            "name": "sluice",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": codes.iter().map(|code| rule(code)).collect::<Vec<_>>(),
        }},
        "columnKind": "unicodeCodePoints",
        "invocations": [{
            "executionSuccessful": results.problems.is_empty(),
            "toolExecutionNotifications": results.problems.iter().map(notification).collect::<Vec<_>>(),
        }],
        "results": found,
    });
    pretty(&json!({ "$schema": SCHEMA, "version": VERSION, "runs": [run] }))
}

/// What the table of rules says of `code`; nothing of a rule of the user's own.
fn rule(code: &str) -> Value {
    let mut descriptor = json!({ "id": code });
    if let Some(rule) = rules::all().find(|rule| rule.code == code) {
        descriptor["shortDescription"] = json!({ "text": rule.what });
        descriptor["fullDescription"] = json!({ "text": rule.why });
        descriptor["help"] = json!({ "text": rule.fix });
    }
    descriptor
}

fn notification(problem: &Problem) -> Value {
    match &problem.place {
        Place::File(file) => json!({
            "level": "error",
            "message": { "text": problem.reason },
            "locations": [{ "physicalLocation": physical(file, problem.position) }],
        }),
        Place::Cluster(_) => json!({ "level": "error", "message": { "text": problem.to_string() } }),
    }
}

fn physical(file: &str, position: Option<Position>) -> Value {
    let mut location = Map::new();
    location.insert("artifactLocation".to_owned(), json!({ "uri": uri(file) }));
    if let Some(Position { line, column }) = position {
        location.insert("region".to_owned(), json!({ "startLine": line, "startColumn": column }));
    }
    Value::Object(location)
}

/// A file as a URI: relative to the working folder, which in CI is the repository's, or absolute.
fn uri(file: &str) -> String {
    if file == STDIN_NAME {
        return file.to_owned();
    }
    let relative = file.strip_prefix("./").unwrap_or(file);
    let mut uri = String::with_capacity(file.len());
    if relative.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in relative.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    #[rstest]
    #[case("deploy/a.yaml", "deploy/a.yaml")]
    #[case("./deploy/a.yaml", "deploy/a.yaml")]
    #[case("../a b/ä%.yaml", "../a%20b/%C3%A4%25.yaml")]
    #[case("/work/a:b.yaml", "file:///work/a%3Ab.yaml")]
    #[case("stdin", "stdin")]
    fn files_are_uris(#[case] file: &str, #[case] uri: &str) {
        assert_eq!(super::uri(file), uri);
    }
}
