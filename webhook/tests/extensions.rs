//! Extensions through the routes: what they are told of a request, and what becomes of their answers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

mod common;

use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use common::{ask, good_spec, object, patch_of, post, review, routes, updates_that_pass};
use prometheus_client::registry::Registry;
use rstest::rstest;
use serde_json::{Value, json};
use sluice_certs::Current;
use sluice_shared::config::DefaultConfiguration;
use sluice_shared::defaults::Operation;
use sluice_shared::extension::{self, Extension, Extensions, Failure, FailurePolicy, Question};
use sluice_shared::rules::{Kind, Report, Warning};
use sluice_webhook::dispatch::Admission;
use sluice_webhook::judge::Judge;
use sluice_webhook::lookups::Lookups;
use sluice_webhook::metrics::Metrics;

/// Answers what it was told, or nothing.
#[derive(Debug)]
struct Telling(FailurePolicy, bool);

impl Extension for Telling {
    fn name(&self) -> &'static str {
        "telling"
    }
    fn failure_policy(&self) -> FailurePolicy {
        self.0
    }
    fn applies(&self, _: &Question<'_>) -> bool {
        true
    }
    fn validate(&self, question: &Question<'_>) -> Result<Report, Failure> {
        let request = question.request;
        assert!(request.deadline.is_some_and(|deadline| deadline > Instant::now()));
        let user = request.user.expect("the webhook knows the user");
        let message = format!(
            "{:?} by {} in {:?}, dry run: {}, old: {}, heartbeat {:?}",
            request.operation.map(extension::Operation::as_str),
            user.name,
            user.groups,
            request.dry_run,
            question.old.is_some(),
            question.config.get("heartbeat.interval"),
        );
        self.answer(Report {
            warnings: vec![Warning {
                path: "spec".to_owned(),
                code: "told".into(),
                message,
                fix: "none".to_owned(),
            }],
            ..Report::default()
        })
    }
    fn mutate(&self, question: &Question<'_>) -> Result<Vec<Operation>, Failure> {
        let labels = question.object.pointer("/metadata/labels");
        let path = if labels.is_some() {
            "/metadata/labels/kind"
        } else {
            "/metadata/labels"
        };
        let value = json!(question.kind.as_str());
        self.answer(vec![Operation::Add {
            path: path.to_owned(),
            value: if labels.is_some() {
                value
            } else {
                json!({ "kind": value })
            },
        }])
    }
}

impl Telling {
    fn answer<T>(&self, answer: T) -> Result<T, Failure> {
        if self.1 {
            Ok(answer)
        } else {
            Err(Failure("it sleeps".to_owned()))
        }
    }
}

fn webhook(extension: Telling) -> Router {
    webhook_of(Extensions::default(), extension)
}

/// Who is not asked about.
const OWN: &str = "system:serviceaccount:flink:sluice-controller";

fn webhook_of(extensions: Extensions, extension: impl Extension + 'static) -> Router {
    extensions.replace("test", vec![Arc::new(extension)]);
    let judge = Judge::new(DefaultConfiguration::default(), Arc::new(Lookups::none()));
    let admission = Admission::new(Arc::new(judge.with_extensions(Arc::new(extensions))));
    routes(Arc::new(admission.with_own_accounts(vec![OWN.to_owned()])))
}

fn deployment(old: bool) -> Value {
    let mut spec = good_spec();
    spec["flinkConfiguration"] = json!({ "heartbeat.interval": 7 });
    let new = object("FlinkDeployment", &spec);
    let old = old.then(|| object("FlinkDeployment", &good_spec()));
    let operation = if old.is_some() { "UPDATE" } else { "CREATE" };
    review("FlinkDeployment", "flinkdeployments", operation, Some(new), old)
}

#[rstest]
#[case::create(
    false,
    "Some(\"CREATE\") by admin in [\"system:authenticated\"], dry run: false, old: false, heartbeat Some(\"7\")"
)]
#[case::update(
    true,
    "Some(\"UPDATE\") by admin in [\"system:authenticated\"], dry run: false, old: true, heartbeat Some(\"7\")"
)]
#[tokio::test]
async fn an_extension_knows_the_request(#[case] old: bool, #[case] told: &str) {
    let router = webhook(Telling(FailurePolicy::Closed, true));
    let (_, response) = ask(router, post("/validate", deployment(old).to_string())).await;
    assert_eq!(response["allowed"], true);
    let warning = response["warnings"][0].as_str().unwrap();
    assert!(warning.contains(told), "{warning}");
}

