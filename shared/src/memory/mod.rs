//! Flink's model of process memory: from a few options to the size of every part, and so to the size of a pod.
//!
//! The formulas are those of Flink's `ProcessMemoryUtils`, `JobManagerFlinkMemoryUtils` and
//! `TaskExecutorFlinkMemoryUtils`, to the byte; `flink.tsv` beside this file holds what the distribution's own
//! `BashJavaUtils` answers, and the tests compare.

mod error;
mod job_manager;
mod process;
mod range;
mod task_manager;

pub use error::MemoryError;
pub use job_manager::{JobManagerMemory, job_manager};
pub use task_manager::{TaskManagerMemory, task_manager};

#[cfg(test)]
mod tests;
