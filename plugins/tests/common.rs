//! Plugins in WebAssembly's text form, and a question to ask them.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_plugins::{Host, LoadError, Plugin, Settings};
use sluice_shared::config::FlinkConfig;
use sluice_shared::extension::{Question, Request};
use sluice_shared::rules::Kind;

/// A module with these imports and this `_start`.
pub fn program(imports: &[&str], body: &str) -> String {
    let mut declared = String::new();
    for name in imports {
        let parameters = match *name {
            "proc_exit" => "(param i32)",
            "random_get" | "fd_prestat_get" => "(param i32 i32) (result i32)",
            "path_open" => "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)",
            "clock_time_get" => "(param i32 i64 i32) (result i32)",
            _ => "(param i32 i32 i32 i32) (result i32)",
        };
        let _ = writeln!(
            declared,
            "(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} {parameters}))"
        );
    }
    format!("(module\n{declared}(memory (export \"memory\") 2)\n{body})")
}

/// A program that writes `text` to standard output.
pub fn writing(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        let _ = write!(escaped, "\\{byte:02x}");
    }
    program(
        &["fd_write"],
        &format!(
            "(data (i32.const 16) \"{escaped}\")
             (func (export \"_start\")
               (i32.store (i32.const 0) (i32.const 16))
               (i32.store (i32.const 4) (i32.const {}))
               (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))",
            text.len()
        ),
    )
}

/// A program that copies standard input to `stream`.
pub fn copying_to(stream: u32) -> String {
    program(
        &["fd_read", "fd_write"],
        &format!(
            "(func (export \"_start\")
               (loop $more
                 (i32.store (i32.const 0) (i32.const 16))
                 (i32.store (i32.const 4) (i32.const 65536))
                 (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
                 (if (i32.load (i32.const 8)) (then
                   (i32.store (i32.const 4) (i32.load (i32.const 8)))
                   (drop (call $fd_write (i32.const {stream}) (i32.const 0) (i32.const 1) (i32.const 8)))
                   (br $more)))))"
        ),
    )
}

/// Computes for ever.
pub fn endless() -> String {
    program(&[], "(func (export \"_start\") (loop $again (br $again)))")
}

pub fn host() -> Arc<Host> {
    Arc::new(Host::new().expect("a host"))
}

pub fn settings(name: &str) -> Settings {
    Settings {
        timeout: Duration::from_secs(20),
        ..Settings::of_file(name, PathBuf::from("/unused"))
    }
}

pub fn plugin(host: &Arc<Host>, text: &str, settings: Settings) -> Plugin {
    Plugin::new(settings, compile(host, text), Arc::clone(host))
}

pub fn compile(host: &Host, text: &str) -> Result<sluice_plugins::engine::Compiled, LoadError> {
    host.engine().compile(&wat::parse_str(text).expect("WebAssembly text"))
}

/// An object, its configuration, and the question about it.
pub struct Asked {
    pub object: Value,
    pub config: FlinkConfig,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            object: json!({ "kind": "FlinkDeployment", "metadata": { "name": "basic" }, "spec": { "image": "flink" } }),
            config: [("parallelism.default", "2"), ("s3.secret-key", "s3cr3t!")]
                .into_iter()
                .collect(),
        }
    }
}

impl Asked {
    pub fn question(&self) -> Question<'_> {
        Question {
            kind: Kind::FlinkDeployment,
            object: &self.object,
            old: None,
            config: &self.config,
            namespace_labels: None,
            request: Request::default(),
        }
    }
}
