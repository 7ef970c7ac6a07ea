//! The generated text, and how a key is found in it.

use std::cmp::Ordering;

use crate::api::FlinkVersion;

/// One line for every key and every set of versions in which it is the same, in the order of the keys' bytes:
/// key, type, versions, default, values, other keys. Type `>` is a deprecated spelling and `~` a fall-back, of the key in
/// the fourth column.
const OPTIONS: &str = include_str!("options.tsv");
/// Prefix, versions, source.
const PREFIXES: &str = include_str!("prefixes.tsv");

/// A line of the catalogue: an option, or another spelling of one, in some versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    key: &'static str,
    kind: &'static str,
    versions: &'static str,
    default: &'static str,
    values: &'static str,
    others: &'static str,
}

impl Entry {
    fn of_line(line: &'static str) -> Self {
        let mut columns = line.split('\t');
        let mut next = || columns.next().unwrap_or_default();
        Self {
            key: next(),
            kind: next(),
            versions: next(),
            default: next(),
            values: next(),
            others: next(),
        }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// Type of the values, as Flink names it: `Boolean`, `Integer`, `Long`, `Float`, `Double`, `Duration`, `MemorySize`,
    /// `String`, `Enum`, `Map`, or `List<…>` of one of these.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The default, in the grammar of the type; `None` where there is none.
    #[must_use]
    pub fn default(&self) -> Option<&'static str> {
        (self.spelling_of().is_none() && self.default != "\\0").then_some(self.default)
    }

    /// Values of an enum.
    pub fn values(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.values.split(',').filter(|value| !value.is_empty())
    }

    /// Other keys that Flink reads where this one is not set, in their order.
    pub fn other_keys(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.others
            .split(',')
            .map(|key| key.strip_prefix('-').unwrap_or(key))
            .filter(|key| !key.is_empty() && *key != "!")
    }

    /// Whether Flink calls the option itself deprecated.
    #[must_use]
    pub fn is_deprecated(&self) -> bool {
        self.others.split(',').any(|key| key == "!")
    }

    /// The option that this is another spelling of.
    #[must_use]
    pub fn spelling_of(&self) -> Option<&'static str> {
        matches!(self.kind, ">" | "~").then_some(self.default)
    }

    pub(super) fn is_deprecated_spelling(&self) -> bool {
        self.kind == ">"
    }

    /// Whether the operator reads the option, rather than Flink: then it is the same in all versions.
    #[must_use]
    pub fn is_of_operator(&self) -> bool {
        self.versions == "*"
    }

    /// Versions that know the entry: ranges such as `1.15-1.20,2.1-2.3`, or `*` for all.
    #[must_use]
    pub fn versions(&self) -> &'static str {
        self.versions
    }

    /// Whether `version` knows the entry.
    #[must_use]
    pub fn is_of(&self, version: FlinkVersion) -> bool {
        covers(self.versions, version)
    }

    /// First and last version; `None` where all versions know the entry.
    pub(super) fn span(&self) -> Option<(&'static str, &'static str)> {
        let (first, _) = self.versions.split_once('-')?;
        let (_, last) = self.versions.rsplit_once('-')?;
        Some((first, last))
    }
}

/// `1.20` as (1, 20).
pub(super) fn number(version: &str) -> Option<(u8, u8)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

pub(super) fn covers(versions: &str, version: FlinkVersion) -> bool {
    let wanted = Some(version.number());
    versions == "*"
        || versions
            .split(',')
            .filter_map(|range| range.split_once('-'))
            .any(|(from, to)| number(from) <= wanted && wanted <= number(to))
}

/// Every entry, in the order of keys.
pub fn entries() -> impl Iterator<Item = Entry> {
    OPTIONS.lines().map(Entry::of_line)
}

/// The entries of exactly this key.
pub(super) fn find(key: &str) -> impl Iterator<Item = Entry> + use<'_> {
    OPTIONS
        .get(first_line_from(key)..)
        .unwrap_or_default()
        .lines()
        .take_while(move |line| key_of(line) == key)
        .map(Entry::of_line)
}

fn key_of(line: &str) -> &str {
    line.split_once('\t').map_or(line, |(key, _)| key)
}

/// Where the first line begins whose key is not less than `key`.
fn first_line_from(key: &str) -> usize {
    let bytes = OPTIONS.as_bytes();
    let (mut low, mut high) = (0, bytes.len());
    // Both are always beginnings of lines, or the end.
    while low < high {
        let middle = low + (high - low) / 2;
        let start = bytes[low..middle]
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(low, |at| low + at + 1);
        let line = &bytes[start..];
        let end = line.iter().position(|b| *b == b'\n').map_or(line.len(), |at| at + 1);
        let column = line.iter().position(|b| *b == b'\t').unwrap_or(line.len());
        if line[..column].cmp(key.as_bytes()) == Ordering::Less {
            low = start + end;
        } else {
            high = start;
        }
    }
    low
}

/// Prefixes below which keys are free, and the versions of each.
pub(super) fn prefixes() -> impl Iterator<Item = (&'static str, &'static str)> {
    PREFIXES.lines().filter_map(|line| {
        let mut columns = line.split('\t');
        Some((columns.next()?, columns.next()?))
    })
}
