//! `sluice plugin test` as people call it.

#![allow(clippy::unwrap_used)] // a test's helpers fail as its own body does

mod common;

use std::path::PathBuf;

use common::Ran;
use rstest::rstest;

const GOOD: &str = "
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: { name: orders, namespace: team-a }
spec: { image: registry.example.com/flink, flinkVersion: v1_20 }
";
const WRONG: &str = "
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: { name: wrong, labels: { team: b } }
spec: { image: elsewhere/flink, flinkVersion: v1_20 }
";
const POLICY: &str = "
apiVersion: sluice.flink.apache.org/v1alpha1
kind: ClusterFlinkPolicy
metadata: { name: house-rules }
spec:
  match: { kinds: [FlinkDeployment] }
  rules:
    - name: our-registry
      expression: object.spec.image.startsWith('registry.example.com/')
      message: the image is not from our registry
      field: spec.image
      fix: push it there
    - name: newer
      expression: object.spec.flinkVersion != 'v1_20'
      severity: Warn
      message: Flink 1.20 is old
  defaults:
    - path: metadata.labels.team
      expression: object.metadata.namespace
";
/// Answers what its data says to every request.
const MODULE: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "ANSWER")
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 16))
        (i32.store (i32.const 4) (i32.const LENGTH))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in [
            ("good.yaml", GOOD),
            ("wrong.yaml", WRONG),
            ("policy.yaml", POLICY),
            ("other.yaml", "kind: ConfigMap\napiVersion: v1\n"),
            ("broken.yaml", "a: [\n"),
            (
                "bad-policy.yaml",
                &POLICY.replace("object.spec.image", "objct.spec.image"),
            ),
            ("silent.wat", &module("{}")),
            (
                "refusing.wat",
                &module(r"{\22violations\22:[{\22path\22:\22spec.image\22,\22message\22:\22no\22}]}"),
            ),
            ("mute.wat", &module("")),
        ] {
            std::fs::write(folder.path(name), text).unwrap();
        }
        for name in ["silent", "refusing", "mute"] {
            let module = wat::parse_file(folder.path(&format!("{name}.wat"))).unwrap();
            std::fs::write(folder.path(&format!("{name}.wasm")), module).unwrap();
        }
        let list = format!(
            "kind: List\napiVersion: v1\nitems:\n-{}",
            GOOD.trim_end().replace('\n', "\n  ").trim_start_matches("\n ")
        );
        std::fs::write(folder.path("list.yaml"), list).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn test(&self, arguments: &[&str], input: &str) -> Ran {
        common::sluice(self.0.path(), &["plugin", "test"], arguments, input)
    }
}

fn module(answer: &str) -> String {
    let length = answer.replace("\\22", "\"").len();
    MODULE.replace("ANSWER", answer).replace("LENGTH", &length.to_string())
}

/// Output without the times, which are other ones each time.
fn timeless(output: &str) -> String {
    let is_time = |line: &&str| {
        line.trim()
            .strip_suffix(" ms")
            .is_some_and(|time| time.parse::<f64>().is_ok())
    };
    assert!(output.lines().any(|line| is_time(&line)), "{output}");
    let lines = output.split_inclusive('\n');
    lines.filter(|line| !is_time(&line.trim_end())).collect()
}

const SAID_OF_GOOD: &str = "  house-rules:
  warning spec: Flink 1.20 is old. ";

