//! `spec.flinkVersion`.

enumeration! {
    /// A Flink minor version as the API spells it. Ordered from old to new.
    pub enum FlinkVersion {
        /// Flink 1.13
        V1_13 = "v1_13",
        /// Flink 1.14
        V1_14 = "v1_14",
        /// Flink 1.15
        V1_15 = "v1_15",
        /// Flink 1.16
        V1_16 = "v1_16",
        /// Flink 1.17
        V1_17 = "v1_17",
        /// Flink 1.18
        V1_18 = "v1_18",
        /// Flink 1.19
        V1_19 = "v1_19",
        /// Flink 1.20
        V1_20 = "v1_20",
        /// Flink 2.0
        V2_0 = "v2_0",
        /// Flink 2.1
        V2_1 = "v2_1",
        /// Flink 2.2
        V2_2 = "v2_2",
        /// Flink 2.3
        V2_3 = "v2_3",
        /// Flink 2.4
        V2_4 = "v2_4",
    }
}

impl FlinkVersion {
    /// The oldest version that is run. Older ones are refused.
    pub const OLDEST_SUPPORTED: Self = Self::V1_15;

    /// Whether resources of this version are run at all.
    #[must_use]
    pub fn is_supported(self) -> bool {
        self >= Self::OLDEST_SUPPORTED
    }

    /// Whether the version still runs but should be left: 1.15 to 1.18.
    #[must_use]
    pub fn is_deprecated(self) -> bool {
        self.is_supported() && self <= Self::V1_18
    }

    /// Major and minor number, `(1, 20)` for [`Self::V1_20`].
    #[must_use]
    pub fn number(self) -> (u8, u8) {
        // The texts are fixed above: `v<major>_<minor>`.
        let (major, minor) = self.as_str()[1..].split_once('_').unwrap_or(("0", "0"));
        (major.parse().unwrap_or(0), minor.parse().unwrap_or(0))
    }

    /// Name of the configuration file in `FLINK_CONF_DIR` that images of this version read when Kubernetes mounts it:
    /// `config.yaml` (nested YAML) from 2.0 on, `flink-conf.yaml` (flat lines) before.
    #[must_use]
    pub fn config_file_name(self) -> &'static str {
        if self >= Self::V2_0 {
            "config.yaml"
        } else {
            "flink-conf.yaml"
        }
    }
}
