use super::*;
use crate::deployment::model::{
    FlinkView, JobException, JobManager, JobManagerPod, JobOverview, Observation, Rest, RestoreFrom, Source, Trouble,
};
use crate::deployment::valid::{Checked, Defaults};
use rstest::rstest;
use serde_json::{Value, json};
use sluice_shared::api::FlinkDeployment;
use sluice_shared::api::job::UpgradeMode;
use sluice_shared::api::status::JobManagerDeploymentStatus as JobManagerStatus;

const NOW: i64 = 1_700_000_000_000;
const JOB: &str = "0123456789abcdef0123456789abcdef";
const FRESH: &str = "ffffffffffffffffffffffffffffffff";

/// A small application that every rule takes.
pub(crate) fn resource() -> FlinkDeployment {
    serde_json::from_value(json!({
        "apiVersion": "flink.apache.org/v1beta1",
        "kind": "FlinkDeployment",
        "metadata": {"name": "job", "namespace": "ns", "uid": "resource-uid", "generation": 1, "resourceVersion": "0"},
        "spec": {
            "image": "flink:1.20",
            "flinkVersion": "v1_20",
            "serviceAccount": "flink",
            "flinkConfiguration": {
                "taskmanager.numberOfTaskSlots": "2",
                "execution.checkpointing.dir": "file:///tmp/c",
                "execution.checkpointing.savepoint-dir": "file:///tmp/s"
            },
            "jobManager": {"resource": {"memory": "2048m", "cpu": 1}},
            "taskManager": {"resource": {"memory": "2048m", "cpu": 1}},
            "job": {"jarURI": "local:///opt/flink/job.jar", "parallelism": 3, "upgradeMode": "stateless"}
        }
    }))
    .expect("a resource")
}

/// One resource and what is known of it.
struct Case {
    resource: FlinkDeployment,
    observation: Observation,
}

impl Case {
    /// Nothing was ever done.
    fn new() -> Self {
        Self {
            resource: resource(),
            observation: Observation::default(),
        }
    }

    /// The job runs and all is well.
    fn running() -> Self {
        let mut case = Self::new();
        case.take(&case.decide());
        case.observation = live();
        case.take(&case.decide());
        let status = case.resource.status.as_mut().expect("a status");
        status.job_status.as_mut().expect("a job").job_id = Some(JOB.into());
        let decision = case.decide();
        case.take(&decision);
        case
    }

    fn spec(mut self, patch: &Value) -> Self {
        let mut spec = serde_json::to_value(&self.resource.spec).expect("serialises");
        merge(&mut spec, patch);
        self.resource.spec = serde_json::from_value(spec).expect("a spec");
        *self.resource.metadata.generation.as_mut().expect("a generation") += 1;
        self
    }

    fn observed(mut self, change: impl FnOnce(&mut Observation)) -> Self {
        change(&mut self.observation);
        self
    }

    fn at(&self, now: i64) -> Decision {
        let desired = Checked::check(self.resource.clone(), &Defaults::default());
        let deployed = Checked::deployed(self.resource.clone(), &Defaults::default());
        decide(&Input {
            resource: &self.resource,
            desired: &desired,
            deployed: deployed.as_ref(),
            observation: &self.observation,
            now,
            fresh_job_id: FRESH,
        })
    }

    fn decide(&self) -> Decision {
        self.at(NOW)
    }

    /// What `apply` would leave behind in the resource.
    fn take(&mut self, decision: &Decision) {
        self.resource.status = Some(decision.status.clone());
        if decision.finalizer == FinalizerChange::Add {
            self.resource.metadata.finalizers = Some(vec![DEPLOYMENT_FINALIZER.into()]);
        }
    }
}

fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (key, value) in patch {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

/// A JobManager of generation 1 that answers.
fn live() -> Observation {
    Observation {
        job_manager: Some(JobManager {
            uid: "jm".into(),
            owned: true,
            generation: Some(1),
            available: true,
            ever_available: true,
            ..JobManager::default()
        }),
        pods: vec![JobManagerPod {
            name: "job-1".into(),
            alive: true,
            running: true,
            ready_since: Some(NOW - 60_000),
            ..JobManagerPod::default()
        }],
        rest: answer(JOB, FlinkJobState::Running),
        ..Observation::default()
    }
}

fn answer(id: &str, state: FlinkJobState) -> Rest {
    Rest::Answered(Box::new(FlinkView {
        jobs: vec![JobOverview {
            id: id.into(),
            name: "State machine".into(),
            state,
            start_time: 42,
        }],
        task_managers: Some(2),
        ..FlinkView::default()
    }))
}

fn reasons(decision: &Decision) -> Vec<String> {
    decision.events.iter().map(|e| e.reason.to_string()).collect()
}

fn condition(decision: &Decision, type_: &str) -> (String, String) {
    let conditions = decision.status.conditions.as_deref().unwrap_or_default();
    let found = conditions
        .iter()
        .find(|c| c.type_.as_deref() == Some(type_))
        .expect("the condition");
    (
        found.status.clone().expect("a status"),
        found.reason.clone().expect("a reason"),
    )
}

fn is(status: &str, reason: &str) -> (String, String) {
    (status.into(), reason.into())
}

fn lifecycle(decision: &Decision) -> LifecycleState {
    decision.status.lifecycle_state.expect("a state")
}

use sluice_shared::api::status::LifecycleState;

#[test]
fn the_first_start_is_written_down_before_it_happens() {
    let decision = Case::new().decide();
    assert_eq!(decision.finalizer, FinalizerChange::Add);
    assert_eq!(lifecycle(&decision), LifecycleState::Upgrading);
    assert_eq!(decision.status.job_id(), Some(FRESH));
    let [Action::CreateCluster(launch)] = decision.actions.as_slice() else {
        panic!("{:?}", decision.actions);
    };
    assert_eq!(
        (launch.generation, launch.job_id.as_str(), launch.source),
        (1, FRESH, Source::Desired)
    );
    assert_eq!(launch.restore_from, RestoreFrom::Nothing);
    let recorded = recorded(&decision.status).expect("readable").expect("recorded");
    assert_eq!(recorded.job_state(), JobState::Suspended);
    assert!(recorded.first_deployment());
    assert_eq!(reasons(&decision), ["Submit"]);
    assert_eq!(condition(&decision, "Reconciling"), is("True", "Upgrading"));
    let replicas = decision.status.task_manager.as_ref().and_then(|t| t.replicas);
    assert_eq!(replicas, Some(2), "3 slots of 2 per TaskManager");
}

#[test]
fn a_start_that_was_killed_is_repeated_with_the_same_job_id_and_no_second_event() {
    let mut case = Case::new();
    case.take(&case.decide());
    let status = case.resource.status.as_mut().expect("a status");
    status.job_status.as_mut().expect("a job").job_id = Some(JOB.into());
    let again = case.decide();
    assert_eq!(Some(&again.status), case.resource.status.as_ref());
    assert_eq!(reasons(&again), Vec::<String>::new());
    assert!(matches!(again.actions.as_slice(), [Action::CreateCluster(launch)] if launch.job_id == JOB));
}

#[test]
fn a_first_start_from_a_savepoint() {
    let decision = Case::new()
        .spec(&json!({"job": {"initialSavepointPath": "s3://b/sp"}}))
        .decide();
    assert!(matches!(decision.actions.as_slice(),
        [Action::CreateCluster(launch)] if launch.restore_from == RestoreFrom::Savepoint("s3://b/sp".into())));
    let recorded = recorded(&decision.status).expect("readable").expect("recorded");
    assert_eq!(recorded.upgrade_mode(), UpgradeMode::Savepoint);
}

#[test]
fn a_running_job_is_stable_and_left_alone() {
    let case = Case::running();
    let decision = case.decide();
    assert_eq!(lifecycle(&decision), LifecycleState::Stable);
    assert_eq!(decision.actions, []);
    assert_eq!(
        Some(&decision.status),
        case.resource.status.as_ref(),
        "nothing to write"
    );
    assert_eq!(condition(&decision, "Running"), is("True", "Running"));
    assert_eq!(condition(&decision, "Ready"), is("True", "JobRunning"));
    assert_eq!(condition(&decision, "Reconciling").0, "False");
    assert_eq!(condition(&decision, "Stalled").0, "False");
    let info = decision.status.cluster_info.as_ref().expect("facts");
    assert_eq!(info["total-cpu"], "3.0");
    assert_eq!(info["total-memory"], (3_u64 * 2048 * 1024 * 1024).to_string());
    assert!(
        decision.requeue.expect("a time") >= std::time::Duration::from_secs(10),
        "a healthy job is asked rarely"
    );
}

#[test]
fn a_stateless_upgrade_goes_step_by_step() {
    let mut case = Case::running().spec(&json!({"job": {"parallelism": 4}}));
    let cancel = case.decide();
    assert_eq!(reasons(&cancel), ["SpecChanged", "Suspended"]);
    assert_eq!(
        cancel.actions,
        [
            Action::CancelJob { job_id: JOB.into() },
            Action::ScaleDownJobManager { uid: "jm".into() }
        ]
    );
    assert_eq!(lifecycle(&cancel), LifecycleState::Upgrading);
    case.take(&cancel);

    case.observation.job_manager.as_mut().expect("a Deployment").scaled_down = true;
    case.observation.pods[0].terminating_since = Some(NOW);
    case.observation.rest = Rest::NotAsked;
    assert_eq!(case.decide().actions, [], "pods first");
    case.observation.pods.clear();
    assert_eq!(case.decide().actions, [Action::DeleteJobManager { uid: "jm".into() }]);
    case.observation.job_manager.as_mut().expect("a Deployment").terminating = true;
    assert_eq!(case.decide().actions, []);

    case.observation.job_manager = None;
    let start = case.decide();
    assert_eq!(reasons(&start), ["Submit"]);
    assert!(
        matches!(start.actions.as_slice(), [Action::DeleteHaMetadata, Action::CreateCluster(launch)]
        if launch.generation == 2 && launch.job_id == FRESH && launch.restore_from == RestoreFrom::Nothing)
    );
    case.take(&start);

    case.observation = live();
    case.observation.job_manager.as_mut().expect("a Deployment").generation = Some(2);
    case.observation.rest = answer(FRESH, FlinkJobState::Running);
    let done = case.decide();
    assert_eq!(lifecycle(&done), LifecycleState::Stable);
    assert_eq!(reasons(&done), ["JobStatusChanged"]);
}

#[test]
fn a_pod_that_outlives_its_deployment_holds_the_start_up() {
    let mut case = Case::running().spec(&json!({"restartNonce": 1}));
    case.take(&case.decide());
    case.observation.job_manager = None;
    case.observation.pods[0].terminating_since = Some(NOW);
    case.observation.pods[0].node = Some("node-7".into());
    let decision = case.decide();
    assert_eq!(decision.actions, [], "S1");
    let conditions = decision.status.conditions.expect("conditions");
    let reconciling = conditions
        .iter()
        .find(|c| c.type_.as_deref() == Some("Reconciling"))
        .expect("there");
    let message = reconciling.message.as_deref().expect("a message");
    assert!(message.contains("job-1 on node node-7"), "{message}");
}

#[test]
fn suspend_and_resume() {
    let mut case = Case::running().spec(&json!({"job": {"state": "suspended"}}));
    case.take(&case.decide());
    case.observation = Observation::default();
    let suspended = case.decide();
    assert_eq!(lifecycle(&suspended), LifecycleState::Suspended);
    assert_eq!(suspended.status.job_state(), Some(FlinkJobState::Finished));
    assert_eq!(suspended.status.task_manager.as_ref().and_then(|t| t.replicas), Some(0));
    assert_eq!(condition(&suspended, "Ready"), is("True", "Suspended"));
    assert_eq!(condition(&suspended, "Running").0, "False");
    case.take(&suspended);
    assert_eq!(case.decide().actions, []);
    let case = case.spec(&json!({"job": {"state": "running"}}));
    let resumed = case.decide();
    assert!(matches!(
        resumed.actions.as_slice(),
        [Action::DeleteHaMetadata, Action::CreateCluster(_)]
    ));
}

#[test]
fn a_resource_created_suspended_waits() {
    let decision = Case::new().spec(&json!({"job": {"state": "suspended"}})).decide();
    assert_eq!(
        (decision.actions.len(), lifecycle(&decision)),
        (0, LifecycleState::Created)
    );
}

#[rstest]
#[case::savepoint("savepoint")]
#[case::last_state("last-state")]
fn state_is_never_dropped_silently(#[case] mode: &str) {
    let mut case = Case::running().spec(&json!({"job": {"parallelism": 9, "upgradeMode": mode}}));
    let decision = case.decide();
    assert_eq!(decision.actions, [], "S2: what runs goes on");
    assert_eq!(reasons(&decision), ["SpecChanged", "UpgradeFailed"]);
    assert_eq!(condition(&decision, "Stalled"), is("True", "UpgradeModeNotSupported"));
    assert_eq!(condition(&decision, "Running").0, "True");
    let error = decision.status.error.as_deref().expect("an error");
    assert!(
        error.contains(mode) && error.contains("UpgradeFailureException"),
        "{error}"
    );
    case.take(&decision);
    assert_eq!(
        reasons(&case.decide()),
        ["SpecChanged"],
        "said once (SpecChanged is once per generation by its name)"
    );
    let decision = case.spec(&json!({"job": {"upgradeMode": "stateless"}})).decide();
    assert_eq!(
        lifecycle(&decision),
        LifecycleState::Upgrading,
        "the way out that the message names"
    );
}

#[test]
fn a_first_cluster_that_never_started_may_be_corrected_in_any_mode() {
    let mut case = Case::new().spec(&json!({"image": "flink:typo", "job": {"upgradeMode": "savepoint"}}));
    case.take(&case.decide());
    case.observation = live();
    let job_manager = case.observation.job_manager.as_mut().expect("a Deployment");
    (
        job_manager.available,
        job_manager.ever_available,
        job_manager.generation,
    ) = (false, false, Some(2));
    case.observation.rest = Rest::NotAsked;
    case.observation.pods[0].running = false;
    case.observation.pods[0].trouble = Some(Trouble {
        reason: "ImagePullBackOff".into(),
        message: "[flink-main-container] no flink:typo".into(),
    });
    let broken = case.decide();
    assert_eq!(broken.status.job_manager(), JobManagerStatus::Error);
    assert_eq!(reasons(&broken), ["ImagePullBackOff"]);
    assert_eq!(condition(&broken, "Stalled"), is("True", "ImagePullBackOff"));
    assert!(
        broken
            .status
            .error
            .as_deref()
            .is_some_and(|e| e.contains("no flink:typo"))
    );
    case.take(&broken);
    assert_eq!(reasons(&case.decide()), Vec::<String>::new(), "said once");
    let decision = case.spec(&json!({"image": "flink:1.20"})).decide();
    assert_eq!(decision.actions, [Action::ScaleDownJobManager { uid: "jm".into() }]);
}

#[test]
fn an_invalid_spec_changes_nothing_that_runs() {
    let mut case = Case::running().spec(&json!({"job": {"parallelism": -1}}));
    let decision = case.decide();
    assert_eq!(decision.actions, [], "S5");
    assert_eq!(reasons(&decision), ["ValidationError"]);
    assert_eq!(condition(&decision, "Stalled"), is("True", "ValidationError"));
    assert_eq!(decision.status.observed_generation, Some(1));
    assert_eq!(lifecycle(&decision), LifecycleState::Stable);
    case.take(&decision);
    case.observation.job_manager = None;
    case.observation.pods.clear();
    case.observation.rest = Rest::NotAsked;
    let recovery = case.decide();
    assert!(
        matches!(recovery.actions.as_slice(),
        [Action::CreateCluster(launch)] if launch.source == Source::Deployed && launch.generation == 1),
        "what was deployed is kept alive: {:?}",
        recovery.actions
    );
}

#[test]
fn an_invalid_spec_is_never_deployed() {
    let decision = Case::new().spec(&json!({"job": {"parallelism": -1}})).decide();
    assert_eq!(
        (decision.actions.len(), lifecycle(&decision)),
        (0, LifecycleState::Failed)
    );
    assert_eq!(reasons(&decision), ["ValidationError"]);
    assert_eq!(decision.requeue, None, "only a change of the resource helps");
}

#[rstest]
#[case::no_version(json!({"flinkVersion": null}), "UnsupportedFlinkVersion")]
#[case::old_version(json!({"flinkVersion": "v1_14"}), "UnsupportedFlinkVersion")]
#[case::session(json!({"job": null}), "NotSupported")]
#[case::standalone(json!({"mode": "standalone"}), "NotSupported")]
fn what_is_not_run_is_said_and_left_alone(#[case] change: Value, #[case] reason: &str) {
    let decision = Case::new().spec(&change).decide();
    assert_eq!(decision.actions, []);
    assert_eq!(condition(&decision, "Stalled"), is("True", reason));
    assert_eq!(decision.finalizer, FinalizerChange::Keep);
}

#[test]
fn an_ignored_change_is_only_noted() {
    let decision = Case::running()
        .spec(&json!({"flinkConfiguration": {"kubernetes.operator.reconcile.interval": "30 s"}}))
        .decide();
    assert_eq!((decision.actions.len(), reasons(&decision).len()), (0, 0));
    assert_eq!(decision.status.observed_generation, Some(2));
    assert_eq!(lifecycle(&decision), LifecycleState::Stable);
}

#[test]
fn a_lost_deployment_is_made_again_with_the_same_job_once_its_pods_are_gone() {
    let mut case = Case::running();
    case.observation.job_manager = None;
    case.observation.rest = Rest::NotAsked;
    let lost = case.decide();
    assert_eq!(lost.actions, [], "S1: the pod is still there");
    assert_eq!(reasons(&lost), ["Missing"]);
    assert!(
        lost.status
            .error
            .as_deref()
            .is_some_and(|e| e.contains("MissingJobManagerException"))
    );
    case.take(&lost);
    case.observation.pods.clear();
    let recovery = case.decide();
    assert_eq!(reasons(&recovery), ["RecoverDeployment"]);
    assert!(matches!(recovery.actions.as_slice(), [Action::CreateCluster(launch)] if launch.job_id == JOB));
}

#[test]
fn a_lost_deployment_of_a_stateful_job_needs_ha_metadata() {
    let mut case = Case::running();
    case.resource.spec.job.as_mut().expect("a job").upgrade_mode = Some(UpgradeMode::Savepoint);
    case.observation = Observation::default();
    let decision = case.decide();
    assert_eq!(decision.actions, [], "S2");
    assert_eq!(condition(&decision, "Stalled"), is("True", "RestoreNotPossible"));
    assert_eq!(lifecycle(&decision), LifecycleState::Failed);
}

#[test]
fn missing_parts_are_put_back() {
    let case = Case::running().observed(|o| o.missing = vec!["Service job-rest".into()]);
    assert!(matches!(case.decide().actions.as_slice(),
        [Action::CompleteCluster { uid, launch }] if uid == "jm" && launch.job_id == JOB && launch.generation == 1));
}

#[test]
fn a_foreign_deployment_is_never_touched() {
    let case = Case::new().observed(|o| {
        o.job_manager = Some(JobManager {
            uid: "other".into(),
            owned: false,
            ..JobManager::default()
        });
    });
    let decision = case.decide();
    assert_eq!(decision.actions, []);
    assert_eq!(condition(&decision, "Stalled"), is("True", "NameTaken"));
}

#[rstest]
#[case(FlinkJobState::Created, LifecycleState::Deployed)]
#[case(FlinkJobState::Running, LifecycleState::Stable)]
#[case(FlinkJobState::Finished, LifecycleState::Stable)]
#[case(FlinkJobState::Restarting, LifecycleState::Deployed)]
#[case(FlinkJobState::Failed, LifecycleState::Failed)]
fn job_state_to_lifecycle(#[case] state: FlinkJobState, #[case] expected: LifecycleState) {
    let mut case = Case::new();
    case.take(&case.decide());
    case.observation = live();
    case.observation.rest = answer(FRESH, state);
    let decision = case.decide();
    assert_eq!(lifecycle(&decision), expected);
    assert_eq!(decision.status.job_state(), Some(state));
}

#[test]
fn a_failed_job_says_why_once() {
    let mut case = Case::running();
    let mut view = FlinkView::default();
    if let Rest::Answered(answered) = answer(JOB, FlinkJobState::Failed) {
        view = *answered;
    }
    view.failure = Some("java.io.IOException: disk full".into());
    case.observation.rest = Rest::Answered(Box::new(view));
    let decision = case.decide();
    assert_eq!(reasons(&decision), ["JobStatusChanged", "Error"]);
    assert!(
        decision
            .status
            .error
            .as_deref()
            .is_some_and(|e| e.contains("disk full"))
    );
    assert_eq!(condition(&decision, "Stalled"), is("True", "JobFailed"));
    case.take(&decision);
    case.observation.rest = answer(JOB, FlinkJobState::Failed);
    let again = case.decide();
    assert_eq!((reasons(&again).len(), &again.status), (0, &decision.status));
}

#[test]
fn exceptions_become_events() {
    let mut case = Case::running();
    if let Rest::Answered(view) = &mut case.observation.rest {
        view.exceptions = vec![JobException {
            timestamp: NOW,
            stacktrace: "java.io.IOException: disk full\n\tat a".into(),
            ..JobException::default()
        }];
    }
    let decision = case.decide();
    assert_eq!(reasons(&decision), ["JobException"]);
    assert_eq!(
        Some(&decision.status),
        case.resource.status.as_ref(),
        "the status is not concerned"
    );
}

#[test]
fn a_job_cancelled_by_someone_is_started_again_where_it_has_no_state_to_lose() {
    let mut case = Case::running();
    case.observation.rest = answer(JOB, FlinkJobState::Canceled);
    assert_eq!(
        case.decide().actions,
        [Action::ScaleDownJobManager { uid: "jm".into() }]
    );
}

#[rstest]
#[case::just_now(5_000, false)]
#[case::for_long(40_000, true)]
fn a_vanished_job_is_reported_after_a_grace(#[case] later: i64, #[case] reported: bool) {
    let mut case = Case::running();
    case.observation.rest = Rest::Answered(Box::default());
    let lost = case.decide();
    assert_eq!(lost.status.job_state(), Some(FlinkJobState::Reconciling));
    case.take(&lost);
    let decision = case.at(NOW + later);
    assert_eq!(decision.status.error.as_deref() == Some("Job Not Found"), reported);
    assert_eq!(reasons(&decision), if reported { vec!["Missing"] } else { vec![] });
}

#[test]
fn an_unreachable_jobmanager_makes_the_job_state_unknown() {
    let case = Case::running().observed(|o| o.rest = Rest::Failed("timeout".into()));
    let decision = case.decide();
    assert_eq!(decision.status.job_state(), Some(FlinkJobState::Reconciling));
    assert_eq!(decision.status.job_manager(), JobManagerStatus::Ready);
    assert_eq!(condition(&decision, "Running").0, "False");
}

#[test]
fn quota_is_named() {
    let mut case = Case::new();
    case.take(&case.decide());
    case.observation = live();
    case.observation.rest = Rest::NotAsked;
    case.observation.pods.clear();
    let job_manager = case.observation.job_manager.as_mut().expect("a Deployment");
    job_manager.available = false;
    job_manager.replica_failure = Some("exceeded quota: small".into());
    let decision = case.decide();
    assert_eq!(reasons(&decision), ["FailedCreate"]);
    assert!(
        decision
            .status
            .error
            .as_deref()
            .is_some_and(|e| e.contains("exceeded quota: small"))
    );
}

fn deleting(mut case: Case) -> Case {
    case.resource.metadata.deletion_timestamp =
        Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).expect("a time"));
    case
}

