//! Who is answered where `--client-ca` restricts it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers fail as its own body does

mod common;

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use common::tls::{NAME, Pair, chain, connect_as, http1};
use common::{create_deployment, good_spec, post, read_review};
use rstest::rstest;
use serde_json::{Value, json};
use sluice_certs::{Current, pem};
use sluice_runtime::shutdown::{Trigger, manual};
use sluice_shared::config::DefaultConfiguration;
use sluice_webhook::client_auth::ClientAuth;
use sluice_webhook::dispatch::Admission;
use sluice_webhook::http::App;
use sluice_webhook::judge::Judge;
use sluice_webhook::lookups::Lookups;
use sluice_webhook::metrics::Metrics;
use sluice_webhook::server::{Limits, TlsServer};

struct Running {
    address: SocketAddr,
    server: Pair,
    /// Whose CA is trusted.
    client: Pair,
    file: PathBuf,
    auth: Arc<ClientAuth>,
    _folder: tempfile::TempDir,
    _trigger: Trigger,
}

async fn start(names: &[&str]) -> Running {
    let (server, client) = (chain(), chain());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crt");
    fs::write(&file, &client.root).unwrap();
    let auth = ClientAuth::load(&file, names.iter().map(|name| (*name).to_owned()).collect()).unwrap();
    let current = Current::new();
    current.set(
        pem::serving(server.chain.as_bytes(), server.key.as_bytes(), "test").unwrap(),
        None,
    );
    let listener = TlsServer::bind(
        SocketAddr::from(([127, 0, 0, 1], 0)),
        current,
        Limits::default(),
        Metrics::default(),
    )
    .await
    .unwrap()
    .with_client_auth(Some(Arc::clone(&auth)));
    let judge = Judge::new(DefaultConfiguration::default(), Arc::new(Lookups::none()));
    let app = App::new(Arc::new(Admission::new(Arc::new(judge))), Metrics::default(), || false);
    let (trigger, shutdown) = manual();
    let address = listener.address();
    tokio::spawn(listener.serve(app.router(), shutdown));
    Running {
        address,
        server,
        client,
        file,
        auth,
        _folder: folder,
        _trigger: trigger,
    }
}

impl Running {
    /// The answer to a client with this certificate; none where it does not get through TLS.
    async fn ask(&self, own: Option<&Pair>) -> Option<Value> {
        let stream = connect_as(self.address, &self.server.root, &[], own).await.ok()?;
        let mut sender = http1(stream).await;
        let body = create_deployment(&good_spec()).to_string();
        let response = sender.send_request(post("/validate", body)).await.ok()?;
        Some(read_review(response).await)
    }
}

#[rstest]
#[case::any_name(&[], None)]
#[case::its_name(&["other", NAME], None)]
#[case::another_name(&["other"], Some(403))]
#[tokio::test]
async fn names_decide_where_they_are_given(#[case] names: &[&str], #[case] code: Option<u16>) {
    let running = start(names).await;
    let answer = running.ask(Some(&running.client)).await.expect("through TLS");
    assert_eq!(answer["allowed"], code.is_none(), "{answer}");
    assert_eq!(answer["status"]["code"], code.map_or(Value::Null, |code| json!(code)));
}

#[tokio::test]
async fn a_client_without_a_certificate_is_told_so_and_one_of_another_ca_gets_nowhere() {
    let running = start(&[]).await;
    let answer = running.ask(None).await.expect("through TLS");
    assert_eq!(answer["status"]["code"], 401, "{answer}");
    assert!(
        answer["status"]["message"].as_str().unwrap().contains("--client-ca"),
        "{answer}"
    );
    assert_eq!(running.ask(Some(&chain())).await, None);
}

#[tokio::test]
async fn the_ca_may_change_and_a_broken_file_changes_nothing() {
    let running = start(&[]).await;
    assert!(!running.auth.reload().unwrap());
    fs::write(&running.file, "no certificate").unwrap();
    let error = running.auth.reload().unwrap_err().to_string();
    assert!(
        error.starts_with("--client-ca: ") && error.contains("ca.crt"),
        "{error}"
    );
    assert_eq!(running.ask(Some(&running.client)).await.unwrap()["allowed"], true);
    let next = chain();
    fs::write(&running.file, &next.root).unwrap();
    assert!(running.auth.reload().unwrap());
    assert_eq!(running.ask(Some(&next)).await.unwrap()["allowed"], true);
    assert_eq!(running.ask(Some(&running.client)).await, None);
}
