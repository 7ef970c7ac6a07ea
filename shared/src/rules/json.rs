//! An object as it is handed to the rules: a JSON value, or text that is read no further than somebody asks.

use std::borrow::Cow;
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
        /// The text as a value, which only a few ask for, or why it is none.
        value: OnceCell<Result<Value, Violation>>,
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

    /// # Errors
    /// When the text cannot be read. What stands there is not known then, and nothing may be concluded from it.
    pub(super) fn value(&self) -> Result<&Value, Violation> {
        match &self.0 {
            Source::Value(value) => Ok(value),
            Source::Text { text, namespace, value } => {
                let value = value.get_or_init(|| read(text, namespace));
                value.as_ref().map_err(Violation::clone)
            }
        }
    }

    /// The object, and one violation for each part that does not fit the type and was left out; see [`shape::read`].
    ///
    /// # Errors
    /// When the text cannot be read.
    pub(super) fn typed<K: Validate>(&self) -> Result<(Option<K>, Vec<Violation>), Violation> {
        if let Source::Text { text, namespace, .. } = &self.0
            && let Ok(mut object) = serde_json::from_str::<K>(text)
        {
            if !namespace.is_empty() {
                let own = &mut object.meta_mut().namespace;
                own.get_or_insert_with(|| (*namespace).to_owned());
            }
            return Ok((Some(object), Vec::new()));
        }
        self.value().map(shape::read)
    }
}

fn read(text: &str, namespace: &str) -> Result<Value, Violation> {
    let mut object: Value = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut)
        && !namespace.is_empty()
        && !metadata.contains_key("namespace")
    {
        metadata.insert("namespace".to_owned(), Value::from(namespace));
    }
    Ok(object)
}

/// serde's own text may repeat a value, so only the place is told.
fn unreadable(error: &serde_json::Error) -> Violation {
    Violation {
        path: String::new(),
        code: Cow::Borrowed(shape::CODE),
        message: format!(
            "the object cannot be read as JSON (line {}, column {})",
            error.line(),
            error.column()
        ),
        fix: "write valid JSON or YAML, nested no deeper than 127 levels".to_owned(),
        value: None,
    }
}
