//! TLS, connections and their limits, and the drain at the end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use sluice_certs::Current;
use sluice_runtime::shutdown::Shutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::client_auth::ClientAuth;
use crate::metrics::Metrics;

/// Limits of the server. [`Limits::default`] is what the webhook runs with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections; more wait in the kernel's queue.
    pub connections: usize,
    /// Time to agree on TLS.
    pub handshake: Duration,
    /// Time from there to the end of the first request's headers.
    pub first_request: Duration,
    /// Longest pause between requests. Longer than the API server's own (90 s, Go's `http.Transport` as client-go sets
    /// it), so that it is the one to close: a request that meets a closing connection would fail. HTTP/2 is looked at
    /// once in this time, and closed where nothing happened since the look before.
    pub idle: Duration,
    /// Those of HTTP/2 among them, which may hold more memory; more wait for [`Limits::first_request`] and are closed then.
    /// The API server speaks HTTP/1.1 with webhooks.
    pub http2_connections: usize,
    /// Requests at once on one connection of HTTP/2.
    pub streams: u32,
    /// Time after SIGTERM in which connections are still accepted, so that endpoints spread that this replica goes.
    pub drain_pause: Duration,
    /// Time after that for open requests to be answered.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            handshake: Duration::from_secs(10),
            first_request: Duration::from_secs(10),
            idle: Duration::from_secs(150),
            http2_connections: 32,
            streams: 32,
            drain_pause: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(20),
        }
    }
}

/// What one connection may hold of requests that nobody reads yet: HTTP/2's smallest window, and about as much for
/// HTTP/1.1. With [`Limits::connections`] that is 32 MiB, and what HTTP/2 may hold beside it ([`STREAM_WINDOW`]) 16 MiB.
const READ_BUFFER: u32 = 64 * 1024;
/// What one request of HTTP/2 may hold of it. The connection's window has room for it for each request, so that bodies that
/// wait for their place hold up no others. [`READ_BUFFER`] comes on top: as much may be sent in one request before the
/// client knows of this window.
const STREAM_WINDOW: u32 = 16 * 1024;

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be bound.
    #[error("cannot listen on --listen {address}: {source}; is another process using the port?")]
    Bind {
        /// As given.
        address: SocketAddr,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
}

/// A bound TLS server.
pub struct TlsServer {
    listener: TcpListener,
    address: SocketAddr,
    certificate: Current,
    client_auth: Option<Arc<ClientAuth>>,
    limits: Limits,
    metrics: Metrics,
}

impl std::fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl TlsServer {
    /// Binds `address`. Handshakes use whatever `certificate` holds at that moment.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(
        address: SocketAddr,
        certificate: Current,
        limits: Limits,
        metrics: Metrics,
    ) -> Result<Self, ServerError> {
        let bind = |source| ServerError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let address = listener.local_addr().map_err(bind)?;
        Ok(Self {
            listener,
            address,
            certificate,
            client_auth: None,
            limits,
            metrics,
        })
    }

    /// Answers only the clients that `client_auth` admits.
    #[must_use]
    pub fn with_client_auth(mut self, client_auth: Option<Arc<ClientAuth>>) -> Self {
        self.client_auth = client_auth;
        self
    }

    /// The address in use; its port is the kernel's choice where port 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `router` until the shutdown, then drains: goes on accepting for [`Limits::drain_pause`], then answers
    /// what is open.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub async fn serve(self, router: Router, shutdown: Shutdown) -> Result<(), ServerError> {
        let acceptor = TlsAcceptor::from(Arc::new(tls(self.certificate, self.client_auth.clone())?));
        // Connections hold receivers: they are told by a change, and have all ended when the channel is closed.
        let (drain, _) = watch::channel(false);
        let permits = Arc::new(Semaphore::new(self.limits.connections));
        let http2_permits = Arc::new(Semaphore::new(self.limits.http2_connections));
        let pause = self.limits.drain_pause;
        let stop = async {
            shutdown.requested().await;
            tracing::info!("draining: accepting for another {} s", pause.as_secs_f32());
            tokio::time::sleep(pause).await;
        };
        tokio::pin!(stop);
        loop {
            let next = async {
                // The permit first: a connection is only taken out of the kernel's queue when it can be served.
                let permit = Arc::clone(&permits).acquire_owned().await;
                (self.listener.accept().await, permit)
            };
            let (accepted, permit) = tokio::select! {
                next = next => next,
                () = &mut stop => break,
            };
            let (Ok(permit), (stream, peer)) = (
                permit,
                match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of file descriptors, or a connection that is gone already: neither ends the server.
                        tracing::warn!("cannot accept a connection: {error}");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
            ) else {
                break;
            };
            let connection = Connection {
                acceptor: acceptor.clone(),
                client_auth: self.client_auth.clone(),
                limits: self.limits,
                metrics: self.metrics.clone(),
                router: router.clone(),
                peer,
                draining: drain.subscribe(),
                http2_permits: Arc::clone(&http2_permits),
            };
            tokio::spawn(async move {
                connection.serve(stream).await;
                drop(permit);
            });
        }
        drop(self.listener);
        drain.send_replace(true);
        tokio::select! {
            () = drain.closed() => tracing::info!("drained"),
            () = tokio::time::sleep(self.limits.drain_timeout) => {
                tracing::warn!("requests are still open after {} s; ending", self.limits.drain_timeout.as_secs_f32());
            }
        }
        Ok(())
    }
}

