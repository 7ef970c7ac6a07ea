//! The program `sluice-controller`: its arguments, and the process around [`run`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use sluice_runtime::logging::LogFormat;
use sluice_runtime::{exit, logging, process};

use crate::run::{LeaseOptions, Options, run};

/// What kube's crates report is said again here, with names and in this program's words.
const DEFAULT_LOG: &str = "info,kube_client=off,kube_runtime=warn";

/// The controller of Sluice: runs FlinkDeployments.
#[derive(Debug, Parser)]
#[command(name = "sluice-controller", version)]
struct Cli {
    /// Form of the log lines.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t, global = true)]
    log_format: LogFormat,
    /// What is logged: a level, or a filter such as info,sluice_controller=debug.
    #[arg(long, env = "SLUICE_LOG", default_value = DEFAULT_LOG, global = true)]
    log_level: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the controller.
    Run(Run),
}

#[derive(Debug, Args)]
struct Run {
    /// Address of /healthz, /readyz and /metrics.
    #[arg(long, default_value = "0.0.0.0:8080")]
    admin_listen: SocketAddr,
    /// The controller's own namespace; the lease is kept there.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    namespace: String,
    /// Folder with config.yaml or flink-conf.yaml and logging files: the defaults of all clusters.
    #[arg(long, env = "FLINK_CONF_DIR")]
    config_dir: Option<PathBuf>,
    /// YAML file that lists plugins in WebAssembly. It and their modules are read again and again.
    #[arg(long, env = "SLUICE_PLUGINS")]
    plugins: Option<PathBuf>,
    /// Namespaces to watch, separated by commas; all where empty.
    #[arg(long, env = "WATCH_NAMESPACES", value_delimiter = ',')]
    watch_namespaces: Vec<String>,
    /// Take part in leader election. Needed as soon as two controllers may run at once.
    #[arg(long)]
    leader_elect: bool,
    /// Name of the lease.
    #[arg(long, default_value = "sluice-controller")]
    lease_name: String,
    /// What this process is called in the lease; must be unique. A random name where absent.
    #[arg(long, env = "POD_NAME")]
    identity: Option<String>,
}

impl Run {
    fn options(self) -> Options {
        let mut namespaces: Vec<String> = self
            .watch_namespaces
            .iter()
            .map(|n| n.trim().to_owned())
            .filter(|n| !n.is_empty())
            .collect();
        namespaces.sort();
        namespaces.dedup();
        // A container that is restarted in its pod may go on with the lease of its former life: kubelet runs one at a time.
        let identity = self
            .identity
            .unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string());
        Options {
            admin_listen: self.admin_listen,
            config_dir: self.config_dir,
            plugins: self.plugins.filter(|path| !path.as_os_str().is_empty()),
            extensions: Vec::new(),
            watch_namespaces: namespaces,
            lease: self.leader_elect.then_some(LeaseOptions {
                namespace: self.namespace,
                name: self.lease_name,
                identity,
            }),
        }
    }
}

/// Runs the program with the arguments of this process, to its end.
#[must_use]
pub fn main() -> ExitCode {
    let name = "sluice-controller";
    let cli = Cli::parse();
    if let Err(error) = logging::init(cli.log_format, &cli.log_level) {
        return exit::failed(name, exit::USAGE, &error);
    }
    let Command::Run(arguments) = cli.command;
    process::run(name, |shutdown| run(arguments.options(), shutdown))
}
