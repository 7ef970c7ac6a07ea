//! Why a plugin cannot be used, and why a call gave no answer. All texts are for people.

use std::path::PathBuf;

/// Why a module cannot be made ready to run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Nobody has tried yet.
    #[error("it is still being loaded; try again in a moment")]
    NotYet,
    /// The file.
    #[error("cannot read {path}: {reason}; mount the module there or correct source.path")]
    Read {
        /// The module's file.
        path: PathBuf,
        /// What the kernel says.
        reason: String,
    },
    /// The registry.
    #[error("cannot pull {reference}: {reason}")]
    Pull {
        /// As in the configuration.
        reference: String,
        /// What went wrong, and what to do about it.
        reason: String,
    },
    /// Longer than [`crate::engine::LONGEST_MODULE`].
    #[error("the module is longer than {limit_mib} MiB; build it without debug information (Go: -ldflags='-s -w')")]
    TooLarge {
        /// The limit in MiB.
        limit_mib: usize,
    },
    /// No WebAssembly in binary form.
    #[error("it is no WebAssembly module: the file does not begin with \\0asm; build it for wasip1 or wasip2")]
    NoWasm,
    /// Something that cannot be compiled.
    #[error("it cannot be compiled: {0}")]
    Invalid(String),
    /// It needs what a plugin does not get.
    #[error("it cannot be linked: {0}; a plugin may import WASI preview 1 or 2 and nothing else")]
    Imports(String),
    /// It is no program.
    #[error("it has no {0}: build it as a command (a program with main), not as a library")]
    NoEntry(&'static str),
}

/// Why a call gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Its time was over.
    #[error("it gave no answer within {millis} ms")]
    Timeout {
        /// Time that it had.
        millis: u128,
    },
    /// All places were taken for as long as there was time.
    #[error("too many of its calls run already, and none ended within {millis} ms")]
    Busy {
        /// Time that was waited.
        millis: u128,
    },
    /// Too many callers wait already.
    #[error("too many requests wait for plugins; try again in a moment")]
    Full,
    /// The request's deadline was too near to begin.
    #[error("the request's time was over before it could be asked")]
    NoTime,
    /// It wanted more memory than it may have.
    #[error("it needs more than its {limit_mib} MiB of memory")]
    Memory {
        /// The limit in MiB.
        limit_mib: u64,
    },
    /// It wrote more than it may.
    #[error("its answer is longer than {limit} bytes")]
    Output {
        /// The limit in bytes.
        limit: usize,
    },
    /// It trapped.
    #[error("it crashed: {0}")]
    Crash(String),
    /// It ended with another code than 0.
    #[error("it ended with exit code {0}")]
    Exit(i32),
    /// Its answer is none.
    #[error("its answer cannot be read: {0}")]
    Answer(String),
    /// A fault of ours.
    #[error("it could not be run; the log has the details")]
    Internal,
}

impl CallError {
    /// For metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Timeout { .. } => "timeout",
            Self::Busy { .. } => "busy",
            Self::Full => "full",
            Self::NoTime => "no-time",
            Self::Memory { .. } => "memory",
            Self::Output { .. } => "output",
            Self::Crash(_) => "crash",
            Self::Exit(_) => "exit",
            Self::Answer(_) => "answer",
            Self::Internal => "internal",
        }
    }
}
