//! Whole reconciles: a scripted API server whose objects fill the caches, and a Flink that answers over a socket.

use super::*;
use crate::testing::{Calls, api, shared, status};
use crate::watch::Caches;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, Lookup};
use kube::runtime::watcher::Event;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// The API server's copy of the resource.
#[derive(Clone)]
struct Stored(Arc<Mutex<Value>>);

impl Stored {
    fn new() -> Self {
        let mut resource = serde_json::to_value(crate::deployment::decide::tests::resource()).expect("serialises");
        resource["metadata"]["resourceVersion"] = json!("1");
        Self(Arc::new(Mutex::new(resource)))
    }

    fn answer(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        if path.contains("/flinkdeployments/") {
            let mut stored = self.0.lock();
            if method != "GET" {
                let version: u64 = stored["metadata"]["resourceVersion"]
                    .as_str()
                    .expect("one")
                    .parse()
                    .expect("a number");
                stored["metadata"]["resourceVersion"] = json!((version + 1).to_string());
                if path.contains("/status") {
                    stored["status"] = body["status"].clone();
                } else {
                    stored["metadata"]["finalizers"] = json!([labels::DEPLOYMENT_FINALIZER]);
                }
            }
            return (200, stored.clone());
        }
        match method {
            "GET" if path.contains('?') => (
                200,
                json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []}),
            ),
            "GET" => status(404, "NotFound"),
            "POST" if path.contains("/deployments") => {
                let mut made = body.clone();
                made["metadata"]["uid"] = json!("jm");
                (201, made)
            }
            _ => (200, body.clone()),
        }
    }

    fn status(&self) -> Value {
        self.0.lock()["status"].clone()
    }
}

/// Flink's REST API: what it answers by path, and what it was asked.
#[derive(Clone, Default)]
struct Flink {
    answers: Arc<Mutex<std::collections::HashMap<String, (u16, Value)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Flink {
    async fn listen(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let this = self.clone();
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.expect("a connection");
                let mut request = [0_u8; 4096];
                let read = socket.read(&mut request).await.expect("a request");
                let text = String::from_utf8_lossy(&request[..read]).into_owned();
                let path = text.split(' ').nth(1).expect("a path").to_owned();
                let answer = this.answers.lock().get(&path).cloned();
                let (code, body) = answer.unwrap_or((404, json!({"errors": ["not found"]})));
                this.asked.lock().push(path);
                let body = body.to_string();
                let head = format!(
                    "HTTP/1.1 {code} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                socket.write_all((head + &body).as_bytes()).await.expect("sent");
            }
        });
        port
    }

    fn says(&self, path: &str, code: u16, body: Value) {
        self.answers.lock().insert(format!("/v1{path}"), (code, body));
    }

    /// What was asked since the last call, in order of the alphabet: requests go out at the same time.
    fn asked(&self) -> Vec<String> {
        let mut asked: Vec<String> = std::mem::take(&mut *self.asked.lock());
        asked.sort();
        asked
    }
}

struct World {
    stored: Stored,
    flink: Flink,
    calls: Calls,
    context: Arc<Context>,
    resources: Writer<DeserializeGuard<FlinkDeployment>>,
    /// The API server refuses the next status.
    conflict: Arc<Mutex<bool>>,
}

fn put<K>(writer: &mut Writer<K>, object: Value)
where
    K: Lookup<DynamicType = ()> + Clone + DeserializeOwned + 'static,
{
    let object = serde_json::from_value(object).expect("an object");
    writer.apply_watcher_event(&Event::Apply(object));
}