#[test]
fn deletion_takes_the_cluster_first() {
    let mut case = deleting(Case::running());
    let first = case.decide();
    assert_eq!(reasons(&first), ["Cleanup"]);
    assert_eq!(
        first.actions,
        [
            Action::CancelJob { job_id: JOB.into() },
            Action::ScaleDownJobManager { uid: "jm".into() }
        ]
    );
    assert_eq!(
        (lifecycle(&first), first.finalizer),
        (LifecycleState::Deleting, FinalizerChange::Keep)
    );
    case.take(&first);
    case.observation.job_manager = None;
    case.observation.rest = Rest::NotAsked;
    assert_eq!(case.decide().finalizer, FinalizerChange::Keep, "its pod is left");
    case.observation.pods.clear();
    let last = case.decide();
    assert_eq!(
        (last.actions.as_slice(), last.finalizer),
        ([Action::DeleteHaMetadata].as_slice(), FinalizerChange::Remove)
    );
    assert_eq!(reasons(&last), Vec::<String>::new());
}

#[test]
fn deletion_of_what_never_ran_and_of_nonsense_ends_at_once() {
    for change in [json!({}), json!({"job": {"parallelism": -1}})] {
        let mut case = Case::new();
        case.resource.metadata.finalizers = Some(vec![DEPLOYMENT_FINALIZER.into()]);
        assert_eq!(deleting(case.spec(&change)).decide().finalizer, FinalizerChange::Remove);
    }
}

