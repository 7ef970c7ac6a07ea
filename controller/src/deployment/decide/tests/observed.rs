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
