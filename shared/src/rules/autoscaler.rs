//! Options of the autoscaler, for jobs that it scales.

use super::report::Findings;
use super::subject::{Job, setting};
use super::table::{Cause, Check, JOBS, Rule, Severity};
use crate::api::FlinkVersion;
use crate::config::options::{
    AUTOSCALER_EFFECTIVENESS_ENABLED, AUTOSCALER_EFFECTIVENESS_THRESHOLD, AUTOSCALER_ENABLED,
    AUTOSCALER_EXCLUDED_PERIODS, AUTOSCALER_GC_THRESHOLD, AUTOSCALER_HEAP_THRESHOLD, AUTOSCALER_MAX_PARALLELISM,
    AUTOSCALER_METRICS_WINDOW, AUTOSCALER_MIN_PARALLELISM, AUTOSCALER_PREFIX, AUTOSCALER_SCALABILITY_ENABLED,
    AUTOSCALER_SCALABILITY_MIN, AUTOSCALER_SCALE_DOWN_FACTOR, AUTOSCALER_SCALE_UP_FACTOR, AUTOSCALER_TUNING_ENABLED,
    AUTOSCALER_TUNING_OVERHEAD, AUTOSCALER_UTILIZATION_BOUNDARY, AUTOSCALER_UTILIZATION_MAX,
    AUTOSCALER_UTILIZATION_MIN, AUTOSCALER_UTILIZATION_TARGET, RECONCILE_INTERVAL, SCHEDULER_MODE,
};
use crate::config::quartz::{cron_problem, is_daily_range};
use crate::config::{ConfigOption, FlinkConfig};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "autoscaler-negative",
        kinds: JOBS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "With the autoscaler on, its factors and the utilization boundary are 0 or more",
        why: "A negative factor has no meaning",
        fix: "write a number of 0 or more",
        since: "0.1",
        check: Check::Job(factors_are_not_negative),
    },
    Rule {
        code: "autoscaler-fraction",
        kinds: JOBS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "With the autoscaler on, its thresholds, the utilization target and the tuning overhead lie between 0 and 1; observed-scalability.coefficient-min between 0.01 and 1",
        why: "They are parts of a whole",
        fix: "write a number between 0 and 1",
        since: "0.1",
        check: Check::Job(fractions_are_within_bounds),
    },
    Rule {
        code: "autoscaler-utilization-bounds",
        kinds: JOBS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "With the autoscaler on, utilization.min lies between 0 and utilization.target, and utilization.max between that and 1",
        why: "The job would be scaled without end",
        fix: "choose bounds below and above job.autoscaler.utilization.target",
        since: "0.1",
        check: Check::Job(bounds_enclose_target),
    },
    Rule {
        code: "autoscaler-excluded-period",
        kinds: JOBS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "With the autoscaler on, every excluded period is a time range of a day, a Quartz cron expression, or one of each joined by &&",
        why: "Nothing else says when not to scale",
        fix: "write a range such as 09:00-17:00, a cron expression such as \"* * * ? * SAT,SUN\", or both joined by &&",
        since: "0.1",
        check: Check::Job(periods_are_readable),
    },
    Rule {
        code: "autoscaler-window-too-small",
        kinds: JOBS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "With the autoscaler on, metrics.window is not below kubernetes.operator.reconcile.interval",
        why: "The window would never hold two samples, so nothing would ever be scaled",
        fix: "raise job.autoscaler.metrics.window",
        since: "0.1",
        check: Check::Job(window_holds_samples),
    },
    Rule {
        code: "autoscaler-cannot-act",
        kinds: JOBS,
        severity: Severity::Warn,
        what: "Nothing keeps an autoscaler that is on from scaling: Flink is 1.17 or newer, the scheduler is not reactive, and vertex.min-parallelism is below vertex.max-parallelism",
        why: "The settings look as if the job were scaled, and it never is",
        fix: "mend the setting, or remove job.autoscaler.enabled",
        since: "0.1",
        check: Check::Job(autoscaler_can_act),
    },
    Rule {
        code: "autoscaler-off",
        kinds: JOBS,
        severity: Severity::Warn,
        what: "The job's own job.autoscaler settings stand beside job.autoscaler.enabled: true",
        why: "They have no effect while the autoscaler is off",
        fix: "write job.autoscaler.enabled: true, or false if the settings are to wait",
        since: "0.1",
        check: Check::Job(settings_have_an_autoscaler),
    },
];

