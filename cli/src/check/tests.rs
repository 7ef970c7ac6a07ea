use std::sync::Arc;

use futures::FutureExt as _;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::json;
use sluice_webhook::dispatch::{Admission, Endpoint, Evaluate as _};
use sluice_webhook::judge::Judge;
use sluice_webhook::review;
use sluice_webhook::verdict::Verdict;

use super::*;
use crate::lint::documents;

#[test]
fn what_is_in_no_file_may_exist_and_what_is_not_in_the_cluster_does_not() {
    let mut objects = Objects::default();
    assert_eq!(objects.deployment("a", "b"), Lookup::Unknown);
    objects.complete(Kind::FlinkDeployment);
    assert_eq!(objects.deployment("a", "b"), Lookup::Missing);
    assert_eq!(objects.session_job("a", "b"), Lookup::Unknown);
    objects.add(Kind::FlinkDeployment, &json!("no object"));
    assert_eq!(
        objects.deployment("", ""),
        Lookup::Unknown,
        "it is there, and nobody can read it"
    );
}

fn texts(values: &'static [&'static str]) -> impl Strategy<Value = Value> {
    prop::sample::select(values).prop_map(Value::from)
}

/// Right values, wrong ones, and values of a wrong type.
fn member(name: &'static str) -> BoxedStrategy<Value> {
    let odd = prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!(-1)),
        Just(json!("x"))
    ];
    let fitting = match name {
        "image" => texts(&["flink:1.20", "flink", "a b"]).boxed(),
        "flinkVersion" => texts(&["v1_20", "v2_0", "v1_12", "v9"]).boxed(),
        "memory" => texts(&["2048m", "1 g", "2 gigs", "10m"]).boxed(),
        "upgradeMode" => texts(&["stateless", "savepoint", "last-state"]).boxed(),
        "jarURI" => texts(&["local:///a.jar", "https://example.com/a.jar", "no uri"]).boxed(),
        "parallelism" | "replicas" | "cpu" => (-1..4i64).prop_map(Value::from).boxed(),
        "key" => texts(&["s3://bucket/dir", "kubernetes", "10", "true"]).boxed(),
        _ => texts(&["session", "flink", "Not A Name"]).boxed(),
    };
    prop_oneof![8 => fitting, 1 => odd].boxed()
}

/// An object of some of `members`.
fn map(members: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, value)| (Just(name), prop::option::weighted(0.85, value)))
        .collect();
    members
        .prop_map(|members| {
            let given = members
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)));
            Value::Object(given.collect())
        })
        .boxed()
}

fn fields(names: &[&'static str]) -> Vec<(&'static str, BoxedStrategy<Value>)> {
    names.iter().map(|&name| (name, member(name))).collect()
}

fn spec() -> BoxedStrategy<Value> {
    let resource = || map(fields(&["memory", "cpu"]));
    let configuration = map([
        "high-availability.type",
        "state.checkpoints.dir",
        "kubernetes.cluster-id",
        "taskmanager.numberOfTaskSlots",
    ]
    .map(|name| (name, member("key")))
    .into());
    let mut all = fields(&["image", "flinkVersion", "serviceAccount", "deploymentName"]);
    all.push(("flinkConfiguration", configuration));
    all.push((
        "jobManager",
        map(vec![("resource", resource()), ("replicas", member("replicas"))]),
    ));
    all.push(("taskManager", map(vec![("resource", resource())])));
    all.push(("job", map(fields(&["jarURI", "parallelism", "upgradeMode"]))));
    map(all)
}

fn object() -> impl Strategy<Value = (Kind, Value)> {
    let name = prop::sample::select(vec![
        "job",
        "Not A Name",
        "a-name-that-is-longer-than-forty-five-characters-are",
    ]);
    (prop::sample::select(Kind::ALL.to_vec()), name, spec()).prop_map(|(kind, name, spec)| {
        let spec = match kind {
            Kind::FlinkBlueGreenDeployment => json!({ "template": { "spec": spec } }),
            Kind::FlinkStateSnapshot => json!({ "jobReference": spec, "savepoint": {} }),
            Kind::FlinkDeployment | Kind::FlinkSessionJob => spec,
        };
        let object = json!({
            "apiVersion": "flink.apache.org/v1beta1", "kind": kind.as_str(), "metadata": { "name": name }, "spec": spec,
        });
        (kind, object)
    })
}

/// What the webhook says of `object`: first what it fills in, then its verdict.
fn admitted(judge: Judge, kind: Kind, object: &Value) -> Report {
    let admission = Admission::new(Arc::new(judge));
    let ask = |endpoint, object: &Value| {
        let plural = format!("{}s", kind.as_str().to_lowercase());
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {
                "uid": "u", "operation": "CREATE", "namespace": "team-a", "name": "", "userInfo": {},
                "kind": { "group": "flink.apache.org", "version": "v1beta1", "kind": kind.as_str() },
                "resource": { "group": "flink.apache.org", "version": "v1beta1", "resource": plural },
                "object": object,
            },
        });
        let body = review.to_string();
        let request = review::decode(body.as_bytes()).unwrap();
        admission.evaluate(endpoint, &request).now_or_never().unwrap()
    };
    let mut object = object.clone();
    match ask(Endpoint::Mutate, &object) {
        Verdict::Allowed { patch, .. } => apply(&patch, &mut object).unwrap(),
        other => panic!("{other:?}"),
    }
    match ask(Endpoint::Validate, &object) {
        Verdict::Allowed { warnings, audit, .. } => Report {
            violations: Vec::new(),
            warnings,
            audit,
        },
        Verdict::Denied {
            violations,
            warnings,
            audit,
        } => Report {
            violations,
            warnings,
            audit,
        },
        Verdict::Failed(failure) => panic!("{failure}"),
    }
}

