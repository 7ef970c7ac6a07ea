//! The program `sluice-webhook`: its arguments, and the process around [`serve`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use sluice_runtime::logging::{self, LogFormat};
use sluice_runtime::{exit, process};

use crate::serve::{Certificates, Clients, Objects, Options, serve};
use crate::server::Limits;

/// The admission webhook of Sluice for Apache Flink on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "sluice-webhook", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Form of the log lines.
    #[arg(long, global = true, env = "LOG_FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
    /// What is logged: a level, or levels by module as in RUST_LOG.
    #[arg(long, global = true, env = "SLUICE_LOG", default_value = "info")]
    log_level: String,
    /// Collector of OpenTelemetry that spans are sent to by OTLP over HTTP, such as http://otel-collector:4318.
    #[cfg(feature = "opentelemetry")]
    #[arg(long, global = true, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    otlp_endpoint: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answers the API server's admission requests.
    Serve(Box<ServeArgs>),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum CertsMode {
    /// An own CA in a Secret, its CA bundle kept in the webhook configurations.
    #[default]
    SelfSigned,
    /// Files that someone else keeps, such as cert-manager.
    Files,
}

#[derive(Debug, clap::Args)]
struct ServeArgs {
    /// Address to answer admission requests on (TLS).
    #[arg(long, default_value = "0.0.0.0:9443")]
    listen: SocketAddr,
    /// Address of /healthz, /readyz and /metrics (no TLS). With --offline none unless given.
    #[arg(long)]
    admin_listen: Option<SocketAddr>,
    /// Where the serving certificate comes from. With --offline always files.
    #[arg(long, value_enum, default_value_t)]
    certs: CertsMode,
    /// Certificate chain (PEM), for --certs files.
    #[arg(long)]
    tls_cert: Option<PathBuf>,
    /// Private key (PEM), for --certs files.
    #[arg(long)]
    tls_key: Option<PathBuf>,
    /// CA certificates (PEM) that the certificate is trusted by, for --certs files.
    #[arg(long)]
    tls_ca: Option<PathBuf>,
    /// CA certificates (PEM) that clients need a certificate of. Anybody is answered where not given.
    #[arg(long)]
    client_ca: Option<PathBuf>,
    /// Names, separated by commas, of which a client's certificate needs one, for --client-ca. Any where not given.
    #[arg(long, value_delimiter = ',', requires = "client_ca")]
    client_names: Vec<String>,
    /// Service accounts as namespace/name, separated by commas, whose objects are not validated: the controller's.
    #[arg(long, value_delimiter = ',')]
    own_accounts: Vec<String>,
    /// Namespace that the webhook runs in.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    namespace: String,
    /// Service by which the API server reaches the webhook.
    #[arg(long, default_value = "sluice-webhook")]
    service_name: String,
    /// Secret with CA and certificate, shared by all replicas.
    #[arg(long, default_value = "sluice-webhook-tls")]
    secret_name: String,
    /// Name of the validating and of the mutating webhook configuration.
    #[arg(long, default_value = "sluice")]
    webhook_config_name: String,
    /// Folder with the default Flink configuration: config.yaml or flink-conf.yaml.
    #[arg(long, env = "FLINK_CONF_DIR")]
    config_dir: Option<PathBuf>,
    /// YAML file that lists plugins in WebAssembly. It and their modules are read again and again.
    #[arg(long, env = "SLUICE_PLUGINS")]
    plugins: Option<PathBuf>,
    /// Namespaces to look up objects in, separated by commas. All where not given.
    #[arg(long, env = "WATCH_NAMESPACES", value_delimiter = ',')]
    watch_namespaces: Vec<String>,
    /// Runs without a cluster.
    #[arg(long)]
    offline: bool,
    /// YAML documents that stand for what the cluster holds, for --offline.
    #[arg(long, requires = "offline")]
    objects: Option<PathBuf>,
    /// Seconds after SIGTERM in which connections are still accepted.
    #[arg(long, default_value_t = 5.0)]
    drain_pause: f32,
}

