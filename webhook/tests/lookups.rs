//! Look-ups from watches, against an API server that expects each request in its turn.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use sluice_shared::rules::{Lookup, Lookups as _};
use sluice_webhook::lookups::Lookups;
use tokio::time::timeout;
use tower_test::mock::{Handle, pair};

type Server = Handle<Request<Body>, Response<Body>>;
const LONG: Duration = Duration::from_secs(10);

fn deployment(namespace: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
        "metadata": { "name": name, "namespace": namespace, "resourceVersion": "5", "annotations": { "a": "long text" } },
        "spec": spec, "status": { "error": "long text" },
    })
}

fn list(items: &[Value]) -> Response<Body> {
    let list = json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "List", "metadata": { "resourceVersion": "9" }, "items": items,
    });
    Response::new(Body::from(serde_json::to_vec(&list).unwrap()))
}

fn refused(code: u16) -> Response<Body> {
    let status = json!({ "kind": "Status", "status": "Failure", "code": code, "reason": "No", "message": "no" });
    let mut response = Response::new(Body::from(serde_json::to_vec(&status).unwrap()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

/// Answers every list with what `answer` gives for its path, and keeps watches waiting.
async fn serve(mut server: Pin<&mut Server>, answer: impl Fn(&str) -> Response<Body>) {
    let mut waiting = Vec::new();
    while let Some((request, send)) = server.next_request().await {
        if request.uri().query().unwrap_or_default().contains("watch=true") {
            waiting.push(send);
        } else {
            send.send_response(answer(request.uri().path()));
        }
    }
}

/// Waits until `reached` holds for what the probe says.
async fn until(lookups: &Lookups, reached: impl Fn(&Result<(), String>) -> bool) -> Result<(), String> {
    timeout(LONG, async {
        loop {
            let state = lookups.synced();
            if reached(&state) {
                return state;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("reached within 10 s")
}

#[tokio::test]
async fn objects_are_found_trimmed_and_absent_ones_are_missing_once_all_have_come() {
    let (service, server) = pair::<Request<Body>, Response<Body>>();
    let lookups = Lookups::watching(&Client::new(service, "default"), &["team-a".to_owned()]);
    assert!(
        matches!(lookups.deployment("team-a", "session"), Lookup::Unknown),
        "nothing has come yet"
    );
    assert!(
        lookups
            .synced()
            .unwrap_err()
            .contains("flinkdeployments.flink.apache.org in namespace team-a: not listed")
    );
    tokio::spawn(async move {
        serve(pin!(server), |path| {
            assert!(
                path.starts_with("/apis/flink.apache.org/v1beta1/namespaces/team-a/"),
                "{path}"
            );
            if path.ends_with("/flinkdeployments") {
                let spec =
                    json!({ "flinkVersion": "v1_20", "image": "long text", "flinkConfiguration": { "a.b": "c" } });
                list(&[
                    deployment("team-a", "session", &spec),
                    // One that no type of ours fits must not hide the others.
                    deployment("team-a", "odd", &json!({ "flinkVersion": ["v1_20"] })),
                ])
            } else {
                list(&[])
            }
        })
        .await;
    });
    until(&lookups, Result::is_ok).await.unwrap();
    let Lookup::Found(found) = lookups.deployment("team-a", "session") else {
        panic!("not found");
    };
    assert!(found.spec.flink_configuration.is_some());
    assert!(found.spec.flink_version.is_some());
    assert_eq!(found.spec.image, None, "nothing that no rule reads is kept");
    assert_eq!(found.metadata.annotations, None);
    assert!(found.status.is_none());
    let nobody = lookups.deployment("team-a", "nobody");
    assert!(matches!(nobody, Lookup::Missing));
    let odd = lookups.deployment("team-a", "odd");
    assert!(matches!(odd, Lookup::Unknown), "it exists, whatever it is");
    assert!(matches!(lookups.deployment("team-b", "session"), Lookup::Missing));
    assert!(matches!(lookups.session_job("team-a", "session"), Lookup::Missing));
}

#[tokio::test]
async fn a_missing_permission_and_a_missing_crd_are_named() {
    for (code, texts) in [
        (
            403,
            [
                "no permission: cannot list and watch flinkdeployments.flink.apache.org in all namespaces",
                "\"watch\"",
            ],
        ),
        (
            404,
            [
                "flinkdeployments.flink.apache.org in all namespaces",
                "the CRD is not installed",
            ],
        ),
    ] {
        let (service, server) = pair::<Request<Body>, Response<Body>>();
        let lookups = Arc::new(Lookups::watching(&Client::new(service, "default"), &[]));
        tokio::spawn(async move { serve(pin!(server), |_| refused(code)).await });
        let told = |state: &Result<(), String>| state.as_ref().is_err_and(|text| !text.contains("not listed yet"));
        let problem = until(&lookups, told).await.unwrap_err();
        for text in texts {
            assert!(problem.contains(text), "{text} is missing in: {problem}");
        }
        assert!(matches!(lookups.deployment("a", "b"), Lookup::Unknown));
    }
}
