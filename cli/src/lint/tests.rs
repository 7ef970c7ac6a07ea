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
    input.lint("default", defaults, Levels::default())
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
    let results = input.lint("staging", &DefaultConfiguration::default(), Levels::default());
    assert_eq!(results.checked[0].namespace, expected);
}
