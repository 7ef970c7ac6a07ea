//! Whatever comes in, an AdmissionReview goes out.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers fail as its own body does

mod common;

use common::{UID, ask, create_deployment, good_spec, object, post, review, update_deployment, webhook};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Asks both paths about `body`; [`ask`] checks the form of the answers.
fn both(body: &[u8]) -> Vec<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut answers = Vec::new();
        for path in ["/validate", "/mutate"] {
            answers.push(ask(webhook(), post(path, body.to_vec())).await.1);
        }
        answers
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| json!(n)),
        ".{0,20}".prop_map(Value::from),
        Just(json!("v1_20")),
        Just(json!("2048m")),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        let key = prop_oneof![
            "[a-z]{1,8}",
            prop::sample::select(vec![
                "job",
                "jobManager",
                "taskManager",
                "resource",
                "memory",
                "cpu",
                "parallelism",
                "flinkVersion",
                "upgradeMode",
                "flinkConfiguration",
                "podTemplate",
                "ingress",
                "template",
                "deploymentName",
                "jobReference",
                "savepoint",
                "replicas",
                "logConfiguration",
                "spec",
                "jarURI",
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..6).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn kinds() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("FlinkDeployment", "flinkdeployments"),
        ("FlinkSessionJob", "flinksessionjobs"),
        ("FlinkStateSnapshot", "flinkstatesnapshots"),
        ("FlinkBlueGreenDeployment", "flinkbluegreendeployments"),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(body in prop::collection::vec(any::<u8>(), 0..512)) {
        for answer in both(&body) {
            prop_assert_eq!(&answer["allowed"], false);
        }
    }

    #[test]
    fn any_json_for_a_body(body in any_json()) {
        for answer in both(body.to_string().as_bytes()) {
            prop_assert_eq!(&answer["allowed"], false);
        }
    }

    #[test]
    fn any_json_for_a_request(request in any_json()) {
        let body = json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request });
        both(body.to_string().as_bytes());
    }

    #[test]
    fn any_json_for_an_object((kind, resource) in kinds(), new in any_json(), old in any_json()) {
        let body = review(kind, resource, "UPDATE", Some(new), Some(old));
        for answer in both(body.to_string().as_bytes()) {
            prop_assert_eq!(&answer["uid"], UID);
            prop_assert_ne!(&answer["status"]["code"], 500, "a fault: {}", answer);
        }
    }

    #[test]
    fn any_json_for_a_spec((kind, resource) in kinds(), new in any_json(), old in any_json()) {
        let body = review(kind, resource, "UPDATE", Some(object(kind, &new)), Some(object(kind, &old)));
        for answer in both(body.to_string().as_bytes()) {
            prop_assert_eq!(&answer["uid"], UID);
            prop_assert_ne!(&answer["status"]["code"], 500, "a fault: {}", answer);
        }
    }

    #[test]
    fn what_was_filled_in_is_not_filled_in_again((kind, resource) in kinds(), new in any_json(), cluster in "[a-z]{1,8}") {
        let mut new = object(kind, &new);
        if let Some(spec) = new["spec"].as_object_mut() {
            spec.insert("deploymentName".to_owned(), json!(cluster));
        }
        let mut body = review(kind, resource, "CREATE", Some(new), None);
        let answers = both(body.to_string().as_bytes());
        if answers[1].get("patch").is_some() {
            let patch: json_patch::Patch = serde_json::from_value(common::patch_of(&answers[1])).unwrap();
            json_patch::patch(&mut body["request"]["object"], &patch).unwrap();
            let again = both(body.to_string().as_bytes());
            prop_assert_eq!(again[1].get("patch"), None);
            // Who validates sees the object after all mutation; what was filled in is no mistake.
            prop_assert_eq!(&again[0]["status"], &answers[0]["status"]);
        }
    }

    #[test]
    fn any_cut_keeps_the_uid_that_was_read(at in 0_usize..3000) {
        let body = create_deployment(&good_spec()).to_string();
        let at = at.min(body.len() - 1);
        let read = body[..at].contains(&format!("{UID}\""));
        for answer in both(&body.as_bytes()[..at]) {
            prop_assert_eq!(&answer["allowed"], false);
            prop_assert_eq!(&answer["uid"], if read { UID } else { "" });
        }
    }
}

#[test]
fn deep_nesting_is_answered() {
    for depth in [100, 200, 100_000, 1_000_000] {
        let deep = "[".repeat(depth) + &"]".repeat(depth);
        let plain = create_deployment(&json!({ "podTemplate": "DEEP" })).to_string();
        for body in [
            deep.clone(),
            plain.replace("\"DEEP\"", &deep),
            plain.replace("\"DEEP\"", &"{\"a\":".repeat(depth)),
        ] {
            for answer in both(body.as_bytes()) {
                assert_ne!(answer["status"]["code"], 500);
            }
        }
    }
}

#[test]
fn what_cannot_be_read_is_refused_whatever_was_there_before() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let with = |template: &str| {
        let mut spec = good_spec();
        spec["podTemplate"] = json!(template);
        object("FlinkDeployment", &spec)
    };
    let mut without_spec = object("FlinkDeployment", &json!({}));
    without_spec.as_object_mut().unwrap().remove("spec");
    let bodies = [
        create_deployment(&with("NEW")["spec"]),
        update_deployment(&without_spec, &with("NEW")),
        update_deployment(&object("FlinkDeployment", &good_spec()), &with("NEW")),
        update_deployment(&with("OLD"), &with("NEW")),
    ];
    for body in bodies {
        let body = body.to_string().replace("\"OLD\"", &deep(300));
        for unreadable in [deep(200), "\"\\ud800\"".to_owned(), "1e999".to_owned()] {
            let answers = both(body.replace("\"NEW\"", &unreadable).as_bytes());
            let (validated, mutated) = (&answers[0], &answers[1]);
            assert_eq!(validated["allowed"], false, "{validated}");
            assert_eq!(mutated["patch"], Value::Null, "{mutated}");
        }
    }
}

#[test]
fn what_fuzzing_begins_with_is_answered() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/review");
    let mut answered = 0;
    for file in std::fs::read_dir(corpus).unwrap() {
        let path = file.unwrap().path();
        for answer in both(&std::fs::read(&path).unwrap()) {
            assert_ne!(answer["status"]["code"], 500, "{}", path.display());
            answered += 1;
        }
    }
    assert!(answered >= 20, "{answered} answers to the corpus");
}
