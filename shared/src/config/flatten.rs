//! `flinkConfiguration` as written to Flink's flat form.

use std::collections::BTreeMap;

use serde_json::Value;

/// What was written is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlattenError {
    /// The whole is a text, a number or a list.
    #[error("the configuration must be a map of keys to values, not {found}")]
    NotAMap {
        /// What it is instead.
        found: &'static str,
    },
    /// A list holds something that has no text form in Flink.
    #[error("{key}: element {index} of the list is {found}; write the elements as text or as flat maps")]
    ListElement {
        /// Flat key of the list.
        key: String,
        /// Position, from 0.
        index: usize,
        /// What the element is.
        found: &'static str,
    },
}

impl FlattenError {
    /// The flat key that is wrong; `None` where the whole is.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::NotAMap { .. } => None,
            Self::ListElement { key, .. } => Some(key),
        }
    }
}

/// Flattens `configuration`: nested keys are joined by `.`, lists by `;`, an empty list adds no key, everything else
/// becomes its text (`null` becomes `"null"`), as the Java operator's `ConfigObjectNode` does. Beyond that, a flat map
/// within a list takes Flink's text form for maps, `k:v,k:v`, where the Java operator would write nothing.
///
/// A key may be written in several ways, flat, nested or in between. Then the flattest spelling wins: members are
/// taken in the order of their names, as the API server hands them out, and the last one stays.
///
/// # Errors
/// When `configuration` is neither a map nor null, or a list holds lists or deep maps.
pub fn flatten(configuration: &Value) -> Result<BTreeMap<String, String>, FlattenError> {
    let mut flat = BTreeMap::new();
    match configuration {
        Value::Null => {}
        Value::Object(_) => add("", configuration, &mut flat)?,
        other => {
            return Err(FlattenError::NotAMap { found: describe(other) });
        }
    }
    Ok(flat)
}

fn add(key: &str, value: &Value, flat: &mut BTreeMap<String, String>) -> Result<(), FlattenError> {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if key.is_empty() {
                    add(name, member, flat)?;
                } else {
                    add(&format!("{key}.{name}"), member, flat)?;
                }
            }
        }
        Value::Array(elements) if elements.is_empty() => {}
        Value::Array(elements) => {
            let texts = elements
                .iter()
                .enumerate()
                .map(|(index, element)| {
                    element_text(element).ok_or_else(|| FlattenError::ListElement {
                        key: key.to_owned(),
                        index,
                        found: describe(element),
                    })
                })
                .collect::<Result<Vec<_>, _>>()?;
            flat.insert(key.to_owned(), texts.join(";"));
        }
        scalar => {
            flat.insert(key.to_owned(), scalar_text(scalar).unwrap_or_default());
        }
    }
    Ok(())
}

fn element_text(element: &Value) -> Option<String> {
    match element {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| {
                Some(format!(
                    "{}:{}",
                    super::structured::quote(key, &[':', ',']),
                    super::structured::quote(&scalar_text(value)?, &[':', ','])
                ))
            })
            .collect::<Option<Vec<_>>>()
            .map(|pairs| pairs.join(",")),
        other => scalar_text(other),
    }
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("null".to_owned()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a nested map",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::nothing(json!(null), &[])]
    #[case::flat(json!({"taskmanager.numberOfTaskSlots": "2"}), &[("taskmanager.numberOfTaskSlots", "2")])]
    #[case::nested(json!({"state": {"savepoints": {"dir": "s3://b"}}}), &[("state.savepoints.dir", "s3://b")])]
    #[case::half_nested(json!({"state": {"savepoints.dir": "s3://b"}}), &[("state.savepoints.dir", "s3://b")])]
    #[case::scalars(json!({"a": true, "b": 1, "c": 0.5, "d": null}), &[("a", "true"), ("b", "1"), ("c", "0.5"), ("d", "null")])]
    #[case::list(json!({"a": {"b": ["x", 1, true]}}), &[("a.b", "x;1;true")])]
    #[case::empty_list(json!({"a": []}), &[])]
    #[case::empty_map(json!({"a": {}}), &[])]
    #[case::list_of_maps(json!({"tolerations": [{"key": "a:b", "operator": "Exists"}, {"key": "c"}]}), &[("tolerations", "key:'a:b',operator:Exists;key:c")])]
    #[case::flat_spelling_wins(json!({"a.b": "flat", "a": {"b": "nested"}}), &[("a.b", "flat")])]
    #[case::flattest_spelling_wins(json!({"a.b": {"c": "1"}, "a": {"b.c": "2", "b": {"c": "3"}}}), &[("a.b.c", "1")])]
    #[case::value_and_prefix(json!({"high-availability": "kubernetes", "high-availability.storageDir": "s3://b"}), &[("high-availability", "kubernetes"), ("high-availability.storageDir", "s3://b")])]
    fn flattens(#[case] written: Value, #[case] flat: &[(&str, &str)]) {
        let expected: BTreeMap<_, _> = flat.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(flatten(&written), Ok(expected));
    }

    #[rstest]
    #[case(json!("text"), None, "the configuration must be a map of keys to values, not a text")]
    #[case(json!([1]), None, "the configuration must be a map of keys to values, not a list")]
    #[case(json!({"a": {"b": ["x", ["y"]]}}), Some("a.b"), "a.b: element 1 of the list is a list; write the elements as text or as flat maps")]
    #[case(json!({"a": [{"b": {"c": 1}}]}), Some("a"), "a: element 0 of the list is a nested map; write the elements as text or as flat maps")]
    fn refuses(#[case] written: Value, #[case] key: Option<&str>, #[case] message: &str) {
        let error = flatten(&written).unwrap_err();
        assert_eq!(error.key(), key);
        assert_eq!(error.to_string(), message);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z.:; ]{0,8}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z.]{1,6}", inner, 0..4)
                    .prop_map(|m| Value::Object(m.into_iter().collect()))
            ]
        })
    }

    proptest! {
        #[test]
        fn flattening_the_flat_form_changes_nothing(written in any_value()) {
            if let Ok(flat) = flatten(&written) {
                let again = Value::Object(flat.iter().map(|(k, v)| (k.clone(), Value::from(v.clone()))).collect());
                prop_assert_eq!(flatten(&again), Ok(flat));
            }
        }

        #[test]
        fn nesting_does_not_matter(keys in prop::collection::btree_set("[a-z]{1,3}(\\.[a-z]{1,3}){0,3}", 0..6)) {
            // Keys of which none is a prefix of another, so that they can be nested at all.
            let keys: Vec<_> = keys.iter().filter(|k| !keys.iter().any(|o| o.starts_with(&format!("{k}.")))).collect();
            let mut nested = serde_json::json!({});
            for key in &keys {
                let mut place = &mut nested;
                for part in key.split('.') {
                    place = &mut place[part];
                }
                *place = Value::from(key.as_str());
            }
            let flat: BTreeMap<_, _> = keys.iter().map(|k| ((*k).clone(), (*k).clone())).collect();
            prop_assert_eq!(flatten(&nested), Ok(flat));
        }
    }
}
