//! The process: watches, leader election, reconciles.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use kube::Client;
use kube::runtime::controller::{Config, Error as RunError, ReconcileRequest, applier};
use prometheus_client::registry::Registry;
use sluice_plugins::keep::{self, KeepError};
use sluice_policies::follow::Needed;
use sluice_policies::watch::Policies;
use sluice_runtime::admin::{AdminError, AdminServer, Readiness};
use sluice_runtime::config_dir::{self, ConfigDirError};
use sluice_runtime::shutdown::Shutdown;
use sluice_runtime::{exit, process};
use sluice_shared::extension::{COMPILED_IN, Extension, Extensions};

use crate::context::{Context, Leadership, OwnWrites, Recent, Shared};
use crate::deployment::valid::OwnRules;
use crate::deployment::{on_error, reconcile};
use crate::flink::FlinkClient;
use crate::leader::{Candidate, LeaseLost, Timing, TimingError};
use crate::metrics::Metrics;
use crate::watch::{WatchHealth, Watches};

/// Reconciles at once. They mostly wait for Flink, each behind its own time limit.
const CONCURRENCY: u16 = 128;
/// How often resources are counted by state.
const COUNT_PERIOD: Duration = Duration::from_secs(10);
/// How long running reconciles are waited for at the end.
const DRAIN: Duration = Duration::from_secs(5);

/// How long plugins are waited for before anything is judged without one, which then follows its failure policy.
const PLUGINS: Duration = Duration::from_secs(30);

/// How the controller runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address of `/healthz`, `/readyz` and `/metrics`.
    pub admin_listen: SocketAddr,
    /// Folder with the default configuration; none where absent.
    pub config_dir: Option<PathBuf>,
    /// File that lists plugins; none where absent.
    pub plugins: Option<PathBuf>,
    /// Validators that are compiled into the program, beside policies and plugins.
    pub extensions: Vec<Arc<dyn Extension>>,
    /// Namespaces to watch; all where empty.
    pub watch_namespaces: Vec<String>,
    /// The lease to hold; the process leads without one where absent.
    pub lease: Option<LeaseOptions>,
}

/// The lease to hold.
#[derive(Clone, Debug)]
pub struct LeaseOptions {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What this process is called in it.
    pub identity: String,
}

/// Why the process ends.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The default configuration cannot be read.
    #[error(transparent)]
    ConfigDir(#[from] ConfigDirError),
    /// The default configuration's options of leader election cannot be used.
    #[error(transparent)]
    Timing(#[from] TimingError),
    /// The file of plugins cannot be used.
    #[error(transparent)]
    Plugins(#[from] KeepError),
    /// The API server's address and credentials are not to be found.
    #[error("no cluster to connect to: {0}; run inside a pod or set KUBECONFIG")]
    Connect(String),
    /// The admin port failed.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The lease was lost.
    #[error(transparent)]
    LeaseLost(#[from] LeaseLost),
}

impl process::Failure for Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::ConfigDir(_) | Self::Timing(_) | Self::Plugins(_) => exit::USAGE,
            Self::Connect(_) | Self::Admin(_) => exit::RUNTIME_FAILURE,
            Self::LeaseLost(_) => exit::LEASE_LOST,
        }
    }
}

