//! The generated text, and how a key is found in it.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use crate::api::FlinkVersion;

/// One line for every key and every set of versions in which it is the same, in the order of the keys' bytes:
/// key, type, versions, default, values, other keys. Type `>` is a deprecated spelling and `~` a fall-back, of the key in
/// the fourth column.
const OPTIONS: &str = include_str!("options.tsv");
/// Prefix, versions, source.
const PREFIXES: &str = include_str!("prefixes.tsv");

/// A line of the catalogue: an option, or another spelling of one, in some versions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    line: &'static str,
    /// Where the columns end but the last.
    ends: [u16; 5],
    /// One bit for each version that knows the entry.
    known_by: u16,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.line)
    }
}

impl Entry {
    fn of_line(line: &'static str) -> Self {
        let mut ends = line.match_indices('\t').map(|(end, _)| end);
        let end = |_| ends.next().and_then(|end| u16::try_from(end).ok()).unwrap_or(u16::MAX);
        let mut entry = Self {
            line,
            ends: std::array::from_fn(end),
            known_by: u16::MAX,
        };
        if !entry.is_of_operator() {
            let versions = FlinkVersion::ALL.iter().filter(|v| covers(entry.versions(), **v));
            entry.known_by = versions.fold(0, |known_by, version| known_by | bit(*version));
        }
        entry
    }

    fn column(&self, column: usize) -> &'static str {
        // Empty columns at the end are not written.
        let length = self.line.len();
        let end = |column: usize| self.ends.get(column).map_or(length, |end| length.min((*end).into()));
        let start = column.checked_sub(1).map_or(0, |before| end(before) + 1);
        self.line.get(start..end(column)).unwrap_or_default()
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.column(0)
    }

    /// Type of the values, as Flink names it: `Boolean`, `Integer`, `Long`, `Float`, `Double`, `Duration`, `MemorySize`,
    /// `String`, `Enum`, `Map`, or `List<…>` of one of these.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.column(1)
    }

    /// The default, in the grammar of the type; `None` where there is none.
    #[must_use]
    pub fn default(&self) -> Option<&'static str> {
        let default = self.column(3);
        (self.spelling_of().is_none() && default != "\\0").then_some(default)
    }

    /// Values of an enum.
    pub fn values(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.column(4).split(',').filter(|value| !value.is_empty())
    }

    /// Other keys that Flink reads where this one is not set, in their order.
    pub fn other_keys(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.column(5)
            .split(',')
            .map(|key| key.strip_prefix('-').unwrap_or(key))
            .filter(|key| !key.is_empty() && *key != "!")
    }

    /// Whether Flink calls the option itself deprecated.
    #[must_use]
    pub fn is_deprecated(&self) -> bool {
        self.column(5).split(',').any(|key| key == "!")
    }

    /// The option that this is another spelling of.
    #[must_use]
    pub fn spelling_of(&self) -> Option<&'static str> {
        matches!(self.kind(), ">" | "~").then(|| self.column(3))
    }

    pub(super) fn is_deprecated_spelling(&self) -> bool {
        self.kind() == ">"
    }

    /// Whether the operator reads the option, rather than Flink: then it is the same in all versions.
    #[must_use]
    pub fn is_of_operator(&self) -> bool {
        self.versions() == "*"
    }

    /// Versions that know the entry: ranges such as `1.15-1.20,2.1-2.3`, or `*` for all.
    #[must_use]
    pub fn versions(&self) -> &'static str {
        self.column(2)
    }

    /// Whether `version` knows the entry.
    #[must_use]
    pub fn is_of(&self, version: FlinkVersion) -> bool {
        self.known_by & bit(version) != 0
    }

    /// First and last version; `None` where all versions know the entry.
    pub(super) fn span(&self) -> Option<(&'static str, &'static str)> {
        let (first, _) = self.versions().split_once('-')?;
        let (_, last) = self.versions().rsplit_once('-')?;
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

fn bit(version: FlinkVersion) -> u16 {
    1 << (version as u16)
}

/// Together with the index some 120 KB, made on first use in less than a millisecond.
static ENTRIES: LazyLock<Box<[Entry]>> = LazyLock::new(|| OPTIONS.lines().map(Entry::of_line).collect());

/// Every entry, in the order of keys.
pub fn entries() -> impl Iterator<Item = Entry> {
    ENTRIES.iter().copied()
}

/// Where the entries of every key stand.
static BY_KEY: LazyLock<HashMap<&'static str, Range<usize>>> = LazyLock::new(|| {
    let mut by_key: HashMap<_, Range<usize>> = HashMap::new();
    for (at, entry) in ENTRIES.iter().enumerate() {
        by_key.entry(entry.key()).or_insert(at..at).end = at + 1;
    }
    by_key
});

/// The entries of exactly this key.
pub(super) fn find(key: &str) -> impl Iterator<Item = Entry> + use<> {
    let entries = BY_KEY.get(key).and_then(|range| ENTRIES.get(range.clone()));
    entries.unwrap_or_default().iter().copied()
}

static FREE: LazyLock<Box<[(&'static str, &'static str)]>> = LazyLock::new(|| {
    let columns = |line: &'static str| {
        let mut columns = line.split('\t');
        Some((columns.next()?, columns.next()?))
    };
    PREFIXES.lines().filter_map(columns).collect()
});

/// Prefixes below which keys are free, and the versions of each.
pub(super) fn prefixes() -> impl Iterator<Item = (&'static str, &'static str)> {
    FREE.iter().copied()
}
