use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

#[rstest]
#[case::deep(
    json!({ "spec": { "a": 1, "b": { "c": 1 } } }),
    json!({ "spec": { "a": 2, "b": { "d": 2 } } }),
    ArrayMerge::ByIndex,
    json!({ "spec": { "a": 2, "b": { "c": 1, "d": 2 } } })
)]
#[case::by_index(
    json!({ "a": [{ "name": "x", "p": 1 }, { "name": "y" }] }),
    json!({ "a": [{ "name": "z", "q": 2 }, {}, { "name": "w" }] }),
    ArrayMerge::ByIndex,
    json!({ "a": [{ "name": "z", "p": 1, "q": 2 }, { "name": "y" }, { "name": "w" }] })
)]
#[case::by_name(
    json!({ "a": [{ "name": "x", "p": 1 }, { "name": "y" }] }),
    json!({ "a": [{ "name": "z" }, { "name": "x", "q": 2 }] }),
    ArrayMerge::ByName,
    json!({ "a": [{ "name": "x", "p": 1, "q": 2 }, { "name": "y" }, { "name": "z" }] })
)]
#[case::by_name_with_an_element_that_has_none(
    json!({ "a": [{ "name": "x" }, { "p": 1 }] }),
    json!({ "a": [{ "name": "z" }] }),
    ArrayMerge::ByName,
    json!({ "a": [{ "name": "z" }, { "p": 1 }] })
)]
#[case::arrays_in_arrays_by_name(
    json!({ "c": [{ "name": "m", "env": [{ "name": "A", "value": "1" }] }] }),
    json!({ "c": [{ "name": "m", "env": [{ "name": "B", "value": "2" }, { "name": "A", "value": "3" }] }] }),
    ArrayMerge::ByName,
    json!({ "c": [{ "name": "m", "env": [{ "name": "A", "value": "3" }, { "name": "B", "value": "2" }] }] })
)]
#[case::words_stay(
    json!({ "args": ["a", "b"] }),
    json!({ "args": ["c", "d", "e"] }),
    ArrayMerge::ByIndex,
    json!({ "args": ["a", "b", "e"] })
)]
#[case::null_says_nothing(
    json!({ "a": { "b": 1 } }),
    json!({ "a": null, "c": null }),
    ArrayMerge::ByIndex,
    json!({ "a": { "b": 1 } })
)]
#[case::another_kind_of_value_wins(
    json!({ "a": "x", "b": [1] }),
    json!({ "a": { "c": 1 }, "b": "y" }),
    ArrayMerge::ByIndex,
    json!({ "a": { "c": 1 }, "b": "y" })
)]
fn merges(#[case] common: Value, #[case] specific: Value, #[case] arrays: ArrayMerge, #[case] expected: Value) {
    assert_eq!(merge(Some(&common), Some(&specific), arrays), Some(expected));
}

#[test]
fn one_template_alone_is_taken_as_it_is() {
    let template = json!({ "spec": { "containers": [] } });
    assert_eq!(
        merge(Some(&template), None, ArrayMerge::ByIndex),
        Some(template.clone())
    );
    assert_eq!(merge(None, Some(&template), ArrayMerge::ByName), Some(template));
    assert_eq!(merge(None, None, ArrayMerge::ByIndex), None);
    assert_eq!(merge(Some(&Value::Null), None, ArrayMerge::ByIndex), None);
}

#[test]
fn the_probe_goes_onto_the_main_container() {
    let mut template = None;
    add_startup_probe(&mut template);
    let probe = json!({ "failureThreshold": 2_147_483_647, "httpGet": { "path": "/config", "port": "rest" }, "periodSeconds": 1 });
    let expected = json!({ "spec": { "containers": [{ "name": "flink-main-container", "startupProbe": probe }] } });
    assert_eq!(template, Some(expected));

    let own = json!({ "spec": { "containers": [{ "name": "a" }, { "name": "flink-main-container", "startupProbe": { "x": 1 } }] } });
    let mut template = Some(own.clone());
    add_startup_probe(&mut template);
    assert_eq!(template, Some(own));
}

