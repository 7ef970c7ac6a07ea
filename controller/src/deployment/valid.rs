//! The step between `observe` and `decide`: a spec either is valid or says why not.

use std::sync::Arc;

use sluice_policies::watch::Policies;
use sluice_runtime::config_dir::Defaults;
use sluice_shared::api::job::JobState;
use sluice_shared::api::{FlinkDeployment, FlinkDeploymentSpec};
use sluice_shared::config::{ConfigError, FlinkConfig, options};
use sluice_shared::extension::Extensions;
use sluice_shared::rules::{Environment, Lookups, NoLookups, Valid};

use super::model::{Launch, Refusal, RestoreFrom};
use crate::cluster::{BuildError, ClusterConfig, NativeCluster, Start, StartFrom, deploy_config, native};

/// Rules of the user's own.
#[derive(Clone, Debug, Default)]
pub struct OwnRules {
    /// Those in force; replaced as they change.
    pub extensions: Arc<Extensions>,
    /// The watches behind policies, which know the labels of namespaces.
    pub policies: Option<Arc<Policies>>,
}

impl OwnRules {
    fn lookups(&self) -> &dyn Lookups {
        match &self.policies {
            Some(policies) => policies.as_ref(),
            None => &NoLookups,
        }
    }
}

/// A valid spec with what `decide` has to know of its configuration.
#[derive(Clone, Debug)]
pub struct Checked {
    valid: Valid<FlinkDeployment>,
    /// What its effective configuration says.
    pub facts: Facts,
}

/// What `decide` has to know of an effective configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Number of TaskManagers that the spec amounts to.
    pub task_managers: i32,
    /// Whether high availability is on.
    pub high_availability: bool,
    /// Whether a lost JobManager Deployment is made again (`kubernetes.operator.jm-deployment-recovery.enabled`).
    pub recovery: bool,
    /// Whether a savepoint is to be taken on deletion (`kubernetes.operator.job.savepoint-on-deletion`).
    pub savepoint_on_deletion: bool,
    /// Id that the user gave the job (`$internal.pipeline.job-id`).
    pub job_id: Option<String>,
    /// Lines of an exception's stack that an event shows (`kubernetes.operator.events.exceptions.stacktrace-lines`).
    pub stacktrace_lines: usize,
    /// Events of exceptions a look (`kubernetes.operator.events.exceptions.limit-per-reconciliation`).
    pub exception_limit: usize,
    /// CPU cores of all JobManagers, and of one TaskManager.
    pub cpu: (f64, f64),
    /// Bytes of memory of all JobManagers, and of one TaskManager.
    pub memory: (u64, u64),
}

impl Checked {
    /// Runs the rules on `object`, and the user's own, which are asked about each spec only until it is acted on: one
    /// that runs is not refused because they have changed since or give no answer.
    ///
    /// # Errors
    /// Everything that is wrong, in one text.
    pub fn check(object: FlinkDeployment, defaults: &Defaults, own_rules: &OwnRules) -> Result<Self, Refusal> {
        let observed = object.status.as_ref().and_then(|status| status.observed_generation);
        let acted_on = observed.is_some() && observed == object.metadata.generation;
        let mut environment = Environment::new(&defaults.configuration, own_rules.lookups());
        if !acted_on {
            environment = environment.with_extensions(&own_rules.extensions);
        }
        let valid = Valid::check(object, &environment).map_err(|report| {
            let violations: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
            Refusal(violations.join("; "))
        })?;
        Self::of(valid, defaults)
    }

    /// The spec that was deployed last; `None` where there is none, or where it cannot be read.
    ///
    /// # Errors
    /// When a cluster cannot be built from it any more.
    #[must_use]
    pub fn deployed(object: FlinkDeployment, defaults: &Defaults) -> Option<Result<Self, Refusal>> {
        let valid = Valid::<FlinkDeployment>::last_reconciled(object, &environment(defaults))?;
        Some(Self::of(valid, defaults))
    }

    fn of(valid: Valid<FlinkDeployment>, defaults: &Defaults) -> Result<Self, Refusal> {
        let object = valid.object();
        let config = deploy_config(object, &defaults.configuration, &defaults.log_files).map_err(|e| refusal(&e))?;
        let facts = Facts::read(&object.spec, &config.flink).map_err(|e| Refusal(e.to_string()))?;
        let checked = Self { valid, facts };
        // Some options are only read where objects are built from them.
        checked.cluster(defaults, None).map_err(|e| refusal(&e))?;
        Ok(checked)
    }

