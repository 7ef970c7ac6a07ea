//! What a cluster is configured with: the effective configuration of a `FlinkDeployment`, the pod templates and the
//! logging files.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice_shared::api::{
    FlinkDeployment, FlinkDeploymentSpec, FlinkVersion, JobSpec, KubernetesMode, Quantity, Resource,
    ResourceRequirements, UpgradeMode, labels,
};
use sluice_shared::config::{
    Amount, ConfigOption, DefaultConfiguration, FlinkConfig, Map, MemorySize, options,
    parse_memory_flink_then_kubernetes,
};

use super::pod_template::{self, ArrayMerge};
use super::{BuildError, LOG4J_FILE, LOGBACK_FILE, text};

/// The savepoint path that stands for "the last state in the high-availability metadata": a job that finds no metadata
/// fails on it rather than starting empty.
pub const LAST_STATE_PATH: &str = "KUBERNETES_OPERATOR_LAST_STATE";

/// Everything that a cluster's objects are built from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterConfig {
    /// The effective Flink configuration, the operator's own keys included.
    pub flink: FlinkConfig,
    /// Pod template of the JobManager.
    pub job_manager_pod_template: Option<Value>,
    /// Pod template of the TaskManagers.
    pub task_manager_pod_template: Option<Value>,
    /// Logging files by name.
    pub log_files: BTreeMap<String, String>,
}

/// Where a job's state comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFrom<'a> {
    /// No state. A savepoint path that the user configured does not count.
    Nothing,
    /// A savepoint or retained checkpoint.
    Savepoint(&'a str),
    /// The latest checkpoint in the high-availability metadata, which is known to hold one.
    HighAvailability,
}

/// How an application is started this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start<'a> {
    /// Id of the job, 32 hexadecimal digits; persisted before the cluster is created. One that the user fixed wins.
    pub job_id: &'a str,
    /// Where its state comes from.
    pub from: StartFrom<'a>,
    /// Something unique to this start, to keep the job result store apart from those of earlier starts.
    pub unique: &'a str,
}

/// The configuration that `deployment` is to run with. `log_files` are the administrator's logging files by name;
/// `spec.logConfiguration` replaces them.
///
/// The steps and their order are those of the Java operator's `FlinkConfigBuilder`, so that later ones win.
///
/// # Errors
/// When the configuration or a field of the spec has no meaning. A spec that the rules accept has one.
pub fn deploy_config(
    deployment: &FlinkDeployment,
    defaults: &DefaultConfiguration,
    log_files: &BTreeMap<String, String>,
) -> Result<ClusterConfig, BuildError> {
    let spec = &deployment.spec;
    let namespace = deployment.metadata.namespace.as_deref().unwrap_or("default");
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let version = version(spec)?;

    let mut result = ClusterConfig {
        flink: defaults.effective(namespace, spec)?,
        ..ClusterConfig::default()
    };
    let flink = &mut result.flink;
    flink.set_option_default(&options::REST_SERVICE_EXPOSED_TYPE, "ClusterIP");
    flink.set_option_default(&options::WEB_CANCEL_ENABLE, "false");
    flink.set(options::INTERNAL_FLINK_VERSION.key, version.as_str());
    image(flink, spec, version);
    result.log_files = shipped(spec.log_configuration.as_ref().unwrap_or(log_files));
    pod_templates(&mut result, spec)?;
    let flink = &mut result.flink;
    if let Some(job_manager) = &spec.job_manager {
        amounts(
            flink,
            job_manager.resources.as_ref(),
            job_manager.resource.as_ref(),
            version,
            &JOB_MANAGER,
        )?;
        if job_manager.replicas() > 0 {
            set(
                flink,
                &options::JOB_MANAGER_REPLICAS,
                job_manager.replicas().to_string(),
            );
        }
    }
    if let Some(task_manager) = &spec.task_manager {
        amounts(
            flink,
            task_manager.resources.as_ref(),
            task_manager.resource.as_ref(),
            version,
            &TASK_MANAGER,
        )?;
        if let Some(replicas) = task_manager.replicas.filter(|r| *r > 0) {
            set(flink, &options::TASK_MANAGER_REPLICAS, replicas.to_string());
        }
    }
    match &spec.job {
        Some(job) => application(flink, name, spec, job)?,
        None => session(flink, spec),
    }
    flink.set(options::KUBERNETES_NAMESPACE.key, namespace);
    flink.set(options::KUBERNETES_CLUSTER_ID.key, name);
    if options::is_ha_enabled(flink)? {
        flink.set(options::HA_CLUSTER_ID.key, name);
    }
    if let Some(generation) = deployment.metadata.generation {
        let mut annotations = flink.value(&options::JOB_MANAGER_ANNOTATIONS)?.unwrap_or_default();
        annotations
            .0
            .insert(labels::GENERATION.to_owned(), generation.to_string());
        set_map(flink, &options::JOB_MANAGER_ANNOTATIONS, &annotations);
    }
    Ok(result)
}