/// What keys of the autoscaler began with before it had a prefix of its own.
const AUTOSCALER_OLD_PREFIX: &str = "kubernetes.operator.job.autoscaler.";

fn is_on(config: &FlinkConfig) -> bool {
    setting(config, &AUTOSCALER_ENABLED) == Some(true)
}

/// The key under which `option` is written; the canonical one where it is absent.
fn key<'c, T>(config: &'c FlinkConfig, option: &ConfigOption<T>) -> &'c str {
    config.written(option).map_or(option.key, |(key, _)| key)
}

/// Adds a finding where `option` lies outside of `least` to `most`.
fn within(subject: &Job<'_>, option: &ConfigOption<f64>, least: f64, most: f64, findings: &mut Findings<'_>) {
    let Some(value) = setting(subject.config, option) else {
        return;
    };
    if value >= least && value <= most {
        return;
    }
    let (message, fix) = if most.is_finite() {
        (
            format!("{value} is not between {least} and {most}"),
            format!("write a number from {least} to {most}"),
        )
    } else {
        (
            format!("{value} is below {least}"),
            format!("write a number of {least} or more"),
        )
    };
    findings.add_value(
        subject.config_path(key(subject.config, option)),
        value.to_string(),
        message,
        fix,
    );
}

fn factors_are_not_negative(subject: &Job<'_>, findings: &mut Findings<'_>) {
    if is_on(subject.config) {
        for option in [
            &AUTOSCALER_SCALE_DOWN_FACTOR,
            &AUTOSCALER_SCALE_UP_FACTOR,
            &AUTOSCALER_UTILIZATION_BOUNDARY,
        ] {
            within(subject, option, 0.0, f64::INFINITY, findings);
        }
    }
}

fn fractions_are_within_bounds(subject: &Job<'_>, findings: &mut Findings<'_>) {
    if !is_on(subject.config) {
        return;
    }
    for option in [
        &AUTOSCALER_UTILIZATION_TARGET,
        &AUTOSCALER_GC_THRESHOLD,
        &AUTOSCALER_HEAP_THRESHOLD,
    ] {
        within(subject, option, 0.0, 1.0, findings);
    }
    for (switch, option, least) in [
        (&AUTOSCALER_SCALABILITY_ENABLED, &AUTOSCALER_SCALABILITY_MIN, 0.01),
        (
            &AUTOSCALER_EFFECTIVENESS_ENABLED,
            &AUTOSCALER_EFFECTIVENESS_THRESHOLD,
            0.0,
        ),
        (&AUTOSCALER_TUNING_ENABLED, &AUTOSCALER_TUNING_OVERHEAD, 0.0),
    ] {
        if setting(subject.config, switch) == Some(true) {
            within(subject, option, least, 1.0, findings);
        }
    }
}

fn bounds_enclose_target(subject: &Job<'_>, findings: &mut Findings<'_>) {
    let target = setting(subject.config, &AUTOSCALER_UTILIZATION_TARGET).filter(|target| (0.0..=1.0).contains(target));
    if let Some(target) = target.filter(|_| is_on(subject.config)) {
        within(subject, &AUTOSCALER_UTILIZATION_MAX, target, 1.0, findings);
        within(subject, &AUTOSCALER_UTILIZATION_MIN, 0.0, target, findings);
    }
}

