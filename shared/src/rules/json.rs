//! An object as it is handed to the rules: a JSON value, or text that is read no further than somebody asks.

use std::cell::OnceCell;

use serde_json::Value;

use super::report::Violation;
use super::{Validate, shape};

/// An object in JSON.
#[derive(Debug)]
pub struct Json<'a>(Source<'a>);

#[derive(Debug)]
enum Source<'a> {
    Value(&'a Value),
    Text {
        text: &'a str,
        namespace: &'a str,
        /// The text as a value, which only a few ask for; null where it is no JSON.
        value: OnceCell<Value>,
    },
}

impl<'a> From<&'a Value> for Json<'a> {
    fn from(value: &'a Value) -> Self {
        Self(Source::Value(value))
    }
}

impl<'a> Json<'a> {
    /// The object of `text`, in `namespace` where it names none itself and this is not empty.
    #[must_use]
    pub fn text(text: &'a str, namespace: &'a str) -> Self {
        Self(Source::Text {
            text,
            namespace,
            value: OnceCell::new(),
        })
    }

    pub(super) fn value(&self) -> &Value {
        match &self.0 {
            Source::Value(value) => value,
            Source::Text { text, namespace, value } => value.get_or_init(|| read(text, namespace)),
        }
    }

    /// The object, and one violation for each part that does not fit the type and was left out; see [`shape::read`].
    pub(super) fn typed<K: Validate>(&self) -> (Option<K>, Vec<Violation>) {
        if let Source::Text { text, namespace, .. } = &self.0
            && let Ok(mut object) = serde_json::from_str::<K>(text)
        {
            if !namespace.is_empty() {
                let own = &mut object.meta_mut().namespace;
                own.get_or_insert_with(|| (*namespace).to_owned());
            }
            return (Some(object), Vec::new());
        }
        shape::read(self.value())
    }
}

fn read(text: &str, namespace: &str) -> Value {
    let mut object: Value = serde_json::from_str(text).unwrap_or_default();
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
        && !namespace.is_empty()
        && !metadata.contains_key("namespace")
    {
        metadata.insert("namespace".to_owned(), Value::from(namespace));
    }
    object
}
