//! JSON patches (RFC 6902).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Change;

/// One operation of a JSON patch, in the form that the API server reads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// Puts `value` at `path`, in place of what is there.
    Add {
        /// JSON pointer (RFC 6901).
        path: String,
        /// What to put.
        value: Value,
    },
    /// Puts `value` in place of what is at `path`.
    Replace {
        /// JSON pointer to something that is there.
        path: String,
        /// What to put.
        value: Value,
    },
    /// Takes away what is at `path`.
    Remove {
        /// JSON pointer to something that is there.
        path: String,
    },
}

/// Why a patch cannot be laid over an object. The text holds no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("operation {number} of its patch ({path}) cannot be applied: {reason}")]
pub struct PatchError {
    /// Counted from 1.
    pub number: usize,
    /// JSON pointer of the operation.
    pub path: String,
    /// What is in the way.
    pub reason: String,
}

impl Operation {
    /// JSON pointer to what the operation changes.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Add { path, .. } | Self::Replace { path, .. } | Self::Remove { path } => path,
        }
    }

    fn to_json_patch(&self) -> Result<json_patch::PatchOperation, String> {
        use json_patch::{AddOperation, PatchOperation, RemoveOperation, ReplaceOperation, jsonptr::PointerBuf};
        let path =
            PointerBuf::parse(self.path()).map_err(|_| "its path is no JSON pointer, as /spec/image is".to_owned())?;
        Ok(match self.clone() {
            Self::Add { value, .. } => PatchOperation::Add(AddOperation { path, value }),
            Self::Replace { value, .. } => PatchOperation::Replace(ReplaceOperation { path, value }),
            Self::Remove { .. } => PatchOperation::Remove(RemoveOperation { path }),
        })
    }
}

/// Lays `operations` over `object`, one after the other. The object stays as it was where one of them fails.
///
/// # Errors
/// The first operation that does not fit the object.
pub fn apply(operations: &[Operation], object: &mut Value) -> Result<(), PatchError> {
    let failed = |index: usize, reason: String| PatchError {
        number: index + 1,
        path: operations.get(index).map(|o| o.path().to_owned()).unwrap_or_default(),
        reason,
    };
    let mut patch = Vec::with_capacity(operations.len());
    for (index, operation) in operations.iter().enumerate() {
        patch.push(operation.to_json_patch().map_err(|reason| failed(index, reason))?);
    }
    json_patch::patch(object, &patch).map_err(|error| failed(error.operation, error.kind.to_string()))
}

pub(super) fn operations(metadata: &ObjectMeta, changes: &[Change]) -> Vec<Operation> {
    let mut has_labels = metadata.labels.is_some();
    changes
        .iter()
        .map(|Change::SetLabel { name, value }| {
            if has_labels {
                Operation::Add {
                    path: format!("/metadata/labels/{}", escape(name)),
                    value: json!(value),
                }
            } else {
                has_labels = true;
                Operation::Add {
                    path: "/metadata/labels".to_owned(),
                    value: json!({ *name: value }),
                }
            }
        })
        .collect()
}

/// A name as one step of a JSON pointer.
#[must_use]
pub fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(json: Value) -> Operation {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_patch_is_applied_whole_or_not_at_all() {
        let mut object = json!({ "spec": { "a": 1, "b": 2 } });
        let good = [
            operation(json!({ "op": "replace", "path": "/spec/a", "value": 3 })),
            operation(json!({ "op": "remove", "path": "/spec/b" })),
            operation(json!({ "op": "add", "path": "/spec/c", "value": [] })),
        ];
        apply(&good, &mut object).unwrap();
        assert_eq!(object, json!({ "spec": { "a": 3, "c": [] } }));
        let before = object.clone();
        for (last, reason) in [
            (json!({ "op": "remove", "path": "/spec/none" }), "path is invalid"),
            (json!({ "op": "add", "path": "spec/x", "value": 1 }), "no JSON pointer"),
        ] {
            let error = apply(&[good[0].clone(), operation(last)], &mut object).unwrap_err();
            assert_eq!(error.number, 2);
            assert!(error.reason.contains(reason), "{error}");
            assert_eq!(object, before);
        }
    }

    #[test]
    fn the_first_label_makes_the_map_and_names_are_escaped() {
        let change = |name| Change::SetLabel {
            name,
            value: "v".to_owned(),
        };
        let written = operations(&ObjectMeta::default(), &[change("a"), change("b/c~d")]);
        assert_eq!(
            serde_json::to_value(written).unwrap(),
            json!([
                { "op": "add", "path": "/metadata/labels", "value": { "a": "v" } },
                { "op": "add", "path": "/metadata/labels/b~1c~0d", "value": "v" },
            ])
        );
    }
}