impl ClusterConfig {
    /// The job id that the user fixed.
    #[must_use]
    pub fn fixed_job_id(&self) -> Option<&str> {
        self.flink.get(options::PIPELINE_JOB_ID.key)
    }

    /// Makes `deployment` the owner of the JobManager's Deployment. It does not count as its controller.
    pub fn set_owner(&mut self, deployment: &FlinkDeployment) {
        let owner = text::map([
            ("apiVersion", sluice_shared::api::API_VERSION),
            ("blockOwnerDeletion", "true"),
            ("controller", "false"),
            ("kind", FlinkDeployment::KIND),
            ("name", deployment.metadata.name.as_deref().unwrap_or_default()),
            ("uid", deployment.metadata.uid.as_deref().unwrap_or_default()),
        ]);
        set(
            &mut self.flink,
            &options::JOB_MANAGER_OWNER_REFERENCE,
            text::list([owner]),
        );
    }

    /// Sets what differs from start to start of an application.
    ///
    /// # Errors
    /// When an option cannot be read.
    pub fn start_with(&mut self, start: &Start<'_>) -> Result<(), BuildError> {
        let flink = &mut self.flink;
        unset(flink, &options::SAVEPOINT_PATH);
        match start.from {
            StartFrom::Nothing => {}
            StartFrom::Savepoint(path) => flink.set(options::SAVEPOINT_PATH.key, path),
            StartFrom::HighAvailability => flink.set(options::SAVEPOINT_PATH.key, LAST_STATE_PATH),
        }
        flink.set_option_default(&options::PIPELINE_JOB_ID, start.job_id);
        if let Some(storage) = flink.value(&options::HA_STORAGE_DIR)? {
            flink.set_option_default(&options::JOB_RESULT_STORE_DELETE_ON_COMMIT, "false");
            let cluster_id = flink.value(&options::KUBERNETES_CLUSTER_ID)?.unwrap_or_default();
            // Flink refuses to start a job again whose result it finds (FLINK-27569).
            let path = format!("{storage}/job-result-store/{cluster_id}/{}", start.unique);
            set(flink, &options::JOB_RESULT_STORE_STORAGE_PATH, path);
        }
        Ok(())
    }
}

/// Sets `option` by its canonical key, and takes other spellings away, which a newer Flink might prefer.
fn set<T>(flink: &mut FlinkConfig, option: &ConfigOption<T>, value: impl Into<String>) {
    unset(flink, option);
    flink.set(option.key, value);
}

fn unset<T>(flink: &mut FlinkConfig, option: &ConfigOption<T>) {
    for key in option.keys() {
        flink.remove(key);
    }
}

/// Sets a map, and takes entries away that are written key by key.
fn set_map(flink: &mut FlinkConfig, option: &ConfigOption<Map>, value: &Map) {
    let below = format!("{}.", option.key);
    flink.retain(|key, _| !key.starts_with(&below));
    set(flink, option, text::map(&value.0));
}

fn version(spec: &FlinkDeploymentSpec) -> Result<FlinkVersion, BuildError> {
    spec.flink_version.ok_or_else(|| BuildError::Field {
        path: "spec.flinkVersion",
        problem: "it is missing".to_owned(),
    })
}

fn image(flink: &mut FlinkConfig, spec: &FlinkDeploymentSpec, version: FlinkVersion) {
    let given = |text: &Option<String>| text.clone().filter(|t| !t.trim().is_empty());
    if let Some(image) = given(&spec.image) {
        if version >= FlinkVersion::V1_17 {
            set(flink, &options::CONTAINER_IMAGE, image);
        } else {
            flink.set("kubernetes.container.image", image);
        }
    }
    if let Some(policy) = given(&spec.image_pull_policy) {
        set(flink, &options::CONTAINER_IMAGE_PULL_POLICY, policy);
    }
    if let Some(account) = &spec.service_account {
        flink.set(options::SERVICE_ACCOUNT.key, account);
    }
}

/// Of all logging files those that Flink's client ships.
fn shipped(files: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    [LOG4J_FILE, LOGBACK_FILE]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), files.get(name)?.clone())))
        .collect()
}

