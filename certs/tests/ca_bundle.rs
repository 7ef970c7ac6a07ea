//! The caBundle, against an API server that expects each request in its turn.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

mod common;

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use common::{Log, assert_ever_slower};
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use sluice_certs::Current;
use sluice_certs::authority;
use sluice_certs::ca_bundle::{BundleState, Injector};
use sluice_certs::pem;
use time::OffsetDateTime;
use tokio::time::timeout;
use tower_test::mock::Handle;

type Answer = Response<BoxBody<Bytes, std::io::Error>>;
type Server = Handle<Request<Body>, Answer>;

const CA: &[u8] = b"the CA";

/// A certificate source that has done its work, with [`CA`] for its CA.
fn certificate() -> Current {
    let now = OffsetDateTime::now_utc();
    let ca = authority::create(now).unwrap();
    let leaf = authority::sign(&ca, now + time::Duration::days(1), &["webhook".to_owned()], now).unwrap();
    let current = Current::new();
    current.set(
        pem::serving(leaf.certificate.as_bytes(), leaf.key.as_bytes(), "test").unwrap(),
        Some(CA.to_vec()),
    );
    current
}

fn configuration(ca_bundle: Option<&str>, version: &str) -> Value {
    let webhook = |name: &str| {
        json!({
            "name": name, "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": { "service": { "name": "w", "namespace": "n" }, "caBundle": ca_bundle },
        })
    };
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": "sluice", "uid": "u-1", "resourceVersion": version },
        "webhooks": [webhook("a.flink.apache.org"), webhook("b.flink.apache.org")],
    })
}

fn list(items: &[Value]) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfigurationList",
        "metadata": { "resourceVersion": "10" },
        "items": items,
    })
}

fn ok(body: &Value) -> Answer {
    let bytes = Bytes::from(serde_json::to_vec(body).unwrap());
    Response::new(Full::new(bytes).map_err(|never| match never {}).boxed())
}

async fn next(server: &mut std::pin::Pin<&mut Server>) -> (Request<Body>, tower_test::mock::SendResponse<Answer>) {
    timeout(Duration::from_secs(5), server.next_request())
        .await
        .expect("a request within 5 s")
        .expect("a client that still asks")
}

/// A watch that brings `events` and then stays open.
fn watch(events: &[Value]) -> Answer {
    use futures::StreamExt as _;
    let lines: Vec<Result<Bytes, std::io::Error>> = events
        .iter()
        .map(|event| Ok(Bytes::from(format!("{event}\n"))))
        .collect();
    let stream = futures::stream::iter(lines).chain(futures::stream::pending());
    let frames = stream.map(|line| line.map(http_body::Frame::data));
    Response::new(BodyExt::boxed(StreamBody::new(frames)))
}

async fn assert_repair(request: Request<Body>) {
    assert_eq!(request.method(), http::Method::PATCH);
    assert_eq!(
        request.uri().path(),
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/sluice"
    );
    let query = request.uri().query().unwrap_or_default().to_owned();
    assert!(query.contains("fieldManager=sluice-webhook-ca"), "{query}");
    assert!(query.contains("force=true"), "{query}");
    assert_eq!(request.headers()["content-type"], "application/apply-patch+yaml");
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    // Nothing but the caBundle of each webhook by its name: all else stays the user's.
    let ca = "dGhlIENB";
    assert_eq!(
        body,
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": { "name": "sluice", "uid": "u-1" },
            "webhooks": [
                { "name": "a.flink.apache.org", "clientConfig": { "caBundle": ca } },
                { "name": "b.flink.apache.org", "clientConfig": { "caBundle": ca } },
            ],
        })
    );
}

