//! What rules look at: an object, and what follows from it and its surroundings, worked out once.

use std::cell::OnceCell;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Environment;
use super::lookup::Lookup;
use super::pod_template::AsPod;
use crate::api::snapshot::{JobKind, JobReference};
use crate::api::{
    FlinkBlueGreenDeployment, FlinkBlueGreenDeploymentSpec, FlinkConfiguration, FlinkDeployment, FlinkDeploymentSpec,
    FlinkSessionJob, FlinkSessionJobSpec, FlinkStateSnapshot, FlinkStateSnapshotSpec, FlinkVersion, JobSpec,
    reconciled,
};
use crate::catalogue::Known;
use crate::config::{ConfigOption, FlattenError, FlinkConfig, OptionValue, flatten};
use crate::memory::MemoryError;

/// Name of the object. Where the API server is still to choose it, one like it.
fn name_of(metadata: &ObjectMeta) -> String {
    match (&metadata.name, &metadata.generate_name) {
        (Some(name), _) if !name.is_empty() => name.clone(),
        // The API server appends five characters.
        (_, Some(prefix)) => format!("{prefix}xxxxx"),
        _ => String::new(),
    }
}

/// Namespace of the object; `default` where it names none, as kubectl has it.
pub(super) fn namespace_of(metadata: &ObjectMeta) -> &str {
    metadata.namespace.as_deref().unwrap_or("default")
}

fn written(configuration: Option<&FlinkConfiguration>) -> Result<FlinkConfig, FlattenError> {
    configuration.map_or(Ok(FlinkConfig::new()), |written| {
        flatten(&written.0).map(FlinkConfig::from)
    })
}

/// The value of `option`, or its default where it is absent or unreadable (another rule refuses that); `None` where
/// there is no default either.
pub(super) fn setting<T: OptionValue>(config: &FlinkConfig, option: &ConfigOption<T>) -> Option<T> {
    config.value_or_default(option).or_else(|_| option.default_value()).ok()
}

/// Whether `option` is set to more than white space.
pub(super) fn is_given(config: &FlinkConfig, option: &ConfigOption<String>) -> bool {
    config.written(option).is_some_and(|(_, text)| !text.trim().is_empty())
}

/// A field of a spec, whose path is only written out where there is something to say of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    root: &'static str,
    pub(super) field: &'static str,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.root, self.field)
    }
}

/// A `FlinkDeployment`, or what a blue/green deployment makes its children of.
#[derive(Debug)]
pub struct Deployment<'a> {
    /// Name of the cluster.
    pub name: String,
    /// Its namespace.
    pub namespace: &'a str,
    /// The spec.
    pub spec: &'a FlinkDeploymentSpec,
    /// Path of the spec: `spec`, or `spec.template.spec`.
    pub root: &'static str,
    /// `spec.flinkConfiguration` in flat form.
    pub written: Result<FlinkConfig, FlattenError>,
    /// All defaults with `written` over them.
    pub config: FlinkConfig,
    /// The spec that was acted on last; `None` before the first time, or where it cannot be read.
    pub reconciled: Option<FlinkDeploymentSpec>,
    /// What Flink's memory model says of the JobManager and of TaskManagers, for [`super::resources`].
    pub(super) memory_errors: OnceCell<[Option<MemoryError>; 2]>,
    /// What the keys of `written` are in the Flink version, in their order, for [`super::options`].
    pub(super) known: OnceCell<Vec<Known>>,
    /// What the pod templates are as Pods, for [`super::pod_template`].
    pub(super) pods: OnceCell<Vec<AsPod>>,
}

impl<'a> Deployment<'a> {
    /// The subject of `object`.
    #[must_use]
    pub fn new(object: &'a FlinkDeployment, environment: &Environment<'_>) -> Self {
        let reconciled = object
            .status
            .as_ref()
            .and_then(|status| status.reconciliation_status.as_ref())
            .and_then(|status| status.last_reconciled_spec.as_deref())
            .and_then(|text| reconciled::decode(text).ok())
            .map(|(spec, _)| spec);
        Self::of_spec(
            name_of(&object.metadata),
            namespace_of(&object.metadata),
            &object.spec,
            "spec",
            reconciled,
            environment,
        )
    }

