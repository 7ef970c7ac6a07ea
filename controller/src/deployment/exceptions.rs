//! Exceptions of a running job become events.
//!
//! Flink keeps a history of them. What was published already is remembered in memory; after a start of the controller it
//! is read off the events themselves, and what is older than `HISTORY` is not news any more.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use sluice_shared::api::FlinkDeployment;

use super::event::{Component, EventDraft, Reason, java_hash};
use super::model::{JobException, Millis};
use crate::context::Context;

/// Exceptions older than this at the first look are not published (Java operator: class `JobStatusObserver`).
const HISTORY: Millis = 30 * 60 * 1000;
/// Annotation: when the exception happened.
const TIMESTAMP: &str = "exception-timestamp";

/// What was published of one resource's job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The job.
    pub job_id: String,
    /// When its newest published exception happened.
    pub until: Millis,
}

/// Those of `history` that were not published yet, the oldest first; at most `limit`, the rest comes with the next look.
pub async fn news(
    context: &Context,
    resource: &FlinkDeployment,
    job_id: &str,
    history: Vec<JobException>,
    limit: usize,
    now: Millis,
) -> Vec<JobException> {
    let uid = resource.metadata.uid.clone().unwrap_or_default();
    let known = context.shared.exceptions.lock().get(&uid).cloned();
    let until = match known {
        Some(published) if published.job_id == job_id => published.until,
        Some(_) => Millis::MIN,
        None if history.is_empty() => Millis::MIN,
        None => published_before(context, resource).await.unwrap_or(now - HISTORY),
    };
    select(history, until, limit)
}

/// Remembers that events tell of `exceptions` now.
pub fn published(context: &Context, resource: &FlinkDeployment, job_id: &str, exceptions: &[JobException]) {
    if let (Some(uid), Some(until)) = (&resource.metadata.uid, exceptions.iter().map(|e| e.timestamp).max()) {
        let job_id = job_id.to_owned();
        let published = Published { job_id, until };
        context.shared.exceptions.lock().insert(uid.clone(), published);
    }
}

/// The oldest `limit` of those after `until`.
fn select(mut history: Vec<JobException>, until: Millis, limit: usize) -> Vec<JobException> {
    history.retain(|exception| exception.timestamp > until);
    history.sort_by_key(|exception| exception.timestamp);
    history.truncate(limit);
    history
}

/// When the newest exception happened that an event tells of.
async fn published_before(context: &Context, resource: &FlinkDeployment) -> Option<Millis> {
    let api: Api<Event> = Api::namespaced(context.shared.client.clone(), &resource.namespace()?);
    let fields = format!(
        "involvedObject.uid={},reason=JobException",
        resource.metadata.uid.as_deref()?
    );
    let events = api.list(&ListParams::default().fields(&fields)).await.ok()?;
    let times = events.items.iter().filter_map(|event| {
        let text = event.annotations().get(TIMESTAMP)?;
        text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
    });
    times.max()
}

/// The event that tells of `exception`, with the first `lines` lines of its stack.
#[must_use]
pub fn event(exception: &JobException, lines: usize) -> EventDraft {
    let all: Vec<&str> = exception.stacktrace.lines().collect();
    let mut shown: Vec<String> = all.iter().take(lines).map(|line| (*line).to_owned()).collect();
    if all.len() > lines {
        shown.push(format!("... ({} more lines)", all.len() - lines));
    }
    let message = shown.join("\n");
    // Java's Objects.hash of one text: the Java operator names the event by it.
    let hash = java_hash(&exception.stacktrace).wrapping_add(31);
    let mut annotations = BTreeMap::new();
    let time = Timestamp::from_millisecond(exception.timestamp).map_or_else(|_| String::new(), |time| time.to_string());
    annotations.insert(TIMESTAMP.to_owned(), time);
    let named = [
        ("task-name", &exception.task_name),
        ("endpoint", &exception.endpoint),
        ("tm-id", &exception.task_manager_id),
    ];
    for (key, value) in named {
        if let Some(value) = value {
            annotations.insert(key.to_owned(), one_line(value));
        }
    }
    for (key, value) in &exception.labels {
        let key = format!("failure-label-{key}");
        if is_annotation_key(&key) {
            annotations.insert(key, one_line(value));
        }
    }
    EventDraft {
        annotations,
        ..EventDraft::warning(Reason::JobException, Component::Job, message)
    }
    .keyed(format!("jobmanager-exception-{hash:x}"))
}

/// Without control characters: annotations are read in one line.
fn one_line(value: &str) -> String {
    let spaced = value
        .chars()
        .map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c });
    spaced.filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

/// Whether Kubernetes takes `key` as an annotation's key without prefix. Labels with a prefix do not occur: the part
/// before a slash would be `failure-label-...`, which is no domain.
fn is_annotation_key(key: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    key.len() <= 63 && key.chars().all(inner) && key.ends_with(|c: char| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(timestamp: Millis) -> JobException {
        JobException {
            timestamp,
            stacktrace: format!("e{timestamp}"),
            ..JobException::default()
        }
    }

    #[test]
    fn only_news_the_oldest_first_and_never_too_many_at_once() {
        let history = vec![at(5), at(3), at(4), at(1), at(2)];
        let times = |until| {
            select(history.clone(), until, 2)
                .iter()
                .map(|e| e.timestamp)
                .collect::<Vec<_>>()
        };
        assert_eq!(times(2), [3, 4]);
        assert_eq!(times(4), [5]);
        assert_eq!(times(5), Vec::<Millis>::new());
    }

    #[test]
    fn an_event_shows_the_first_lines_and_where_it_happened() {
        let exception = JobException {
            timestamp: 1_700_000_000_123,
            stacktrace: "a\nb\nc\nd".into(),
            task_name: Some("Map\n(1/2)".into()),
            labels: BTreeMap::from([("kind".into(), "disk".into()), ("bad key".into(), "x".into())]),
            ..JobException::default()
        };
        let event = event(&exception, 2);
        assert_eq!(event.message, "a\nb\n... (2 more lines)");
        assert_eq!(event.annotations["exception-timestamp"], "2023-11-14T22:13:20.123Z");
        assert_eq!(event.annotations["task-name"], "Map (1/2)");
        assert_eq!(event.annotations["failure-label-kind"], "disk");
        assert_eq!(event.annotations.len(), 3, "{:?}", event.annotations);
    }

    #[test]
    fn the_same_exception_is_the_same_event() {
        let later = JobException { timestamp: 9, ..at(1) };
        let name = |exception: &JobException| event(exception, 5).name("FlinkDeployment", "a", "1");
        assert_eq!(name(&at(1)), name(&later));
        assert_ne!(name(&at(1)), name(&at(2)));
    }
}
