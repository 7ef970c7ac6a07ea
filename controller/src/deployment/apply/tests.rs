use super::*;
use crate::deployment::decide::decide;
use crate::deployment::model::{Input, JobManager, Observation};
use crate::deployment::valid::OwnRules;
use crate::testing::{Calls, api, shared, status};
use crate::watch::Caches;
use http::Method;
use kube::runtime::reflector::store;
use rstest::rstest;
use serde_json::Value;
use std::sync::Arc;

/// The world of one test: an API server, and what the controller knows.
struct World {
    context: Context,
    calls: Calls,
    resource: FlinkDeployment,
}

impl World {
    /// A world in which `special` answers first, and everything else goes well.
    fn new(special: impl Fn(&Method, &str) -> Option<(u16, Value)> + Clone + Send + Sync + 'static) -> Self {
        Self::with(crate::deployment::decide::tests::resource(), special)
    }

    /// The same, with a resource that is being deleted.
    fn deleting(special: impl Fn(&Method, &str) -> Option<(u16, Value)> + Clone + Send + Sync + 'static) -> Self {
        let mut resource = crate::deployment::decide::tests::resource();
        resource.metadata.finalizers = Some(vec!["other/finalizer".to_owned(), DEPLOYMENT_FINALIZER.to_owned()]);
        resource.metadata.deletion_timestamp =
            Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).expect("a time"));
        Self::with(resource, special)
    }

    fn with(
        resource: FlinkDeployment,
        special: impl Fn(&Method, &str) -> Option<(u16, Value)> + Clone + Send + Sync + 'static,
    ) -> Self {
        let known = resource.clone();
        let (client, calls) =
            api(move |method, path, body| special(method, path).unwrap_or_else(|| kindly(&known, method, path, body)));
        let shared = shared(client);
        let caches = Caches {
            resources: store().0,
            deployments: store().0,
            pods: store().0,
            services: store().0,
            config_maps: store().0,
        };
        Self {
            context: Context {
                caches,
                shared: Arc::new(shared),
            },
            calls,
            resource,
        }
    }

    /// Decides from `observation` and applies.
    async fn reconcile(&self, observation: &Observation) -> Result<Outcome, ApplyError> {
        let defaults = &self.context.shared.defaults;
        let desired = Checked::check(self.resource.clone(), defaults, &OwnRules::default());
        let deployed = Checked::deployed(self.resource.clone(), defaults);
        let decision = decide(&Input {
            resource: &self.resource,
            desired: &desired,
            deployed: deployed.as_ref(),
            observation,
            now: 1_700_000_000_000,
            fresh_job_id: "ffffffffffffffffffffffffffffffff",
        });
        let apply = Apply {
            context: &self.context,
            resource: &self.resource,
            desired: &desired,
            deployed: deployed.as_ref(),
            now: 1_700_000_000_000,
        };
        apply.run(&decision).await
    }
}

/// An API server that refuses nothing and holds nothing but the resource.
fn kindly(resource: &FlinkDeployment, method: &Method, path: &str, body: &Value) -> (u16, Value) {
    let is_resource = path.contains("/flinkdeployments/");
    match method.as_str() {
        "GET" if path.contains('?') => (
            200,
            json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}),
        ),
        "GET" => status(404, "NotFound"),
        "PUT" | "PATCH" if is_resource => {
            let mut answer = serde_json::to_value(resource).expect("serialises");
            answer["metadata"]["resourceVersion"] = json!("1");
            if path.contains("/status") {
                answer["status"] = body["status"].clone();
            }
            (200, answer)
        }
        "POST" if path.contains("/deployments") => {
            let mut answer = body.clone();
            answer["metadata"]["uid"] = json!("new-uid");
            (201, answer)
        }
        "DELETE" => (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})),
        _ => (200, body.clone()),
    }
}