/// What is wrong with one excluded period.
fn period_problem(period: &str) -> Option<String> {
    let parts: Vec<&str> = period.split("&&").map(str::trim).collect();
    if parts.len() > 2 {
        return Some("joins more than two parts".to_owned());
    }
    for part in &parts {
        if !is_daily_range(part)
            && let Some(problem) = cron_problem(part)
        {
            return Some(format!(
                "holds \"{part}\", which is no time range of a day and as a cron expression {problem}"
            ));
        }
    }
    match parts.as_slice() {
        [one, other] if is_daily_range(one) == is_daily_range(other) => Some("joins two parts of one sort".to_owned()),
        _ => None,
    }
}

fn periods_are_readable(subject: &Job<'_>, findings: &mut Findings<'_>) {
    if !is_on(subject.config) {
        return;
    }
    let path = subject.config_path(key(subject.config, &AUTOSCALER_EXCLUDED_PERIODS));
    for period in setting(subject.config, &AUTOSCALER_EXCLUDED_PERIODS).unwrap_or_default() {
        let period = period.trim();
        if let Some(problem) = period_problem(period).filter(|_| !period.is_empty()) {
            findings.add_value(
                path.clone(),
                period,
                format!("the period \"{period}\" {problem}"),
                "write a range such as 09:00-17:00, a cron expression such as \"* * * ? * SAT,SUN\", or both joined by &&",
            );
        }
    }
}

fn window_holds_samples(subject: &Job<'_>, findings: &mut Findings<'_>) {
    let (Some(window), Some(interval)) = (
        setting(subject.config, &AUTOSCALER_METRICS_WINDOW),
        setting(subject.config, &RECONCILE_INTERVAL),
    ) else {
        return;
    };
    if is_on(subject.config) && window < interval {
        findings.add_with_fix(
            subject.config_path(key(subject.config, &AUTOSCALER_METRICS_WINDOW)),
            format!("a window of {window:?} never holds two samples, which are taken every {interval:?}"),
            format!("write {interval:?} or more"),
        );
    }
}

fn autoscaler_can_act(subject: &Job<'_>, findings: &mut Findings<'_>) {
    let config = subject.config;
    if !is_on(config) {
        return;
    }
    let enabled = || subject.config_path(key(config, &AUTOSCALER_ENABLED));
    if let Some(version) = subject.flink_version.filter(|v| *v < FlinkVersion::V1_17) {
        findings.add_with_fix(
            enabled(),
            format!("the autoscaler is on, but Flink {version} cannot change the parallelism of single vertices"),
            "move to Flink 1.17 or newer, or remove job.autoscaler.enabled",
        );
    }
    if setting(config, &SCHEDULER_MODE).is_some_and(|mode| mode.eq_ignore_ascii_case("reactive")) {
        findings.add_with_fix(
            subject.config_path(SCHEDULER_MODE.key),
            "the reactive scheduler uses all slots there are, whatever the autoscaler decides",
            "remove scheduler-mode, or job.autoscaler.enabled",
        );
    }
    if let (Some(least), Some(most)) = (
        setting(config, &AUTOSCALER_MIN_PARALLELISM),
        setting(config, &AUTOSCALER_MAX_PARALLELISM),
    ) && least >= most
    {
        findings.add_with_fix(
            subject.config_path(key(config, &AUTOSCALER_MAX_PARALLELISM)),
            format!("vertices have at least {least} and at most {most} subtasks, so that there is nothing to scale"),
            "raise it above job.autoscaler.vertex.min-parallelism",
        );
    }
}

/// The settings of a session cluster are those of its jobs, which may turn the autoscaler on.
fn settings_have_an_autoscaler(subject: &Job<'_>, findings: &mut Findings<'_>) {
    let Ok(written) = subject.written else { return };
    if subject.config.is_set(&AUTOSCALER_ENABLED) {
        return;
    }
    for prefix in [AUTOSCALER_PREFIX, AUTOSCALER_OLD_PREFIX] {
        if let Some((key, _)) = written.with_prefix(prefix).next() {
            findings.add(
                subject.config_path(&format!("{prefix}{key}")),
                "the setting has no effect: the autoscaler is off",
            );
            return;
        }
    }
}