fn pod_templates(result: &mut ClusterConfig, spec: &FlinkDeploymentSpec) -> Result<(), BuildError> {
    let arrays = if result.flink.value_or_default(&options::POD_TEMPLATE_MERGE_BY_NAME)? {
        ArrayMerge::ByName
    } else {
        ArrayMerge::ByIndex
    };
    let common = spec.pod_template.as_ref().map(|t| &t.0);
    let job_manager = spec.job_manager.as_ref();
    let mut template = pod_template::merge(
        common,
        job_manager.and_then(|j| Some(&j.pod_template.as_ref()?.0)),
        arrays,
    );
    if let Some(job_manager) = job_manager {
        pod_template::apply_resources(
            &mut template,
            job_manager.resources.as_ref(),
            job_manager.resource.as_ref(),
        );
    }
    if result.flink.value_or_default(&options::JM_STARTUP_PROBE_ENABLED)? {
        pod_template::add_startup_probe(&mut template);
    }
    result.job_manager_pod_template = template;

    let task_manager = spec.task_manager.as_ref();
    let mut template = pod_template::merge(
        common,
        task_manager.and_then(|t| Some(&t.pod_template.as_ref()?.0)),
        arrays,
    );
    if let Some(task_manager) = task_manager {
        pod_template::apply_resources(
            &mut template,
            task_manager.resources.as_ref(),
            task_manager.resource.as_ref(),
        );
    }
    result.task_manager_pod_template = template;
    Ok(())
}

/// Where the amounts of one kind of process go.
struct AmountOptions {
    path: &'static str,
    cpu: ConfigOption<f64>,
    /// Spelling before Flink 1.17.
    legacy_cpu: &'static str,
    cpu_factor: ConfigOption<f64>,
    memory: ConfigOption<MemorySize>,
    memory_factor: ConfigOption<f64>,
}

const JOB_MANAGER: AmountOptions = AmountOptions {
    path: "spec.jobManager",
    cpu: options::JOB_MANAGER_CPU,
    legacy_cpu: "kubernetes.jobmanager.cpu",
    cpu_factor: options::JOB_MANAGER_CPU_LIMIT_FACTOR,
    memory: options::JOB_MANAGER_PROCESS_MEMORY,
    memory_factor: options::JOB_MANAGER_MEMORY_LIMIT_FACTOR,
};
const TASK_MANAGER: AmountOptions = AmountOptions {
    path: "spec.taskManager",
    cpu: options::TASK_MANAGER_CPU,
    legacy_cpu: "kubernetes.taskmanager.cpu",
    cpu_factor: options::TASK_MANAGER_CPU_LIMIT_FACTOR,
    memory: options::TASK_MANAGER_PROCESS_MEMORY,
    memory_factor: options::TASK_MANAGER_MEMORY_LIMIT_FACTOR,
};

fn amounts(
    flink: &mut FlinkConfig,
    resources: Option<&ResourceRequirements>,
    resource: Option<&Resource>,
    version: FlinkVersion,
    to: &AmountOptions,
) -> Result<(), BuildError> {
    let (memory, cpu);
    if let Some(resources) = resources.filter(|r| pod_template::has_amounts(r)) {
        let of =
            |amounts: &Option<BTreeMap<String, Quantity>>, name: &str| Some(amounts.as_ref()?.get(name)?.0.clone());
        let given = |name| (of(&resources.requests, name), of(&resources.limits, name));
        let (request, limit) = given("memory");
        if let (Some(request), Some(limit)) = (&request, &limit) {
            factor(flink, &to.memory_factor, bytes(request, to)?, bytes(limit, to)?);
        }
        memory = request.or(limit);
        let (request, limit) = given("cpu");
        if let (Some(request), Some(limit)) = (&request, &limit) {
            factor(flink, &to.cpu_factor, cores(request, to)?, cores(limit, to)?);
        }
        cpu = request.or(limit).map(|text| cores(&text, to)).transpose()?;
    } else {
        memory = resource.and_then(|r| r.memory.clone());
        cpu = resource.and_then(|r| r.cpu);
    }
    if let Some(memory) = memory {
        let size = parse_memory_flink_then_kubernetes(&memory).map_err(|error| field(to, &error))?;
        set(flink, &to.memory, size.to_string());
    }
    if let Some(cpu) = cpu {
        set(flink, &to.cpu, text::double(cpu));
        if version < FlinkVersion::V1_17 {
            flink.set(to.legacy_cpu, text::double(cpu));
        }
    }
    Ok(())
}

/// Says how much more the limit is than the request.
fn factor(flink: &mut FlinkConfig, option: &ConfigOption<f64>, request: f64, limit: f64) {
    if request > 0.0 {
        set(flink, option, text::double(limit / request));
    }
}

