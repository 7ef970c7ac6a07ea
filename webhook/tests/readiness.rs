//! The binary with an API server that is slow: it is not ready before it has seen everything.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

mod common;

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use common::tls::chain;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

const LONG: Duration = Duration::from_mins(1);

/// A policy that no webhook let in: of a time without one.
fn broken_policy() -> Value {
    json!({
        "apiVersion": "sluice.flink.apache.org/v1alpha1", "kind": "ClusterFlinkPolicy",
        "metadata": { "name": "broken", "resourceVersion": "1" },
        "spec": { "rules": [{ "name": "r", "expression": "objct.spec" }] },
    })
}

/// Answers lists once they are `released`, and keeps watches waiting.
async fn api_server(mut released: watch::Receiver<bool>, request: Request) -> Response {
    if request.uri().query().unwrap_or_default().contains("watch=true") {
        return std::future::pending().await;
    }
    released.wait_for(|released| *released).await.expect("released");
    let is_policies = request.uri().path().ends_with("/clusterflinkpolicies");
    let items = if is_policies { vec![broken_policy()] } else { Vec::new() };
    let list = json!({ "apiVersion": "v1", "kind": "List", "metadata": { "resourceVersion": "9" }, "items": items });
    ([("content-type", "application/json")], list.to_string()).into_response()
}

async fn admin(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

/// What `/readyz` says once `reached` holds for it.
async fn until(address: SocketAddr, reached: impl Fn(&str) -> bool) -> String {
    timeout(LONG, async {
        loop {
            let text = admin(address, "/readyz").await;
            if reached(&text) {
                return text;
            }
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("reached within a minute")
}

#[tokio::test]
async fn it_is_ready_when_it_has_seen_everything_and_counts_what_it_cannot_use() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let pair = chain();
    fs::write(path("tls.crt"), &pair.chain).unwrap();
    fs::write(path("tls.key"), &pair.key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = listener.local_addr().unwrap();
    let (release, released) = watch::channel(false);
    let routes = Router::new().fallback(move |request: Request| api_server(released.clone(), request));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{ "name": "c", "cluster": { "server": format!("http://{api}") } }],
        "users": [{ "name": "u", "user": {} }],
        "contexts": [{ "name": "c", "context": { "cluster": "c", "user": "u" } }],
    });
    fs::write(path("kubeconfig"), kubeconfig.to_string()).unwrap();
    let mut webhook = Command::new(env!("CARGO_BIN_EXE_sluice-webhook"))
        .env_clear()
        .env("KUBECONFIG", path("kubeconfig"))
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
            "--certs",
            "files",
        ])
        .arg("--tls-cert")
        .arg(path("tls.crt"))
        .arg("--tls-key")
        .arg(path("tls.key"))
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut log = BufReader::new(webhook.stderr.take().unwrap()).lines();
    let address: SocketAddr = loop {
        let line = timeout(LONG, log.next_line()).await.expect("it starts").unwrap();
        let line = line.expect("it goes on");
        if let Some((_, address)) = line.split_once("health and metrics on ") {
            break address.trim().parse().unwrap();
        }
    };
    // What is not read fills the pipe in the end.
    tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });

    let waiting = until(address, |text| {
        text.contains("[+] tls") && text.contains("[-] policies")
    })
    .await;
    assert!(!waiting.starts_with("HTTP/1.1 200"), "{waiting}");
    for part in [
        "flinkdeployments.flink.apache.org in all namespaces: not listed yet",
        "flinksessionjobs.flink.apache.org in all namespaces: not listed yet",
        "flinkpolicies.sluice.flink.apache.org in all namespaces: not listed yet",
    ] {
        assert!(waiting.contains(part), "{part} is missing in {waiting}");
    }
    assert!(admin(address, "/metrics").await.contains("sluice_policies_invalid 0"));

    release.send(true).unwrap();
    until(address, |text| text.starts_with("HTTP/1.1 200")).await;
    assert!(admin(address, "/metrics").await.contains("sluice_policies_invalid 1"));
}
