//! `sluice lint` as people call it.

#![allow(clippy::unwrap_used)] // a test's helpers fail as its own body does

mod common;

use std::path::{Path, PathBuf};

use common::Ran;
use rstest::rstest;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn lint(arguments: &[&str], input: &str) -> Ran {
    common::sluice(&root().join("docs"), &["lint"], arguments, input)
}

fn example(name: &str) -> String {
    std::fs::read_to_string(root().join("docs/examples").join(name)).unwrap()
}

#[test]
fn good_examples_are_clean() {
    let (code, output, errors) = lint(&["examples/basic.yaml", "examples/basic-flink-2.yaml"], "");
    assert_eq!((code, errors.as_str()), (0, ""), "{output}");
    assert!(output.ends_with("2 objects, 0 errors, 0 warnings\n"), "{output}");
}

#[test]
fn a_wrong_file_is_refused_at_its_lines() {
    let (code, output, errors) = lint(&["examples/wrong.yaml"], "");
    assert_eq!((code, errors.as_str()), (1, ""), "{output}");
    let text = example("wrong.yaml");
    let position = |field: &str| {
        let (index, line) = text.lines().enumerate().find(|(_, line)| line.contains(field)).unwrap();
        format!(
            "examples/wrong.yaml:{}:{}: error: FlinkDeployment default/wrong-example: ",
            index + 1,
            line.find(field).unwrap() + 1
        )
    };
    for (field, path) in [
        ("spec:", "spec.flinkVersion: "),
        ("spec:", "spec.serviceAccount: "),
        (
            "kubernetes.cluster-id",
            "spec.flinkConfiguration[kubernetes.cluster-id]: ",
        ),
        ("log4j.properties", "spec.logConfiguration[log4j.properties]: "),
        ("memory: \"2 gigs\"", "spec.jobManager.resource.memory: "),
        ("replicas", "spec.jobManager.replicas: "),
        ("parallelism", "spec.job.parallelism: "),
    ] {
        let start = position(field) + path;
        assert!(output.lines().any(|line| line.starts_with(&start)), "{start}\n{output}");
    }
    assert!(output.contains("1 object, 7 errors, "), "{output}");
}

#[test]
fn folders_are_linted_with_everything_below() {
    let (code, output, _) = lint(&["."], "");
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("./examples/wrong.yaml:"), "{output}");
    let (code, text, errors) = lint(&["../deploy"], "");
    assert_eq!(code, 0, "{text}{errors}");
    assert!(
        errors.contains("helm/sluice/templates holds a chart's templates and is left out"),
        "{errors}"
    );
}

#[test]
fn standard_input_is_linted_as_helm_writes_it() {
    let both = format!(
        "---\n# Source: a.yaml\n{}---\nkind: Service\n---\n{}",
        example("basic.yaml"),
        example("wrong.yaml")
    );
    let (code, output, errors) = lint(&["-"], &both);
    assert_eq!((code, errors.as_str()), (1, ""), "{output}");
    assert!(output.starts_with("stdin:"), "{output}");
    assert!(output.ends_with("; 1 other document left out\n"), "{output}");
}

#[rstest]
#[case(&["-"], "kind: FlinkDeployment\nspec: [\n", "sluice: stdin:", ": no YAML: ")]
#[case(&["none.yaml"], "", "sluice: none.yaml: ", "cannot be read")]
#[case(&["--config-dir", "none", "-"], "", "sluice: --config-dir none", "not a folder")]
#[case(&[], "", "error: ", "PATH")]
#[case(&["--format", "xml", "-"], "", "error: ", "sarif")]
fn what_cannot_run_says_why(#[case] arguments: &[&str], #[case] input: &str, #[case] start: &str, #[case] cause: &str) {
    let (code, output, errors) = lint(arguments, input);
    assert_eq!(code, 2, "{output}");
    assert!(errors.starts_with(start) && errors.contains(cause), "{errors}");
}

#[test]
fn the_operators_configuration_counts() {
    let folder = tempfile::tempdir().unwrap();
    let job = example("basic.yaml").replace("upgradeMode: stateless", "upgradeMode: last-state");
    let arguments = ["--format", "json", "--config-dir", folder.path().to_str().unwrap(), "-"];
    let codes = || {
        let (code, output, _) = lint(&arguments, &job);
        let output: Value = serde_json::from_str(&output).unwrap();
        let findings = output["findings"].as_array().unwrap().clone();
        let errors = findings.into_iter().filter(|finding| finding["level"] == "error");
        (
            code,
            errors
                .map(|error| error["code"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>(),
        )
    };
    let (code, before) = codes();
    assert!(code == 1 && !before.is_empty(), "{before:?}");
    let config = "high-availability.type: kubernetes\nhigh-availability.storageDir: s3://b/ha\nstate.checkpoints.dir: s3://b/c\nstate.savepoints.dir: s3://b/s\n";
    std::fs::write(folder.path().join("flink-conf.yaml"), config).unwrap();
    assert_eq!(codes(), (0, Vec::new()));
}

#[rstest]
#[case("json", "{\n")]
#[case("sarif", "{\n")]
#[case("junit", "<?xml")]
fn every_format_has_the_same_exit_code(#[case] format: &str, #[case] start: &str) {
    for (file, expected) in [("examples/basic.yaml", 0), ("examples/wrong.yaml", 1), ("none.yaml", 2)] {
        let (code, output, _) = lint(&["--format", format, file], "");
        assert_eq!(code, expected, "{output}");
        assert!(output.starts_with(start), "{output}");
    }
}
