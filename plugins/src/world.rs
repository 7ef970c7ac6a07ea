//! What a plugin sees of the world during one call: standard streams, limits, and what it was granted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use wasmtime::ResourceLimiter;
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::{Deterministic, HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};

use crate::settings::Settings;
use crate::streams::Bounded;

/// Nanoseconds that a clock which was not granted moves on with every look at it.
const STEP: u64 = 1_000;
/// Bytes of a table's element, at most.
const ELEMENT: usize = 16;
/// Most random bytes at once.
const RANDOM: u64 = 64 * 1024;
/// Longest standard error that is kept; the rest is thrown away.
const STDERR: usize = 8 * 1024;

/// The state of one call.
pub(crate) struct World {
    wasi: WasiP1Ctx,
    /// Time that a plugin without a clock has seen pass, in nanoseconds.
    pub(crate) time: Option<Arc<AtomicU64>>,
    /// When the call began.
    pub(crate) started: Instant,
    pub(crate) memory: MemoryLimit,
    pub(crate) stdout: Bounded,
    pub(crate) stderr: Bounded,
}

impl World {
    /// A world for one call: `input` on standard input and what `settings` grant.
    pub(crate) fn new(settings: &Settings, input: Vec<u8>) -> Self {
        let stdout = Bounded::failing(settings.max_output);
        let stderr = Bounded::discarding(STDERR);
        let mut wasi = WasiCtx::builder();
        wasi.arg(&settings.name)
            .stdin(MemoryInputPipe::new(input))
            .stdout(stdout.clone())
            .stderr(stderr.clone())
            .max_random_size(RANDOM)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        for (name, value) in &settings.grants.env {
            wasi.env(name, value);
        }
        let time = (!settings.grants.clock).then(Arc::<AtomicU64>::default);
        if let Some(time) = &time {
            wasi.wall_clock(Standing).monotonic_clock(Stepping(Arc::clone(time)));
        }
        if !settings.grants.random {
            wasi.secure_random(predictable(&settings.name, b"secure"))
                .insecure_random(predictable(&settings.name, b"insecure"))
                .insecure_random_seed(0);
        }
        Self {
            wasi: wasi.build_p1(),
            time,
            started: Instant::now(),
            memory: MemoryLimit {
                limit: usize::try_from(settings.memory).unwrap_or(usize::MAX),
                used: 0,
                exceeded: false,
            },
            stdout,
            stderr,
        }
    }

    pub(crate) fn wasi(&mut self) -> &mut WasiP1Ctx {
        &mut self.wasi
    }
}

impl WasiView for World {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

/// The same bytes in every call, so that the same request has the same answer. They need not be good ones, and are made
/// for each call.
fn predictable(name: &str, purpose: &[u8]) -> Deterministic {
    let digest: [u8; 32] = Sha256::new().chain_update(name).chain_update(purpose).finalize().into();
    let mix = |state: u64, byte: &u8| state.rotate_left(8) ^ u64::from(*byte);
    let mut state = digest.iter().fold(0, mix);
    // Long enough that nobody meets the beginning again while choosing among a few.
    let mut bytes = Vec::with_capacity(2048);
    while bytes.len() < 2048 {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
    }
    Deterministic::new(bytes)
}

/// A calendar that stands still, at the beginning of Unix time.
struct Standing;

impl HostWallClock for Standing {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }
    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

/// A clock that moves on when it is looked at: programs that wait for it to move do not hang, and learn nothing.
struct Stepping(Arc<AtomicU64>);

impl HostMonotonicClock for Stepping {
    fn resolution(&self) -> u64 {
        STEP
    }
    fn now(&self) -> u64 {
        self.0.fetch_add(STEP, Ordering::Relaxed)
    }
}

/// Bounds what all memories and tables of a call take together.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    limit: usize,
    used: usize,
    pub(crate) exceeded: bool,
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.limit {
            self.exceeded = true;
            // Not "false", which a program takes in its own way: the user is to read the true reason.
            wasmtime::bail!("more memory than allowed");
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.memory_growing(
            current.saturating_mul(ELEMENT),
            desired.saturating_mul(ELEMENT),
            maximum,
        )
    }

    fn instances(&self) -> usize {
        64
    }

    fn tables(&self) -> usize {
        64
    }

    fn memories(&self) -> usize {
        16
    }
}
