//! Objects that do not fit their type.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fields;
use super::report::{Findings, Report, Violation};
use super::table::{Cause, Check, Kind, Rule, Severity};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: CODE,
        kinds: &Kind::ALL,
        severity: Severity::Refuse(Cause::TypeInvalid),
        what: "Every field has the type that the CRD gives it",
        why: "A field of another type cannot be read",
        fix: FIX,
        since: "0.1",
        check: Check::Shape,
    },
    Rule {
        code: "field-unknown",
        kinds: &Kind::ALL,
        severity: Severity::Warn,
        what: "The spec has no other fields than those of the CRD",
        why: "The API server drops an unknown field: kubectl refuses it, and other clients lose it without a word",
        fix: "remove the field; `kubectl explain` shows those that there are",
        since: "0.1",
        check: Check::Shape,
    },
];

/// Warns of fields of `spec` that a `K` does not have.
pub(super) fn unknown_fields<K: DeserializeOwned>(value: &Value, report: &mut Report) {
    // What does not fit the type is the other rule's finding.
    let (_, found) = fields::read::<K>(value);
    let in_spec = |field: &fields::UnknownField| field.parent == "spec" || field.parent.starts_with("spec.");
    for field in found.into_iter().filter(in_spec).take(MOST_MISTAKES) {
        let message = format!("there is no field \"{}\"", field.name);
        let path = field.path();
        let mut findings = Findings::new(&RULES[1], report);
        match field.meant {
            Some(meant) => findings.add_with_fix(path, message, format!("write {meant} if that is meant")),
            None => findings.add(path, message),
        }
    }
}

pub(super) const CODE: &str = "field-type";
const FIX: &str = "write a value of the right type; `kubectl explain` shows the field";
/// Mistakes after which reading is given up.
const MOST_MISTAKES: usize = 32;

/// Reads `original`, leaving out what does not fit. Gives the object and one violation for each part left out; no object
/// where nothing remains to be read.
#[must_use]
pub fn read<K: DeserializeOwned>(original: &Value) -> (Option<K>, Vec<Violation>) {
    let mut violations = Vec::new();
    let mut pruned: Option<Value> = None;
    while violations.len() < MOST_MISTAKES {
        let value = pruned.as_ref().unwrap_or(original);
        // Most objects fit; keeping track of the path, which costs a text for every key, is for those that do not.
        if let Ok(object) = K::deserialize(value) {
            return (Some(object), violations);
        }
        let error = match serde_path_to_error::deserialize(value) {
            Ok(object) => return (Some(object), violations),
            Err(error) => error,
        };
        let path: Vec<Step> = error.path().iter().filter_map(Step::new).collect();
        violations.push(violation(&path, &error.inner().to_string()));
        let place = pruned.get_or_insert_with(|| original.clone());
        if !remove(place, &path) {
            break;
        }
    }
    (None, violations)
}

/// One step of a path into JSON.
#[derive(Debug)]
enum Step {
    Member(String),
    Element(usize),
}

impl Step {
    fn new(segment: &serde_path_to_error::Segment) -> Option<Self> {
        use serde_path_to_error::Segment;
        match segment {
            Segment::Map { key } => Some(Self::Member(key.clone())),
            Segment::Seq { index } => Some(Self::Element(*index)),
            Segment::Enum { .. } | Segment::Unknown => None,
        }
    }
}

fn violation(path: &[Step], problem: &str) -> Violation {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Member(name) if text.is_empty() => text.push_str(name),
            Step::Member(name) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Element(index) => {
                let _ = write!(text, "[{index}]");
            }
        }
    }
    Violation {
        path: text,
        code: Cow::Borrowed(CODE),
        message: explain(problem),
        fix: FIX.to_owned(),
        value: None,
    }
}

/// Puts serde's words into the user's.
fn explain(problem: &str) -> String {
    if let Some((found, allowed)) = problem
        .strip_prefix("unknown variant ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        let allowed = allowed.strip_prefix("one of ").unwrap_or(allowed);
        return format!("{} is none of {}", found.replace('`', "\""), allowed.replace('`', ""));
    }
    let parts = problem
        .strip_prefix("invalid type: ")
        .or_else(|| problem.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "));
    let Some((found, expected)) = parts else {
        return problem.to_owned();
    };
    let is_number = matches!(expected, "i32" | "i64" | "u64" | "f64");
    let expected = match expected {
        "i32" => "a whole number up to 2147483647",
        "i64" | "u64" => "a whole number",
        "f64" => "a number",
        "a string" => "text",
        "a sequence" => "a list",
        "a boolean" => "true or false",
        other if other.starts_with("struct ") => "a map of fields",
        other => other,
    };
    // Where text belongs, as the value of an environment variable, a secret may stand; where a number belongs, none does.
    let found = if is_number {
        found.replace('`', "")
    } else {
        type_of(found).to_owned()
    };
    format!("{found} stands where {expected} belongs")
}

/// What serde found, without its value.
fn type_of(found: &str) -> &'static str {
    let types = [
        ("string", "text"),
        ("integer", "a number"),
        ("floating point", "a number"),
        ("boolean", "true or false"),
        ("unit value", "null"),
        ("null", "null"),
        ("sequence", "a list"),
        ("map", "a map"),
    ];
    let known = types.into_iter().find(|(name, _)| found.starts_with(name));
    known.map_or("something else", |(_, words)| words)
}

