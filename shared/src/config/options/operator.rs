//! The operator's options, which no cluster gets.

use std::time::Duration;

use super::{DeletionPropagation, Known, check_type};
use crate::api::status::{CheckpointType, SavepointFormat};
use crate::config::option::ConfigOption;

options! {
    // Scope of a job.
    /// Go back to the last stable spec when an upgrade does not become stable in time.
    ROLLBACK_ENABLED: bool = "kubernetes.operator.deployment.rollback.enabled" = "false";
    /// Time in which an upgrade must become stable.
    READINESS_TIMEOUT: Duration = "kubernetes.operator.deployment.readiness.timeout" = "5 min";
    /// Create a lost JobManager Deployment again.
    JM_DEPLOYMENT_RECOVERY_ENABLED: bool = "kubernetes.operator.jm-deployment-recovery.enabled" ["kubernetes.operator.reconciler.jm-deployment-recovery.enabled"] = "true";
    /// Time that a JobManager is kept after its application ended.
    JM_DEPLOYMENT_SHUTDOWN_TTL: Duration = "kubernetes.operator.jm-deployment.shutdown-ttl" = "1 d";
    /// Give the JobManager a startup probe.
    JM_STARTUP_PROBE_ENABLED: bool = "kubernetes.operator.jm-deployment.startup.probe.enabled" = "true";
    /// Merge lists of pod templates by name rather than by position.
    POD_TEMPLATE_MERGE_BY_NAME: bool = "kubernetes.operator.pod-template.merge-arrays-by-name" = "false";
    /// Restart unhealthy jobs.
    HEALTH_CHECK_ENABLED: bool = "kubernetes.operator.cluster.health-check.enabled" = "false";
    /// Submit jobs again that failed for good.
    RESTART_FAILED: bool = "kubernetes.operator.job.restart.failed" = "false";
    /// Stop with a savepoint when the resource is deleted.
    SAVEPOINT_ON_DELETION: bool = "kubernetes.operator.job.savepoint-on-deletion" = "false";
    /// Drain on a stop with savepoint.
    DRAIN_ON_SAVEPOINT_DELETION: bool = "kubernetes.operator.job.drain-on-savepoint-deletion" = "false";
    /// Apply changes although a savepoint is being taken.
    IGNORE_PENDING_SAVEPOINT: bool = "kubernetes.operator.job.upgrade.ignore-pending-savepoint" = "false";
    /// Change the parallelism without a restart where possible.
    INPLACE_SCALING_ENABLED: bool = "kubernetes.operator.job.upgrade.inplace-scaling.enabled" = "true";
    /// Use last-state where a savepoint upgrade finds the job not running.
    LAST_STATE_FALLBACK_ENABLED: bool = "kubernetes.operator.job.upgrade.last-state-fallback.enabled" = "true";
    /// Age of the newest checkpoint up to which last-state is used.
    LAST_STATE_MAX_CHECKPOINT_AGE: Duration = "kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age";
    /// Cancel the job for a last-state upgrade.
    LAST_STATE_JOB_CANCEL_ENABLED: bool = "kubernetes.operator.job.upgrade.last-state.job-cancel.enabled" = "false";
    /// Use `FlinkStateSnapshot` resources.
    SNAPSHOT_RESOURCE_ENABLED: bool = "kubernetes.operator.snapshot.resource.enabled" = "true";
    /// Format of savepoints.
    SAVEPOINT_FORMAT: SavepointFormat = "kubernetes.operator.savepoint.format.type" = "CANONICAL";
    /// Kind of checkpoints that are triggered.
    CHECKPOINT_TYPE: CheckpointType = "kubernetes.operator.checkpoint.type" = "FULL";
    /// Schedule of savepoints: a duration or a cron expression.
    PERIODIC_SAVEPOINT_INTERVAL: String = "kubernetes.operator.periodic.savepoint.interval" = "";
    /// Schedule of checkpoints: a duration or a cron expression.
    PERIODIC_CHECKPOINT_INTERVAL: String = "kubernetes.operator.periodic.checkpoint.interval" = "";
    /// Hold the deletion of a session while jobs run that no resource describes.
    BLOCK_ON_UNMANAGED_JOBS: bool = "kubernetes.operator.session.deletion.block-on-unmanaged-jobs" ["kubernetes.operator.session.block-on-unmanaged-jobs"] = "true";
    /// Hold the deletion of a session while it has session jobs.
    BLOCK_ON_SESSION_JOBS: bool = "kubernetes.operator.session.deletion.block-on-session-jobs" = "true";

    // Scope of the operator.
    /// Time between looks at a healthy resource.
    RECONCILE_INTERVAL: Duration = "kubernetes.operator.reconcile.interval" ["kubernetes.operator.reconciler.reschedule.interval"] = "60 s";
    /// Time between looks at a resource that is changing.
    PROGRESS_CHECK_INTERVAL: Duration = "kubernetes.operator.observer.progress-check.interval" = "10 s";
    /// Time that the REST API gets after its port opened.
    REST_READY_DELAY: Duration = "kubernetes.operator.observer.rest-ready.delay" = "10 s";
    /// Timeout of REST calls.
    FLINK_CLIENT_TIMEOUT: Duration = "kubernetes.operator.flink.client.timeout" ["kubernetes.operator.observer.flink.client.timeout"] = "10 s";
    /// Timeout of cancelling a job.
    FLINK_CANCEL_TIMEOUT: Duration = "kubernetes.operator.flink.client.cancel.timeout" ["kubernetes.operator.reconciler.flink.cancel.job.timeout"] = "1 min";
    /// Time in which a deleted cluster must be gone.
    RESOURCE_CLEANUP_TIMEOUT: Duration = "kubernetes.operator.resource.cleanup.timeout" ["kubernetes.operator.reconciler.flink.cluster.shutdown.timeout"] = "5 min";
    /// How Deployments are deleted.
    DELETION_PROPAGATION: DeletionPropagation = "kubernetes.operator.resource.deletion.propagation" = "FOREGROUND";
    /// Whether Ingresses are created.
    MANAGE_INGRESS: bool = "kubernetes.operator.ingress.manage" = "true";
    /// Namespaces to watch, separated by commas.
    WATCHED_NAMESPACES: String = "kubernetes.operator.watched.namespaces" = "JOSDK_ALL_NAMESPACES";
    /// Label selector of the resources to work on.
    LABEL_SELECTOR: String = "kubernetes.operator.label.selector";
    /// Reread the configuration file when it changes.
    DYNAMIC_CONFIG_ENABLED: bool = "kubernetes.operator.dynamic.config.enabled" = "true";
    /// Time between looks at the configuration file.
    DYNAMIC_CONFIG_INTERVAL: Duration = "kubernetes.operator.dynamic.config.check.interval" = "5 min";
    /// Put stack traces into `status.error`.
    EXCEPTION_STACKTRACE_ENABLED: bool = "kubernetes.operator.exception.stacktrace.enabled" = "false";
    /// Longest stack trace, in characters.
    EXCEPTION_STACKTRACE_LENGTH: i32 = "kubernetes.operator.exception.stacktrace.max.length" = "2048";
    /// Longest field of `status.error`, in characters.
    EXCEPTION_FIELD_LENGTH: i32 = "kubernetes.operator.exception.field.max.length" = "2048";
    /// Causes that `status.error` tells.
    EXCEPTION_CAUSES: i32 = "kubernetes.operator.exception.throwable.list.max.count" = "2";
    /// Lines of a stack trace in an event.
    EVENT_STACKTRACE_LINES: i32 = "kubernetes.operator.events.exceptions.stacktrace-lines" = "5";
    /// Events of exceptions per look.
    EVENT_EXCEPTION_LIMIT: i32 = "kubernetes.operator.events.exceptions.limit-per-reconciliation" = "10";
    /// First wait after an error.
    RETRY_INITIAL_INTERVAL: Duration = "kubernetes.operator.retry.initial.interval" = "5 s";
    /// Longest wait after errors.
    RETRY_MAX_INTERVAL: Duration = "kubernetes.operator.retry.max.interval";
    /// By what the wait grows.
    RETRY_MULTIPLIER: f64 = "kubernetes.operator.retry.interval.multiplier" = "1.5";
    /// Attempts before the next event is waited for.
    RETRY_MAX_ATTEMPTS: i32 = "kubernetes.operator.retry.max.attempts" = "15";
    /// Schemes of jar URIs that session jobs may use.
    ALLOWED_SCHEMES: Vec<String> = "kubernetes.operator.user.artifacts.allowed-schemes" = "https";
    /// Refuse jars on loopback, private and other restricted addresses.
    DISALLOW_RESTRICTED_HOSTS: bool = "kubernetes.operator.user.artifacts.disallow-restricted-hosts" = "true";
    /// Time that a health-testing resource has to be seen in.
    CANARY_TIMEOUT: Duration = "kubernetes.operator.health.canary.resource.timeout" = "1 min";
    /// Time after which another controller may take a lease that was not renewed.
    LEASE_DURATION: Duration = "kubernetes.operator.leader-election.lease-duration" = "15 s";
    /// Time after which a leader that could not renew its lease steps down.
    LEASE_RENEW_DEADLINE: Duration = "kubernetes.operator.leader-election.renew-deadline" = "10 s";
    /// Pause between two attempts to take or renew the lease.
    LEASE_RETRY_PERIOD: Duration = "kubernetes.operator.leader-election.retry-period" = "2 s";
    /// Codes of warnings that are turned off, separated by commas. Sluice's own: the Java operator has no warnings.
    WARNINGS_DISABLED: String = "kubernetes.operator.warnings.disabled";

    // Blue/green deployments: spec.configuration.
    /// Time that a transition may take.
    BLUE_GREEN_ABORT_GRACE_PERIOD: Duration = "kubernetes.operator.bluegreen.abort.grace-period" = "10 min";
    /// Time between looks at a transition.
    BLUE_GREEN_RESCHEDULE_INTERVAL: Duration = "kubernetes.operator.bluegreen.reconciliation.reschedule-interval" = "15 s";
    /// Time that the old child is kept.
    BLUE_GREEN_DELETION_DELAY: Duration = "kubernetes.operator.bluegreen.deployment-deletion.delay" = "0 ms";
}
