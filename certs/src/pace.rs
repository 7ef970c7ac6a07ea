//! How fast something is written that someone else keeps changing.
//!
//! What is written and changed back is seen by a watch at once, and written again: without a pause, two programs that want
//! different things would write as fast as the API server lets them.

use std::time::Duration;

use tokio::time::Instant;

/// So many writes in a row are made at once.
const BURST: u32 = 20;
/// First and longest pause from each write after that to the next; it doubles in between.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), LONGEST);
/// See [`PAUSE`].
pub(crate) const LONGEST: Duration = Duration::from_secs(30);
/// After so long without a write the next ones are at once again. Longer than the longest pause.
const CALM: Duration = Duration::from_mins(2);

/// The writes of late.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    writes: u32,
    last: Option<Instant>,
    told: bool,
}

impl Pace {
    /// When the next write may be made; nothing where it may be now.
    pub(crate) fn not_before(&mut self) -> Option<Instant> {
        let (now, last) = (Instant::now(), self.last?);
        if now - last >= CALM {
            *self = Self::default();
        }
        let doubled = self.writes.checked_sub(BURST)?;
        let pause = PAUSE.0.saturating_mul(2_u32.saturating_pow(doubled)).min(PAUSE.1);
        Some(last + pause).filter(|at| *at > now)
    }

    /// Counts a write, or one that came too late.
    pub(crate) fn wrote(&mut self) {
        self.writes = self.writes.saturating_add(1);
        self.last = Some(Instant::now());
    }

    /// Whether nobody was told of it since the last calm.
    pub(crate) fn tell(&mut self) -> bool {
        !std::mem::replace(&mut self.told, true)
    }
}
