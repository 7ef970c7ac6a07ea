//! The example plugins of the documentation, built from their sources and asked.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};

use crate::common::{Asked, host, settings};
use rstest::rstest;
use serde_json::{Value, json};
use sluice_plugins::{Host, Plugin, Settings};
use sluice_shared::defaults;
use sluice_shared::extension::Extension;

/// The folder with them.
static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
    let output = Command::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/examples/plugins/build.sh"
    ))
    .stderr(Stdio::inherit())
    .output()
    .expect("build.sh runs");
    assert!(output.status.success(), "the examples cannot be built");
    String::from_utf8(output.stdout).expect("a path").trim().into()
});

static HOST: LazyLock<Arc<Host>> = LazyLock::new(host);

/// Compiled once: each test has its own settings.
fn plugin(language: &str, own: Value) -> Plugin {
    let module = fs::read(BUILT.join(format!("{language}.wasm"))).expect("a module");
    let settings = Settings {
        mutating: true,
        settings: own,
        ..settings(language)
    };
    Plugin::new(settings, HOST.engine().compile(&module), Arc::clone(&HOST))
}

fn asked(object: Value) -> Asked {
    Asked {
        object,
        ..Asked::default()
    }
}

#[test]
fn the_one_in_go_wants_our_images_and_an_owner() {
    let plugin = plugin("go", json!({ "registries": ["r.example.com/"], "ownerLabel": "owner" }));
    let wrong = asked(json!({ "metadata": {}, "spec": { "image": "flink:1.20" } }));
    let report = plugin.validate(&wrong.question()).expect("an answer");
    assert_eq!(
        report.violations[0].to_string(),
        "spec.image: \"flink:1.20\" is not from a registry of this company. Use an image of r.example.com/. [go/registry]"
    );
    assert_eq!(report.warnings[0].code, "go/owner");
    let right =
        asked(json!({ "metadata": { "labels": { "owner": "team-a" } }, "spec": { "image": "r.example.com/flink:1" } }));
    assert_eq!(
        plugin.validate(&right.question()),
        Ok(sluice_shared::rules::Report::default())
    );
    assert_eq!(plugin.mutate(&right.question()), Ok(Vec::new()));
    // More than one buffer's worth, with what JSON has to escape.
    let annotations = json!({ "a": "\u{1f40b}\"\\\n".repeat(100_000) });
    let large = asked(json!({ "metadata": { "annotations": annotations }, "spec": { "image": "flink:1.20" } }));
    let report = plugin.validate(&large.question()).expect("an answer");
    assert_eq!(report.violations[0].code, "go/registry");
}

#[rstest]
#[case::without(json!({ "job": { "parallelism": 4 } }))]
#[case::beside_others(json!({ "job": { "parallelism": 4 }, "flinkConfiguration": { "a": "b" } }))]
fn the_one_in_assemblyscript_fills_in_an_interval(#[case] spec: Value) {
    const KEY: &str = "kubernetes.operator.periodic.savepoint.interval";
    let plugin = plugin(
        "assemblyscript",
        json!({ "savepointInterval": "6 h", "mostParallelism": 8 }),
    );
    let mut asked = asked(json!({ "spec": spec }));
    let patch = plugin.mutate(&asked.question()).expect("an answer");
    defaults::apply(&patch, &mut asked.object).expect("applies");
    assert_eq!(asked.object["spec"]["flinkConfiguration"][KEY], "6 h");
    asked.config.set(KEY, "6 h");
    assert_eq!(plugin.mutate(&asked.question()), Ok(Vec::new()));
    assert!(plugin.validate(&asked.question()).expect("an answer").is_valid());
}

#[test]
fn the_one_in_assemblyscript_bounds_parallelism() {
    let plugin = plugin("assemblyscript", json!({ "mostParallelism": 8 }));
    let report = plugin
        .validate(&asked(json!({ "spec": { "job": { "parallelism": 9 } } })).question())
        .expect("an answer");
    assert_eq!(
        report.violations[0].to_string(),
        "spec.job.parallelism: 9 is more than the 8 that this cluster allows. Set at most 8, or ask for more. [assemblyscript/too-wide]"
    );
}
