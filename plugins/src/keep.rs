//! Keeps the plugins in force: reads their file and modules again and again, and puts what changed into the extensions.
//!
//! Files are read and compared, not watched: kubelet swaps a symbolic link when a ConfigMap or Secret changes, and other
//! volumes have other ways; reading is right for all of them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use sha2::{Digest as _, Sha256};
use sluice_shared::extension::{Extension, Extensions};
use tokio::sync::watch;

use crate::engine::{Compiled, LONGEST_MODULE};
use crate::error::LoadError;
use crate::host::Host;
use crate::metrics::Metrics;
use crate::oci;
use crate::plugin::Plugin;
use crate::settings::{self, Registries, Settings, SettingsError, Source};

/// Name of this source of extensions.
pub const SOURCE: &str = "wasm";
/// How often files are read.
const INTERVAL: Duration = Duration::from_secs(5);
/// How long after a failed pull there is another.
const PULL_AGAIN: Duration = Duration::from_secs(30);

/// The file of plugins cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// It cannot be read.
    #[error("--plugins {path}: {source}; mount the file there or leave the flag out")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        source: std::io::Error,
    },
    /// It is wrong.
    #[error("--plugins {path}: {source}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SettingsError,
    },
    /// This machine does not run WebAssembly.
    #[error("--plugins: WebAssembly cannot be run here: {0}")]
    Host(String),
}

/// Puts the plugins that the file at `path` lists into `extensions`, and keeps them there as file and modules change;
/// their metrics go into `registry`. Becomes true when every module has been loaded or has failed once.
///
/// Needs a Tokio runtime with time and network.
///
/// # Errors
/// When the file cannot be read or is wrong.
pub fn start(
    path: &Path,
    extensions: Arc<Extensions>,
    registry: &mut Registry,
) -> Result<watch::Receiver<bool>, KeepError> {
    let metrics = Metrics::default();
    metrics.register(registry);
    let host = Arc::new(Host::new().map_err(KeepError::Host)?);
    let keeper = Keeper::new(path, host, extensions, metrics)?;
    let ready = keeper.ready();
    tokio::spawn(keeper.run());
    Ok(ready)
}

/// Puts the plugins that the file at `path` lists into `extensions` once, for a program without a runtime of its own.
/// Gives the names of those that cannot be loaded, and why; they follow their failure policies.
///
/// # Errors
/// When the file cannot be read or is wrong.
pub fn load_once(path: &Path, extensions: Arc<Extensions>) -> Result<Vec<(String, LoadError)>, KeepError> {
    let host = Arc::new(Host::new().map_err(KeepError::Host)?);
    let mut keeper = Keeper::new(path, host, extensions, Metrics::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| KeepError::Host(e.to_string()))?;
    runtime.block_on(keeper.check());
    let problems = keeper.problems().into_iter();
    Ok(problems.map(|(name, error)| (name.to_owned(), error.clone())).collect())
}

/// Keeps the plugins of one file.
#[derive(Debug)]
pub struct Keeper {
    path: PathBuf,
    host: Arc<Host>,
    extensions: Arc<Extensions>,
    metrics: Metrics,
    /// What the file was when it was read last, right or wrong.
    text: Vec<u8>,
    file: settings::File,
    plugins: BTreeMap<String, Kept>,
    ready: watch::Sender<bool>,
}

/// SHA-256 of a module.
type Digest = [u8; 32];

#[derive(Debug)]
struct Kept {
    settings: Settings,
    module: Result<Compiled, LoadError>,
    /// Of the module in force.
    digest: Option<Digest>,
    /// Why a newer one is not in force.
    trouble: Option<Trouble>,
    plugin: Arc<Plugin>,
}

#[derive(Clone, Debug)]
struct Trouble {
    source: Source,
    error: LoadError,
    /// Of the module that cannot be used, where it could be read.
    digest: Option<Digest>,
    at: Instant,
}