fn tls(certificate: Current, client_auth: Option<Arc<ClientAuth>>) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let certificate = Arc::new(certificate);
    let mut config = match client_auth {
        None => builder.with_no_client_auth().with_cert_resolver(certificate),
        Some(client_auth) => {
            let mut config = builder
                .with_client_cert_verifier(client_auth)
                .with_cert_resolver(certificate);
            // A resumed session would bring the client in without its certificate being verified again.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            config
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// One accepted connection.
struct Connection {
    acceptor: TlsAcceptor,
    client_auth: Option<Arc<ClientAuth>>,
    limits: Limits,
    metrics: Metrics,
    router: Router,
    peer: SocketAddr,
    /// True when requests are no longer taken.
    draining: watch::Receiver<bool>,
    http2_permits: Arc<Semaphore>,
}

impl Connection {
    async fn serve(mut self, stream: TcpStream) {
        // Answers are small; waiting to fill a packet would only delay them.
        let _ = stream.set_nodelay(true);
        let handshake = tokio::time::timeout(self.limits.handshake, self.acceptor.accept(stream)).await;
        let stream = match handshake {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                self.metrics.handshake_failed();
                tracing::debug!("TLS handshake failed: {error}");
                return;
            }
            Err(_) => {
                self.metrics.handshake_failed();
                tracing::debug!("TLS handshake took too long");
                return;
            }
        };
        let _connected = self.metrics.connected();
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let Some(_http2_permit) = self.http2_permit(http2).await else {
            tracing::debug!("too many connections of HTTP/2");
            return;
        };
        let builder = self.builder(http2);
        let caller = self
            .client_auth
            .as_ref()
            .map(|auth| auth.caller(stream.get_ref().1.peer_certificates()));
        let requests = Arc::new(Requests::default());
        let service = {
            let (requests, router, peer) = (Arc::clone(&requests), self.router, ConnectInfo(self.peer));
            service_fn(move |mut request: hyper::Request<Incoming>| {
                let open = Requests::start(&requests);
                request.extensions_mut().insert(peer);
                if let Some(caller) = &caller {
                    request.extensions_mut().insert(caller.clone());
                }
                let answer = router.clone().oneshot(request);
                async move {
                    let _open = open;
                    answer.await
                }
            })
        };
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let end = requests.end(self.limits, http2);
        tokio::pin!(end);
        let mut drained = false;
        let outcome = loop {
            tokio::select! {
                outcome = connection.as_mut() => break outcome,
                () = requested(&mut self.draining), if !drained => {
                    drained = true;
                    connection.as_mut().graceful_shutdown();
                }
                end = &mut end => match end {
                    End::Silent => {
                        tracing::debug!("no request on a new connection");
                        return;
                    }
                    End::Idle => {
                        tracing::debug!("a connection has been idle for too long");
                        // By GOAWAY: a request that is under way already is answered, and the client knows of later ones that
                        // they were not looked at.
                        connection.as_mut().graceful_shutdown();
                        match tokio::time::timeout(self.limits.idle, connection.as_mut()).await {
                            Ok(outcome) => break outcome,
                            Err(_) => return,
                        }
                    }
                }
            }
        };
        if let Err(error) = outcome {
            tracing::debug!("connection ended: {error}");
        }
    }

    /// A place among the connections of HTTP/2, for those that need one; nothing when none gets free in time.
    async fn http2_permit(&mut self, http2: bool) -> Option<Option<OwnedSemaphorePermit>> {
        if !http2 {
            return Some(None);
        }
        let permit = Arc::clone(&self.http2_permits).acquire_owned();
        tokio::select! {
            permit = tokio::time::timeout(self.limits.first_request, permit) => permit.ok()?.ok().map(Some),
            () = requested(&mut self.draining) => None,
        }
    }

    fn builder(&self, http2: bool) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .max_buf_size(READ_BUFFER as usize)
            .header_read_timeout(self.limits.idle);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.limits.streams)
            .max_header_list_size(16 * 1024)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(READ_BUFFER + self.limits.streams * STREAM_WINDOW)
            .keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(20));
        // The protocol is known by ALPN: guessing it from the first bytes would wait for them without a limit.
        if http2 {
            builder.http2_only()
        } else {
            builder.http1_only()
        }
    }
}

/// Returns when `draining` is true, or nobody can set it any more.
async fn requested(draining: &mut watch::Receiver<bool>) {
    let _ = draining.wait_for(|draining| *draining).await;
}

/// Why the server ends a connection.
enum End {
    /// No request came on it.
    Silent,
    /// No request has come for long.
    Idle,
}

/// The requests of a connection, counted.
#[derive(Default)]
struct Requests {
    started: AtomicU64,
    ended: AtomicU64,
}

impl Requests {
    /// Counts a request as open until the guard is dropped.
    fn start(this: &Arc<Self>) -> OpenRequest {
        this.started.fetch_add(1, Ordering::Relaxed);
        OpenRequest(Arc::clone(this))
    }

    /// Returns when the connection has been of no use for long enough.
    async fn end(&self, limits: Limits, http2: bool) -> End {
        tokio::time::sleep(limits.first_request).await;
        if self.started.load(Ordering::Relaxed) == 0 {
            return End::Silent;
        }
        // HTTP/1.1 has its own limit: the time to read the next request's headers.
        if !http2 {
            std::future::pending::<()>().await;
        }
        self.idle(limits.idle).await;
        End::Idle
    }

    /// Returns when a time of `limit` has passed without a request that was open or began in it.
    async fn idle(&self, limit: Duration) {
        loop {
            let before = self.started.load(Ordering::Relaxed);
            let open = before != self.ended.load(Ordering::Relaxed);
            tokio::time::sleep(limit).await;
            if !open && before == self.started.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

struct OpenRequest(Arc<Requests>);

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}
