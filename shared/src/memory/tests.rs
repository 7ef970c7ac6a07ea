use rstest::rstest;

use super::*;
use crate::config::FlinkConfig;

/// What Flink answers; see the file's head.
const FLINK_SAYS: &str = include_str!("flink.tsv");

fn config(prefix: &str, entries: &str) -> FlinkConfig {
    entries
        .split_whitespace()
        .filter_map(|entry| entry.split_once('='))
        .map(|(key, value)| (format!("{prefix}{key}"), value.to_owned()))
        .collect()
}

fn cases(role: &'static str) -> impl Iterator<Item = (&'static str, Option<Vec<u64>>)> {
    FLINK_SAYS.lines().filter_map(move |line| {
        let mut columns = line.split('\t');
        if columns.next() != Some(role) {
            return None;
        }
        let entries = columns.next()?;
        let sizes = columns.next()?;
        let sizes = (sizes != "refused").then(|| sizes.split(' ').map(|n| n.parse().unwrap()).collect());
        Some((entries, sizes))
    })
}

#[test]
fn a_job_manager_is_divided_as_flink_divides_it() {
    let mut seen = 0;
    for (entries, expected) in cases("JM") {
        let derived = job_manager(&config("jobmanager.memory.", entries)).ok().map(|m| {
            [
                m.total_process(),
                m.total_flink(),
                m.heap,
                m.off_heap,
                m.metaspace,
                m.overhead,
            ]
            .map(crate::config::MemorySize::bytes)
            .to_vec()
        });
        assert_eq!(derived, expected, "{entries}");
        seen += 1;
    }
    assert_eq!(seen, 33);
}

#[test]
fn a_task_manager_is_divided_as_flink_divides_it() {
    let mut seen = 0;
    for (entries, expected) in cases("TM") {
        let derived = task_manager(&config("taskmanager.memory.", entries)).ok().map(|m| {
            [
                m.total_process(),
                m.total_flink(),
                m.framework_heap,
                m.task_heap,
                m.managed,
                m.framework_off_heap,
                m.task_off_heap,
                m.network,
                m.metaspace,
                m.overhead,
            ]
            .map(crate::config::MemorySize::bytes)
            .to_vec()
        });
        assert_eq!(derived, expected, "{entries}");
        seen += 1;
    }
    assert_eq!(seen, 38);
}

#[rstest]
#[case("jobmanager.heap.size", "2048m")]
#[case("jobmanager.heap.mb", "2048")]
fn the_old_heap_size_is_the_size_of_the_process(#[case] key: &str, #[case] value: &str) {
    let old: FlinkConfig = [(key, value)].into_iter().collect();
    assert_eq!(
        job_manager(&old),
        job_manager(&config("jobmanager.memory.", "process.size=2048m"))
    );
}

#[rstest]
#[case::nothing(
    "",
    "jobmanager.memory.process.size",
    "nothing says how much memory the JobManager gets",
    "set jobmanager.memory.process.size, for example to 2048m"
)]
#[case::too_small(
    "process.size=500m",
    "jobmanager.memory.process.size",
    "jobmanager.memory.process.size is 500 mb, which is less than its parts need: some heap, off-heap 128 mb, JVM metaspace 256 mb, JVM overhead 192 mb",
    "raise jobmanager.memory.process.size to at least 577 mb, or make its parts smaller"
)]
#[case::flink_too_small(
    "flink.size=100m",
    "jobmanager.memory.flink.size",
    "jobmanager.memory.flink.size is 100 mb, which is less than its parts need: some heap, off-heap 128 mb",
    "raise jobmanager.memory.flink.size to at least 129 mb, or make its parts smaller"
)]
#[case::mismatch(
    "heap.size=1g off-heap.size=64m flink.size=1280m",
    "jobmanager.memory.flink.size",
    "jobmanager.memory.flink.size is 1280 mb, but its parts add up to 1088 mb: heap 1 gb, off-heap 64 mb",
    "set either jobmanager.memory.flink.size or its parts, not both"
)]
#[case::little_overhead(
    "heap.size=1g process.size=1500m",
    "jobmanager.memory.jvm-overhead.min",
    "92 mb would be left for JVM overhead, which must lie between 192 mb (jobmanager.memory.jvm-overhead.min) and 1 gb (jobmanager.memory.jvm-overhead.max)",
    "raise the total, make the other parts smaller, or lower jobmanager.memory.jvm-overhead.min"
)]
#[case::much_overhead(
    "flink.size=1g process.size=4g",
    "jobmanager.memory.jvm-overhead.max",
    "2816 mb would be left for JVM overhead, which must lie between 192 mb (jobmanager.memory.jvm-overhead.min) and 1 gb (jobmanager.memory.jvm-overhead.max)",
    "lower the total, or raise jobmanager.memory.jvm-overhead.max"
)]
#[case::bounds(
    "process.size=2g jvm-overhead.min=2g",
    "jobmanager.memory.jvm-overhead.min",
    "jobmanager.memory.jvm-overhead.min is 2 gb, which is more than jobmanager.memory.jvm-overhead.max, 1 gb",
    "lower jobmanager.memory.jvm-overhead.min or raise jobmanager.memory.jvm-overhead.max"
)]
#[case::fraction(
    "process.size=2g jvm-overhead.fraction=1.5",
    "jobmanager.memory.jvm-overhead.fraction",
    "jobmanager.memory.jvm-overhead.fraction is 1.5, but it must be at least 0 and less than 1",
    "set jobmanager.memory.jvm-overhead.fraction to a number such as 0.1"
)]
#[case::no_size(
    "process.size=much",
    "jobmanager.memory.process.size",
    "jobmanager.memory.process.size: \"much\" is no size; write a whole number and a unit of k, m, g or t (powers of 1024), such as \"2048m\"",
    "correct the value of jobmanager.memory.process.size"
)]
fn errors_name_key_and_fix(#[case] entries: &str, #[case] key: &str, #[case] message: &str, #[case] fix: &str) {
    let error = job_manager(&config("jobmanager.memory.", entries)).unwrap_err();
    assert_eq!(
        (error.key(), error.to_string().as_str(), error.fix().as_str()),
        (key, message, fix)
    );
}

#[test]
fn a_task_manager_that_is_too_small_learns_what_it_needs() {
    let error = task_manager(&config("taskmanager.memory.", "process.size=900m")).unwrap_err();
    assert_eq!(
        error.fix(),
        "raise taskmanager.memory.process.size to at least 982 mb, or make its parts smaller"
    );
}
