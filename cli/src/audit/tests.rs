use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use kube::client::Body;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::output::Format;
use crate::own_rules::PolicyResource;

/// What an API server was asked: method and path, and the body.
type Calls = Arc<Mutex<Vec<(String, Value)>>>;

fn deployment(name: &str, spec: &Value) -> Value {
    json!({ "metadata": { "name": name, "namespace": "team-a", "uid": format!("u-{name}") }, "spec": spec })
}

fn session() -> Value {
    json!({
        "image": "flink:1.20", "flinkVersion": "v1_20", "serviceAccount": "flink",
        "jobManager": { "resource": { "memory": "2048m", "cpu": 1 } },
        "taskManager": { "resource": { "memory": "2048m", "cpu": 1 } },
    })
}

fn list(items: &[Value], more: &str) -> (u16, Value) {
    let list = json!({ "apiVersion": "flink.apache.org/v1beta1", "kind": "List", "metadata": { "continue": more }, "items": items });
    (200, list)
}

fn refusal(code: u16, message: &str) -> (u16, Value) {
    (
        code,
        json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": "x", "message": message }),
    )
}

/// A cluster with a good session cluster and a wrong one on a second page, session jobs that this user may not see, two
/// snapshots of which one is of nothing, and no kind for blue and green.
fn answer(line: &str, events: u16) -> (u16, Value) {
    let (method, path) = line.split_once(' ').unwrap();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let snapshot = |name: &str, of: &str| {
        let reference = json!({ "kind": "FlinkDeployment", "name": of });
        deployment(name, &json!({ "jobReference": reference, "savepoint": {} }))
    };
    match (method, path.rsplit('/').next().unwrap()) {
        ("GET", "flinkdeployments") if query.contains("continue=next") => {
            list(&[deployment("wrong", &json!({ "image": 5 }))], "")
        }
        ("GET", "flinkdeployments") => list(&[deployment("good", &session())], "next"),
        ("GET", "flinksessionjobs") => refusal(403, "flinksessionjobs is forbidden"),
        ("GET", "flinkstatesnapshots") => list(&[snapshot("with", "good"), snapshot("without", "nowhere")], ""),
        ("POST", "events") if events == 409 => refusal(409, "already exists"),
        ("POST", "events") if events == 403 => refusal(403, "events is forbidden"),
        ("POST", "events") => (201, json!({ "metadata": {}, "involvedObject": {} })),
        ("GET" | "PATCH", name) if name.starts_with("sluice-audit.") => {
            (200, json!({ "metadata": {}, "involvedObject": {}, "count": 4 }))
        }
        _ => refusal(404, "not found"),
    }
}

fn cluster(answer: impl Fn(&str) -> (u16, Value) + Clone + Send + Sync + 'static) -> (Client, Calls) {
    let calls = Calls::default();
    let log = Arc::clone(&calls);
    let service = tower::service_fn(move |request: Request<Body>| {
        let (answer, log) = (answer.clone(), Arc::clone(&log));
        async move {
            let line = format!("{} {}", request.method(), request.uri().path_and_query().unwrap());
            let body = request.into_body().collect_bytes().await.unwrap();
            let body = serde_json::from_slice(&body).unwrap_or_default();
            log.lock().unwrap().push((line.clone(), body));
            let (status, answer) = answer(&line);
            let response = Response::builder().status(status);
            Ok::<_, Infallible>(response.body(Body::from(answer.to_string().into_bytes())).unwrap())
        }
    });
    (Client::new(service, "default"), calls)
}

async fn audited(client: &Client, namespace: Option<&str>, publish: bool) -> Results {
    audit_with(client, namespace, OwnRules::default(), publish).await
}

async fn audit_with(client: &Client, namespace: Option<&str>, own_rules: OwnRules, publish: bool) -> Results {
    let defaults = DefaultConfiguration::default();
    let yardstick = Yardstick {
        defaults: &defaults,
        levels: Levels::default(),
    };
    audit(client, namespace, yardstick, own_rules, publish).await
}

#[tokio::test]
async fn everything_is_judged_with_what_the_cluster_has() {
    let (client, calls) = cluster(|line| answer(line, 201));
    let results = audited(&client, None, false).await;
    let text = results.render("audit", Format::Text).unwrap();
    let keys: Vec<String> = results.checked.iter().map(Checked::key).collect();
    assert_eq!(keys, ["team-a/good", "team-a/wrong", "team-a/with", "team-a/without"]);
    let refused = |name: &str| text.contains(&format!("team-a/{name}: error: "));
    assert_eq!(
        ["good", "wrong", "with", "without"].map(refused),
        [false, true, false, true],
        "{text}"
    );
    assert!(
        text.contains("team-a/wrong: error: FlinkDeployment: spec.image: "),
        "{text}"
    );
    assert!(text.contains("nowhere"), "{text}");
    assert_eq!(results.problems.len(), 1, "a kind that is not there is no problem");
    assert_eq!(
        results.problems[0].to_string(),
        "flinksessionjobs: flinksessionjobs is forbidden; grant list on flinksessionjobs.flink.apache.org to this user"
    );
    assert_eq!(results.outcome(), Outcome::Failed);
    assert!(calls.lock().unwrap().iter().all(|(line, _)| line.starts_with("GET ")));
}

