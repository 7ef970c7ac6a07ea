//! Whatever a policy and an object hold, there is an answer.

use crate::common::{Asked, policy};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_policies::Expression;
use sluice_shared::defaults::apply;
use sluice_shared::extension::Extension;

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "[a-z.]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        let name = prop_oneof![
            Just("spec".to_owned()),
            Just("metadata".to_owned()),
            Just("job".to_owned()),
            Just("labels".to_owned()),
            Just("flinkConfiguration".to_owned()),
            Just("parallelism".to_owned()),
            "[a-z]{1,4}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6).prop_map(|members| json!(members)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_object_gets_an_answer_and_defaults_are_idempotent(object in any_json()) {
        let spec = json!({
            "rules": [
                { "name": "a", "expression": "object.spec.job.parallelism > 1 && size(object) > 0" },
                { "name": "b", "expression": "object.spec.all(k, k != object.metadata.name)",
                  "messageExpression": "'%s'.format([object.spec])" },
            ],
            "defaults": [
                { "path": "spec.job.parallelism", "expression": "3" },
                { "path": "metadata.labels.a", "expression": "1.5" },
                { "path": "spec.flinkConfiguration[a.b]", "expression": "['x']" },
            ],
        });
        let policy = policy(&spec);
        let asked = Asked::new(object);
        let _ = asked.validate(&policy);
        if let Ok(patch) = policy.mutate(&asked.question()) {
            let mut object = asked.object.clone();
            apply(&patch, &mut object).unwrap();
            let again = Asked::new(object);
            prop_assert_eq!(policy.mutate(&again.question()).unwrap(), vec![]);
        }
    }

    #[test]
    fn any_text_compiles_or_says_why(text in "[a-z0-9.()\\[\\]{}'\" +*/%<>=!&|?:,\\\\é\n-]{0,60}") {
        if let Err(mistakes) = Expression::compile(&text) {
            prop_assert!(!mistakes.is_empty());
        }
    }
}
