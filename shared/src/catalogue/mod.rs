//! Every option that Flink 1.15 to 2.3 and the operator know: type, default, other spellings, values, versions.
//!
//! The data is generated from Flink's own distributions by `shared/catalogue/generate.py` (`make catalogue`) and lies in
//! the binary as text, a line for each. An index of lines by key and of their columns is made on first use (120 KB, less than a
//! millisecond). [`check`] reads values as Flink does; `vectors.tsv` holds what the real Flink said. `ranges.tsv`, written by hand from
//! Flink's sources, holds the few bounds that Flink refuses to start beyond.

mod nearest;
mod ranges;
mod table;
mod value;

pub use nearest::nearest;
pub use table::{Entry, entries};

use crate::api::FlinkVersion;

/// The newest version that the catalogue holds. Newer ones are taken for this one where values are checked, and nothing
/// is said of their keys.
pub const NEWEST: FlinkVersion = FlinkVersion::V2_3;

/// What a key is in one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// An option, spelt as it should be.
    Option(Entry),
    /// Another spelling of these options.
    Spelling {
        /// The options.
        of: Vec<Entry>,
        /// Whether the spelling is deprecated; it is a mere fall-back where it is not.
        deprecated: bool,
    },
    /// An option of other versions only.
    Elsewhere(Elsewhere),
    /// Below an option that is a map, or below a prefix that a plugin or the user owns.
    Free,
    /// Not known at all.
    Unknown,
}

/// A key that other versions know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// First version that knows the key, as `1.20`.
    pub first: &'static str,
    /// Last version that knows it.
    pub last: &'static str,
    /// Whether all of them are older than the version in question; none is where this is `false`.
    pub gone: bool,
    /// The key of the same option in the version in question.
    pub replacement: Option<&'static str>,
}

/// What `key` is in `version`.
#[must_use]
pub fn lookup(key: &str, version: FlinkVersion) -> Known {
    let mut option = None;
    let mut of = Vec::new();
    let mut deprecated = false;
    let mut elsewhere = false;
    for entry in table::find(key) {
        elsewhere = true;
        if !entry.is_of(version) {
            continue;
        }
        if let Some(canonical) = entry.spelling_of() {
            deprecated |= entry.is_deprecated_spelling();
            of.extend(table::find(canonical).filter(|e| e.spelling_of().is_none() && e.is_of(version)));
        } else {
            option = Some(entry);
        }
    }
    match option {
        // What is both an option of its own and an older spelling of another one is to be left.
        Some(option) if !deprecated || of.is_empty() => Known::Option(option),
        _ if !of.is_empty() => Known::Spelling { of, deprecated },
        _ if is_free(key, version) => Known::Free,
        _ if elsewhere => other_versions(key, version).map_or(Known::Unknown, Known::Elsewhere),
        _ => Known::Unknown,
    }
}

/// Whether any version knows `key`.
#[must_use]
pub fn is_known(key: &str) -> bool {
    table::find(key).next().is_some() || is_free(key, NEWEST)
}

/// Whether `key` lies below an option that is a map, or below a prefix of others'.
fn is_free(key: &str, version: FlinkVersion) -> bool {
    let is_map = |above: &str| {
        table::find(above).any(|entry| {
            entry.kind() == "Map"
                || entry
                    .spelling_of()
                    .is_some_and(|of| table::find(of).any(|e| e.kind() == "Map"))
        })
    };
    table::prefixes().any(|(prefix, versions)| key.starts_with(prefix) && table::covers(versions, version))
        || key.match_indices('.').any(|(dot, _)| {
            let (above, below) = key.split_at(dot);
            below.len() > 1 && is_map(above)
        })
}

fn other_versions(key: &str, version: FlinkVersion) -> Option<Elsewhere> {
    let (mut first, mut last) = (None, None);
    for entry in table::find(key) {
        let (from, to) = entry.span()?;
        if first.is_none_or(|first| table::number(from) < table::number(first)) {
            first = Some(from);
        }
        if last.is_none_or(|last| table::number(to) > table::number(last)) {
            last = Some(to);
        }
    }
    let (first, last) = (first?, last?);
    Some(Elsewhere {
        first,
        last,
        gone: table::number(last) < Some(version.number()),
        replacement: replacement(key, version),
    })
}

/// The key that the option behind `key` has in `version`: what the key became, or what it was before.
fn replacement(key: &str, version: FlinkVersion) -> Option<&'static str> {
    let is_option = |key: &&'static str| table::find(key).any(|e| e.spelling_of().is_none() && e.is_of(version));
    let became = table::find(key).filter_map(|entry| entry.spelling_of());
    let was = table::find(key)
        .filter(|entry| entry.spelling_of().is_none())
        .flat_map(|entry| entry.other_keys());
    became.chain(was).find(is_option)
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong: a clause, without the value where the key is sensitive.
    pub message: String,
    /// What to write instead: a clause.
    pub fix: String,
}

/// Whether Flink of `version` takes `text` as the value of `key`: it is of the option's type and within its range. Without
/// a version, whether any version does. Nothing is wrong with keys that are not known.
///
/// # Errors
/// What is wrong.
pub fn check(key: &str, text: &str, version: Option<FlinkVersion>) -> Result<(), Problem> {
    let Some(version) = version else {
        let versions = FlinkVersion::ALL.iter().filter(|v| v.is_supported() && **v <= NEWEST);
        return versions
            .map(|version| check(key, text, Some(*version)))
            .reduce(|one, other| if one.is_ok() { one } else { other })
            .unwrap_or(Ok(()));
    };
    let version = version.min(NEWEST);
    let known = lookup(key, version);
    judge(&known, |option| value::check(key, option, text, version))?;
    judge(&known, |option| match value::read(option, text, version) {
        Some(read) => ranges::check(option, read),
        None => Ok(()),
    })
}

/// What `judge` says of the options behind a key.
fn judge(known: &Known, judge: impl Fn(&Entry) -> Result<(), Problem>) -> Result<(), Problem> {
    match known {
        Known::Option(option) => judge(option),
        // A value that one of several options can read has its use.
        Known::Spelling { of, .. } => of
            .iter()
            .map(judge)
            .reduce(|one, other| if one.is_ok() { one } else { other })
            .unwrap_or(Ok(())),
        Known::Elsewhere(_) | Known::Free | Known::Unknown => Ok(()),
    }
}

#[cfg(test)]
mod tests;
