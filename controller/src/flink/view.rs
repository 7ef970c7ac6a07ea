//! What is read from Flink's answers. Everything else in them is ignored.

use serde_json::Value;
use sluice_shared::api::status::FlinkJobState;

use crate::deployment::model::{Checkpoints, FlinkBuild, JobException, JobOverview, NewestState};

/// Lines of a failure that are kept: the exception and its causes.
const MAX_CAUSES: usize = 4;

/// `GET /jobs/overview`. Entries without an id are left out.
pub fn jobs(answer: &Value) -> Option<Vec<JobOverview>> {
    let jobs = answer.get("jobs")?.as_array()?;
    Some(jobs.iter().filter_map(job).collect())
}

fn job(entry: &Value) -> Option<JobOverview> {
    Some(JobOverview {
        id: entry.get("jid")?.as_str()?.to_owned(),
        name: entry.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        state: effective_state(entry),
        start_time: entry.get("start-time").and_then(Value::as_i64).unwrap_or_default(),
    })
}

/// A job counts as running only when every task runs or is finished; Flink says so as soon as it is scheduled.
fn effective_state(entry: &Value) -> FlinkJobState {
    let state = entry.get("state").and_then(Value::as_str).unwrap_or_default();
    let state = state.parse().unwrap_or(FlinkJobState::Reconciling);
    let settled = |name: &str| matches!(name, "total" | "running" | "finished");
    let starting = entry.get("tasks").and_then(Value::as_object).is_some_and(|tasks| {
        tasks
            .iter()
            .any(|(name, count)| !settled(name) && count.as_i64().unwrap_or_default() > 0)
    });
    if state == FlinkJobState::Running && starting {
        FlinkJobState::Created
    } else {
        state
    }
}

/// `GET /config`.
pub fn build(answer: &Value) -> FlinkBuild {
    let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    FlinkBuild {
        version: text("flink-version"),
        revision: text("flink-revision"),
    }
}

/// Pointer of a checkpoint that is only in the JobManager's memory (Flink: class
/// `NonPersistentMetadataCheckpointStorageLocation`).
const NOT_KEPT: &str = "<checkpoint-not-externally-addressable>";

/// `GET /jobs/:id/checkpoints`.
pub fn checkpoints(answer: &Value) -> Option<Checkpoints> {
    let latest = answer.get("latest")?;
    let place = |kind: &str| {
        let entry = latest.get(kind)?;
        Some((entry.get("id")?.as_i64()?, entry.get("external_path")?.as_str()?))
    };
    let newest = ["restored", "completed", "savepoint"]
        .into_iter()
        .filter_map(place)
        .max();
    Some(Checkpoints {
        state_size: latest.pointer("/completed/state_size").and_then(Value::as_u64),
        newest: match newest {
            None => NewestState::Absent,
            Some((_, NOT_KEPT)) => NewestState::NotKept,
            Some((_, path)) => NewestState::At(path.to_owned()),
        },
    })
}

/// `GET /taskmanagers`.
pub fn task_managers(answer: &Value) -> Option<i64> {
    let count = answer.get("taskmanagers")?.as_array()?.len();
    i64::try_from(count).ok()
}

/// `GET /jobs/:id/exceptions`: the newest exception with its causes, without the stack.
pub fn failure(answer: &Value) -> Option<String> {
    let newest = answer
        .pointer("/exceptionHistory/entries")
        .and_then(Value::as_array)
        .and_then(|entries| {
            entries
                .iter()
                .max_by_key(|e| e.get("timestamp").and_then(Value::as_i64))
        })
        .and_then(|entry| entry.get("stacktrace"));
    let text = newest.or_else(|| answer.get("root-exception"))?.as_str()?;
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next()?.trim().to_owned();
    let causes = lines.map(str::trim).filter(|line| line.starts_with("Caused by:"));
    Some(
        std::iter::once(first.as_str())
            .chain(causes.take(MAX_CAUSES))
            .collect::<Vec<_>>()
            .join(" "),
    )
}

/// `GET /jobs/:id/exceptions`: the history. Entries without time or stack are left out.
pub fn exceptions(answer: &Value) -> Vec<JobException> {
    let entries = answer.pointer("/exceptionHistory/entries").and_then(Value::as_array);
    entries.into_iter().flatten().filter_map(exception).collect()
}

