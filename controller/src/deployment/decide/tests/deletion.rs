//! Deletions.

use super::*;

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
