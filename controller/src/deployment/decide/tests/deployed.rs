//! First starts, upgrades, suspensions.

use super::*;

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

#[rstest]
#[case::savepoint("savepointTriggerNonce", "SavepointError", "/jobs/:jobid/savepoints")]
#[case::checkpoint("checkpointTriggerNonce", "CheckpointError", "/jobs/:jobid/checkpoints")]
fn a_trigger_that_nothing_comes_of_is_told_once_per_value(
    #[case] field: &str,
    #[case] reason: &str,
    #[case] instead: &str,
) {
    let mut case = Case::running().spec(&json!({"job": {field: 7}}));
    let first = case.decide();
    assert_eq!(reasons(&first), [reason]);
    assert_eq!(first.actions, [], "the job runs on");
    let event = &first.events[0];
    assert!(event.warning);
    let named = format!("spec.job.{field} 7 is not carried out");
    assert!(
        event.message.contains(&named) && event.message.contains(instead),
        "{}",
        event.message
    );
    case.take(&first);
    assert_eq!(reasons(&case.decide()), Vec::<String>::new());

    // Another change: the API server has the same Event already, and it is not counted again.
    let again = case.spec(&json!({"serviceAccount": "flink"})).decide();
    assert_eq!(again.events, first.events);
    assert!(again.events[0].once);
}

#[rstest]
fn a_trigger_asks_for_nothing_where_it_is_as_before(
    #[values("savepointTriggerNonce", "checkpointTriggerNonce")] field: &str,
) {
    let mut case = Case::new().spec(&json!({"job": {field: 7}}));
    let start = case.decide();
    assert_eq!(reasons(&start), ["Submit"], "the resource was created with it");
    case.take(&start);
    let withdrawn = Case::running().spec(&json!({"job": {field: null}}));
    assert_eq!(reasons(&withdrawn.decide()), Vec::<String>::new());
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
