use rstest::rstest;

use super::*;
use crate::check::Level;

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
const JOB: &str = "\
apiVersion: flink.apache.org/v1beta1
kind: FlinkSessionJob
metadata: { name: job }
spec:
  deploymentName: session
  job: { jarURI: 'https://repo.example.com/job.jar', parallelism: 0, upgradeMode: last-state }
";

fn linted(texts: &[&str], defaults: &DefaultConfiguration) -> Results {
    let mut input = Input::default();
    for (index, text) in texts.iter().enumerate() {
        input.add(&format!("{index}.yaml"), text);
    }
    input.lint("default", defaults, OwnRules::default(), Levels::default())
}

fn found(results: &Results) -> Vec<(String, &str)> {
    results
        .findings()
        .filter(|(_, _, finding)| finding.level == Level::Error)
        .map(|(checked, position, finding)| {
            let place = format!("{}:{}", checked.file.as_ref().unwrap(), position.unwrap());
            (place, finding.violation.code.as_ref())
        })
        .collect()
}

#[test]
fn a_good_object_is_clean() {
    let results = linted(&[SESSION], &DefaultConfiguration::default());
    assert_eq!(
        (results.outcome(), results.checked.len(), results.others),
        (Outcome::Clean, 1, 1)
    );
    assert_eq!(found(&results), []);
}

#[test]
fn objects_of_other_files_are_known_and_defaults_count() {
    let results = linted(&[JOB, SESSION], &DefaultConfiguration::default());
    assert_eq!(results.outcome(), Outcome::Refused);
    assert_eq!(results.checked[0].key(), "default/job");
    let all = found(&results);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(
        all.contains(&("0.yaml:6:54".to_owned(), "parallelism-missing")),
        "{all:?}"
    );
    let defaults = DefaultConfiguration::new([("state.checkpoints.dir", "s3://c")].into_iter().collect());
    let results = linted(&[JOB, SESSION], &defaults);
    assert_eq!(found(&results), [("0.yaml:6:54".to_owned(), "parallelism-missing")]);
}

#[test]
fn a_list_holds_objects() {
    let list = "{ apiVersion: v1, kind: List, items: [ { apiVersion: flink.apache.org/v1beta1, kind: FlinkSessionJob, spec: {} } ] }";
    let results = linted(&[list], &DefaultConfiguration::default());
    assert_eq!(results.outcome(), Outcome::Refused);
    assert_eq!(results.checked[0].key(), "default/(no name)");
}

#[test]
fn the_rest_is_linted_beside_what_is_no_yaml() {
    let results = linted(&["a: [", JOB], &DefaultConfiguration::default());
    assert_eq!(results.outcome(), Outcome::Failed);
    assert_eq!(results.problems.len(), 1);
    assert!(
        results.problems[0].to_string().starts_with("0.yaml:1:"),
        "{:?}",
        results.problems
    );
    assert_eq!(results.checked.len(), 1);
}

#[rstest]
#[case(None, "staging")]
#[case(Some("team-a"), "team-a")]
fn objects_without_a_namespace_get_the_one_of_the_flag(#[case] own: Option<&str>, #[case] expected: &str) {
    let text = match own {
        Some(own) => SESSION.replace("name: session", &format!("name: session, namespace: {own}")),
        None => SESSION.to_owned(),
    };
    let mut input = Input::default();
    input.add("a.yaml", &text);
    let results = input.lint(
        "staging",
        &DefaultConfiguration::default(),
        OwnRules::default(),
        Levels::default(),
    );
    assert_eq!(results.checked[0].namespace, expected);
}

const POLICY: &str = "
apiVersion: sluice.flink.apache.org/v1alpha1
kind: ClusterFlinkPolicy
metadata: { name: house }
spec:
  match: { namespaceSelector: { matchLabels: { team: a } } }
  rules:
  - { name: registry, expression: \"object.spec.image.startsWith('registry.example.com/')\", field: spec.image }
";
const NAMESPACE: &str = "{ apiVersion: v1, kind: Namespace, metadata: { name: default, labels: { team: a } } }";

#[test]
fn policies_among_the_files_count() {
    let results = linted(&[SESSION, POLICY, NAMESPACE], &DefaultConfiguration::default());
    assert_eq!(found(&results), [("0.yaml:6:3".to_owned(), "policy/house/registry")]);
    let of_others = NAMESPACE.replace("team: a", "team: b");
    let results = linted(&[SESSION, POLICY, &of_others], &DefaultConfiguration::default());
    assert_eq!(found(&results), []);
    let mended = POLICY.replace("registry.example.com/", "flink");
    let results = linted(&[SESSION, POLICY, &mended, NAMESPACE], &DefaultConfiguration::default());
    assert_eq!(found(&results), [], "the last of a name counts, as with kubectl apply");
}

#[test]
fn a_wrong_policy_is_found_at_its_place() {
    let results = linted(
        &[&POLICY.replace("object.spec", "objct.spec")],
        &DefaultConfiguration::default(),
    );
    assert_eq!(results.outcome(), Outcome::Refused);
    assert_eq!(found(&results), [("0.yaml:8:23".to_owned(), "policy-expression")]);
    assert_eq!(
        (results.checked[0].kind, results.checked[0].key().as_str()),
        ("ClusterFlinkPolicy", "house")
    );
}

/// A plugin that always refuses.
const REFUSES: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "{\"violations\":[{\"message\":\"no\"}]}")
    (func (export "_start")
        (i32.store (i32.const 0) (i32.const 16))
        (i32.store (i32.const 4) (i32.const 33))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

#[test]
fn policies_and_plugins_of_the_flags_count() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let module = write("no.wasm", &wat::parse_str(REFUSES).unwrap());
    let absent = folder.path().join("absent.wasm");
    let list = format!(
        "plugins:\n- {{ name: 'no', source: {{ path: '{}' }} }}\n- {{ name: gone, source: {{ path: '{}' }} }}\n",
        module.display(),
        absent.display()
    );
    let common = Common {
        config_dir: None,
        policies: vec![write("policy.yaml", POLICY.as_bytes())],
        plugins: Some(write("plugins.yaml", list.as_bytes())),
        format: Format::Text,
        warnings_as_errors: false,
    };
    let mut input = Input::default();
    input.add("a.yaml", SESSION);
    input.add("b.yaml", NAMESPACE);
    let own_rules = common.own_rules("default").unwrap();
    let results = input.lint(
        "default",
        &DefaultConfiguration::default(),
        own_rules,
        Levels::default(),
    );
    let codes: Vec<&str> = found(&results).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["extension-failed", "policy/house/registry", "no"]);
    assert_eq!(results.outcome(), Outcome::Failed);
    let problem = results.problems[0].to_string();
    assert!(
        problem.contains("plugins.yaml: the plugin gone cannot be used: "),
        "{problem}"
    );
}
