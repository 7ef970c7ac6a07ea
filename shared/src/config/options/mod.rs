//! The options that are read or set, with the spellings and defaults of Flink 1.20 and of the Java operator.
//!
//! The canonical key comes first; aliases are deprecated keys and fall-backs in the order in which Flink tries them.
//! A default is given where the absence of the option means that value.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::option::{OptionValue, option_enum};
use super::{ConfigError, FlinkConfig};

option_enum!(
    /// Type of the REST Service (Flink's `KubernetesConfigOptions.ServiceExposedType`).
    ServiceExposedType {
        /// Reachable within the cluster.
        ClusterIp = "ClusterIP",
        /// Reachable by a port of every node.
        NodePort = "NodePort",
        /// Reachable by a load balancer.
        LoadBalancer = "LoadBalancer",
        /// Reachable within the cluster, by the pods' addresses.
        HeadlessClusterIp = "Headless_ClusterIP",
    }
);

option_enum!(
    /// Pull policy of images.
    ImagePullPolicy {
        /// Pull where the node lacks it.
        IfNotPresent = "IfNotPresent",
        /// Pull at every start.
        Always = "Always",
        /// Never pull.
        Never = "Never",
    }
);

option_enum!(
    /// What remains of a checkpoint when its job ends (Flink's `ExternalizedCheckpointRetention`).
    CheckpointRetention {
        /// Deleted when the job is cancelled.
        DeleteOnCancellation = "DELETE_ON_CANCELLATION",
        /// Kept when the job is cancelled.
        RetainOnCancellation = "RETAIN_ON_CANCELLATION",
        /// Never kept.
        None = "NO_EXTERNALIZED_CHECKPOINTS",
    }
);

option_enum!(
    /// How Deployments are deleted.
    DeletionPropagation {
        /// What they own is deleted afterwards.
        Background = "BACKGROUND",
        /// What they own is deleted first.
        Foreground = "FOREGROUND",
        /// What they own stays.
        Orphan = "ORPHAN",
    }
);

/// An option, whatever its type.
struct Known {
    key: &'static str,
    aliases: &'static [&'static str],
    /// Whether a text is of the option's type.
    check: fn(&str, &str) -> Result<(), ConfigError>,
    #[cfg(test)]
    default: Option<&'static str>,
}

fn all() -> impl Iterator<Item = &'static Known> {
    [flink::TABLE, operator::TABLE, autoscaler::TABLE].into_iter().flatten()
}

/// Every spelling; a key of its own goes before an alias, and the first of several aliases stays.
static BY_SPELLING: LazyLock<HashMap<&'static str, &'static Known>> = LazyLock::new(|| {
    let aliases = all().flat_map(|option| option.aliases.iter().map(move |alias| (*alias, option)));
    let mut by_spelling = HashMap::new();
    for (key, option) in all().map(|option| (option.key, option)).chain(aliases) {
        by_spelling.entry(key).or_insert(option);
    }
    by_spelling
});

fn known(key: &str) -> Option<&'static Known> {
    BY_SPELLING.get(key).copied()
}

/// Whether `key` is a spelling of an option that is read here.
#[must_use]
pub fn is_known(key: &str) -> bool {
    known(key).is_some()
}

/// Whether `text` is of the type of the option `key`, in whichever spelling. Nothing is wrong with unknown keys.
///
/// # Errors
/// What is wrong, without the value where the key is sensitive.
pub fn check(key: &str, text: &str) -> Result<(), ConfigError> {
    known(key).map_or(Ok(()), |option| (option.check)(key, text))
}

/// The canonical key of the option that `key` is an older spelling of; `None` where it is canonical or unknown.
#[must_use]
pub fn canonical_key(key: &str) -> Option<&'static str> {
    known(key)
        .map(|option| option.key)
        .filter(|canonical| *canonical != key)
}

fn check_type<T: OptionValue>(key: &str, text: &str) -> Result<(), ConfigError> {
    T::parse(text)
        .map(|_| ())
        .map_err(|problem| ConfigError::new::<T>(key, problem))
}