#[tokio::test]
async fn it_is_written_and_put_back_when_someone_blanks_it() {
    let (service, server) = tower_test::mock::pair::<Request<Body>, Answer>();
    let injector =
        Injector::<ValidatingWebhookConfiguration>::new(Client::new(service, "default"), "sluice", certificate());
    let mut state = injector.state();
    let run = tokio::spawn(injector.run());
    let mut server = pin!(server);

    let (request, send) = next(&mut server).await;
    let query = request.uri().query().unwrap_or_default().to_owned();
    assert!(query.contains("fieldSelector=metadata.name%3Dsluice"), "{query}");
    send.send_response(ok(&list(&[configuration(None, "9")])));

    let (request, send) = next(&mut server).await;
    assert_repair(request).await;
    send.send_response(ok(&configuration(Some("dGhlIENB"), "11")));

    let (request, send) = next(&mut server).await;
    assert!(request.uri().query().unwrap_or_default().contains("watch=true"));
    send.send_response(watch(&[
        json!({ "type": "MODIFIED", "object": configuration(Some("dGhlIENB"), "11") }),
        // What `helm upgrade` of a chart with an empty bundle does.
        json!({ "type": "MODIFIED", "object": configuration(Some("Cg=="), "12") }),
    ]));

    let (request, send) = next(&mut server).await;
    assert_repair(request).await;
    send.send_response(ok(&configuration(Some("dGhlIENB"), "13")));
    timeout(
        Duration::from_secs(5),
        state.wait_for(|state| matches!(state, BundleState::InPlace(_))),
    )
    .await
    .expect("in place within 5 s")
    .expect("running");
    run.abort();
}

#[tokio::test]
async fn a_configuration_that_is_missing_is_waited_for() {
    let (service, server) = tower_test::mock::pair::<Request<Body>, Answer>();
    let injector =
        Injector::<ValidatingWebhookConfiguration>::new(Client::new(service, "default"), "sluice", certificate());
    let mut state = injector.state();
    let run = tokio::spawn(injector.run());
    let mut server = pin!(server);

    let (_, send) = next(&mut server).await;
    send.send_response(ok(&list(&[])));
    timeout(
        Duration::from_secs(5),
        state.wait_for(|state| *state == BundleState::Missing),
    )
    .await
    .expect("noticed within 5 s")
    .expect("running");
    assert_eq!(
        state.borrow().distrusts(|_| false),
        None,
        "nobody calls this webhook, so it need not be unready"
    );

    let (_, send) = next(&mut server).await;
    send.send_response(watch(&[
        json!({ "type": "ADDED", "object": configuration(None, "12") }),
    ]));
    let (request, _) = next(&mut server).await;
    assert_repair(request).await;
    run.abort();
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let (service, server) = tower_test::mock::pair::<Request<Body>, Answer>();
    let injector =
        Injector::<ValidatingWebhookConfiguration>::new(Client::new(service, "default"), "sluice", certificate());
    let mut state = injector.state();
    let run = tokio::spawn(injector.run());
    let mut server = pin!(server);

    let (_, send) = next(&mut server).await;
    send.send_response(ok(&list(&[configuration(None, "9")])));
    let (_, send) = next(&mut server).await;
    let refused = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no",
    });
    let mut response = ok(&refused);
    *response.status_mut() = http::StatusCode::FORBIDDEN;
    send.send_response(response);
    let problem = timeout(
        Duration::from_secs(5),
        state.wait_for(|state| matches!(state, BundleState::Failed { .. })),
    )
    .await
    .expect("noticed within 5 s")
    .expect("running")
    .distrusts(|_| false)
    .expect("a problem");
    for part in [
        "cannot patch",
        "validatingwebhookconfigurations.admissionregistration.k8s.io \"sluice\"",
        "verb \"patch\"",
    ] {
        assert!(problem.contains(part), "{part} is missing in: {problem}");
    }
    run.abort();
}

