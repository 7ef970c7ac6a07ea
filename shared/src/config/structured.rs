//! Lists (`a;b`) and maps (`k:v,k:v`) as one text, with quotes, as Flink's `StructuredOptionsSplitter` reads them.

/// The text is no list or map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StructuredError {
    /// A quote is opened and never closed.
    #[error("a quote ({quote}) is not closed")]
    OpenQuote {
        /// The quote.
        quote: char,
    },
    /// Something follows a closing quote that is not the delimiter.
    #[error("after a closing quote only \"{delimiter}\" may follow (position {position})")]
    AfterQuote {
        /// What would be allowed.
        delimiter: char,
        /// Where, in characters from 0.
        position: usize,
    },
    /// A map's entry is not `key:value`.
    #[error("\"{entry}\" is not of the form key:value")]
    NotAPair {
        /// The entry.
        entry: String,
    },
}

/// Splits `text` at `delimiter`. White space around parts is dropped; a part in `'` or `"` is taken as it is, with the
/// quote doubled inside. An empty text gives no parts.
///
/// # Errors
/// On quotes that are not closed or not followed by the delimiter.
pub fn split(text: &str, delimiter: char) -> Result<Vec<String>, StructuredError> {
    let chars: Vec<char> = text.chars().collect();
    let mut parts = Vec::new();
    let mut at = 0;
    let mut previous_was_delimiter = false;
    while at < chars.len() {
        let c = chars[at];
        if c == delimiter {
            // Flink adds an empty part between two delimiters, but neither before the first nor after the last.
            if previous_was_delimiter {
                parts.push(String::new());
            }
            previous_was_delimiter = true;
            at += 1;
        } else if c == '\'' || c == '"' {
            let (part, end) = quoted(&chars, at)?;
            parts.push(part);
            at = end;
            while at < chars.len() && chars[at].is_whitespace() && chars[at] != delimiter {
                at += 1;
            }
            if at < chars.len() && chars[at] != delimiter {
                return Err(StructuredError::AfterQuote {
                    delimiter,
                    position: at,
                });
            }
            previous_was_delimiter = false;
        } else if c.is_whitespace() {
            at += 1;
        } else {
            let start = at;
            while at < chars.len() && chars[at] != delimiter {
                at += 1;
            }
            parts.push(chars[start..at].iter().collect::<String>().trim().to_owned());
            previous_was_delimiter = false;
        }
    }
    Ok(parts)
}

/// The quoted part that begins at `start`, and where the text goes on.
fn quoted(chars: &[char], start: usize) -> Result<(String, usize), StructuredError> {
    let quote = chars[start];
    let mut part = String::new();
    let mut at = start + 1;
    while at < chars.len() {
        if chars[at] != quote {
            part.push(chars[at]);
            at += 1;
        } else if chars.get(at + 1) == Some(&quote) {
            part.push(quote);
            at += 2;
        } else {
            return Ok((part, at + 1));
        }
    }
    Err(StructuredError::OpenQuote { quote })
}

/// Splits a map into its entries, in the order written.
pub(super) fn split_map(text: &str) -> Result<Vec<(String, String)>, StructuredError> {
    split(text, ',')?
        .into_iter()
        .map(|entry| {
            let mut parts = split(&entry, ':')?.into_iter();
            match (parts.next(), parts.next(), parts.next()) {
                (Some(key), Some(value), None) => Ok((key, value)),
                _ => Err(StructuredError::NotAPair { entry }),
            }
        })
        .collect()
}

/// `part`, quoted where it holds one of `delimiters`, a quote, or white space at an end.
pub(super) fn quote(part: &str, delimiters: &[char]) -> String {
    let needs = part.contains(delimiters) || part.contains(['\'', '"']) || part.trim() != part;
    if needs {
        format!("'{}'", part.replace('\'', "''"))
    } else {
        part.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", &[])]
    #[case("  ", &[])]
    #[case("a", &["a"])]
    #[case(" a ; b c ", &["a", "b c"])]
    #[case("a;;b", &["a", "", "b"])]
    #[case(";a;", &["a"])]
    #[case("'a;b';c", &["a;b", "c"])]
    #[case("\"it's\" ; 'a ''b'''", &["it's", "a 'b'"])]
    #[case("a'b;c", &["a'b", "c"])]
    fn splits(#[case] text: &str, #[case] parts: &[&str]) {
        assert_eq!(split(text, ';').unwrap(), parts);
    }

    #[rstest]
    #[case("'a", "a quote (') is not closed")]
    #[case("'a' b;c", "after a closing quote only \";\" may follow (position 4)")]
    fn refuses(#[case] text: &str, #[case] message: &str) {
        assert_eq!(split(text, ';').unwrap_err().to_string(), message);
    }

    #[rstest]
    #[case("a:1,b:2", Some(&[("a", "1"), ("b", "2")] as &[_]))]
    #[case("a:'x y'", Some(&[("a", "x y")] as &[_]))]
    #[case("\"url:'http://x'\"", Some(&[("url", "http://x")] as &[_]))]
    #[case("a", None)]
    #[case("a:b:c", None)]
    #[case("a:", None)]
    fn splits_maps(#[case] text: &str, #[case] entries: Option<&[(&str, &str)]>) {
        let read = split_map(text).ok();
        let expected = entries.map(|e| {
            e.iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect::<Vec<_>>()
        });
        assert_eq!(read, expected);
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = split(&text, ';');
            let _ = split_map(&text);
        }

        #[test]
        fn quoted_parts_come_back(parts in prop::collection::vec("[a-z'\";:, ]{1,6}", 0..5)) {
            let text = parts.iter().map(|p| quote(p, &[';'])).collect::<Vec<_>>().join(";");
            prop_assert_eq!(split(&text, ';').unwrap(), parts);
        }
    }
}
