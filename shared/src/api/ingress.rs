//! `spec.ingress`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An Ingress to the JobManager's REST port and web UI.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressSpec {
    /// URL or path with the variables `{{name}}` and `{{namespace}}`.
    pub template: Option<String>,
    /// `ingressClassName` of the Ingress.
    pub class_name: Option<String>,
    /// Annotations of the Ingress.
    pub annotations: Option<BTreeMap<String, String>>,
    /// Labels of the Ingress.
    pub labels: Option<BTreeMap<String, String>>,
    /// TLS entries, passed on unchanged.
    pub tls: Option<Vec<IngressTls>>,
}

/// One entry of `spec.ingress.tls`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressTls {
    /// Host names that the certificate covers.
    pub hosts: Option<Vec<String>>,
    /// Secret with the certificate.
    pub secret_name: Option<String>,
}
