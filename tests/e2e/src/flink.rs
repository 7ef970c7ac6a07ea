//! Flink's own view of a job, through the API server's proxy, so that it works on any cluster.

use kube::Client;
use serde_json::Value;

use crate::Outcome;

/// GET of a path of the REST API of `cluster` in `namespace`. `None` while it does not answer with JSON.
///
/// # Errors
/// Only when the request cannot be built.
pub async fn get(client: &Client, namespace: &str, cluster: &str, path: &str) -> Outcome<Option<Value>> {
    let uri = format!("/api/v1/namespaces/{namespace}/services/{cluster}-rest:8081/proxy{path}");
    let request = http::Request::get(uri)
        .body(Vec::new())
        .map_err(|e| crate::Failure(e.to_string()))?;
    let Ok(text) = client.request_text(request).await else {
        return Ok(None);
    };
    Ok(serde_json::from_str(&text).ok())
}

/// When the last task of the only job began to run, milliseconds since 1970; `None` while not all tasks run.
///
/// # Errors
/// Only when a request cannot be built.
pub async fn running_since(client: &Client, namespace: &str, cluster: &str) -> Outcome<Option<i64>> {
    let Some(overview) = get(client, namespace, cluster, "/jobs/overview").await? else {
        return Ok(None);
    };
    let Some(job) = overview["jobs"][0]["jid"].as_str() else {
        return Ok(None);
    };
    let Some(details) = get(client, namespace, cluster, &format!("/jobs/{job}")).await? else {
        return Ok(None);
    };
    let mut last = None;
    for vertex in details["vertices"].as_array().into_iter().flatten() {
        let Some(id) = vertex["id"].as_str() else {
            return Ok(None);
        };
        let path = format!("/jobs/{job}/vertices/{id}/subtasktimes");
        let Some(times) = get(client, namespace, cluster, &path).await? else {
            return Ok(None);
        };
        for subtask in times["subtasks"].as_array().into_iter().flatten() {
            match subtask["timestamps"]["RUNNING"].as_i64() {
                Some(since) if since > 0 => last = last.max(Some(since)),
                _ => return Ok(None),
            }
        }
    }
    Ok(last)
}

/// Number of jobs that the cluster knows.
///
/// # Errors
/// Only when the request cannot be built.
pub async fn jobs(client: &Client, namespace: &str, cluster: &str) -> Outcome<Option<usize>> {
    let overview = get(client, namespace, cluster, "/jobs/overview").await?;
    Ok(overview.and_then(|overview| overview["jobs"].as_array().map(Vec::len)))
}

/// Cancels a job at Flink itself, as somebody would in its web UI.
///
/// # Errors
/// When Flink does not take it.
pub async fn cancel(client: &Client, namespace: &str, cluster: &str, job: &str) -> Outcome {
    let uri = format!("/api/v1/namespaces/{namespace}/services/{cluster}-rest:8081/proxy/jobs/{job}?mode=cancel");
    let request = http::Request::patch(uri)
        .body(Vec::new())
        .map_err(|e| crate::Failure(e.to_string()))?;
    client.request_text(request).await?;
    Ok(())
}
