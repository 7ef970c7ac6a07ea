//! What is refused, and what is left alone.

use std::sync::Arc;

use sluice_policies::Policy;
use sluice_shared::extension::Extension;

use super::*;

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
fn own_rules_are_asked_about_a_spec_until_it_is_acted_on() {
    let case = Case::running();
    let policy = Policy::from_json(&json!({
        "apiVersion": "sluice.flink.apache.org/v1alpha1", "kind": "ClusterFlinkPolicy", "metadata": {"name": "house"},
        "spec": {"rules": [{"name": "narrow", "expression": "object.spec.job.parallelism <= 2"}]},
    }))
    .expect("a policy");
    let policies: Vec<Arc<dyn Extension>> = vec![Arc::new(policy)];
    case.own_rules.extensions.replace(sluice_policies::SOURCE, policies);
    let same = case.decide();
    assert_eq!(
        (same.actions.len(), reasons(&same).len()),
        (0, 0),
        "a new rule stops no job"
    );
    assert_eq!(condition(&same, "Stalled").0, "False");

    let case = case.spec(&json!({"image": "flink:1.20.5"}));
    let refused = case.decide();
    assert_eq!(refused.actions, [], "S5");
    assert_eq!(reasons(&refused), ["ValidationError"]);
    let error = refused.status.error.as_deref().expect("an error");
    assert!(error.contains("policy/house/narrow"), "{error}");
    assert_eq!(refused.status.observed_generation, Some(1));

    let accepted = case.spec(&json!({"job": {"parallelism": 2}})).decide();
    assert_eq!(reasons(&accepted)[0], "SpecChanged");
    assert_eq!(accepted.status.observed_generation, Some(3));
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