#[test]
fn a_savepoint_on_deletion_is_not_skipped_silently() {
    let mut case = Case::running();
    let config = case
        .resource
        .spec
        .flink_configuration
        .as_mut()
        .expect("a configuration");
    config.0["kubernetes.operator.job.savepoint-on-deletion"] = json!("true");
    let decision = deleting(case).decide();
    assert_eq!(decision.actions, []);
    assert_eq!(condition(&decision, "Stalled"), is("True", "CleanupFailed"));
}

#[test]
fn an_unreadable_record_stops_everything() {
    let mut case = Case::running();
    let status = case.resource.status.as_mut().expect("a status");
    status.reconciliation().last_reconciled_spec = Some("{".into());
    let decision = case.decide();
    assert_eq!(decision.actions, []);
    assert_eq!(condition(&decision, "Stalled"), is("True", "StatusUnreadable"));
}

#[test]
fn an_empty_status_beside_a_running_stateful_job_stops_everything() {
    let mut case = Case::running();
    case.resource.status = None;
    case.resource.spec.job.as_mut().expect("a job").upgrade_mode = Some(UpgradeMode::Savepoint);
    let decision = case.decide();
    assert_eq!(decision.actions, []);
    assert_eq!(condition(&decision, "Stalled"), is("True", "StatusLost"));
}

