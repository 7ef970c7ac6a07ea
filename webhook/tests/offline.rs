//! The binary without a cluster.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

mod common;

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use common::tls::{Pair, chain, connect, http1};
use common::{create_deployment, good_spec, post, read_review, review};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(30);

struct Webhook {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    address: SocketAddr,
    admin: SocketAddr,
    pair: Pair,
    folder: tempfile::TempDir,
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice-webhook"));
    command
        .env_clear()
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

impl Webhook {
    async fn start(objects: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pair = chain();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("tls.crt"), &pair.chain).unwrap();
        fs::write(path("tls.key"), &pair.key).unwrap();
        let mut command = command();
        command.args(["serve", "--offline", "--listen", "127.0.0.1:0", "--drain-pause", "0"]);
        command.args(["--admin-listen", "127.0.0.1:0"]);
        command
            .arg("--tls-cert")
            .arg(path("tls.crt"))
            .arg("--tls-key")
            .arg(path("tls.key"));
        if let Some(objects) = objects {
            fs::write(path("objects.yaml"), objects).unwrap();
            command.arg("--objects").arg(path("objects.yaml"));
        }
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut told = async |before: &str| -> SocketAddr {
            while let Some(line) = timeout(LONG, log.next_line()).await.expect("it starts").unwrap() {
                if let Some((_, address)) = line.split_once(before) {
                    return address.trim().parse().unwrap();
                }
            }
            panic!("it ended without \"{before}\"");
        };
        let admin = told("health and metrics on ").await;
        let address = told("listening on ").await;
        Self {
            child,
            log,
            address,
            admin,
            pair,
            folder,
        }
    }

    async fn ask(&self, path: &str, body: &Value) -> Value {
        let mut sender = http1(connect(self.address, &self.pair.root, &[]).await.unwrap()).await;
        let response = sender.send_request(post(path, body.to_string())).await.unwrap();
        read_review(response).await
    }

    async fn admin(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.admin).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }
}

const SESSION_CLUSTER: &str = "
apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata:
  name: session
spec:
  flinkVersion: v1_20
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: unrelated
";

