//! The routes in process: every way in which a request can fail, and what passes without being judged.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

mod common;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::{
    UID, ask, create_deployment, good_spec, object, patch_of, post, review, routes, update_deployment,
    updates_that_pass, webhook,
};
use futures::future::BoxFuture;
use rstest::rstest;
use serde_json::{Value, json};
use sluice_shared::config::DefaultConfiguration;
use sluice_webhook::dispatch::{Admission, Endpoint, Evaluate};
use sluice_webhook::judge::Judge;
use sluice_webhook::lookups::Lookups;
use sluice_webhook::review::Request as AdmissionRequest;
use sluice_webhook::verdict::Verdict;

fn message(response: &Value) -> &str {
    response["status"]["message"].as_str().unwrap()
}

#[tokio::test]
async fn a_good_object_is_allowed() {
    let (status, response) = ask(
        webhook(),
        post("/validate?timeout=5s", create_deployment(&good_spec()).to_string()),
    )
    .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(response, json!({ "uid": UID, "allowed": true }));
}

#[rstest]
#[case::no_json("hello", "", 400, "no AdmissionReview: not valid JSON (line 1, column 1)")]
#[case::empty("", "", 400, "the JSON ends too early")]
#[case::cut(
    r#"{"apiVersion":"admission.k8s.io/v1","request":{"uid":"u-1","obj"#,
    "u-1",
    400,
    "ends too early"
)]
#[case::other_shape(
    r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u-1","operation":"EAT"}}"#,
    "u-1",
    400,
    "another type"
)]
#[case::no_request(
    r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#,
    "",
    400,
    "has no request"
)]
#[case::other_version(
    r#"{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview","request":{"uid":"u-1"}}"#,
    "u-1",
    400,
    "admissionReviewVersions"
)]
#[case::other_kind(r#"{"apiVersion":"v1","kind":"Pod","request":{"uid":"u-1"}}"#, "u-1", 400, "v1 Pod")]
#[case::a_list("[1, 2]", "", 400, "another type")]
#[tokio::test]
async fn bodies_that_cannot_be_read(#[case] body: &str, #[case] uid: &str, #[case] code: u16, #[case] text: &str) {
    let (status, response) = ask(webhook(), post("/validate", body.to_owned())).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(response["uid"], uid);
    assert_eq!(response["allowed"], false);
    assert_eq!(response["status"]["code"], code);
    assert!(message(&response).contains(text), "{response}");
}

#[rstest]
#[case::get("GET", "/validate", "application/json", 200, 405, "GET is not answered")]
#[case::path("POST", "/validates", "application/json", 404, 404, "/validate or /mutate")]
#[case::root("GET", "/", "application/json", 404, 404, "nothing at /")]
#[case::yaml("POST", "/mutate", "application/yaml", 200, 415, "application/yaml")]
#[tokio::test]
async fn requests_of_another_form(
    #[case] method: &str,
    #[case] path: &str,
    #[case] content_type: &str,
    #[case] http: u16,
    #[case] code: u16,
    #[case] text: &str,
) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", content_type)
        .body(Body::from("{}"))
        .unwrap();
    let (status, response) = ask(webhook(), request).await;
    assert_eq!(status.as_u16(), http);
    assert_eq!(response["status"]["code"], code);
    assert!(message(&response).contains(text), "{response}");
}

#[tokio::test]
async fn a_content_type_with_parameters_is_taken() {
    let request = Request::post("/validate")
        .header("content-type", "Application/JSON; charset=utf-8")
        .body(Body::from(create_deployment(&good_spec()).to_string()))
        .unwrap();
    assert_eq!(ask(webhook(), request).await.1["allowed"], true);
}

/// Has a fault of its own.
struct Faulty(fn() -> BoxFuture<'static, Verdict>);

impl Evaluate for Faulty {
    fn evaluate<'a>(&'a self, _: Endpoint, _: &'a AdmissionRequest<'a>) -> BoxFuture<'a, Verdict> {
        (self.0)()
    }
}

fn panics_at_once() -> BoxFuture<'static, Verdict> {
    panic!("secret")
}

fn panics_later() -> BoxFuture<'static, Verdict> {
    Box::pin(async {
        tokio::task::yield_now().await;
        panic!("secret")
    })
}

