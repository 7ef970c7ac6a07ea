//! What a policy and a plugin add to a request, by the webhook's own clock: the metric of each call.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};
use crate::load;
use crate::webhook::{Webhook, free_address};

/// Requests a second: so few that no call waits for another.
const RATE: u32 = 50;
/// Compiling a plugin takes seconds.
const LONGEST_LOADING: Duration = Duration::from_mins(1);
/// Time for a call: long, so that a slow one is measured and not ended.
const TIMEOUT: &str = "5 s";
/// What lets the example plugins take the object that is sent; each reads its own.
const SETTINGS: &str = "{ registries: [registry.example.com/], mostParallelism: 100 }";

/// Asks a webhook that has the policies in the file `policies`, and the plugins in the folder `plugins`.
pub fn measure(binary: &Path, core: usize, policies: &Path, plugins: &Path, body: &str, length: Duration) -> Outcome {
    let folder = tempfile::tempdir()?;
    let list = folder.path().join("plugins.yaml");
    std::fs::write(&list, plugin_list(plugins)?)?;
    let admin = free_address()?;
    let arguments = [
        "--objects".to_owned(),
        policies.display().to_string(),
        "--plugins".to_owned(),
        list.display().to_string(),
        "--admin-listen".to_owned(),
        admin.to_string(),
    ];
    let mut webhook = Webhook::start(binary, &arguments, core)?;
    let started = Instant::now();
    webhook.wait(body)?;
    while !get(admin, "/readyz")?.0 {
        if started.elapsed() > LONGEST_LOADING {
            return Err(Failure::new("the plugins are not loaded in time"));
        }
        thread::sleep(Duration::from_millis(50));
    }
    let before = calls(&get(admin, "/metrics")?.1);
    load::at_rate(webhook.target(), body, 1, RATE, length)?;
    let after = calls(&get(admin, "/metrics")?.1);
    println!("\nEach call of a policy or plugin, at {RATE} requests/s:");
    for call in after {
        let earlier = before.iter().find(|earlier| earlier.labels == call.labels);
        let (seconds, count) = earlier.map_or((0.0, 0.0), |earlier| (earlier.seconds, earlier.count));
        let (seconds, count) = (call.seconds - seconds, call.count - count);
        if count > 0.0 {
            println!("  {}: mean {:.0} us of {count}", call.labels, seconds / count * 1e6);
        }
    }
    println!("  memory: {}", webhook.memory()?);
    webhook.stop()
}

fn plugin_list(folder: &Path) -> Outcome<String> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .map_err(|e| Failure(format!("--plugins {}: {e}", folder.display())))?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .collect();
    files.sort();
    let mut list = "plugins:\n".to_owned();
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let _ = writeln!(
            list,
            "- {{ name: {name}, source: {{ path: '{}' }}, timeout: {TIMEOUT}, settings: {SETTINGS} }}",
            file.display()
        );
    }
    Ok(list)
}

/// Calls of one method of one policy or plugin.
struct Calls {
    labels: String,
    seconds: f64,
    count: f64,
}

/// The calls that a scrape tells of.
fn calls(metrics: &str) -> Vec<Calls> {
    let value = |name: &str, labels: &str| {
        let line = format!("sluice_extension_duration_seconds_{name}{{{labels}}} ");
        let number = metrics.lines().find_map(|text| text.strip_prefix(&line));
        number.and_then(|number| number.trim().parse().ok()).unwrap_or(0.0)
    };
    metrics
        .lines()
        .filter_map(|line| line.strip_prefix("sluice_extension_duration_seconds_count{"))
        .filter_map(|rest| rest.split_once('}'))
        .map(|(labels, _)| Calls {
            labels: labels.to_owned(),
            seconds: value("sum", labels),
            count: value("count", labels),
        })
        .collect()
}

/// Whether the answer is 200, and all of it.
fn get(address: SocketAddr, path: &str) -> Outcome<(bool, String)> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok((answer.starts_with("HTTP/1.1 200"), answer))
}
