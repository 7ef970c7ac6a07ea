//! Plugins and their list change while they are in force.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::common::{Asked, host, writing};
use prometheus_client::registry::Registry;
use sluice_plugins::Keeper;
use sluice_plugins::metrics::Metrics;
use sluice_shared::extension::Extensions;
use sluice_test_support::volume::publish;
use tempfile::TempDir;

struct Kept {
    folder: TempDir,
    keeper: Keeper,
    extensions: Arc<Extensions>,
    metrics: Registry,
}

fn saying(text: &str) -> Vec<u8> {
    wat::parse_str(writing(&format!(r#"{{"warnings": [{{"message": "{text}"}}]}}"#))).expect("WebAssembly text")
}

fn entry(name: &str, path: &Path, more: &str) -> String {
    format!(
        "- name: {name}\n  source: {{path: {}}}\n  timeout: 20 s\n  failurePolicy: Open\n{more}",
        path.display()
    )
}

impl Kept {
    /// With a list of one plugin, `a`, whose module is these bytes.
    fn new(module: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("a.wasm"), module).expect("written");
        Self::of(folder, |folder| {
            format!("plugins:\n{}", entry("a", &folder.join("a.wasm"), ""))
        })
    }

    fn of(folder: TempDir, list: impl Fn(&Path) -> String) -> Self {
        fs::write(folder.path().join("plugins.yaml"), list(folder.path())).expect("written");
        let extensions: Arc<Extensions> = Arc::default();
        let metrics = Metrics::default();
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        let file = folder.path().join("plugins.yaml");
        let keeper = Keeper::new(&file, host(), Arc::clone(&extensions), metrics).expect("a keeper");
        Self {
            folder,
            keeper,
            extensions,
            metrics: registry,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("written");
    }

    fn list(&self, entries: &[String]) {
        self.write("plugins.yaml", format!("plugins:\n{}", entries.concat()));
    }

    /// What all plugins say, after a look at the files.
    async fn says(&mut self) -> Vec<String> {
        self.keeper.check().await;
        let asked = Asked::default();
        let report = self.extensions.validate(&asked.question());
        assert!(report.is_valid(), "{report}");
        report.warnings.into_iter().map(|warning| warning.message).collect()
    }

    fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics).expect("encoded");
        text
    }
}

#[tokio::test]
async fn a_new_module_is_in_force_at_once_and_a_bad_one_never() {
    let mut kept = Kept::new(&saying("one"));
    assert!(!*kept.keeper.ready().borrow());
    assert_eq!(kept.says().await, ["one"]);
    assert!(*kept.keeper.ready().borrow());
    kept.write("a.wasm", saying("two"));
    assert_eq!(kept.says().await, ["two"]);
    for bad in [&b"\0asm garbage"[..], b"", &saying("three")[..40]] {
        kept.write("a.wasm", bad);
        assert_eq!(kept.says().await, ["two"]);
        assert_eq!(kept.says().await, ["two"], "asked again");
    }
    fs::remove_file(kept.path("a.wasm")).expect("removed");
    assert_eq!(kept.says().await, ["two"]);
    let metrics = kept.metrics();
    assert!(metrics.contains("sluice_plugin_loaded{plugin=\"a\"} 1"), "{metrics}");
    assert!(
        metrics.contains("sluice_plugin_load_failures_total{plugin=\"a\"} 4"),
        "each once: {metrics}"
    );
    kept.write("a.wasm", saying("three"));
    assert_eq!(kept.says().await, ["three"]);
}

/// As kubelet changes a ConfigMap: files are links through `..data`, which is a link that is replaced.
#[tokio::test]
async fn links_are_swapped_as_kubelet_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let mount = folder.path().join("mount");
    fs::create_dir(&mount).expect("made");
    let swap = |mount: &Path, version: &str| {
        publish(mount, &[("a.wasm", saying(version).as_ref())]).expect("written");
    };
    swap(&mount, "1");
    let mut kept = Kept::of(folder, |folder| {
        format!("plugins:\n{}", entry("a", &folder.join("mount/a.wasm"), ""))
    });
    assert_eq!(kept.says().await, ["1"]);
    let mount = kept.path("mount");
    for version in ["2", "3", "4"] {
        swap(&mount, version);
        assert_eq!(kept.says().await, [version]);
    }
}

#[tokio::test]
async fn the_list_changes() {
    let mut kept = Kept::new(&saying("a"));
    kept.write("b.wasm", saying("b"));
    assert_eq!(kept.says().await, ["a"]);
    let (a, b) = (kept.path("a.wasm"), kept.path("b.wasm"));
    kept.list(&[entry("a", &a, ""), entry("b", &b, "  order: -1\n")]);
    assert_eq!(kept.says().await, ["b", "a"]);
    // Only what is said of it changes: another kind than the question's.
    kept.list(&[entry("a", &a, "  kinds: [FlinkSessionJob]\n"), entry("b", &b, "")]);
    assert_eq!(kept.says().await, ["b"]);
    for wrong in ["plugins: [", "plugins:\n- name: a\n", "\u{fffd}\0"] {
        kept.write("plugins.yaml", wrong);
        assert_eq!(kept.says().await, ["b"], "what was in force stays");
        assert!(kept.metrics().contains("sluice_plugins_configuration_invalid 1"));
    }
    kept.list(&[entry("a", &a, "")]);
    assert_eq!(kept.says().await, ["a"]);
    let metrics = kept.metrics();
    assert!(metrics.contains("sluice_plugins_configuration_invalid 0"), "{metrics}");
    assert!(!metrics.contains("plugin=\"b\""), "{metrics}");
    // Another source that does not do: the module of before stays.
    kept.list(&[entry("a", Path::new("/nowhere/a.wasm"), "")]);
    assert_eq!(kept.says().await, ["a"]);
    kept.list(&[entry("a", &b, "")]);
    assert_eq!(kept.says().await, ["b"]);
    kept.list(&[]);
    assert_eq!(kept.says().await, [""; 0]);
}

#[tokio::test]
async fn what_never_ran_follows_its_failure_policy() {
    let mut kept = Kept::new(b"garbage");
    let says = kept.says().await;
    assert!(
        says[0].contains("was not asked: it is not loaded: it is no WebAssembly module"),
        "{says:?}"
    );
    let path = kept.path("a.wasm");
    kept.list(&[entry("a", &path, "").replace("Open", "Closed")]);
    kept.keeper.check().await;
    let asked = Asked::default();
    let report = kept.extensions.validate(&asked.question());
    assert_eq!(report.violations[0].code, "extension-failed");
    assert_eq!(kept.keeper.problems().len(), 1);
    kept.write("a.wasm", saying("right"));
    assert_eq!(kept.says().await, ["right"]);
    assert!(kept.keeper.problems().is_empty());
}

#[test]
fn a_list_that_is_wrong_from_the_start_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plugins.yaml");
    let new = || {
        let error = Keeper::new(&file, host(), Arc::default(), Metrics::default()).expect_err("refused");
        error.to_string()
    };
    assert!(
        new().starts_with(&format!("--plugins {}: No such file", file.display())),
        "{}",
        new()
    );
    fs::write(&file, "plugins:\n- name: A\n  source: {path: /a}\n").expect("written");
    assert!(new().contains("plugins[0] (A): the name has to be"), "{}", new());
}
