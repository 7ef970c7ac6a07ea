//! HTTP around the verdict: limits, deadline, panic fence. Every answer is an AdmissionReview.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::http::{HeaderValue, Method, StatusCode, Version, header};
use axum::response::Response as HttpResponse;
use futures::FutureExt as _;
use tokio::sync::Semaphore;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::answer::{Subject, answer};
use crate::audit;
use crate::body::Bodies;
use crate::client_auth::Caller;
use crate::dispatch::{Endpoint, Evaluate, kind_of};
use crate::metrics::{Metrics, RequestLabels};
use crate::review::{Request, Response, decode, encode, find_uid};
use crate::verdict::{Failure, Verdict};

/// Requests that are judged at once.
const EVALUATIONS: usize = 64;
/// Requests longer than this are judged within [`LONG_TOGETHER`]: an object takes many times its text in memory (16 bytes for
/// each where it is a list of digits), and policies get copies of it.
const LONG: usize = 32 * KIB;
/// KiB of long requests that are judged at once, or one alone if it is longer.
const LONG_TOGETHER: u32 = 2048;
const KIB: usize = 1024;
/// Requests that wait to be judged; more are turned away.
const WAITING: usize = 1024;
/// Time where the caller gives none: the default of `timeoutSeconds` (`admissionregistration.k8s.io/v1`).
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest `timeoutSeconds` there can be.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest path in an answer or the log, in bytes.
const LONGEST_PATH: usize = 200;
/// Kept back from the caller's time, so that the answer still arrives.
const MARGIN: Duration = Duration::from_millis(200);
/// What the routes share.
pub struct App {
    evaluate: Arc<dyn Evaluate>,
    metrics: Metrics,
    evaluations: Semaphore,
    long: Semaphore,
    waiting: Semaphore,
    bodies: Bodies,
    /// While true, connections of HTTP/1.1 are asked to end after their answer.
    draining: Box<dyn Fn() -> bool + Send + Sync>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}

impl App {
    /// Routes that ask `evaluate` and count in `metrics`. While `draining` says so, callers are asked to reconnect,
    /// which brings them to another replica.
    pub fn new(
        evaluate: Arc<dyn Evaluate>,
        metrics: Metrics,
        draining: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            evaluate,
            bodies: Bodies::new(metrics.clone()),
            metrics,
            evaluations: Semaphore::new(EVALUATIONS),
            long: Semaphore::new(LONG_TOGETHER as usize),
            waiting: Semaphore::new(WAITING),
            draining: Box::new(draining),
        }
    }

    /// The router: one handler for every path and method, because all of them are answered alike.
    pub fn router(self) -> Router {
        Router::new().fallback(handle).with_state(Arc::new(self))
    }
}

async fn handle(State(app): State<Arc<App>>, request: HttpRequest) -> HttpResponse {
    let started = Instant::now();
    let _in_flight = app.metrics.enter();
    let (parts, body) = request.into_parts();
    let endpoint = match parts.uri.path() {
        "/validate" => Some(Endpoint::Validate),
        "/mutate" => Some(Endpoint::Mutate),
        _ => None,
    };
    let time = time_left(parts.uri.query());
    let mut bytes = Vec::new();
    let span = tracing::debug_span!(
        "admission",
        path = parts.uri.path(),
        kind = Empty,
        operation = Empty,
        uid = Empty
    );
    #[cfg(feature = "opentelemetry")]
    sluice_runtime::telemetry::continue_trace(&span, &parts.headers);
    let judged = async {
        admitted(&parts)?;
        let endpoint = acceptable(endpoint, &parts)?;
        let _memory = app
            .bodies
            .read(body, &mut bytes)
            .instrument(tracing::debug_span!("read"))
            .await?;
        app.judge(endpoint, &bytes, started + time).await
    };
    let outcome = tokio::time::timeout(time, judged.instrument(span))
        .await
        .unwrap_or(Err(Failure::Deadline {
            millis: time.as_millis(),
        }));
    let (labels, response) = match outcome {
        Ok(judged) => judged,
        Err(failure) => {
            let subject = Subject {
                uid: find_uid(&bytes).unwrap_or_default(),
                ..Subject::default()
            };
            if !matches!(failure, Failure::Path { .. } | Failure::Method { .. }) {
                tracing::warn!("request not judged: {failure}");
            }
            let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
            let path = crate::answer::cut(parts.uri.path(), LONGEST_PATH);
            audit::record_unjudged(&path, peer, &subject.uid, &failure, started.elapsed());
            (("other", "other"), answer(&subject, &Verdict::Failed(failure)))
        }
    };
    app.count(endpoint, labels, &response, started.elapsed());
    http_response(&app, parts.version, endpoint, &response)
}

