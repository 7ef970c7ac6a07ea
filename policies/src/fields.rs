//! Paths of fields that defaults fill in.

use serde_json::{Map, Value, json};
use sluice_shared::config::flatten;
use sluice_shared::defaults::{Operation, escape};

/// A field, as names of members from the object down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field(Vec<String>);

/// Fields that may be filled in; the rest is the API server's, or what the object is known by.
const ALLOWED: &str = "only fields below spec, metadata.labels and metadata.annotations can be filled in";

impl Field {
    /// Reads `spec.job.parallelism`, `spec.flinkConfiguration[rest.port]` or the JSON pointer `/spec/job/parallelism`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(path: &str) -> Result<Self, String> {
        let steps = if let Some(pointer) = path.strip_prefix('/') {
            pointer
                .split('/')
                .map(|step| step.replace("~1", "/").replace("~0", "~"))
                .collect()
        } else {
            dotted(path)?
        };
        if steps.iter().any(String::is_empty) {
            return Err(format!(
                "\"{path}\" has an empty step; write it as spec.job.parallelism"
            ));
        }
        if steps
            .iter()
            .any(|step| step.bytes().all(|b| b.is_ascii_digit()) || step == "-")
        {
            return Err("elements of lists cannot be filled in; fill in the whole list".to_owned());
        }
        let below = |root: &[&str]| steps.len() > root.len() && steps.iter().zip(root).all(|(step, root)| step == root);
        if below(&["spec"]) || below(&["metadata", "labels"]) || below(&["metadata", "annotations"]) {
            Ok(Self(steps))
        } else {
            Err(ALLOWED.to_owned())
        }
    }

    /// Whether values are texts whatever they look like.
    pub(crate) fn is_text(&self) -> bool {
        self.0[0] == "metadata"
    }

    /// The operation that puts `value` there, with what is missing above it; `None` where the user has set something,
    /// there or in its way.
    pub(crate) fn fill(&self, object: &Value, value: Value) -> Option<Operation> {
        let mut here = object;
        for (index, step) in self.0.iter().enumerate() {
            let members = here.as_object()?;
            if is_configuration(&self.0[..index]) && is_configured(here, &self.0[index..].join(".")) {
                return None;
            }
            match members.get(step) {
                Some(next) if !next.is_null() => here = next,
                _ => {
                    let missing = self.0[index + 1..].iter().rev();
                    let value = missing.fold(value, |value, step| {
                        let mut parent = Map::new();
                        parent.insert(step.clone(), value);
                        Value::Object(parent)
                    });
                    let steps = self.0[..=index].iter().map(|step| escape(step));
                    let path = std::iter::once(String::new())
                        .chain(steps)
                        .collect::<Vec<_>>()
                        .join("/");
                    return Some(Operation::Add { path, value });
                }
            }
        }
        None
    }
}

/// Whether the members that `steps` lead to are keys of Flink's configuration.
fn is_configuration(steps: &[String]) -> bool {
    steps.first().is_some_and(|step| step == "spec") && steps.last().is_some_and(|step| step == "flinkConfiguration")
}

/// Whether `key` is set in `configuration`, in flat or nested form. What cannot be read is left alone.
fn is_configured(configuration: &Value, key: &str) -> bool {
    flatten(configuration).map_or(true, |flat| flat.contains_key(key))
}

/// Names between dots; a name that has dots of its own stands in brackets, in quotes or not.
fn dotted(path: &str) -> Result<Vec<String>, String> {
    let mut steps = Vec::new();
    let mut rest = path;
    loop {
        if let Some(bracket) = rest.strip_prefix('[') {
            let (name, after) = bracket
                .split_once(']')
                .ok_or_else(|| format!("\"{path}\" has a [ without a ]"))?;
            steps.push(name.trim_matches(['\'', '"']).to_owned());
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            steps.push(name.to_owned());
            rest = after;
        }
        if rest.is_empty() {
            return Ok(steps);
        }
        if !rest.starts_with('[') {
            rest = rest
                .strip_prefix('.')
                .ok_or_else(|| format!("\"{path}\" has no dot behind a ]"))?;
        }
    }
}

