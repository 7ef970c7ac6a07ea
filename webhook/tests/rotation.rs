//! More than a year of certificates in minutes: two replicas that share a Secret, and an API server whose caBundle comes
//! after them, and no request that fails.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test's helpers fail as its own body does

mod common;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};

use axum::body::Body as HttpBody;
use axum::http::{Method, Request, Response, StatusCode};
use common::tls::{http1, roots};
use common::{create_deployment, good_spec, post, read_review};
use http_body_util::BodyExt as _;
use hyper::client::conn::http1::SendRequest;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::client::Body;
use rustls::ClientConfig;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use serde_json::{Value, json};
use sluice_certs::ca_bundle::BundleState;
use sluice_certs::clock::Clock;
use sluice_certs::plan::SETTLE;
use sluice_certs::secret::SecretSource;
use sluice_certs::{Current, authority};
use sluice_runtime::shutdown::{Trigger, manual};
use sluice_shared::config::DefaultConfiguration;
use sluice_webhook::dispatch::Admission;
use sluice_webhook::http::App;
use sluice_webhook::judge::Judge;
use sluice_webhook::lookups::Lookups;
use sluice_webhook::metrics::Metrics;
use sluice_webhook::server::{Limits, TlsServer};
use time::{Duration, OffsetDateTime};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;

/// The one wall clock of replicas and API server.
#[derive(Clone, Debug)]
struct Wall(Arc<Mutex<OffsetDateTime>>);

impl Wall {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap()
    }

    fn pass(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl TimeProvider for Wall {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.now().unix_timestamp()).unwrap();
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

/// The Secret, as the API server keeps it.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<(Option<Secret>, u64)>>);

impl Store {
    fn client(&self) -> Client {
        let store = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let store = store.clone();
            async move { Ok::<_, std::convert::Infallible>(store.answer(request).await) }
        });
        Client::new(service, "n")
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let mut state = self.0.lock().unwrap();
        let (code, answer) = match (parts.method, &state.0) {
            (Method::GET, Some(secret)) => (200, serde_json::to_value(secret).unwrap()),
            (Method::GET, None) => (404, failure(404, "NotFound")),
            (Method::POST | Method::PUT, present) => {
                let mut new: Secret = serde_json::from_slice(&body).unwrap();
                let version = |secret: &Secret| secret.metadata.resource_version.clone();
                if present.as_ref().and_then(version) == version(&new) {
                    state.1 += 1;
                    new.metadata.resource_version = Some(state.1.to_string());
                    let answer = serde_json::to_value(&new).unwrap();
                    state.0 = Some(new);
                    (200, answer)
                } else {
                    (409, failure(409, "Conflict"))
                }
            }
            (other, _) => panic!("unexpected {other}"),
        };
        let mut response = Response::new(Body::from(answer.to_string().into_bytes()));
        *response.status_mut() = StatusCode::from_u16(code).unwrap();
        response
    }
}

fn failure(code: u16, reason: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": "" })
}

struct Replica {
    source: SecretSource,
    current: Current,
    address: SocketAddr,
    /// A connection that has been open from the start.
    old: SendRequest<HttpBody>,
    _trigger: Trigger,
}

const SERVICE: &str = "w.n.svc";

impl Replica {
    async fn start(store: &Store, wall: &Wall, bundles: &watch::Sender<BundleState>) -> Self {
        let current = Current::new();
        let clock = wall.clone();
        let names = authority::service_names("w", "n");
        let source = SecretSource::new(store.client(), "n", "tls", names, current.clone())
            .with_clock(Clock::new(move || clock.now()))
            .with_bundles(vec![bundles.subscribe()]);
        source.reconcile().await.unwrap();
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = TlsServer::bind(listen, current.clone(), Limits::default(), Metrics::default())
            .await
            .unwrap();
        let judge = Judge::new(DefaultConfiguration::default(), Arc::new(Lookups::none()));
        let app = App::new(Arc::new(Admission::new(Arc::new(judge))), Metrics::default(), || false);
        let (trigger, shutdown) = manual();
        let address = server.address();
        tokio::spawn(server.serve(app.router(), shutdown));
        let bundle = bundle(&current);
        Self {
            source,
            old: connect(address, &bundle, wall).await.expect("trusted at the start"),
            current,
            address,
            _trigger: trigger,
        }
    }
}