#[tokio::test(start_paused = true)]
async fn who_keeps_changing_it_is_answered_ever_more_slowly_and_told_of_once() {
    let (log, _guard) = Log::new();
    let (service, server) = tower_test::mock::pair::<Request<Body>, Answer>();
    let injector =
        Injector::<ValidatingWebhookConfiguration>::new(Client::new(service, "default"), "sluice", certificate());
    let state = injector.state();
    let run = tokio::spawn(injector.run());
    let mut server = pin!(server);

    let (_, send) = next(&mut server).await;
    send.send_response(ok(&list(&[configuration(None, "9")])));
    let (events, received) = futures::channel::mpsc::unbounded();
    let mut received = Some(received);
    let mut writes = Vec::new();
    while writes.len() < 28 {
        let request = timeout(Duration::from_mins(1), server.next_request()).await;
        let (request, send) = request.expect("a request within a minute").expect("a client");
        if request.method() == http::Method::PATCH {
            writes.push(tokio::time::Instant::now());
            send.send_response(ok(&configuration(Some("dGhlIENB"), "11")));
            let blank = json!({ "type": "MODIFIED", "object": configuration(None, "12") });
            let line = Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from(format!("{blank}\n"))));
            events.unbounded_send(line).unwrap();
        } else {
            let events = received.take().expect("one watch");
            send.send_response(Response::new(BodyExt::boxed(StreamBody::new(events))));
        }
    }
    assert_ever_slower(&writes);
    let told = log.lines("keeps changing");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("--show-managed-fields"), "{told:?}");
    // Until it is written again, the API server trusts nothing of ours.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let present = vec![Vec::<u8>::new(), Vec::new()];
    assert!(
        matches!(&*state.borrow(), BundleState::Failed { present: found, .. } if *found == present),
        "{:?}",
        *state.borrow()
    );
    run.abort();
}

/// Not to be listed is not to be missing: a CA would be taken for trusted by an API server that calls nobody.
#[tokio::test]
async fn before_the_first_list_nobody_knows_whether_there_is_one() {
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    let (service, server) = tower_test::mock::pair::<Request<Body>, Answer>();
    let current = Current::new();
    let injector =
        Injector::<ValidatingWebhookConfiguration>::new(Client::new(service, "default"), "sluice", current.clone());
    let mut state = injector.state();
    let run = tokio::spawn(injector.run());
    let mut server = pin!(server);

    let (_, send) = next(&mut server).await;
    current.announce("a CA");
    settle().await;
    assert_eq!(*state.borrow(), BundleState::Unknown);
    let mut response = ok(&json!({ "kind": "Status", "code": 403, "reason": "Forbidden", "message": "no" }));
    *response.status_mut() = http::StatusCode::FORBIDDEN;
    send.send_response(response);
    let is_failed = |state: &BundleState| matches!(state, BundleState::Failed { .. });
    let failed = timeout(Duration::from_secs(5), state.wait_for(is_failed)).await;
    failed.expect("noticed within 5 s").expect("running");

    let (_, send) = next(&mut server).await;
    current.announce("another CA");
    settle().await;
    assert!(is_failed(&state.borrow()), "{:?}", *state.borrow());
    send.send_response(ok(&list(&[])));
    let missing = timeout(
        Duration::from_secs(5),
        state.wait_for(|state| *state == BundleState::Missing),
    )
    .await;
    missing.expect("noticed within 5 s").expect("running");
    run.abort();
}

#[tokio::test]
async fn a_watch_that_breaks_says_nothing_about_a_bundle_that_is_in_place() {
    let (service, server) = tower_test::mock::pair::<Request<Body>, Answer>();
    let injector =
        Injector::<ValidatingWebhookConfiguration>::new(Client::new(service, "default"), "sluice", certificate());
    let mut state = injector.state();
    let run = tokio::spawn(injector.run());
    let mut server = pin!(server);

    let (_, send) = next(&mut server).await;
    send.send_response(ok(&list(&[configuration(Some("dGhlIENB"), "9")])));
    timeout(
        Duration::from_secs(5),
        state.wait_for(|state| matches!(state, BundleState::InPlace(_))),
    )
    .await
    .expect("in place within 5 s")
    .expect("running");
    // The API server restarts: the watch fails, and is asked for again after a pause.
    let (_, send) = next(&mut server).await;
    send.send_error(std::io::Error::other("connection refused"));
    let (_, send) = next(&mut server).await;
    assert!(matches!(*state.borrow(), BundleState::InPlace(_)));
    send.send_response(watch(&[
        json!({ "type": "MODIFIED", "object": configuration(None, "12") }),
    ]));
    let (request, _) = next(&mut server).await;
    assert_repair(request).await;
    run.abort();
}
