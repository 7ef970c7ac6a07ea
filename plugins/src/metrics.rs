//! Metrics of what is in force. Calls are counted where all extensions are called.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The name that the administrator gave the plugin.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    plugin: String,
}

/// Cheap to clone; all clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    loaded: Family<Label, Gauge>,
    failed: Family<Label, Counter>,
    invalid: Gauge,
}

impl Metrics {
    /// Puts them into `registry`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "sluice_plugin_loaded",
            "Whether the plugin has a module that runs",
            self.loaded.clone(),
        );
        registry.register(
            "sluice_plugin_load_failures",
            "Modules that could not be loaded",
            self.failed.clone(),
        );
        registry.register(
            "sluice_plugins_configuration_invalid",
            "Whether the file of plugins is wrong, and an earlier one in force",
            self.invalid.clone(),
        );
    }

    pub(crate) fn loaded(&self, plugin: &str, loaded: bool) {
        self.loaded.get_or_create(&label(plugin)).set(loaded.into());
    }

    pub(crate) fn failed(&self, plugin: &str) {
        self.failed.get_or_create(&label(plugin)).inc();
    }

    pub(crate) fn removed(&self, plugin: &str) {
        self.loaded.remove(&label(plugin));
        self.failed.remove(&label(plugin));
    }

    pub(crate) fn invalid(&self, invalid: bool) {
        self.invalid.set(invalid.into());
    }
}

fn label(plugin: &str) -> Label {
    Label {
        plugin: plugin.to_owned(),
    }
}
