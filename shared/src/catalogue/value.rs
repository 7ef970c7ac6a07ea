//! Whether Flink can read a text as a value of an option's type (`ConfigurationUtils.convertValue` behind
//! `GlobalConfiguration`).

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Entry, Problem};
use crate::api::FlinkVersion;
use crate::config::{DurationError, Map, MemorySize, OptionValue, is_sensitive_key, iso_nanos, parse_duration, split};

/// Who reads values, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grammar {
    /// Flink before 2.0, from lines of flink-conf.yaml: `#` begins a comment, white space around does not count, and a
    /// key without a value is not set.
    Lines,
    /// Flink 2.0, from config.yaml: lists and maps may be written as YAML, and the number of a duration may be more than
    /// a Java long.
    Yaml,
    /// Flink from 2.1 on, from config.yaml: durations may be ISO 8601 besides.
    YamlWithIso,
    /// The operator, from the resource itself.
    Operator,
}

impl Grammar {
    fn new(option: &Entry, version: FlinkVersion) -> Self {
        if option.is_of_operator() {
            Self::Operator
        } else if version < FlinkVersion::V2_0 {
            Self::Lines
        } else if version < FlinkVersion::V2_1 {
            Self::Yaml
        } else {
            Self::YamlWithIso
        }
    }

    fn has_yaml(self) -> bool {
        matches!(self, Self::Yaml | Self::YamlWithIso)
    }

    fn has_iso(self) -> bool {
        matches!(self, Self::YamlWithIso | Self::Operator)
    }
}

/// What of `text` is the value of `option`; `None` where there is none.
pub(super) fn read<'t>(option: &Entry, text: &'t str, version: FlinkVersion) -> Option<&'t str> {
    if Grammar::new(option, version) == Grammar::Lines {
        Some(text.split('#').next().unwrap_or_default().trim()).filter(|read| !read.is_empty())
    } else {
        Some(text)
    }
}

pub(super) fn check(key: &str, option: &Entry, text: &str, version: FlinkVersion) -> Result<(), Problem> {
    let grammar = Grammar::new(option, version);
    let Some(read) = read(option, text, version) else {
        return Ok(());
    };
    let fits = match option.kind().strip_prefix("List<") {
        Some(element) => is_list(read, element.trim_end_matches('>'), option, grammar),
        None => is_value(read, option.kind(), option, grammar),
    };
    if fits {
        Ok(())
    } else {
        Err(problem(key, option, text, read, grammar))
    }
}

fn is_value(text: &str, kind: &str, option: &Entry, grammar: Grammar) -> bool {
    match kind {
        "Boolean" => bool::parse(text).is_ok(),
        "Integer" => is_whole(text) && i32::parse(text).is_ok() || has_foreign_digits(text),
        "Long" => is_whole(text) && i64::parse(text).is_ok() || has_foreign_digits(text),
        "Float" | "Double" => is_number(text),
        "Duration" => is_duration(text, grammar),
        "MemorySize" => text.parse::<MemorySize>().is_ok(),
        "Enum" => option.values().any(|value| value.to_uppercase() == text.to_uppercase()),
        "Map" => is_map(text, grammar),
        // Texts, and types that a later version may bring.
        _ => true,
    }
}

fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Java reads the digits of every script.
fn has_foreign_digits(text: &str) -> bool {
    !text.is_empty() && !text.is_ascii() && text.chars().all(|c| c.is_numeric() || "+-".contains(c))
}

