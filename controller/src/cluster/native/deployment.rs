//! The JobManager's Deployment.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, Container, ContainerPort, EmptyDirVolumeSource, EnvVar, EnvVarSource, KeyToPath,
    LocalObjectReference, ObjectFieldSelector, PersistentVolumeClaimVolumeSource, PodSpec, PodTemplateSpec,
    SecretKeySelector, SecretVolumeSource, Toleration, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference};
use sluice_shared::config::{ConfigOption, FlinkConfig, Map, OptionValue, options};

use super::config_map::{POD_TEMPLATE_FILE, config_name, pod_template_name};
use super::parameters::{CLAIMS, CLAIMS_READ_ONLY, Parameters};
use crate::cluster::{BuildError, ClusterConfig, LOG4J_FILE, LOGBACK_FILE, MAIN_CONTAINER, pod_template, text};

/// Where the TaskManagers' pod template lies in the pod (Flink's `Constants.POD_TEMPLATE_DIR_IN_POD`).
const POD_TEMPLATE_DIR: &str = "/opt/flink/pod-template";
/// Where Hadoop's configuration lies in the pod (Flink's `Constants.HADOOP_CONF_DIR_IN_POD`).
const HADOOP_CONF_DIR: &str = "/opt/hadoop/conf";

pub(super) fn build(parameters: &Parameters, config: &ClusterConfig) -> Result<Deployment, BuildError> {
    let mut labels = parameters.map(&options::JOB_MANAGER_LABELS)?;
    labels.extend(parameters.job_manager_selector());
    let annotations = parameters.map(&options::JOB_MANAGER_ANNOTATIONS)?;

    let mut template = match &config.job_manager_pod_template {
        Some(template) => pod_template::parse(template, "JobManager")?,
        None => PodTemplateSpec::default(),
    };
    let metadata = template.metadata.get_or_insert_default();
    metadata.labels.get_or_insert_default().extend(labels.clone());
    if !annotations.is_empty() {
        metadata.annotations.get_or_insert_default().extend(annotations.clone());
    }
    let pod = template.spec.get_or_insert_default();
    let mut main = take_main_container(pod);
    decorate_pod(pod, parameters)?;
    decorate_main_container(&mut main, parameters)?;
    secrets(pod, &mut main, parameters)?;
    claims(pod, &mut main, parameters)?;
    command(&mut main, parameters)?;
    hadoop(pod, &mut main, parameters)?;
    configuration(pod, &mut main, parameters, config)?;
    task_manager_pod_template(pod, &mut main, parameters, config);
    pod.containers.push(main);

    Ok(Deployment {
        metadata: ObjectMeta {
            name: Some(parameters.cluster_id.clone()),
            namespace: Some(parameters.namespace.clone()),
            labels: Some(labels),
            annotations: Some(annotations).filter(|a| !a.is_empty()),
            owner_references: owners(parameters)?,
            ..ObjectMeta::default()
        },
        spec: Some(DeploymentSpec {
            replicas: Some(replicas(parameters)?),
            selector: LabelSelector {
                match_labels: Some(parameters.job_manager_selector()),
                ..LabelSelector::default()
            },
            template,
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    })
}

fn replicas(parameters: &Parameters) -> Result<i32, BuildError> {
    let option = &options::JOB_MANAGER_REPLICAS;
    let replicas = parameters.flink.value_or_default(option)?;
    if replicas < 1 {
        return Err(BuildError::LessThanOne {
            key: option.key,
            value: replicas.to_string(),
        });
    }
    if replicas > 1 && !parameters.high_availability {
        return Err(BuildError::StandbyWithoutHighAvailability { replicas });
    }
    Ok(replicas)
}

fn owners(parameters: &Parameters) -> Result<Option<Vec<OwnerReference>>, BuildError> {
    let Some(owners) = parameters.flink.value(&options::JOB_MANAGER_OWNER_REFERENCE)? else {
        return Ok(None);
    };
    let owners = owners.into_iter().map(|Map(mut owner)| OwnerReference {
        api_version: owner.remove("apiVersion").unwrap_or_default(),
        block_owner_deletion: owner.get("blockOwnerDeletion").map(|text| text == "true"),
        controller: owner.get("controller").map(|text| text == "true"),
        kind: owner.remove("kind").unwrap_or_default(),
        name: owner.remove("name").unwrap_or_default(),
        uid: owner.remove("uid").unwrap_or_default(),
    });
    Ok(Some(owners.collect()))
}

/// The template's main container, or a new one. It becomes the last one.
fn take_main_container(pod: &mut PodSpec) -> Container {
    match pod.containers.iter().position(|c| c.name == MAIN_CONTAINER) {
        Some(place) => pod.containers.remove(place),
        None => Container {
            name: MAIN_CONTAINER.to_owned(),
            ..Container::default()
        },
    }
}

/// A value that the configuration, the pod template or a default gives, in this order. Configured in any spelling
/// counts; the default alone does not beat the template.
fn resolve<T: OptionValue>(
    flink: &FlinkConfig,
    option: &ConfigOption<T>,
    template: Option<String>,
    write: impl Fn(T) -> String,
    default: impl FnOnce() -> String,
) -> Result<String, BuildError> {
    Ok(match flink.value(option)? {
        Some(value) => write(value),
        None => template.unwrap_or_else(default),
    })
}

/// `InitJobManagerDecorator`: the pod.
fn decorate_pod(pod: &mut PodSpec, parameters: &Parameters) -> Result<(), BuildError> {
    let flink = &parameters.flink;
    let in_template = pod.service_account.take().or(pod.service_account_name.take());
    let option = &options::JOB_MANAGER_SERVICE_ACCOUNT;
    let account = resolve(flink, option, in_template, |a| a, || "default".to_owned())?;
    pod.service_account = Some(account.clone());
    pod.service_account_name = Some(account);

    let host_network = flink.value_or_default(&options::HOST_NETWORK)?;
    pod.host_network = Some(host_network);
    pod.dns_policy = if host_network {
        Some("ClusterFirstWithHostNet".to_owned())
    } else {
        pod.dns_policy
            .take()
            .filter(|p| !p.trim().is_empty())
            .or(Some("ClusterFirst".to_owned()))
    };
    // A Deployment restarts its pods always, and allows nothing else.
    if pod.restart_policy.is_some() {
        pod.restart_policy = Some("Always".to_owned());
    }
    pod.volumes.get_or_insert_default().push(Volume {
        name: "user-artifacts-volume".to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    });
    let secrets = flink.value(&options::CONTAINER_IMAGE_PULL_SECRETS)?.unwrap_or_default();
    for name in secrets
        .into_iter()
        .map(|s| s.trim().to_owned())
        .filter(|s| !s.is_empty())
    {
        pod.image_pull_secrets
            .get_or_insert_default()
            .push(LocalObjectReference { name });
    }
    let selector = parameters.map(&options::JOB_MANAGER_NODE_SELECTOR)?;
    if !selector.is_empty() {
        pod.node_selector.get_or_insert_default().extend(selector);
    }
    for Map(mut toleration) in flink.value(&options::JOB_MANAGER_TOLERATIONS)?.unwrap_or_default() {
        pod.tolerations.get_or_insert_default().push(Toleration {
            effect: toleration.remove("effect"),
            key: toleration.remove("key"),
            operator: toleration.remove("operator"),
            toleration_seconds: toleration.get("tolerationSeconds").and_then(|s| s.parse().ok()),
            value: toleration.remove("value"),
        });
    }
    Ok(())
}

/// `InitJobManagerDecorator`: the main container.
fn decorate_main_container(main: &mut Container, parameters: &Parameters) -> Result<(), BuildError> {
    let flink = &parameters.flink;
    let default_image = || {
        let (major, minor) = parameters.version.number();
        format!("flink:{major}.{minor}")
    };
    main.image = Some(resolve(
        flink,
        &options::CONTAINER_IMAGE,
        main.image.take(),
        |i| i,
        default_image,
    )?);
    main.image_pull_policy = Some(resolve(
        flink,
        &options::CONTAINER_IMAGE_PULL_POLICY,
        main.image_pull_policy.take(),
        |policy| policy.as_str().to_owned(),
        || "IfNotPresent".to_owned(),
    )?);
    resources(main, parameters)?;
    main.volume_mounts.get_or_insert_default().push(VolumeMount {
        name: "user-artifacts-volume".to_owned(),
        mount_path: flink.value_or_default(&options::ARTIFACTS_BASE_DIR)?,
        ..VolumeMount::default()
    });
    if !flink.value_or_default(&options::HOST_NETWORK)? {
        let ports = [
            ("rest", parameters.rest_port),
            ("jobmanager-rpc", parameters.rpc_port),
            ("blobserver", parameters.blob_server_port.into()),
        ];
        main.ports
            .get_or_insert_default()
            .extend(ports.map(|(name, port)| ContainerPort {
                name: Some(name.to_owned()),
                container_port: port,
                ..ContainerPort::default()
            }));
    }
    let env = main.env.get_or_insert_default();
    for (name, value) in flink.with_prefix(options::JOB_MANAGER_ENV_PREFIX) {
        env.push(variable(name, value));
    }
    env.push(EnvVar {
        name: "_POD_IP_ADDRESS".to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                api_version: Some("v1".to_owned()),
                field_path: "status.podIP".to_owned(),
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    });
    if let Some(directory) = flink.value(&options::FLINK_LOG_DIR)? {
        env.push(variable("FLINK_LOG_DIR", &directory));
    }
    Ok(())
}

fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..EnvVar::default()
    }
}