fn exception(entry: &Value) -> Option<JobException> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
    let labels = entry.get("failureLabels").and_then(Value::as_object);
    let labels = labels.into_iter().flatten();
    Some(JobException {
        timestamp: entry.get("timestamp")?.as_i64()?,
        stacktrace: text("stacktrace")?,
        task_name: text("taskName"),
        // Called location before Flink 1.19.
        endpoint: text("endpoint").or_else(|| text("location")),
        task_manager_id: text("taskManagerId"),
        labels: labels
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::all_running(json!({"total": 2, "running": 2, "finished": 0, "created": 0}), FlinkJobState::Running)]
    #[case::some_finished(json!({"total": 2, "running": 1, "finished": 1}), FlinkJobState::Running)]
    #[case::one_deploying(json!({"total": 2, "running": 1, "deploying": 1}), FlinkJobState::Created)]
    #[case::a_state_of_a_later_flink(json!({"total": 2, "running": 1, "dreaming": 1}), FlinkJobState::Created)]
    #[case::no_tasks(json!({}), FlinkJobState::Running)]
    fn running_means_all_tasks_run(#[case] tasks: Value, #[case] state: FlinkJobState) {
        let answer = json!({"jobs": [{"jid": "a", "name": "j", "state": "RUNNING", "start-time": 5, "tasks": tasks,
                                       "jobType": "STREAMING", "pending-operators": 0}]});
        let jobs = jobs(&answer).expect("a list");
        assert_eq!(jobs[0].state, state);
        assert_eq!(jobs[0].start_time, 5);
    }

    #[test]
    fn an_unknown_state_is_not_known() {
        let answer = json!({"jobs": [{"jid": "a", "state": "PONDERING"}, {"name": "no id"}]});
        let jobs = jobs(&answer).expect("a list");
        assert_eq!(jobs.len(), 1);
        assert_eq!(jobs[0].state, FlinkJobState::Reconciling);
    }

    #[test]
    fn a_failure_is_the_newest_exception_with_its_causes() {
        let answer = json!({"root-exception": "old", "exceptionHistory": {"entries": [
            {"timestamp": 1, "stacktrace": "first"},
            {"timestamp": 2, "stacktrace": "a.B: it broke\n\tat x.Y\nCaused by: c.D: disk full\n\tat z"}]}});
        assert_eq!(
            failure(&answer).as_deref(),
            Some("a.B: it broke Caused by: c.D: disk full")
        );
        assert_eq!(failure(&json!({"root-exception": "old"})).as_deref(), Some("old"));
        assert_eq!(failure(&json!({})), None);
        assert_eq!(exceptions(&json!({"root-exception": "old"})), []);
    }

    #[test]
    fn an_entry_of_the_history() {
        let answer = json!({"exceptionHistory": {"entries": [
            {"timestamp": 7, "stacktrace": "s", "taskName": "Map", "location": "h:1", "failureLabels": {"a": "b"},
             "exceptionName": "n", "concurrentExceptions": []},
            {"stacktrace": "no time"}]}});
        let found = exceptions(&answer);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].timestamp, found[0].endpoint.as_deref()), (7, Some("h:1")));
        assert_eq!(found[0].labels["a"], "b");
    }

    fn latest(latest: &Value) -> Checkpoints {
        checkpoints(&json!({"counts": {}, "latest": latest, "history": []})).expect("an answer")
    }

    #[rstest]
    #[case::nothing_yet(json!({"completed": null, "savepoint": null, "failed": null, "restored": null}), NewestState::Absent)]
    #[case::failed_ones_are_no_state(json!({"failed": {"id": 3}}), NewestState::Absent)]
    #[case::a_checkpoint(json!({"completed": {"id": 4, "external_path": "s3://c/4"}}), NewestState::At("s3://c/4".into()))]
    #[case::a_newer_savepoint(json!({"completed": {"id": 4, "external_path": "s3://c/4"}, "savepoint": {"id": 5, "external_path": "s3://s/5"}}),
        NewestState::At("s3://s/5".into()))]
    #[case::an_older_savepoint(json!({"completed": {"id": 12, "external_path": "s3://c/12"}, "savepoint": {"id": 5, "external_path": "s3://s/5"}}),
        NewestState::At("s3://c/12".into()))]
    #[case::only_what_it_was_restored_from(json!({"completed": null, "restored": {"id": 9, "external_path": "s3://s/9"}}), NewestState::At("s3://s/9".into()))]
    #[case::in_memory(json!({"completed": {"id": 2, "external_path": "<checkpoint-not-externally-addressable>"}}), NewestState::NotKept)]
    #[case::in_memory_and_newer(json!({"completed": {"id": 3, "external_path": "<checkpoint-not-externally-addressable>"},
        "savepoint": {"id": 2, "external_path": "s3://s/2"}}), NewestState::NotKept)]
    #[case::without_a_path(json!({"completed": {"id": 2}}), NewestState::Absent)]
    fn newest_state(#[case] answer: Value, #[case] expected: NewestState) {
        assert_eq!(latest(&answer).newest, expected);
    }

    #[test]
    fn state_size_is_that_of_the_newest_completed_checkpoint() {
        let answer = json!({"completed": {"id": 4, "external_path": "p", "state_size": 5_000_000_000_u64, "end_to_end_duration": 1},
            "savepoint": {"id": 5, "external_path": "s", "state_size": 7}});
        assert_eq!(latest(&answer).state_size, Some(5_000_000_000));
        assert_eq!(
            latest(&json!({"savepoint": {"id": 5, "external_path": "s", "state_size": 7}})).state_size,
            None
        );
        assert_eq!(checkpoints(&json!({"errors": []})), None);
    }
}
