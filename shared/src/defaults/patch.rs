//! JSON patches (RFC 6902).

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Serialize;
use serde_json::{Value, json};

use super::Change;

/// One operation of a JSON patch, in the form that the API server reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Operation {
    /// Puts `value` at `path`, in place of what is there.
    Add {
        /// JSON pointer (RFC 6901).
        path: String,
        /// What to put.
        value: Value,
    },
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
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

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