/// Requests and limits (`KubernetesUtils.getResourceRequirements`).
fn resources(main: &mut Container, parameters: &Parameters) -> Result<(), BuildError> {
    let flink = &parameters.flink;
    let at_least_one = |option: &ConfigOption<f64>| {
        let factor = flink.value_or_default(option)?;
        if factor < 1.0 {
            return Err(BuildError::LessThanOne {
                key: option.key,
                value: factor.to_string(),
            });
        }
        Ok(factor)
    };
    let cpu = flink.value_or_default(&options::JOB_MANAGER_CPU)?;
    let cpu_factor = at_least_one(&options::JOB_MANAGER_CPU_LIMIT_FACTOR)?;
    let memory = parameters.memory_mebibytes;
    let memory_factor = at_least_one(&options::JOB_MANAGER_MEMORY_LIMIT_FACTOR)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Rounded down, as Flink does; never negative.
    let memory_limit = (memory as f64 * memory_factor) as u64;

    let amounts = |cpu: f64, memory: u64| {
        [
            ("cpu".to_owned(), Quantity(text::double(cpu))),
            ("memory".to_owned(), Quantity(format!("{memory}Mi"))),
        ]
    };
    let resources = main.resources.get_or_insert_default();
    resources.requests.get_or_insert_default().extend(amounts(cpu, memory));
    resources
        .limits
        .get_or_insert_default()
        .extend(amounts(cpu * cpu_factor, memory_limit));
    Ok(())
}

