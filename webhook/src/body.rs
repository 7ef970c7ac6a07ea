//! Bodies of requests, read within a budget of memory and of time.
//!
//! The API server sends a body at once. Who sends one slowly would keep memory from all others, so the time to read a body is
//! short, whatever the caller's own time is (`time_to_read`); waiting for memory does not count.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use http_body_util::BodyExt as _;
use tokio::sync::{Semaphore, SemaphorePermit, TryAcquireError};
use tokio::time::Instant;

use crate::metrics::{BodySize, Metrics};
use crate::verdict::Failure;

/// Longest body. The API server takes objects up to 3 MiB (its request limit); an update carries two of them, and
/// JSON may need a little more than what was sent.
pub const BODY_LIMIT: usize = 7 * MIB;
/// Bodies up to this length share [`SMALL_BODIES`].
const SMALL_BODY: usize = 256 * 1024;
/// Bytes that short bodies may take together, from before they are read until they are answered: with [`LARGE_BODIES`],
/// [`UNFINISHED`] and the connections' buffers (`server::READ_BUFFER`) about 170 MiB, which fits into the 256 MiB that the
/// chart gives a pod.
const SMALL_BODIES: usize = 32 * MIB;
/// Longer bodies that are read at once.
const LARGE_BODIES: usize = 8;
/// Bodies that turned out to be long while they were read, and wait with their first [`SMALL_BODY`] bytes to be read on;
/// more are turned away. A body whose length is declared waits before anything of it is read.
const UNFINISHED: usize = 64;
/// Requests that wait for memory; more are turned away.
const WAITING: usize = 1024;
/// Time to read a body, to which each MiB that has come adds [`TIME_FOR_MIB`].
const TIME_TO_BEGIN: Duration = Duration::from_secs(2);
/// See [`TIME_TO_BEGIN`].
const TIME_FOR_MIB: Duration = Duration::from_secs(1);
/// Longest time to read a body.
const LONGEST_TIME: Duration = Duration::from_secs(6);
/// Read and thrown away behind the limit, so that the caller gets to read the answer.
const DISCARD_LIMIT: usize = 16 * MIB;
const MIB: usize = 1024 * 1024;

/// The memory for bodies.
#[derive(Debug)]
pub struct Bodies {
    small: Semaphore,
    large: Semaphore,
    unfinished: Semaphore,
    waiting: Semaphore,
    metrics: Metrics,
}

/// A share of the memory, until it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Memory<'a> {
    _permit: SemaphorePermit<'a>,
}

impl Bodies {
    /// All of it free; who waits for it is counted in `metrics`.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self {
            small: Semaphore::new(SMALL_BODIES),
            large: Semaphore::new(LARGE_BODIES),
            unfinished: Semaphore::new(UNFINISHED),
            waiting: Semaphore::new(WAITING),
            metrics,
        }
    }

    /// Reads `body` into `bytes`, which keeps what was read when it fails. Gives the memory to hold it, which is taken before
    /// anything is read.
    ///
    /// # Errors
    /// When the body is too long, too slow or broken off, or too many wait.
    pub async fn read(&self, body: Body, bytes: &mut Vec<u8>) -> Result<Memory<'_>, Failure> {
        // Where the caller gives the length, the HTTP server lets no more than that through.
        let declared = body.size_hint().exact().and_then(|length| usize::try_from(length).ok());
        let reserved = declared.unwrap_or(SMALL_BODY);
        let mut size = if reserved > SMALL_BODY {
            BodySize::Large
        } else {
            BodySize::Small
        };
        let mut permit = self.acquire(size, reserved).await?;
        bytes.reserve(declared.map_or(0, |length| length.min(BODY_LIMIT)));
        let mut body = Timed::new(body);
        while let Some(data) = body.next(bytes.len()).await? {
            if bytes.len() + data.len() > BODY_LIMIT {
                // Of what was read only the uid is needed, which stands at the start.
                bytes.truncate(SMALL_BODY);
                bytes.shrink_to_fit();
                discard(body).await;
                return Err(Failure::TooLarge {
                    limit_mib: BODY_LIMIT / MIB,
                });
            }
            if size == BodySize::Small && bytes.len() + data.len() > SMALL_BODY {
                // What waits for a large place keeps none of the small ones from others.
                drop(permit);
                let _unfinished = self.unfinished.try_acquire().map_err(|_| Failure::Overloaded)?;
                size = BodySize::Large;
                permit = self.acquire(size, BODY_LIMIT).await?;
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Memory { _permit: permit })
    }

    /// A place for a body of `length` bytes.
    async fn acquire(&self, size: BodySize, length: usize) -> Result<SemaphorePermit<'_>, Failure> {
        let (places, count) = match size {
            BodySize::Small => (&self.small, u32::try_from(length).unwrap_or(u32::MAX)),
            BodySize::Large => (&self.large, 1),
        };
        match places.try_acquire_many(count) {
            Ok(permit) => Ok(permit),
            Err(TryAcquireError::Closed) => Err(Failure::Internal),
            Err(TryAcquireError::NoPermits) => {
                let _place = self.waiting.try_acquire().map_err(|_| Failure::Overloaded)?;
                let _counted = self.metrics.body_waiting(size);
                places.acquire_many(count).await.map_err(|_| Failure::Internal)
            }
        }
    }
}

/// A body, and the time that was spent on waiting for it.
struct Timed {
    body: Body,
    spent: Duration,
}

impl Timed {
    fn new(body: Body) -> Self {
        Self {
            body,
            spent: Duration::ZERO,
        }
    }

    /// What comes after `read` bytes; nothing at the end.
    async fn next(&mut self, read: usize) -> Result<Option<bytes::Bytes>, Failure> {
        loop {
            let left = time_to_read(read).saturating_sub(self.spent);
            let began = Instant::now();
            let frame = tokio::time::timeout(left, self.body.frame()).await;
            self.spent += began.elapsed();
            match frame {
                Err(_) => {
                    return Err(Failure::Slow {
                        bytes: read,
                        millis: self.spent.as_millis(),
                    });
                }
                Ok(None) => return Ok(None),
                Ok(Some(Err(_))) => return Err(Failure::Aborted),
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// The time for a body of which `read` bytes have come: so that a slow one ends soon, and a long one has enough.
fn time_to_read(read: usize) -> Duration {
    let mebibytes = u32::try_from(read / MIB).unwrap_or(u32::MAX);
    TIME_TO_BEGIN
        .saturating_add(TIME_FOR_MIB.saturating_mul(mebibytes))
        .min(LONGEST_TIME)
}

async fn discard(mut body: Timed) {
    let mut left = DISCARD_LIMIT;
    while let Ok(Some(data)) = body.next(BODY_LIMIT).await {
        match left.checked_sub(data.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::nothing(0, 2)]
    #[case::less_than_a_mebibyte(MIB - 1, 2)]
    #[case::three(3 * MIB, 5)]
    #[case::all(BODY_LIMIT, 6)]
    fn time_grows_with_what_has_come(#[case] read: usize, #[case] seconds: u64) {
        assert_eq!(time_to_read(read), Duration::from_secs(seconds));
    }
}
