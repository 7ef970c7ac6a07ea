//! Wires the parts of `sluice-webhook serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use k8s_openapi::api::admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration};
use kube::Client;
use prometheus_client::registry::Registry;
use rustls::pki_types::CertificateDer;
use sluice_certs::ca_bundle::{BundleState, Configuration, Injector};
use sluice_certs::files::FileSource;
use sluice_certs::secret::SecretSource;
use sluice_certs::{CertError, Current, authority, pem};
use sluice_plugins::keep::{self, KeepError};
use sluice_policies::follow::Needed;
use sluice_policies::watch::Policies;
use sluice_runtime::admin::{AdminError, AdminServer, Readiness};
use sluice_runtime::config_dir::{self, ConfigDirError};
use sluice_runtime::shutdown::{self, Shutdown, Trigger};
use sluice_runtime::{exit, process};
use sluice_shared::extension::{COMPILED_IN, Extension, Extensions};
use tokio::sync::watch;

use crate::client_auth::{ClientAuth, ClientAuthError};
use crate::dispatch::Admission;
use crate::http::App;
use crate::judge::Judge;
use crate::lookups::{Lookups, ObjectsError};
use crate::metrics::Metrics;
use crate::selfcheck;
use crate::server::{Limits, ServerError, TlsServer};

/// Where the serving certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificates {
    /// Our own CA in a Secret; the CA is kept in both webhook configurations.
    SelfSigned {
        /// Namespace of Secret and Service.
        namespace: String,
        /// Service that the API server calls.
        service_name: String,
        /// Secret that the replicas share.
        secret_name: String,
        /// Name of both webhook configurations.
        webhook_config_name: String,
    },
    /// Files that someone else keeps, such as cert-manager.
    Files {
        /// Chain, leaf first.
        certificate: PathBuf,
        /// Key of the leaf.
        key: PathBuf,
        /// CAs to trust, where they are known.
        authority: Option<PathBuf>,
    },
}

/// Where the objects for look-ups come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Objects {
    /// The cluster's, in these namespaces or in all.
    Cluster(Vec<String>),
    /// A file, or none at all.
    Offline(Option<PathBuf>),
}

/// Clients that are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// File with the CAs of their certificates.
    pub authority: PathBuf,
    /// Names in their certificates; any where there are none.
    pub names: Vec<String>,
}

/// What `serve` is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address of the webhook.
    pub listen: SocketAddr,
    /// Address of `/healthz`, `/readyz` and `/metrics`; none to go without.
    pub admin_listen: Option<SocketAddr>,
    /// Where the certificate comes from.
    pub certificates: Certificates,
    /// Where other objects come from.
    pub objects: Objects,
    /// Folder with the default Flink configuration.
    pub config_dir: Option<PathBuf>,
    /// File that lists plugins.
    pub plugins: Option<PathBuf>,
    /// Validators that are compiled into the program, beside policies and plugins.
    pub extensions: Vec<Arc<dyn Extension>>,
    /// Limits of the TLS server.
    pub limits: Limits,
    /// Who may ask; anybody where there is none.
    pub clients: Option<Clients>,
    /// Users whose objects are not validated, as the API server names them.
    pub own_accounts: Vec<String>,
}

/// `serve` cannot start, or ended with a failure.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// `--config-dir`.
    #[error(transparent)]
    Config(#[from] ConfigDirError),
    /// `--plugins`.
    #[error(transparent)]
    Plugins(#[from] KeepError),
    /// `--objects`.
    #[error(transparent)]
    Objects(#[from] ObjectsError),
    /// Certificate files that are wrong from the start.
    #[error("--tls-cert and --tls-key: {0}")]
    Certificate(#[from] CertError),
    /// `--client-ca`.
    #[error(transparent)]
    ClientAuth(#[from] ClientAuthError),
    /// No way to the API server.
    #[error(
        "no cluster to talk to: {0}; run in a pod, set KUBECONFIG, or use --offline with --certs files to run without one"
    )]
    Cluster(String),
    /// The TLS listener.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The admin listener.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

impl process::Failure for ServeError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_)
            | Self::Plugins(_)
            | Self::Objects(_)
            | Self::Certificate(_)
            | Self::ClientAuth(_)
            | Self::Cluster(_) => exit::USAGE,
            Self::Server(_) | Self::Admin(_) => exit::RUNTIME_FAILURE,
        }
    }
}

