//! "Did you mean".

use super::table::{Entry, entries};
use crate::api::FlinkVersion;

/// Edits between a key and what was probably meant, at most.
const MOST_EDITS: usize = 3;
/// Keys longer than this are nobody's misspelling of an option.
const LONGEST_KEY: usize = 120;

/// The option of `version` that a user who wrote `key` probably meant.
#[must_use]
pub fn nearest(key: &str, version: FlinkVersion) -> Option<&'static str> {
    if key.len() > LONGEST_KEY {
        return None;
    }
    let candidates = || entries().filter(move |entry| entry.spelling_of().is_none() && entry.is_of(version));
    written_otherwise(key, candidates()).or_else(|| {
        let most = MOST_EDITS.min(key.len() / 6).max(1);
        candidates()
            .map(|entry| entry.key())
            .filter(|option| option.len().abs_diff(key.len()) <= most)
            .filter_map(|option| Some((edits(key.as_bytes(), option.as_bytes(), most)?, option)))
            .min()
            .map(|(_, option)| option)
            .or_else(|| shortened(key, candidates()))
    })
}

/// The option of the same letters, apart from case and punctuation.
fn written_otherwise(key: &str, mut candidates: impl Iterator<Item = Entry>) -> Option<&'static str> {
    fn letters(key: &str) -> impl Iterator<Item = u8> + '_ {
        key.bytes()
            .filter(u8::is_ascii_alphanumeric)
            .map(|b| b.to_ascii_lowercase())
    }
    candidates
        .find(|entry| letters(entry.key()).eq(letters(key)))
        .map(|entry| entry.key())
}

/// The only option that ends in this key of several parts, as in `checkpointing.interval`.
fn shortened(key: &str, candidates: impl Iterator<Item = Entry>) -> Option<&'static str> {
    if !key.contains('.') {
        return None;
    }
    let mut longer = candidates
        .map(|entry| entry.key())
        .filter(|option| option.strip_suffix(key).is_some_and(|before| before.ends_with('.')));
    let first = longer.next()?;
    longer.all(|other| other == first).then_some(first)
}

/// Letters to insert, remove, change or swap to get from one to the other; `None` where that is more than `most`.
fn edits(from: &[u8], to: &[u8], most: usize) -> Option<usize> {
    let width = to.len() + 1;
    let mut before_last = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    let mut row = vec![0; width];
    for (i, a) in from.iter().enumerate() {
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let mut best = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(before_last[j - 1] + 1);
            }
            row[j + 1] = best;
        }
        if row.iter().all(|distance| *distance > most) {
            return None;
        }
        std::mem::swap(&mut before_last, &mut last);
        std::mem::swap(&mut last, &mut row);
    }
    last.last().copied().filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("taskmanager.numberOfTaskslots", Some("taskmanager.numberOfTaskSlots"))]
    #[case("taskmanager.number-of-task-slots", Some("taskmanager.numberOfTaskSlots"))]
    #[case("taskmanger.numberOfTaskSlots", Some("taskmanager.numberOfTaskSlots"))]
    #[case("execution.checkpointing.intervall", Some("execution.checkpointing.interval"))]
    #[case("execution.checkpoint.interval", Some("execution.checkpointing.interval"))]
    #[case("checkpointing.interval", Some("execution.checkpointing.interval"))]
    #[case("paralellism.default", Some("parallelism.default"))]
    #[case("rest.prot", Some("rest.port"))]
    #[case("my.companys.own.key", None)]
    #[case("interval", None)]
    #[case("", None)]
    fn suggests(#[case] key: &str, #[case] option: Option<&str>) {
        assert_eq!(nearest(key, FlinkVersion::V1_20), option);
    }

    #[test]
    fn a_huge_key_costs_nothing() {
        assert_eq!(nearest(&"x".repeat(1 << 20), FlinkVersion::V1_20), None);
    }
}
