//! Client of Flink's REST API: one pooled HTTP client for all JobManagers.
//!
//! Answers are read leniently: fields that are not needed are ignored, since Flink's versions add them at will. A
//! JobManager that does not answer sits behind a circuit breaker of its own, so that it never holds a worker.

mod breaker;
mod resolver;
mod view;

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde_json::Value;

use crate::deployment::model::{Checkpoints, FlinkBuild, JobException, JobOverview};
use crate::metrics::{Metrics, RestResult};
use breaker::Breakers;
use resolver::Resolver;

/// An answer that takes longer counts as none.
const TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that takes longer is not waited for: the JobManager is in the same cluster.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// An answer that is longer is not read.
const MAX_BODY: usize = 8 << 20;
/// Idle connections are closed after this time; longer than the slowest regular poll.
const IDLE: Duration = Duration::from_secs(30);

/// In Flink's answer about a job without checkpointing; the Java operator looks for the same words.
const CHECKPOINTING_OFF: &str = "Checkpointing has not been enabled";

/// Where a cluster's REST API is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Host name: `<id>-rest.<namespace>`.
    pub host: String,
    /// Port of the REST Service.
    pub port: u16,
    /// The Service's address as the watch cache knows it. Asking it spares a look-up, and a look-up that failed before
    /// the Service existed would be remembered by resolvers on the way.
    pub address: Option<IpAddr>,
}

impl Endpoint {
    /// The REST API of cluster `id`.
    #[must_use]
    pub fn of(id: &str, namespace: &str, port: u16, address: Option<IpAddr>) -> Self {
        Self {
            host: format!("{id}-rest.{namespace}"),
            port,
            address,
        }
    }

    fn authority(&self) -> String {
        match self.address {
            Some(IpAddr::V6(address)) => format!("[{address}]:{}", self.port),
            Some(IpAddr::V4(address)) => format!("{address}:{}", self.port),
            None => format!("{}:{}", self.host, self.port),
        }
    }
}

/// Why Flink gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// No connection.
    #[error("{host} cannot be reached: {reason}")]
    Unreachable {
        /// Who was asked.
        host: String,
        /// What the network says.
        reason: String,
    },
    /// No answer in time.
    #[error("{host} did not answer within {} s", TIMEOUT.as_secs())]
    Timeout {
        /// Who was asked.
        host: String,
    },
    /// It was not asked: it did not answer before.
    #[error("{host} did not answer {failures} times in a row and is not asked for another {} ms", .wait.as_millis())]
    Open {
        /// Who would have been asked.
        host: String,
        /// Timeouts so far.
        failures: u32,
        /// When it is asked again.
        wait: Duration,
    },
    /// An HTTP status that is not a success.
    #[error("{host} answers {status} to {path}: {reason}")]
    Status {
        /// Who was asked.
        host: String,
        /// What was asked for.
        path: String,
        /// The status.
        status: StatusCode,
        /// Flink's text, shortened.
        reason: String,
    },
    /// An answer that cannot be read.
    #[error("{host} gives an answer to {path} that cannot be read: {reason}")]
    Garbage {
        /// Who was asked.
        host: String,
        /// What was asked for.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The client. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FlinkClient {
    http: Client<HttpConnector<Resolver>, Full<Bytes>>,
    breakers: Breakers,
    metrics: Metrics,
}

