//! From a text to the objects in it.

use sluice_shared::api::{API_VERSION, policy};
use sluice_shared::rules::Kind;

use crate::own_rules::PolicyResource;

use super::node::{Node, Position};

/// An object of one of our kinds.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its kind.
    pub kind: Kind,
    /// The object, with the places of its fields.
    pub node: Node,
}

/// A text is no YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoYaml {
    /// Where the parser gave up, as far as it knows.
    pub position: Option<Position>,
    /// What it says.
    pub reason: String,
}

/// What is in a text.
#[derive(Clone, Debug, Default)]
pub struct Documents {
    /// Objects of our kinds, in order.
    pub ours: Vec<Document>,
    /// Rules of the user's own.
    pub policies: Vec<(PolicyResource, Node)>,
    /// Namespaces, which policies may ask for their labels; they count as others, too.
    pub namespaces: Vec<Node>,
    /// How many others there are.
    pub others: usize,
}

/// Lists in lists are followed this far, which is further than anyone writes them.
const DEEPEST: usize = 8;

/// Reads all documents of `text`, which is YAML or JSON. Lists, as `kubectl get` writes them, are taken for their items.
///
/// # Errors
/// When it is neither.
pub fn parse(text: &str) -> Result<Documents, NoYaml> {
    let options = serde_saphyr::options! { with_snippet: false };
    let nodes: Vec<Node> = serde_saphyr::from_multiple_with_options(text, options).map_err(|error| NoYaml {
        position: error.location().and_then(Position::new),
        reason: reason(&error),
    })?;
    let mut documents = Documents::default();
    for node in nodes {
        documents.add(node, DEEPEST);
    }
    Ok(documents)
}

impl Documents {
    fn add(&mut self, node: Node, deepest: usize) {
        let kind = node.get("kind").and_then(Node::as_str).unwrap_or_default();
        if deepest > 0
            && kind.ends_with("List")
            && let Some(items) = node.get("items").and_then(Node::as_list)
        {
            for item in items {
                self.add(item.clone(), deepest - 1);
            }
            return;
        }
        let version = node.get("apiVersion").and_then(Node::as_str).unwrap_or_default();
        if version == API_VERSION
            && let Some(kind) = Kind::from_name(kind)
        {
            self.ours.push(Document { kind, node });
        } else if version == policy::API_VERSION
            && let Some(resource) = PolicyResource::from_name(kind)
        {
            self.policies.push((resource, node));
        } else {
            self.others += 1;
            if (version, kind) == ("v1", "Namespace") {
                self.namespaces.push(node);
            }
        }
    }
}

/// The parser's words without the position, which is shown before them.
fn reason(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let first = first.split(" at line ").next().unwrap_or(first);
    first.trim_end_matches([' ', ':', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", &[], 0)]
    #[case("---\n---\n# nothing\n---\n", &[], 0)]
    #[case("a text", &[], 1)]
    #[case("kind: ConfigMap", &[], 1)]
    #[case("{ kind: FlinkDeployment, apiVersion: flink.apache.org/v1alpha1 }", &[], 1)]
    #[case("{ kind: FlinkDeployment, apiVersion: flink.apache.org/v1beta1 }", &[(Kind::FlinkDeployment, 1)], 0)]
    #[case("kind: Secret\n---\nkind: FlinkSessionJob\napiVersion: flink.apache.org/v1beta1\n", &[(Kind::FlinkSessionJob, 3)], 1)]
    #[case("kind: List\nitems:\n- kind: FlinkDeploymentList\n  items:\n  - kind: FlinkDeployment\n    apiVersion: flink.apache.org/v1beta1\n- kind: Pod\n", &[(Kind::FlinkDeployment, 5)], 1)]
    #[case("kind: List\nitems: none", &[], 1)]
    #[case("{ kind: FlinkPolicy, apiVersion: flink.apache.org/v1beta1 }", &[], 1)]
    #[case("{ kind: FlinkDeployment, apiVersion: sluice.flink.apache.org/v1alpha1 }", &[], 1)]
    fn ours_are_found(#[case] text: &str, #[case] ours: &[(Kind, u64)], #[case] others: usize) {
        let documents = parse(text).unwrap();
        let found: Vec<(Kind, u64)> = documents
            .ours
            .iter()
            .map(|document| (document.kind, document.node.position().unwrap().line))
            .collect();
        assert_eq!((found.as_slice(), documents.others), (ours, others));
    }

    #[test]
    fn policies_and_namespaces_are_found() {
        let text = "{ kind: FlinkPolicy, apiVersion: sluice.flink.apache.org/v1alpha1 }\n---\n{ kind: Namespace, apiVersion: v1 }";
        let documents = parse(text).unwrap();
        let found = (documents.policies.len(), documents.namespaces.len(), documents.others);
        assert_eq!(found, (1, 1, 1));
    }

    #[rstest]
    #[case("a: 1\nb: [\n", 2)]
    #[case("a: b: c\n", 1)]
    #[case("kind: x\n---\nspec:\n  image: {{ .Values.image }}\n", 4)]
    #[case("a: 1\na: 2\n", 2)]
    #[case("a: *nowhere\n", 1)]
    fn what_is_no_yaml_has_a_line(#[case] text: &str, #[case] line: u64) {
        let error = parse(text).unwrap_err();
        assert_eq!(error.position.unwrap().line, line, "{error:?}");
        assert!(!error.reason.is_empty());
        assert!(!error.reason.contains('\n'), "{error:?}");
    }
}
