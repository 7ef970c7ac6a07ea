//! Between JSON and CEL, and what an expression is told.

use std::collections::{BTreeMap, HashMap};

use cel::common::types::{CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString};
use cel::common::value::Val;
use cel::{Context, Value as CelValue};
use serde_json::Value;
use sluice_shared::api::FlinkVersion;
use sluice_shared::config::FlinkConfig;
use sluice_shared::extension::{Operation, Question, User};

use crate::scan::{Used, Uses};
use crate::typed;

type Boxed<'v> = Box<dyn Val + 'v>;

/// What the expressions of a policy are told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inputs<'a> {
    /// The object.
    pub object: &'a Value,
    /// The one that it takes the place of.
    pub old: Option<&'a Value>,
    /// What the object's configuration amounts to.
    pub config: &'a FlinkConfig,
    /// Labels of its namespace.
    pub labels: Option<&'a BTreeMap<String, String>>,
    /// Who asks.
    pub user: Option<&'a User>,
    /// What is done.
    pub operation: Option<Operation>,
}

impl<'a> Inputs<'a> {
    pub(crate) fn new(question: &Question<'a>) -> Self {
        Self {
            object: question.object,
            old: question.old,
            config: question.config,
            labels: question.namespace_labels,
            user: question.request.user,
            operation: question.request.operation,
        }
    }

    /// Puts what `uses` names into `context`, and no more of it than is used: most rules look at a field or two.
    pub(crate) fn bind(&self, uses: &Uses, context: &mut Context<'_, 'a>) {
        for (variable, used) in uses {
            let value: Boxed<'a> = match variable.as_str() {
                "object" => from_json(self.object, used),
                "oldObject" => self.old.map_or_else(null, |old| from_json(old, used)),
                "config" => config(self.config, used, typed::version(self.object)),
                "namespaceLabels" => map(self
                    .labels
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.as_str(), text(value)))),
                "user" => self.user.map_or_else(null, user),
                "operation" => self.operation.map_or_else(null, |operation| text(operation.as_str())),
                _ => continue,
            };
            context.add_variable_as_val(variable.as_str(), value);
        }
    }
}

fn null<'v>() -> Boxed<'v> {
    Box::new(CelNull)
}

fn text(text: &str) -> Boxed<'_> {
    Box::new(CelString::from(text))
}

fn map<'v>(entries: impl Iterator<Item = (&'v str, Boxed<'v>)>) -> Boxed<'v> {
    let entries: HashMap<CelMapKey<'v>, Boxed<'v>> =
        entries.map(|(name, value)| (CelMapKey::from(name), value)).collect();
    Box::new(CelMap::from(entries))
}

fn user(user: &User) -> Boxed<'_> {
    let groups: Vec<Boxed<'_>> = user.groups.iter().map(|group| text(group)).collect();
    map([
        ("name", text(&user.name)),
        ("groups", Box::new(CelList::from(groups)) as Boxed<'_>),
    ]
    .into_iter())
}

/// `value`, or what `used` names of it. A member that is null counts as absent, as it does for the API server.
fn from_json<'v>(value: &'v Value, used: &Used) -> Boxed<'v> {
    match value {
        Value::Object(members) if !used.whole => map(used
            .members
            .iter()
            .filter_map(|(name, used)| Some((members.get_key_value(name)?, used)))
            .filter(|((_, value), _)| !value.is_null())
            .map(|((name, value), used)| (name.as_str(), from_json(value, used)))),
        Value::Object(members) => map(members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.as_str(), from_json(value, used)))),
        Value::Array(elements) => {
            let whole = Used {
                whole: true,
                ..Used::default()
            };
            let elements: Vec<Boxed<'v>> = elements.iter().map(|element| from_json(element, &whole)).collect();
            Box::new(CelList::from(elements))
        }
        Value::Null => null(),
        Value::Bool(boolean) => Box::new(CelBool::from(*boolean)),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Box::new(CelInt::from(integer)),
            None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::INFINITY))),
        },
        Value::String(string) => text(string),
    }
}

/// Keys with their values by type. Values of keys that look secret are hidden. A key that is asked for by name is there
/// with its default where it is not set; whoever looks at all keys sees those that are set.
fn config<'v>(config: &'v FlinkConfig, used: &Used, version: FlinkVersion) -> Boxed<'v> {
    if used.whole {
        return map(config
            .iter()
            .map(|(key, written)| (key, typed::value(key, written, version))));
    }
    let asked: HashMap<CelMapKey<'v>, Boxed<'v>> = used
        .members
        .keys()
        .filter_map(|key| Some((CelMapKey::from(key.clone()), typed::effective(config, key, version)?)))
        .collect();
    Box::new(CelMap::from(asked))
}

/// `value` as JSON.
///
/// # Errors
/// When it has no form in JSON.
pub(crate) fn to_json(value: &CelValue) -> Result<Value, String> {
    Ok(match value {
        CelValue::Null => Value::Null,
        CelValue::Bool(boolean) => Value::from(*boolean),
        CelValue::Int(integer) => Value::from(*integer),
        CelValue::UInt(integer) => Value::from(*integer),
        // A whole number is written as one: fields of the API are whole numbers more often than not.
        CelValue::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            #[allow(clippy::cast_possible_truncation)] // it is whole and below 2^53
            Value::from(*number as i64)
        }
        CelValue::Float(number) => serde_json::Number::from_f64(*number)
            .map(Value::Number)
            .ok_or("it is no number that JSON has")?,
        CelValue::String(string) => Value::from(string.as_str()),
        CelValue::Duration(duration) => Value::from(format!("{} ms", duration.num_milliseconds())),
        CelValue::List(elements) => Value::Array(elements.iter().map(to_json).collect::<Result<_, _>>()?),
        CelValue::Map(map) => Value::Object(
            map.map
                .iter()
                .map(|(key, value)| Ok((key.to_string(), to_json(value)?)))
                .collect::<Result<_, String>>()?,
        ),
        _ => return Err("it has to be a text, a number, a boolean, a duration, a list or a map".to_owned()),
    })
}
