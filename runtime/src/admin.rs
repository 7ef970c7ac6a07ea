//! `/healthz`, `/readyz` and `/metrics`, on a port of their own and without TLS.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use futures::future::BoxFuture;
use prometheus_client::registry::Registry;

use crate::shutdown::Shutdown;

/// A probe that takes longer counts as failed: kubelet's own default would give up after a second.
const PROBE_TIMEOUT: Duration = Duration::from_millis(900);

type Probe = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The named probes that `/readyz` asks. Ready means: all of them pass. Cheap to clone.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<Vec<(String, Probe)>>>);

impl std::fmt::Debug for Readiness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.probes().iter().map(|(name, _)| name))
            .finish()
    }
}

impl Readiness {
    /// No probes: ready.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a probe. It gives the reason when it fails; it is asked at each call of `/readyz`.
    pub fn register<F>(&self, name: impl Into<String>, probe: F)
    where
        F: Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((name.into(), Arc::new(probe)));
    }

    fn probes(&self) -> Vec<(String, Probe)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks all probes at once: the text to show, and whether all of them passed.
    pub async fn report(&self) -> (bool, String) {
        let results = futures::future::join_all(self.probes().into_iter().map(|(name, probe)| async move {
            let result = match tokio::time::timeout(PROBE_TIMEOUT, probe()).await {
                Ok(result) => result,
                Err(_) => Err(format!("no answer within {} ms", PROBE_TIMEOUT.as_millis())),
            };
            (name, result)
        }))
        .await;
        let ready = results.iter().all(|(_, result)| result.is_ok());
        let lines: Vec<String> = results
            .into_iter()
            .map(|(name, result)| match result {
                Ok(()) => format!("[+] {name}: ok\n"),
                Err(reason) => format!("[-] {name}: {reason}\n"),
            })
            .collect();
        let verdict = if ready { "ready\n" } else { "not ready\n" };
        (ready, lines.concat() + verdict)
    }
}

/// The admin server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address cannot be bound.
    #[error("cannot listen on --admin-listen {address}: {source}; is another process using the port?")]
    Bind {
        /// As given.
        address: SocketAddr,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// The server stopped.
    #[error("the admin server failed: {0}")]
    Serve(std::io::Error),
}

/// A bound admin server. Binding and serving are apart so that a port in use is found before anything starts.
#[derive(Debug)]
pub struct AdminServer {
    listener: tokio::net::TcpListener,
    router: Router,
}

impl AdminServer {
    /// Binds `address`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(address: SocketAddr, registry: Registry, readiness: Readiness) -> Result<Self, AdminError> {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|source| AdminError::Bind { address, source })?;
        Ok(Self {
            listener,
            router: router(registry, readiness),
        })
    }

    /// The address in use; its port is the kernel's choice where port 0 was asked for.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the shutdown.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn serve(self, shutdown: Shutdown) -> Result<(), AdminError> {
        axum::serve(self.listener, self.router)
            .with_graceful_shutdown(async move { shutdown.requested().await })
            .await
            .map_err(AdminError::Serve)
    }
}

/// The routes, for tests without a socket.
pub fn router(registry: Registry, readiness: Readiness) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz).with_state(readiness))
        .route("/metrics", get(metrics).with_state(Arc::new(registry)))
}

async fn readyz(State(readiness): State<Readiness>) -> impl IntoResponse {
    let (ready, text) = readiness.report().await;
    (
        if ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        },
        text,
    )
}

async fn metrics(State(registry): State<Arc<Registry>>) -> impl IntoResponse {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &registry) {
        Ok(()) => (
            StatusCode::OK,
            [(
                header::CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            )],
            text,
        )
            .into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be encoded\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt as _;
    use prometheus_client::metrics::counter::Counter;
    use tower::ServiceExt as _;

    async fn get(router: Router, path: &str) -> (StatusCode, String) {
        let request = Request::builder().uri(path).body(Body::empty()).expect("a request");
        let response = router.oneshot(request).await.expect("an answer");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn ready_only_when_every_probe_passes_and_says_which_does_not() {
        let readiness = Readiness::new();
        readiness.register("caches", || Box::pin(async { Ok(()) }));
        let routes = router(Registry::default(), readiness.clone());
        assert_eq!(get(routes.clone(), "/readyz").await.0, StatusCode::OK);
        readiness.register("tls", || Box::pin(async { Err("certificate expired".to_owned()) }));
        let (status, text) = get(routes, "/readyz").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(text, "[+] caches: ok\n[-] tls: certificate expired\nnot ready\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_probe_is_not_ready() {
        let readiness = Readiness::new();
        readiness.register("tls", || Box::pin(std::future::pending()));
        let (ready, text) = readiness.report().await;
        assert!(!ready);
        assert!(text.contains("[-] tls: no answer within 900 ms"), "{text}");
    }

    #[tokio::test]
    async fn metrics_are_open_metrics_text() {
        let mut registry = Registry::default();
        let counter: Counter = Counter::default();
        registry.register("sluice_things", "Things", counter.clone());
        counter.inc();
        let (status, text) = get(router(registry, Readiness::new()), "/metrics").await;
        assert_eq!(status, StatusCode::OK);
        assert!(text.contains("sluice_things_total 1"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = taken.local_addr().expect("an address");
        let error = AdminServer::bind(address, Registry::default(), Readiness::new())
            .await
            .expect_err("in use");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}
