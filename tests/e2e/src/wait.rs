//! Waiting for something to become true.

use std::time::{Duration, Instant};

use crate::{Failure, Outcome};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// Asks `look` until it gives a value, and tells how long that took.
///
/// # Errors
/// When `limit` passes first, with the last thing seen; or when `look` fails.
pub async fn until<T, F, L>(what: &str, limit: Duration, mut look: L) -> Outcome<(T, Duration)>
where
    L: FnMut() -> F,
    F: Future<Output = Outcome<Seen<T>>>,
{
    let start = Instant::now();
    loop {
        let last = match look().await? {
            Seen::Yes(value) => return Ok((value, start.elapsed())),
            Seen::NotYet(last) => last,
        };
        if start.elapsed() > limit {
            return Err(Failure(format!(
                "waited {} s for {what}; last seen: {last}",
                limit.as_secs()
            )));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// What a look at the cluster gave.
#[derive(Debug)]
pub enum Seen<T> {
    /// What was waited for.
    Yes(T),
    /// Something else, described.
    NotYet(String),
}
