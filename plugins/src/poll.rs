//! `poll_oneoff` of WASI preview 1, in place of wasmtime-wasi's: that one puts the thread to sleep for as long as the
//! plugin likes, and nothing can end it. This one waits in a way that ends with the call.
//!
//! There is little to wait for: standard streams are always ready, and nothing else is open.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use wasmtime::{Caller, Extern, Linker};

use crate::world::World;

// Layout and numbers: `wasi_snapshot_preview1.witx`.
const SUBSCRIPTION: usize = 48;
const EVENT: usize = 32;
const TAG_CLOCK: u8 = 0;
const TAG_WRITE: u8 = 2;
const CLOCK_REALTIME: u32 = 0;
const CLOCK_MONOTONIC: u32 = 1;
const ABSOLUTE: u16 = 1;
const SUCCESS: u16 = 0;
const BADF: u16 = 8;
const FAULT: i32 = 21;
const INVAL: i32 = 28;
const NOTSUP: i32 = 58;
/// Most subscriptions in one call; there are three streams and two clocks.
const MOST: usize = 1024;
/// What a wait that is longer than any call amounts to.
const LONG: Duration = Duration::from_hours(1);

pub(crate) fn add_to_linker(linker: &mut Linker<World>) -> wasmtime::Result<()> {
    linker.func_wrap_async(
        "wasi_snapshot_preview1",
        "poll_oneoff",
        |mut caller: Caller<'_, World>, (subscriptions, events, count, written): (u32, u32, u32, u32)| {
            Box::new(async move {
                match poll(&mut caller, [subscriptions, events, count, written].map(|n| n as usize)).await {
                    Ok(()) => 0,
                    Err(errno) => errno,
                }
            })
        },
    )?;
    Ok(())
}

/// What one subscription waits for.
enum Wanted {
    Time(Duration),
    Stream { tag: u8, open: bool },
    Unsupported,
}

async fn poll(caller: &mut Caller<'_, World>, [subscriptions, events, count, written]: [usize; 4]) -> Result<(), i32> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err(FAULT);
    };
    if count == 0 || count > MOST {
        return Err(INVAL);
    }
    let bytes = memory
        .data(&*caller)
        .get(subscriptions..subscriptions.saturating_add(count * SUBSCRIPTION));
    let bytes = bytes.ok_or(FAULT)?.to_vec();
    let (real, monotonic) = now(caller);
    let mut wanted = Vec::with_capacity(count);
    for subscription in bytes.chunks_exact(SUBSCRIPTION) {
        let user_data = number::<8>(subscription, 0);
        wanted.push((user_data, wanted_by(subscription, real, monotonic)));
    }
    let nothing_but_time = wanted.iter().all(|(_, wanted)| matches!(wanted, Wanted::Time(_)));
    let waits = wanted.iter().filter_map(|(_, wanted)| match wanted {
        Wanted::Time(time) => Some(*time),
        _ => None,
    });
    let wait = if nothing_but_time {
        waits.min().unwrap_or_default()
    } else {
        Duration::ZERO
    };
    if wait.is_zero() {
        // Otherwise a loop of these never lets anybody else run.
        tokio::task::yield_now().await;
    } else {
        tokio::time::sleep(wait).await;
        if let Some(time) = &caller.data().time {
            time.fetch_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
    let mut out = Vec::new();
    for (user_data, wanted) in wanted {
        let (error, tag) = match wanted {
            Wanted::Time(time) if time <= wait => (SUCCESS, TAG_CLOCK),
            Wanted::Time(_) => continue,
            Wanted::Stream { tag, open: true } => (SUCCESS, tag),
            Wanted::Stream { tag, open: false } => (BADF, tag),
            Wanted::Unsupported => return Err(NOTSUP),
        };
        let mut event = [0; EVENT];
        event[..8].copy_from_slice(&user_data.to_le_bytes());
        event[8..10].copy_from_slice(&error.to_le_bytes());
        event[10] = tag;
        event[16..24].copy_from_slice(&1_u64.to_le_bytes());
        out.extend_from_slice(&event);
    }
    let number_of_events = u32::try_from(out.len() / EVENT).map_err(|_| INVAL)?;
    memory.write(&mut *caller, events, &out).map_err(|_| FAULT)?;
    memory
        .write(&mut *caller, written, &number_of_events.to_le_bytes())
        .map_err(|_| FAULT)
}

fn wanted_by(subscription: &[u8], real: Duration, monotonic: Duration) -> Wanted {
    let tag = subscription[8];
    let what = u32::try_from(number::<4>(subscription, 16)).unwrap_or(u32::MAX);
    if tag != TAG_CLOCK {
        let is_write = tag == TAG_WRITE;
        let open = if is_write { matches!(what, 1 | 2) } else { what == 0 };
        return Wanted::Stream { tag, open };
    }
    let timeout = Duration::from_nanos(number::<8>(subscription, 24));
    let absolute = number::<2>(subscription, 40) & u64::from(ABSOLUTE) != 0;
    let clock = match what {
        CLOCK_REALTIME => real,
        CLOCK_MONOTONIC => monotonic,
        _ => return Wanted::Unsupported,
    };
    let wait = if absolute {
        timeout.saturating_sub(clock)
    } else {
        timeout
    };
    Wanted::Time(wait.min(LONG))
}

/// Calendar and monotonic clock, as the plugin sees them.
fn now(caller: &Caller<'_, World>) -> (Duration, Duration) {
    match &caller.data().time {
        Some(time) => (Duration::ZERO, Duration::from_nanos(time.load(Ordering::Relaxed))),
        None => (
            SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
            caller.data().started.elapsed(),
        ),
    }
}

/// The little-endian number of `N` bytes at `offset`.
fn number<const N: usize>(bytes: &[u8], offset: usize) -> u64 {
    let mut number = [0; 8];
    number[..N].copy_from_slice(&bytes[offset..offset + N]);
    u64::from_le_bytes(number)
}
