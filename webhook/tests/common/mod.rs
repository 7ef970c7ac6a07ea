//! What the tests of this crate share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::needless_pass_by_value, dead_code)] // helpers of tests; not every test uses all of them

pub mod tls;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use sluice_shared::config::DefaultConfiguration;
use sluice_webhook::dispatch::{Admission, Evaluate};
use sluice_webhook::http::App;
use sluice_webhook::judge::Judge;
use sluice_webhook::lookups::Lookups;
use sluice_webhook::metrics::Metrics;
use tower::ServiceExt as _;

/// A request about a `FlinkDeployment` called `basic`.
pub fn create_deployment(spec: &Value) -> Value {
    let object = object("FlinkDeployment", spec);
    review("FlinkDeployment", "flinkdeployments", "CREATE", Some(object), None)
}

/// An object called `basic`.
pub fn object(kind: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": kind,
        "metadata": { "name": "basic", "namespace": "default" },
        "spec": spec,
    })
}

/// A spec without mistakes.
pub fn good_spec() -> Value {
    json!({
        "image": "flink:1.20",
        "flinkVersion": "v1_20",
        "serviceAccount": "flink",
        "jobManager": { "resource": { "memory": "2048m", "cpu": 1 } },
        "taskManager": { "resource": { "memory": "2048m", "cpu": 1 } },
        "job": { "jarURI": "local:///opt/flink/examples/streaming/StateMachineExample.jar", "parallelism": 2,
                 "upgradeMode": "stateless" },
    })
}

/// A request as the API server sends it.
pub fn review(kind: &str, resource: &str, operation: &str, object: Option<Value>, old: Option<Value>) -> Value {
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": { "group": "flink.apache.org", "version": "v1beta1", "kind": kind },
            "resource": { "group": "flink.apache.org", "version": "v1beta1", "resource": resource },
            "requestKind": { "group": "flink.apache.org", "version": "v1beta1", "kind": kind },
            "requestResource": { "group": "flink.apache.org", "version": "v1beta1", "resource": resource },
            "name": "basic",
            "namespace": "default",
            "operation": operation,
            "userInfo": { "username": "admin", "uid": "014fbff9a07c", "groups": ["system:authenticated"] },
            "object": object,
            "oldObject": old,
            "dryRun": false,
            "options": { "apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions" },
        },
    })
}

/// An update of a `FlinkDeployment`.
pub fn update_deployment(old: &Value, new: &Value) -> Value {
    let (old, new) = (Some(old.clone()), Some(new.clone()));
    review("FlinkDeployment", "flinkdeployments", "UPDATE", new, old)
}

/// Updates of `old` that nothing may hold up, whatever is wrong with the object: one of nothing but metadata, and one of
/// an object that goes.
pub fn updates_that_pass(old: &Value) -> [Value; 2] {
    let mut labelled = old.clone();
    labelled["metadata"]["labels"] = json!({ "team": "a" });
    let mut going = object("FlinkDeployment", &json!({ "flinkVersion": "v0_1" }));
    going["metadata"]["deletionTimestamp"] = json!("2026-11-22T00:00:00Z");
    [labelled, going].map(|new| update_deployment(old, &new))
}

/// The uid that [`review`] uses.
pub const UID: &str = "705ab4f5-6393-11e8-b7cc-42010a800002";

/// The webhook's routes without a cluster.
pub fn webhook() -> Router {
    webhook_with(Lookups::none())
}

/// The webhook's routes with these objects.
pub fn webhook_with(lookups: Lookups) -> Router {
    routes(Arc::new(Admission::new(Arc::new(Judge::new(
        DefaultConfiguration::default(),
        Arc::new(lookups),
    )))))
}

/// The webhook's routes around another judge.
pub fn routes(evaluate: Arc<dyn Evaluate>) -> Router {
    App::new(evaluate, Metrics::default(), || false).router()
}

/// A POST of JSON.
pub fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path)
        .header("content-type", "application/json")
        .body(body.into())
        .unwrap()
}

/// Sends `request` and demands an AdmissionReview for an answer; gives the HTTP status and the `response` in it.
pub async fn ask(router: Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    (status, read_review(response).await)
}

/// Checks that `response` carries an AdmissionReview as Kubernetes wants it; gives its `response`.
pub async fn read_review<B>(response: Response<B>) -> Value
where
    B: axum::body::HttpBody,
    B::Error: std::fmt::Debug,
{
    assert_eq!(response.headers()["content-type"], "application/json");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(review["apiVersion"], "admission.k8s.io/v1");
    assert_eq!(review["kind"], "AdmissionReview");
    let response = review["response"].clone();
    assert!(response["uid"].is_string(), "{response}");
    let allowed = response["allowed"].as_bool().expect("allowed is a boolean");
    if allowed {
        assert!(response.get("status").is_none(), "{response}");
    } else {
        assert!(response["status"]["code"].as_u64().unwrap() >= 400, "{response}");
        assert!(
            !response["status"]["message"].as_str().unwrap().is_empty(),
            "{response}"
        );
        assert!(!response["status"]["reason"].as_str().unwrap().is_empty(), "{response}");
    }
    assert_eq!(response.get("patch").is_some(), response.get("patchType").is_some());
    response
}

/// The patch of a response, decoded.
pub fn patch_of(response: &Value) -> Value {
    use base64::Engine as _;
    let text = response["patch"].as_str().expect("a patch");
    let json = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    serde_json::from_slice(&json).unwrap()
}