    fn of_spec(
        name: String,
        namespace: &'a str,
        spec: &'a FlinkDeploymentSpec,
        root: &'static str,
        reconciled: Option<FlinkDeploymentSpec>,
        environment: &Environment<'_>,
    ) -> Self {
        let written = written(spec.flink_configuration.as_ref());
        let mut config = environment.defaults.for_resource(namespace, spec.flink_version);
        if let Ok(written) = &written {
            config.overlay(written);
        }
        Self {
            name,
            namespace,
            spec,
            root,
            written,
            config,
            reconciled,
            memory_errors: OnceCell::new(),
            known: OnceCell::new(),
            pods: OnceCell::new(),
        }
    }

    /// Path of a field of the spec.
    #[must_use]
    pub fn path(&self, field: &str) -> String {
        format!("{}.{field}", self.root)
    }

    pub(super) fn place(&self, field: &'static str) -> Place {
        Place { root: self.root, field }
    }

    /// Path of a key of the configuration.
    #[must_use]
    pub fn config_path(&self, key: &str) -> String {
        format!("{}.flinkConfiguration[{key}]", self.root)
    }

    /// Path of an argument of the job.
    #[must_use]
    pub fn argument_path(&self, index: usize) -> String {
        format!("{}.job.args[{index}]", self.root)
    }

    /// The job, for an application cluster.
    #[must_use]
    pub fn job(&self) -> Option<Job<'_>> {
        self.spec.job.as_ref().map(|job| Job {
            job,
            task_manager_replicas: self.spec.task_manager.as_ref().and_then(|tm| tm.replicas),
            config: &self.config,
            written: &self.written,
            flink_version: self.spec.flink_version,
            root: self.root,
        })
    }
}

/// A job and the configuration that it runs with.
#[derive(Debug)]
pub struct Job<'a> {
    /// The job.
    pub job: &'a JobSpec,
    /// `taskManager.replicas` of an application cluster.
    pub task_manager_replicas: Option<i32>,
    /// Effective configuration.
    pub config: &'a FlinkConfig,
    /// `flinkConfiguration` of the job's own resource in flat form.
    pub written: &'a Result<FlinkConfig, FlattenError>,
    /// Flink version of the cluster.
    pub flink_version: Option<FlinkVersion>,
    /// Path of the spec.
    pub root: &'static str,
}

impl Job<'_> {
    /// Path of a field of the job.
    #[must_use]
    pub fn path(&self, field: &str) -> String {
        format!("{}.job.{field}", self.root)
    }

    /// Path of a key of the configuration.
    #[must_use]
    pub fn config_path(&self, key: &str) -> String {
        format!("{}.flinkConfiguration[{key}]", self.root)
    }
}

/// A `FlinkSessionJob`.
#[derive(Debug)]
pub struct SessionJob<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// The spec.
    pub spec: &'a FlinkSessionJobSpec,
    /// `spec.flinkConfiguration` in flat form.
    pub written: Result<FlinkConfig, FlattenError>,
    /// The cluster's effective configuration, as far as known, with `written` over it.
    pub config: FlinkConfig,
    /// The administrator's configuration, without layers.
    pub global: FlinkConfig,
    /// The session cluster.
    pub cluster: Lookup<FlinkDeployment>,
    /// The spec that was acted on last.
    pub reconciled: Option<FlinkSessionJobSpec>,
    /// What the keys of `written` are in the cluster's Flink version, in their order, for [`super::options`].
    pub(super) known: OnceCell<Vec<Known>>,
}

impl<'a> SessionJob<'a> {
    /// The subject of `object`.
    #[must_use]
    pub fn new(object: &'a FlinkSessionJob, environment: &Environment<'_>) -> Self {
        let namespace = namespace_of(&object.metadata);
        let cluster = match object.spec.deployment_name.as_deref() {
            Some(name) if !name.is_empty() => environment.lookups.deployment(namespace, name),
            _ => Lookup::Unknown,
        };
        let written = written(object.spec.flink_configuration.as_ref());
        let mut config = match cluster.found() {
            Some(cluster) => Deployment::new(cluster, environment).config,
            None => environment.defaults.for_resource(namespace, None),
        };
        if let Ok(written) = &written {
            config.overlay(written);
        }
        Self {
            namespace,
            spec: &object.spec,
            written,
            config,
            global: environment.defaults.global().clone(),
            cluster,
            reconciled: object
                .status
                .as_ref()
                .and_then(|status| status.reconciliation_status.as_ref())
                .and_then(|status| status.last_reconciled_spec.as_deref())
                .and_then(|text| reconciled::decode(text).ok())
                .map(|(spec, _)| spec),
            known: OnceCell::new(),
        }
    }

