//! One circuit breaker per JobManager.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::RestError;

/// Timeouts in a row after which a JobManager is left alone.
const LIMIT: u32 = 3;
/// How long it is left alone at first; twice as long after each further timeout.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Only timeouts count: an answer of any kind, or a refused connection, costs next to nothing.
#[derive(Clone, Debug, Default)]
pub struct Breakers(Arc<Mutex<HashMap<String, Breaker>>>);

#[derive(Debug)]
struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

impl Breakers {
    /// Why `host` is not to be asked now.
    pub fn refuses(&self, host: &str) -> Option<RestError> {
        let breakers = self.0.lock();
        let breaker = breakers.get(host)?;
        let wait = breaker.open_until?.checked_duration_since(Instant::now())?;
        (!wait.is_zero()).then(|| RestError::Open {
            host: host.to_owned(),
            failures: breaker.failures,
            wait,
        })
    }

    /// Counts the outcome of a request.
    pub fn note(&self, host: &str, timed_out: bool) {
        let mut breakers = self.0.lock();
        if !timed_out {
            breakers.remove(host);
            return;
        }
        let breaker = breakers.entry(host.to_owned()).or_insert(Breaker {
            failures: 0,
            open_until: None,
        });
        breaker.failures = breaker.failures.saturating_add(1);
        if let Some(excess) = breaker.failures.checked_sub(LIMIT) {
            let pause = FIRST_PAUSE * 2_u32.saturating_pow(excess.min(8));
            breaker.open_until = Some(Instant::now() + pause.min(LONGEST_PAUSE));
        }
    }

    /// Starts over.
    pub fn forget(&self, host: &str) {
        self.0.lock().remove(host);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn opens_after_three_timeouts_and_longer_each_time() {
        let breakers = Breakers::default();
        for _ in 0..2 {
            breakers.note("a", true);
            assert!(breakers.refuses("a").is_none());
        }
        breakers.note("a", true);
        assert!(breakers.refuses("a").is_some());
        assert!(breakers.refuses("b").is_none(), "others are not affected");
        tokio::time::advance(FIRST_PAUSE + Duration::from_millis(1)).await;
        assert!(breakers.refuses("a").is_none(), "asked again after the pause");
        breakers.note("a", true);
        tokio::time::advance(FIRST_PAUSE + Duration::from_millis(1)).await;
        assert!(breakers.refuses("a").is_some(), "the second pause is longer");
        breakers.note("a", false);
        assert!(breakers.refuses("a").is_none(), "an answer closes it");
    }

    #[tokio::test(start_paused = true)]
    async fn never_pauses_longer_than_a_minute() {
        let breakers = Breakers::default();
        for _ in 0..100 {
            breakers.note("a", true);
        }
        tokio::time::advance(LONGEST_PAUSE + Duration::from_millis(1)).await;
        assert!(breakers.refuses("a").is_none());
    }
}
