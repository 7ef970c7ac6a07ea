//! A TaskManager's memory.

use super::MemoryError;
use super::process::{Division, DivisionError, FlinkMemory, ProcessOptions};
use super::range::{RangeOptions, fraction, multiply, size};
use crate::config::{FlinkConfig, MemorySize, options};

/// Sizes of a TaskManager process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskManagerMemory {
    /// Heap of Flink itself.
    pub framework_heap: MemorySize,
    /// Heap of the job's operators.
    pub task_heap: MemorySize,
    /// Memory that Flink manages: state backend, sorting, caches.
    pub managed: MemorySize,
    /// Direct and native memory of Flink itself.
    pub framework_off_heap: MemorySize,
    /// Direct and native memory of the job's operators.
    pub task_off_heap: MemorySize,
    /// Network buffers.
    pub network: MemorySize,
    /// JVM metaspace.
    pub metaspace: MemorySize,
    /// Everything else that the JVM needs: stacks, code cache.
    pub overhead: MemorySize,
}

impl TaskManagerMemory {
    /// Everything but metaspace and overhead.
    #[must_use]
    pub fn total_flink(&self) -> MemorySize {
        MemorySize::from_bytes(
            self.framework_heap.bytes()
                + self.task_heap.bytes()
                + self.managed.bytes()
                + self.framework_off_heap.bytes()
                + self.task_off_heap.bytes()
                + self.network.bytes(),
        )
    }

    /// The whole process: what a pod asks for.
    #[must_use]
    pub fn total_process(&self) -> MemorySize {
        MemorySize::from_bytes(self.total_flink().bytes() + self.metaspace.bytes() + self.overhead.bytes())
    }
}

const NETWORK: RangeOptions = RangeOptions {
    part: "network",
    min: options::TASK_MANAGER_NETWORK_MIN,
    max: options::TASK_MANAGER_NETWORK_MAX,
    fraction: options::TASK_MANAGER_NETWORK_FRACTION,
};
const OPTIONS: ProcessOptions = ProcessOptions {
    component: "TaskManager",
    process: options::TASK_MANAGER_PROCESS_MEMORY,
    legacy: options::TASK_MANAGER_LEGACY_HEAP_MEMORY,
    legacy_mebibytes: options::TASK_MANAGER_LEGACY_HEAP_MEMORY_MB,
    flink: options::TASK_MANAGER_FLINK_MEMORY,
    metaspace: options::TASK_MANAGER_METASPACE,
    overhead: RangeOptions {
        part: "JVM overhead",
        min: options::TASK_MANAGER_OVERHEAD_MIN,
        max: options::TASK_MANAGER_OVERHEAD_MAX,
        fraction: options::TASK_MANAGER_OVERHEAD_FRACTION,
    },
};

/// Bytes.
struct Parts {
    framework_heap: u64,
    framework_off_heap: u64,
    task_heap: u64,
    task_off_heap: u64,
    managed: u64,
    network: u64,
}

impl Parts {
    /// The parts whose sizes are always configured, or have a default.
    fn fixed(config: &FlinkConfig) -> Result<Self, MemoryError> {
        Ok(Self {
            framework_heap: size(config, &options::TASK_MANAGER_FRAMEWORK_HEAP)?,
            framework_off_heap: size(config, &options::TASK_MANAGER_FRAMEWORK_OFF_HEAP)?,
            task_heap: 0,
            task_off_heap: size(config, &options::TASK_MANAGER_TASK_OFF_HEAP)?,
            managed: 0,
            network: 0,
        })
    }

    fn named(&self) -> Vec<(&'static str, u64)> {
        [
            ("framework heap", self.framework_heap),
            ("framework off-heap", self.framework_off_heap),
            ("task heap", self.task_heap),
            ("task off-heap", self.task_off_heap),
            ("managed", self.managed),
            ("network", self.network),
        ]
        .into_iter()
        .filter(|(_, bytes)| *bytes > 0)
        .collect()
    }

    /// What is left of `total`.
    fn rest(&self, total: u64) -> Result<u64, DivisionError> {
        total
            .checked_sub(self.total())
            .ok_or_else(|| DivisionError::Short(self.named()))
    }
}

impl FlinkMemory for Parts {
    fn total(&self) -> u64 {
        [
            self.framework_heap,
            self.framework_off_heap,
            self.task_heap,
            self.task_off_heap,
            self.managed,
            self.network,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

struct TaskManager;

impl Division for TaskManager {
    type Memory = Parts;

    fn is_fine_grained(config: &FlinkConfig) -> bool {
        config.is_set(&options::TASK_MANAGER_TASK_HEAP) && config.is_set(&options::TASK_MANAGER_MANAGED_MEMORY)
    }

    fn from_parts(config: &FlinkConfig, total: Option<u64>) -> Result<Parts, DivisionError> {
        let mut parts = Parts::fixed(config)?;
        parts.task_heap = size(config, &options::TASK_MANAGER_TASK_HEAP)?;
        parts.managed = size(config, &options::TASK_MANAGER_MANAGED_MEMORY)?;
        let range = NETWORK.read(config)?;
        parts.network = match total {
            None => range.beside(parts.total()),
            Some(total) => {
                let network = parts.rest(total)?;
                range.check(network)?;
                network
            }
        };
        Ok(parts)
    }

    fn from_total(config: &FlinkConfig, total: u64) -> Result<Parts, DivisionError> {
        let mut parts = Parts::fixed(config)?;
        parts.managed = match config.value(&options::TASK_MANAGER_MANAGED_MEMORY)? {
            Some(managed) => managed.bytes(),
            None => multiply(total, fraction(config, &options::TASK_MANAGER_MANAGED_FRACTION)?),
        };
        let range = NETWORK.read(config)?;
        if config.is_set(&options::TASK_MANAGER_TASK_HEAP) {
            parts.task_heap = size(config, &options::TASK_MANAGER_TASK_HEAP)?;
            parts.network = parts.rest(total)?;
            range.check(parts.network)?;
        } else {
            parts.network = range.of(total);
            parts.task_heap = parts.rest(total)?;
        }
        Ok(parts)
    }
}

/// Derives a TaskManager's memory from `taskmanager.memory.*`.
///
/// The number of network buffers (`taskmanager.network.numberOfBuffers`, gone since Flink 2.0) is not looked at.
///
/// # Errors
/// When nothing is configured, the options contradict each other, or too little is left for a part.
pub fn task_manager(config: &FlinkConfig) -> Result<TaskManagerMemory, MemoryError> {
    let process = OPTIONS.derive::<TaskManager>(config)?;
    let parts = process.flink;
    Ok(TaskManagerMemory {
        framework_heap: MemorySize::from_bytes(parts.framework_heap),
        task_heap: MemorySize::from_bytes(parts.task_heap),
        managed: MemorySize::from_bytes(parts.managed),
        framework_off_heap: MemorySize::from_bytes(parts.framework_off_heap),
        task_off_heap: MemorySize::from_bytes(parts.task_off_heap),
        network: MemorySize::from_bytes(parts.network),
        metaspace: MemorySize::from_bytes(process.metaspace),
        overhead: MemorySize::from_bytes(process.overhead),
    })
}