impl Keeper {
    /// Reads the file at `path` and puts its plugins into `extensions`, with modules that are still to be loaded: until
    /// then, each follows its failure policy.
    ///
    /// # Errors
    /// When the file cannot be read or is wrong.
    pub fn new(path: &Path, host: Arc<Host>, extensions: Arc<Extensions>, metrics: Metrics) -> Result<Self, KeepError> {
        let text = std::fs::read(path).map_err(|source| KeepError::Read {
            path: path.to_owned(),
            source,
        })?;
        let file = parse(&text).map_err(|source| KeepError::Invalid {
            path: path.to_owned(),
            source,
        })?;
        let mut keeper = Self {
            path: path.to_owned(),
            host,
            extensions,
            metrics,
            text,
            file,
            plugins: BTreeMap::new(),
            ready: watch::Sender::new(false),
        };
        for settings in keeper.file.plugins.clone() {
            let _ = keeper.put(settings, Err(LoadError::NotYet), None);
        }
        keeper.publish();
        Ok(keeper)
    }

    /// Becomes true when every module has been loaded or has failed once.
    #[must_use]
    pub fn ready(&self) -> watch::Receiver<bool> {
        self.ready.subscribe()
    }

    /// Plugins that do not run, and why.
    #[must_use]
    pub fn problems(&self) -> Vec<(&str, &LoadError)> {
        let plugins = self.plugins.iter();
        plugins
            .filter_map(|(name, kept)| kept.module.as_ref().err().map(|error| (name.as_str(), error)))
            .collect()
    }

    /// Keeps them for ever.
    pub async fn run(mut self) {
        loop {
            self.check().await;
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Reads everything once and puts what changed in force. What cannot be used is logged, and what was in force stays.
    pub async fn check(&mut self) {
        let mut changed = self.read_file();
        for settings in self.file.plugins.clone() {
            changed |= self.check_one(settings).await;
        }
        if changed {
            self.publish();
        }
        self.ready.send_replace(true);
    }

    /// Whether a plugin went.
    fn read_file(&mut self) -> bool {
        let path = self.path.display();
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!("--plugins {path} cannot be read, what it said before is in force: {error}");
                self.metrics.invalid(true);
                return false;
            }
        };
        if text == self.text {
            return false;
        }
        let parsed = parse(&text);
        self.text = text;
        self.metrics.invalid(parsed.is_err());
        match parsed {
            Err(error) => {
                tracing::error!("--plugins {path} is wrong, what it said before is in force: {error}");
                false
            }
            Ok(file) => {
                tracing::info!("--plugins {path} has changed and lists {} plugins", file.plugins.len());
                self.file = file;
                let names: Vec<&String> = self.file.plugins.iter().map(|plugin| &plugin.name).collect();
                let before = self.plugins.len();
                let metrics = &self.metrics;
                self.plugins.retain(|name, _| {
                    let keep = names.contains(&name);
                    if !keep {
                        metrics.removed(name);
                    }
                    keep
                });
                self.plugins.len() != before
            }
        }
    }

    /// Whether the plugin changed.
    async fn check_one(&mut self, settings: Settings) -> bool {
        let adjusted = match self.plugins.get(&settings.name) {
            None => {
                self.put(settings.clone(), Err(LoadError::NotYet), None);
                true
            }
            // The module stays; what is said of it is new.
            Some(kept) if kept.settings != settings && kept.settings.source == settings.source => {
                let (module, digest, trouble) = (kept.module.clone(), kept.digest, kept.trouble.clone());
                self.put(settings.clone(), module, digest).trouble = trouble;
                true
            }
            Some(_) => false,
        };
        self.load(settings).await || adjusted
    }

