//! Load: as fast as it goes, and at a fixed rate.

use std::thread;
use std::time::{Duration, Instant};

use crate::client::Target;
use crate::failure::{Failure, Outcome};

/// What came of a measurement.
pub struct Measured {
    /// Microseconds of each request, sorted.
    latencies: Vec<u64>,
    took: Duration,
}

impl Measured {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.took.as_secs_f64()
    }

    /// The latency in milliseconds that `percent` of the requests do not exceed.
    pub fn percentile(&self, percent: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a length of a list"
        )]
        let index = (percent / 100.0 * last as f64).ceil() as usize;
        self.latencies.get(index).map_or(0.0, |micros| *micros as f64 / 1000.0)
    }
}

/// `connections` clients, each of which asks again as soon as it has its answer.
pub fn flat_out(target: &Target, body: &str, connections: u32, length: Duration) -> Outcome<Measured> {
    let request = target.request(body);
    together(connections, |_, began| {
        let mut connection = target.connect()?;
        let mut latencies = Vec::new();
        while began.elapsed() < length {
            let sent = Instant::now();
            connection.ask(&request)?;
            latencies.push(micros(sent.elapsed()));
        }
        Ok(latencies)
    })
}

/// `connections` clients, each of which connects anew for every request.
pub fn reconnecting(target: &Target, body: &str, connections: u32, length: Duration) -> Outcome<Measured> {
    let request = target.request(body);
    together(connections, |_, began| {
        let mut latencies = Vec::new();
        while began.elapsed() < length {
            let sent = Instant::now();
            target.connect()?.ask(&request)?;
            latencies.push(micros(sent.elapsed()));
        }
        Ok(latencies)
    })
}

/// `rate` requests a second on `connections` connections in turn. A request's time counts from when it was due, so a slow
/// answer also counts for those that waited behind it.
pub fn at_rate(target: &Target, body: &str, connections: u32, rate: u32, length: Duration) -> Outcome<Measured> {
    let request = target.request(body);
    let gap = Duration::from_secs(1) / rate;
    together(connections, |number, began| {
        let mut connection = target.connect()?;
        let mut latencies = Vec::new();
        let mut due = began + gap * number;
        while due < began + length {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            connection.ask(&request)?;
            latencies.push(micros(due.elapsed()));
            due += gap * connections;
        }
        Ok(latencies)
    })
}

/// Runs `client` in as many threads, each with its number and the common start, and gathers their latencies.
fn together<F>(clients: u32, client: F) -> Outcome<Measured>
where
    F: Fn(u32, Instant) -> Outcome<Vec<u64>> + Sync,
{
    let began = Instant::now();
    let results: Vec<Outcome<Vec<u64>>> = thread::scope(|scope| {
        let client = &client;
        let threads: Vec<_> = (0..clients)
            .map(|number| scope.spawn(move || client(number, began)))
            .collect();
        let ended = |thread: thread::ScopedJoinHandle<'_, Outcome<Vec<u64>>>| {
            thread
                .join()
                .unwrap_or_else(|_| Err(Failure::new("a client of the load panicked")))
        };
        threads.into_iter().map(ended).collect()
    });
    let took = began.elapsed();
    let mut latencies = Vec::new();
    for result in results {
        latencies.extend(result?);
    }
    latencies.sort_unstable();
    Ok(Measured { latencies, took })
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