/// Runs the controller until the shutdown.
///
/// # Errors
/// When it cannot start, or lost its lease.
pub async fn run(options: Options, shutdown: Shutdown) -> Result<(), Failure> {
    let defaults = config_dir::load(options.config_dir.as_deref())?;
    let timing = Timing::read(defaults.configuration.global())?;
    let client = Client::try_default()
        .await
        .map_err(|e| Failure::Connect(e.to_string()))?;
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    let readiness = Readiness::new();
    let extensions: Arc<Extensions> = Arc::default();
    extensions.replace(COMPILED_IN, options.extensions.clone());
    let plugins = match &options.plugins {
        Some(file) => Some(keep::start(file, Arc::clone(&extensions), &mut registry)?),
        None => None,
    };
    let admin = AdminServer::bind(options.admin_listen, registry, readiness.clone()).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");

    let health = WatchHealth::default();
    let own_writes: Arc<OwnWrites> = Arc::default();
    let watches: Vec<Watches> = namespaces(&options.watch_namespaces)
        .map(|namespace| Watches::start(&client, namespace, &health, &own_writes))
        .collect();
    register_readiness(&readiness, &watches, &health);
    let policies = Policies::start(
        &client,
        &options.watch_namespaces,
        Arc::clone(&extensions),
        Needed::WhereAllowed,
        {
            let metrics = metrics.clone();
            Box::new(move |policies| metrics.policies_invalid(policies))
        },
    );
    let leadership = Leadership::default();
    let shared = Arc::new(Shared {
        flink: FlinkClient::new(metrics.clone()),
        client: client.clone(),
        defaults,
        own_rules: OwnRules {
            extensions,
            policies: Some(Arc::new(policies)),
        },
        metrics: metrics.clone(),
        leadership: leadership.clone(),
        own_writes,
        conflicts: parking_lot::Mutex::default(),
        recent: Recent::default(),
        exceptions: parking_lot::Mutex::default(),
        checkpoints: parking_lot::Mutex::default(),
        failures: parking_lot::Mutex::default(),
    });
    let mut admin = tokio::spawn(admin.serve(shutdown.clone()))
        .map(|joined| joined.unwrap_or(Ok(())))
        .boxed();
    let caches: Vec<_> = watches.iter().map(|w| w.caches.clone()).collect();
    tokio::spawn(count(caches, metrics.clone()));

    if let Some(mut loaded) = plugins {
        let loaded = tokio::time::timeout(PLUGINS, loaded.wait_for(|loaded| *loaded));
        tokio::select! {
            _ = loaded => {}
            () = shutdown.requested() => return Ok(()),
        }
    }
    let mut candidate = options
        .lease
        .as_ref()
        .map(|lease| Candidate::new(client, &lease.namespace, &lease.name, &lease.identity, timing));
    if let Some(candidate) = &mut candidate {
        tokio::select! {
            () = candidate.acquire() => {}
            () = shutdown.requested() => return Ok(()),
            failed = &mut admin => return Ok(failed?),
        }
    }
    leadership.set(true);
    metrics.leads(true);
    let reconciles = watches
        .into_iter()
        .map(|watch| tokio::spawn(lead(watch, shared.clone(), shutdown.clone())));
    let mut reconciles = futures::future::join_all(reconciles).map(|_| ()).boxed();
    let lost = async {
        match &mut candidate {
            Some(candidate) => candidate.keep().await,
            None => std::future::pending().await,
        }
    };
    let result = tokio::select! {
        lost = lost => Err(Failure::LeaseLost(lost)),
        () = shutdown.requested() => Ok(()),
        failed = &mut admin => failed.map_err(Failure::Admin),
    };
    if result.is_ok() && tokio::time::timeout(DRAIN, &mut reconciles).await.is_err() {
        tracing::warn!("reconciles still run after {} s; ending anyway", DRAIN.as_secs());
    }
    leadership.set(false);
    if let Some(candidate) = candidate.as_mut().filter(|_| result.is_ok()) {
        candidate.release().await;
    }
    result
}

/// What is watched: each of `names`, or where there is none all namespaces at once.
fn namespaces(names: &[String]) -> impl Iterator<Item = Option<&str>> {
    let all = names.is_empty().then_some(None);
    names.iter().map(|name| Some(name.as_str())).chain(all)
}

/// Reconciles what `watch` reports, until the shutdown; those under way are finished.
async fn lead(watch: Watches, shared: Arc<Shared>, shutdown: Shutdown) {
    watch.caches.ready().await;
    // Nothing is started that a policy refuses, not in the first moments either.
    if let Some(policies) = &shared.own_rules.policies {
        policies.ready().await;
    }
    watch.lead();
    let Watches { caches, queue, .. } = watch;
    let context = Arc::new(Context {
        caches: caches.clone(),
        shared,
    });
    let queue = queue
        .take_until(async move { shutdown.requested().await })
        .map(|name| Ok::<_, Infallible>(ReconcileRequest::from(name)));
    let work = |object, context| reconcile(object, context).boxed();
    applier(
        work,
        on_error,
        context,
        caches.resources,
        queue,
        Config::default().concurrency(CONCURRENCY),
    )
    .for_each(|result| async move {
        if let Err(RunError::RunnerError(error)) = result {
            tracing::error!("{error}");
        }
    })
    .await;
}

fn register_readiness(readiness: &Readiness, watches: &[Watches], health: &WatchHealth) {
    let caches: Vec<_> = watches.iter().map(|w| w.caches.clone()).collect();
    let health = health.clone();
    readiness.register("caches", move || {
        let caches = caches.clone();
        let health = health.clone();
        async move {
            let filled = futures::future::join_all(caches.iter().map(crate::watch::Caches::ready))
                .now_or_never()
                .is_some();
            let problems = health.problems();
            match (filled, problems.is_empty()) {
                (true, _) => Ok(()),
                (false, true) => Err("not filled yet".to_owned()),
                (false, false) => Err(problems.join("; ")),
            }
        }
        .boxed()
    });
}

async fn count(caches: Vec<crate::watch::Caches>, metrics: Metrics) {
    loop {
        let resources: Vec<_> = caches.iter().flat_map(|c| c.resources.state()).collect();
        metrics.resources(resources.iter().filter_map(|object| {
            let status = object.0.as_ref().ok()?.status.as_ref()?;
            status.lifecycle_state
        }));
        tokio::time::sleep(COUNT_PERIOD).await;
    }
}