    /// The job, where the configuration that it runs with is known.
    #[must_use]
    pub fn job(&self) -> Option<Job<'_>> {
        let cluster = self.cluster.found()?;
        self.spec.job.as_ref().map(|job| Job {
            job,
            task_manager_replicas: None,
            config: &self.config,
            written: &self.written,
            flink_version: cluster.spec.flink_version,
            root: "spec",
        })
    }
}

/// A `FlinkStateSnapshot`.
#[derive(Debug)]
pub struct Snapshot<'a> {
    /// Its namespace, which is also the job's.
    pub namespace: &'a str,
    /// The object.
    pub object: &'a FlinkStateSnapshot,
    /// The object that it takes the place of.
    pub old: Option<&'a FlinkStateSnapshot>,
    /// Whether the job's resource exists; `None` where nobody knows.
    pub target_exists: Option<bool>,
}

impl<'a> Snapshot<'a> {
    /// The subject of `object`.
    #[must_use]
    pub fn new(
        object: &'a FlinkStateSnapshot,
        old: Option<&'a FlinkStateSnapshot>,
        environment: &Environment<'_>,
    ) -> Self {
        let namespace = namespace_of(&object.metadata);
        Self {
            namespace,
            object,
            old,
            target_exists: object
                .spec
                .job_reference
                .as_ref()
                .and_then(|reference| target_exists(namespace, reference, environment)),
        }
    }

    /// The spec.
    #[must_use]
    pub fn spec(&self) -> &'a FlinkStateSnapshotSpec {
        &self.object.spec
    }
}

fn target_exists(namespace: &str, reference: &JobReference, environment: &Environment<'_>) -> Option<bool> {
    fn exists<T>(lookup: &Lookup<T>) -> Option<bool> {
        match lookup {
            Lookup::Found(_) => Some(true),
            Lookup::Missing => Some(false),
            Lookup::Unknown => None,
        }
    }
    let name = reference.name.as_deref().filter(|name| !name.trim().is_empty())?;
    match reference.kind? {
        JobKind::FlinkDeployment => exists(&environment.lookups.deployment(namespace, name)),
        JobKind::FlinkSessionJob => exists(&environment.lookups.session_job(namespace, name)),
    }
}

/// A `FlinkBlueGreenDeployment`.
#[derive(Debug)]
pub struct BlueGreen<'a> {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: &'a str,
    /// The spec.
    pub spec: &'a FlinkBlueGreenDeploymentSpec,
    /// What the children are made of, under the longer of their names.
    pub template: Option<Deployment<'a>>,
}

impl<'a> BlueGreen<'a> {
    /// The subject of `object`.
    #[must_use]
    pub fn new(object: &'a FlinkBlueGreenDeployment, environment: &Environment<'_>) -> Self {
        let name = name_of(&object.metadata);
        let namespace = namespace_of(&object.metadata);
        let reconciled = object
            .status
            .as_ref()
            .and_then(|status| status.last_reconciled_spec.as_deref())
            .and_then(|text| serde_json::from_str::<Reconciled>(text).ok())
            .and_then(|reconciled| reconciled.spec.template)
            .and_then(|template| template.spec);
        Self {
            template: object
                .spec
                .template
                .as_ref()
                .and_then(|template| template.spec.as_ref())
                .map(|spec| {
                    let child = format!("{name}{}", super::blue_green::LONGEST_SUFFIX);
                    Deployment::of_spec(child, namespace, spec, "spec.template.spec", reconciled, environment)
                }),
            name,
            namespace,
            spec: &object.spec,
        }
    }
}

/// `lastReconciledSpec` of a blue/green deployment has no metadata.
#[derive(serde::Deserialize)]
struct Reconciled {
    spec: FlinkBlueGreenDeploymentSpec,
}
