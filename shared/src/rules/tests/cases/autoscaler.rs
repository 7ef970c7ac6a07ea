//! The autoscaler and schedules.

use serde_json::{Map, Value, json};

use super::Table;
use crate::rules::Kind;

/// A job that is scaled, with more options.
fn scaled(options: &Value) -> Value {
    let mut all = json!({ "job.autoscaler.enabled": "true" });
    super::super::merge(&mut all, options);
    json!({ "flinkConfiguration": all })
}

/// One option of a job that is scaled.
fn option(key: &str, value: &str) -> Value {
    let options: Map<String, Value> = [(format!("job.autoscaler.{key}"), json!(value))].into_iter().collect();
    scaled(&Value::Object(options))
}

pub(super) fn autoscaler(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    for (key, path) in [
        (
            "scale-down.max-factor",
            "spec.flinkConfiguration[job.autoscaler.scale-down.max-factor]",
        ),
        (
            "scale-up.max-factor",
            "spec.flinkConfiguration[job.autoscaler.scale-up.max-factor]",
        ),
    ] {
        let paths: &'static [&'static str] = Box::leak(vec![path].into_boxed_slice());
        table
            .rule("autoscaler-negative", kind)
            .spec(&option(key, "-0.1"), paths)
            .spec(&option(key, "0"), &[])
            .spec(&option(key, "1000"), &[]);
    }
    table
        .rule("autoscaler-negative", kind)
        // Nothing is scaled, so nothing is wrong.
        .spec(
            &json!({ "flinkConfiguration": { "job.autoscaler.enabled": "false", "job.autoscaler.scale-up.max-factor": "-1" } }),
            &[],
        );
    table.rule("autoscaler-negative", Kind::FlinkSessionJob).spec(
        &option("scale-up.max-factor", "-1"),
        &["spec.flinkConfiguration[job.autoscaler.scale-up.max-factor]"],
    );
    for (key, path) in [
        (
            "memory.gc-pressure.threshold",
            "spec.flinkConfiguration[job.autoscaler.memory.gc-pressure.threshold]",
        ),
        (
            "memory.heap-usage.threshold",
            "spec.flinkConfiguration[job.autoscaler.memory.heap-usage.threshold]",
        ),
        (
            "utilization.target",
            "spec.flinkConfiguration[job.autoscaler.utilization.target]",
        ),
    ] {
        let paths: &'static [&'static str] = Box::leak(vec![path].into_boxed_slice());
        table
            .rule("autoscaler-fraction", kind)
            .spec(&option(key, "-0.1"), paths)
            .spec(&option(key, "1.1"), paths)
            .spec(&option(key, "1"), &[])
            .spec(&option(key, "0.5"), &[]);
    }
    table
        .rule("autoscaler-fraction", kind)
        .spec(
            &scaled(&json!({
                "job.autoscaler.observed-scalability.enabled": "true",
                "job.autoscaler.observed-scalability.coefficient-min": "0.001",
            })),
            &["spec.flinkConfiguration[job.autoscaler.observed-scalability.coefficient-min]"],
        )
        .spec(&option("observed-scalability.coefficient-min", "0.001"), &[])
        .spec(
            &scaled(&json!({
                "job.autoscaler.scaling.effectiveness.detection.enabled": "true",
                "job.autoscaler.scaling.effectiveness.threshold": "2",
            })),
            &["spec.flinkConfiguration[job.autoscaler.scaling.effectiveness.threshold]"],
        )
        .spec(&option("scaling.effectiveness.threshold", "2"), &[])
        .spec(
            &scaled(&json!({
                "job.autoscaler.memory.tuning.enabled": "true",
                "job.autoscaler.memory.tuning.overhead": "-1",
            })),
            &["spec.flinkConfiguration[job.autoscaler.memory.tuning.overhead]"],
        )
        .spec(&option("memory.tuning.overhead", "-1"), &[]);
    bounds(table);
    periods(table);
    acting(table);
}

fn bounds(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    table
        .rule("autoscaler-utilization-bounds", kind)
        .spec(
            &option("utilization.max", "0.6"),
            &["spec.flinkConfiguration[job.autoscaler.utilization.max]"],
        )
        .spec(
            &option("utilization.max", "1.1"),
            &["spec.flinkConfiguration[job.autoscaler.utilization.max]"],
        )
        .spec(
            &option("utilization.min", "0.8"),
            &["spec.flinkConfiguration[job.autoscaler.utilization.min]"],
        )
        .spec(
            &option("utilization.min", "-0.1"),
            &["spec.flinkConfiguration[job.autoscaler.utilization.min]"],
        )
        .spec(
            &scaled(&json!({ "job.autoscaler.utilization.max": "0.7", "job.autoscaler.utilization.min": "0.7" })),
            &[],
        )
        .spec(
            &scaled(&json!({ "job.autoscaler.utilization.target": "0.5", "job.autoscaler.utilization.max": "0.6" })),
            &[],
        );
    table
        .rule("autoscaler-window-too-small", kind)
        .spec(
            &option("metrics.window", "30 s"),
            &["spec.flinkConfiguration[job.autoscaler.metrics.window]"],
        )
        .spec(&option("metrics.window", "60 s"), &[])
        .spec(
            &scaled(&json!({
                "job.autoscaler.metrics.window": "10 min",
                "kubernetes.operator.reconcile.interval": "11 min",
            })),
            &["spec.flinkConfiguration[job.autoscaler.metrics.window]"],
        );
}

