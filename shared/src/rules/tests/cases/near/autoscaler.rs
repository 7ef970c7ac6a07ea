//! The autoscaler.

use serde_json::{Map, Value, json};

use super::super::Table;
use super::{FD, at, in_version, set};

/// A job that is scaled, with more options of the autoscaler.
fn scaled(options: &[(&str, &str)]) -> Value {
    let mut all = Map::from_iter([("job.autoscaler.enabled".to_owned(), json!("true"))]);
    all.extend(
        options
            .iter()
            .map(|(key, text)| (format!("job.autoscaler.{key}"), json!(text))),
    );
    set(Value::Object(all))
}

fn at_option(key: &str) -> &'static [&'static str] {
    at(&format!("job.autoscaler.{key}"))
}

pub(super) fn autoscaler(table: &mut Table) {
    const OLD: &str = "kubernetes.operator.job.autoscaler.scale-up.max-factor";
    table
        .rule("autoscaler-negative", FD)
        .spec(
            &scaled(&[("target.utilization.boundary", "-0.1")]),
            at_option("target.utilization.boundary"),
        )
        .spec(&scaled(&[("target.utilization.boundary", "0")]), &[])
        .spec(&scaled(&[("scale-up.max-factor", "-0.0")]), &[])
        .spec(
            &scaled(&[("scale-up.max-factor", "-1e-9")]),
            at_option("scale-up.max-factor"),
        )
        .spec(
            &scaled(&[("scale-up.max-factor", "-1"), ("scale-down.max-factor", "-1")]),
            &[
                "spec.flinkConfiguration[job.autoscaler.scale-down.max-factor]",
                "spec.flinkConfiguration[job.autoscaler.scale-up.max-factor]",
            ],
        )
        .spec(
            &set(json!({ "kubernetes.operator.job.autoscaler.enabled": "true", OLD: "-1" })),
            at(OLD),
        )
        .spec(&set(json!({ "job.autoscaler.enabled": "TRUE", OLD: "-1" })), at(OLD))
        // Of two spellings the present one counts.
        .spec(
            &set(json!({ "job.autoscaler.enabled": true, OLD: "-1", "job.autoscaler.scale-up.max-factor": "1" })),
            &[],
        )
        .spec(
            &set(json!({ "job": { "autoscaler": { "enabled": true, "scale-up": { "max-factor": -0.5 } } } })),
            at_option("scale-up.max-factor"),
        )
        .spec(
            &in_version("v2_0", &scaled(&[("scale-up.max-factor", "-1")])),
            at_option("scale-up.max-factor"),
        )
        .spec(
            &set(json!({ "kubernetes.operator.job.autoscaler.enabled": "false", OLD: "-1" })),
            &[],
        );
    table.rule("autoscaler-fraction", FD);
    for key in [
        "memory.gc-pressure.threshold",
        "memory.heap-usage.threshold",
        "utilization.target",
    ] {
        table
            .spec(&scaled(&[(key, "1.0000001")]), at_option(key))
            .spec(&scaled(&[(key, "-1e-9")]), at_option(key))
            .spec(&scaled(&[(key, "0")]), &[])
            .spec(&scaled(&[(key, " 1.0d ")]), &[]);
    }
    for (switch, key, below, least) in [
        (
            "observed-scalability.enabled",
            "observed-scalability.coefficient-min",
            "0.0099",
            "0.01",
        ),
        (
            "scaling.effectiveness.detection.enabled",
            "scaling.effectiveness.threshold",
            "-0.01",
            "0",
        ),
        ("memory.tuning.enabled", "memory.tuning.overhead", "-0.01", "0"),
    ] {
        table
            .spec(&scaled(&[(switch, "true"), (key, below)]), at_option(key))
            .spec(&scaled(&[(switch, "true"), (key, "1.01")]), at_option(key))
            .spec(&scaled(&[(switch, "true"), (key, least)]), &[])
            .spec(&scaled(&[(switch, "true"), (key, "1")]), &[])
            .spec(&scaled(&[(switch, "false"), (key, "1.01")]), &[])
            // The switch alone does not turn the autoscaler on; that it is off says so on purpose.
            .spec(
                &set(json!({
                    "job.autoscaler.enabled": "false",
                    format!("job.autoscaler.{switch}"): "true",
                    format!("job.autoscaler.{key}"): "1.01",
                })),
                &[],
            );
    }
    table
        .spec(
            &scaled(&[("target.utilization", "1.1")]),
            at_option("target.utilization"),
        )
        .spec(
            &scaled(&[("target.utilization", "1.1"), ("utilization.target", "0.5")]),
            &[],
        );
    bounds(table);
    periods(table);
    acting(table);
}