#[tokio::test]
async fn one_namespace_is_all_that_is_asked_for() {
    let (client, calls) = cluster(|line| answer(line, 201));
    audited(&client, Some("team-a"), false).await;
    let calls = calls.lock().unwrap();
    let elsewhere: Vec<&str> = calls
        .iter()
        .map(|(line, _)| line.as_str())
        .filter(|line| !line.contains("/namespaces/team-a"))
        .collect();
    let of_all = "/apis/sluice.flink.apache.org/v1alpha1/clusterflinkpolicies?";
    assert!(
        elsewhere.iter().all(|line| line.contains(of_all)),
        "more than the policies of all namespaces: {elsewhere:?}"
    );
}

#[tokio::test]
async fn a_cluster_without_our_kinds_cannot_be_audited() {
    let (client, _) = cluster(|_| refusal(404, "not found"));
    let results = audited(&client, None, false).await;
    assert_eq!(results.outcome(), Outcome::Failed);
    assert!(results.problems[0].to_string().contains("install the CRDs"));
}

#[rstest]
#[case::new(201, &["POST"])]
#[case::known(409, &["POST", "GET", "PATCH"])]
#[tokio::test]
async fn events_tell_of_refused_objects(#[case] status: u16, #[case] methods: &[&str]) {
    let (client, calls) = cluster(move |line| answer(line, status));
    audited(&client, None, true).await;
    let calls = calls.lock().unwrap();
    let events: Vec<_> = calls.iter().filter(|(line, _)| line.contains("/events")).collect();
    let found: Vec<&str> = events.iter().map(|(line, _)| line.split(' ').next().unwrap()).collect();
    assert_eq!(found, [methods, methods].concat(), "one for each refused object");
    let (line, event) = events[0];
    assert!(line.contains("/api/v1/namespaces/team-a/events"), "{line}");
    assert_eq!(
        (&event["type"], &event["reason"], &event["involvedObject"]["uid"]),
        (&json!("Warning"), &json!("ValidationError"), &json!("u-wrong"))
    );
    let message = event["message"].as_str().unwrap();
    assert!(
        message.starts_with("spec.image: ") && message.len() <= 1024,
        "{message}"
    );
    if status == 409 {
        assert_eq!(events[2].1["count"], 5);
    }
}

#[tokio::test]
async fn who_may_not_write_events_is_told() {
    let (client, _) = cluster(|line| answer(line, 403));
    let results = audited(&client, None, true).await;
    let texts: Vec<String> = results.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts[1],
        "event about FlinkDeployment team-a/wrong: events is forbidden; grant create, get and patch on events to this user"
    );
}

#[tokio::test]
async fn policies_of_the_cluster_count_and_those_of_files_in_their_places() {
    let policy = |name: &str, expression: &str| {
        let rules = json!([{ "name": "image", "expression": expression, "field": "spec.image" }]);
        json!({
            "apiVersion": "sluice.flink.apache.org/v1alpha1", "kind": "ClusterFlinkPolicy",
            "metadata": { "name": name }, "spec": { "rules": rules },
        })
    };
    let (never, always) = (policy("house", "false"), policy("house", "true"));
    let wrong = policy("wrong", "objct == 1");
    let stored = [never, wrong];
    let (client, _) = cluster(move |line| {
        if line.contains("/clusterflinkpolicies") {
            return list(&stored, "");
        }
        answer(line, 201)
    });
    let codes = |results: &Results, name: &str| -> Vec<String> {
        let of_it = results.findings().filter(|(checked, _, _)| checked.name == name);
        of_it
            .map(|(_, _, finding)| finding.violation.code.to_string())
            .collect()
    };
    let results = audited(&client, None, false).await;
    assert_eq!(codes(&results, "good"), ["policy/house/image"]);
    assert_eq!(
        codes(&results, "wrong")[..1],
        ["policy-expression"],
        "the policy of that name"
    );
    let mut own_rules = OwnRules::default();
    own_rules.add_policy(
        PolicyResource::ClusterFlinkPolicy,
        &always,
        Some("p.yaml".to_owned()),
        |_| None,
    );
    let results = audit_with(&client, None, own_rules, false).await;
    assert_eq!(codes(&results, "good"), Vec::<String>::new());
}
