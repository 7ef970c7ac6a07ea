//! From Rust types to the structural schema of a CRD.
//!
//! Kubernetes wants everything inline, no `$ref`, no `null` among the types. Beyond that the schema says no more than
//! the Java operator's does: no required fields, no defaults, no bounds and no formats, so that every object which a
//! user has stored is accepted again.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// Keywords that would refuse or change an object that the Java operator's CRDs accept.
const NARROWING: [&str; 8] = [
    "required",
    "default",
    "format",
    "nullable",
    "minimum",
    "maximum",
    "additionalItems",
    "title",
];

/// The structural schema of `T`.
#[must_use]
pub fn structural<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft07().with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    });
    simplify(settings.into_generator().into_root_schema_for::<T>().to_value())
}

fn simplify(schema: Value) -> Value {
    let Value::Object(mut members) = schema else {
        return schema;
    };
    unwrap_option(&mut members);
    let mut result = Map::new();
    for (key, value) in members {
        if NARROWING.contains(&key.as_str()) {
            continue;
        }
        let value = match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => Value::Object(
                properties
                    .into_iter()
                    .map(|(name, schema)| (name, simplify(schema)))
                    .collect(),
            ),
            ("items" | "additionalProperties", schema) => simplify(schema),
            ("type", Value::Array(types)) => types
                .into_iter()
                .find(|t| t != "null")
                .unwrap_or_else(|| Value::String("object".to_owned())),
            ("enum", Value::Array(values)) => Value::Array(values.into_iter().filter(|v| !v.is_null()).collect()),
            (_, value) => value,
        };
        result.insert(key, value);
    }
    Value::Object(result)
}

/// `Option<T>` is `anyOf: [T, null]` where `T` has no plain type: puts `T` in its place, keeping the description.
fn unwrap_option(members: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = members.remove("anyOf") else {
        return;
    };
    for choice in choices {
        if let Value::Object(inner) = choice
            && inner.get("type").is_none_or(|t| t != "null")
        {
            for (key, value) in inner {
                members.entry(key).or_insert(value);
            }
        }
    }
}