/// Serves until the shutdown and drains.
///
/// # Errors
/// When it cannot start: what an administrator has to correct, or an address that is taken.
pub async fn serve(options: Options, shutdown: Shutdown) -> Result<(), ServeError> {
    let defaults = config_dir::load(options.config_dir.as_deref())?.configuration;
    let metrics = Metrics::default();
    let current = Current::new();
    let readiness = Readiness::new();
    // Bound before anything else: a port in use is told at once.
    let server = TlsServer::bind(options.listen, current.clone(), options.limits, metrics.clone()).await?;
    let address = server.address();
    let client_auth = match &options.clients {
        Some(clients) => Some(ClientAuth::load(&clients.authority, clients.names.clone())?),
        None => None,
    };
    if let Some(client_auth) = &client_auth {
        tokio::spawn(Arc::clone(client_auth).run());
    }
    let mut registry = Registry::default();
    metrics.register(&mut registry, current.clone());
    // Sources of the user's own validators replace theirs in here while requests run.
    let extensions: Arc<Extensions> = Arc::default();
    extensions.observe(Arc::new(metrics.clone()));
    extensions.replace(COMPILED_IN, options.extensions.clone());
    if let Some(file) = &options.plugins {
        let loaded = keep::start(file, Arc::clone(&extensions), &mut registry)?;
        readiness.register("plugins", move || {
            let loaded = *loaded.borrow();
            Box::pin(async move {
                if loaded {
                    Ok(())
                } else {
                    Err("still being loaded".to_owned())
                }
            })
        });
    }
    let admin = match options.admin_listen {
        Some(address) => Some(AdminServer::bind(address, registry, readiness.clone()).await?),
        None => None,
    };
    if let Some(address) = admin.as_ref().and_then(|admin| admin.address().ok()) {
        tracing::info!("health and metrics on {address}");
    }

    let client = client(&options).await?;
    let policies = policies(&options.objects, client.as_ref(), &extensions, metrics.clone());
    let lookups = match (&options.objects, &client) {
        (Objects::Cluster(namespaces), Some(client)) => Lookups::watching(client, namespaces),
        (Objects::Offline(Some(file)), _) => Lookups::from_file(file)?,
        _ => Lookups::none(),
    };
    let lookups = Arc::new(lookups.with_policies(policies.clone()));
    start_certificates(&options.certificates, client.as_ref(), &current, &readiness)?;
    register_probes(&readiness, address, &current, &lookups, &shutdown);
    if let Some(policies) = policies {
        readiness.register("policies", move || {
            let policies = Arc::clone(&policies);
            Box::pin(async move { policies.synced() })
        });
    }

    // Probes and metrics are answered until the drain is over.
    let (admin_trigger, admin_shutdown) = shutdown::manual();
    let admin = admin.map(|admin| tokio::spawn(admin.serve(admin_shutdown)));
    let draining = shutdown.clone();
    let judge = Judge::new(defaults, lookups).with_extensions(Arc::clone(&extensions));
    let admission = Admission::new(Arc::new(judge)).with_own_accounts(options.own_accounts);
    let app = App::new(Arc::new(admission), metrics, move || draining.is_requested());
    tracing::info!("listening on {address}");
    let outcome = server.with_client_auth(client_auth).serve(app.router(), shutdown).await;
    end_admin(&admin_trigger, admin).await?;
    Ok(outcome?)
}

/// The cluster's policies, followed from now on. Without a cluster: those of the file, which never change.
fn policies(
    objects: &Objects,
    client: Option<&Client>,
    extensions: &Arc<Extensions>,
    metrics: Metrics,
) -> Option<Arc<Policies>> {
    match (objects, client) {
        (Objects::Cluster(namespaces), Some(client)) => {
            let extensions = Arc::clone(extensions);
            Some(Arc::new(Policies::start(
                client,
                namespaces,
                extensions,
                Needed::WhereInstalled,
                Box::new(move |policies| metrics.policies_invalid(policies)),
            )))
        }
        (Objects::Offline(Some(file)), _) => {
            // A file that cannot be read is told of where its objects are read.
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let loaded = sluice_policies::load_yaml(&text).unwrap_or_default();
            for problem in &loaded.problems {
                tracing::error!("policy left out, it cannot be used: {problem}");
            }
            metrics.policies_invalid(loaded.problems.len());
            let policies = loaded.policies.into_iter();
            extensions.replace(
                sluice_policies::SOURCE,
                policies.map(|policy| Arc::new(policy) as Arc<dyn Extension>).collect(),
            );
            None
        }
        _ => None,
    }
}