impl World {
    /// A job that was deployed, runs, and is seen to run.
    async fn running() -> Self {
        let (stored, flink) = (Stored::new(), Flink::default());
        let conflict = Arc::new(Mutex::new(false));
        let (known, refuse) = (stored.clone(), conflict.clone());
        let (client, calls) = api(move |method, path, body| {
            if path.contains("/status") && std::mem::take(&mut *refuse.lock()) {
                return status(409, "Conflict");
            }
            known.answer(method.as_str(), path, body)
        });
        let (resources, resources_writer) = reflector::store();
        let (deployments, mut deployments_writer) = reflector::store::<Deployment>();
        let (pods, mut pods_writer) = reflector::store::<Pod>();
        let (services, mut services_writer) = reflector::store::<Service>();
        let (config_maps, mut config_maps_writer) = reflector::store::<PartialObjectMeta<ConfigMap>>();
        let caches = Caches {
            resources,
            deployments,
            pods,
            services,
            config_maps,
        };
        let mut world = Self {
            stored,
            flink,
            calls,
            context: Arc::new(Context {
                caches,
                shared: Arc::new(shared(client)),
            }),
            resources: resources_writer,
            conflict,
        };
        world.reconcile().await;
        let port = world.flink.listen().await;
        for call in world.calls.all() {
            let path = call.line.split('?').next().unwrap_or_default().to_owned();
            let mut object = call.body;
            if path.starts_with("PATCH") && path.contains("/services/") {
                object["spec"]["clusterIP"] = json!("127.0.0.1");
                if path.ends_with("-rest") {
                    object["spec"]["ports"][0]["port"] = json!(port);
                }
                put(&mut services_writer, object);
            } else if path.starts_with("PATCH") && path.contains("/configmaps/") {
                put(&mut config_maps_writer, object);
            } else if path.starts_with("POST") && path.ends_with("/deployments") {
                object["metadata"]["uid"] = json!("jm");
                object["status"] = json!({"availableReplicas": 1});
                put(&mut deployments_writer, object);
            }
        }
        put(
            &mut pods_writer,
            json!({"metadata": {"name": "job-1", "namespace": "ns", "uid": "pod", "labels": {"app": "job", "component": "jobmanager"}},
                "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
                    "containerStatuses": [{"name": "flink-main-container", "image": "", "imageID": "", "ready": true, "restartCount": 0,
                        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}}),
        );
        world.flink.says(
            "/config",
            200,
            json!({"flink-version": "1.20.5", "flink-revision": "abc"}),
        );
        world
            .flink
            .says("/taskmanagers", 200, json!({"taskmanagers": [{}, {}]}));
        let job = world.job_id();
        world.flink.says(
            &format!("/jobs/{job}/exceptions"),
            200,
            json!({"exceptionHistory": {"entries": []}}),
        );
        world.checkpoints(
            200,
            json!({"latest": {"completed": null, "restored": null, "savepoint": null}}),
        );
        world.job("RUNNING");
        world
    }

    fn job_id(&self) -> String {
        self.stored.status()["jobStatus"]["jobId"]
            .as_str()
            .expect("a job")
            .to_owned()
    }

    fn job(&self, state: &str) {
        let job = json!({"jid": self.job_id(), "name": "n", "state": state, "start-time": 42});
        self.flink.says("/jobs/overview", 200, json!({"jobs": [job]}));
    }

    fn checkpoints(&self, code: u16, answer: Value) {
        self.flink
            .says(&format!("/jobs/{}/checkpoints", self.job_id()), code, answer);
    }

    /// Whether `asked` names the checkpoints.
    fn asked_for_checkpoints(&self) -> bool {
        self.flink.asked().iter().any(|path| path.ends_with("/checkpoints"))
    }

    /// One reconcile, of what the watch would have delivered by now: writes that it made.
    async fn reconcile(&mut self) -> Vec<String> {
        let stored = self.stored.0.lock().clone();
        let object: FlinkDeployment = serde_json::from_value(stored).expect("a resource");
        self.resources
            .apply_watcher_event(&Event::Apply(DeserializeGuard(Ok(object.clone()))));
        let before = self.calls.all().len();
        // A conflict is no failure of the test: it is what some of them are about.
        let object = Arc::new(DeserializeGuard(Ok(object)));
        let _ = Box::pin(reconcile(object, Arc::clone(&self.context))).await;
        let calls = self.calls.brief().split_off(before);
        calls.into_iter().filter(|call| !call.starts_with("GET ")).collect()
    }
}

fn at(path: &str) -> Value {
    json!({"latest": {"completed": {"id": 3, "external_path": path, "state_size": 4096}, "restored": null, "savepoint": null}})
}

#[tokio::test]
async fn what_has_not_changed_is_not_written() {
    let mut world = World::running().await;
    let writes = world.reconcile().await;
    assert!(
        writes.contains(&"PUT job/status".to_owned()),
        "the job is seen to run: {writes:?}"
    );
    let settled = world.stored.status();
    assert_eq!(settled["lifecycleState"], "STABLE");
    world.flink.asked();
    for _ in 0..3 {
        assert_eq!(world.reconcile().await, Vec::<String>::new());
        let job = world.job_id();
        assert_eq!(
            world.flink.asked(),
            [
                format!("/v1/jobs/{job}/exceptions"),
                "/v1/jobs/overview".to_owned(),
                "/v1/taskmanagers".to_owned()
            ],
            "and Flink is asked for what changes only"
        );
    }
    assert_eq!(world.stored.status(), settled);
}

#[tokio::test]
async fn a_running_jobs_state_size_is_shown_and_its_way_back_left_alone() {
    let mut world = World::running().await;
    world.checkpoints(200, at("s3://c/3"));
    world.reconcile().await;
    let status = world.stored.status();
    assert_eq!(status["clusterInfo"]["state-size"], "4096");
    assert_eq!(status["jobStatus"].get("upgradeSavepointPath"), None);
}

#[tokio::test]
async fn an_ended_jobs_newest_checkpoint_is_recorded_by_one_request() {
    let mut world = World::running().await;
    world.reconcile().await;
    world.job("FINISHED");
    world.checkpoints(200, at("s3://c/3"));
    world.flink.asked();
    assert!(world.reconcile().await.contains(&"PUT job/status".to_owned()));
    assert!(world.asked_for_checkpoints());
    let status = world.stored.status();
    assert_eq!(status["jobStatus"]["state"], "FINISHED");
    assert_eq!(status["jobStatus"]["upgradeSavepointPath"], "s3://c/3");
    assert_eq!(status["clusterInfo"]["state-size"], "4096");
    assert_eq!(world.reconcile().await, Vec::<String>::new());
    assert!(!world.asked_for_checkpoints(), "there will be no newer one");
}

#[tokio::test]
async fn a_status_that_was_not_written_is_no_record() {
    let mut world = World::running().await;
    world.reconcile().await;
    world.job("FAILED");
    world.checkpoints(200, at("s3://c/3"));
    *world.conflict.lock() = true;
    world.reconcile().await;
    assert_eq!(world.stored.status()["jobStatus"]["state"], "RUNNING");
    world.reconcile().await;
    assert_eq!(world.stored.status()["jobStatus"]["state"], "FAILED");
    assert_eq!(
        world.stored.status()["jobStatus"]["upgradeSavepointPath"],
        "s3://c/3",
        "S3"
    );
}

#[tokio::test]
async fn checkpoints_that_flink_did_not_tell_are_asked_for_again() {
    let mut world = World::running().await;
    world.reconcile().await;
    world.job("FINISHED");
    world.checkpoints(500, json!({"errors": ["busy"]}));
    world.reconcile().await;
    assert_eq!(
        world.stored.status()["jobStatus"]["state"],
        "FINISHED",
        "no reason to doubt the state"
    );
    world.checkpoints(200, at("s3://c/3"));
    assert_eq!(world.reconcile().await, ["PUT job/status"]);
    assert_eq!(world.stored.status()["jobStatus"]["upgradeSavepointPath"], "s3://c/3");
}

#[tokio::test]
async fn a_job_without_checkpointing_is_not_asked_again_and_again() {
    let mut world = World::running().await;
    let off = "org.apache.flink.runtime.rest.handler.RestHandlerException: Checkpointing has not been enabled.";
    world.checkpoints(404, json!({"errors": [off]}));
    world.reconcile().await;
    assert!(world.asked_for_checkpoints());
    world.reconcile().await;
    assert!(!world.asked_for_checkpoints());
    assert_eq!(world.stored.status()["clusterInfo"].get("state-size"), None);
}
