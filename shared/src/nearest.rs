//! The word that somebody meant.

/// The candidate that is most like `word`, ignoring case; `None` where none is like it. Of several, the first.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    // A third of the letters may be wrong, and one always.
    let most = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .filter_map(|candidate| {
            let other: Vec<char> = candidate.to_lowercase().chars().collect();
            if other.len().abs_diff(word.len()) > most {
                return None;
            }
            let distance = distance(&word, &other);
            (distance <= most && distance < other.len()).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, remove, replace, or swap with their neighbour (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len() + 1;
    let mut before: Vec<usize> = vec![0; width];
    let mut last: Vec<usize> = (0..width).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(width);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", "", 0)]
    #[case("abc", "", 3)]
    #[case("abc", "abc", 0)]
    #[case("abc", "abd", 1)]
    #[case("abc", "acb", 1)]
    #[case("abc", "ab", 1)]
    #[case("kitten", "sitting", 3)]
    fn distances(#[case] a: &str, #[case] b: &str, #[case] expected: usize) {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars(a), &chars(b)), expected);
        assert_eq!(distance(&chars(b), &chars(a)), expected);
    }

    #[rstest]
    #[case("contaners", Some("containers"))]
    #[case("Containers", Some("containers"))]
    #[case("initcontainer", Some("initContainers"))]
    #[case("volume", Some("volumes"))]
    #[case("x", None)]
    #[case("", None)]
    #[case("somethingelse", None)]
    fn what_was_meant(#[case] word: &str, #[case] expected: Option<&str>) {
        assert_eq!(nearest(word, ["containers", "initContainers", "volumes"]), expected);
    }

    proptest! {
        #[test]
        fn a_word_is_nearest_to_itself(word in "[a-z]{2,12}", others in prop::collection::vec("[a-z]{2,12}", 0..5)) {
            let candidates = others.iter().map(String::as_str).chain([word.as_str()]);
            prop_assert_eq!(nearest(&word, candidates), Some(word.as_str()));
        }
    }
}
