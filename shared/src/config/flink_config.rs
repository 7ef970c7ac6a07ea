//! The flat form of a configuration.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::fmt;
use std::ops::Bound;

use super::option::{ConfigError, ConfigOption, OptionValue};
use super::secrets::{REDACTED, is_sensitive_key};

/// Keys and values as Flink reads them, ordered by key. `Debug` hides values of sensitive keys.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FlinkConfig(BTreeMap<String, String>);

impl FlinkConfig {
    /// Nothing configured.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The text of exactly this key. Aliases are known to [`FlinkConfig::value`] only.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Sets exactly this key.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.insert(key.into(), value.into());
    }

    /// Sets exactly this key unless it is set.
    pub fn set_default(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.entry(key.into()).or_insert_with(|| value.into());
    }

    /// Sets `option` by its canonical key, unless it is set in any spelling.
    pub fn set_option_default<T>(&mut self, option: &ConfigOption<T>, value: impl Into<String>) {
        if !self.is_set(option) {
            self.set(option.key, value);
        }
    }

    /// Removes exactly this key and gives its text back.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// Whether exactly this key is set.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Keys and texts in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Keys that begin with `prefix`, without it, and their texts, in the order of keys.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .map_while(move |(key, value)| Some((key.strip_prefix(prefix)?, value.as_str())))
    }

    /// Keeps the keys for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &str) -> bool) {
        self.0.retain(|key, value| keep(key, value));
    }

    /// Sets everything that `upper` sets: a later layer over this one.
    pub fn overlay(&mut self, upper: &Self) {
        for (key, value) in upper.iter() {
            self.set(key, value);
        }
    }

    /// Whether `option` is set in any of its spellings.
    #[must_use]
    pub fn is_set<T>(&self, option: &ConfigOption<T>) -> bool {
        self.written(option).is_some()
    }

    /// The spelling by which `option` is set, and its text: the canonical key before aliases, aliases in their order.
    #[must_use]
    pub fn written<T>(&self, option: &ConfigOption<T>) -> Option<(&str, &str)> {
        option
            .keys()
            .find_map(|key| self.0.get_key_value(key))
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The value of `option`, or `None` where it is not set. The default is not applied.
    ///
    /// # Errors
    /// When the text is not of the option's type.
    pub fn value<T: OptionValue>(&self, option: &ConfigOption<T>) -> Result<Option<T>, ConfigError> {
        for key in option.keys() {
            if let Some(text) = self.get(key) {
                return T::parse(text)
                    .map(Some)
                    .map_err(|problem| ConfigError::new::<T>(key, problem));
            }
            if let Some(value) = T::from_below(self, key) {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    /// The value of `option`, or else its default.
    ///
    /// # Errors
    /// When the text is not of the option's type, or the option is not set and has no default.
    pub fn value_or_default<T: OptionValue>(&self, option: &ConfigOption<T>) -> Result<T, ConfigError> {
        match self.value(option)? {
            Some(value) => Ok(value),
            None => option.default_value(),
        }
    }
}

impl fmt::Debug for FlinkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.iter()
                    .map(|(key, value)| (key, if is_sensitive_key(key) { REDACTED } else { value })),
            )
            .finish()
    }
}

impl From<BTreeMap<String, String>> for FlinkConfig {
    fn from(entries: BTreeMap<String, String>) -> Self {
        Self(entries)
    }
}

impl From<FlinkConfig> for BTreeMap<String, String> {
    fn from(config: FlinkConfig) -> Self {
        config.0
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for FlinkConfig {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self(entries.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }
}

impl IntoIterator for FlinkConfig {
    type Item = (String, String);
    type IntoIter = btree_map::IntoIter<String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::Map;
    use super::*;

    const DIR: ConfigOption<String> =
        ConfigOption::new("execution.checkpointing.dir", &["state.checkpoints.dir"], None);
    const SLOTS: ConfigOption<i32> = ConfigOption::new("taskmanager.numberOfTaskSlots", &[], Some("1"));
    const LABELS: ConfigOption<Map> = ConfigOption::new("kubernetes.jobmanager.labels", &[], None);

    fn config(entries: &[(&str, &str)]) -> FlinkConfig {
        entries.iter().copied().collect()
    }

    #[rstest]
    #[case::unset(&[], None)]
    #[case::canonical(&[("execution.checkpointing.dir", "a")], Some("a"))]
    #[case::alias(&[("state.checkpoints.dir", "b")], Some("b"))]
    #[case::canonical_first(&[("state.checkpoints.dir", "b"), ("execution.checkpointing.dir", "a")], Some("a"))]
    fn aliases(#[case] entries: &[(&str, &str)], #[case] expected: Option<&str>) {
        assert_eq!(config(entries).value(&DIR), Ok(expected.map(str::to_owned)));
        assert_eq!(config(entries).is_set(&DIR), expected.is_some());
    }

    #[test]
    fn defaults() {
        assert_eq!(config(&[]).value(&SLOTS), Ok(None));
        assert_eq!(config(&[]).value_or_default(&SLOTS), Ok(1));
        assert_eq!(
            config(&[]).value_or_default(&DIR).unwrap_err().to_string(),
            "execution.checkpointing.dir is not set"
        );
    }

    #[test]
    fn errors_name_the_spelling_used_and_hide_secrets() {
        let slots = config(&[("taskmanager.numberOfTaskSlots", "two")])
            .value(&SLOTS)
            .unwrap_err();
        assert_eq!(
            slots.to_string(),
            "taskmanager.numberOfTaskSlots: \"two\" is no whole number"
        );
        let secret: ConfigOption<i32> = ConfigOption::new("my.password", &[], None);
        let error = config(&[("my.password", "hunter2")]).value(&secret).unwrap_err();
        assert_eq!(error.to_string(), "my.password: the value (hidden) is no whole number");
        assert!(!format!("{error:?} {:?}", config(&[("my.password", "hunter2")])).contains("hunter2"));
    }

    #[test]
    fn a_map_may_be_written_key_by_key() {
        let written = config(&[
            ("kubernetes.jobmanager.labels.team", "a"),
            ("kubernetes.jobmanager.labels.x.y", "b"),
        ]);
        let labels = written.value(&LABELS).unwrap().unwrap();
        assert_eq!(labels.0.get("team").map(String::as_str), Some("a"));
        assert_eq!(labels.0.get("x.y").map(String::as_str), Some("b"));
    }

    #[test]
    fn layers() {
        let mut lower = config(&[("a", "1"), ("b", "1")]);
        lower.overlay(&config(&[("b", "2"), ("c", "2")]));
        lower.set_default("a", "3");
        lower.set_default("d", "3");
        assert_eq!(lower, config(&[("a", "1"), ("b", "2"), ("c", "2"), ("d", "3")]));
        lower.set_option_default(&DIR, "x");
        assert_eq!(lower.get("execution.checkpointing.dir"), Some("x"));
        let mut aliased = config(&[("state.checkpoints.dir", "b")]);
        aliased.set_option_default(&DIR, "x");
        assert_eq!(aliased, config(&[("state.checkpoints.dir", "b")]));
    }
}