    /// Loads the module that `settings` name, unless it is the one in force; whether that changed anything.
    async fn load(&mut self, settings: Settings) -> bool {
        let Some(kept) = self.plugins.get_mut(&settings.name) else {
            return false;
        };
        let in_force = kept.digest.filter(|_| kept.settings.source == settings.source);
        kept.trouble.take_if(|trouble| trouble.source != settings.source);
        let trouble = kept.trouble.clone();
        if matches!(settings.source, Source::Oci(_)) {
            // What a digest names does not change.
            let waits = trouble
                .as_ref()
                .is_some_and(|trouble| trouble.at.elapsed() < PULL_AGAIN);
            if in_force.is_some() || waits {
                return false;
            }
        }
        let bytes = match fetch(&settings.source, &self.file.registries).await {
            Ok(bytes) => bytes,
            Err(error) => return self.reject(settings, error, None),
        };
        let digest: Digest = Sha256::digest(&bytes).into();
        if in_force == Some(digest) {
            if let Some(kept) = self.plugins.get_mut(&settings.name) {
                kept.trouble = None;
            }
            return false;
        }
        if trouble.is_some_and(|trouble| trouble.digest == Some(digest)) {
            return false;
        }
        let engine = self.host.engine().clone();
        let compiled = tokio::task::spawn_blocking(move || engine.compile(&bytes)).await;
        match compiled.unwrap_or_else(|_| Err(LoadError::Invalid("the compiler failed".to_owned()))) {
            Ok(module) => {
                tracing::info!(plugin = settings.name, "loaded sha256:{}", oci::hex(&digest));
                self.put(settings, Ok(module), Some(digest));
                true
            }
            Err(error) => self.reject(settings, error, Some(digest)),
        }
    }

    /// Notes that a module cannot be used; whether that changed anything that is in force.
    fn reject(&mut self, settings: Settings, error: LoadError, digest: Option<Digest>) -> bool {
        let Some(kept) = self.plugins.get_mut(&settings.name) else {
            return false;
        };
        let known = kept.trouble.as_ref().is_some_and(|trouble| trouble.error == error);
        let trouble = Some(Trouble {
            source: settings.source.clone(),
            error: error.clone(),
            digest,
            at: Instant::now(),
        });
        kept.trouble.clone_from(&trouble);
        if known {
            return false;
        }
        self.metrics.failed(&settings.name);
        if kept.module.is_ok() {
            tracing::error!(plugin = settings.name, "the module of before stays in force: {error}");
            return false;
        }
        tracing::error!(plugin = settings.name, policy = ?settings.failure_policy, "not loaded: {error}");
        self.put(settings, Err(error), None).trouble = trouble;
        true
    }

    fn put(&mut self, settings: Settings, module: Result<Compiled, LoadError>, digest: Option<Digest>) -> &mut Kept {
        self.metrics.loaded(&settings.name, module.is_ok());
        let plugin = Plugin::new(settings.clone(), module.clone(), Arc::clone(&self.host));
        let kept = Kept {
            module,
            digest,
            trouble: None,
            plugin: Arc::new(plugin),
            settings: settings.clone(),
        };
        match self.plugins.entry(settings.name) {
            Entry::Vacant(entry) => entry.insert(kept),
            Entry::Occupied(mut entry) => {
                entry.insert(kept);
                entry.into_mut()
            }
        }
    }

    fn publish(&self) {
        let all = self
            .plugins
            .values()
            .map(|kept| Arc::clone(&kept.plugin) as Arc<dyn Extension>);
        self.extensions.replace(SOURCE, all.collect());
    }
}

fn parse(bytes: &[u8]) -> Result<settings::File, SettingsError> {
    let text = std::str::from_utf8(bytes).map_err(|_| SettingsError::Shape("it is no text in UTF-8".to_owned()))?;
    settings::parse(text)
}

async fn fetch(source: &Source, registries: &Registries) -> Result<Vec<u8>, LoadError> {
    match source {
        Source::Oci(reference) => oci::pull(reference, registries).await,
        Source::Path(path) => {
            let file = path.clone();
            let read = tokio::task::spawn_blocking(move || read(&file)).await;
            read.unwrap_or_else(|_| Err(std::io::Error::other("reading failed")))
                .map_err(|error| LoadError::Read {
                    path: path.clone(),
                    reason: error.to_string(),
                })
        }
    }
}

/// The bytes of a file: one more than a module may have where there are more.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(LONGEST_MODULE).unwrap_or(u64::MAX) + 1;
    std::fs::File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