fn owned(generation: &str, uid: &str) -> Value {
    json!({"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "job", "namespace": "ns", "uid": "old-uid",
        "labels": {"type": "flink-native-kubernetes", "app": "job", "component": "jobmanager"},
        "annotations": {"flinkdeployment.flink.apache.org/generation": generation},
        "ownerReferences": [{"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "name": "job", "uid": uid}]}})
}

#[tokio::test]
async fn intent_first_then_a_look_at_the_api_server_then_the_deployment_then_the_rest() {
    let world = World::new(|_, _| None);
    assert_eq!(
        world.reconcile(&Observation::default()).await.expect("applied"),
        Outcome::Done
    );
    let mut calls = world.calls.brief();
    let rest = calls.split_off(6);
    // Asked for at the same time.
    calls[3..5].sort();
    assert_eq!(
        calls,
        [
            "PATCH flinkdeployments/job",
            "PUT job/status",
            "GET deployments/job",
            "GET ns/pods",
            "GET ns/replicasets",
            "POST ns/deployments",
        ]
    );
    assert!(rest.contains(&"PATCH services/job-rest".to_owned()), "{rest:?}");
    assert!(
        rest.contains(&"PATCH configmaps/flink-config-job".to_owned()),
        "{rest:?}"
    );
    assert_eq!(rest.last().map(String::as_str), Some("POST ns/events"));
    let all = world.calls.all();
    let written = &all[1].body;
    assert_eq!(
        written["metadata"]["resourceVersion"], "1",
        "based on the version with the finalizer"
    );
    assert_eq!(written["status"]["reconciliationStatus"]["state"], "UPGRADING");
    assert!(written.get("spec").is_none());
    let service = all
        .iter()
        .find(|c| c.line.contains("/services/job-rest"))
        .expect("the Service");
    assert_eq!(service.body["metadata"]["ownerReferences"][0]["uid"], "new-uid");
    assert!(service.line.contains("force=true") && service.line.contains("fieldManager=sluice-controller"));
    let deployment = &all[5].body;
    assert_eq!(
        deployment["metadata"]["annotations"]["flinkdeployment.flink.apache.org/generation"],
        "1"
    );
    assert_eq!(deployment["metadata"]["ownerReferences"][0]["uid"], "resource-uid");
}

#[tokio::test]
async fn a_status_from_an_outdated_version_stops_everything_before_any_side_effect() {
    let world = World::new(|_, path| path.contains("/status").then(|| status(409, "Conflict")));
    assert!(matches!(
        world.reconcile(&Observation::default()).await,
        Err(ApplyError::Conflict)
    ));
    assert_eq!(world.calls.brief(), ["PATCH flinkdeployments/job", "PUT job/status"]);
}

#[rstest]
#[case::pod("/pods")]
#[case::replica_set("/replicasets")]
#[tokio::test]
async fn nothing_is_created_beside_leftovers_that_only_the_api_server_knows(#[case] kind: &'static str) {
    let left =
        json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": [{"metadata": {"name": "job-old"}}]});
    let world = World::new(move |_, path| path.contains(kind).then(|| (200, left.clone())));
    assert_eq!(
        world.reconcile(&Observation::default()).await.expect("applied"),
        Outcome::Wait
    );
    assert!(!world.calls.brief().contains(&"POST ns/deployments".to_owned()));
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_completed() {
    let world = World::new(|method, path| {
        (method == Method::GET && path.ends_with("/deployments/job")).then(|| (200, owned("1", "resource-uid")))
    });
    assert_eq!(
        world.reconcile(&Observation::default()).await.expect("applied"),
        Outcome::Done
    );
    let all = world.calls.all();
    assert!(!world.calls.brief().contains(&"POST ns/deployments".to_owned()));
    let service = all
        .iter()
        .find(|c| c.line.contains("/services/job-rest"))
        .expect("the Service");
    assert_eq!(service.body["metadata"]["ownerReferences"][0]["uid"], "old-uid");
}

#[rstest]
#[case::older_generation(owned("0", "resource-uid"))]
#[case::of_a_former_resource_of_that_name(owned("1", "former-uid"))]
#[tokio::test]
async fn another_deployment_of_that_name_is_waited_for(#[case] existing: Value) {
    let world = World::new(move |method, path| {
        (method == Method::GET && path.ends_with("/deployments/job")).then(|| (200, existing.clone()))
    });
    assert_eq!(
        world.reconcile(&Observation::default()).await.expect("applied"),
        Outcome::Wait
    );
    assert!(
        !world
            .calls
            .brief()
            .iter()
            .any(|call| call.starts_with("POST ns/deployments") || call.starts_with("DELETE"))
    );
}

#[tokio::test]
async fn an_unlabelled_deployment_is_remembered_for_the_next_look() {
    let foreign = json!({"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "job", "namespace": "ns", "uid": "x"}});
    let world = World::new(move |method, path| {
        (method == Method::GET && path.ends_with("/deployments/job")).then(|| (200, foreign.clone()))
    });
    assert_eq!(
        world.reconcile(&Observation::default()).await.expect("applied"),
        Outcome::Wait
    );
    assert!(
        world
            .context
            .shared
            .conflicts
            .lock()
            .contains(&("ns".to_owned(), "job".to_owned()))
    );
}

#[tokio::test]
async fn losing_the_race_for_the_creation_is_no_failure() {
    let world = World::new(|method, path| {
        (method == Method::POST && path.contains("/deployments")).then(|| status(409, "AlreadyExists"))
    });
    assert_eq!(
        world.reconcile(&Observation::default()).await.expect("applied"),
        Outcome::Wait
    );
}

#[tokio::test]
async fn a_refused_creation_names_what_and_why() {
    let world = World::new(|method, path| {
        (method == Method::POST && path.contains("/deployments"))
            .then(|| (403, json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "exceeded quota: deployments"})))
    });
    let error = world.reconcile(&Observation::default()).await.expect_err("refused");
    let text = error.to_string();
    assert!(
        text.contains("create Deployment job") && text.contains("exceeded quota"),
        "{text}"
    );
}

#[tokio::test]
async fn only_a_leader_writes() {
    let world = World::new(|_, _| None);
    world.context.shared.leadership.set(false);
    assert!(matches!(
        world.reconcile(&Observation::default()).await,
        Err(ApplyError::NotLeading)
    ));
    assert_eq!(world.calls.brief(), Vec::<String>::new());
}

#[rstest]
#[case::done(200, "", true)]
#[case::gone(404, "NotFound", true)]
#[case::another_of_that_name(409, "Conflict", true)]
#[case::forbidden(403, "Forbidden", false)]
#[tokio::test]
async fn deletion_is_of_one_uid_with_all_that_it_owns(
    #[case] code: u16,
    #[case] reason: &'static str,
    #[case] fine: bool,
) {
    let world =
        World::deleting(move |method, _| (method == Method::DELETE && code != 200).then(|| status(code, reason)));
    let observation = Observation {
        job_manager: Some(JobManager {
            uid: "old-uid".to_owned(),
            owned: true,
            scaled_down: true,
            ..JobManager::default()
        }),
        ..Observation::default()
    };
    let result = world.reconcile(&observation).await;
    assert_eq!(result.is_ok(), fine, "{result:?}");
    let all = world.calls.all();
    let deletion = all.iter().find(|c| c.line.starts_with("DELETE")).expect("a deletion");
    assert_eq!(deletion.body["preconditions"]["uid"], "old-uid");
    assert_eq!(deletion.body["propagationPolicy"], "Foreground");
}

#[tokio::test]
async fn scaling_down_is_of_one_uid() {
    let world = World::deleting(|_, _| None);
    let observation = Observation {
        job_manager: Some(JobManager {
            uid: "old-uid".to_owned(),
            owned: true,
            ..JobManager::default()
        }),
        ..Observation::default()
    };
    world.reconcile(&observation).await.expect("applied");
    let all = world.calls.all();
    let scaling = all
        .iter()
        .find(|c| c.line.starts_with("PATCH") && c.line.contains("/deployments/job"))
        .expect("a patch");
    assert_eq!(
        scaling.body,
        json!({"metadata": {"uid": "old-uid"}, "spec": {"replicas": 0}})
    );
}

#[tokio::test]
async fn the_finalizer_goes_last() {
    let world = World::deleting(|_, _| None);
    world.reconcile(&Observation::default()).await.expect("applied");
    assert_eq!(
        world.calls.brief(),
        [
            "PUT job/status",
            "DELETE ns/configmaps",
            "POST ns/events",
            "PATCH flinkdeployments/job",
        ]
    );
    let all = world.calls.all();
    assert_eq!(all[3].body["metadata"]["finalizers"], json!(["other/finalizer"]));
    assert_eq!(all[3].body["metadata"]["resourceVersion"], "1");
    assert!(
        all[1].line.contains("configmap-type%3Dhigh-availability"),
        "{}",
        all[1].line
    );
}

#[tokio::test]
async fn a_repeated_event_is_counted_and_a_forbidden_one_is_no_failure() {
    let world = World::new(|method, path| match method.as_str() {
        "POST" if path.contains("/events") => Some(status(409, "AlreadyExists")),
        "GET" if path.contains("/events/") => Some((
            200,
            json!({"kind": "Event", "apiVersion": "v1", "count": 4,
            "metadata": {"name": "e"}, "involvedObject": {}}),
        )),
        _ => None,
    });
    world.reconcile(&Observation::default()).await.expect("applied");
    let counted = world
        .calls
        .all()
        .into_iter()
        .find(|c| c.line.starts_with("PATCH") && c.line.contains("/events/"));
    assert_eq!(counted.expect("a patch").body["count"], 5);

    let world = World::new(|_, path| path.contains("/events").then(|| status(403, "Forbidden")));
    world
        .reconcile(&Observation::default())
        .await
        .expect("applied all the same");
}
