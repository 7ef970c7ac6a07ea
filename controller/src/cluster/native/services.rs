//! The Services.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use sluice_shared::config::options::{self, ServiceExposedType};

use super::parameters::{INTERNAL_SERVICE_LABELS, Parameters, REST_SERVICE_LABELS};
use crate::cluster::BuildError;

/// `clusterIP` of a headless Service.
const HEADLESS: &str = "None";

/// The Services in the order in which Flink creates them.
pub(super) fn build(parameters: &Parameters) -> Result<Vec<Service>, BuildError> {
    let mut services = Vec::new();
    if !parameters.high_availability {
        services.push(internal(parameters)?);
    }
    services.push(rest(parameters)?);
    Ok(services)
}

/// How TaskManagers find the JobManager (`InternalServiceDecorator`). With high availability they find its address in
/// the metadata.
fn internal(parameters: &Parameters) -> Result<Service, BuildError> {
    let annotations = parameters.map(&options::INTERNAL_SERVICE_ANNOTATIONS)?;
    let mut metadata = parameters.metadata(parameters.cluster_id.clone(), annotations);
    metadata
        .labels
        .get_or_insert_default()
        .extend(parameters.map(&INTERNAL_SERVICE_LABELS)?);
    Ok(Service {
        metadata,
        spec: Some(ServiceSpec {
            cluster_ip: Some(HEADLESS.to_owned()),
            selector: Some(parameters.job_manager_selector()),
            ports: Some(vec![
                port("jobmanager-rpc", parameters.rpc_port),
                port("blobserver", parameters.blob_server_port.into()),
            ]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })
}

/// The REST API (`ExternalServiceDecorator`).
fn rest(parameters: &Parameters) -> Result<Service, BuildError> {
    let annotations = parameters.map(&options::REST_SERVICE_ANNOTATIONS)?;
    let exposed = parameters.flink.value_or_default(&options::REST_SERVICE_EXPOSED_TYPE)?;
    let headless = exposed == ServiceExposedType::HeadlessClusterIp;
    let service_type = if headless {
        ServiceExposedType::ClusterIp
    } else {
        exposed
    };
    let mut metadata = parameters.metadata(format!("{}-rest", parameters.cluster_id), annotations);
    metadata
        .labels
        .get_or_insert_default()
        .extend(parameters.map(&REST_SERVICE_LABELS)?);
    Ok(Service {
        metadata,
        spec: Some(ServiceSpec {
            type_: Some(service_type.as_str().to_owned()),
            cluster_ip: headless.then(|| HEADLESS.to_owned()),
            selector: Some(parameters.job_manager_selector()),
            ports: Some(vec![ServicePort {
                target_port: Some(IntOrString::Int(parameters.rest_bind_port.into())),
                ..port("rest", parameters.rest_port)
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })
}

fn port(name: &str, port: i32) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port,
        ..ServicePort::default()
    }
}