fn cores(text: &str, to: &AmountOptions) -> Result<f64, BuildError> {
    text.parse::<Amount>()
        .map(Amount::as_f64)
        .map_err(|error| field(to, &error))
}

fn bytes(text: &str, to: &AmountOptions) -> Result<f64, BuildError> {
    parse_memory_flink_then_kubernetes(text)
        .map(|size| size.bytes() as f64)
        .map_err(|error| field(to, &error))
}

fn field(to: &AmountOptions, problem: &dyn std::fmt::Display) -> BuildError {
    BuildError::Field {
        path: to.path,
        problem: problem.to_string(),
    }
}

fn application(
    flink: &mut FlinkConfig,
    name: &str,
    spec: &FlinkDeploymentSpec,
    job: &JobSpec,
) -> Result<(), BuildError> {
    let parallelism = parallelism(flink, spec, job)?;
    match spec.mode() {
        KubernetesMode::Native => {
            set(flink, &options::EXECUTION_TARGET, "kubernetes-application");
            if let Some(jar) = &job.jar_uri {
                set(flink, &options::PIPELINE_JARS, text::list([jar]));
            }
        }
        KubernetesMode::Standalone => {
            if !flink.is_set(&options::TASK_MANAGER_REPLICAS) {
                let slots = flink.value_or_default(&options::TASK_SLOTS)?.max(1);
                let replicas = parallelism.saturating_add(slots - 1) / slots;
                set(flink, &options::TASK_MANAGER_REPLICAS, replicas.to_string());
            }
            set(flink, &options::EXECUTION_TARGET, "remote");
            set(flink, &options::CLUSTER_MODE, "APPLICATION");
            if let Some(jar) = &job.jar_uri {
                let jar = jar
                    .strip_prefix("local:")
                    .map_or_else(|| jar.clone(), |rest| format!("file:{rest}"));
                set(flink, &options::PIPELINE_CLASSPATHS, text::list([jar]));
            }
        }
    }
    set(flink, &options::PARALLELISM_DEFAULT, parallelism.to_string());
    // The cluster has to outlive its job, or nobody could learn how that ended.
    set(flink, &options::SHUTDOWN_ON_APPLICATION_FINISH, "false");
    flink.set_option_default(&options::SUBMIT_FAILED_JOB_ON_APPLICATION_ERROR, "true");
    job_options(flink, name, job);
    Ok(())
}

/// What holds for the job of an application and for one of a session.
pub fn job_options(flink: &mut FlinkConfig, name: &str, job: &JobSpec) {
    flink.set_option_default(&options::PIPELINE_NAME, name);
    if job.upgrade_mode() == UpgradeMode::LastState {
        flink.set_option_default(&options::CHECKPOINTING_INTERVAL, "5 min");
    }
    flink.set_option_default(&options::CHECKPOINT_RETENTION, "RETAIN_ON_CANCELLATION");
    if let Some(allow) = job.allow_non_restored_state {
        set(flink, &options::IGNORE_UNCLAIMED_STATE, allow.to_string());
    }
    if let Some(class) = &job.entry_class {
        set(flink, &options::APPLICATION_MAIN, class);
    }
    if let Some(args) = job.args.as_ref().filter(|args| !args.is_empty()) {
        set(flink, &options::APPLICATION_ARGS, text::list(args));
    }
}

fn session(flink: &mut FlinkConfig, spec: &FlinkDeploymentSpec) {
    match spec.mode() {
        KubernetesMode::Native => set(flink, &options::EXECUTION_TARGET, "kubernetes-session"),
        KubernetesMode::Standalone => {
            set(flink, &options::EXECUTION_TARGET, "remote");
            set(flink, &options::CLUSTER_MODE, "SESSION");
        }
    }
}

fn parallelism(flink: &FlinkConfig, spec: &FlinkDeploymentSpec, job: &JobSpec) -> Result<i32, BuildError> {
    if let Some(replicas) = spec.task_manager.as_ref().and_then(|t| t.replicas) {
        return Ok(replicas.saturating_mul(flink.value_or_default(&options::TASK_SLOTS)?));
    }
    if spec.mode() == KubernetesMode::Standalone {
        let overrides = flink.value(&options::PARALLELISM_OVERRIDES)?.unwrap_or_default();
        let highest = overrides.0.values().filter_map(|p| p.trim().parse().ok()).max();
        if let Some(highest) = highest.filter(|p| *p > 0) {
            return Ok(highest);
        }
    }
    Ok(job.parallelism())
}

#[cfg(test)]
mod tests;
