//! The autoscaler's options. The earlier spelling stood below the operator's prefix.

use std::time::Duration;

use super::{Known, check_type};
use crate::config::option::ConfigOption;

options! {
    /// Scale the job by its load.
    AUTOSCALER_ENABLED: bool = "job.autoscaler.enabled" ["kubernetes.operator.job.autoscaler.enabled"] = "false";
    /// Time over which metrics are averaged.
    AUTOSCALER_METRICS_WINDOW: Duration = "job.autoscaler.metrics.window" ["kubernetes.operator.job.autoscaler.metrics.window"] = "15 min";
    /// Times of day and cron expressions at which nothing is scaled.
    AUTOSCALER_EXCLUDED_PERIODS: Vec<String> = "job.autoscaler.excluded.periods" ["kubernetes.operator.job.autoscaler.excluded.periods"] = "";
    /// Utilization to aim for.
    AUTOSCALER_UTILIZATION_TARGET: f64 = "job.autoscaler.utilization.target" ["job.autoscaler.target.utilization", "kubernetes.operator.job.autoscaler.utilization.target"] = "0.7";
    /// Distance of the bounds from the target where they are not set.
    AUTOSCALER_UTILIZATION_BOUNDARY: f64 = "job.autoscaler.target.utilization.boundary" ["kubernetes.operator.job.autoscaler.target.utilization.boundary"] = "0.3";
    /// Utilization above which a vertex gets more subtasks.
    AUTOSCALER_UTILIZATION_MAX: f64 = "job.autoscaler.utilization.max" ["kubernetes.operator.job.autoscaler.utilization.max"];
    /// Utilization below which a vertex gets fewer subtasks.
    AUTOSCALER_UTILIZATION_MIN: f64 = "job.autoscaler.utilization.min" ["kubernetes.operator.job.autoscaler.utilization.min"];
    /// Least parallelism of a vertex.
    AUTOSCALER_MIN_PARALLELISM: i32 = "job.autoscaler.vertex.min-parallelism" ["kubernetes.operator.job.autoscaler.vertex.min-parallelism"] = "1";
    /// Most parallelism of a vertex.
    AUTOSCALER_MAX_PARALLELISM: i32 = "job.autoscaler.vertex.max-parallelism" ["kubernetes.operator.job.autoscaler.vertex.max-parallelism"] = "200";
    /// Most that one step takes away, as a part.
    AUTOSCALER_SCALE_DOWN_FACTOR: f64 = "job.autoscaler.scale-down.max-factor" ["kubernetes.operator.job.autoscaler.scale-down.max-factor"] = "0.6";
    /// Most that one step adds, as a part.
    AUTOSCALER_SCALE_UP_FACTOR: f64 = "job.autoscaler.scale-up.max-factor" ["kubernetes.operator.job.autoscaler.scale-up.max-factor"] = "100000.0";
    /// Part of the time spent on garbage collection above which nothing is scaled.
    AUTOSCALER_GC_THRESHOLD: f64 = "job.autoscaler.memory.gc-pressure.threshold" ["kubernetes.operator.job.autoscaler.memory.gc-pressure.threshold"] = "1.0";
    /// Part of the heap in use above which nothing is scaled.
    AUTOSCALER_HEAP_THRESHOLD: f64 = "job.autoscaler.memory.heap-usage.threshold" ["kubernetes.operator.job.autoscaler.memory.heap-usage.threshold"] = "1.0";
    /// Tune the memory of TaskManagers.
    AUTOSCALER_TUNING_ENABLED: bool = "job.autoscaler.memory.tuning.enabled" ["kubernetes.operator.job.autoscaler.memory.tuning.enabled"] = "false";
    /// Room above what was measured, as a part.
    AUTOSCALER_TUNING_OVERHEAD: f64 = "job.autoscaler.memory.tuning.overhead" ["kubernetes.operator.job.autoscaler.memory.tuning.overhead"] = "0.2";
    /// Correct for scaling that is less than linear.
    AUTOSCALER_SCALABILITY_ENABLED: bool = "job.autoscaler.observed-scalability.enabled" ["kubernetes.operator.job.autoscaler.observed-scalability.enabled"] = "false";
    /// Least coefficient of that correction.
    AUTOSCALER_SCALABILITY_MIN: f64 = "job.autoscaler.observed-scalability.coefficient-min" ["kubernetes.operator.job.autoscaler.observed-scalability.coefficient-min"] = "0.5";
    /// Stop scaling up what did not get faster by it.
    AUTOSCALER_EFFECTIVENESS_ENABLED: bool = "job.autoscaler.scaling.effectiveness.detection.enabled" ["kubernetes.operator.job.autoscaler.scaling.effectiveness.detection.enabled"] = "false";
    /// Least part of the expected gain that counts as effective.
    AUTOSCALER_EFFECTIVENESS_THRESHOLD: f64 = "job.autoscaler.scaling.effectiveness.threshold" ["kubernetes.operator.job.autoscaler.scaling.effectiveness.threshold"] = "0.1";
}
