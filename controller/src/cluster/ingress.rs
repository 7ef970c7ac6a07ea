//! The Ingress to a cluster's REST port.

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    IngressTLS, ServiceBackendPort,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use sluice_shared::api::ingress::IngressTls;
use sluice_shared::api::{API_VERSION, FlinkDeployment, labels};
use sluice_shared::config::options;
use sluice_shared::rules::ingress::address;

use super::{BuildError, ClusterConfig};

/// Value of [`labels::COMPONENT`] on an Ingress.
const COMPONENT_INGRESS: &str = "ingress";

/// The Ingress that `deployment` asks for; `None` where it asks for none.
///
/// # Errors
/// When `spec.ingress.template` names no place, or `rest.port` cannot be read.
pub fn build(deployment: &FlinkDeployment, config: &ClusterConfig) -> Result<Option<Ingress>, BuildError> {
    let Some(wanted) = &deployment.spec.ingress else {
        return Ok(None);
    };
    let name = deployment.metadata.name.clone().unwrap_or_default();
    let namespace = deployment.metadata.namespace.clone().unwrap_or_default();
    let template = wanted.template.as_deref().unwrap_or_default();
    let address = address(template, &name, &namespace).map_err(|problem| BuildError::Field {
        path: "spec.ingress.template",
        problem,
    })?;
    let mut labels = wanted.labels.clone().unwrap_or_default();
    labels.insert(labels::COMPONENT.to_owned(), COMPONENT_INGRESS.to_owned());
    let path = HTTPIngressPath {
        path: address.path,
        path_type: "ImplementationSpecific".to_owned(),
        backend: IngressBackend {
            service: Some(IngressServiceBackend {
                name: format!("{name}-rest"),
                port: Some(ServiceBackendPort {
                    number: Some(config.flink.value_or_default(&options::REST_PORT)?),
                    ..ServiceBackendPort::default()
                }),
            }),
            ..IngressBackend::default()
        },
    };
    let tls = wanted.tls.as_ref().map(|entries| {
        let entry = |entry: &IngressTls| IngressTLS {
            hosts: entry.hosts.clone(),
            secret_name: entry.secret_name.clone(),
        };
        entries.iter().map(entry).collect()
    });
    Ok(Some(Ingress {
        metadata: ObjectMeta {
            annotations: wanted.annotations.clone(),
            labels: Some(labels),
            owner_references: Some(vec![OwnerReference {
                api_version: API_VERSION.to_owned(),
                block_owner_deletion: Some(true),
                controller: Some(true),
                kind: FlinkDeployment::KIND.to_owned(),
                name: name.clone(),
                uid: deployment.metadata.uid.clone().unwrap_or_default(),
            }]),
            name: Some(name),
            namespace: Some(namespace),
            ..ObjectMeta::default()
        },
        spec: Some(IngressSpec {
            ingress_class_name: wanted.class_name.clone(),
            rules: Some(vec![IngressRule {
                host: address.host,
                http: Some(HTTPIngressRuleValue { paths: vec![path] }),
            }]),
            tls,
            ..IngressSpec::default()
        }),
        ..Ingress::default()
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_ingress_needs_a_template() {
        let spec = serde_json::from_value(json!({ "ingress": { "className": "nginx" } })).unwrap();
        assert_eq!(
            build(&FlinkDeployment::new("job", spec), &ClusterConfig::default())
                .unwrap_err()
                .to_string(),
            "spec.ingress.template: the template names neither a host nor a path"
        );
    }

    #[test]
    fn an_ingress_is_built_as_asked() {
        let deployment: FlinkDeployment = serde_json::from_value(json!({
            "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
            "metadata": { "name": "job", "namespace": "ns", "uid": "u-1" },
            "spec": { "ingress": {
                "template": "{{name}}.example.org/ui", "className": "nginx",
                "annotations": { "a": "b" }, "labels": { "team": "x", "component": "mine" },
                "tls": [{ "hosts": ["job.example.org"], "secretName": "tls" }]
            } }
        }))
        .unwrap();
        insta::assert_yaml_snapshot!(build(&deployment, &ClusterConfig::default()).unwrap());
        let without = FlinkDeployment::new("job", sluice_shared::api::FlinkDeploymentSpec::default());
        assert_eq!(build(&without, &ClusterConfig::default()), Ok(None));
    }
}
