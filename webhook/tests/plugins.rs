//! Plugins behind the routes: a hostile one is ended in time, and requests that it is not asked about go on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

mod common;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use common::{ask, create_deployment, good_spec, object, post, review, routes};
use serde_json::{Value, json};
use sluice_plugins::{Host, Plugin, Settings};
use sluice_shared::config::DefaultConfiguration;
use sluice_shared::extension::Extensions;
use sluice_shared::rules::Kind;
use sluice_webhook::dispatch::Admission;
use sluice_webhook::judge::Judge;
use sluice_webhook::lookups::Lookups;

/// Computes for ever.
const ENDLESS: &str = "(module (memory (export \"memory\") 1) (func (export \"_start\") (loop $again (br $again))))";

fn webhook(text: &str, timeout: Duration) -> Router {
    let host = Arc::new(Host::new().expect("a host"));
    let settings = Settings {
        kinds: [Kind::FlinkDeployment].into(),
        timeout,
        ..Settings::of_file("hostile", "/unused".into())
    };
    let module = host.engine().compile(&wat::parse_str(text).expect("WebAssembly text"));
    let extensions = Extensions::default();
    extensions.replace("wasm", vec![Arc::new(Plugin::new(settings, module, host))]);
    let judge = Judge::new(DefaultConfiguration::default(), Arc::new(Lookups::none()));
    routes(Arc::new(Admission::new(Arc::new(
        judge.with_extensions(Arc::new(extensions)),
    ))))
}

fn snapshot() -> Value {
    let job = json!({ "kind": "FlinkDeployment", "name": "basic" });
    let spec = json!({ "savepoint": { "path": "s3://b/p" }, "jobReference": job });
    let object = object("FlinkStateSnapshot", &spec);
    review(
        "FlinkStateSnapshot",
        "flinkstatesnapshots",
        "CREATE",
        Some(object),
        None,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_go_on_while_a_plugin_computes_for_ever() {
    let router = webhook(ENDLESS, Duration::from_secs(30));
    let hostile: Vec<_> = (0..100)
        .map(|_| {
            let request = post("/validate?timeout=4s", create_deployment(&good_spec()).to_string());
            tokio::spawn(ask(router.clone(), request))
        })
        .collect();
    for _ in 0..20 {
        let (_, response) = ask(router.clone(), post("/validate?timeout=30s", snapshot().to_string())).await;
        assert_eq!(response["allowed"], true, "{response}");
    }
    let waiting = hostile.iter().filter(|request| !request.is_finished()).count();
    assert!(waiting > 0, "the others were not answered meanwhile");
    for request in hostile {
        let (_, response) = request.await.expect("no panic");
        assert_eq!(response["allowed"], false);
        assert_eq!(response["status"]["code"], 422, "{response}");
        let message = response["status"]["message"].as_str().expect("a message");
        assert!(
            message.contains("`hostile` of this cluster's administrator must agree and gives no answer"),
            "{message}"
        );
    }
}