impl App {
    async fn judge(&self, endpoint: Endpoint, bytes: &[u8], deadline: Instant) -> Result<Judged, Failure> {
        let _permits = {
            let _place = self.waiting.try_acquire().map_err(|_| Failure::Overloaded)?;
            let _waiting = self.metrics.waiting();
            // First the share of long ones: those that wait for it keep no place from short ones.
            let long = self.long.acquire_many(share_of_long(bytes.len()));
            let long = long.await.map_err(|_| Failure::Internal)?;
            (long, self.evaluations.acquire().await.map_err(|_| Failure::Internal)?)
        };
        let began = Instant::now();
        let mut request = decode(bytes).map_err(|e| Failure::Malformed(e.to_string()))?;
        request.deadline = Some(deadline);
        let span = tracing::Span::current();
        span.record("kind", request.kind.kind.as_ref());
        span.record("operation", request.operation.as_str());
        span.record("uid", request.uid.as_ref());
        let fenced = AssertUnwindSafe(async { self.evaluate.evaluate(endpoint, &request).await }).catch_unwind();
        let verdict = fenced
            .instrument(tracing::debug_span!("judge"))
            .await
            .unwrap_or_else(|_| {
                // The panic hook has logged where; what it says may hold a user's values.
                self.metrics.panicked();
                Verdict::Failed(Failure::Internal)
            });
        audit::record(endpoint, &request, &verdict, began.elapsed());
        self.metrics.judged(&verdict);
        let labels = (
            kind_of(&request).map_or("other", |(kind, _)| kind.as_str()),
            request.operation.as_str(),
        );
        Ok((labels, answer(&subject(&request), &verdict)))
    }

    fn count(&self, endpoint: Option<Endpoint>, labels: Labels, response: &Response, took: Duration) {
        let labels = RequestLabels {
            kind: labels.0,
            operation: labels.1,
            path: endpoint.map_or("other", Endpoint::as_str),
            allowed: if response.allowed { "true" } else { "false" },
            code: response.status.as_ref().map_or(200, |status| status.code),
        };
        self.metrics.answered(&labels, took);
    }
}

/// What a request of `length` bytes takes of [`LONG_TOGETHER`].
fn share_of_long(length: usize) -> u32 {
    if length <= LONG {
        return 0;
    }
    u32::try_from(length.div_ceil(KIB)).map_or(LONG_TOGETHER, |share| share.min(LONG_TOGETHER))
}

/// Kind and operation, for metrics.
type Labels = (&'static str, &'static str);
type Judged = (Labels, Response);

fn subject(request: &Request<'_>) -> Subject {
    let name = if request.name.is_empty() {
        generate_name(request).unwrap_or_default()
    } else {
        request.name.clone().into_owned()
    };
    Subject {
        uid: request.uid.clone().into_owned(),
        group: request.kind.group.clone().into_owned(),
        kind: request.kind.kind.clone().into_owned(),
        namespace: request.namespace.clone().into_owned(),
        name,
    }
}

/// What the user wrote in place of a name.
fn generate_name(request: &Request<'_>) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Object {
        metadata: Metadata,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metadata {
        generate_name: Option<String>,
    }
    let object: Object = serde_json::from_str(request.object?.get()).ok()?;
    object.metadata.generate_name
}

