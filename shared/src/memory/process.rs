//! What both processes have in common: metaspace and overhead around Flink's own memory.

use super::MemoryError;
use super::error::describe;
use super::range::{RangeOptions, size};
use crate::config::{ConfigOption, FlinkConfig, MemorySize};

/// The options of one kind of process.
pub(super) struct ProcessOptions {
    /// `JobManager` or `TaskManager`.
    pub component: &'static str,
    /// Total size of the process.
    pub process: ConfigOption<MemorySize>,
    /// The old heap size, which in containers means the process.
    pub legacy: ConfigOption<MemorySize>,
    /// The same in MiB, older still.
    pub legacy_mebibytes: ConfigOption<i32>,
    /// Total of Flink's own memory.
    pub flink: ConfigOption<MemorySize>,
    /// JVM metaspace.
    pub metaspace: ConfigOption<MemorySize>,
    /// JVM overhead.
    pub overhead: RangeOptions,
}

/// Flink's own memory, by its parts.
pub(super) trait FlinkMemory {
    /// Sum of the parts in bytes.
    fn total(&self) -> u64;
}

/// Why a total cannot be divided.
pub(super) enum DivisionError {
    /// The fixed parts, by name and size in bytes, do not fit.
    Short(Vec<(&'static str, u64)>),
    /// Anything else.
    Other(MemoryError),
}

impl<E: Into<MemoryError>> From<E> for DivisionError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// How a kind of process divides Flink's own memory.
pub(super) trait Division {
    /// The parts.
    type Memory: FlinkMemory;
    /// Whether the parts that need be are configured themselves, so that the totals follow from them.
    fn is_fine_grained(config: &FlinkConfig) -> bool;
    /// The parts where [`Self::is_fine_grained`]; `total` is what they must add up to, where that is configured.
    fn from_parts(config: &FlinkConfig, total: Option<u64>) -> Result<Self::Memory, DivisionError>;
    /// The parts of `total` bytes.
    fn from_total(config: &FlinkConfig, total: u64) -> Result<Self::Memory, DivisionError>;
}

/// A process: Flink's own memory and what the JVM needs around it, in bytes.
pub(super) struct Process<M> {
    pub flink: M,
    pub metaspace: u64,
    pub overhead: u64,
}

impl ProcessOptions {
    /// Derives all parts. Where a total is too small, finds out which one would do.
    pub(super) fn derive<D: Division>(&self, config: &FlinkConfig) -> Result<Process<D::Memory>, MemoryError> {
        self.derive_once::<D>(config).map_err(|error| match error {
            MemoryError::TooSmall {
                key,
                total,
                parts,
                needed: None,
            } => MemoryError::TooSmall {
                key,
                total,
                parts,
                needed: self.smallest::<D>(config, key, total),
            },
            other => other,
        })
    }

    /// The smallest size in MiB above `total` that `key` can have.
    fn smallest<D: Division>(&self, config: &FlinkConfig, key: &str, total: MemorySize) -> Option<MemorySize> {
        /// 1 TiB: no need to look for more.
        const LARGEST: u64 = 1 << 20;
        let fits = |mebibytes: u64| {
            let mut config = config.clone();
            config.set(key, MemorySize::from_mebibytes(mebibytes).to_string());
            self.derive_once::<D>(&config).is_ok()
        };
        let mut short = total.mebibytes();
        let mut enough = short.max(1);
        while !fits(enough) {
            short = enough;
            enough = enough.checked_mul(2).filter(|size| *size <= LARGEST)?;
        }
        while enough - short > 1 {
            let middle = short.midpoint(enough);
            if fits(middle) {
                enough = middle;
            } else {
                short = middle;
            }
        }
        Some(MemorySize::from_mebibytes(enough))
    }

    fn derive_once<D: Division>(&self, config: &FlinkConfig) -> Result<Process<D::Memory>, MemoryError> {
        let process = self.process_size(config)?;
        let flink = config.value(&self.flink)?.map(MemorySize::bytes);
        if D::is_fine_grained(config) {
            let memory = D::from_parts(config, flink)
                .map_err(|error| too_small(error, self.flink.key, flink.unwrap_or_default(), &[]))?;
            self.around(config, memory, process)
        } else if let Some(total) = flink {
            let memory = D::from_total(config, total).map_err(|error| too_small(error, self.flink.key, total, &[]))?;
            self.around(config, memory, process)
        } else if let Some(total) = process {
            let metaspace = size(config, &self.metaspace)?;
            let overhead = self.overhead.read(config)?.of(total);
            let jvm = [("JVM metaspace", metaspace), (self.overhead.part, overhead)];
            let memory = match total.checked_sub(metaspace.saturating_add(overhead)) {
                Some(flink) => D::from_total(config, flink),
                None => Err(DivisionError::Short(Vec::new())),
            };
            Ok(Process {
                flink: memory.map_err(|error| too_small(error, self.process.key, total, &jvm))?,
                metaspace,
                overhead,
            })
        } else {
            Err(MemoryError::NotConfigured {
                component: self.component,
                key: self.process.key,
            })
        }
    }

    fn process_size(&self, config: &FlinkConfig) -> Result<Option<u64>, MemoryError> {
        for option in [&self.process, &self.legacy] {
            if let Some(size) = config.value(option)? {
                return Ok(Some(size.bytes()));
            }
        }
        let legacy = config.value(&self.legacy_mebibytes)?;
        Ok(legacy
            .and_then(|mebibytes| u64::try_from(mebibytes).ok())
            .map(|mebibytes| MemorySize::from_mebibytes(mebibytes).bytes()))
    }

    /// Metaspace and overhead around `flink`.
    fn around<M: FlinkMemory>(
        &self,
        config: &FlinkConfig,
        flink: M,
        process: Option<u64>,
    ) -> Result<Process<M>, MemoryError> {
        let metaspace = size(config, &self.metaspace)?;
        let range = self.overhead.read(config)?;
        let inner = flink.total().saturating_add(metaspace);
        let overhead = match process {
            None => range.beside(inner),
            Some(total) => {
                let parts = [("Flink's own memory", flink.total()), ("JVM metaspace", metaspace)];
                let overhead = total
                    .checked_sub(inner)
                    .ok_or_else(|| too_small(DivisionError::Short(Vec::new()), self.process.key, total, &parts))?;
                range.check(overhead)?;
                overhead
            }
        };
        Ok(Process {
            flink,
            metaspace,
            overhead,
        })
    }
}

/// The error for a total that the parts, and others beside them, do not fit into.
fn too_small(error: DivisionError, key: &'static str, total: u64, beside: &[(&'static str, u64)]) -> MemoryError {
    match error {
        DivisionError::Other(error) => error,
        DivisionError::Short(mut parts) => {
            parts.extend_from_slice(beside);
            MemoryError::TooSmall {
                key,
                total: MemorySize::from_bytes(total),
                parts: describe(&parts),
                needed: None,
            }
        }
    }
}