/// Takes the part at `path` out of `value`. A list goes as a whole: without one element the positions of the others
/// would no longer be those that the user sees.
fn remove(value: &mut Value, path: &[Step]) -> bool {
    let element = path.iter().position(|step| matches!(step, Step::Element(_)));
    let Some((Step::Member(last), way)) = path[..element.unwrap_or(path.len())].split_last() else {
        return false;
    };
    let mut place = value;
    for step in way {
        let Step::Member(name) = step else { return false };
        let Some(next) = place.get_mut(name) else {
            return false;
        };
        place = next;
    }
    place
        .as_object_mut()
        .is_some_and(|members| members.remove(last).is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::api::FlinkDeployment;

    #[rstest]
    #[case(json!({"spec": {"job": {"parallelism": "four"}}}), "spec.job.parallelism", "string \"four\" stands where a whole number up to 2147483647 belongs")]
    #[case(json!({"spec": {"job": {"parallelism": 3_000_000_000_u64}}}), "spec.job.parallelism", "integer 3000000000 stands where a whole number up to 2147483647 belongs")]
    #[case(json!({"spec": {"job": {"args": ["a", 5]}}}), "spec.job.args[1]", "a number stands where text belongs")]
    #[case(json!({"spec": {"image": 12_345_678}}), "spec.image", "a number stands where text belongs")]
    #[case(json!({"spec": {"serviceAccount": true}}), "spec.serviceAccount", "true or false stands where text belongs")]
    #[case(json!({"spec": {"podTemplate": {}, "job": {"args": "hunter2"}}}), "spec.job.args", "text stands where a list belongs")]
    #[case(json!({"spec": {"job": "x"}}), "spec.job", "text stands where a map of fields belongs")]
    #[case(json!({"spec": {"taskManager": {"resources": {"limits": {"cpu": true}}}}}), "spec.taskManager.resources.limits.cpu", "a quantity is a string or an integer, not true")]
    #[case(json!({"spec": {"job": {"upgradeMode": "stateful"}}}), "spec.job.upgradeMode", "\"stateful\" is none of savepoint, last-state, stateless")]
    fn names_the_field(#[case] object: Value, #[case] path: &str, #[case] message: &str) {
        let (object, violations) = read::<FlinkDeployment>(&object);
        assert!(object.is_some());
        assert_eq!(violations.len(), 1, "{violations:?}");
        assert_eq!(
            (violations[0].path.as_str(), violations[0].message.as_str()),
            (path, message)
        );
    }

    #[test]
    fn finds_all_and_keeps_the_rest() {
        let (object, violations) = read::<FlinkDeployment>(&json!({
            "metadata": { "name": "a" },
            "spec": { "image": "x", "restartNonce": "1", "job": { "args": "no list", "jarURI": "local:///a.jar" }, "mode": 5 },
        }));
        let object = object.unwrap();
        assert_eq!(violations.len(), 3, "{violations:?}");
        assert_eq!(object.spec.image.as_deref(), Some("x"));
        assert_eq!(object.spec.job.unwrap().jar_uri.as_deref(), Some("local:///a.jar"));
    }

    #[test]
    fn a_text_is_no_object() {
        let (object, violations) = read::<FlinkDeployment>(&json!("text"));
        assert!(object.is_none());
        assert_eq!(violations.len(), 1);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z]{0,6}".prop_map(Value::from)
        ];
        let names = prop_oneof![
            Just("spec"),
            Just("job"),
            Just("args"),
            Just("metadata"),
            Just("name"),
            Just("status"),
            Just("jobManager"),
            Just("resources"),
            Just("limits"),
            Just("parallelism"),
            Just("ingress")
        ];
        leaf.prop_recursive(5, 48, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..6)
                    .prop_map(|m| Value::Object(m.into_iter().collect()))
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_anything_without_panic(value in any_json()) {
            let (object, violations) = read::<FlinkDeployment>(&value);
            prop_assert!(object.is_some() || !violations.is_empty());
        }
    }
}