    /// The spec.
    #[must_use]
    pub fn spec(&self) -> &FlinkDeploymentSpec {
        &self.valid.object().spec
    }

    /// Whether the job shall run.
    #[must_use]
    pub fn job_state(&self) -> JobState {
        self.spec()
            .job
            .as_ref()
            .map_or(JobState::Running, sluice_shared::api::JobSpec::desired_state)
    }

    /// The objects of the cluster, started by `launch`.
    ///
    /// # Errors
    /// When options do not fit together; never for a checked spec.
    pub fn cluster(&self, defaults: &Defaults, launch: Option<&Launch>) -> Result<NativeCluster, BuildError> {
        let mut object = self.valid.object().clone();
        if let Some(launch) = launch {
            object.metadata.generation = Some(launch.generation);
        }
        let mut config: ClusterConfig = deploy_config(&object, &defaults.configuration, &defaults.log_files)?;
        config.set_owner(&object);
        if let Some(launch) = launch {
            config.start_with(&Start {
                job_id: &launch.job_id,
                from: match &launch.restore_from {
                    RestoreFrom::Nothing => StartFrom::Nothing,
                    RestoreFrom::Savepoint(path) => StartFrom::Savepoint(path),
                    RestoreFrom::HighAvailability => StartFrom::HighAvailability,
                },
                // A start has its own job id, and a start that is repeated after a crash has the same one again.
                unique: &launch.job_id,
            })?;
        }
        native::build(&config)
    }
}

/// Rules about other objects concern session jobs only.
fn environment(defaults: &Defaults) -> Environment<'_> {
    Environment::new(&defaults.configuration, &NoLookups)
}

fn refusal(error: &BuildError) -> Refusal {
    let fix = error.fix();
    Refusal(format!("{error}; {fix}"))
}

fn count(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}

impl Facts {
    fn read(spec: &FlinkDeploymentSpec, config: &FlinkConfig) -> Result<Self, ConfigError> {
        let slots = config.value_or_default(&options::TASK_SLOTS)?.max(1);
        let parallelism = config.value_or_default(&options::PARALLELISM_DEFAULT)?;
        let job_managers = config.value_or_default(&options::JOB_MANAGER_REPLICAS)?.max(1);
        let memory = |option| -> Result<u64, ConfigError> {
            Ok(config
                .value(option)?
                .map_or(0, |size: sluice_shared::config::MemorySize| size.bytes()))
        };
        let times = |count: i32, bytes: u64| bytes.saturating_mul(u64::from(count.unsigned_abs()));
        let task_manager_cpu = config.value_or_default(&options::TASK_MANAGER_CPU)?;
        let task_managers = spec.task_manager.as_ref().and_then(|t| t.replicas).filter(|r| *r > 0);
        Ok(Self {
            task_managers: task_managers.unwrap_or_else(|| parallelism.saturating_add(slots - 1) / slots),
            high_availability: options::is_ha_enabled(config)?,
            recovery: config.value_or_default(&options::JM_DEPLOYMENT_RECOVERY_ENABLED)?,
            savepoint_on_deletion: config.value_or_default(&options::SAVEPOINT_ON_DELETION)?,
            job_id: config.get(options::PIPELINE_JOB_ID.key).map(str::to_owned),
            stacktrace_lines: count(config.value_or_default(&options::EVENT_STACKTRACE_LINES)?),
            exception_limit: count(config.value_or_default(&options::EVENT_EXCEPTION_LIMIT)?),
            cpu: (
                f64::from(job_managers)
                    * config.value_or_default(&options::JOB_MANAGER_CPU)?
                    * config.value_or_default(&options::JOB_MANAGER_CPU_LIMIT_FACTOR)?,
                // Flink reads a negative amount as "one core a slot".
                if task_manager_cpu > 0.0 {
                    task_manager_cpu
                } else {
                    f64::from(slots)
                } * config.value_or_default(&options::TASK_MANAGER_CPU_LIMIT_FACTOR)?,
            ),
            memory: (
                times(job_managers, memory(&options::JOB_MANAGER_PROCESS_MEMORY)?),
                memory(&options::TASK_MANAGER_PROCESS_MEMORY)?,
            ),
        })
    }
}