#[test]
fn a_java_status_is_carried_over_byte_for_byte() {
    // As the Java operator writes it: other order of fields, no resource_metadata in old ones.
    let text = r#"{"spec":{"job":{"jarURI":"local:///opt/flink/job.jar","parallelism":3,"entryClass":null,"args":[],"state":"running","savepointTriggerNonce":null,"initialSavepointPath":null,"checkpointTriggerNonce":null,"upgradeMode":"stateless","allowNonRestoredState":null,"savepointRedeployNonce":null,"autoscalerResetNonce":null},"restartNonce":null,"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"2","execution.checkpointing.savepoint-dir":"file:///tmp/s","execution.checkpointing.dir":"file:///tmp/c"},"image":"flink:1.20","imagePullPolicy":null,"serviceAccount":"flink","flinkVersion":"v1_20","ingress":null,"podTemplate":null,"jobManager":{"resource":{"cpu":1.0,"memory":"2048m","ephemeralStorage":null},"replicas":1,"podTemplate":null},"taskManager":{"resource":{"cpu":1.0,"memory":"2048m","ephemeralStorage":null},"replicas":null,"podTemplate":null},"logConfiguration":null,"mode":null},"resource_metadata":{"apiVersion":"flink.apache.org/v1beta1","metadata":{"generation":2},"firstDeployment":true}}"#;
    let mut case = Case::running();
    let status = case.resource.status.as_mut().expect("a status");
    status.reconciliation().last_reconciled_spec = Some(text.into());
    status.mark_stable();
    let decision = case.decide();
    assert_eq!(decision.actions, [], "no restart by the change of operator");
    let reconciliation = decision.status.reconciliation_status.as_ref().expect("there");
    assert_eq!(reconciliation.last_reconciled_spec.as_deref(), Some(text));
    assert_eq!(lifecycle(&decision), LifecycleState::Stable);
}