#[rstest]
#[case::answers(
    true,
    "sluice_extension_failures_total{extension=\"telling\",method=\"validate\"} 1",
    false
)]
#[case::gives_none(
    false,
    "sluice_extension_failures_total{extension=\"telling\",method=\"validate\"} 1",
    true
)]
#[tokio::test]
async fn calls_are_counted(#[case] answers: bool, #[case] failure: &str, #[case] is_counted: bool) {
    let metrics = Metrics::default();
    let mut registry = Registry::default();
    metrics.register(&mut registry, Current::new());
    let extensions = Extensions::default();
    extensions.observe(Arc::new(metrics));
    let router = webhook_of(extensions, Telling(FailurePolicy::Open, answers));
    let (_, response) = ask(router, post("/validate", deployment(false).to_string())).await;
    assert_eq!(response["allowed"], true, "{response}");
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    let calls = "sluice_extension_duration_seconds_count{extension=\"telling\",method=\"validate\"} 1";
    assert!(text.contains(calls), "{text}");
    assert_eq!(text.contains(failure), is_counted, "{text}");
}

#[rstest]
#[case(Kind::FlinkDeployment, "flinkdeployments")]
#[case(Kind::FlinkSessionJob, "flinksessionjobs")]
#[case(Kind::FlinkStateSnapshot, "flinkstatesnapshots")]
#[case(Kind::FlinkBlueGreenDeployment, "flinkbluegreendeployments")]
#[tokio::test]
async fn every_kind_is_filled_in_after_what_sluice_fills_in(#[case] kind: Kind, #[case] plural: &str) {
    let mut new = object(kind.as_str(), &json!({ "deploymentName": "session" }));
    let body = review(kind.as_str(), plural, "CREATE", Some(new.clone()), None);
    let router = webhook(Telling(FailurePolicy::Closed, true));
    let (_, response) = ask(router, post("/mutate", body.to_string())).await;
    let patch: json_patch::Patch = serde_json::from_value(patch_of(&response)).unwrap();
    json_patch::patch(&mut new, &patch).unwrap();
    let mut labels = json!({ "kind": kind.as_str() });
    if kind == Kind::FlinkSessionJob {
        labels["target.session"] = json!("session");
    }
    assert_eq!(new["metadata"]["labels"], labels);
}

#[rstest]
#[case::validate("/validate")]
#[case::mutate("/mutate")]
#[tokio::test]
async fn nobodys_own_rules_keep_the_controller_from_its_work(#[case] path: &str) {
    let mut body = deployment(true);
    for (user, allowed) in [("admin", false), (OWN, true)] {
        body["request"]["userInfo"]["username"] = json!(user);
        let router = webhook(Telling(FailurePolicy::Closed, false));
        let (_, response) = ask(router, post(path, body.to_string())).await;
        assert_eq!(response["allowed"], allowed, "{user}: {response}");
    }
}

#[rstest]
#[case::validate("/validate")]
#[case::mutate("/mutate")]
#[tokio::test]
async fn no_answer_follows_the_failure_policy(#[case] path: &str) {
    let body = deployment(false).to_string();
    let closed = webhook(Telling(FailurePolicy::Closed, false));
    let (_, response) = ask(closed, post(path, body.clone())).await;
    assert_eq!(response["status"]["code"], 422);
    assert!(
        response["status"]["message"].as_str().unwrap().contains("it sleeps"),
        "{response}"
    );
    let open = webhook(Telling(FailurePolicy::Open, false));
    let (_, response) = ask(open, post(path, body)).await;
    assert_eq!(response["allowed"], true);
    assert!(
        response["warnings"][0].as_str().unwrap().contains("it sleeps"),
        "{response}"
    );
}

#[tokio::test]
async fn an_extension_without_an_answer_holds_up_no_change_of_metadata_and_no_deletion() {
    let old = object("FlinkDeployment", &good_spec());
    for body in updates_that_pass(&old) {
        for path in ["/validate", "/mutate"] {
            let router = webhook(Telling(FailurePolicy::Closed, false));
            let (_, response) = ask(router, post(path, body.to_string())).await;
            assert_eq!(response["allowed"], true, "{response}");
        }
    }
}

/// Computes until it is told that something else went on.
#[derive(Debug)]
struct Busy(Mutex<Receiver<()>>);

impl Extension for Busy {
    fn name(&self) -> &'static str {
        "busy"
    }
    fn failure_policy(&self) -> FailurePolicy {
        FailurePolicy::Closed
    }
    fn applies(&self, _: &Question<'_>) -> bool {
        true
    }
    fn validate(&self, _: &Question<'_>) -> Result<Report, Failure> {
        // Ends a test that has failed: where this worker is the only one, nothing else would.
        let told = self.0.lock().unwrap().recv_timeout(Duration::from_secs(25));
        told.map_or_else(
            |_| Err(Failure("nothing else went on".to_owned())),
            |()| Ok(Report::default()),
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_computes_in_process_leaves_the_worker_to_others() {
    let (sender, receiver) = mpsc::channel();
    let router = webhook_of(Extensions::default(), Busy(Mutex::new(receiver)));
    let asked = ask(router, post("/validate?timeout=30s", deployment(false).to_string()));
    let busy = tokio::spawn(asked);
    // Comes to the one worker after that.
    tokio::spawn(async move { sender.send(()) });
    let (_, response) = busy.await.unwrap();
    assert_eq!(response["allowed"], true, "{response}");
}
