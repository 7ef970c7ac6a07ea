//! Fields that a type does not have.
//!
//! A derived `Deserialize` tells its deserializer which fields the type has, and passes over all others. This
//! deserializer listens: it reads like `serde_json`'s own and writes down what is passed over. So nothing has to know
//! the schema of a pod but the type itself.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Map, Value};

use crate::nearest::nearest;

/// A field that the type does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownField {
    /// Path of the map that it stands in; empty for the value itself.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// The field that may have been meant.
    pub meant: Option<&'static str>,
}

impl UnknownField {
    /// Path of the field.
    #[must_use]
    pub fn path(&self) -> String {
        if self.parent.is_empty() {
            self.name.clone()
        } else {
            format!("{}.{}", self.parent, self.name)
        }
    }
}

/// Reads `value`; beside what comes of that, the fields that a `T` does not have, up to the first part that does not
/// fit the type.
pub fn read<'de, T: Deserialize<'de>>(value: &'de Value) -> (Result<T, serde_json::Error>, Vec<UnknownField>) {
    let found = RefCell::new(Vec::new());
    let walker = Walker {
        value,
        path: &Path::Root,
        found: &found,
    };
    let read = T::deserialize(walker);
    (read, found.into_inner())
}

/// Where the walk stands.
enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'p str),
    Element(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(Path::Root, name) => f.write_str(name),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
            Self::Element(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

struct Walker<'de, 'p> {
    value: &'de Value,
    path: &'p Path<'p>,
    found: &'p RefCell<Vec<UnknownField>>,
}

impl<'de, 'p> Walker<'de, 'p> {
    fn members(&self, members: &'de Map<String, Value>) -> Members<'de, 'p> {
        Members {
            rest: members.iter(),
            value: None,
            path: self.path,
            found: self.found,
        }
    }
}

impl<'de> Deserializer<'de> for Walker<'de, '_> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.value.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        if self.value.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.value {
            Value::Array(elements) => visitor.visit_seq(Elements {
                rest: elements.iter().enumerate(),
                path: self.path,
                found: self.found,
            }),
            other => other.deserialize_seq(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        match self.value {
            Value::Object(members) => visitor.visit_map(self.members(members)),
            other => other.deserialize_map(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let Value::Object(members) = self.value else {
            return self.value.deserialize_struct(name, fields, visitor);
        };
        for name in members.keys().filter(|name| !fields.contains(&name.as_str())) {
            self.found.borrow_mut().push(UnknownField {
                parent: self.path.to_string(),
                name: name.clone(),
                meant: nearest(name, fields.iter().copied()),
            });
        }
        visitor.visit_map(self.members(members))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.value.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

struct Elements<'de, 'p> {
    rest: std::iter::Enumerate<std::slice::Iter<'de, Value>>,
    path: &'p Path<'p>,
    found: &'p RefCell<Vec<UnknownField>>,
}

impl<'de> SeqAccess<'de> for Elements<'de, '_> {
    type Error = serde_json::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Self::Error> {
        let Some((index, value)) = self.rest.next() else {
            return Ok(None);
        };
        let path = Path::Element(self.path, index);
        seed.deserialize(Walker {
            value,
            path: &path,
            found: self.found,
        })
        .map(Some)
    }
}

struct Members<'de, 'p> {
    rest: serde_json::map::Iter<'de>,
    value: Option<(&'de str, &'de Value)>,
    path: &'p Path<'p>,
    found: &'p RefCell<Vec<UnknownField>>,
}

impl<'de> MapAccess<'de> for Members<'de, '_> {
    type Error = serde_json::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Self::Error> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some((name, value));
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Self::Error> {
        let Some((name, value)) = self.value.take() else {
            return Err(serde::de::Error::custom("a value is asked for before its key"));
        };
        let path = Path::Member(self.path, name);
        seed.deserialize(Walker {
            value,
            path: &path,
            found: self.found,
        })
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::PodSpec;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::api::FlinkDeployment;

    #[rstest]
    #[case(json!({ "containers": [{ "name": "a", "image": "b" }], "nodeSelector": { "any": "thing" } }), &[])]
    #[case(json!({ "container": [], "volumes": null }), &[("container", Some("containers"))])]
    #[case(
        json!({ "containers": [{ "name": "a" }, { "name": "b", "volumeMount": [{ "x": 1 }], "evn": [] }] }),
        &[("containers[1].evn", Some("env")), ("containers[1].volumeMount", Some("volumeMounts"))]
    )]
    #[case(
        json!({ "affinity": { "podAntiAffinity": { "preferredDuringScheduling": [] } } }),
        &[("affinity.podAntiAffinity.preferredDuringScheduling", None)]
    )]
    #[case(json!({ "volumes": [{ "name": "a", "emptyDir": { "sizeLimits": 1 } }] }), &[("volumes[0].emptyDir.sizeLimits", Some("sizeLimit"))])]
    #[case(json!("text"), &[])]
    fn of_a_pod(#[case] value: Value, #[case] expected: &[(&str, Option<&str>)]) {
        let (_, found) = read::<PodSpec>(&value);
        let found: Vec<(String, Option<&str>)> = found.iter().map(|field| (field.path(), field.meant)).collect();
        let expected: Vec<(String, Option<&str>)> = expected
            .iter()
            .map(|(path, meant)| ((*path).to_owned(), *meant))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn it_reads_what_serde_json_reads() {
        let value = json!({
            "metadata": { "name": "a", "labels": { "x": "y" }, "creationTimestamp": "2024-01-01T00:00:00Z" },
            "spec": {
                "job": { "parallelism": 2, "upgradeMode": "last-state", "args": ["a"] },
                "flinkConfiguration": { "a": { "b": [1] } },
                "podTemplate": { "anything": { "goes": true } },
                "taskManager": { "resources": { "limits": { "cpu": 1, "memory": "1g" } }, "resource": { "cpu": 1 } },
            },
        });
        let (read, found) = read::<FlinkDeployment>(&value);
        assert_eq!(
            read.unwrap(),
            serde_json::from_value::<FlinkDeployment>(value.clone()).unwrap()
        );
        assert_eq!(found, []);
    }
}
