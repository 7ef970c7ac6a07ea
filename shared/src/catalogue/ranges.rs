//! Which values of an option Flink takes, beyond their type.

use std::sync::LazyLock;

use super::{Entry, Problem};
use crate::config::parse_duration;

/// Key, smallest and greatest value (nothing where there is no bound), values besides these, and what refuses others.
/// Only what Flink, or Kubernetes on its behalf, refuses whatever else is set.
pub(super) const RANGES: &str = include_str!("ranges.tsv");

/// A line of the table.
pub(super) struct Range {
    pub(super) key: &'static str,
    least: &'static str,
    most: &'static str,
    besides: &'static str,
}

/// The table, read once.
static ALL: LazyLock<Box<[Range]>> = LazyLock::new(|| {
    let range = |line: &'static str| {
        let mut columns = line.split('\t');
        Some(Range {
            key: columns.next()?,
            least: columns.next()?,
            most: columns.next()?,
            besides: columns.next()?,
        })
    };
    RANGES.lines().filter_map(range).collect()
});

pub(super) fn all() -> impl Iterator<Item = &'static Range> {
    ALL.iter()
}

impl Range {
    /// What is wrong with `text`, which is of the option's type. Nothing is wrong with what is no number here: only Java
    /// reads some digits of other scripts.
    fn check(&self, option: &Entry, text: &str) -> Result<(), Problem> {
        let kind = option.kind();
        let Some(amount) = amount(kind, text) else {
            // The type of these ports is text, since elsewhere they may be ranges.
            return if kind == "String" {
                Err(self.problem(format!("\"{text}\" is no single port")))
            } else {
                Ok(())
            };
        };
        let least = amount_or(kind, self.least, f64::NEG_INFINITY);
        let most = amount_or(kind, self.most, f64::INFINITY);
        let is_besides = self.besides.split(',').any(|other| other == text.trim());
        if (least..=most).contains(&amount) || is_besides {
            return Ok(());
        }
        Err(self.problem(if self.most.is_empty() {
            format!("\"{text}\" is less than {}", self.least)
        } else {
            format!("\"{text}\" is not between {} and {}", self.least, self.most)
        }))
    }

    fn problem(&self, message: String) -> Problem {
        let fix = if self.most.is_empty() {
            format!("write {} or more", self.least)
        } else {
            format!("write a number from {} to {}", self.least, self.most)
        };
        Problem { message, fix }
    }
}

/// `text` as a number; of seconds, for a duration.
fn amount(kind: &str, text: &str) -> Option<f64> {
    match kind {
        "Duration" => parse_duration(text).ok().map(|duration| duration.as_secs_f64()),
        "Float" | "Double" => text.trim().parse().ok(),
        _ => text
            .trim()
            .parse::<i64>()
            .ok()
            .and_then(|number| i32::try_from(number).ok())
            .map(f64::from),
    }
}

fn amount_or(kind: &str, text: &str, otherwise: f64) -> f64 {
    amount(kind, text).unwrap_or(otherwise)
}

/// Whether Flink takes `text`, a value of the type of `option` without what is no part of it, such as a comment.
pub(super) fn check(option: &Entry, text: &str) -> Result<(), Problem> {
    all()
        .find(|range| range.key == option.key())
        .map_or(Ok(()), |range| range.check(option, text))
}
