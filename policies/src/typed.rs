//! Values of the configuration by the types that Flink gives them.

use std::time::Duration;

use cel::common::types::{CelBool, CelDouble, CelDuration, CelInt, CelString};
use cel::common::value::Val;
use serde_json::Value;
use sluice_shared::api::FlinkVersion;
use sluice_shared::catalogue::{self, Entry, Known};
use sluice_shared::config::{FlinkConfig, MemorySize, OptionValue, REDACTED, is_sensitive_key};

type Boxed<'v> = Box<dyn Val + 'v>;

/// The version whose options are meant where the object names none, as a session job does: the last of 1.x.
const USUAL: FlinkVersion = FlinkVersion::V1_20;

/// The version that `object` wants.
pub(crate) fn version(object: &Value) -> FlinkVersion {
    ["/spec/flinkVersion", "/spec/template/spec/flinkVersion"]
        .iter()
        .find_map(|path| object.pointer(path)?.as_str()?.parse().ok())
        .unwrap_or(USUAL)
        .min(catalogue::NEWEST)
}

fn entry(key: &str, version: FlinkVersion) -> Option<Entry> {
    match catalogue::lookup(key, version) {
        Known::Option(entry) => Some(entry),
        Known::Spelling { of, .. } => of.into_iter().next(),
        _ => None,
    }
}

/// The value that `key` has in `config`: what is set, by whatever spelling of the key, or else Flink's own default.
/// `None` where there is neither.
pub(crate) fn effective<'v>(config: &'v FlinkConfig, key: &str, version: FlinkVersion) -> Option<Boxed<'v>> {
    if let Some(written) = config.get(key) {
        return Some(value(key, written, version));
    }
    let entry = entry(key, version)?;
    let written = std::iter::once(entry.key())
        .chain(entry.other_keys())
        .find_map(|key| config.get(key))
        .or_else(|| entry.default())?;
    Some(hidden_or(key, written, || of_kind(entry.kind(), written)))
}

/// `written` by the type that `key` has; a text where the key is unknown or the value does not fit its type, which is
/// another rule's to refuse.
pub(crate) fn value<'v>(key: &str, written: &'v str, version: FlinkVersion) -> Boxed<'v> {
    hidden_or(key, written, || of_kind(entry(key, version)?.kind(), written))
}

fn hidden_or<'v>(key: &str, written: &'v str, typed: impl FnOnce() -> Option<Boxed<'v>>) -> Boxed<'v> {
    if is_sensitive_key(key) {
        return Box::new(CelString::from(REDACTED));
    }
    typed().unwrap_or_else(|| Box::new(CelString::from(written)))
}

fn of_kind(kind: &str, written: &str) -> Option<Boxed<'static>> {
    Some(match kind {
        "Boolean" => Box::new(CelBool::from(bool::parse(written).ok()?)),
        "Integer" | "Long" => Box::new(CelInt::from(i64::parse(written).ok()?)),
        "Float" | "Double" => Box::new(CelDouble::from(f64::parse(written).ok()?)),
        "Duration" => {
            let duration = Duration::parse(written).ok()?;
            Box::new(CelDuration::from(chrono::Duration::from_std(duration).ok()?))
        }
        "MemorySize" => {
            let size = MemorySize::parse(written).ok()?;
            Box::new(CelInt::from(i64::try_from(size.bytes()).ok()?))
        }
        _ => return None,
    })
}