#[test]
fn a_policy_shows_its_findings_and_defaults() {
    let folder = Folder::new();
    let (code, output, errors) = folder.test(&["--policy", "policy.yaml", "good.yaml", "wrong.yaml"], "");
    assert_eq!((code, errors.as_str()), (1, ""), "{output}");
    let output = timeless(&output);
    let (good, wrong) = output.split_once("wrong.yaml: FlinkDeployment wrong\n").unwrap();
    assert!(
        good.starts_with(&format!("good.yaml: FlinkDeployment orders\n{SAID_OF_GOOD}")),
        "{good}"
    );
    assert!(!good.contains("violation"), "{good}");
    assert!(
        good.contains(r#"patch {"op":"add","path":"/metadata/labels""#) && good.contains("team-a"),
        "{good}"
    );
    assert!(
        wrong.contains(
            "  violation spec.image: the image is not from our registry. Push it there. [policy/house-rules/our-registry]\n"
        ),
        "{wrong}"
    );
    assert!(wrong.ends_with("  fills in nothing\n"), "{wrong}");
}

#[rstest]
#[case::list(&["list.yaml"], "", "list.yaml: FlinkDeployment orders\n")]
#[case::standard_input(&["-"], GOOD, "stdin: FlinkDeployment orders\n")]
#[case::folder(&["--namespace", "x", "sub"], "", "sub/good.yaml: FlinkDeployment orders\n")]
fn files_are_read_as_lint_reads_them(#[case] arguments: &[&str], #[case] input: &str, #[case] first: &str) {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("sub")).unwrap();
    std::fs::copy(folder.path("good.yaml"), folder.path("sub/good.yaml")).unwrap();
    let arguments: Vec<&str> = ["--policy", "policy.yaml"].iter().chain(arguments).copied().collect();
    let (code, output, errors) = folder.test(&arguments, input);
    assert_eq!((code, errors.as_str()), (0, ""), "{output}");
    assert!(output.starts_with(&format!("{first}{SAID_OF_GOOD}")), "{output}");
}

#[rstest]
#[case::agrees(&["--plugin", "silent.wasm", "good.yaml"], 0, "  nothing to say\n")]
#[case::fills_in(&["--plugin", "silent.wasm", "--mutate", "good.yaml"], 0, "  fills in nothing\n")]
#[case::refuses(&["--plugin", "refusing.wasm", "good.yaml"], 1, "  violation spec.image: no. ")]
#[case::no_answer(&["--plugin", "mute.wasm", "good.yaml"], 1, "  no answer: ")]
#[case::both(&["--plugin", "silent.wasm", "--policy", "policy.yaml", "wrong.yaml"], 1, "  violation spec.image: the image")]
fn a_plugin_decides_the_exit_code(#[case] arguments: &[&str], #[case] expected: i32, #[case] part: &str) {
    let folder = Folder::new();
    let (code, output, errors) = folder.test(arguments, "");
    assert_eq!(code, expected, "{output}{errors}");
    assert!(timeless(&output).contains(part), "{output}");
    assert!(errors.starts_with("compiled in "), "{errors}");
}

#[rstest]
#[case::nothing(&["good.yaml"], "--plugin")]
#[case::settings_of_a_policy(&["--policy", "policy.yaml", "--clock", "good.yaml"], "--plugin")]
#[case::none_of_ours(&["--policy", "policy.yaml", "other.yaml"], "there is no resource of flink.apache.org/v1beta1")]
#[case::no_policy(&["--policy", "other.yaml", "good.yaml"], "there is no policy")]
#[case::bad_policy(&["--policy", "bad-policy.yaml", "good.yaml"], "bad-policy.yaml: the ClusterFlinkPolicy house-rules cannot be used: spec.rules[0].expression")]
#[case::broken(&["--policy", "policy.yaml", "broken.yaml"], "broken.yaml:")]
#[case::missing(&["--policy", "policy.yaml", "none.yaml"], "none.yaml: cannot be read")]
#[case::no_plugin(&["--plugin", "none.wasm", "good.yaml"], "cannot read none.wasm")]
#[case::no_module(&["--plugin", "good.yaml", "good.yaml"], "good.yaml: ")]
#[case::settings(&["--plugin", "silent.wasm", "--settings", "{", "good.yaml"], "--settings is no JSON")]
#[case::timeout(&["--plugin", "silent.wasm", "--timeout", "soon", "good.yaml"], "--timeout")]
fn what_cannot_run_is_named(#[case] arguments: &[&str], #[case] part: &str) {
    let folder = Folder::new();
    let (code, output, errors) = folder.test(arguments, "");
    assert_eq!((code, output.as_str()), (2, ""), "{errors}");
    assert!(errors.contains(part), "{errors}");
}
