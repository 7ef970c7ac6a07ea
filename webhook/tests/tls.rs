//! The server over real sockets: certificates that change, protocols, limits, drain, self-check.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

mod common;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use axum::body::Body;
use axum::http::Version;
use common::tls::{Pair, chain, chain_until, connect, http1, http2, leaf_of, publish};
use common::{create_deployment, good_spec, post, read_review};
use futures::future::BoxFuture;
use hyper::client::conn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sluice_certs::files::FileSource;
use sluice_certs::{Current, pem};
use sluice_runtime::shutdown::{Trigger, manual};
use sluice_shared::config::DefaultConfiguration;
use sluice_webhook::dispatch::{Admission, Endpoint, Evaluate};
use sluice_webhook::http::App;
use sluice_webhook::judge::Judge;
use sluice_webhook::lookups::Lookups;
use sluice_webhook::metrics::Metrics;
use sluice_webhook::review::Request as AdmissionRequest;
use sluice_webhook::selfcheck;
use sluice_webhook::server::{Limits, ServerError, TlsServer};
use sluice_webhook::verdict::Verdict;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Longer than anything here takes; a test that reaches it has failed.
const LONG: Duration = Duration::from_secs(20);

/// The time of a test that moves on by [`pass`] alone: nothing is late, or early, because this machine is busy.
struct Still(#[allow(dead_code)] mpsc::Sender<()>);

fn still() -> Still {
    let (sender, dropped) = mpsc::channel::<()>();
    // A paused clock does not move by itself while a blocking task runs. This one ends when a test has failed: then the clock
    // runs ahead, and what the test waits for in vain is over.
    tokio::task::spawn_blocking(move || dropped.recv_timeout(LONG));
    tokio::time::pause();
    Still(sender)
}

/// Lets time pass, and others see it.
async fn pass(time: Duration) {
    tokio::time::advance(time).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

struct Running {
    address: SocketAddr,
    current: Current,
    trigger: Trigger,
    server: JoinHandle<Result<(), ServerError>>,
}

fn admission() -> Arc<dyn Evaluate> {
    Arc::new(Admission::new(Arc::new(Judge::new(
        DefaultConfiguration::default(),
        Arc::new(Lookups::none()),
    ))))
}

async fn start(current: Current, limits: Limits, evaluate: Arc<dyn Evaluate>) -> Running {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let (trigger, shutdown) = manual();
    let server = TlsServer::bind(address, current.clone(), limits, Metrics::default())
        .await
        .unwrap();
    let draining = shutdown.clone();
    let app = App::new(evaluate, Metrics::default(), move || draining.is_requested());
    Running {
        address: server.address(),
        current,
        trigger,
        server: tokio::spawn(server.serve(app.router(), shutdown)),
    }
}

fn limits() -> Limits {
    Limits {
        drain_pause: Duration::ZERO,
        ..Limits::default()
    }
}

fn current(pair: &Pair) -> Current {
    let current = Current::new();
    current.set(
        pem::serving(pair.chain.as_bytes(), pair.key.as_bytes(), "test").unwrap(),
        None,
    );
    current
}

fn body() -> String {
    create_deployment(&good_spec()).to_string()
}

#[tokio::test]
async fn both_protocols_answer_with_a_chain_that_the_root_alone_verifies() {
    let pair = chain();
    let running = start(current(&pair), limits(), admission()).await;
    let stream = connect(running.address, &pair.root, &[b"h2", b"http/1.1"])
        .await
        .unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let mut sender = http2(stream).await;
    let response = sender.send_request(post("/validate", body())).await.unwrap();
    assert_eq!(response.version(), Version::HTTP_2);
    assert_eq!(read_review(response).await["allowed"], true);

    // As the API server does it, and as clients without ALPN do.
    for alpn in [&[&b"http/1.1"[..]][..], &[]] {
        let mut sender = http1(connect(running.address, &pair.root, alpn).await.unwrap()).await;
        for _ in 0..3 {
            let response = sender.send_request(post("/validate", body())).await.unwrap();
            assert_eq!(response.version(), Version::HTTP_11);
            assert!(response.headers().get("connection").is_none());
            assert_eq!(read_review(response).await["allowed"], true);
        }
    }
}

async fn leaf(address: SocketAddr, pair: &Pair) -> Option<Vec<u8>> {
    Some(leaf_of(&connect(address, &pair.root, &[]).await.ok()?))
}

#[tokio::test]
async fn certificates_change_by_symlink_swap_while_connections_go_on() {
    let volume = tempfile::tempdir().unwrap();
    let current = Current::new();
    let mut pair = chain();
    publish(volume.path(), &pair);
    let file = |name: &str| Path::join(volume.path(), name);
    let source =
        FileSource::new(file("tls.crt"), file("tls.key"), None, current.clone()).poll_every(Duration::from_millis(5));
    source.load().unwrap();
    let following = tokio::spawn(source.run());
    let running = start(current, limits(), admission()).await;
    let mut old = http1(connect(running.address, &pair.root, &[]).await.unwrap()).await;
    for _ in 1..=4 {
        let before = running.current.view().serving.unwrap().leaf().to_vec();
        pair = chain();
        let mut views = running.current.subscribe();
        publish(volume.path(), &pair);
        let changed = |view: &sluice_certs::current::View| view.serving.as_ref().is_some_and(|s| s.leaf() != before);
        timeout(LONG, views.wait_for(changed)).await.expect("seen").unwrap();
        // The new root verifies new connections; the old connection knows nothing of it.
        let served = leaf(running.address, &pair).await.expect("served");
        assert_ne!(served, before);
        selfcheck::check(running.address, &running.current).await.unwrap();
        let response = old.send_request(post("/validate", body())).await.unwrap();
        assert_eq!(read_review(response).await["allowed"], true);
    }
    following.abort();
}

/// Checks that the server ends the connection when a time of `limit` has passed since `began`, not before.
async fn ends_after(limit: Duration, began: Instant, stream: &mut (impl tokio::io::AsyncRead + Unpin)) {
    let mut rest = Vec::new();
    let end = stream.read_to_end(&mut rest);
    tokio::pin!(end);
    let step = limit / 10;
    let ended = async {
        // The server may not have accepted it yet: then its time begins later.
        while futures::poll!(&mut end).is_pending() {
            pass(step).await;
        }
    };
    timeout(LONG, ended).await.expect("the server ends the connection");
    assert!(began.elapsed() >= limit, "after {:?}", began.elapsed());
}

#[tokio::test]
async fn a_client_that_does_not_speak_is_dropped() {
    let short = Duration::from_millis(300);
    let pair = chain();
    let limits = Limits {
        handshake: short,
        first_request: short,
        ..limits()
    };
    let _still = still();
    let running = start(current(&pair), limits, admission()).await;
    let began = Instant::now();
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    ends_after(short, began, &mut silent).await;
    let began = Instant::now();
    let mut after_tls = connect(running.address, &pair.root, &[]).await.unwrap();
    ends_after(short, began, &mut after_tls).await;
    let began = Instant::now();
    let mut slow = connect(running.address, &pair.root, &[]).await.unwrap();
    slow.write_all(b"POST /validate HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    ends_after(short, began, &mut slow).await;
    let mut plain = TcpStream::connect(running.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    let end = timeout(LONG, plain.read_to_end(&mut rest)).await;
    let _ = end.expect("what is no TLS is not waited for");
    // And the server is well.
    selfcheck::check(running.address, &running.current).await.unwrap();
}

#[tokio::test]
async fn a_client_may_pause_between_requests() {
    let pair = chain();
    let limits = Limits {
        first_request: Duration::from_millis(100),
        ..limits()
    };
    let _still = still();
    let running = start(current(&pair), limits, admission()).await;
    let mut sender = http1(connect(running.address, &pair.root, &[]).await.unwrap()).await;
    for pause in [0, 300] {
        pass(Duration::from_millis(pause)).await;
        let response = sender.send_request(post("/validate", body())).await.unwrap();
        assert_eq!(read_review(response).await["allowed"], true);
    }
}

#[tokio::test]
async fn a_connection_of_http2_is_closed_when_it_is_idle_and_not_while_a_request_is_open() {
    let pair = chain();
    let gate = Gate::closed();
    let idle = Duration::from_millis(200);
    let limits = Limits {
        idle,
        first_request: Duration::from_millis(50),
        ..limits()
    };
    let _still = still();
    let running = start(current(&pair), limits, Arc::new(gate.clone())).await;
    let stream = connect(running.address, &pair.root, &[b"h2"]).await.unwrap();
    let (mut sender, connection) = conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let mut connection = tokio::spawn(connection);
    let open = tokio::spawn(sender.send_request(post("/validate", body())));
    gate.waited_for_by(1).await;
    // The server looks once in each of these: timers are exact to a millisecond.
    let look = idle + Duration::from_millis(1);
    for _ in 0..6 {
        pass(look).await;
    }
    assert!(!open.is_finished(), "the gate is closed");
    gate.open.add_permits(3);
    let response = timeout(LONG, open).await.expect("not cut off").unwrap().unwrap();
    assert_eq!(read_review(response).await["allowed"], true);
    // On a connection that the server has begun to close, there are no more of them.
    for pause in [Duration::ZERO, look] {
        pass(pause).await;
        let response = timeout(LONG, sender.send_request(post("/validate", body()))).await;
        let response = response.expect("answered").expect("not closed at once");
        assert_eq!(read_review(response).await["allowed"], true);
    }
    // Something happened before the first of these looks, nothing before the second.
    for _ in 0..2 {
        pass(look).await;
    }
    // The client keeps its end open, and answers the server's pings.
    let ended = timeout(LONG, &mut connection).await.expect("closed").unwrap();
    ended.expect("by GOAWAY, not cut off");
    drop(sender);
}

#[tokio::test]
async fn connections_of_http2_beyond_their_limit_wait_and_hold_up_no_others() {
    let pair = chain();
    let limits = Limits {
        http2_connections: 1,
        ..limits()
    };
    let _still = still();
    let running = start(current(&pair), limits, admission()).await;
    let ask = |protocol| tokio::spawn(ask_over(protocol, running.address, pair.root.clone()));
    let (_, first) = timeout(LONG, ask("h2")).await.expect("answered").unwrap();
    let second = ask("h2");
    for _ in 0..3 {
        let other = timeout(LONG, ask("http/1.1")).await;
        assert_eq!(other.expect("not held up").unwrap().0["allowed"], true);
    }
    assert!(!second.is_finished(), "served beyond the limit");
    drop(first);
    let (response, _) = timeout(LONG, second).await.expect("served once there is room").unwrap();
    assert_eq!(response["allowed"], true);
}

/// An answer, and what keeps a connection of HTTP/2.
async fn ask_over(
    protocol: &'static str,
    address: SocketAddr,
    root: String,
) -> (serde_json::Value, Option<conn::http2::SendRequest<Body>>) {
    let stream = connect(address, &root, &[protocol.as_bytes()]).await.unwrap();
    let request = post("/validate", body());
    if protocol == "h2" {
        let mut sender = http2(stream).await;
        let response = sender.send_request(request).await.unwrap();
        (read_review(response).await, Some(sender))
    } else {
        let response = http1(stream).await.send_request(request).await.unwrap();
        (read_review(response).await, None)
    }
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let pair = chain();
    let limits = Limits {
        connections: 1,
        ..limits()
    };
    let running = start(current(&pair), limits, admission()).await;
    let first = connect(running.address, &pair.root, &[]).await.unwrap();
    let second = connect(running.address, &pair.root, &[]);
    tokio::pin!(second);
    assert!(
        timeout(Duration::from_millis(300), &mut second).await.is_err(),
        "served beyond the limit"
    );
    drop(first);
    timeout(LONG, second).await.expect("served once there is room").unwrap();
}

/// Waits for a permit before it answers, and tells who waits.
#[derive(Clone)]
struct Gate {
    open: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Gate {
    fn closed() -> Self {
        Self {
            open: Arc::new(Semaphore::new(0)),
            waiting: Arc::new(Semaphore::new(0)),
        }
    }

    /// Returns when `count` requests wait.
    async fn waited_for_by(&self, count: u32) {
        timeout(LONG, self.waiting.acquire_many(count))
            .await
            .expect("asked")
            .unwrap()
            .forget();
    }
}

impl Evaluate for Gate {
    fn evaluate<'a>(&'a self, _: Endpoint, _: &'a AdmissionRequest<'a>) -> BoxFuture<'a, Verdict> {
        Box::pin(async move {
            self.waiting.add_permits(1);
            self.open.acquire().await.unwrap().forget();
            Verdict::pass()
        })
    }
}

#[tokio::test]
async fn the_drain_answers_what_is_open_and_accepts_for_a_while() {
    let pair = chain();
    let gate = Gate::closed();
    let limits = Limits {
        drain_pause: Duration::from_millis(500),
        ..Limits::default()
    };
    let still = still();
    let running = start(current(&pair), limits, Arc::new(gate.clone())).await;
    let mut open = http1(connect(running.address, &pair.root, &[]).await.unwrap()).await;
    let waiting = tokio::spawn(async move { open.send_request(post("/validate", body())).await });
    gate.waited_for_by(1).await;
    running.trigger.request();

    // While draining, a new connection is served and asked to come again elsewhere.
    let mut sender = http1(connect(running.address, &pair.root, &[]).await.unwrap()).await;
    gate.open.add_permits(2);
    let response = sender.send_request(post("/validate", body())).await.unwrap();
    assert_eq!(response.headers()["connection"], "close");
    assert_eq!(read_review(response).await["allowed"], true);
    let response = timeout(LONG, waiting).await.unwrap().unwrap().expect("answered");
    assert_eq!(read_review(response).await["allowed"], true);

    assert!(!running.server.is_finished(), "it accepts for as long as it shall");
    drop(still);
    timeout(LONG, running.server).await.expect("ended").unwrap().unwrap();
    assert!(TcpStream::connect(running.address).await.is_err(), "the port is free");
}

#[tokio::test]
async fn a_request_that_is_open_when_accepting_ends_is_still_answered() {
    let pair = chain();
    let gate = Gate::closed();
    let running = start(current(&pair), limits(), Arc::new(gate.clone())).await;
    let mut h1 = http1(connect(running.address, &pair.root, &[]).await.unwrap()).await;
    let mut h2 = http2(connect(running.address, &pair.root, &[b"h2"]).await.unwrap()).await;
    let one = tokio::spawn(async move { h1.send_request(post("/validate", body())).await });
    let two = tokio::spawn(async move { h2.send_request(post("/validate", body())).await });
    gate.waited_for_by(2).await;
    running.trigger.request();
    let address = running.address;
    timeout(LONG, async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("accepting ends");
    assert!(!running.server.is_finished(), "requests are open");
    gate.open.add_permits(2);
    for answer in [one, two] {
        let response = timeout(LONG, answer).await.unwrap().unwrap().expect("answered");
        assert_eq!(read_review(response).await["allowed"], true);
    }
    timeout(LONG, running.server).await.expect("ended").unwrap().unwrap();
}

#[tokio::test]
async fn the_self_check_says_what_is_wrong() {
    let current = Current::new();
    let running = start(current.clone(), limits(), admission()).await;
    let error = selfcheck::check(running.address, &current).await.unwrap_err();
    assert_eq!(error, "there is no certificate yet");
    current.set_problem(&"no permission");
    assert_eq!(
        selfcheck::check(running.address, &current).await.unwrap_err(),
        "no permission"
    );

    let ended = chain_until(time::OffsetDateTime::now_utc() - time::Duration::hours(1));
    current.set(
        pem::serving(ended.chain.as_bytes(), ended.key.as_bytes(), "test").unwrap(),
        None,
    );
    assert!(
        selfcheck::check(running.address, &current)
            .await
            .unwrap_err()
            .starts_with("the certificate ended at")
    );

    let pair = chain();
    current.set(
        pem::serving(pair.chain.as_bytes(), pair.key.as_bytes(), "test").unwrap(),
        None,
    );
    selfcheck::check(running.address, &current).await.unwrap();
    let other = common::tls::chain();
    let error = selfcheck::check(running.address, &self::current(&other))
        .await
        .unwrap_err();
    assert_eq!(error, "the listener serves another certificate than the current one");

    running.trigger.request();
    timeout(LONG, running.server).await.expect("ended").unwrap().unwrap();
    let error = selfcheck::check(running.address, &current).await.unwrap_err();
    assert!(error.starts_with("cannot connect to the own listener"), "{error}");
}
