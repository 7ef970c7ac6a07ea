//! Standard output and standard error with an end.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

/// Bytes that a stream takes at once.
const CHUNK: usize = 64 * 1024;

/// A stream that keeps what is written to it, up to a limit. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Bounded {
    written: Arc<Mutex<Written>>,
    limit: usize,
    discard: bool,
}

#[derive(Debug, Default)]
struct Written {
    bytes: Vec<u8>,
    exceeded: bool,
}

impl Bounded {
    /// Whoever writes more than `limit` bytes is ended.
    pub(crate) fn failing(limit: usize) -> Self {
        Self {
            written: Arc::default(),
            limit,
            discard: false,
        }
    }

    /// What is written behind `limit` bytes is thrown away.
    pub(crate) fn discarding(limit: usize) -> Self {
        Self {
            discard: true,
            ..Self::failing(limit)
        }
    }

    /// Whether more was written than there is room for.
    pub(crate) fn exceeded(&self) -> bool {
        self.written.lock().exceeded
    }

    /// What was written; nothing is left.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.written.lock().bytes)
    }
}

#[async_trait]
impl Pollable for Bounded {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Bounded {
    fn write(&mut self, bytes: bytes::Bytes) -> Result<(), StreamError> {
        let mut written = self.written.lock();
        let room = self.limit.saturating_sub(written.bytes.len()).min(bytes.len());
        written.bytes.extend_from_slice(&bytes[..room]);
        if room == bytes.len() {
            return Ok(());
        }
        written.exceeded = true;
        if self.discard {
            Ok(())
        } else {
            Err(StreamError::Trap(wasmtime::format_err!("more output than allowed")))
        }
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(CHUNK)
    }
}

impl IsTerminal for Bounded {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Bounded {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    /// Only preview 3 asks for this, and no plugin gets that.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }
}