impl FlinkClient {
    /// A client that counts its requests in `metrics`.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        let mut connector = HttpConnector::new_with_resolver(Resolver::default());
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let http = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(2)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Self {
            http,
            breakers: Breakers::default(),
            metrics,
        }
    }

    /// All jobs (`GET /jobs/overview`).
    pub async fn jobs(&self, endpoint: &Endpoint) -> Result<Vec<JobOverview>, RestError> {
        let path = "/v1/jobs/overview";
        let answer = self.get(endpoint, path).await?;
        view::jobs(&answer).ok_or_else(|| garbage(endpoint, path, "it has no list \"jobs\""))
    }

    /// Version of Flink (`GET /config`).
    pub async fn build(&self, endpoint: &Endpoint) -> Result<FlinkBuild, RestError> {
        let answer = self.get(endpoint, "/v1/config").await?;
        Ok(view::build(&answer))
    }

    /// Number of registered TaskManagers (`GET /taskmanagers`).
    pub async fn task_managers(&self, endpoint: &Endpoint) -> Result<i64, RestError> {
        let path = "/v1/taskmanagers";
        let answer = self.get(endpoint, path).await?;
        view::task_managers(&answer).ok_or_else(|| garbage(endpoint, path, "it has no list \"taskmanagers\""))
    }

    /// What went wrong in a job (`GET /jobs/:id/exceptions`): its newest exception in short, and the history.
    pub async fn exceptions(
        &self,
        endpoint: &Endpoint,
        job_id: &str,
    ) -> Result<(Option<String>, Vec<JobException>), RestError> {
        let answer = self.get(endpoint, &format!("/v1/jobs/{job_id}/exceptions")).await?;
        Ok((view::failure(&answer), view::exceptions(&answer)))
    }

    /// A job's newest checkpoints (`GET /jobs/:id/checkpoints`). A job without checkpointing has an answer too.
    pub async fn checkpoints(&self, endpoint: &Endpoint, job_id: &str) -> Result<Checkpoints, RestError> {
        let path = format!("/v1/jobs/{job_id}/checkpoints");
        match self.get(endpoint, &path).await {
            Ok(answer) => {
                view::checkpoints(&answer).ok_or_else(|| garbage(endpoint, &path, "it has no object \"latest\""))
            }
            Err(RestError::Status { reason, .. }) if reason.contains(CHECKPOINTING_OFF) => Ok(Checkpoints::default()),
            Err(error) => Err(error),
        }
    }

    /// Asks Flink to cancel a job (`PATCH /jobs/:id?mode=cancel`). A job that is gone or has ended already is fine.
    pub async fn cancel(&self, endpoint: &Endpoint, job_id: &str) -> Result<(), RestError> {
        let path = format!("/v1/jobs/{job_id}?mode=cancel");
        match self.request(endpoint, Method::PATCH, &path).await {
            Ok(_) => Ok(()),
            Err(RestError::Status { status, .. })
                if status == StatusCode::NOT_FOUND || status == StatusCode::CONFLICT =>
            {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Forgets what is known of a JobManager: it is gone, or another one took its place.
    pub fn forget(&self, endpoint: &Endpoint) {
        self.breakers.forget(&endpoint.host);
    }

    async fn get(&self, endpoint: &Endpoint, path: &str) -> Result<Value, RestError> {
        let body = self.request(endpoint, Method::GET, path).await?;
        serde_json::from_slice(&body).map_err(|error| {
            self.metrics.rest(RestResult::Garbage);
            garbage(endpoint, path, &error.to_string())
        })
    }

    async fn request(&self, endpoint: &Endpoint, method: Method, path: &str) -> Result<Bytes, RestError> {
        let host = &endpoint.host;
        if let Some(open) = self.breakers.refuses(host) {
            self.metrics.rest(RestResult::CircuitOpen);
            return Err(open);
        }
        let result = match tokio::time::timeout(TIMEOUT, self.exchange(endpoint, method, path)).await {
            Ok(result) => result,
            Err(_) => Err(RestError::Timeout { host: host.clone() }),
        };
        self.breakers
            .note(host, matches!(result, Err(RestError::Timeout { .. })));
        self.metrics.rest(match &result {
            Ok(_) => RestResult::Ok,
            Err(RestError::Timeout { .. }) => RestResult::Timeout,
            Err(RestError::Unreachable { .. } | RestError::Open { .. }) => RestResult::Unreachable,
            Err(RestError::Status { .. }) => RestResult::Status,
            Err(RestError::Garbage { .. }) => RestResult::Garbage,
        });
        result
    }

    async fn exchange(&self, endpoint: &Endpoint, method: Method, path: &str) -> Result<Bytes, RestError> {
        let host = &endpoint.host;
        let unreachable = |reason: String| RestError::Unreachable {
            host: host.clone(),
            reason,
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", endpoint.authority()))
            .header(header::HOST, format!("{host}:{}", endpoint.port))
            .header(header::ACCEPT, "application/json")
            .body(Full::default())
            .map_err(|error| unreachable(error.to_string()))?;
        let response = self.http.request(request).await.map_err(|error| {
            if timed_out(&error) {
                RestError::Timeout { host: host.clone() }
            } else {
                unreachable(cause(&error))
            }
        })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
        let body = body
            .map_err(|error| garbage(endpoint, path, &error.to_string()))?
            .to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        Err(RestError::Status {
            host: host.clone(),
            path: path.to_owned(),
            status,
            reason: String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned(),
        })
    }
}

fn garbage(endpoint: &Endpoint, path: &str, reason: &str) -> RestError {
    RestError::Garbage {
        host: endpoint.host.clone(),
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Whether the connection was given up for its time limit: packets that vanish are as slow as a JobManager that hangs.
fn timed_out(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(current) = error {
        if let Some(io) = current.downcast_ref::<std::io::Error>()
            && io.kind() == std::io::ErrorKind::TimedOut
        {
            return true;
        }
        error = current.source();
    }
    false
}

/// The innermost cause, which is the one that says something.
fn cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(current) = source {
        text = current.to_string();
        source = current.source();
    }
    text
}

#[cfg(test)]
mod tests;
