//! Bodies of requests: how long they may be, how much memory they take together, and how long one may take to come.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use common::tls::{chain, connect, http2};
use common::{UID, ask, create_deployment, good_spec, post, read_review, webhook};
use futures::future::BoxFuture;
use futures::{StreamExt as _, stream};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use sluice_certs::{Current, pem};
use sluice_runtime::shutdown::manual;
use sluice_shared::config::DefaultConfiguration;
use sluice_webhook::dispatch::{Admission, Endpoint, Evaluate};
use sluice_webhook::http::App;
use sluice_webhook::judge::Judge;
use sluice_webhook::lookups::Lookups;
use sluice_webhook::metrics::Metrics;
use sluice_webhook::review::Request as AdmissionRequest;
use sluice_webhook::server::{Limits, TlsServer};
use sluice_webhook::verdict::Verdict;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

fn message(response: &Value) -> &str {
    response["status"]["message"].as_str().unwrap()
}

/// A request whose object is padded to `length` bytes of body.
fn of_length(length: usize) -> String {
    let mut spec = good_spec();
    spec["image"] = json!("");
    let empty = create_deployment(&spec).to_string().len();
    spec["image"] = json!("x".repeat(length - empty));
    let body = create_deployment(&spec).to_string();
    assert_eq!(body.len(), length);
    body
}

#[tokio::test]
async fn seven_mebibytes_are_read_and_not_a_byte_more() {
    let limit = 7 * 1024 * 1024;
    let (_, response) = ask(webhook(), post("/validate", of_length(limit))).await;
    assert_ne!(response["status"]["code"], 413);
    assert_eq!(response["uid"], UID);
    let (_, response) = ask(webhook(), post("/validate", of_length(limit + 1))).await;
    assert_eq!(response["status"]["code"], 413);
    assert_eq!(response["status"]["reason"], "RequestEntityTooLarge");
    assert!(message(&response).contains("7 MiB"), "{response}");
}

#[tokio::test]
async fn the_uid_is_kept_when_the_body_is_too_large() {
    // The uid stands before the object, as the API server writes it.
    let body = format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"{UID}","object":"{}"}}}}"#,
        "x".repeat(8 * 1024 * 1024)
    );
    let chunks = body
        .into_bytes()
        .chunks(64 * 1024)
        .map(|c| Ok(Bytes::copy_from_slice(c)))
        .collect::<Vec<Result<_, std::io::Error>>>();
    let (_, response) = ask(webhook(), post("/validate", Body::from_stream(stream::iter(chunks)))).await;
    assert_eq!(response["status"]["code"], 413);
    assert_eq!(response["uid"], UID);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_answered_in_time() {
    let start = format!(r#"{{"apiVersion":"admission.k8s.io/v1","request":{{"uid":"{UID}","#);
    let body = stream::iter([Ok::<_, std::io::Error>(start)]).chain(stream::pending());
    let began = tokio::time::Instant::now();
    let (_, response) = ask(webhook(), post("/validate?timeout=2s", Body::from_stream(body))).await;
    assert_eq!(response["status"]["code"], 504);
    assert_eq!(response["uid"], UID);
    assert_eq!(began.elapsed(), Duration::from_millis(1800));
}

/// The routes, and what their metrics say.
fn measured() -> (Router, impl Fn(&str) -> bool) {
    let judge = Judge::new(DefaultConfiguration::default(), Arc::new(Lookups::none()));
    measured_by(Arc::new(Admission::new(Arc::new(judge))))
}

/// As [`measured`], with another judge.
fn measured_by(evaluate: Arc<dyn Evaluate>) -> (Router, impl Fn(&str) -> bool) {
    let (metrics, mut registry) = (Metrics::default(), Registry::default());
    metrics.register(&mut registry, Current::new());
    let app = App::new(evaluate, metrics, || false);
    let says = move |line: &str| {
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text.lines().any(|found| found == line)
    };
    (app.router(), says)
}

/// `length` bytes at once, and then one by one without an end; `begun` counts those that are read.
fn trickling(length: usize, begun: &Arc<AtomicUsize>) -> Body {
    let begun = Arc::clone(begun);
    let first = stream::once(async move {
        begun.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::io::Error>(Bytes::from(vec![b' '; length]))
    });
    let rest = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Ok(Bytes::from_static(b" ")), ()))
    });
    Body::from_stream(first.chain(rest))
}

