//! What the objects have in common, read from the configuration once.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use sluice_shared::api::{FlinkVersion, labels};
use sluice_shared::config::{ConfigOption, FlinkConfig, Map, options};
use sluice_shared::memory;

use crate::cluster::{BuildError, ClusterConfig};

/// Ports where the configuration leaves the choice to Flink (Flink's `Constants` and `RestOptions`).
const BLOB_SERVER_PORT: u16 = 6124;
const TASK_MANAGER_RPC_PORT: u16 = 6122;
const REST_BIND_PORT: u16 = 8081;

/// Entry points (package `org.apache.flink.kubernetes.entrypoint`).
const APPLICATION_ENTRY_POINT: &str = "org.apache.flink.kubernetes.entrypoint.KubernetesApplicationClusterEntrypoint";
const SESSION_ENTRY_POINT: &str = "org.apache.flink.kubernetes.entrypoint.KubernetesSessionClusterEntrypoint";

/// Options that Flink 2.3 has and 1.20 has not (`KubernetesConfigOptions`). The keys mean the same for every version.
pub(super) const REST_SERVICE_LABELS: ConfigOption<Map> =
    ConfigOption::new("kubernetes.rest-service.labels", &[], None);
pub(super) const INTERNAL_SERVICE_LABELS: ConfigOption<Map> =
    ConfigOption::new("kubernetes.internal-service.labels", &[], None);
pub(super) const CLAIMS: ConfigOption<Map> = ConfigOption::new("kubernetes.persistent-volume-claims", &[], None);
pub(super) const CLAIMS_READ_ONLY: ConfigOption<bool> =
    ConfigOption::new("kubernetes.persistent-volume-claim-read-only", &[], Some("false"));

/// The configuration as the cluster gets it, and values read from it.
pub(super) struct Parameters {
    /// With everything that Flink's client sets, without what is the operator's.
    pub flink: FlinkConfig,
    pub version: FlinkVersion,
    pub namespace: String,
    pub cluster_id: String,
    /// `kubernetes-application` or `kubernetes-session`.
    pub target: String,
    pub high_availability: bool,
    pub rest_port: i32,
    pub rest_bind_port: u16,
    pub rpc_port: i32,
    pub blob_server_port: u16,
    /// Memory of the JobManager's process in MiB.
    pub memory_mebibytes: u64,
}

impl Parameters {
    pub(super) fn new(config: &ClusterConfig) -> Result<Self, BuildError> {
        let mut flink = config.flink.clone();
        flink.retain(|key, _| !options::is_of_operator(key));
        let version = flink
            .value_or_default(&options::INTERNAL_FLINK_VERSION)?
            .parse()
            .map_err(|problem| BuildError::Field {
                path: "spec.flinkVersion",
                problem,
            })?;
        let namespace = flink.value_or_default(&options::KUBERNETES_NAMESPACE)?;
        let cluster_id = flink.value_or_default(&options::KUBERNETES_CLUSTER_ID)?;
        let target = flink.value_or_default(&options::EXECUTION_TARGET)?;
        let high_availability = options::is_ha_enabled(&flink)?;

        flink.set("internal.cluster.execution-mode", "NORMAL");
        let entry_point = if target == "kubernetes-session" {
            SESSION_ENTRY_POINT
        } else {
            APPLICATION_ENTRY_POINT
        };
        flink.set(options::JOB_MANAGER_ENTRYPOINT_CLASS.key, entry_point);
        let blob_server_port = fixed_port(&mut flink, &options::BLOB_SERVER_PORT, BLOB_SERVER_PORT)?;
        fixed_port(&mut flink, &options::TASK_MANAGER_RPC_PORT, TASK_MANAGER_RPC_PORT)?;
        let rest_bind_port = fixed_port(&mut flink, &options::REST_BIND_PORT, REST_BIND_PORT)?;
        let rpc_port = flink.value_or_default(&options::JOB_MANAGER_RPC_PORT)?;
        if high_availability {
            flink.set(options::HA_CLUSTER_ID.key, cluster_id.as_str());
            let port = u16::try_from(rpc_port).map_err(|_| BuildError::Port {
                key: options::JOB_MANAGER_RPC_PORT.key,
                value: rpc_port.to_string(),
            })?;
            fixed_port(&mut flink, &options::HA_JOB_MANAGER_PORT, port)?;
        } else {
            // Without high availability the TaskManagers find the JobManager by its Service.
            flink.set(
                options::JOB_MANAGER_RPC_ADDRESS.key,
                format!("{cluster_id}.{namespace}"),
            );
        }
        if flink.value_or_default(&options::KERBEROS_MOUNT_ENABLED)? {
            for key in ["security.kerberos.login.keytab", "security.kerberos.krb5-conf.path"] {
                if flink.contains(key) {
                    return Err(BuildError::Kerberos { key });
                }
            }
        }
        Ok(Self {
            version,
            namespace,
            cluster_id,
            target,
            high_availability,
            rest_port: flink.value_or_default(&options::REST_PORT)?,
            rest_bind_port,
            rpc_port,
            blob_server_port,
            memory_mebibytes: memory::job_manager(&flink)?.total_process().mebibytes(),
            flink,
        })
    }

    /// Labels of everything.
    pub(super) fn common_labels(&self) -> BTreeMap<String, String> {
        [(labels::TYPE, labels::TYPE_NATIVE), (labels::APP, &self.cluster_id)]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// Labels by which the JobManager's pods are found.
    pub(super) fn job_manager_selector(&self) -> BTreeMap<String, String> {
        let mut selector = self.common_labels();
        selector.insert(labels::COMPONENT.to_owned(), labels::COMPONENT_JOB_MANAGER.to_owned());
        selector
    }

    /// Metadata of an object beside the Deployment.
    pub(super) fn metadata(&self, name: String, annotations: BTreeMap<String, String>) -> ObjectMeta {
        ObjectMeta {
            name: Some(name),
            namespace: Some(self.namespace.clone()),
            labels: Some(self.common_labels()),
            annotations: Some(annotations).filter(|a| !a.is_empty()),
            ..ObjectMeta::default()
        }
    }

    /// A map, empty where it is not set.
    pub(super) fn map(&self, option: &ConfigOption<Map>) -> Result<BTreeMap<String, String>, BuildError> {
        Ok(self.flink.value(option)?.unwrap_or_default().0)
    }
}

/// The port that `option` fixes; where it leaves it open (0), `otherwise`, which is then set.
fn fixed_port(flink: &mut FlinkConfig, option: &ConfigOption<String>, otherwise: u16) -> Result<u16, BuildError> {
    let value = flink.value_or_default(option)?;
    let port = value
        .trim()
        .parse()
        .map_err(|_| BuildError::Port { key: option.key, value })?;
    if port == 0 {
        flink.set(option.key, otherwise.to_string());
        return Ok(otherwise);
    }
    Ok(port)
}