/// `value` as a label or annotation has it.
pub(crate) fn as_text(value: Value) -> Value {
    match value {
        Value::String(_) => value,
        other => json!(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("spec.job.parallelism", &["spec", "job", "parallelism"])]
    #[case("/spec/job/parallelism", &["spec", "job", "parallelism"])]
    #[case("spec.flinkConfiguration[rest.port]", &["spec", "flinkConfiguration", "rest.port"])]
    #[case("spec.flinkConfiguration['rest.port']", &["spec", "flinkConfiguration", "rest.port"])]
    #[case("/metadata/labels/a~1b~0c", &["metadata", "labels", "a/b~c"])]
    #[case("metadata.labels[a/b].x", &["metadata", "labels", "a/b", "x"])]
    fn paths(#[case] path: &str, #[case] steps: &[&str]) {
        assert_eq!(Field::parse(path).unwrap().0, steps);
    }

    #[rstest]
    #[case("", "empty step")]
    #[case("spec", "only fields below spec")]
    #[case("spec.", "empty step")]
    #[case("spec..a", "empty step")]
    #[case("spec[a", "without a ]")]
    #[case("spec[a]b", "no dot")]
    #[case("metadata.name", "only fields")]
    #[case("status.state", "only fields")]
    #[case("/spec/list/0", "elements of lists")]
    #[case("spec.list.-", "elements of lists")]
    fn paths_that_are_none(#[case] path: &str, #[case] reason: &str) {
        let error = Field::parse(path).map(|field| field.0).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }

    #[rstest]
    #[case::missing("spec.job.parallelism", json!({"spec": {"job": {}}}), Some(("/spec/job/parallelism", json!(1))))]
    #[case::null("spec.job.parallelism", json!({"spec": {"job": {"parallelism": null}}}), Some(("/spec/job/parallelism", json!(1))))]
    #[case::no_parent("spec.job.parallelism", json!({"spec": {}}), Some(("/spec/job", json!({"parallelism": 1}))))]
    #[case::nothing("spec.job.parallelism", json!({}), Some(("/spec", json!({"job": {"parallelism": 1}}))))]
    #[case::there("spec.job.parallelism", json!({"spec": {"job": {"parallelism": 0}}}), None)]
    #[case::in_its_way("spec.job.parallelism", json!({"spec": {"job": "odd"}}), None)]
    #[case::key("spec.flinkConfiguration[rest.port]", json!({"spec": {"flinkConfiguration": {"a": 1}}}), Some(("/spec/flinkConfiguration/rest.port", json!(1))))]
    #[case::nested_key("spec.flinkConfiguration[rest.port]", json!({"spec": {"flinkConfiguration": {"rest": {"port": 2}}}}), None)]
    #[case::flat_key("spec.flinkConfiguration.rest.port", json!({"spec": {"flinkConfiguration": {"rest.port": 2}}}), None)]
    #[case::template("spec.template.spec.flinkConfiguration[rest.port]", json!({"spec": {"template": {"spec": {"flinkConfiguration": {"rest": {"port": 2}}}}}}), None)]
    #[case::label("metadata.labels[a/b]", json!({"metadata": {}}), Some(("/metadata/labels", json!({"a/b": 1}))))]
    #[case::one_more_label("metadata.labels[a/b]", json!({"metadata": {"labels": {}}}), Some(("/metadata/labels/a~1b", json!(1))))]
    fn filling(#[case] path: &str, #[case] object: Value, #[case] expected: Option<(&str, Value)>) {
        let operation = Field::parse(path).unwrap().fill(&object, json!(1));
        let expected = expected.map(|(path, value)| Operation::Add {
            path: path.to_owned(),
            value,
        });
        assert_eq!(operation, expected);
    }
}
