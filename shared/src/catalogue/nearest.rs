//! "Did you mean".

use super::table;
use crate::api::FlinkVersion;
use crate::nearest::edits;

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
    let most = MOST_EDITS.min(key.len() / 6).max(1);
    let mut best: Option<(usize, &'static str)> = None;
    let mut longer = Vec::new();
    for entry in table::entries() {
        let option = entry.key();
        let is_option = || entry.is_of(version) && entry.spelling_of().is_none();
        if is_written_otherwise(key, option) && is_option() {
            return Some(option);
        }
        if key.contains('.') && is_shortened(key, option) {
            if !longer.contains(&option) && is_option() {
                longer.push(option);
            }
        } else if option.len().abs_diff(key.len()) <= most
            && let Some(distance) = edits(key.as_bytes(), option.as_bytes(), most)
            && best.is_none_or(|best| (distance, option) < best)
            && is_option()
        {
            best = Some((distance, option));
        }
    }
    // Of several that end alike none is meant more than another.
    best.map(|(_, option)| option).or(match longer[..] {
        [option] => Some(option),
        _ => None,
    })
}

/// Whether both are the same letters, apart from case and punctuation.
fn is_written_otherwise(key: &str, option: &str) -> bool {
    fn letters(key: &str) -> impl Iterator<Item = u8> {
        key.bytes()
            .filter(u8::is_ascii_alphanumeric)
            .map(|b| b.to_ascii_lowercase())
    }
    letters(key).eq(letters(option))
}

/// Whether `key` is `option` without its first parts, as `checkpointing.interval` is.
fn is_shortened(key: &str, option: &str) -> bool {
    option.strip_suffix(key).is_some_and(|before| before.ends_with('.'))
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