/// What `sluice lint -n team-a` says of `object` in a file.
fn linted(defaults: &DefaultConfiguration, object: &Value, extensions: &Extensions) -> Report {
    let text = serde_saphyr::to_string(object).unwrap();
    let found = documents::parse(&text).unwrap().ours;
    let [document] = found.as_slice() else { panic!("{text}") };
    let object = in_namespace(document.node.to_value(), "team-a");
    judge(
        document.kind,
        &object,
        &environment(defaults, &Objects::default(), extensions),
    )
}

/// A policy that refuses, warns, records, fills in, and fails on some objects.
fn policy() -> Extensions {
    let policy = json!({
        "apiVersion": "sluice.flink.apache.org/v1alpha1", "kind": "ClusterFlinkPolicy", "metadata": { "name": "p" },
        "spec": {
            "rules": [
                { "name": "image", "expression": "!has(object.spec.image) || object.spec.image.startsWith('flink:')" },
                { "name": "slots", "severity": "Warn", "expression": "config['taskmanager.numberOfTaskSlots'] < 5" },
                { "name": "team", "severity": "Audit", "expression": "object.metadata.labels.team == 'team-b'" },
            ],
            "defaults": [{ "path": "metadata.labels.team", "expression": "object.metadata.namespace" }],
        },
    });
    let policy = sluice_policies::Policy::from_json(&policy).unwrap();
    let extensions = Extensions::default();
    extensions.replace(sluice_policies::SOURCE, vec![Arc::new(policy)]);
    extensions
}

proptest! {
    #[test]
    fn a_linted_file_and_an_admitted_object_get_the_same_verdict(
        (kind, object) in object(),
        checkpoints in any::<bool>(),
        has_policy in any::<bool>(),
    ) {
        let options = checkpoints.then_some(("state.checkpoints.dir", "s3://bucket/checkpoints"));
        let defaults = DefaultConfiguration::new(options.into_iter().collect());
        let extensions = Arc::new(if has_policy { policy() } else { Extensions::default() });
        let judge = Judge::new(defaults.clone(), Arc::default()).with_extensions(Arc::clone(&extensions));
        let mut linted = linted(&defaults, &object, &extensions);
        // Only a file has fields that the API server would drop before it asks.
        linted.warnings.retain(|warning| warning.code != "field-unknown");
        prop_assert_eq!(linted, admitted(judge, kind, &object));
    }
}

#[test]
fn generated_objects_are_both_right_and_wrong() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut verdicts = [0, 0];
    let mut of_policy = [0; 3];
    for _ in 0..400 {
        let (_, object) = object().new_tree(&mut runner).unwrap().current();
        let report = linted(&DefaultConfiguration::default(), &object, &Extensions::default());
        verdicts[usize::from(report.is_valid())] += 1;
        let with_policy = linted(&DefaultConfiguration::default(), &object, &policy());
        of_policy[0] += usize::from(with_policy.violations.len() > report.violations.len());
        of_policy[1] += usize::from(with_policy.warnings.len() > report.warnings.len());
        of_policy[2] += usize::from(with_policy.audit.len() > report.audit.len());
    }
    assert!(of_policy.iter().all(|count| *count > 0), "{of_policy:?}");
    assert!(verdicts.iter().all(|count| *count > 0), "{verdicts:?}");
}
