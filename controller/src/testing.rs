//! A scripted API server for tests: every request goes to a function, and is written down.

use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use sluice_runtime::config_dir::Defaults;

use crate::context::{Leadership, Recent, Shared};
use crate::deployment::valid::OwnRules;
use crate::flink::FlinkClient;
use crate::metrics::Metrics;

/// One request as the API server saw it.
#[derive(Clone, Debug)]
pub struct Call {
    /// `GET /apis/...`, with the query.
    pub line: String,
    /// The body; null where there is none.
    pub body: Value,
}

/// The requests so far.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    /// All of them.
    pub fn all(&self) -> Vec<Call> {
        self.0.lock().clone()
    }

    /// Method and last part of the path of each, such as `PUT status`.
    pub fn brief(&self) -> Vec<String> {
        let brief = |call: &Call| {
            let line = call.line.split('?').next().unwrap_or_default();
            let (method, path) = line.split_once(' ').expect("a request line");
            let mut parts = path.rsplit('/');
            let last = parts.next().unwrap_or_default();
            let collection = parts.next().unwrap_or_default();
            format!("{method} {collection}/{last}")
        };
        self.all().iter().map(brief).collect()
    }
}

/// A client whose requests `answer` answers: with a status code and a body.
pub fn api(answer: impl Fn(&Method, &str, &Value) -> (u16, Value) + Clone + Send + Sync + 'static) -> (Client, Calls) {
    let calls = Calls::default();
    let log = calls.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let (answer, log) = (answer.clone(), log.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.expect("a body").to_bytes();
            let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
            let path = head.uri.path_and_query().map_or_else(String::new, ToString::to_string);
            log.0.lock().push(Call {
                line: format!("{} {path}", head.method),
                body: body.clone(),
            });
            let (status, answer) = answer(&head.method, &path, &body);
            let response = Response::builder()
                .status(StatusCode::from_u16(status).expect("a status"))
                .body(Body::from(answer.to_string().into_bytes()));
            Ok::<_, std::convert::Infallible>(response.expect("a response"))
        }
    });
    (Client::new(service, "ns"), calls)
}

/// What reconciles share, in a controller that leads.
pub fn shared(client: Client) -> Shared {
    let metrics = Metrics::new(&mut Registry::default());
    let leadership = Leadership::default();
    leadership.set(true);
    Shared {
        client,
        flink: FlinkClient::new(metrics.clone()),
        defaults: Defaults::default(),
        own_rules: OwnRules::default(),
        metrics,
        leadership,
        own_writes: Arc::default(),
        conflicts: Mutex::default(),
        recent: Recent::default(),
        exceptions: Mutex::default(),
        checkpoints: Mutex::default(),
        failures: Mutex::default(),
    }
}

/// A refusal as the API server words it.
pub fn status(code: u16, reason: &str) -> (u16, Value) {
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason, "code": code}),
    )
}
