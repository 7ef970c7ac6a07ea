//! What keeps a JobManager's pod from running, read off the pod.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodCondition};

use super::model::{JobManagerPod, Millis, Trouble};

/// Reasons of a waiting container that do not pass by themselves (Java operator: class `PodErrorUtils`, with
/// `InvalidImageName` and `CreateContainerError` added).
const WAITING: [&str; 8] = [
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "RunContainerError",
    "CreateContainerConfigError",
    "CreateContainerError",
    "OOMKilled",
];

/// A container that ran this long, in milliseconds, before it failed starts a new crash loop: kubelet's back-off begins
/// anew (<https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy>).
const CRASH_LOOP: Millis = 10 * 60 * 1000;

/// The container in which Flink runs.
const MAIN_CONTAINER: &str = crate::cluster::MAIN_CONTAINER;

/// What `decide` has to know of `pod`.
#[must_use]
pub fn summary(pod: &Pod) -> JobManagerPod {
    let status = pod.status.as_ref();
    let phase = status.and_then(|s| s.phase.as_deref()).unwrap_or("Pending");
    let containers = status.and_then(|s| s.container_statuses.as_deref()).unwrap_or_default();
    let init_containers = status
        .and_then(|s| s.init_container_statuses.as_deref())
        .unwrap_or_default();
    let main = containers
        .iter()
        .find(|c| c.name == MAIN_CONTAINER)
        .or(containers.first());
    let terminating_since = pod.metadata.deletion_timestamp.as_ref().map(|t| t.0.as_millisecond());
    let trouble = init_containers.iter().chain(containers).find_map(container_trouble);
    JobManagerPod {
        name: pod.metadata.name.clone().unwrap_or_default(),
        node: pod.spec.as_ref().and_then(|s| s.node_name.clone()),
        alive: !matches!(phase, "Succeeded" | "Failed"),
        terminating_since,
        running: main
            .and_then(|c| c.state.as_ref())
            .is_some_and(|state| state.running.is_some()),
        ready_since: condition(pod, "Ready").filter(|c| c.status == "True").and_then(since),
        trouble: trouble.filter(|_| terminating_since.is_none()),
        unschedulable: condition(pod, "PodScheduled")
            .filter(|c| c.status == "False" && c.reason.as_deref() == Some("Unschedulable"))
            .and_then(|c| c.message.clone()),
    }
}

/// Whether the pod is bound to a node, but the node has not got its volumes and network together. Only an Event tells why.
#[must_use]
pub fn waits_for_its_node(pod: &Pod) -> bool {
    let is = |name: &str, status: &str| condition(pod, name).map(|c| c.status == status);
    let prepared = is("PodReadyToStartContainers", "True")
        .or_else(|| is("Initialized", "True"))
        .unwrap_or(false);
    pod.metadata.deletion_timestamp.is_none() && is("PodScheduled", "True").unwrap_or(false) && !prepared
}

fn container_trouble(container: &ContainerStatus) -> Option<Trouble> {
    let state = container.state.as_ref()?;
    let last = container.last_state.as_ref().and_then(|s| s.terminated.as_ref());
    let ended = state.terminated.as_ref().or(last);
    let out_of_memory = ended.is_some_and(|t| t.reason.as_deref() == Some("OOMKilled"));
    if let Some(waiting) = &state.waiting {
        let reason = waiting.reason.as_deref().filter(|reason| WAITING.contains(reason))?;
        if reason == "CrashLoopBackOff" {
            return Some(crashed(container, ended));
        }
        return Some(Trouble {
            reason: reason.to_owned(),
            message: format!(
                "[{}] {}",
                container.name,
                waiting.message.as_deref().unwrap_or_default()
            ),
        });
    }
    // Just ended, or running again: between two crashes it is the same loop.
    let looping = container.restart_count > 1 && ended.is_some_and(ended_early);
    (looping || state.terminated.is_some() && out_of_memory).then(|| crashed(container, ended))
}

/// Whether a container failed so soon after its start that kubelet counts it to the same crash loop.
fn ended_early(ended: &ContainerStateTerminated) -> bool {
    let (Some(start), Some(end)) = (&ended.started_at, &ended.finished_at) else {
        return false;
    };
    ended.exit_code != 0 && end.0.as_millisecond() - start.0.as_millisecond() < CRASH_LOOP
}

fn crashed(container: &ContainerStatus, ended: Option<&ContainerStateTerminated>) -> Trouble {
    if ended.is_some_and(|ended| ended.reason.as_deref() == Some("OOMKilled")) {
        return killed(container);
    }
    let said = ended.and_then(|ended| ended.message.as_deref()).map(str::trim);
    let text = match (said.filter(|text| !text.is_empty()), ended) {
        (Some(said), _) => said.to_owned(),
        (None, Some(ended)) => format!("exit code {}", ended.exit_code),
        (None, None) => "it ends again and again".to_owned(),
    };
    Trouble {
        reason: "CrashLoopBackOff".to_owned(),
        message: format!("[{}] CrashLoop - {text}", container.name),
    }
}

