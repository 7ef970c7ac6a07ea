//! What is filled in on behalf of the user, as typed changes that become a JSON patch.
//!
//! A change is only made where it changes something, so a patch is empty on a second round, and it touches nothing but
//! what it changes: an object never goes through our types and back.

mod patch;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

pub use patch::{Operation, PatchError, apply, escape};

use crate::api::{FlinkBlueGreenDeployment, FlinkDeployment, FlinkSessionJob, FlinkStateSnapshot, labels};

/// One change to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Give the object a label.
    SetLabel {
        /// Name of the label.
        name: &'static str,
        /// Its value.
        value: String,
    },
}

/// A kind that may be changed on its way in.
pub trait Defaults {
    /// The object's metadata.
    fn metadata(&self) -> &ObjectMeta;

    /// What is to change. Empty where everything is as it shall be.
    fn changes(&self) -> Vec<Change> {
        Vec::new()
    }

    /// [`Self::changes`] as operations of a JSON patch (RFC 6902), in the order in which they apply.
    fn patch(&self) -> Vec<Operation> {
        patch::operations(self.metadata(), &self.changes())
    }
}

impl Defaults for FlinkDeployment {
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }
}

impl Defaults for FlinkSessionJob {
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    /// The label `target.session` names the session cluster, so that a cluster's jobs can be listed.
    fn changes(&self) -> Vec<Change> {
        let Some(cluster) = self.spec.deployment_name.as_deref().filter(|name| !name.is_empty()) else {
            return Vec::new();
        };
        // A name that is no name is refused by a rule; as a label it would be refused for a reason nobody understands.
        if crate::rules::name::problem(cluster).is_some()
            || label(&self.metadata, labels::TARGET_SESSION) == Some(cluster)
        {
            return Vec::new();
        }
        vec![Change::SetLabel {
            name: labels::TARGET_SESSION,
            value: cluster.to_owned(),
        }]
    }
}

impl Defaults for FlinkStateSnapshot {
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }
}

impl Defaults for FlinkBlueGreenDeployment {
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }
}

fn label<'a>(metadata: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    metadata.labels.as_ref()?.get(name).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn session_job(metadata: &Value, deployment_name: &Value) -> Value {
        json!({ "kind": "FlinkSessionJob", "metadata": metadata, "spec": { "deploymentName": deployment_name, "unknown": 1 } })
    }

    fn patch_of(object: &Value) -> Value {
        let typed: FlinkSessionJob = serde_json::from_value(object.clone()).unwrap();
        serde_json::to_value(typed.patch()).unwrap()
    }

    fn patched(object: &Value) -> Value {
        let patch: json_patch::Patch = serde_json::from_value(patch_of(object)).unwrap();
        let mut object = object.clone();
        json_patch::patch(&mut object, &patch).unwrap();
        object
    }

    #[rstest]
    #[case::no_labels(json!({}), json!("c"), json!([{"op": "add", "path": "/metadata/labels", "value": {"target.session": "c"}}]))]
    #[case::null_labels(json!({"labels": null}), json!("c"), json!([{"op": "add", "path": "/metadata/labels", "value": {"target.session": "c"}}]))]
    #[case::other_labels(json!({"labels": {"a": "b"}}), json!("c"), json!([{"op": "add", "path": "/metadata/labels/target.session", "value": "c"}]))]
    #[case::other_value(json!({"labels": {"target.session": "x"}}), json!("c"), json!([{"op": "add", "path": "/metadata/labels/target.session", "value": "c"}]))]
    #[case::as_it_shall_be(json!({"labels": {"target.session": "c"}}), json!("c"), json!([]))]
    #[case::no_cluster(json!({}), json!(null), json!([]))]
    #[case::empty_cluster(json!({}), json!(""), json!([]))]
    #[case::no_name(json!({}), json!("Not a name"), json!([]))]
    fn session_jobs(#[case] metadata: Value, #[case] deployment_name: Value, #[case] patch: Value) {
        assert_eq!(patch_of(&session_job(&metadata, &deployment_name)), patch);
    }

    #[test]
    fn other_kinds_are_left_alone() {
        let object = json!({ "metadata": { "name": "a" }, "spec": {} });
        assert!(
            serde_json::from_value::<FlinkDeployment>(object.clone())
                .unwrap()
                .patch()
                .is_empty()
        );
        assert!(
            serde_json::from_value::<FlinkStateSnapshot>(object.clone())
                .unwrap()
                .patch()
                .is_empty()
        );
        assert!(
            serde_json::from_value::<FlinkBlueGreenDeployment>(object)
                .unwrap()
                .patch()
                .is_empty()
        );
    }

    proptest! {
        #[test]
        fn a_second_round_changes_nothing(
            labels in prop::option::of(prop::collection::btree_map("[a-z./~]{1,8}|target\\.session", "[a-z]{0,4}", 0..4)),
            cluster in prop::option::of("[a-z-]{0,6}"),
        ) {
            let once = patched(&session_job(&json!({ "labels": labels }), &json!(cluster)));
            prop_assert_eq!(patch_of(&once), json!([]));
            prop_assert_eq!(&once["spec"]["unknown"], 1);
        }
    }
}
