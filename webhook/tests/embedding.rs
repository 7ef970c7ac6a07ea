//! The webhook with rules that are compiled in, as whoever embeds the crate starts it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

mod common;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use common::tls::{chain, connect, http1};
use common::{create_deployment, good_spec, patch_of, post, read_review};
use serde_json::{Value, json};
use sluice_runtime::shutdown::manual;
use sluice_shared::defaults::Operation;
use sluice_shared::extension::{Extension, Failure, Question};
use sluice_shared::rules::{Kind, Report, Violation};
use sluice_webhook::serve::{Certificates, Objects, Options, serve};
use sluice_webhook::server::Limits;
use tokio::time::{sleep, timeout};

const LONG: Duration = Duration::from_secs(20);

/// Images come from one registry; who writes none gets one from there.
#[derive(Debug)]
struct Registry(&'static str);

impl Extension for Registry {
    fn name(&self) -> &'static str {
        "registry"
    }
    fn applies(&self, question: &Question<'_>) -> bool {
        question.kind == Kind::FlinkDeployment
    }
    fn validate(&self, question: &Question<'_>) -> Result<Report, Failure> {
        let image = question.object["spec"]["image"].as_str().unwrap_or_default();
        let mut report = Report::default();
        if !image.starts_with(self.0) {
            report.violations.push(Violation {
                path: "spec.image".to_owned(),
                code: "registry".into(),
                message: "the image is from elsewhere".to_owned(),
                fix: "use ours".to_owned(),
                value: None,
            });
        }
        Ok(report)
    }
    fn mutate(&self, question: &Question<'_>) -> Result<Vec<Operation>, Failure> {
        Ok(match question.object["spec"].get("image") {
            Some(_) => Vec::new(),
            None => vec![Operation::Add {
                path: "/spec/image".to_owned(),
                value: json!(format!("{}flink:1.20", self.0)),
            }],
        })
    }
}

#[tokio::test]
async fn a_compiled_in_rule_judges_and_fills_in() {
    let folder = tempfile::tempdir().unwrap();
    let pair = chain();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("tls.crt"), &pair.chain).unwrap();
    fs::write(path("tls.key"), &pair.key).unwrap();
    // A port that was free a moment ago: the server tells its own one in the log alone.
    let listen: SocketAddr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let options = Options {
        listen,
        admin_listen: None,
        certificates: Certificates::Files {
            certificate: path("tls.crt"),
            key: path("tls.key"),
            authority: None,
        },
        objects: Objects::Offline(None),
        config_dir: None,
        plugins: None,
        extensions: vec![Arc::new(Registry("registry.example.com/"))],
        limits: Limits::default(),
        clients: None,
        own_accounts: Vec::new(),
    };
    let ask = async |path: &str, spec: &Value| -> Value {
        let stream = timeout(LONG, async {
            loop {
                match connect(listen, &pair.root, &[]).await {
                    Ok(stream) => break stream,
                    // It does not listen yet.
                    Err(_) => sleep(Duration::from_millis(5)).await,
                }
            }
        });
        let mut sender = http1(stream.await.expect("it starts")).await;
        let body = create_deployment(spec).to_string();
        read_review(sender.send_request(post(path, body)).await.unwrap()).await
    };
    let requests = async {
        let refused = ask("/validate", &good_spec()).await;
        assert_eq!(
            refused["status"]["details"]["causes"][0]["field"], "spec.image",
            "{refused}"
        );
        assert!(
            refused["status"]["message"].as_str().unwrap().contains("[registry]"),
            "{refused}"
        );
        let mut spec = good_spec();
        spec["image"] = json!("registry.example.com/flink:1.20");
        assert_eq!(ask("/validate", &spec).await["allowed"], true);
        spec.as_object_mut().unwrap().remove("image");
        let filled = patch_of(&ask("/mutate", &spec).await);
        let image = json!({ "op": "add", "path": "/spec/image", "value": "registry.example.com/flink:1.20" });
        assert!(filled.as_array().unwrap().contains(&image), "{filled}");
    };
    let (_trigger, shutdown) = manual();
    tokio::select! {
        ended = serve(options, shutdown) => panic!("it ended: {ended:?}"),
        () = requests => {}
    }
}
