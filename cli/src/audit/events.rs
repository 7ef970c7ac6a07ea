//! Events about what an audit found.

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use sluice_shared::api::API_VERSION;
use sluice_shared::rules::{Kind, Report};

use super::{explain, metadata};
use crate::output::{Place, Problem};

/// The controller's reason for the same thing, which alerts are written for.
const REASON: &str = "ValidationError";
/// Who says it.
const COMPONENT: &str = "sluice-audit";
/// Longest message that the API server takes, in bytes.
const MAX_MESSAGE: usize = 1024;

/// Writes a Warning event that says what is wrong with `object`; counts it once more if it is there already.
///
/// # Errors
/// When the API server does not take it.
pub async fn publish(client: &Client, kind: Kind, object: &Value, report: &Report) -> Result<(), Problem> {
    let event = event(kind, object, &report.to_string());
    write(client, &event).await.map_err(|error| Problem {
        place: Place::Cluster(format!(
            "event about {kind} {}/{}",
            metadata(object, "namespace"),
            metadata(object, "name")
        )),
        position: None,
        reason: explain(&error, "create, get and patch", "events"),
    })
}

fn event(kind: Kind, object: &Value, message: &str) -> Event {
    let text = |field: &str| metadata(object, field).to_owned();
    let now = Some(Time(Timestamp::now()));
    let message = &message[..message.floor_char_boundary(MAX_MESSAGE)];
    Event {
        metadata: ObjectMeta {
            // One event an object, so that the next audit counts it and writes no second one.
            name: Some(format!("{COMPONENT}.{}", text("uid"))),
            namespace: Some(text("namespace")),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(kind.as_str().to_owned()),
            name: Some(text("name")),
            namespace: Some(text("namespace")),
            uid: Some(text("uid")),
            ..ObjectReference::default()
        },
        reason: Some(REASON.to_owned()),
        message: Some(message.to_owned()),
        type_: Some("Warning".to_owned()),
        source: Some(EventSource {
            component: Some(COMPONENT.to_owned()),
            ..EventSource::default()
        }),
        first_timestamp: now.clone(),
        last_timestamp: now,
        count: Some(1),
        ..Event::default()
    }
}

async fn write(client: &Client, event: &Event) -> Result<(), kube::Error> {
    let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
    let name = event.metadata.name.as_deref().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    match api.create(&PostParams::default(), event).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        other => return other.map(|_| ()),
    }
    let count = api.get(name).await?.count.unwrap_or(1).saturating_add(1);
    let patch = json!({ "count": count, "lastTimestamp": event.last_timestamp, "message": event.message });
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .map(|_| ())
}
