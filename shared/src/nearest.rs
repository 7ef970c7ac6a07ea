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
            let distance = edits(&word, &other, most)?;
            (distance < other.len()).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to insert, remove, change, or swap with their neighbour to get from one to the other (optimal string
/// alignment); `None` where that is more than `most`.
pub(crate) fn edits<T: PartialEq>(from: &[T], to: &[T], most: usize) -> Option<usize> {
    // What both begin and end with needs no edit.
    let same = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    let (from, to) = (&from[same..], &to[same..]);
    let same = from
        .iter()
        .rev()
        .zip(to.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (from, to) = (&from[..from.len() - same], &to[..to.len() - same]);
    if from.is_empty() || to.is_empty() {
        return Some(from.len().max(to.len())).filter(|distance| *distance <= most);
    }
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
    #[case("abcdef", "abdcxf", 2)]
    fn distances(#[case] a: &str, #[case] b: &str, #[case] expected: usize) {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        assert_eq!(edits(a, b, expected), Some(expected));
        assert_eq!(edits(b, a, 10), Some(expected));
        if let Some(less) = expected.checked_sub(1) {
            assert_eq!(edits(a, b, less), None);
        }
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