fn periods(table: &mut Table) {
    const PERIODS: &str = "spec.flinkConfiguration[job.autoscaler.excluded.periods]";
    let period = |text: &str| option("excluded.periods", text);
    table
        .rule("autoscaler-excluded-period", Kind::FlinkDeployment)
        .spec(&period("09:00-17:00"), &[])
        .spec(&period("* * * ? * SAT,SUN"), &[])
        .spec(&period("09:00-17:00 && * * * ? * MON-FRI"), &[])
        .spec(&period("09:00-12:00;13:00-17:00"), &[])
        .spec(&period(""), &[])
        .spec(&period("17:00-09:00"), &[PERIODS])
        .spec(&period("nine to five"), &[PERIODS])
        .spec(&period("* * * * *"), &[PERIODS])
        .spec(&period("09:00-12:00 && 13:00-17:00"), &[PERIODS])
        .spec(&period("* * * ? * 1 && * * * ? * 2"), &[PERIODS])
        .spec(&period("09:00-12:00 && * * * ? * 1 && * * * ? * 2"), &[PERIODS])
        .spec(&period("x;09:00-12:00;y"), &[PERIODS, PERIODS]);
}

fn acting(table: &mut Table) {
    let kind = Kind::FlinkDeployment;
    let reactive = scaled(&json!({ "scheduler-mode": "reactive" }));
    table
        .rule("autoscaler-cannot-act", kind)
        .spec(&reactive, &["spec.flinkConfiguration[scheduler-mode]"])
        .spec(&json!({ "flinkConfiguration": { "scheduler-mode": "reactive" } }), &[])
        .spec(
            &scaled(
                &json!({ "job.autoscaler.vertex.min-parallelism": "4", "job.autoscaler.vertex.max-parallelism": "4" }),
            ),
            &["spec.flinkConfiguration[job.autoscaler.vertex.max-parallelism]"],
        )
        .spec(
            &scaled(
                &json!({ "job.autoscaler.vertex.min-parallelism": "4", "job.autoscaler.vertex.max-parallelism": "5" }),
            ),
            &[],
        );
    table
        .rule("autoscaler-cannot-act", Kind::FlinkBlueGreenDeployment)
        .spec(
            &json!({ "template": { "spec": reactive } }),
            &["spec.template.spec.flinkConfiguration[scheduler-mode]"],
        );
    table
        .rule("autoscaler-off", kind)
        .spec(
            &json!({ "flinkConfiguration": { "job.autoscaler.utilization.target": "0.6" } }),
            &["spec.flinkConfiguration[job.autoscaler.utilization.target]"],
        )
        .spec(
            &json!({ "flinkConfiguration": { "job.autoscaler": { "enabled": false, "utilization.target": "0.6" } } }),
            &[],
        )
        .spec(
            &json!({ "job": null, "flinkConfiguration": { "job.autoscaler.utilization.target": "0.6" } }),
            &[],
        );
    let schedule = |key: &str, text: &str| {
        let key = format!("kubernetes.operator.periodic.{key}.interval");
        let options: Map<String, Value> = [
            (key, json!(text)),
            ("execution.checkpointing.savepoint-dir".to_owned(), json!("s3://s")),
        ]
        .into_iter()
        .collect();
        json!({ "flinkConfiguration": options })
    };
    table
        .rule("schedule-unreadable", kind)
        .spec(
            &schedule("savepoint", "often"),
            &["spec.flinkConfiguration[kubernetes.operator.periodic.savepoint.interval]"],
        )
        .spec(
            &schedule("checkpoint", "0 0 * * *"),
            &["spec.flinkConfiguration[kubernetes.operator.periodic.checkpoint.interval]"],
        )
        .spec(&schedule("savepoint", "6 h"), &[])
        .spec(&schedule("savepoint", "0"), &[])
        .spec(&schedule("checkpoint", "0 0 */6 * * ?"), &[])
        .spec(&schedule("checkpoint", ""), &[]);
}