/// `EnvSecretsDecorator` and `MountSecretsDecorator`.
fn secrets(pod: &mut PodSpec, main: &mut Container, parameters: &Parameters) -> Result<(), BuildError> {
    for Map(mut reference) in parameters
        .flink
        .value(&options::ENV_SECRET_KEY_REF)?
        .unwrap_or_default()
    {
        main.env.get_or_insert_default().push(EnvVar {
            name: reference.remove("env").unwrap_or_default(),
            value_from: Some(EnvVarSource {
                secret_key_ref: Some(SecretKeySelector {
                    name: reference.remove("secret").unwrap_or_default(),
                    key: reference.remove("key").unwrap_or_default(),
                    ..SecretKeySelector::default()
                }),
                ..EnvVarSource::default()
            }),
            ..EnvVar::default()
        });
    }
    for (name, path) in parameters.map(&options::SECRETS)? {
        let volume = format!("{name}-volume");
        mount(pod, main, &volume, &path, |volume| {
            volume.secret = Some(SecretVolumeSource {
                secret_name: Some(name),
                ..SecretVolumeSource::default()
            });
        });
    }
    Ok(())
}

/// `PersistentVolumeClaimMountDecorator`.
fn claims(pod: &mut PodSpec, main: &mut Container, parameters: &Parameters) -> Result<(), BuildError> {
    const SUFFIX: &str = "-pvc";
    /// Longest name of a volume.
    const LONGEST: usize = 63;
    let read_only = parameters.flink.value_or_default(&CLAIMS_READ_ONLY)?;
    for (claim, path) in parameters.map(&CLAIMS)? {
        let mut name = claim.replace('.', "-");
        name.truncate(LONGEST - SUFFIX.len());
        mount(pod, main, &format!("{name}{SUFFIX}"), &path, |volume| {
            volume.persistent_volume_claim = Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim,
                read_only: Some(read_only),
            });
        });
        if let Some(mount) = main.volume_mounts.as_mut().and_then(|mounts| mounts.last_mut()) {
            mount.read_only = Some(read_only);
        }
    }
    Ok(())
}

