//! The Ingress to a cluster's REST port.

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    IngressTLS, ServiceBackendPort,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use sluice_shared::api::ingress::IngressTls;
use sluice_shared::api::{API_VERSION, FlinkDeployment, IngressSpec as Wanted, labels};
use sluice_shared::config::options;

use super::{BuildError, ClusterConfig};

/// Value of [`labels::COMPONENT`] on an Ingress.
const COMPONENT_INGRESS: &str = "ingress";

/// The Ingress that `deployment` asks for; `None` where it asks for none.
///
/// # Errors
/// When `spec.ingress.template` is missing, or `rest.port` cannot be read.
pub fn build(deployment: &FlinkDeployment, config: &ClusterConfig) -> Result<Option<Ingress>, BuildError> {
    let Some(wanted) = &deployment.spec.ingress else {
        return Ok(None);
    };
    let name = deployment.metadata.name.clone().unwrap_or_default();
    let namespace = deployment.metadata.namespace.clone().unwrap_or_default();
    let address = address(wanted, &name, &namespace)?;
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

/// Where the Ingress listens.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    host: Option<String>,
    path: Option<String>,
}

/// `{{name}}` and `{{namespace}}` filled in, in whatever case they are written, and taken apart. Scheme, port, query
/// and fragment play no part. A path may hold what no URL allows, such as `(/|$)(.*)`.
fn address(wanted: &Wanted, name: &str, namespace: &str) -> Result<Address, BuildError> {
    let template = wanted.template.as_deref().unwrap_or_default().trim();
    if template.is_empty() {
        return Err(BuildError::Field {
            path: "spec.ingress.template",
            problem: "it is missing; write for example \"{{name}}.{{namespace}}.flink.k8s.io\"".to_owned(),
        });
    }
    let filled = fill(&fill(template, "{{name}}", name), "{{namespace}}", namespace);
    let lower = filled.to_ascii_lowercase();
    let scheme = ["http://", "https://"].into_iter().find(|s| lower.starts_with(s));
    let address = &filled[scheme.map_or(0, str::len)..];
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = match address.find('/') {
        Some(slash) => address.split_at(slash),
        None => (address, ""),
    };
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default();
    let given = |text: &str| Some(text.to_owned()).filter(|t| !t.trim().is_empty());
    Ok(Address {
        host: given(host),
        path: given(path),
    })
}

/// `text` with `value` wherever `variable` (in lower case) stands in any case.
fn fill(text: &str, variable: &str, value: &str) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(place) = rest.to_ascii_lowercase().find(variable) {
        filled.push_str(&rest[..place]);
        filled.push_str(value);
        rest = &rest[place + variable.len()..];
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(
        "flink.k8s.io/{{namespace}}/{{name}}(/|$)(.*)",
        Some("flink.k8s.io"),
        Some("/ns/job(/|$)(.*)")
    )]
    #[case("{{NAME}}.{{Namespace}}.flink.k8s.io", Some("job.ns.flink.k8s.io"), None)]
    #[case("https://host:8443/x?y#z", Some("host"), Some("/x"))]
    #[case("HTTP://host", Some("host"), None)]
    #[case("/{{namespace}}/{{name}}(/|$)(.*)", None, Some("/ns/job(/|$)(.*)"))]
    #[case("host/", Some("host"), Some("/"))]
    fn addresses(#[case] template: &str, #[case] host: Option<&str>, #[case] path: Option<&str>) {
        let wanted = Wanted {
            template: Some(template.to_owned()),
            ..Wanted::default()
        };
        assert_eq!(
            address(&wanted, "job", "ns"),
            Ok(Address {
                host: host.map(str::to_owned),
                path: path.map(str::to_owned)
            })
        );
    }

    #[test]
    fn an_ingress_needs_a_template() {
        assert_eq!(
            address(&Wanted::default(), "job", "ns").unwrap_err().to_string(),
            "spec.ingress.template: it is missing; write for example \"{{name}}.{{namespace}}.flink.k8s.io\""
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
