//! The catalogue against itself, and against what the real Flink said.

use std::collections::BTreeMap;

use rstest::rstest;

use super::*;

/// Key, versions, text, whether the real Flink reads it.
const VECTORS: &str = include_str!("vectors.tsv");

fn supported() -> impl Iterator<Item = FlinkVersion> {
    FlinkVersion::ALL
        .iter()
        .copied()
        .filter(|v| v.is_supported() && *v <= NEWEST)
}

/// Values that are of the option's type and that Flink refuses all the same: `ranges.tsv` says where.
const OUT_OF_RANGE: &[(&str, &[&str])] = &[
    (
        "execution.checkpointing.timeout",
        &[
            "0",
            "7 ms",
            "7 milli",
            "7 millis",
            "7 millisecond",
            "7 milliseconds",
            "7 \u{b5}s",
            "7 micro",
            "7 micros",
            "7 microsecond",
            "7 microseconds",
            "7 ns",
            "7 nano",
            "7 nanos",
            "7 nanosecond",
            "7 nanoseconds",
        ],
    ),
    ("jobmanager.rpc.port", &["0", "-1", "65536"]),
    ("rest.port", &["0", "-1", "65536"]),
    ("taskmanager.numberOfTaskSlots", &["0", "-1"]),
];

#[test]
fn values_are_judged_as_flink_judges_them() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for line in VECTORS.lines() {
        let [key, versions, text, verdict] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let text: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
        for version in supported().filter(|version| table::covers(versions, *version)) {
            tried += 1;
            let is_read = judge(&lookup(key, version), |option| {
                value::check(key, option, &text, version)
            })
            .is_ok();
            if is_read != (verdict != "no") {
                wrong.push(format!("{version} {line}"));
            }
            // What users get: type and range.
            let is_out = OUT_OF_RANGE
                .iter()
                .any(|(ranged, texts)| *ranged == key && texts.contains(&text.as_str()));
            if check(key, &text, Some(version)).is_ok() != (verdict != "no" && !is_out) {
                wrong.push(format!("{version} {line}: type and range"));
            }
        }
    }
    assert!(tried > 5_000, "{tried}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_line_is_found_and_every_default_is_a_value() {
    let mut by_key: BTreeMap<&str, Vec<Entry>> = BTreeMap::new();
    for entry in entries() {
        by_key.entry(entry.key()).or_default().push(entry);
    }
    assert!(by_key.len() > 1_300, "{}", by_key.len());
    for (key, expected) in by_key {
        assert_eq!(table::find(key).collect::<Vec<_>>(), expected);
        for entry in expected {
            assert!(supported().any(|version| entry.is_of(version)), "{entry:?}");
            if let Some(option) = entry.spelling_of() {
                assert!(table::find(option).next().is_some(), "{entry:?}");
            }
            // A negative duration is a default that nobody can write.
            let Some(default) = entry.default().filter(|text| !text.starts_with("-1 m")) else {
                continue;
            };
            for version in supported().filter(|version| entry.is_of(*version)) {
                // The text as it is, where a comment or an empty value would be no value.
                if !default.is_empty() {
                    assert_eq!(value::check(key, &entry, default, version), Ok(()), "{entry:?}");
                }
            }
        }
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    for key in [
        "",
        "a",
        "zzzz",
        "rest.por",
        "rest.portt",
        "taskmanager",
        "\t",
        "\n",
        "ä",
    ] {
        assert_eq!(table::find(key).next(), None, "{key}");
        assert_eq!(lookup(key, FlinkVersion::V1_20), Known::Unknown, "{key}");
    }
}

#[rstest]
#[case("parallelism.default")]
#[case("execution.checkpointing.interval")]
#[case("kubernetes.operator.savepoint.format.type")]
#[case("job.autoscaler.enabled")]
#[case("taskmanager.numberOfTaskSlots")]
#[case("high-availability.storageDir")]
#[case("state.backend.rocksdb.memory.managed")]
#[case("table.exec.state.ttl")]
#[case("python.executable")]
#[case("kubernetes.jobmanager.tolerations")]
fn options_are_known(#[case] key: &str) {
    for version in supported() {
        match lookup(key, version) {
            Known::Option(option) => assert_eq!(option.key(), key),
            other => panic!("{version}: {other:?}"),
        }
    }
}

#[rstest]
#[case("metrics.reporter.prom.factory.class")]
#[case("metrics.reporter.prom.filterLabelValueCharacters")]
#[case("containerized.master.env.LD_PRELOAD")]
#[case("s3.access-key")]
#[case("fs.s3a.connection.maximum")]
#[case("kubernetes.jobmanager.labels.team")]
#[case("kubernetes.taskmanager.annotations.prometheus.io/scrape")]
#[case("pipeline.global-job-parameters.day")]
#[case("external-resource.gpu.amount")]
#[case("kubernetes.operator.job.autoscaler.enabled")]
fn keys_of_others_are_free(#[case] key: &str) {
    for version in supported() {
        assert_eq!(lookup(key, version), Known::Free, "{version}");
        assert!(is_known(key));
    }
}

#[rstest]
#[case("high-availability", FlinkVersion::V1_20, &["high-availability.type"])]
#[case("state.checkpoints.dir", FlinkVersion::V1_20, &["execution.checkpointing.dir"])]
#[case("state.backend", FlinkVersion::V2_0, &["state.backend.type"])]
#[case("kubernetes.operator.reconciler.reschedule.interval", FlinkVersion::V1_20, &["kubernetes.operator.reconcile.interval"])]
#[case("web.port", FlinkVersion::V1_20, &["rest.bind-port", "rest.port"])]
fn deprecated_spellings(#[case] key: &str, #[case] version: FlinkVersion, #[case] options: &[&str]) {
    let Known::Spelling { of, deprecated: true } = lookup(key, version) else {
        panic!("{:?}", lookup(key, version));
    };
    assert_eq!(of.iter().map(Entry::key).collect::<Vec<_>>(), options);
}

#[rstest]
#[case(
    "execution.checkpointing.dir",
    FlinkVersion::V1_18,
    "1.20",
    "2.3",
    false,
    Some("state.checkpoints.dir")
)]
#[case(
    "high-availability.type",
    FlinkVersion::V1_16,
    "1.17",
    "2.3",
    false,
    Some("high-availability")
)]
#[case("pipeline.registered-kryo-types", FlinkVersion::V2_0, "1.15", "1.20", true, None)]
fn keys_of_other_versions(
    #[case] key: &str,
    #[case] version: FlinkVersion,
    #[case] first: &'static str,
    #[case] last: &'static str,
    #[case] gone: bool,
    #[case] replacement: Option<&'static str>,
) {
    assert_eq!(
        lookup(key, version),
        Known::Elsewhere(Elsewhere {
            first,
            last,
            gone,
            replacement
        })
    );
}