fn killed(container: &ContainerStatus) -> Trouble {
    let raise = if container.name == MAIN_CONTAINER {
        "jobManager.resource.memory"
    } else {
        "it in the pod template"
    };
    Trouble {
        reason: "OOMKilled".to_owned(),
        message: format!(
            "[{}] killed for using more memory than its limit; raise {raise}",
            container.name
        ),
    }
}

fn condition<'a>(pod: &'a Pod, type_: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    conditions.iter().find(|c| c.type_ == type_)
}

fn since(condition: &PodCondition) -> Option<Millis> {
    condition.last_transition_time.as_ref().map(|t| t.0.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    fn pod(status: &Value) -> Pod {
        serde_json::from_value(
            json!({"metadata": {"name": "p"}, "spec": {"containers": [], "nodeName": "n"}, "status": status}),
        )
        .expect("a pod")
    }

    #[rstest]
    #[case::image(json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}), json!({}),
        Some(("ImagePullBackOff", "[flink-main-container] no such image")))]
    #[case::config(json!({"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"x\" not found"}}), json!({}),
        Some(("CreateContainerConfigError", "[flink-main-container] secret \"x\" not found")))]
    #[case::crash_with_message(json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}),
        json!({"terminated": {"exitCode": 1, "message": "no main class\n"}}),
        Some(("CrashLoopBackOff", "[flink-main-container] CrashLoop - no main class")))]
    #[case::crash_without(json!({"waiting": {"reason": "CrashLoopBackOff"}}), json!({"terminated": {"exitCode": 137}}),
        Some(("CrashLoopBackOff", "[flink-main-container] CrashLoop - exit code 137")))]
    #[case::memory(json!({"waiting": {"reason": "CrashLoopBackOff"}}),
        json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
        Some(("OOMKilled", "[flink-main-container] killed for using more memory than its limit; raise jobManager.resource.memory")))]
    #[case::memory_now(json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}), json!({}),
        Some(("OOMKilled", "[flink-main-container] killed for using more memory than its limit; raise jobManager.resource.memory")))]
    #[case::creating(json!({"waiting": {"reason": "ContainerCreating"}}), json!({}), None)]
    #[case::recovered(json!({"running": {}}), json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}), None)]
    #[case::between_crashes(json!({"running": {}}), json!({"terminated": {"exitCode": 1, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:09:59Z"}}),
        Some(("CrashLoopBackOff", "[flink-main-container] CrashLoop - exit code 1")))]
    #[case::just_crashed(json!({"terminated": {"exitCode": 1, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:09Z"}}), json!({}),
        Some(("CrashLoopBackOff", "[flink-main-container] CrashLoop - exit code 1")))]
    #[case::killed_between(json!({"running": {}}), json!({"terminated": {"exitCode": 137, "reason": "OOMKilled", "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:09Z"}}),
        Some(("OOMKilled", "[flink-main-container] killed for using more memory than its limit; raise jobManager.resource.memory")))]
    #[case::after_long(json!({"running": {}}), json!({"terminated": {"exitCode": 1, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:10:00Z"}}), None)]
    #[case::after_a_clean_end(json!({"running": {}}), json!({"terminated": {"exitCode": 0, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:09Z"}}), None)]
    fn container_states(#[case] state: Value, #[case] last: Value, #[case] expected: Option<(&str, &str)>) {
        let found = summary(&pod(&json!({"phase": "Running", "containerStatuses": [{
            "name": "flink-main-container", "image": "", "imageID": "", "ready": false, "restartCount": 2,
            "state": state, "lastState": last}]})));
        let found = found.trouble.map(|t| (t.reason, t.message));
        let expected = expected.map(|(r, m)| (r.to_owned(), m.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn one_crash_is_no_loop() {
        let last = json!({"terminated": {"exitCode": 1, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:09Z"}});
        let found = summary(&pod(&json!({"phase": "Running", "containerStatuses": [{
            "name": "flink-main-container", "image": "", "imageID": "", "ready": false, "restartCount": 1,
            "state": {"running": {}}, "lastState": last}]})));
        assert_eq!(found.trouble, None);
    }

    #[rstest]
    #[case("Pending", true)]
    #[case("Running", true)]
    #[case("Unknown", true)]
    #[case("Succeeded", false)]
    #[case("Failed", false)]
    fn only_an_ended_pod_is_dead(#[case] phase: &str, #[case] alive: bool) {
        assert_eq!(summary(&pod(&json!({"phase": phase}))).alive, alive);
    }

    #[test]
    fn scheduling_and_preparation() {
        let unschedulable = pod(&json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]}));
        assert_eq!(summary(&unschedulable).unschedulable.as_deref(), Some("0/1 nodes"));
        assert!(!waits_for_its_node(&unschedulable));
        let bound = pod(&json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "True"}, {"type": "PodReadyToStartContainers", "status": "False"},
            {"type": "Initialized", "status": "True"}]}));
        assert!(waits_for_its_node(&bound));
    }
}
