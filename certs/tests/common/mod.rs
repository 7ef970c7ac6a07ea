//! An API server in memory that keeps one Secret by the real one's rules, a clock that a test sets, and the log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)] // helpers of tests; not every test uses all of them

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use sluice_certs::clock::Clock;
use sluice_certs::secret::SecretSource;
use sluice_certs::{Current, authority};
use time::{Duration, OffsetDateTime};
use tokio::sync::Barrier;
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber, span};

/// The API server: one Secret, and what was asked of it.
#[derive(Clone, Default)]
pub struct ApiServer {
    pub state: Arc<Mutex<State>>,
    /// Reads that have to meet before any of them is answered.
    pub reads_meet: Option<Arc<Barrier>>,
}

#[derive(Default)]
pub struct State {
    pub secret: Option<Secret>,
    version: u64,
    writes: Vec<&'static str>,
    /// Code that every request is refused with.
    pub refuse: Option<u16>,
}

impl ApiServer {
    pub fn holding(secret: Secret) -> Self {
        let server = Self::default();
        server.state.lock().unwrap().store(secret);
        server
    }

    fn client(&self) -> Client {
        let server = self.clone();
        Client::new(
            tower::service_fn(move |request: Request<Body>| {
                let server = server.clone();
                async move { Ok::<_, std::convert::Infallible>(server.answer(request).await) }
            }),
            "sluice-system",
        )
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        if parts.method == Method::GET
            && let Some(barrier) = &self.reads_meet
        {
            // Answered as of before the meeting, so both replicas see that there is nothing.
            let answer = self.state.lock().unwrap().read();
            barrier.wait().await;
            return answer;
        }
        let mut state = self.state.lock().unwrap();
        if let Some(code) = state.refuse {
            return failure(code, "Forbidden");
        }
        match parts.method {
            Method::GET => state.read(),
            Method::POST if state.secret.is_some() => failure(409, "AlreadyExists"),
            Method::POST => {
                state.writes.push("create");
                state.store(serde_json::from_slice(&body).unwrap())
            }
            Method::PUT => {
                let new: Secret = serde_json::from_slice(&body).unwrap();
                if new.metadata.resource_version != state.secret.as_ref().unwrap().metadata.resource_version {
                    return failure(409, "Conflict");
                }
                state.writes.push("update");
                state.store(new)
            }
            other => panic!("unexpected {other}"),
        }
    }

    pub fn stored(&self) -> BTreeMap<String, String> {
        let state = self.state.lock().unwrap();
        let data = state.secret.as_ref().unwrap().data.clone().unwrap();
        data.into_iter()
            .map(|(key, value)| (key, String::from_utf8(value.0).unwrap()))
            .collect()
    }

    pub fn writes(&self) -> Vec<&'static str> {
        self.state.lock().unwrap().writes.clone()
    }
}

impl State {
    fn read(&self) -> Response<Body> {
        match &self.secret {
            Some(secret) => ok(&serde_json::to_value(secret).unwrap()),
            None => failure(404, "NotFound"),
        }
    }

    pub fn store(&mut self, mut secret: Secret) -> Response<Body> {
        self.version += 1;
        secret.metadata.resource_version = Some(self.version.to_string());
        let answer = ok(&serde_json::to_value(&secret).unwrap());
        self.secret = Some(secret);
        answer
    }
}

fn ok(body: &Value) -> Response<Body> {
    Response::new(Body::from(serde_json::to_vec(body).unwrap()))
}

fn failure(code: u16, reason: &str) -> Response<Body> {
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure",
        "code": code, "reason": reason, "message": format!("refused: {reason}"),
    });
    let mut response = ok(&status);
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

pub fn source(server: &ApiServer, current: &Current) -> SecretSource {
    source_for(server, current, "sluice-webhook")
}

pub fn source_for(server: &ApiServer, current: &Current, service: &str) -> SecretSource {
    let names = authority::service_names(service, "sluice-system");
    SecretSource::new(
        server.client(),
        "sluice-system",
        "sluice-webhook-tls",
        names,
        current.clone(),
    )
}

pub fn ca_of(current: &Current) -> String {
    String::from_utf8(current.view().ca_bundle.expect("a CA").to_vec()).unwrap()
}

/// A clock that a test sets.
#[derive(Clone)]
pub struct Hands(Arc<Mutex<OffsetDateTime>>);

impl Hands {
    pub fn at(time: OffsetDateTime) -> Self {
        Self(Arc::new(Mutex::new(time)))
    }

    pub fn jump(&self, by: Duration) -> OffsetDateTime {
        let mut time = self.0.lock().unwrap();
        *time += by;
        *time
    }

    pub fn clock(&self) -> Clock {
        let time = Arc::clone(&self.0);
        Clock::new(move || *time.lock().unwrap())
    }
}

/// Checks that a few of these are at once, and the others two in a minute at last.
pub fn assert_ever_slower(writes: &[Instant]) {
    let minutes = writes.iter().map(|at| (*at - writes[0]).as_secs() / 60);
    let mut per_minute = BTreeMap::<u64, u32>::new();
    minutes.for_each(|minute| *per_minute.entry(minute).or_default() += 1);
    assert!(per_minute[&0] <= 26, "{per_minute:?}");
    assert!(per_minute.len() > 2, "{per_minute:?}");
    assert!(per_minute.values().skip(1).all(|count| *count <= 2), "{per_minute:?}");
}

/// What this thread logs.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    /// As long as the guard lives.
    pub fn new() -> (Self, DefaultGuard) {
        let log = Self::default();
        let guard = tracing::subscriber::set_default(log.clone());
        (log, guard)
    }

    /// Lines with `part` in them.
    pub fn lines(&self, part: &str) -> Vec<String> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line.contains(part)).cloned().collect()
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}