async fn end_admin(
    trigger: &Trigger,
    admin: Option<tokio::task::JoinHandle<Result<(), AdminError>>>,
) -> Result<(), AdminError> {
    trigger.request();
    match admin {
        Some(task) => task.await.unwrap_or(Ok(())),
        None => Ok(()),
    }
}

async fn client(options: &Options) -> Result<Option<Client>, ServeError> {
    let needed = matches!(options.objects, Objects::Cluster(_))
        || matches!(options.certificates, Certificates::SelfSigned { .. });
    if !needed {
        return Ok(None);
    }
    Client::try_default()
        .await
        .map(Some)
        .map_err(|e| ServeError::Cluster(e.to_string()))
}

fn start_certificates(
    certificates: &Certificates,
    client: Option<&Client>,
    current: &Current,
    readiness: &Readiness,
) -> Result<(), ServeError> {
    match (certificates, client) {
        (
            Certificates::Files {
                certificate,
                key,
                authority,
            },
            _,
        ) => {
            let source = FileSource::new(certificate.clone(), key.clone(), authority.clone(), current.clone());
            source.load()?;
            tokio::spawn(source.run());
        }
        (
            Certificates::SelfSigned {
                namespace,
                service_name,
                secret_name,
                webhook_config_name,
            },
            Some(client),
        ) => {
            let names = authority::service_names(service_name, namespace);
            let bundles = vec![
                keep_ca_bundle::<ValidatingWebhookConfiguration>(client, webhook_config_name, current, readiness),
                keep_ca_bundle::<MutatingWebhookConfiguration>(client, webhook_config_name, current, readiness),
            ];
            let source =
                SecretSource::new(client.clone(), namespace, secret_name, names, current.clone()).with_bundles(bundles);
            tokio::spawn(source.run());
        }
        (Certificates::SelfSigned { .. }, None) => {
            return Err(ServeError::Cluster("there is no client".to_owned()));
        }
    }
    Ok(())
}

/// Keeps the CA in a webhook configuration, and tells how that stands.
fn keep_ca_bundle<K: Configuration>(
    client: &Client,
    name: &str,
    current: &Current,
    readiness: &Readiness,
) -> watch::Receiver<BundleState> {
    let injector = Injector::<K>::new(client.clone(), name, current.clone());
    let state = injector.state();
    tokio::spawn(injector.run());
    let (probed, current) = (state.clone(), current.clone());
    readiness.register(format!("caBundle of {}", K::RESOURCE), move || {
        // By what is served, not by what could be written: while a new CA is only announced, the API server calls on.
        let problem = match current.view().serving {
            Some(serving) => {
                let leaf = CertificateDer::from(serving.leaf());
                probed.borrow().distrusts(|ca| pem::is_signed_by(&leaf, ca))
            }
            None => Some("there is no certificate yet".to_owned()),
        };
        Box::pin(async move { problem.map_or(Ok(()), Err) })
    });
    state
}

fn register_probes(
    readiness: &Readiness,
    address: SocketAddr,
    current: &Current,
    lookups: &Arc<Lookups>,
    shutdown: &Shutdown,
) {
    let current = current.clone();
    readiness.register("tls", move || {
        let current = current.clone();
        Box::pin(async move { selfcheck::check(address, &current).await })
    });
    let lookups = Arc::clone(lookups);
    readiness.register("look-ups", move || {
        let lookups = Arc::clone(&lookups);
        Box::pin(async move { lookups.synced() })
    });
    let shutdown = shutdown.clone();
    readiness.register("shutdown", move || {
        let ending = shutdown.is_requested();
        Box::pin(async move { if ending { Err("draining".to_owned()) } else { Ok(()) } })
    });
}
