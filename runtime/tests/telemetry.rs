//! Spans as a collector gets them.
#![allow(clippy::expect_used)] // a test's helpers fail as its own body does

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use axum::http::HeaderMap;
use sluice_runtime::telemetry::{continue_trace, start};
use tracing_subscriber::layer::SubscriberExt as _;

/// Takes one request, answers it, and gives its head and body.
fn collect_one(listener: &TcpListener) -> (String, Vec<u8>) {
    let (stream, _) = listener.accept().expect("a connection");
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).expect("a line"), 0, "cut off: {head}");
    }
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length: ")
                .map(str::to_owned)
        })
        .expect("a length");
    let mut body = vec![0; length.parse().expect("a number")];
    reader.read_exact(&mut body).expect("the body");
    reader
        .get_mut()
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        .expect("answered");
    (head, body)
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn spans_reach_the_collector_as_part_of_the_callers_trace() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}/", listener.local_addr().expect("an address"));
    let (sender, collected) = mpsc::channel();
    std::thread::spawn(move || sender.send(collect_one(&listener)));
    let (telemetry, layer) = start("sluice-test", &endpoint).expect("started");
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let span = tracing::debug_span!(target: "sluice_webhook::http", "admission", kind = "FlinkDeployment");
        let mut headers = HeaderMap::new();
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.insert("traceparent", parent.parse().expect("a value"));
        continue_trace(&span, &headers);
        span.in_scope(|| {});
    });
    drop(telemetry);
    let (head, body) = collected.recv_timeout(Duration::from_secs(20)).expect("collected");
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("application/x-protobuf"), "{head}");
    for part in [&b"sluice-test"[..], b"admission", b"FlinkDeployment"] {
        assert!(has(&body, part), "{} is missing", String::from_utf8_lossy(part));
    }
    assert!(
        has(&body, &[0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd]),
        "the caller's trace"
    );
}

#[test]
fn what_is_no_address_is_named() {
    let error = start("sluice-test", "collector:4318")
        .err()
        .expect("refused")
        .to_string();
    assert!(error.starts_with("--otlp-endpoint collector:4318: "), "{error}");
}