fn bounds(table: &mut Table) {
    table.rule("autoscaler-utilization-bounds", FD);
    for (options, wrong) in [
        (&[("utilization.max", "0.699")][..], "utilization.max"),
        (&[("utilization.max", "1.0001")], "utilization.max"),
        (&[("utilization.min", "0.7001")], "utilization.min"),
        (&[("utilization.min", "-0.0001")], "utilization.min"),
        (
            &[("utilization.target", "0.5"), ("utilization.max", "0.49")],
            "utilization.max",
        ),
        (
            &[("target.utilization", "0.5"), ("utilization.max", "0.49")],
            "utilization.max",
        ),
        (
            &[("target.utilization", "0.5"), ("utilization.min", "0.51")],
            "utilization.min",
        ),
        (
            &[("utilization.target", "1"), ("utilization.max", "0.99")],
            "utilization.max",
        ),
        (
            &[("utilization.target", "0"), ("utilization.min", "0.01")],
            "utilization.min",
        ),
    ] {
        table.spec(&scaled(options), at_option(wrong));
    }
    for options in [
        &[("utilization.max", "1"), ("utilization.min", "0")][..],
        &[("utilization.max", "0.7")],
        &[("utilization.min", "0.7")],
        &[
            ("utilization.target", "1"),
            ("utilization.max", "1"),
            ("utilization.min", "1"),
        ],
        &[
            ("utilization.target", "0"),
            ("utilization.max", "0"),
            ("utilization.min", "0"),
        ],
        &[("target.utilization", "0.5"), ("utilization.max", "0.6")],
    ] {
        table.spec(&scaled(options), &[]);
    }
    table.spec(
        &set(json!({ "job.autoscaler.enabled": "false", "job.autoscaler.utilization.max": "0.1" })),
        &[],
    );
    table.rule("autoscaler-window-too-small", FD);
    for wrong in ["59999 ms", "0", "PT59S"] {
        table.spec(&scaled(&[("metrics.window", wrong)]), at_option("metrics.window"));
    }
    for right in ["60000", "PT1M", "1min", "1 d"] {
        table.spec(&scaled(&[("metrics.window", right)]), &[]);
    }
    table
        .spec(
            &set(json!({
                "job.autoscaler.enabled": true,
                "kubernetes.operator.job.autoscaler.metrics.window": "30 s",
            })),
            at("kubernetes.operator.job.autoscaler.metrics.window"),
        )
        // The window that nobody wrote is of 15 minutes.
        .spec(
            &set(json!({ "job.autoscaler.enabled": true, "kubernetes.operator.reconciler.reschedule.interval": "901 s" })),
            at_option("metrics.window"),
        )
        .spec(
            &set(json!({ "job.autoscaler.enabled": true, "kubernetes.operator.reconcile.interval": "15 min" })),
            &[],
        )
        .spec(&set(json!({ "job.autoscaler.enabled": false, "job.autoscaler.metrics.window": "1 s" })), &[]);
}

