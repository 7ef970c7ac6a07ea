//! Options with a type, other spellings and a default.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::time::Duration;

use super::secrets::is_sensitive_key;
use super::structured::{split, split_map};
use super::{FlinkConfig, MemorySize, parse_duration};

/// An option: its canonical key, older spellings that still work, and its default as text.
#[derive(Debug)]
pub struct ConfigOption<T> {
    /// The canonical key.
    pub key: &'static str,
    /// Deprecated keys and fall-backs, in the order in which they are tried.
    pub aliases: &'static [&'static str],
    /// The default, in the grammar of the option's type.
    pub default: Option<&'static str>,
    value: PhantomData<fn() -> T>,
}

impl<T> ConfigOption<T> {
    /// An option.
    #[must_use]
    pub const fn new(key: &'static str, aliases: &'static [&'static str], default: Option<&'static str>) -> Self {
        Self {
            key,
            aliases,
            default,
            value: PhantomData,
        }
    }

    /// The canonical key, then the aliases.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> + use<T> {
        std::iter::once(self.key).chain(self.aliases.iter().copied())
    }
}

impl<T: OptionValue> ConfigOption<T> {
    /// The default.
    ///
    /// # Errors
    /// When there is none.
    pub fn default_value(&self) -> Result<T, ConfigError> {
        let text = self.default.ok_or(ConfigError::NotSet { key: self.key })?;
        T::parse(text).map_err(|problem| ConfigError::new::<T>(self.key, problem))
    }
}

/// An option cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The text is not of the option's type.
    #[error("{key}: {problem}")]
    Value {
        /// The key as the user spelt it.
        key: String,
        /// What is wrong, without the value where the key is sensitive.
        problem: String,
    },
    /// A value is needed, and there is neither one nor a default.
    #[error("{key} is not set")]
    NotSet {
        /// The canonical key.
        key: &'static str,
    },
}

impl ConfigError {
    pub(super) fn new<T: OptionValue>(key: &str, problem: String) -> Self {
        let problem = if is_sensitive_key(key) {
            format!("the value (hidden) is no {}", T::KIND)
        } else {
            problem
        };
        Self::Value {
            key: key.to_owned(),
            problem,
        }
    }

    /// The key that is wrong.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Value { key, .. } => key,
            Self::NotSet { key } => key,
        }
    }
}

/// A type that options have, with Flink's grammar for it.
pub trait OptionValue: Sized {
    /// What a user would call the type.
    const KIND: &'static str;

    /// Reads the text of a value.
    ///
    /// # Errors
    /// What is wrong with it, for the user.
    fn parse(text: &str) -> Result<Self, String>;

    /// Reads the value from the keys of `config` below `key`, for types that can be written so.
    #[must_use]
    fn from_below(_config: &FlinkConfig, _key: &str) -> Option<Self> {
        None
    }
}

impl OptionValue for String {
    const KIND: &'static str = "text";
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl OptionValue for bool {
    const KIND: &'static str = "boolean";
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(format!("\"{text}\" is no boolean; write true or false")),
        }
    }
}

macro_rules! whole_number {
    ($($type:ty),+) => { $(
        impl OptionValue for $type {
            const KIND: &'static str = "whole number";
            fn parse(text: &str) -> Result<Self, String> {
                let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
                text.parse().map_err(|_| {
                    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
                        format!("{text} is out of range ({} to {})", Self::MIN, Self::MAX)
                    } else {
                        format!("\"{text}\" is no whole number")
                    }
                })
            }
        }
    )+ };
}
whole_number!(i32, i64);

impl OptionValue for f64 {
    const KIND: &'static str = "number";
    fn parse(text: &str) -> Result<Self, String> {
        // Java allows white space around and a type letter behind.
        let number = text.trim();
        let number = number.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(number);
        number
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite() && number.contains(|c: char| c.is_ascii_digit()))
            .ok_or_else(|| format!("\"{text}\" is no number"))
    }
}

impl OptionValue for Duration {
    const KIND: &'static str = "duration";
    fn parse(text: &str) -> Result<Self, String> {
        parse_duration(text).map_err(|e| e.to_string())
    }
}

