//! `make bench-webhook`: how many requests a webhook answers, how fast, and what memory it takes. Needs no cluster.
//!
//! The webhook runs on one core and the load comes from the others. Latency is counted from the moment at which a request
//! was due, not from the one at which it was sent, so that a webhook that falls behind cannot hide it.

mod client;
mod failure;
mod load;
mod own_rules;
mod review;
mod webhook;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::client::Target;
use crate::failure::{Failure, Outcome};
use crate::load::Measured;
use crate::webhook::Webhook;

/// Measures Sluice's webhook, and another one beside it.
#[derive(Debug, Parser)]
#[command(name = "bench-webhook")]
struct Arguments {
    /// Sluice's webhook.
    #[arg(long, default_value = "target/release/sluice-webhook")]
    binary: PathBuf,
    /// More arguments for it, such as --plugins.
    #[arg(long, allow_hyphen_values = true)]
    argument: Vec<String>,
    /// File with policies of which each call is measured.
    #[arg(long, requires = "plugins")]
    policies: Option<PathBuf>,
    /// Folder with plugins (*.wasm) of which each call is measured.
    #[arg(long, requires = "policies")]
    plugins: Option<PathBuf>,
    /// Another webhook to measure in the same run: https://HOST:PORT/PATH.
    #[arg(long, requires = "ca")]
    url: Option<http::Uri>,
    /// CA certificates (PEM) to trust it by.
    #[arg(long, requires = "url")]
    ca: Option<PathBuf>,
    /// Its process, to tell its memory.
    #[arg(long, requires = "url")]
    pid: Option<u32>,
    /// Length of each measurement.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Load before the first measurement: a JVM compiles while it runs.
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// Requests a second of the measurement at a fixed rate.
    #[arg(long, default_value_t = 1000)]
    rate: u32,
    /// Connections at once.
    #[arg(long, default_value_t = 16)]
    connections: u32,
    /// Core of the webhook; the load has the others.
    #[arg(long, default_value_t = 0)]
    core: usize,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench-webhook: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome {
    webhook::leave_core(arguments.core)?;
    let body = review::body();
    println!(
        "AdmissionReview of {} bytes, a FlinkDeployment of {}",
        body.len(),
        review::object().to_string().len()
    );
    webhook::measure_start(&arguments.binary, &arguments.argument, arguments.core, &body)?;
    let mut own = Webhook::start(&arguments.binary, &arguments.argument, arguments.core)?;
    own.wait(&body)?;
    println!("\nSluice, on core {}:", arguments.core);
    measure(arguments, own.target(), &body)?;
    println!("  memory: {}", own.memory()?);
    own.stop()?;
    if let (Some(policies), Some(plugins)) = (&arguments.policies, &arguments.plugins) {
        let length = Duration::from_secs(arguments.seconds);
        own_rules::measure(&arguments.binary, arguments.core, policies, plugins, &body, length)?;
    }
    if let (Some(url), Some(ca)) = (&arguments.url, &arguments.ca) {
        println!("\n{url}:");
        let target = other(url, ca)?;
        measure(arguments, &target, &body)?;
        if let Some(pid) = arguments.pid {
            println!("  memory: {}", webhook::memory(pid)?);
        }
    }
    Ok(())
}

fn measure(arguments: &Arguments, target: &Target, body: &str) -> Outcome {
    let (length, warm_up) = (
        Duration::from_secs(arguments.seconds),
        Duration::from_secs(arguments.warm_up),
    );
    load::flat_out(target, body, arguments.connections, warm_up)?;
    tell(
        "as fast as it goes, keep-alive",
        &load::flat_out(target, body, arguments.connections, length)?,
    );
    tell(
        "as fast as it goes, each on a new connection",
        &load::reconnecting(target, body, arguments.connections, length)?,
    );
    let at_rate = load::at_rate(target, body, arguments.connections, arguments.rate, length)?;
    tell(&format!("{} requests/s, keep-alive", arguments.rate), &at_rate);
    Ok(())
}

fn tell(what: &str, measured: &Measured) {
    println!(
        "  {what}: {:.0} requests/s; p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, longest {:.2} ms",
        measured.rate(),
        measured.percentile(50.0),
        measured.percentile(99.0),
        measured.percentile(99.9),
        measured.percentile(100.0),
    );
}

fn other(url: &http::Uri, authorities: &std::path::Path) -> Outcome<Target> {
    use std::net::ToSocketAddrs as _;
    let wrong = |what: &str| Failure(format!("--url {url}: {what}"));
    if url.scheme_str() != Some("https") {
        return Err(wrong("a webhook is called by https"));
    }
    let host = url.host().ok_or_else(|| wrong("there is no host"))?;
    let port = url.port_u16().unwrap_or(443);
    let address: SocketAddr = (host, port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| wrong("the host has no address"))?;
    let authorities =
        std::fs::read(authorities).map_err(|e| Failure(format!("--ca {}: {e}", authorities.display())))?;
    let path = url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Target::new(address, host, path, &authorities)
}
