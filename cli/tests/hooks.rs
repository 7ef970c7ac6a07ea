//! The hooks that run `sluice lint` elsewhere: pre-commit's and GitHub's.

#![allow(clippy::unwrap_used)] // a test's helpers fail as its own body does

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rstest::rstest;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(root().join(file)).unwrap()).unwrap()
}

/// A PATH with the built command in front.
fn path() -> String {
    let folder = Path::new(env!("CARGO_BIN_EXE_sluice")).parent().unwrap();
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

#[rstest]
#[case("docs/examples/basic.yaml", 0)]
#[case("docs/examples/wrong.yaml", 1)]
fn pre_commit_runs_the_installed_command(#[case] file: &str, #[case] code: i32) {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let hook = hooks
        .as_array()
        .unwrap()
        .iter()
        .find(|hook| hook["language"] == "system")
        .unwrap();
    let mut words = hook["entry"].as_str().unwrap().split(' ');
    let status = Command::new(words.next().unwrap())
        .args(words)
        .arg(file)
        .env("PATH", path())
        .current_dir(root())
        .output()
        .unwrap()
        .status;
    assert_eq!(status.code(), Some(code));
}

#[test]
fn pre_commits_script_is_there() {
    use std::os::unix::fs::PermissionsExt as _;
    let hooks = yaml(".pre-commit-hooks.yaml");
    let hook = hooks
        .as_array()
        .unwrap()
        .iter()
        .find(|hook| hook["language"] == "script")
        .unwrap();
    let script = root().join(hook["entry"].as_str().unwrap());
    assert_ne!(std::fs::metadata(script).unwrap().permissions().mode() & 0o111, 0);
}

/// Runs the last step of the action with its inputs' defaults and `inputs`.
fn act(inputs: &[(&str, &str)]) -> Output {
    let action = yaml("action.yml");
    let step = action["runs"]["steps"].as_array().unwrap().last().unwrap();
    let mut command = Command::new("bash");
    command.args(["-e", "-o", "pipefail", "-c", step["run"].as_str().unwrap()]);
    command.env("PATH", path()).current_dir(root().join("docs"));
    for (variable, expression) in step["env"].as_object().unwrap() {
        let input = expression.as_str().unwrap().trim_matches(['$', '{', '}', ' ']);
        let input = input.strip_prefix("inputs.").unwrap();
        let default = action["inputs"][input]["default"].as_str().unwrap();
        let given = inputs.iter().find(|(name, _)| *name == input);
        command.env(variable, given.map_or(default, |(_, value)| value));
    }
    command.output().unwrap()
}

#[test]
fn the_action_lints() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.sarif");
    let clean = act(&[("paths", "examples/basic.yaml\nexamples/basic-flink-2.yaml\n")]);
    let text = String::from_utf8_lossy(&clean.stdout);
    assert_eq!(clean.status.code(), Some(0), "{clean:?}");
    assert!(text.starts_with("2 objects, "), "{text}");

    let refused = act(&[("format", "sarif"), ("output", file.to_str().unwrap())]);
    assert_eq!(
        (refused.status.code(), refused.stdout.as_slice()),
        (Some(1), &b""[..]),
        "{refused:?}"
    );
    let sarif: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(sarif["version"], "2.1.0");

    let config = folder.path().to_str().unwrap();
    let strict = act(&[
        ("warnings-as-errors", "true"),
        ("config-dir", config),
        ("paths", "$(touch x); no"),
    ]);
    assert_eq!(strict.status.code(), Some(2), "{strict:?}");
}