#[rstest]
#[case::nothing(json!({}), json!({ "cpu": 1.0, "memory": "1g" }), None)]
#[case::ephemeral_storage(
    json!({}),
    json!({ "ephemeralStorage": "2Gi" }),
    Some(json!({ "limits": { "ephemeral-storage": "2Gi" }, "requests": { "ephemeral-storage": "2Gi" } }))
)]
#[case::devices(
    json!({ "requests": { "cpu": "1", "memory": "1Gi" }, "limits": { "nvidia.com/gpu": 1 } }),
    json!({ "ephemeralStorage": "2Gi" }),
    Some(json!({ "limits": { "nvidia.com/gpu": "1" } }))
)]
#[case::only_cpu_and_memory(json!({ "limits": { "cpu": 1 } }), json!({ "ephemeralStorage": "2Gi" }), None)]
fn resources_that_flink_does_not_know(
    #[case] resources: Value,
    #[case] resource: Value,
    #[case] expected: Option<Value>,
) {
    let resources: ResourceRequirements = serde_json::from_value(resources).unwrap();
    let resource: Resource = serde_json::from_value(resource).unwrap();
    let mut template = None;
    apply_resources(&mut template, Some(&resources), Some(&resource));
    let container = template.map(|t| t["spec"]["containers"][0].clone());
    assert_eq!(container.map(|c| c["resources"].clone()), expected);
}

fn template() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof!["[a-c]{1,2}".prop_map(Value::from), (0..3).prop_map(Value::from)];
    let inner = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::btree_map("[a-d]", inner.clone(), 0..4)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-c]", inner, 0..3).prop_map(|named| {
                let elements = named
                    .into_iter()
                    .map(|(name, value)| json!({ "name": name, "value": value }));
                Value::from(elements.collect::<Vec<_>>())
            }),
        ]
    });
    prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|m| Value::Object(m.into_iter().collect()))
}

fn arrays() -> impl Strategy<Value = ArrayMerge> {
    prop_oneof![Just(ArrayMerge::ByIndex), Just(ArrayMerge::ByName)]
}

/// Every path of objects that leads to a text or number.
fn leaves(value: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(k, v)| leaves(v, &format!("{path}/{k}"), found)),
        Value::Array(_) => {}
        leaf => found.push((path.to_owned(), leaf.clone())),
    }
}

proptest! {
    #[test]
    fn merging_a_template_with_itself_changes_nothing(template in template(), arrays in arrays()) {
        prop_assert_eq!(merge(Some(&template), Some(&template), arrays), Some(template));
    }

    #[test]
    fn an_empty_template_changes_nothing(template in template(), arrays in arrays()) {
        prop_assert_eq!(merge(Some(&template), Some(&json!({})), arrays), Some(template.clone()));
        prop_assert_eq!(merge(Some(&json!({})), Some(&template), arrays), Some(template));
    }

    #[test]
    fn merging_again_changes_nothing(common in template(), specific in template()) {
        // By position: elements that were appended are found where they are. (By name a name may have come in between.)
        let once = merge(Some(&common), Some(&specific), ArrayMerge::ByIndex);
        prop_assert_eq!(merge(once.as_ref(), Some(&specific), ArrayMerge::ByIndex), once);
    }

    #[test]
    fn no_member_of_either_is_lost(common in template(), specific in template(), arrays in arrays()) {
        let merged = merge(Some(&common), Some(&specific), arrays).unwrap();
        for name in common.as_object().unwrap().keys().chain(specific.as_object().unwrap().keys()) {
            prop_assert!(merged.get(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_specific_template_wins_unless_it_puts_a_leaf_over_an_object(common in template(), specific in template(), arrays in arrays()) {
        let merged = merge(Some(&common), Some(&specific), arrays).unwrap();
        let mut wanted = Vec::new();
        leaves(&specific, "", &mut wanted);
        for (path, leaf) in wanted {
            let before = common.pointer(&path);
            if !before.is_some_and(Value::is_object) {
                prop_assert_eq!(merged.pointer(&path), Some(&leaf), "{}", path);
            }
        }
    }
}
