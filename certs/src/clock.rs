//! The wall clock. Certificates end by it, not by the monotonic clock, which stands still while a machine sleeps.

use time::OffsetDateTime;

/// Now.
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
