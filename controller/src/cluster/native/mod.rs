//! The objects of a cluster in native mode, as Flink's own client creates them.
//!
//! What Flink does in Java: `KubernetesClusterDescriptor.deployApplicationCluster` sets some options, then
//! `KubernetesJobManagerFactory` lets one decorator after the other add to the JobManager's pod and to the objects
//! beside it, and `Fabric8FlinkKubeClient.createJobManagerComponent` creates the Deployment first, so that it can own
//! the rest. The TaskManagers' pods are created by the JobManager.

mod config_map;
mod deployment;
mod parameters;
mod services;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::{BuildError, ClusterConfig, flink_config_file};
use parameters::Parameters;

/// The objects of a cluster, before anything of it exists.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeCluster {
    /// The JobManager. It is created first.
    pub deployment: Deployment,
    /// The REST Service and, without high availability, the headless one for the TaskManagers.
    pub services: Vec<Service>,
    /// The configuration and, where there is one, the TaskManagers' pod template.
    pub config_maps: Vec<ConfigMap>,
}

/// What the JobManager's Deployment owns.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedObjects {
    /// Services.
    pub services: Vec<Service>,
    /// ConfigMaps.
    pub config_maps: Vec<ConfigMap>,
}

/// Builds the objects of an application or session cluster (`execution.target` says which).
///
/// Keys of the operator and the autoscaler do not reach the cluster.
///
/// # Errors
/// When an option cannot be read or options do not fit together.
pub fn build(config: &ClusterConfig) -> Result<NativeCluster, BuildError> {
    let parameters = Parameters::new(config)?;
    let file = flink_config_file::cluster_side(&parameters.flink);
    let file = flink_config_file::render(&file, parameters.version)?;
    Ok(NativeCluster {
        deployment: deployment::build(&parameters, config)?,
        services: services::build(&parameters)?,
        config_maps: config_map::build(&parameters, config, file)?,
    })
}

impl NativeCluster {
    /// The other objects, owned by the Deployment that was created with this `uid`.
    #[must_use]
    pub fn owned_objects(&self, uid: &str) -> OwnedObjects {
        let owner = OwnerReference {
            api_version: "apps/v1".to_owned(),
            block_owner_deletion: Some(true),
            controller: Some(true),
            kind: "Deployment".to_owned(),
            name: self.deployment.metadata.name.clone().unwrap_or_default(),
            uid: uid.to_owned(),
        };
        let own = |metadata: &mut ObjectMeta| metadata.owner_references = Some(vec![owner.clone()]);
        let mut objects = OwnedObjects {
            services: self.services.clone(),
            config_maps: self.config_maps.clone(),
        };
        objects
            .services
            .iter_mut()
            .for_each(|service| own(&mut service.metadata));
        objects.config_maps.iter_mut().for_each(|map| own(&mut map.metadata));
        objects
    }
}

#[cfg(test)]
mod tests;
