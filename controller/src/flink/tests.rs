use super::*;
use crate::metrics::Metrics;
use prometheus_client::registry::Registry;
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that reads a request and writes `answer` as it is; an empty answer means that it never answers.
async fn server(answer: &'static str) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut socket, _) = listener.accept().await.expect("a connection");
            let mut request = [0_u8; 2048];
            let read = socket.read(&mut request).await.expect("a request");
            assert!(
                String::from_utf8_lossy(&request[..read])
                    .to_lowercase()
                    .contains("host: job-rest.ns:")
            );
            if !answer.is_empty() {
                socket.write_all(answer.as_bytes()).await.expect("sent");
                continue;
            }
            held.push(socket);
        }
    });
    Endpoint::of("job", "ns", port, Some(IpAddr::V4(Ipv4Addr::LOCALHOST)))
}

fn client() -> FlinkClient {
    FlinkClient::new(Metrics::new(&mut Registry::default()))
}

#[tokio::test]
async fn reads_the_jobs_and_keeps_the_name_in_the_host_header() {
    let endpoint = server("HTTP/1.1 200 OK\r\ncontent-length: 67\r\n\r\n{\"jobs\":[{\"jid\":\"a\",\"name\":\"n\",\"state\":\"RUNNING\",\"start-time\":1}]}  ").await;
    let jobs = client().jobs(&endpoint).await.expect("jobs");
    assert_eq!(jobs[0].name, "n");
}

#[tokio::test]
async fn garbage_and_unexpected_json_are_told_apart_from_an_answer() {
    let client = client();
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n<html",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nnull",
    ] {
        let endpoint = server(answer).await;
        let error = client.jobs(&endpoint).await.expect_err("garbage");
        assert!(matches!(error, RestError::Garbage { .. }), "{error}");
    }
    let endpoint = server("not even HTTP\r\n\r\n").await;
    assert!(matches!(
        client.jobs(&endpoint).await,
        Err(RestError::Unreachable { .. })
    ));
}

#[tokio::test]
async fn a_status_carries_flinks_text() {
    let endpoint = server("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 11\r\n\r\nnot leader!").await;
    let error = client().jobs(&endpoint).await.expect_err("503");
    assert!(
        error.to_string().contains("503") && error.to_string().contains("not leader!"),
        "{error}"
    );
}

#[tokio::test]
async fn cancelling_a_job_that_is_gone_is_fine() {
    let endpoint = server("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
    client().cancel(&endpoint, "a").await.expect("fine");
}

#[tokio::test]
async fn a_refused_connection_is_unreachable_and_does_not_open_the_breaker() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let endpoint = Endpoint::of("job", "ns", port, Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    let client = client();
    for _ in 0..5 {
        assert!(matches!(
            client.jobs(&endpoint).await,
            Err(RestError::Unreachable { .. })
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_jobmanager_is_left_alone_after_three_timeouts() {
    let client = client();
    let endpoint = server("").await;
    for _ in 0..3 {
        assert!(matches!(client.jobs(&endpoint).await, Err(RestError::Timeout { .. })));
    }
    let before = tokio::time::Instant::now();
    assert!(matches!(client.jobs(&endpoint).await, Err(RestError::Open { .. })));
    assert_eq!(before.elapsed(), Duration::ZERO, "no worker waits for it");
    client.forget(&endpoint);
    assert!(matches!(client.jobs(&endpoint).await, Err(RestError::Timeout { .. })));
}