impl ServeArgs {
    fn options(self) -> Result<Options, String> {
        let drain_pause = Duration::try_from_secs_f32(self.drain_pause)
            .map_err(|e| format!("--drain-pause {}: {e}", self.drain_pause))?;
        let certificates = if self.offline || self.certs == CertsMode::Files {
            Certificates::Files {
                certificate: needed("--tls-cert", self.tls_cert)?,
                key: needed("--tls-key", self.tls_key)?,
                authority: self.tls_ca,
            }
        } else {
            Certificates::SelfSigned {
                namespace: self.namespace,
                service_name: self.service_name,
                secret_name: self.secret_name,
                webhook_config_name: self.webhook_config_name,
            }
        };
        let own_accounts = self
            .own_accounts
            .iter()
            .filter(|account| !account.trim().is_empty())
            .map(|account| user(account.trim()))
            .collect::<Result<_, _>>()?;
        let namespaces = self.watch_namespaces.into_iter().filter(|name| !name.trim().is_empty());
        Ok(Options {
            listen: self.listen,
            admin_listen: self
                .admin_listen
                .or((!self.offline).then_some(SocketAddr::from(([0, 0, 0, 0], 8080)))),
            certificates,
            objects: if self.offline {
                Objects::Offline(self.objects)
            } else {
                Objects::Cluster(namespaces.map(|name| name.trim().to_owned()).collect())
            },
            config_dir: self.config_dir.filter(|path| !path.as_os_str().is_empty()),
            plugins: self.plugins.filter(|path| !path.as_os_str().is_empty()),
            extensions: Vec::new(),
            limits: Limits {
                drain_pause,
                ..Limits::default()
            },
            clients: self.client_ca.map(|authority| Clients {
                authority,
                names: self.client_names,
            }),
            own_accounts,
        })
    }
}

/// The user that a service account is to the API server.
fn user(account: &str) -> Result<String, String> {
    match account.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(format!("system:serviceaccount:{namespace}:{name}"))
        }
        _ => Err(format!(
            "--own-accounts {account}: write namespace/name of a service account, such as flink/sluice-controller"
        )),
    }
}

fn needed(flag: &str, value: Option<PathBuf>) -> Result<PathBuf, String> {
    value.ok_or_else(|| format!("{flag} is needed with --certs files and with --offline: the path of a PEM file"))
}

#[cfg(feature = "opentelemetry")]
fn start_logging(cli: &Cli) -> Result<Option<sluice_runtime::telemetry::Telemetry>, String> {
    let Some(endpoint) = &cli.otlp_endpoint else {
        return logging::init(cli.log_format, &cli.log_level)
            .map(|()| None)
            .map_err(|e| e.to_string());
    };
    let (telemetry, spans) = sluice_runtime::telemetry::start("sluice-webhook", endpoint).map_err(|e| e.to_string())?;
    logging::init_with_spans(cli.log_format, &cli.log_level, spans).map_err(|e| e.to_string())?;
    Ok(Some(telemetry))
}

#[cfg(not(feature = "opentelemetry"))]
fn start_logging(cli: &Cli) -> Result<(), String> {
    logging::init(cli.log_format, &cli.log_level).map_err(|e| e.to_string())
}

/// Runs the program with the arguments of this process, to its end.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let name = "sluice-webhook";
    // Held until the end: what it holds back is sent when it is dropped.
    let _telemetry = match start_logging(&cli) {
        Ok(telemetry) => telemetry,
        Err(error) => return exit::failed(name, exit::USAGE, &error),
    };
    let Command::Serve(args) = cli.command;
    let options = match args.options() {
        Ok(options) => options,
        Err(error) => return exit::failed(name, exit::USAGE, &error),
    };
    process::run(name, |shutdown| serve(options, shutdown))
}