#[rstest]
#[case::at_once(panics_at_once)]
#[case::later(panics_later)]
#[tokio::test]
async fn a_panic_is_an_answer(#[case] fault: fn() -> BoxFuture<'static, Verdict>) {
    let router = routes(Arc::new(Faulty(fault)));
    for _ in 0..2 {
        let (status, response) = ask(
            router.clone(),
            post("/validate", create_deployment(&good_spec()).to_string()),
        )
        .await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(response["status"]["code"], 500);
        assert_eq!(response["uid"], UID);
        assert!(!response.to_string().contains("secret"), "{response}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_verdict_that_never_comes_is_answered_in_time() {
    let router = routes(Arc::new(Faulty(|| Box::pin(std::future::pending()))));
    let (_, response) = ask(
        router,
        post("/validate?timeout=1s", create_deployment(&good_spec()).to_string()),
    )
    .await;
    assert_eq!(response["status"]["code"], 504);
    assert_eq!(response["uid"], UID);
}

#[tokio::test(start_paused = true)]
async fn more_than_can_wait_are_turned_away_at_once() {
    let router = routes(Arc::new(Faulty(|| Box::pin(std::future::pending()))));
    let body = create_deployment(&good_spec()).to_string();
    let asked = (0..64 + 1024 + 10).map(|_| ask(router.clone(), post("/validate?timeout=1s", body.clone())));
    let codes: Vec<u64> = futures::future::join_all(asked)
        .await
        .into_iter()
        .map(|(_, response)| response["status"]["code"].as_u64().unwrap())
        .collect();
    assert_eq!(codes.iter().filter(|code| **code == 429).count(), 10);
    assert_eq!(codes.iter().filter(|code| **code == 504).count(), 64 + 1024);
}

#[rstest]
#[case::other_kind("Pod", "pods", "not judged by this webhook")]
#[case::kind_and_resource("FlinkDeployment", "flinksessionjobs", "contradicts itself")]
#[tokio::test]
async fn what_is_not_ours_is_denied(#[case] kind: &str, #[case] resource: &str, #[case] text: &str) {
    let body = review(kind, resource, "CREATE", Some(object(kind, &good_spec())), None);
    for path in ["/validate", "/mutate"] {
        let (_, response) = ask(webhook(), post(path, body.to_string())).await;
        assert_eq!(response["allowed"], false);
        assert!(message(&response).contains(text), "{response}");
    }
}

#[tokio::test]
async fn an_object_of_another_kind_than_the_request_says_is_denied() {
    let body = review(
        "FlinkDeployment",
        "flinkdeployments",
        "CREATE",
        Some(object("FlinkSessionJob", &good_spec())),
        None,
    );
    let (_, response) = ask(webhook(), post("/validate", body.to_string())).await;
    assert!(message(&response).contains("contradicts itself"), "{response}");
}

#[tokio::test]
async fn another_version_of_our_group_is_denied() {
    let mut body = create_deployment(&good_spec());
    body["request"]["kind"]["version"] = json!("v1");
    let (_, response) = ask(webhook(), post("/validate", body.to_string())).await;
    assert_eq!(response["allowed"], false);
}

/// A spec that would be refused.
fn bad_spec() -> Value {
    json!({ "flinkVersion": "v9_9" })
}

#[tokio::test]
async fn a_bad_spec_is_refused_with_status_422() {
    let (_, response) = ask(webhook(), post("/validate", create_deployment(&bad_spec()).to_string())).await;
    assert_eq!(response["uid"], UID);
    let status = &response["status"];
    assert_eq!(
        (&status["code"], &status["reason"], &status["status"]),
        (&json!(422), &json!("Invalid"), &json!("Failure"))
    );
    let details = &status["details"];
    assert_eq!(details["name"], "basic");
    assert_eq!(details["kind"], "FlinkDeployment");
    assert_eq!(details["group"], "flink.apache.org");
    let cause = details["causes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["field"] == "spec.flinkVersion")
        .unwrap();
    assert_eq!(cause["reason"], "FieldValueTypeInvalid");
    assert!(cause["message"].as_str().unwrap().contains("v1_20"), "{cause}");
    assert!(
        message(&response).contains("FlinkDeployment default/basic"),
        "{response}"
    );
    assert!(message(&response).contains("spec.flinkVersion"), "{response}");
}

#[rstest]
#[case::delete("DELETE", None)]
#[case::connect("CONNECT", None)]
#[case::status("UPDATE", Some("status"))]
#[case::scale("UPDATE", Some("scale"))]
#[tokio::test]
async fn what_is_never_judged(#[case] operation: &str, #[case] sub_resource: Option<&str>) {
    let bad = object("FlinkDeployment", &bad_spec());
    let mut body = review("FlinkDeployment", "flinkdeployments", operation, Some(bad), None);
    body["request"]["subResource"] = json!(sub_resource);
    for path in ["/validate", "/mutate"] {
        let (_, response) = ask(webhook(), post(path, body.to_string())).await;
        assert_eq!(response, json!({ "uid": UID, "allowed": true }));
    }
}

#[tokio::test]
async fn what_the_own_controller_writes_is_not_validated_but_filled_in() {
    let judge = Judge::new(DefaultConfiguration::default(), Arc::new(Lookups::none()));
    let own = "system:serviceaccount:flink:sluice-controller";
    let router = routes(Arc::new(
        Admission::new(Arc::new(judge)).with_own_accounts(vec![own.to_owned()]),
    ));
    let mut body = create_deployment(&bad_spec());
    for (user, allowed) in [("admin", false), (own, true)] {
        body["request"]["userInfo"]["username"] = json!(user);
        let (_, response) = ask(router.clone(), post("/validate", body.to_string())).await;
        assert_eq!(response["allowed"], allowed, "{user}: {response}");
    }
    let mut job = session_job(&json!({ "name": "basic" }));
    job["request"]["userInfo"]["username"] = json!(own);
    let (_, response) = ask(router, post("/mutate", job.to_string())).await;
    assert!(response["patch"].is_string(), "{response}");
}

#[tokio::test]
async fn an_old_mistake_holds_up_no_change_of_metadata_and_no_deletion() {
    let old = object("FlinkDeployment", &bad_spec());
    for body in updates_that_pass(&old) {
        let (_, response) = ask(webhook(), post("/validate", body.to_string())).await;
        assert_eq!(response["allowed"], true, "{response}");
    }
    let body = update_deployment(&old, &object("FlinkDeployment", &json!({ "flinkVersion": "v8_8" })));
    assert_eq!(
        ask(webhook(), post("/validate", body.to_string())).await.1["allowed"],
        false
    );
}

#[tokio::test]
async fn a_mistake_can_be_repaired() {
    let old = object("FlinkDeployment", &bad_spec());
    let new = object("FlinkDeployment", &good_spec());
    let body = update_deployment(&old, &new);
    assert_eq!(
        ask(webhook(), post("/validate", body.to_string())).await.1["allowed"],
        true
    );
}

#[tokio::test]
async fn a_dry_run_gets_the_same_answer() {
    for (spec, allowed) in [(good_spec(), true), (bad_spec(), false)] {
        let wet = create_deployment(&spec);
        let mut dry = wet.clone();
        dry["request"]["dryRun"] = json!(true);
        assert_ne!(wet, dry);
        for path in ["/validate", "/mutate"] {
            let one = ask(webhook(), post(path, wet.to_string())).await;
            let two = ask(webhook(), post(path, dry.to_string())).await;
            assert_eq!(one, two, "{path}");
            // Two errors are the same answer, too.
            assert_eq!((one.0, &one.1["uid"]), (StatusCode::OK, &json!(UID)), "{path}");
            if path == "/validate" {
                assert_eq!(one.1["allowed"], json!(allowed));
                assert_eq!(one.1["status"]["details"]["causes"].is_array(), !allowed, "{}", one.1);
            }
        }
    }
}

fn session_job(metadata: &Value) -> Value {
    let mut job = object(
        "FlinkSessionJob",
        &json!({ "deploymentName": "session", "job": { "jarURI": "https://h/j.jar" } }),
    );
    job["metadata"] = metadata.clone();
    review("FlinkSessionJob", "flinksessionjobs", "CREATE", Some(job), None)
}

#[rstest]
#[case::no_labels(json!({ "name": "basic" }), json!([{ "op": "add", "path": "/metadata/labels", "value": { "target.session": "session" } }]))]
#[case::other_labels(json!({ "name": "basic", "labels": { "a": "b" } }), json!([{ "op": "add", "path": "/metadata/labels/target.session", "value": "session" }]))]
#[case::another_session(json!({ "name": "basic", "labels": { "target.session": "old" } }), json!([{ "op": "add", "path": "/metadata/labels/target.session", "value": "session" }]))]
#[tokio::test]
async fn a_session_job_is_labelled_with_its_cluster(#[case] metadata: Value, #[case] patch: Value) {
    let body = session_job(&metadata);
    let (_, response) = ask(webhook(), post("/mutate", body.to_string())).await;
    assert_eq!(response["patchType"], "JSONPatch");
    let found = patch_of(&response);
    // "replace" of what is there does the same as "add".
    let found: Vec<(Value, Value)> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|o| (o["path"].clone(), o["value"].clone()))
        .collect();
    let wanted: Vec<(Value, Value)> = patch
        .as_array()
        .unwrap()
        .iter()
        .map(|o| (o["path"].clone(), o["value"].clone()))
        .collect();
    assert_eq!(found, wanted);
    // Asked again about the result, there is nothing left to change.
    let mut again = body;
    let patch: json_patch::Patch = serde_json::from_value(patch_of(&response)).unwrap();
    json_patch::patch(&mut again["request"]["object"], &patch).unwrap();
    let (_, response) = ask(webhook(), post("/mutate", again.to_string())).await;
    assert_eq!(response, json!({ "uid": UID, "allowed": true }));
}

#[tokio::test]
async fn what_needs_no_change_gets_no_patch() {
    let (_, response) = ask(webhook(), post("/mutate", create_deployment(&good_spec()).to_string())).await;
    assert_eq!(response, json!({ "uid": UID, "allowed": true }));
}