impl OptionValue for MemorySize {
    const KIND: &'static str = "size";
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| {
            format!(
                "\"{text}\" is no size; write a whole number and a unit of k, m, g or t (powers of 1024), such as \"2048m\""
            )
        })
    }
}

impl OptionValue for Vec<String> {
    const KIND: &'static str = "list";
    fn parse(text: &str) -> Result<Self, String> {
        split(text, ';').map_err(|e| format!("\"{text}\" is no list: {e}"))
    }
}

/// A map written `key:value,key:value`, or key by key below the option's own key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map(pub BTreeMap<String, String>);

impl OptionValue for Map {
    const KIND: &'static str = "map";
    fn parse(text: &str) -> Result<Self, String> {
        split_map(text)
            .map(|entries| Self(entries.into_iter().collect()))
            .map_err(|e| format!("\"{text}\" is no map: {e}"))
    }

    fn from_below(config: &FlinkConfig, key: &str) -> Option<Self> {
        let prefix = format!("{key}.");
        let entries = config.with_prefix(&prefix);
        let map: BTreeMap<_, _> = entries.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        (!map.is_empty()).then_some(Self(map))
    }
}

/// A list of maps written `key:value,key:value;key:value`.
impl OptionValue for Vec<Map> {
    const KIND: &'static str = "list of maps";
    fn parse(text: &str) -> Result<Self, String> {
        Vec::<String>::parse(text)?
            .iter()
            .map(|entry| Map::parse(entry))
            .collect()
    }
}

/// Defines an enum of an option: texts are compared without regard to case, as Flink does.
macro_rules! option_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vmeta])* $variant),+ }

        impl $name {
            /// The value's text.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl $crate::config::OptionValue for $name {
            const KIND: &'static str = concat!("one of ", $($text, " "),+);
            fn parse(text: &str) -> Result<Self, String> {
                $(if text.eq_ignore_ascii_case($text) { return Ok(Self::$variant); })+
                Err(format!("\"{text}\" is none of {}", [$($text),+].join(", ")))
            }
        }
    };
}
pub(super) use option_enum;

/// An enum of the API as the type of an option.
macro_rules! api_enum_option {
    ($($type:ty),+) => { $(
        impl OptionValue for $type {
            const KIND: &'static str = "known name";
            fn parse(text: &str) -> Result<Self, String> {
                text.to_ascii_uppercase().parse()
            }
        }
    )+ };
}
api_enum_option!(crate::api::status::SavepointFormat, crate::api::status::CheckpointType);

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("true", Ok(true))]
    #[case("FALSE", Ok(false))]
    #[case("yes", Err("\"yes\" is no boolean; write true or false"))]
    fn booleans(#[case] text: &str, #[case] expected: Result<bool, &str>) {
        assert_eq!(bool::parse(text), expected.map_err(str::to_owned));
    }

    #[rstest]
    #[case("-5", Ok(-5))]
    #[case("+5", Ok(5))]
    #[case("3000000000", Err("3000000000 is out of range (-2147483648 to 2147483647)"))]
    #[case("1.0", Err("\"1.0\" is no whole number"))]
    #[case("", Err("\"\" is no whole number"))]
    fn whole_numbers(#[case] text: &str, #[case] expected: Result<i32, &str>) {
        assert_eq!(i32::parse(text), expected.map_err(str::to_owned));
    }

    #[rstest]
    #[case("0.5", Some(0.5))]
    #[case(" 1d", Some(1.0))]
    #[case("1e3", Some(1000.0))]
    #[case("NaN", None)]
    #[case("inf", None)]
    #[case("a", None)]
    fn numbers(#[case] text: &str, #[case] expected: Option<f64>) {
        assert_eq!(f64::parse(text).ok(), expected);
    }

    #[test]
    fn lists_of_maps() {
        let read = Vec::<Map>::parse("key:a,operator:Equal;key:b").unwrap();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].0.get("operator").map(String::as_str), Some("Equal"));
        assert!(Vec::<Map>::parse("key").is_err());
    }
}