#[tokio::test]
async fn it_answers_reports_and_ends() {
    let mut webhook = Webhook::start(Some(SESSION_CLUSTER)).await;
    let good = webhook.ask("/validate", &create_deployment(&good_spec())).await;
    assert_eq!(good["allowed"], true, "{good}");
    let bad = webhook
        .ask("/validate", &create_deployment(&json!({ "flinkVersion": "v9_9" })))
        .await;
    assert_eq!(bad["status"]["code"], 422);
    // Neither is judged.
    webhook.ask("/nowhere", &json!({})).await;
    let malformed = json!({ "request": { "uid": "u-7", "object": "a value" } });
    webhook.ask("/mutate", &malformed).await;

    assert!(webhook.admin("/readyz").await.contains("[+] tls: ok"));
    assert!(webhook.admin("/healthz").await.starts_with("HTTP/1.1 200"));
    let metrics = webhook.admin("/metrics").await;
    for line in [
        r#"sluice_admission_requests_total{kind="FlinkDeployment",operation="CREATE",path="validate",allowed="true",code="200"} 1"#,
        r#"sluice_admission_requests_total{kind="FlinkDeployment",operation="CREATE",path="validate",allowed="false",code="422"} 1"#,
        "sluice_admission_in_flight 0",
        "sluice_webhook_certificate_expiry_timestamp_seconds 1",
        "sluice_webhook_certificate_held_back 0",
        r#"sluice_admission_duration_seconds_count{path="validate"} 2"#,
        r#"sluice_admission_violations_total{code="field-type"} 1"#,
        "sluice_admission_waiting 0",
    ] {
        assert!(metrics.contains(line), "{line} is missing in {metrics}");
    }

    let id = webhook.child.id().unwrap().to_string();
    assert!(
        Command::new("/bin/kill")
            .args(["-TERM", &id])
            .status()
            .await
            .unwrap()
            .success()
    );
    let status = timeout(LONG, webhook.child.wait()).await.expect("it ends").unwrap();
    assert_eq!(status.code(), Some(0));
    let mut rest = Vec::new();
    while let Some(line) = webhook.log.next_line().await.unwrap() {
        rest.push(line);
    }
    assert!(rest.iter().any(|line| line.contains("drained")), "{rest:?}");
    let audited: Vec<&String> = rest
        .iter()
        .filter(|line| line.contains(" admission verdict="))
        .collect();
    assert_eq!(audited.len(), 4, "{rest:?}");
    for part in [
        r#"verdict="allowed" endpoint="validate" operation="CREATE" kind="FlinkDeployment""#,
        r#"namespace="default" name="basic" user="admin" uid="705ab4f5-6393-11e8-b7cc-42010a800002" dry_run=false"#,
    ] {
        assert!(audited[0].contains(part), "{part} is missing in {}", audited[0]);
    }
    assert!(audited[1].contains(r#"verdict="denied""#), "{}", audited[1]);
    assert!(!audited[1].contains("v9_9"), "a value: {}", audited[1]);
    for (line, first, last) in [
        (
            2,
            r#"path="/nowhere" peer=127.0.0.1:"#,
            r#" uid="" code=404 violations="NotFound""#,
        ),
        (
            3,
            r#"path="/mutate" peer=127.0.0.1:"#,
            r#" uid="u-7" code=400 violations="BadRequest""#,
        ),
    ] {
        let line = audited[line];
        assert!(line.contains(first) && line.contains(last), "{line}");
        assert!(
            line.contains(r#"verdict="failed""#) && !line.contains("a value"),
            "{line}"
        );
    }
    drop(webhook.folder);
}

#[tokio::test]
async fn objects_of_the_file_stand_for_the_clusters() {
    let webhook = Webhook::start(Some(SESSION_CLUSTER)).await;
    let snapshot = |name: &str| {
        let mut object = common::object(
            "FlinkStateSnapshot",
            &json!({ "savepoint": {}, "jobReference": { "kind": "FlinkDeployment", "name": name } }),
        );
        object["metadata"]["namespace"] = json!("default");
        review(
            "FlinkStateSnapshot",
            "flinkstatesnapshots",
            "CREATE",
            Some(object),
            None,
        )
    };
    let found = webhook.ask("/validate", &snapshot("session")).await;
    assert_eq!(found["allowed"], true, "{found}");
    let missing = webhook.ask("/validate", &snapshot("nobody")).await;
    assert_eq!(missing["status"]["code"], 422, "{missing}");
    assert!(
        missing["status"]["message"].as_str().unwrap().contains("nobody"),
        "{missing}"
    );
}

#[tokio::test]
async fn a_wrong_configuration_is_named_and_ends_with_code_2() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.yaml"), "a: 1\nb: [\n").unwrap();
    let mut command = command();
    command.args([
        "serve",
        "--offline",
        "--tls-cert",
        "c",
        "--tls-key",
        "k",
        "--config-dir",
    ]);
    let output = timeout(LONG, command.arg(folder.path()).output())
        .await
        .expect("it ends")
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("config.yaml, line"), "{stderr}");
}

#[rstest]
#[case::no_command(&[], "Usage")]
#[case::no_certificate(&["serve", "--offline"], "--tls-cert is needed")]
#[case::no_such_certificate(&["serve", "--offline", "--tls-cert", "/nonexistent/c", "--tls-key", "/nonexistent/k"], "cannot read /nonexistent/c")]
#[case::no_such_folder(&["serve", "--offline", "--tls-cert", "c", "--tls-key", "k", "--config-dir", "/nonexistent/conf"], "--config-dir /nonexistent/conf")]
#[case::bad_filter(&["serve", "--log-level", "a=b=c"], "--log-level")]
#[case::bad_address(&["serve", "--listen", "nowhere"], "--listen")]
#[case::names_without_a_ca(&["serve", "--client-names", "apiserver"], "--client-ca")]
#[case::no_such_client_ca(&["serve", "--offline", "--listen", "127.0.0.1:0", "--tls-cert", "c", "--tls-key", "k", "--client-ca", "/nonexistent/ca"], "cannot read /nonexistent/ca")]
#[case::odd_account(&["serve", "--offline", "--tls-cert", "c", "--tls-key", "k", "--own-accounts", "me"], "--own-accounts me: write namespace/name")]
#[case::objects_with_a_cluster(&["serve", "--objects", "f"], "--offline")]
#[tokio::test]
async fn what_is_wrong_on_the_command_line_ends_with_code_2(#[case] arguments: &[&str], #[case] text: &str) {
    let output = timeout(LONG, command().args(arguments).output())
        .await
        .expect("it ends")
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(text), "{stderr}");
}

#[tokio::test]
async fn a_port_in_use_is_named_and_ends_with_code_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = command();
    command.args([
        "serve",
        "--offline",
        "--tls-cert",
        "c",
        "--tls-key",
        "k",
        "--listen",
        &address,
    ]);
    let output = timeout(LONG, command.output()).await.expect("it ends").unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(&format!("--listen {address}")), "{stderr}");
}
