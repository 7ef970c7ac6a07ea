//! Publishing events.

use k8s_openapi::api::core::v1::{Event, EventSource, ObjectReference};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use sluice_shared::api::{API_VERSION, FlinkDeployment};

use crate::deployment::event::EventDraft;
use crate::deployment::model::Millis;

/// Longest message that the API server takes.
const MAX_MESSAGE: usize = 1024;

/// Publishes `draft` about `resource`: a new Event, or one more occurrence of a known one. Failure is logged and no
/// more: what runs does not depend on it.
pub async fn publish(client: &Client, resource: &FlinkDeployment, draft: &EventDraft, now: Millis) {
    match try_publish(client, resource, draft, now).await {
        Ok(()) => {}
        Err(kube::Error::Api(status)) if status.code == 403 => tracing::warn!(
            "cannot publish the event {}: {}; grant create, get and patch on events to this service account",
            draft.reason,
            status.message
        ),
        Err(error) => tracing::warn!("cannot publish the event {}: {error}", draft.reason),
    }
}

async fn try_publish(
    client: &Client,
    resource: &FlinkDeployment,
    draft: &EventDraft,
    now: Millis,
) -> Result<(), kube::Error> {
    let (name, namespace) = (resource.name_any(), resource.namespace().unwrap_or_default());
    let uid = resource.metadata.uid.clone().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
    let event_name = draft.name(FlinkDeployment::KIND, &name, &uid);
    let time = k8s_openapi::jiff::Timestamp::from_second(now.div_euclid(1000))
        .ok()
        .map(Time);
    let message: String = draft.message.chars().take(MAX_MESSAGE).collect();
    let event = Event {
        metadata: ObjectMeta {
            name: Some(event_name.clone()),
            namespace: Some(namespace.clone()),
            annotations: Some(draft.annotations.clone()).filter(|a| !a.is_empty()),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(FlinkDeployment::KIND.to_owned()),
            name: Some(name),
            namespace: Some(namespace),
            uid: Some(uid),
            ..ObjectReference::default()
        },
        reason: Some(draft.reason.to_string()),
        message: Some(message.clone()),
        type_: Some(draft.type_().to_owned()),
        source: Some(EventSource {
            component: Some(draft.component.to_string()),
            ..EventSource::default()
        }),
        first_timestamp: time.clone(),
        last_timestamp: time.clone(),
        count: Some(1),
        ..Event::default()
    };
    match api.create(&PostParams::default(), &event).await {
        Err(kube::Error::Api(status)) if status.code == 409 => {}
        other => return other.map(|_| ()),
    }
    if draft.once {
        return Ok(());
    }
    let count = api.get(&event_name).await?.count.unwrap_or(1).saturating_add(1);
    let mut patch = json!({ "count": count, "lastTimestamp": time, "message": message });
    if !draft.annotations.is_empty() {
        patch["metadata"] = json!({ "annotations": draft.annotations });
    }
    api.patch(&event_name, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .map(|_| ())
}