fn periods(table: &mut Table) {
    const PERIODS: &str = "excluded.periods";
    table.rule("autoscaler-excluded-period", FD);
    for wrong in [
        "24:00-25:00",
        "09:60-10:00",
        "09:00",
        "9-17",
        "09:00-10:00-11:00",
        "09:00-10:00 & * * * ? * MON",
        "* * * ? * 8",
        "* * * * * *",
        "* * * ? * ?",
        "&&",
        "&& 09:00-10:00",
    ] {
        table.spec(&scaled(&[(PERIODS, wrong)]), at_option(PERIODS));
    }
    for right in [
        "9:00-17:00",
        "09:00 - 17:00",
        "09:00-09:00",
        "00:00:00-23:59:59:999",
        "* * * ? * mon-fri",
        "* * 9-16 ? * 2-6 2026",
        "* * * ? * MON && 09:00-10:00",
        " 09:00-10:00 ; * * * ? * SAT ; ",
    ] {
        table.spec(&scaled(&[(PERIODS, right)]), &[]);
    }
    let list = |periods: Value| {
        set(json!({ "job": { "autoscaler": { "enabled": true, "excluded": { "periods": periods } } } }))
    };
    table
        .spec(&list(json!(["09:00-12:00", "13:00-17:00"])), &[])
        .spec(&list(json!(["09:00-12:00", "lunch"])), at_option(PERIODS))
        .spec(&list(json!([])), &[])
        .spec(
            &set(json!({
                "job.autoscaler.enabled": true,
                "kubernetes.operator.job.autoscaler.excluded.periods": "lunch",
            })),
            at("kubernetes.operator.job.autoscaler.excluded.periods"),
        )
        .spec(
            &set(json!({ "job.autoscaler.enabled": false, "job.autoscaler.excluded.periods": "lunch" })),
            &[],
        );
}

fn acting(table: &mut Table) {
    const MOST: &str = "vertex.max-parallelism";
    const LEAST: &str = "vertex.min-parallelism";
    const OLD: &str = "kubernetes.operator.job.autoscaler.metrics.window";
    table
        .rule("autoscaler-cannot-act", FD)
        .spec(&scaled(&[(LEAST, "5"), (MOST, "4")]), at_option(MOST))
        .spec(&scaled(&[(MOST, "1")]), at_option(MOST))
        .spec(&scaled(&[(LEAST, "200")]), at_option(MOST))
        .spec(&scaled(&[(LEAST, "199")]), &[])
        .spec(&scaled(&[(MOST, "2")]), &[])
        .spec(
            &set(json!({
                "job.autoscaler.enabled": true,
                "kubernetes.operator.job.autoscaler.vertex.max-parallelism": "1",
            })),
            at("kubernetes.operator.job.autoscaler.vertex.max-parallelism"),
        )
        .spec(
            &set(json!({ "job.autoscaler.enabled": true, "scheduler-mode": "Reactive" })),
            at("scheduler-mode"),
        )
        .spec(
            &set(json!({ "job.autoscaler.enabled": false, "scheduler-mode": "reactive" })),
            &[],
        )
        .spec(&in_version("v1_19", &scaled(&[])), &[])
        .spec(&in_version("v2_0", &scaled(&[])), &[]);
    table
        .rule("autoscaler-off", FD)
        .spec(&set(json!({ OLD: "5 min" })), at(OLD))
        // The first says it for all.
        .spec(
            &set(json!({ OLD: "5 min", "job.autoscaler.utilization.target": "0.6" })),
            at_option("utilization.target"),
        )
        .spec(
            &set(json!({ "job": { "autoscaler": { "metrics": { "window": "5 min" } } } })),
            at_option("metrics.window"),
        )
        .spec(
            &in_version("v2_0", &set(json!({ "job.autoscaler.metrics.window": "5 min" }))),
            at_option("metrics.window"),
        )
        .spec(
            &set(json!({ "kubernetes.operator.job.autoscaler.enabled": "false", OLD: "5 min" })),
            &[],
        )
        .spec(&set(json!({ "job.autoscaler.enabled": "true", OLD: "5 min" })), &[]);
}