/// `CmdJobManagerDecorator`.
fn command(main: &mut Container, parameters: &Parameters) -> Result<(), BuildError> {
    main.command = Some(vec![parameters.flink.value_or_default(&options::ENTRY_PATH)?]);
    let args = parameters
        .flink
        .value_or_default(&options::JOB_MANAGER_ENTRYPOINT_ARGS)?;
    main.args = Some(vec![
        "bash".to_owned(),
        "-c".to_owned(),
        format!("kubernetes-jobmanager.sh {} {args}", parameters.target),
    ]);
    Ok(())
}

/// `HadoopConfMountDecorator`, as far as a ConfigMap that exists is named.
fn hadoop(pod: &mut PodSpec, main: &mut Container, parameters: &Parameters) -> Result<(), BuildError> {
    if !parameters.flink.value_or_default(&options::HADOOP_CONF_MOUNT_ENABLED)? {
        return Ok(());
    }
    let name = parameters.flink.value(&options::HADOOP_CONF_CONFIG_MAP)?;
    let Some(name) = name.map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()) else {
        return Ok(());
    };
    mount(pod, main, "hadoop-config-volume", HADOOP_CONF_DIR, |volume| {
        volume.config_map = Some(ConfigMapVolumeSource {
            name,
            ..ConfigMapVolumeSource::default()
        });
    });
    main.env
        .get_or_insert_default()
        .push(variable("HADOOP_CONF_DIR", HADOOP_CONF_DIR));
    Ok(())
}

/// `FlinkConfMountDecorator`.
fn configuration(
    pod: &mut PodSpec,
    main: &mut Container,
    parameters: &Parameters,
    config: &ClusterConfig,
) -> Result<(), BuildError> {
    let logging = [LOGBACK_FILE, LOG4J_FILE]
        .into_iter()
        .filter(|name| config.log_files.contains_key(*name));
    let items = logging
        .chain([parameters.version.config_file_name()])
        .map(item)
        .collect();
    let directory = parameters.flink.value_or_default(&options::FLINK_CONF_DIR)?;
    mount(pod, main, "flink-config-volume", &directory, |volume| {
        volume.config_map = Some(ConfigMapVolumeSource {
            name: config_name(&parameters.cluster_id),
            items: Some(items),
            ..ConfigMapVolumeSource::default()
        });
    });
    Ok(())
}

/// `PodTemplateMountDecorator`.
fn task_manager_pod_template(pod: &mut PodSpec, main: &mut Container, parameters: &Parameters, config: &ClusterConfig) {
    if config.task_manager_pod_template.is_none() {
        return;
    }
    mount(pod, main, "pod-template-volume", POD_TEMPLATE_DIR, |volume| {
        volume.config_map = Some(ConfigMapVolumeSource {
            name: pod_template_name(&parameters.cluster_id),
            items: Some(vec![item(POD_TEMPLATE_FILE)]),
            ..ConfigMapVolumeSource::default()
        });
    });
}

fn item(name: &str) -> KeyToPath {
    KeyToPath {
        key: name.to_owned(),
        path: name.to_owned(),
        ..KeyToPath::default()
    }
}

/// Adds a volume and mounts it.
fn mount(pod: &mut PodSpec, main: &mut Container, name: &str, path: &str, source: impl FnOnce(&mut Volume)) {
    let mut volume = Volume {
        name: name.to_owned(),
        ..Volume::default()
    };
    source(&mut volume);
    pod.volumes.get_or_insert_default().push(volume);
    main.volume_mounts.get_or_insert_default().push(VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    });
}
