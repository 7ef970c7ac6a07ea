//! What a resource's configuration lies on.

use super::options::is_of_operator;
use super::{FlattenError, FlinkConfig, flatten};
use crate::api::{FlinkConfiguration, FlinkDeploymentSpec, FlinkVersion};

/// Prefix of keys that are defaults for one namespace: `<prefix><namespace>.<key>`.
const NAMESPACE_PREFIX: &str = "kubernetes.operator.default-configuration.namespace.";
/// Prefix of keys that are defaults for one Flink version, or with `+` for it and newer ones: `<prefix>v1_18+.<key>`.
const VERSION_PREFIX: &str = "kubernetes.operator.default-configuration.flink-version.";
/// What both begin with.
const PREFIX: &str = "kubernetes.operator.default-configuration.";

/// The administrator's configuration: what holds for every resource, with layers for namespaces and Flink versions.
///
/// Later wins: the configuration itself, the namespace's defaults, defaults for the version and newer ones from the
/// oldest version on, defaults for exactly this version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefaultConfiguration {
    config: FlinkConfig,
    /// `config` without the keys that spell out layers: what most resources get, so it is not worked out for each.
    plain: FlinkConfig,
}

impl DefaultConfiguration {
    /// From the configuration file's content.
    #[must_use]
    pub fn new(config: FlinkConfig) -> Self {
        let mut plain = config.clone();
        plain.retain(|key, _| !key.starts_with(PREFIX));
        Self { config, plain }
    }

    /// The file's content, with the layers as they are written.
    #[must_use]
    pub fn global(&self) -> &FlinkConfig {
        &self.config
    }

    /// The defaults of a resource of `version` in `namespace`. The keys that spell out the layers are left out.
    #[must_use]
    pub fn for_resource(&self, namespace: &str, version: Option<FlinkVersion>) -> FlinkConfig {
        let mut result = self.plain.clone();
        if self.config.with_prefix(PREFIX).next().is_none() {
            return result;
        }
        let mut apply = |prefix: &str| {
            for (key, value) in self.config.with_prefix(prefix) {
                result.set(key, value);
            }
        };
        apply(&format!("{NAMESPACE_PREFIX}{namespace}."));
        if let Some(version) = version {
            for older in FlinkVersion::ALL.iter().filter(|v| **v <= version) {
                apply(&format!("{VERSION_PREFIX}{older}+."));
            }
            apply(&format!("{VERSION_PREFIX}{version}."));
        }
        result
    }

    /// Defaults that get into `flink-conf.yaml` of clusters of Flink before 2.0, by the keys as they are written here.
    pub fn in_lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let goes_there = |key: &str| {
            let by_namespace = key.strip_prefix(NAMESPACE_PREFIX).and_then(|rest| rest.split_once('.'));
            let by_version = key.strip_prefix(VERSION_PREFIX).and_then(|rest| rest.split_once('.'));
            match (by_namespace, by_version) {
                (Some((_, key)), _) => !is_of_operator(key),
                (_, Some((version, key))) => version.starts_with("v1_") && !is_of_operator(key),
                (None, None) => !is_of_operator(key),
            }
        };
        self.config.iter().filter(move |(key, _)| goes_there(key))
    }

    /// The configuration that `spec` means in `namespace`: the defaults with `spec.flinkConfiguration` over them.
    /// Fields of the spec beside the configuration are not part of it.
    ///
    /// # Errors
    /// When `spec.flinkConfiguration` has no flat form.
    pub fn effective(&self, namespace: &str, spec: &FlinkDeploymentSpec) -> Result<FlinkConfig, FlattenError> {
        let mut result = self.for_resource(namespace, spec.flink_version);
        result.overlay(&flattened(spec.flink_configuration.as_ref())?);
        Ok(result)
    }

    /// The configuration of a session job: [`Self::effective`] of its cluster with the job's own over it.
    ///
    /// # Errors
    /// When either has no flat form.
    pub fn effective_of_session_job(
        &self,
        namespace: &str,
        cluster: &FlinkDeploymentSpec,
        job: Option<&FlinkConfiguration>,
    ) -> Result<FlinkConfig, FlattenError> {
        let mut result = self.effective(namespace, cluster)?;
        result.overlay(&flattened(job)?);
        Ok(result)
    }
}

fn flattened(written: Option<&FlinkConfiguration>) -> Result<FlinkConfig, FlattenError> {
    written.map_or(Ok(FlinkConfig::new()), |written| {
        flatten(&written.0).map(FlinkConfig::from)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn defaults() -> DefaultConfiguration {
        let d = "kubernetes.operator.default-configuration";
        DefaultConfiguration::new(
            [
                ("k".to_owned(), "base"),
                ("other".to_owned(), "base"),
                (format!("{d}.namespace.team-a.k"), "namespace"),
                (format!("{d}.namespace.team-a.n"), "namespace"),
                (format!("{d}.flink-version.v1_18+.k"), "1.18+"),
                (format!("{d}.flink-version.v1_20+.k"), "1.20+"),
                (format!("{d}.flink-version.v2_0.k"), "2.0"),
            ]
            .into_iter()
            .collect(),
        )
    }

    #[rstest]
    #[case("team-b", None, "base")]
    #[case("team-a", None, "namespace")]
    #[case("team", Some(FlinkVersion::V1_17), "base")]
    #[case("team-a", Some(FlinkVersion::V1_17), "namespace")]
    #[case("team-a", Some(FlinkVersion::V1_18), "1.18+")]
    #[case("team-a", Some(FlinkVersion::V1_19), "1.18+")]
    #[case("team-a", Some(FlinkVersion::V1_20), "1.20+")]
    #[case("team-a", Some(FlinkVersion::V2_0), "2.0")]
    #[case("team-a", Some(FlinkVersion::V2_1), "1.20+")]
    fn layers(#[case] namespace: &str, #[case] version: Option<FlinkVersion>, #[case] expected: &str) {
        let config = defaults().for_resource(namespace, version);
        assert_eq!(config.get("k"), Some(expected));
        assert_eq!(config.get("other"), Some("base"));
        assert!(config.iter().all(|(key, _)| !key.starts_with(PREFIX)));
    }

    #[test]
    fn the_resource_wins() {
        let spec = FlinkDeploymentSpec {
            flink_version: Some(FlinkVersion::V2_0),
            flink_configuration: Some(FlinkConfiguration(json!({ "k": "spec" }))),
            ..FlinkDeploymentSpec::default()
        };
        let effective = defaults().effective("team-a", &spec).unwrap();
        assert_eq!(effective.get("k"), Some("spec"));
        assert_eq!(effective.get("n"), Some("namespace"));
        let job = FlinkConfiguration(json!({ "k": "job" }));
        let effective = defaults()
            .effective_of_session_job("team-b", &spec, Some(&job))
            .unwrap();
        assert_eq!(effective.get("k"), Some("job"));
    }
}
