//! The JobManager's memory.

use super::MemoryError;
use super::error::describe;
use super::process::{Division, DivisionError, FlinkMemory, ProcessOptions};
use super::range::{RangeOptions, size};
use crate::config::{FlinkConfig, MemorySize, options};

/// Sizes of a JobManager process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobManagerMemory {
    /// JVM heap.
    pub heap: MemorySize,
    /// Direct and native memory.
    pub off_heap: MemorySize,
    /// JVM metaspace.
    pub metaspace: MemorySize,
    /// Everything else that the JVM needs: stacks, code cache.
    pub overhead: MemorySize,
}

impl JobManagerMemory {
    /// Heap and off-heap memory.
    #[must_use]
    pub fn total_flink(&self) -> MemorySize {
        MemorySize::from_bytes(self.heap.bytes() + self.off_heap.bytes())
    }

    /// The whole process: what the pod asks for.
    #[must_use]
    pub fn total_process(&self) -> MemorySize {
        MemorySize::from_bytes(self.total_flink().bytes() + self.metaspace.bytes() + self.overhead.bytes())
    }
}

const OPTIONS: ProcessOptions = ProcessOptions {
    component: "JobManager",
    process: options::JOB_MANAGER_PROCESS_MEMORY,
    legacy: options::JOB_MANAGER_LEGACY_HEAP_MEMORY,
    legacy_mebibytes: options::JOB_MANAGER_LEGACY_HEAP_MEMORY_MB,
    flink: options::JOB_MANAGER_FLINK_MEMORY,
    metaspace: options::JOB_MANAGER_METASPACE,
    overhead: RangeOptions {
        part: "JVM overhead",
        min: options::JOB_MANAGER_OVERHEAD_MIN,
        max: options::JOB_MANAGER_OVERHEAD_MAX,
        fraction: options::JOB_MANAGER_OVERHEAD_FRACTION,
    },
};

struct Parts {
    heap: u64,
    off_heap: u64,
}

impl FlinkMemory for Parts {
    fn total(&self) -> u64 {
        self.heap.saturating_add(self.off_heap)
    }
}

struct JobManager;

impl Division for JobManager {
    type Memory = Parts;

    fn is_fine_grained(config: &FlinkConfig) -> bool {
        config.is_set(&options::JOB_MANAGER_HEAP_MEMORY)
    }

    fn from_parts(config: &FlinkConfig, total: Option<u64>) -> Result<Parts, DivisionError> {
        let heap = size(config, &options::JOB_MANAGER_HEAP_MEMORY)?;
        let off_heap = size(config, &options::JOB_MANAGER_OFF_HEAP_MEMORY)?;
        let Some(total) = total else {
            return Ok(Parts { heap, off_heap });
        };
        if config.is_set(&options::JOB_MANAGER_OFF_HEAP_MEMORY) {
            let sum = heap.saturating_add(off_heap);
            return if sum == total {
                Ok(Parts { heap, off_heap })
            } else {
                Err(DivisionError::Other(MemoryError::Mismatch {
                    key: OPTIONS.flink.key,
                    total: MemorySize::from_bytes(total),
                    sum: MemorySize::from_bytes(sum),
                    parts: describe(&[("heap", heap), ("off-heap", off_heap)]),
                }))
            };
        }
        let off_heap = total
            .checked_sub(heap)
            .ok_or_else(|| DivisionError::Short(vec![("heap", heap)]))?;
        Ok(Parts { heap, off_heap })
    }

    fn from_total(config: &FlinkConfig, total: u64) -> Result<Parts, DivisionError> {
        let off_heap = size(config, &options::JOB_MANAGER_OFF_HEAP_MEMORY)?;
        // Flink refuses a JobManager without heap.
        match total.checked_sub(off_heap) {
            Some(heap) if heap > 0 => Ok(Parts { heap, off_heap }),
            _ => Err(DivisionError::Short(vec![("some heap", 0), ("off-heap", off_heap)])),
        }
    }
}

/// Derives the JobManager's memory from `jobmanager.memory.*`.
///
/// # Errors
/// When nothing is configured, the options contradict each other, or too little is left for a part.
pub fn job_manager(config: &FlinkConfig) -> Result<JobManagerMemory, MemoryError> {
    let process = OPTIONS.derive::<JobManager>(config)?;
    Ok(JobManagerMemory {
        heap: MemorySize::from_bytes(process.flink.heap),
        off_heap: MemorySize::from_bytes(process.flink.off_heap),
        metaspace: MemorySize::from_bytes(process.metaspace),
        overhead: MemorySize::from_bytes(process.overhead),
    })
}
