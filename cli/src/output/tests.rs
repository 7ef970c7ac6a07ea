use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use sluice_shared::rules::{Kind, Report, Violation, Warning};

use super::*;
use crate::check::Levels;

fn checked(kind: Kind, name: &str, file: Option<&str>, report: Report) -> Checked {
    let findings = Levels {
        notes: true,
        ..Levels::default()
    }
    .findings(report);
    Checked {
        kind: kind.as_str(),
        namespace: "team-a".to_owned(),
        name: name.to_owned(),
        file: file.map(str::to_owned),
        findings: findings
            .into_iter()
            .zip(3..)
            .map(|(finding, line)| (file.map(|_| Position { line, column: 5 }), finding))
            .collect(),
    }
}

fn warning(path: &str, code: &'static str, message: &str) -> Warning {
    Warning {
        path: path.to_owned(),
        code: code.into(),
        message: message.to_owned(),
        fix: "do better".to_owned(),
    }
}

fn violation(path: &str, code: &'static str, message: &str) -> Violation {
    Violation {
        path: path.to_owned(),
        code: code.into(),
        message: message.to_owned(),
        fix: "do better".to_owned(),
        value: Some("0".to_owned()),
    }
}

fn report() -> Report {
    Report {
        violations: vec![
            violation("spec.job.parallelism", "parallelism-missing", "<0> & \"more\"\u{1b}"),
            violation("", "extension-failed", "no answer"),
        ],
        warnings: vec![warning("spec.image", "own/latest", "a mutable tag")],
        audit: vec![warning("spec", "own/note", "only noted")],
    }
}

/// One of everything.
fn results(file: Option<&str>) -> Results {
    let problem = Problem {
        place: match file {
            Some(_) => Place::File("b c.yaml".to_owned()),
            None => Place::Cluster("flinksessionjobs".to_owned()),
        },
        position: file.map(|_| Position { line: 7, column: 1 }),
        reason: "no YAML: something".to_owned(),
    };
    Results {
        checked: vec![
            checked(Kind::FlinkDeployment, "wrong", file, report()),
            checked(Kind::FlinkStateSnapshot, "right", file, Report::default()),
        ],
        problems: vec![problem],
        others: file.map_or(0, |_| 2),
    }
}

/// Without the version, which changes with every release.
fn sarif(results: &Results) -> String {
    let text = results.render("lint", Format::Sarif).unwrap();
    text.replace(
        concat!("\"semanticVersion\": \"", env!("CARGO_PKG_VERSION")),
        "\"semanticVersion\": \"...",
    )
}

#[test]
fn every_format_of_files() {
    let results = results(Some("./deploy/a.yaml"));
    insta::assert_snapshot!("lint_text", results.render("lint", Format::Text).unwrap());
    insta::assert_snapshot!("lint_json", results.render("lint", Format::Json).unwrap());
    insta::assert_snapshot!("lint_junit", results.render("lint", Format::Junit).unwrap());
    insta::assert_snapshot!("lint_sarif", sarif(&results));
}

#[test]
fn every_format_of_a_cluster() {
    let results = results(None);
    insta::assert_snapshot!("audit_text", results.render("audit", Format::Text).unwrap());
    insta::assert_snapshot!("audit_json", results.render("audit", Format::Json).unwrap());
    insta::assert_snapshot!("audit_junit", results.render("audit", Format::Junit).unwrap());
    insta::assert_snapshot!("audit_sarif", sarif(&results));
}

#[test]
fn warnings_may_count_as_errors() {
    let strict = Levels {
        warnings_as_errors: true,
        notes: false,
    };
    let levels: Vec<Level> = strict.findings(report()).iter().map(|finding| finding.level).collect();
    assert_eq!(levels, [Level::Error; 3]);
}

/// The schema of SARIF as the crate serde-sarif carries it.
fn sarif_schema() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages
        .iter()
        .find(|package| package["name"] == "serde-sarif")
        .unwrap();
    let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
    let text = std::fs::read_to_string(manifest.with_file_name("src/schema.json")).unwrap();
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    // It has a bracket too many and is no regular expression of ECMA 262. We write no language.
    for part in ["run", "toolComponent"] {
        let language = &mut schema["definitions"][part]["properties"]["language"];
        assert_eq!(language["pattern"].take(), "^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$");
        language.as_object_mut().unwrap().remove("pattern");
    }
    schema
}

#[test]
fn sarif_fits_its_schema() {
    let schema = jsonschema::validator_for(&sarif_schema()).unwrap();
    for results in [results(Some("a.yaml")), results(None), Results::default()] {
        let sarif: Value = serde_json::from_str(&results.render("lint", Format::Sarif).unwrap()).unwrap();
        let mistakes: Vec<String> = schema.iter_errors(&sarif).map(|error| error.to_string()).collect();
        assert_eq!(mistakes, [] as [String; 0]);
    }
    let wrong = serde_json::json!({ "version": "2.1.0", "runs": [{ "results": [{ "level": "fatal" }] }] });
    assert!(!schema.is_valid(&wrong), "the schema checks something");
}