macro_rules! options {
    ($($(#[$meta:meta])* $name:ident: $type:ty = $key:literal $([$($alias:literal),*])? $(= $default:literal)?;)+) => {
        $(
            $(#[$meta])*
            pub const $name: ConfigOption<$type> =
                ConfigOption::new($key, &[$($($alias),*)?], options!(@default $($default)?));
        )+

        /// The options of this file.
        pub(super) const TABLE: &[Known] = &[$(Known {
            key: $name.key,
            aliases: $name.aliases,
            check: check_type::<$type>,
            #[cfg(test)]
            default: $name.default,
        }),+];
    };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
}

// Behind the macro that they use.
mod autoscaler;
mod flink;
mod operator;

pub use autoscaler::*;
pub use flink::*;
pub use operator::*;

/// Prefix of environment variables of the JobManager.
pub const JOB_MANAGER_ENV_PREFIX: &str = "containerized.master.env.";
/// Prefix of environment variables of TaskManagers.
pub const TASK_MANAGER_ENV_PREFIX: &str = "containerized.taskmanager.env.";
/// Prefix of the operator's own keys, which a cluster never sees.
pub const OPERATOR_PREFIX: &str = "kubernetes.operator.";
/// Prefix of the autoscaler's keys, which a cluster never sees.
pub const AUTOSCALER_PREFIX: &str = "job.autoscaler.";
/// Whether `key` is the operator's or the autoscaler's own: no cluster gets it.
#[must_use]
pub fn is_of_operator(key: &str) -> bool {
    key.starts_with(OPERATOR_PREFIX) || key.starts_with(AUTOSCALER_PREFIX)
}

/// Class name by which Kubernetes high availability is named in older configurations.
pub const KUBERNETES_HA_FACTORY: &str = "org.apache.flink.kubernetes.highavailability.KubernetesHaServicesFactory";

/// Whether `config` turns high availability on, of whatever kind (Flink's `HighAvailabilityMode`).
///
/// # Errors
/// None at present: the mode is a text.
pub fn is_ha_enabled(config: &FlinkConfig) -> Result<bool, ConfigError> {
    Ok(!config.value_or_default(&HA_MODE)?.trim().eq_ignore_ascii_case("none"))
}

/// Whether `config` keeps high-availability metadata in ConfigMaps.
///
/// # Errors
/// None at present: the mode is a text.
pub fn is_kubernetes_ha(config: &FlinkConfig) -> Result<bool, ConfigError> {
    let mode = config.value_or_default(&HA_MODE)?;
    Ok(mode.eq_ignore_ascii_case("kubernetes") || mode == KUBERNETES_HA_FACTORY)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::*;

    #[test]
    fn every_default_is_of_its_options_type() {
        for option in all() {
            if let Some(default) = option.default {
                assert_eq!((option.check)(option.key, default), Ok(()));
            }
        }
    }

    #[test]
    fn keys_are_unique_and_no_option_is_its_own_alias() {
        let mut seen = BTreeSet::new();
        for option in all() {
            assert!(seen.insert(option.key), "{} is defined twice", option.key);
            assert!(!option.aliases.contains(&option.key), "{}", option.key);
        }
    }

    #[test]
    fn any_spelling_is_checked() {
        assert_eq!(check("parallelism.default", "2"), Ok(()));
        assert_eq!(check("unheard.of", "anything"), Ok(()));
        assert!(check("parallelism.default", "two").is_err());
        assert!(check("web.port", "http").is_err());
        assert_eq!(canonical_key("high-availability"), Some("high-availability.type"));
        assert_eq!(canonical_key("high-availability.type"), None);
        assert_eq!(canonical_key("unheard.of"), None);
    }

    #[rstest]
    #[case(&[], false, false)]
    #[case(&[("high-availability", "NONE")], false, false)]
    #[case(&[("high-availability", "kubernetes")], true, true)]
    #[case(&[("high-availability.type", "zookeeper")], true, false)]
    #[case(&[("high-availability", KUBERNETES_HA_FACTORY)], true, true)]
    #[case(&[("recovery.mode", "zookeeper"), ("high-availability.type", "NONE")], false, false)]
    fn high_availability(#[case] entries: &[(&str, &str)], #[case] any: bool, #[case] kubernetes: bool) {
        let config: FlinkConfig = entries.iter().copied().collect();
        assert_eq!(is_ha_enabled(&config), Ok(any));
        assert_eq!(is_kubernetes_ha(&config), Ok(kubernetes));
    }
}
