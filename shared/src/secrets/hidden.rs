//! Known secrets, taken out of what others wrote.

use std::collections::BTreeMap;

use aho_corasick::{AhoCorasick, Input, MatchKind};

use crate::config::REDACTED;

/// So many bytes of a secret tell it apart from everything else.
const TELLING: usize = 64;
/// Bytes of all secrets that are looked for; an object that holds more is none that people read messages of.
const MOST: usize = 256 * 1024;

/// Looks for known secrets in texts: all of them in one pass, and none in what took the place of another.
pub struct Hidden(Patterns);

enum Patterns {
    None,
    Some {
        /// Beginnings of secrets.
        beginnings: AhoCorasick,
        /// Lengths of the secrets, in bytes.
        lengths: Vec<usize>,
    },
    /// More than can be looked for.
    TooMany,
}

impl Hidden {
    /// Hides `secrets`.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        // Of those that begin alike, the length of the longest.
        let mut lengths: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for secret in secrets.into_iter().filter(|secret| !is_masked(secret)) {
            let beginning = secret.as_bytes()[..secret.len().min(TELLING)].to_vec();
            let longest = lengths.entry(beginning).or_default();
            *longest = secret.len().max(*longest);
        }
        if lengths.is_empty() {
            return Self(Patterns::None);
        }
        if lengths.keys().map(Vec::len).sum::<usize>() > MOST {
            return Self(Patterns::TooMany);
        }
        let built = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(lengths.keys());
        Self(built.map_or(Patterns::TooMany, |beginnings| Patterns::Some {
            beginnings,
            lengths: lengths.into_values().collect(),
        }))
    }

    /// `text` without the secrets. Of a long one its beginning is enough: what follows goes with it.
    #[must_use]
    pub fn hide(&self, text: &str) -> String {
        let (beginnings, lengths) = match &self.0 {
            Patterns::None => return text.to_owned(),
            Patterns::TooMany => return REDACTED.to_owned(),
            Patterns::Some { beginnings, lengths } => (beginnings, lengths),
        };
        let (mut shown, mut done) = (String::new(), 0);
        while let Some(found) = beginnings.find(Input::new(text).range(done..)) {
            shown.push_str(&text[done..found.start()]);
            shown.push_str(REDACTED);
            let length = lengths[found.pattern().as_usize()];
            done = text.ceil_char_boundary((found.start() + length).min(text.len()));
        }
        shown.push_str(&text[done..]);
        shown
    }
}

/// Whether `secret` is hidden already.
fn is_masked(secret: &str) -> bool {
    secret.bytes().all(|b| b == b'*')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none(&[], "a hunter2", "a hunter2")]
    #[case::all(&["hunter2"], "hunter2 is not hunter2", "****** is not ******")]
    #[case::the_longest(&["hunter", "hunter2", "ter2b"], "xhunter2b", "x******b")]
    #[case::twice_in_the_list(&["abcd", "abcd"], "abcdabcd", "************")]
    #[case::masked_already(&["****", ""], "evil.io/****", "evil.io/****")]
    #[case::no_other_letters(&["pässwörd"], "ein pässwörd!", "ein ******!")]
    fn hides(#[case] secrets: &[&str], #[case] text: &str, #[case] expected: &str) {
        let hidden = Hidden::new(secrets.iter().map(|secret| (*secret).to_owned()));
        assert_eq!(hidden.hide(text), expected);
    }

    #[test]
    fn a_long_secret_is_hidden_whole_and_also_where_it_is_cut_off() {
        let secret = "ä1".repeat(100);
        let hidden = Hidden::new([secret.clone()]);
        assert_eq!(hidden.hide(&format!("a {secret} b")), "a ****** b");
        assert_eq!(hidden.hide(&format!("a {}", &secret[..150])), "a ******");
    }

    #[test]
    fn more_than_can_be_looked_for_hides_everything() {
        let hidden = Hidden::new((0..20_000).map(|n| format!("secret number {n}")));
        assert_eq!(hidden.hide("anything"), REDACTED);
    }
}
