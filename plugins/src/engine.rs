//! From the bytes of a module to something that can be started often and fast.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use wasmtime::component::{self, Component};
use wasmtime::{Config, Engine as Wasmtime, InstancePre, Linker, Module, OptLevel};
use wasmtime_wasi::p2::bindings::CommandPre;

use crate::error::LoadError;
use crate::poll;
use crate::world::World;

/// Longest module: programs with a garbage collector or an interpreter in them have some ten MiB.
pub const LONGEST_MODULE: usize = 64 * 1024 * 1024;
/// How often a running plugin is interrupted, to look at the time and to let others run.
pub(crate) const TICK: Duration = Duration::from_millis(2);
/// First bytes of every module and component.
const MAGIC: &[u8] = b"\0asm";
/// What follows in a component (Component Model, binary format: version 0x0d, layer 1).
const COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];

/// Compiles modules. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    wasmtime: Wasmtime,
    modules: Linker<World>,
    components: component::Linker<World>,
    running: AtomicUsize,
    ticker: thread::Thread,
}

/// A module that is ready to run.
#[derive(Clone)]
pub struct Compiled {
    pub(crate) entry: Entry,
}

#[derive(Clone)]
pub(crate) enum Entry {
    /// A WASI preview 1 command module.
    Module(InstancePre<World>),
    /// A WASI preview 2 component with `wasi:cli/run`.
    Component(CommandPre<World>),
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled")
            .field("component", &matches!(self.entry, Entry::Component(_)))
            .finish()
    }
}

impl Engine {
    /// An engine, and the thread that interrupts what it runs.
    ///
    /// # Errors
    /// When this machine cannot run WebAssembly, or has no thread left.
    pub fn new() -> Result<Self, String> {
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .cranelift_opt_level(OptLevel::Speed)
            // Nobody sees one, and it would be part of the text of errors.
            .wasm_backtrace_max_frames(None);
        let wasmtime = Wasmtime::new(&config).map_err(|e| text(&e))?;
        let mut modules = Linker::new(&wasmtime);
        wasmtime_wasi::p1::add_to_linker_async(&mut modules, |world: &mut World| world.wasi()).map_err(|e| text(&e))?;
        modules.allow_shadowing(true);
        poll::add_to_linker(&mut modules).map_err(|e| text(&e))?;
        let mut components = component::Linker::new(&wasmtime);
        wasmtime_wasi::p2::add_to_linker_async(&mut components).map_err(|e| text(&e))?;
        let (sender, receiver) = std::sync::mpsc::channel::<Weak<Shared>>();
        let ticker = thread::Builder::new()
            .name("plugin-ticker".to_owned())
            .spawn(move || receiver.recv().into_iter().for_each(|shared| tick(&shared)))
            .map_err(|e| e.to_string())?;
        let shared = Arc::new(Shared {
            wasmtime,
            modules,
            components,
            running: AtomicUsize::new(0),
            ticker: ticker.thread().clone(),
        });
        sender.send(Arc::downgrade(&shared)).map_err(|e| e.to_string())?;
        Ok(Self { shared })
    }

    pub(crate) fn wasmtime(&self) -> &Wasmtime {
        &self.shared.wasmtime
    }

    /// Interrupts what runs every [`TICK`], until the guard is dropped.
    pub(crate) fn interrupt(&self) -> Ticking {
        if self.shared.running.fetch_add(1, Ordering::SeqCst) == 0 {
            self.shared.ticker.unpark();
        }
        Ticking(Arc::clone(&self.shared))
    }

    /// Makes `bytes` ready to run. Takes seconds for large modules.
    ///
    /// # Errors
    /// When they are no command for WASI preview 1 or 2.
    pub fn compile(&self, bytes: &[u8]) -> Result<Compiled, LoadError> {
        if bytes.len() > LONGEST_MODULE {
            return Err(LoadError::TooLarge {
                limit_mib: LONGEST_MODULE / 1024 / 1024,
            });
        }
        let Some(version) = bytes.strip_prefix(MAGIC) else {
            return Err(LoadError::NoWasm);
        };
        let entry = if version.starts_with(&COMPONENT) {
            self.component(bytes)?
        } else {
            self.module(bytes)?
        };
        Ok(Compiled { entry })
    }

    fn module(&self, bytes: &[u8]) -> Result<Entry, LoadError> {
        let module = Module::new(self.wasmtime(), bytes).map_err(|e| LoadError::Invalid(text(&e)))?;
        let is_command = module
            .get_export("_start")
            .and_then(|export| export.func().cloned())
            .is_some_and(|start| start.params().len() == 0 && start.results().len() == 0);
        if !is_command {
            return Err(LoadError::NoEntry("_start"));
        }
        let linked = self.shared.modules.instantiate_pre(&module);
        linked.map(Entry::Module).map_err(|e| LoadError::Imports(text(&e)))
    }

    fn component(&self, bytes: &[u8]) -> Result<Entry, LoadError> {
        let component = Component::new(self.wasmtime(), bytes).map_err(|e| LoadError::Invalid(text(&e)))?;
        let linked = self.shared.components.instantiate_pre(&component);
        let linked = linked.map_err(|e| LoadError::Imports(text(&e)))?;
        let command = CommandPre::new(linked).map_err(|_| LoadError::NoEntry("wasi:cli/run"))?;
        Ok(Entry::Component(command))
    }
}

/// An error with its causes, in one line.
pub(crate) fn text(error: &wasmtime::Error) -> String {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    causes.join(": ").replace('\n', " ")
}

/// While it lives, what runs is interrupted.
pub(crate) struct Ticking(Arc<Shared>);

impl Drop for Ticking {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.ticker.unpark();
    }
}

/// Costs nothing while no plugin runs. A lost race only makes it wait once more: `unpark` before `park` is kept.
fn tick(shared: &Weak<Shared>) {
    loop {
        let Some(strong) = shared.upgrade() else { return };
        if strong.running.load(Ordering::SeqCst) == 0 {
            drop(strong);
            thread::park();
        } else {
            drop(strong);
            // First: most calls have ended by then, and are not interrupted at all.
            thread::sleep(TICK);
            if let Some(strong) = shared.upgrade() {
                strong.wasmtime.increment_epoch();
            }
        }
    }
}
