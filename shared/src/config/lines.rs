//! What `flink-conf.yaml` cannot carry. Flink before 2.0 reads it line by line: `#` begins a comment anywhere, and there
//! are no quotes (`GlobalConfiguration.loadYAMLResource`).

/// The sign at which the file ends `value`: `#` or `line break`.
#[must_use]
pub fn line_end(value: &str) -> Option<&'static str> {
    let sign = value.chars().find(|c| matches!(c, '#' | '\n' | '\r'))?;
    Some(if sign == '#' { "#" } else { "line break" })
}

/// Whether the file would set another key behind a line break in `key` or `value`.
#[must_use]
pub fn sets_another_key(key: &str, value: &str) -> bool {
    let mut lines = value.split(['\n', '\r']).skip(1);
    key.contains(['\n', '\r']) || lines.any(|line| line.split('#').next().is_some_and(|line| line.contains(": ")))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a", "b", None, false)]
    #[case("a", " b\n", Some("line break"), false)]
    #[case("a", "b # c", Some("#"), false)]
    #[case("a", "b\nc", Some("line break"), false)]
    #[case("a", "b\n# c: d", Some("line break"), false)]
    #[case("a", "b\nc: d", Some("line break"), true)]
    #[case("a", "b\rc: d", Some("line break"), true)]
    #[case("a", "b # c\nd: e", Some("#"), true)]
    #[case("a\nb", "c", None, true)]
    fn lines(#[case] key: &str, #[case] value: &str, #[case] end: Option<&str>, #[case] sets: bool) {
        assert_eq!((line_end(value), sets_another_key(key, value)), (end, sets));
    }
}