#[test]
fn a_fall_back_is_no_deprecated_spelling() {
    assert!(matches!(
        lookup("kubernetes.service-account", FlinkVersion::V1_20),
        Known::Option(_) | Known::Spelling { deprecated: false, .. }
    ));
}

#[test]
fn a_value_is_refused_without_a_version_only_where_all_versions_refuse_it() {
    assert!(check("execution.checkpointing.interval", "PT10S", Some(FlinkVersion::V1_20)).is_err());
    assert_eq!(check("execution.checkpointing.interval", "PT10S", None), Ok(()));
    assert!(check("execution.checkpointing.interval", "soon", None).is_err());
    assert_eq!(check("unheard.of", "soon", None), Ok(()));
}

#[test]
fn secrets_stay_hidden() {
    let key = "kubernetes.env.secretKeyRef";
    let problem = check(key, "hunter2", Some(FlinkVersion::V1_20)).unwrap_err();
    assert_eq!(problem.message, "the value (hidden) is no list of maps");
    assert!(!problem.fix.contains("hunter2"));
}

#[test]
fn ranges_are_of_options_and_hold_their_defaults() {
    let mut keys = Vec::new();
    for range in ranges::all() {
        for version in supported() {
            let Known::Option(option) = lookup(range.key, version) else {
                panic!("{} in {version}", range.key);
            };
            if let Some(default) = option.default() {
                assert_eq!(check(range.key, default, Some(version)), Ok(()), "{}", range.key);
            }
        }
        keys.push(range.key);
    }
    assert_eq!(keys.len(), 14);
    let has_source = |line: &str| line.split('\t').nth(4).is_some_and(|source| !source.is_empty());
    assert!(ranges::RANGES.lines().all(has_source));
    assert!(keys.is_sorted());
}

#[rstest]
#[case("taskmanager.numberOfTaskSlots", "1", true)]
#[case("taskmanager.numberOfTaskSlots", "0", false)]
#[case("taskmanager.numberOfTaskSlots", "-1", false)]
#[case("taskmanager.numberOfTaskSlots", "4 # a comment", true)]
#[case("taskmanager.numberOfTaskSlots", "# nothing", true)]
#[case("rest.port", "65535", true)]
#[case("rest.port", "1", true)]
#[case("rest.port", "0", false)]
#[case("rest.port", "65536", false)]
#[case("rest.port", "99999", false)]
#[case("rest.bind-port", "0", true)]
#[case("rest.bind-port", "8081", true)]
#[case("rest.bind-port", "8081-8090", false)]
#[case("rest.bind-port", "65536", false)]
#[case("blob.server.port", "6124", true)]
#[case("blob.server.port", "50100-50200", false)]
#[case("taskmanager.rpc.port", "-1", false)]
// Looked at with high availability only.
#[case("high-availability.jobmanager.port", "6123,6124", true)]
#[case("jobmanager.rpc.port", "0", false)]
#[case("jobmanager.rpc.port", "6123", true)]
// These are set from the spec, whatever stands here.
#[case("parallelism.default", "0", true)]
#[case("kubernetes.jobmanager.replicas", "0", true)]
#[case("pipeline.max-parallelism", "0", false)]
#[case("pipeline.max-parallelism", "-1", true)]
#[case("execution.checkpointing.timeout", "9 ms", false)]
#[case("execution.checkpointing.timeout", "10 ms", true)]
#[case("execution.checkpointing.timeout", "10", true)]
#[case("execution.checkpointing.max-concurrent-checkpoints", "0", false)]
#[case("execution.checkpointing.tolerable-failed-checkpoints", "-1", false)]
#[case("execution.checkpointing.tolerable-failed-checkpoints", "0", true)]
#[case("kubernetes.jobmanager.cpu.limit-factor", "0.9", false)]
#[case("kubernetes.jobmanager.cpu.limit-factor", "1.0", true)]
#[case("kubernetes.taskmanager.memory.limit-factor", "NaN", false)]
// An older spelling.
#[case("web.port", "99999", false)]
// Out of a range that is no rule of Flink's: it takes its default.
#[case("execution.checkpointing.num-retained", "0", true)]
fn values_are_within_their_ranges(#[case] key: &str, #[case] text: &str, #[case] expected: bool) {
    assert_eq!(check(key, text, Some(FlinkVersion::V1_20)).is_ok(), expected);
    assert_eq!(check(key, text, None).is_ok(), expected);
}