fn bundle(current: &Current) -> String {
    String::from_utf8(current.view().ca_bundle.expect("a CA").to_vec()).unwrap()
}

/// Connects as the API server does, at the wall's time.
async fn connect(address: SocketAddr, bundle: &str, wall: &Wall) -> std::io::Result<SendRequest<HttpBody>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(wall.clone()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots(bundle))
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(SERVICE).unwrap();
    Ok(http1(TlsConnector::from(Arc::new(config)).connect(name, stream).await?).await)
}

async fn asked(sender: &mut SendRequest<HttpBody>) -> bool {
    let body = create_deployment(&good_spec()).to_string();
    let response = sender.send_request(post("/validate", body)).await.expect("an answer");
    read_review(response).await["allowed"] == true
}

/// Days on which the caBundle cannot be written: a new CA is announced in them, and a certificate due.
const UNWRITABLE: RangeInclusive<i32> = 240..=264;

#[tokio::test]
async fn four_hundred_days_of_requests_and_none_fails() {
    let wall = Wall(Arc::new(Mutex::new(
        OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap(),
    )));
    let store = Store::default();
    let (state, _) = watch::channel(BundleState::default());
    let mut replicas = [
        Replica::start(&store, &wall, &state).await,
        Replica::start(&store, &wall, &state).await,
    ];
    // What stands in the webhook configurations: it follows what the replicas want, a step behind.
    let mut trusted = bundle(&replicas[0].current);
    let in_place = |bundle: &str| BundleState::InPlace(bundle.as_bytes().into());
    state.send_replace(in_place(&trusted));
    let (mut leaves, mut bundles, mut held_back) = (1, 1, 0);
    for day in 0..400 {
        for pause in [Duration::DAY - SETTLE, SETTLE] {
            wall.pass(pause);
            // The one that looks first is not always the same, and the other still has what was before.
            let first = usize::from(day % 2 == 0);
            for looking in [first, 1 - first] {
                let before = replicas[looking].current.view();
                replicas[looking].source.reconcile().await.unwrap();
                let now = replicas[looking].current.view();
                let leaf = |view: &sluice_certs::current::View| view.serving.as_ref().unwrap().leaf().to_vec();
                let changed = leaf(&before) != leaf(&now) || before.ca_bundle != now.ca_bundle;
                leaves += usize::from(looking == first && leaf(&before) != leaf(&now));
                bundles += usize::from(looking == first && before.ca_bundle != now.ca_bundle);
                // Most days nothing happens; a request in ten of them is enough.
                if !changed && day % 10 != 0 {
                    continue;
                }
                for replica in &mut replicas {
                    let new = connect(replica.address, &trusted, &wall).await;
                    let mut new = new.unwrap_or_else(|e| panic!("day {day}: {e}"));
                    assert!(asked(&mut new).await, "day {day}");
                    assert!(asked(&mut replica.old).await, "day {day}");
                }
            }
            held_back += usize::from(replicas[first].current.view().held_back.is_some());
            if UNWRITABLE.contains(&day) {
                state.send_replace(BundleState::Failed {
                    reason: "refused".to_owned(),
                    present: vec![trusted.clone().into_bytes()],
                });
            } else {
                trusted = bundle(&replicas[first].current);
                state.send_replace(in_place(&trusted));
            }
        }
    }
    assert!(
        held_back > 2,
        "the caBundle that could not be written held nothing back"
    );
    assert!((18..=22).contains(&leaves), "{leaves} certificates in 400 days");
    assert!((2..=5).contains(&bundles), "{bundles} bundles in 400 days");
}
