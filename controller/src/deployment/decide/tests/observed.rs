//! What is seen, and what is put back.

use super::*;

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
fn what_was_started_from_a_savepoint_is_completed_with_it_or_not_at_all() {
    let mut case = Case::new();
    case.resource.spec.job.as_mut().expect("a job").initial_savepoint_path = Some("s3://s/1".into());
    case.take(&case.decide());
    case.observation = live();
    case.take(&case.decide());
    case.observation.missing = vec!["ConfigMap flink-config-job".into()];
    let status = case.resource.status.as_mut().expect("a status");
    status.job_status.as_mut().expect("a job").job_id = Some(JOB.into());
    let decision = case.decide();
    let [Action::CompleteCluster { launch, .. }] = decision.actions.as_slice() else {
        panic!("{:?}", decision.actions);
    };
    assert_eq!(launch.restore_from, RestoreFrom::Savepoint("s3://s/1".into()));
    let status = case.resource.status.as_mut().expect("a status");
    status.job_status.as_mut().expect("a job").upgrade_savepoint_path = None;
    assert_eq!(case.decide().actions, [], "S2");
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

/// An ended job that had `before` as its way back, and of whose checkpoints Flink says `newest`.
fn ended(state: FlinkJobState, before: Option<&str>, newest: NewestState) -> (Case, Decision) {
    let mut case = Case::running();
    let status = case.resource.status.as_mut().expect("a status");
    status.job_status.as_mut().expect("a job").upgrade_savepoint_path = before.map(str::to_owned);
    case.resource.spec.job.as_mut().expect("a job").upgrade_mode = Some(UpgradeMode::Savepoint);
    case.observation.rest = answer(JOB, state);
    if let Rest::Answered(view) = &mut case.observation.rest {
        view.checkpoints = Some(Checkpoints {
            state_size: None,
            newest,
        });
    }
    let decision = case.decide();
    (case, decision)
}

#[rstest]
#[case::newer(FlinkJobState::Finished, Some("old"), NewestState::At("new".into()), Some("new"))]
#[case::the_first(FlinkJobState::Failed, None, NewestState::At("new".into()), Some("new"))]
#[case::cancelled_with_one(FlinkJobState::Canceled, Some("old"), NewestState::At("new".into()), Some("new"))]
#[case::cancelled_without_any(FlinkJobState::Canceled, Some("old"), NewestState::Absent, None)]
#[case::failed_before_the_first(FlinkJobState::Failed, Some("old"), NewestState::Absent, Some("old"))]
#[case::without_checkpointing(FlinkJobState::Canceled, Some("old"), NewestState::Unknown, Some("old"))]
#[case::in_memory(FlinkJobState::Failed, Some("old"), NewestState::NotKept, None)]
#[case::while_it_runs(FlinkJobState::Running, Some("old"), NewestState::At("new".into()), Some("old"))]
fn the_way_back_of_an_ended_job(
    #[case] state: FlinkJobState,
    #[case] before: Option<&str>,
    #[case] newest: NewestState,
    #[case] expected: Option<&str>,
) {
    let (_, decision) = ended(state, before, newest);
    let job = decision.status.job_status.as_ref().expect("a job");
    assert_eq!(job.upgrade_savepoint_path.as_deref(), expected);
}

#[test]
fn state_that_was_not_kept_is_told_with_what_was_known_before() {
    let (mut case, decision) = ended(FlinkJobState::Finished, Some("s3://s/1"), NewestState::NotKept);
    let event = decision
        .events
        .iter()
        .find(|e| e.reason == Reason::CheckpointNotFound)
        .expect("the event");
    assert!(event.message.contains("s3://s/1") && event.message.contains("Manual restore required"));
    case.resource.spec.job.as_mut().expect("a job").upgrade_mode = Some(UpgradeMode::Stateless);
    assert!(!reasons(&case.decide()).contains(&"CheckpointNotFound".to_owned()));
}

#[test]
fn a_stateless_start_is_not_made_from_what_the_job_had_when_it_ended() {
    let mut case = Case::running();
    case.observation.rest = answer(JOB, FlinkJobState::Finished);
    if let Rest::Answered(view) = &mut case.observation.rest {
        view.checkpoints = Some(Checkpoints {
            state_size: Some(1),
            newest: NewestState::At("s3://c/9".into()),
        });
    }
    case.take(&case.decide());
    // Suspended as stateless, then resumed with another mode and another spec: it goes on as it was suspended.
    let mut case = case.spec(&json!({"job": {"state": "suspended"}}));
    for _ in 0..2 {
        case.take(&case.decide());
        case.observation = Observation::default();
    }
    assert_eq!(lifecycle(&case.decide()), LifecycleState::Suspended);
    let case = case.spec(&json!({"job": {"state": "running", "upgradeMode": "savepoint", "parallelism": 7}}));
    let actions = case.decide().actions;
    assert!(
        matches!(actions.as_slice(), [.., Action::CreateCluster(launch)] if launch.restore_from == RestoreFrom::Nothing),
        "{actions:?}"
    );
    let job = case
        .resource
        .status
        .as_ref()
        .and_then(|status| status.job_status.as_ref());
    let path = job.and_then(|job| job.upgrade_savepoint_path.as_deref());
    assert_eq!(path, Some("s3://c/9"), "S3: its user can still find it");
}