/// `Double.parseDouble`: decimal or hexadecimal, white space around, a type letter behind.
fn is_number(text: &str) -> bool {
    let text = text.trim_matches(|c: char| c <= ' ');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, "NaN" | "Infinity") {
        return true;
    }
    let (is_digit, marks, body): (fn(&char) -> bool, _, _) = match unsigned.get(..2) {
        Some("0x" | "0X") => (
            |c| c.is_ascii_hexdigit(),
            ['p', 'P'],
            unsigned.get(2..).unwrap_or_default(),
        ),
        _ => (|c| c.is_ascii_digit(), ['e', 'E'], unsigned),
    };
    let (mantissa, exponent) = match body.split_once(marks) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (body, None),
    };
    let without_letter = |text: &'_ str| text.trim_end_matches(['f', 'F', 'd', 'D']).len();
    let letter = |text: &str| text.len() - without_letter(text) <= 1;
    let digits = |text: &str| text.chars().all(|c| is_digit(&c));
    let (mantissa, exponent) = match exponent {
        Some(exponent) => {
            if !letter(exponent) {
                return false;
            }
            let exponent = exponent.get(..without_letter(exponent)).unwrap_or_default();
            (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
        }
        // A hexadecimal number has an exponent.
        None if marks[0] == 'p' || !letter(mantissa) => return false,
        None => (mantissa.get(..without_letter(mantissa)).unwrap_or_default(), None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    !(whole.is_empty() && fraction.is_empty())
        && digits(whole)
        && digits(fraction)
        && exponent.is_none_or(|e| !e.is_empty() && e.bytes().all(|b| b.is_ascii_digit()))
}

/// `TimeUtils.parseDuration`.
fn is_duration(text: &str, grammar: Grammar) -> bool {
    let text = text.trim();
    if let Some(nanos) = iso_nanos(text) {
        return grammar.has_iso() && nanos >= 0;
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (Ok(number), Ok(unit)) = (number.parse::<u128>(), parse_duration(&format!("1 {unit}"))) else {
        return false;
    };
    let most = i64::MAX as u128;
    (grammar.has_yaml() || number <= most)
        && number
            .checked_mul(unit.as_nanos())
            .is_some_and(|nanos| nanos / 1_000_000_000 <= most)
}

fn is_map(text: &str, grammar: Grammar) -> bool {
    if grammar.has_yaml()
        && let Some(Value::Object(entries)) = yaml(text)
        // Where a value is missing, Flink goes back to the form below.
        && !entries.values().any(Value::is_null)
    {
        return true;
    }
    // Flink refuses a key that stands twice.
    Map::parse(text).is_ok_and(|map| split(text, ',').is_ok_and(|entries| entries.len() == map.0.len()))
}

fn is_list(text: &str, element: &str, option: &Entry, grammar: Grammar) -> bool {
    let fits = |text: &str| is_value(text, element, option, grammar);
    if grammar.has_yaml()
        && let Some(Value::Array(elements)) = yaml(text)
    {
        return elements.iter().all(|value| match value {
            Value::Object(_) if element == "Map" => true,
            Value::String(text) => fits(text),
            other => fits(&other.to_string()),
        });
    }
    split(text, ';').is_ok_and(|parts| parts.iter().all(|part| fits(part)))
}

/// `text` as YAML, where it may be more than a scalar.
fn yaml(text: &str) -> Option<Value> {
    let trimmed = text.trim();
    let structured = trimmed.starts_with(['{', '[', '-']) || trimmed.contains(": ") || trimmed.ends_with(':');
    structured.then(|| serde_saphyr::from_str(text).ok()).flatten()
}

/// Characters of a value that are shown.
const SHOWN: usize = 80;

fn problem(key: &str, option: &Entry, text: &str, read: &str, grammar: Grammar) -> Problem {
    let shown = if is_sensitive_key(key) {
        "the value (hidden)".to_owned()
    } else {
        match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("\"{}...\"", text.get(..end).unwrap_or_default()),
            None => format!("\"{text}\""),
        }
    };
    let iso = option.kind() == "Duration" && !grammar.has_iso() && iso_nanos(read.trim()).is_some();
    let (what, fix): (String, String) = match option.kind() {
        "Boolean" => ("is no boolean".to_owned(), "write true or false".to_owned()),
        kind @ ("Integer" | "Long") => {
            let (least, most) = match kind {
                "Integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
                _ => (i64::MIN, i64::MAX),
            };
            if is_whole(read) {
                let what = format!("is out of range ({least} to {most})");
                (what, "write a number within the range".to_owned())
            } else {
                (
                    "is no whole number".to_owned(),
                    "write a whole number, such as 4".to_owned(),
                )
            }
        }
        "Float" | "Double" => ("is no number".to_owned(), "write a number, such as 0.5".to_owned()),
        "Duration" if iso => (
            "is ISO 8601, which Flink reads from 2.1 on".to_owned(),
            "write a whole number and a unit, such as \"10 s\", \"5 min\" or \"1 d\"".to_owned(),
        ),
        "Duration" => (
            match parse_duration(read) {
                Err(DurationError::Unit { unit }) if !is_sensitive_key(key) && unit.len() < SHOWN => {
                    format!("is no duration: \"{unit}\" is no unit of time")
                }
                _ => "is no duration".to_owned(),
            },
            "write a whole number and a unit, such as \"10 s\", \"5 min\" or \"1 d\"".to_owned(),
        ),
        "MemorySize" => (
            "is no size".to_owned(),
            "write a whole number and a unit of k, m, g or t (powers of 1024), such as \"2048m\"".to_owned(),
        ),
        "Enum" => {
            let values: BTreeSet<_> = option.values().collect();
            let values = values.into_iter().collect::<Vec<_>>().join(", ");
            (format!("is none of {values}"), format!("write one of {values}"))
        }
        "Map" => (
            "is no map".to_owned(),
            "write key:value,key:value, with quotes around what holds a comma or a colon".to_owned(),
        ),
        "List<Map>" => (
            "is no list of maps".to_owned(),
            "write key:value,key:value;key:value, with quotes around what holds one of these signs".to_owned(),
        ),
        "List<Enum>" => {
            let values = option.values().collect::<Vec<_>>().join(", ");
            (
                format!("is no list of {values}"),
                "write these values with semicolons between them".to_owned(),
            )
        }
        _ => (
            "is no list".to_owned(),
            "write the elements with semicolons between them, and close every quote".to_owned(),
        ),
    };
    Problem {
        message: format!("{shown} {what}"),
        fix,
    }
}
