//! Spans for a collector of OpenTelemetry, by OTLP over HTTP. Only with the cargo feature `opentelemetry`.
//!
//! Spans are made at level debug, so without a collector they cost nothing. They leave in batches from a thread of their
//! own; where the collector does not answer they are dropped, and nothing else waits for it.

use std::fmt;

use axum::http::HeaderMap;
use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HeaderExtractor, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing::level_filters::LevelFilter;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Layer, Registry};

/// A layer that can be put below the log's.
pub type SpanLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// The exporter cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("--otlp-endpoint {endpoint}: {reason}; write the collector's address, such as http://otel-collector:4318")]
pub struct TelemetryError {
    endpoint: String,
    reason: String,
}

/// Sends spans until it is dropped; then sends the rest. Drop it outside of a runtime.
pub struct Telemetry(SdkTracerProvider);

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telemetry")
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.0.shutdown();
    }
}

/// Exports the spans of Sluice's own modules as the service `service` to the collector at `endpoint`, plain HTTP.
///
/// # Errors
/// When the endpoint is no address, or no thread can be started.
pub fn start(service: &'static str, endpoint: &str) -> Result<(Telemetry, SpanLayer), TelemetryError> {
    let failed = |reason: String| TelemetryError {
        endpoint: endpoint.to_owned(),
        reason,
    };
    if !endpoint.starts_with("http://") {
        return Err(failed("only plain HTTP is spoken to a collector".to_owned()));
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Sender::new().map_err(|e| failed(e.to_string()))?)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()
        .map_err(|e| failed(e.to_string()))?;
    let provider = SdkTracerProvider::builder()
        .with_resource(Resource::builder().with_service_name(service).build())
        .with_batch_exporter(exporter)
        .build();
    let own = Targets::new()
        .with_target("sluice_webhook", LevelFilter::DEBUG)
        .with_target("sluice_controller", LevelFilter::DEBUG)
        .with_target("sluice_runtime", LevelFilter::DEBUG);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("sluice"))
        .with_filter(own);
    Ok((Telemetry(provider), Box::new(layer)))
}

/// Makes `span` part of the trace that the caller names in its headers (`traceparent`, W3C Trace Context), as an API
/// server does that traces its requests.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    let context = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    // Fails where no layer exports spans, and then there is no trace to be part of.
    let _ = span.set_parent(context);
}

/// Sends batches. Has a runtime of its own, because the thread that calls it has none.
struct Sender {
    runtime: tokio::runtime::Runtime,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Sender {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            client: Client::builder(TokioExecutor::new()).build_http(),
        })
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

impl HttpClient for Sender {
    fn send_bytes<'a, 'b>(&'a self, request: Request<Bytes>) -> BoxFuture<'b, Result<Response<Bytes>, HttpError>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            self.runtime.block_on(async {
                let response = self.client.request(request.map(Full::new)).await?;
                let (parts, body) = response.into_parts();
                Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
            })
        })
    }
}
