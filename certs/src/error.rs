//! What can go wrong, in words that name the thing, the cause and the way out.

/// A certificate, key or CA cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: std::path::PathBuf,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// Not PEM, or not what is expected in it.
    #[error("{origin}: {reason}")]
    Content {
        /// File, or Secret and key.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The private key belongs to another certificate.
    #[error("{origin}: the private key does not belong to the certificate; write both at once")]
    KeyMismatch {
        /// File, or Secret and key.
        origin: String,
    },
    /// A certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Issue(#[from] rcgen::Error),
    /// The Secret is somebody else's.
    #[error(
        "Secret {namespace}/{name} is managed by cert-manager (Certificate \"{certificate}\"): run with --certs files \
         and that Secret mounted, or give --secret-name another name"
    )]
    ManagedByCertManager {
        /// Namespace of the Secret.
        namespace: String,
        /// Name of the Secret.
        name: String,
        /// The cert-manager Certificate that writes it.
        certificate: String,
    },
    /// The serving certificate is no good, and it is too early to sign another.
    #[error(
        "Secret {namespace}/{name}: {why}; its CA signs another as soon as every caBundle holds the CA ({reason}). If the \
         caBundle cannot be written, write the Secret's ca.crt into it"
    )]
    NotAnnounced {
        /// Namespace of the Secret.
        namespace: String,
        /// Name of the Secret.
        name: String,
        /// What is wrong with the certificate.
        why: &'static str,
        /// Why the API server may not trust the CA.
        reason: String,
    },
    /// Other replicas kept changing the Secret.
    #[error("Secret {namespace}/{name} changed {attempts} times while this replica tried to write it")]
    Contended {
        /// Namespace of the Secret.
        namespace: String,
        /// Name of the Secret.
        name: String,
        /// Tries made.
        attempts: u32,
    },
    /// The API server refused, or cannot be reached.
    #[error(transparent)]
    Api(#[from] ApiError),
}

/// A request to the API server failed.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct ApiError {
    /// Verb of RBAC: get, create, update, patch, watch.
    pub verb: &'static str,
    /// Resource of RBAC, with its group where it has one.
    pub resource: &'static str,
    /// Namespace, where the resource has one.
    pub namespace: Option<String>,
    /// Name of the object.
    pub name: String,
    /// What the client says.
    pub source: Box<kube::Error>,
}

impl ApiError {
    /// HTTP status code of the answer, where there was one.
    #[must_use]
    pub fn code(&self) -> Option<u16> {
        match self.source.as_ref() {
            kube::Error::Api(status) => Some(status.code),
            _ => None,
        }
    }

    fn text(&self) -> String {
        let object = match &self.namespace {
            Some(namespace) => format!("{} \"{}\" in namespace \"{namespace}\"", self.resource, self.name),
            None => format!("{} \"{}\"", self.resource, self.name),
        };
        match self.code() {
            Some(403) => format!(
                "no permission: cannot {} {object}; the webhook's service account needs the verb \"{}\" on \"{}\" there \
                 (the chart's Role and ClusterRole of the webhook grant it)",
                self.verb, self.verb, self.resource
            ),
            Some(404) if self.verb == "create" => format!(
                "cannot create {object}: the namespace does not exist; --namespace must be the one the webhook runs in"
            ),
            Some(401) => format!(
                "cannot {} {object}: the API server does not accept the credentials (service account token or kubeconfig)",
                self.verb
            ),
            _ => format!("cannot {} {object}: {}", self.verb, self.source),
        }
    }
}