fn code(response: &Value) -> u64 {
    response["status"]["code"].as_u64().unwrap()
}

#[tokio::test(start_paused = true)]
async fn who_sends_slowly_takes_no_more_than_a_share_of_the_memory_and_soon_gives_it_back() {
    // 32 MiB, and what is kept for a body of a length that is not known.
    let (all, each) = (32 << 20, 256 << 10);
    let ((app, says), begun) = (measured(), Arc::default());
    let mut slow = JoinSet::new();
    for _ in 0..200 {
        slow.spawn(ask(app.clone(), post("/validate?timeout=30s", trickling(1, &begun))));
    }
    // The clock of the test goes on only when all of them stand still.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(begun.load(Ordering::Relaxed), all / each, "bodies that are being read");
    assert!(says(r#"sluice_admission_bodies_waiting{size="small"} 72"#));
    let asked = tokio::time::Instant::now();
    let honest = create_deployment(&good_spec()).to_string();
    let (_, response) = ask(app, post("/validate?timeout=5s", honest)).await;
    assert_eq!(response["allowed"], true, "{response}");
    assert!(asked.elapsed() <= Duration::from_secs(2), "{:?}", asked.elapsed());
    for (_, response) in slow.join_all().await {
        assert_eq!(code(&response), 408, "{response}");
        assert!(message(&response).contains("bytes of the request's body"), "{response}");
    }
    assert!(says(r#"sluice_admission_bodies_waiting{size="small"} 0"#));
}

/// Takes a second for each request, and counts long ones that it has at once.
#[derive(Default)]
struct Slow {
    long: AtomicUsize,
    most: AtomicUsize,
}

impl Evaluate for Slow {
    fn evaluate<'a>(&'a self, _: Endpoint, request: &'a AdmissionRequest<'a>) -> BoxFuture<'a, Verdict> {
        let long = usize::from(request.object.is_some_and(|object| object.get().len() > 32 << 10));
        Box::pin(async move {
            let now = self.long.fetch_add(long, Ordering::Relaxed) + long;
            self.most.fetch_max(now, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(1)).await;
            self.long.fetch_sub(long, Ordering::Relaxed);
            Verdict::pass()
        })
    }
}

#[tokio::test(start_paused = true)]
async fn long_requests_are_judged_a_few_at_a_time_and_hold_up_no_short_one() {
    let slow = Arc::new(Slow::default());
    let app = App::new(Arc::<Slow>::clone(&slow), Metrics::default(), || false).router();
    let mut long = JoinSet::new();
    for _ in 0..24 {
        long.spawn(ask(app.clone(), post("/validate?timeout=30s", of_length(256 << 10))));
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let asked = tokio::time::Instant::now();
    let (_, response) = ask(app, post("/validate", create_deployment(&good_spec()).to_string())).await;
    assert_eq!(response["allowed"], true, "{response}");
    assert!(asked.elapsed() < Duration::from_millis(1100), "{:?}", asked.elapsed());
    for (_, response) in long.join_all().await {
        assert_eq!(response["allowed"], true, "{response}");
    }
    // 2 MiB of them.
    assert_eq!(slow.most.load(Ordering::Relaxed), 8);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_place_for_long_bodies_keeps_none_of_the_others() {
    let ((app, says), begun) = (measured(), Arc::default());
    let mut slow = JoinSet::new();
    for _ in 0..208 {
        slow.spawn(ask(
            app.clone(),
            post("/validate?timeout=30s", trickling(300 << 10, &begun)),
        ));
        // One after another, so that nothing but a place for long bodies is missing.
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(says(r#"sluice_admission_bodies_waiting{size="large"} 64"#));
    let asked = tokio::time::Instant::now();
    let honest = create_deployment(&good_spec()).to_string();
    let (_, response) = ask(app, post("/validate", honest)).await;
    assert_eq!(response["allowed"], true, "{response}");
    assert!(asked.elapsed() < Duration::from_millis(10), "{:?}", asked.elapsed());
    let codes: Vec<u64> = slow
        .join_all()
        .await
        .iter()
        .map(|(_, response)| code(response))
        .collect();
    let count = |wanted| codes.iter().filter(|code| **code == wanted).count();
    assert_eq!((count(408), count(429)), (8 + 64, 208 - 8 - 64), "64 may wait");
}

/// Keeps long requests until they may go on.
struct Keeping(Semaphore);

impl Evaluate for Keeping {
    fn evaluate<'a>(&'a self, _: Endpoint, request: &'a AdmissionRequest<'a>) -> BoxFuture<'a, Verdict> {
        let long = request.object.is_some_and(|object| object.get().len() > 32 << 10);
        Box::pin(async move {
            if long {
                self.0.acquire().await.unwrap().forget();
            }
            Verdict::pass()
        })
    }
}

#[tokio::test]
async fn long_bodies_that_wait_hold_up_no_other_request_of_their_connection() {
    let keeping = Arc::new(Keeping(Semaphore::new(0)));
    let (app, says) = measured_by(Arc::<Keeping>::clone(&keeping));
    let (pair, current) = (chain(), Current::new());
    let serving = pem::serving(pair.chain.as_bytes(), pair.key.as_bytes(), "test").unwrap();
    current.set(serving, None);
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = TlsServer::bind(listen, current, Limits::default(), Metrics::default());
    let server = server.await.unwrap();
    let (address, (_trigger, shutdown)) = (server.address(), manual());
    tokio::spawn(server.serve(app.clone(), shutdown));

    // All places for long bodies, and nine that wait for one.
    let long = || post("/validate?timeout=30s", of_length(300 << 10));
    let mut open = JoinSet::new();
    for _ in 0..8 {
        let asked = ask(app.clone(), long());
        open.spawn(async { asked.await.1 });
    }
    let sender = http2(connect(address, &pair.root, &[b"h2"]).await.unwrap()).await;
    for _ in 0..9 {
        let mut sender = sender.clone();
        open.spawn(async move { read_review(sender.send_request(long()).await.unwrap()).await });
    }
    let waiting = async {
        while !says(r#"sluice_admission_bodies_waiting{size="large"} 9"#) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), waiting).await.expect("nine wait");
    // They send what they may.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut sender = sender.clone();
    let short = sender.send_request(post("/validate", create_deployment(&good_spec()).to_string()));
    let answer = timeout(Duration::from_secs(10), short).await;
    let answer = answer.expect("answered while the others wait").unwrap();
    assert_eq!(read_review(answer).await["allowed"], true);

    keeping.0.add_permits(17);
    for response in open.join_all().await {
        assert_eq!(response["allowed"], true, "{response}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_body_has_the_time_that_it_needs() {
    let chunks: Vec<Bytes> = of_length(5 << 20)
        .into_bytes()
        .chunks(1 << 20)
        .map(Bytes::copy_from_slice)
        .collect();
    let slowly = stream::iter(chunks).then(|chunk| async {
        tokio::time::sleep(Duration::from_millis(900)).await;
        Ok::<_, std::io::Error>(chunk)
    });
    let (_, response) = ask(webhook(), post("/validate", Body::from_stream(slowly))).await;
    assert_eq!(response["uid"], UID);
    assert_ne!(response["status"]["code"], 408, "{response}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_answered() {
    let chunks = [Ok("{"), Err(std::io::Error::other("gone"))];
    let (_, response) = ask(webhook(), post("/validate", Body::from_stream(stream::iter(chunks)))).await;
    assert_eq!(response["status"]["code"], 400);
}
