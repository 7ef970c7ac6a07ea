//! Lists and maps as the text of one value, as Flink's `ConfigurationUtils.convertToString` writes them.

use std::fmt::Display;

fn quote(text: &str, delimiter: char) -> String {
    if text.contains([delimiter, '\'', '"']) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        text.to_owned()
    }
}

/// `a;b`
pub(super) fn list<I: IntoIterator<Item: AsRef<str>>>(elements: I) -> String {
    let elements: Vec<_> = elements.into_iter().map(|e| quote(e.as_ref(), ';')).collect();
    elements.join(";")
}

/// `k:v,k:v`
pub(super) fn map<K: Display, V: Display>(entries: impl IntoIterator<Item = (K, V)>) -> String {
    let entries: Vec<_> = entries
        .into_iter()
        .map(|(key, value)| {
            let pair = format!("{}:{}", quote(&key.to_string(), ':'), quote(&value.to_string(), ':'));
            quote(&pair, ',')
        })
        .collect();
    entries.join(",")
}

/// A number as Java's `Double.toString` writes it in the range of resources: always with a fraction.
pub(super) fn double(number: f64) -> String {
    format!("{number:?}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rstest::rstest;
    use sluice_shared::config::{ConfigOption, FlinkConfig, Map};

    use super::*;

    const LIST: ConfigOption<Vec<String>> = ConfigOption::new("list", &[], None);
    const MAP: ConfigOption<Map> = ConfigOption::new("map", &[], None);

    #[rstest]
    #[case(&["a", "b"], "a;b")]
    #[case(&["a;b", "c"], "'a;b';c")]
    #[case(&["it's"], "'it''s'")]
    fn lists(#[case] elements: &[&str], #[case] expected: &str) {
        assert_eq!(list(elements), expected);
    }

    #[rstest]
    #[case(&[("a", "1"), ("b", "2")], "a:1,b:2")]
    #[case(&[("url", "http://x")], "'url:''http://x'''")]
    #[case(&[("a", "1,2")], "'a:1,2'")]
    fn maps(#[case] entries: &[(&str, &str)], #[case] expected: &str) {
        assert_eq!(map(entries.iter().copied()), expected);
    }

    #[rstest]
    #[case(1.0, "1.0")]
    #[case(0.5, "0.5")]
    #[case(0.1 * 3.0, "0.30000000000000004")]
    fn doubles(#[case] number: f64, #[case] expected: &str) {
        assert_eq!(double(number), expected);
    }

    proptest! {
        // Parts without white space at their ends, which Flink drops when it reads them.
        #[test]
        fn lists_are_read_back(elements in prop::collection::vec("[a-z;:,'\"]{1,5}", 1..4)) {
            let config: FlinkConfig = [("list", list(&elements))].into_iter().collect();
            prop_assert_eq!(config.value(&LIST), Ok(Some(elements)));
        }

        #[test]
        fn maps_are_read_back(entries in prop::collection::btree_map("[a-z;:,'\"]{1,5}", "[a-z;:,'\"]{1,5}", 1..4)) {
            let config: FlinkConfig = [("map", map(&entries))].into_iter().collect();
            let expected: BTreeMap<_, _> = entries;
            prop_assert_eq!(config.value(&MAP), Ok(Some(Map(expected))));
        }
    }
}