/// Whether the client may ask at all; a connection without [`Caller`] has no restriction.
fn admitted(parts: &axum::http::request::Parts) -> Result<(), Failure> {
    match parts.extensions.get::<Caller>() {
        None | Some(Caller::Trusted) => Ok(()),
        Some(Caller::Unknown) => Err(Failure::NoClientCertificate),
        Some(Caller::Misnamed) => Err(Failure::OtherClient),
    }
}

fn acceptable(endpoint: Option<Endpoint>, parts: &axum::http::request::Parts) -> Result<Endpoint, Failure> {
    let endpoint = endpoint.ok_or_else(|| Failure::Path {
        path: crate::answer::cut(parts.uri.path(), LONGEST_PATH),
    })?;
    if parts.method != Method::POST {
        return Err(Failure::Method {
            method: crate::answer::cut(parts.method.as_str(), 40),
        });
    }
    let content_type = parts.headers.get(header::CONTENT_TYPE);
    let found = content_type.and_then(|value| value.to_str().ok()).unwrap_or("(none)");
    let media_type = found.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Failure::ContentType {
            found: crate::answer::cut(found, 100),
        });
    }
    Ok(endpoint)
}

/// The time for an answer: what `?timeout=` says (the API server writes it as Go does: `5s`), less a margin.
fn time_left(query: Option<&str>) -> Duration {
    let given = query
        .into_iter()
        .flat_map(|query| query.split('&'))
        .find_map(|pair| pair.strip_prefix("timeout="))
        .and_then(go_duration)
        .unwrap_or(DEFAULT_TIMEOUT)
        .min(LONGEST_TIMEOUT);
    given.saturating_sub(MARGIN.min(given / 10))
}

/// `10s`, `1m30s`, `500ms`: the forms that Go's `Duration.String` gives for whole milliseconds.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let (unit, seconds) = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)]
            .into_iter()
            .find(|(unit, _)| rest[digits..].starts_with(unit))?;
        total = total.checked_add(Duration::try_from_secs_f64(number * seconds).ok()?)?;
        rest = &rest[digits + unit.len()..];
    }
    (!total.is_zero()).then_some(total)
}

fn http_response(app: &App, version: Version, endpoint: Option<Endpoint>, response: &Response) -> HttpResponse {
    let mut http = HttpResponse::new(Body::from(encode(response)));
    // The API server reads the review only when the HTTP status is a success. Elsewhere nobody expects one.
    if endpoint.is_none() {
        *http.status_mut() = StatusCode::NOT_FOUND;
    }
    let headers = http.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if version < Version::HTTP_2 && (app.draining)() {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    http
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::nothing(0, 0)]
    #[case::as_most_are(5 * KIB, 0)]
    #[case::longest_short(LONG, 0)]
    #[case::shortest_long(LONG + 1, 33)]
    #[case::whole(2 * 1024 * KIB, LONG_TOGETHER)]
    #[case::the_longest(crate::body::BODY_LIMIT, LONG_TOGETHER)]
    fn long_requests_share_what_is_theirs(#[case] length: usize, #[case] share: u32) {
        assert_eq!(share_of_long(length), share);
    }

    #[rstest]
    #[case("10s", Some(10_000))]
    #[case("500ms", Some(500))]
    #[case("1m30s", Some(90_000))]
    #[case("1.5s", Some(1_500))]
    #[case("", None)]
    #[case("5", None)]
    #[case("0s", None)]
    #[case("-5s", None)]
    #[case("99999999999999999999h", None)]
    fn durations_of_go(#[case] text: &str, #[case] millis: Option<u64>) {
        assert_eq!(go_duration(text), millis.map(Duration::from_millis));
    }

    #[rstest]
    #[case(None, 9_800)]
    #[case(Some("timeout=5s"), 4_800)]
    #[case(Some("a=b&timeout=1s"), 900)]
    #[case(Some("timeout=9h"), 29_800)]
    #[case(Some("timeout=nonsense"), 9_800)]
    fn time_is_the_callers_less_a_margin(#[case] query: Option<&str>, #[case] millis: u64) {
        assert_eq!(time_left(query), Duration::from_millis(millis));
    }
}
