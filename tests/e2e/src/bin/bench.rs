//! `make bench-…`: what is measured, never asserted. Absolute numbers depend on the machine; docs/benchmarks.md says which.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use sluice_certs::authority;
use sluice_e2e::cluster::{TestNamespace, client};
use sluice_e2e::fixtures::tiny;
use sluice_e2e::{Failure, Outcome, latency, sluice};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const USAGE: &str = "usage: bench memory | start BINARIES-FOLDER | latency";
/// Runs of each measurement; the median is what is told.
const RUNS: usize = 5;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["memory"] => memory(),
        ["start", folder] => start(Path::new(folder)).await,
        ["latency"] => reactions().await,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

/// Resident memory of every Sluice process on this machine, from /proc.
fn memory() -> Outcome {
    let mut found = 0;
    for entry in std::fs::read_dir("/proc")? {
        let folder = entry?.path();
        // A process may end while we look at it.
        let Ok(command) = std::fs::read(folder.join("cmdline")) else {
            continue;
        };
        let program = String::from_utf8_lossy(command.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned();
        if program != "/sluice-webhook" && program != "/sluice-controller" {
            continue;
        }
        let Ok(status) = std::fs::read_to_string(folder.join("status")) else {
            continue;
        };
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace()
                .nth(1)
                .and_then(|number| number.parse::<u64>().ok())
                .unwrap_or(0)
                * 1024
        };
        println!(
            "{program}: resident {:.1} MiB ({:.1} of its own, {:.1} pages of files, which all pods of a node share), highest {:.1} MiB",
            mebibytes(field("VmRSS:")),
            mebibytes(field("RssAnon:")),
            mebibytes(field("RssFile:")),
            mebibytes(field("VmHWM:"))
        );
        found += 1;
    }
    if found == 0 {
        Err(Failure::new(
            "no Sluice process runs on this machine; `make demo` starts some",
        ))
    } else {
        Ok(())
    }
}

/// From starting a process to its `/readyz` saying yes.
async fn start(folder: &Path) -> Outcome {
    // The controller is ready when it has listed what it watches, for which the CRDs have to be there.
    sluice::ensure_installed().await?;
    let namespace = TestNamespace::create(&client().await?, "bench-start").await?;
    let temporary = std::env::temp_dir().join(format!("sluice-bench-{}", std::process::id()));
    std::fs::create_dir_all(&temporary)?;
    let files = certificate(&temporary)?;
    let webhook = folder.join("sluice-webhook");
    let controller = folder.join("sluice-controller");
    let admin = "127.0.0.1:18080";
    measure("webhook, offline", || {
        let mut command = Command::new(&webhook);
        command.args([
            "serve",
            "--offline",
            "--listen",
            "127.0.0.1:19443",
            "--admin-listen",
            admin,
        ]);
        command
            .arg("--tls-cert")
            .arg(&files.serving)
            .arg("--tls-key")
            .arg(&files.key)
            .arg("--tls-ca")
            .arg(&files.authority);
        command
    })
    .await?;
    measure("controller, one empty namespace watched", || {
        let mut command = Command::new(&controller);
        command.args([
            "run",
            "--admin-listen",
            admin,
            "--namespace",
            "bench-start",
            "--watch-namespaces",
            "bench-start",
        ]);
        command
    })
    .await?;
    std::fs::remove_dir_all(&temporary)?;
    namespace.remove().await
}

/// Files with a CA, and a certificate for localhost with its key, made as the webhook makes its own.
fn certificate(folder: &Path) -> Outcome<Certificate> {
    let now = time::OffsetDateTime::now_utc();
    let failed = |error: sluice_certs::CertError| Failure(error.to_string());
    let ca = authority::create(now).map_err(failed)?;
    let names = ["localhost".to_owned()];
    let serving = authority::sign(&ca, now + authority::CA_LIFETIME, &names, now).map_err(failed)?;
    let write = |name: &str, text: &str| -> Outcome<PathBuf> {
        let path = folder.join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    };
    Ok(Certificate {
        authority: write("ca.crt", &ca.certificate)?,
        serving: write("tls.crt", &serving.certificate)?,
        key: write("tls.key", &serving.key)?,
    })
}

struct Certificate {
    authority: PathBuf,
    serving: PathBuf,
    key: PathBuf,
}

async fn measure(what: &str, command: impl Fn() -> Command) -> Outcome {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        let mut child: Child = command()
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| Failure(format!("cannot start it: {e}")))?;
        while !ready().await {
            if let Some(status) = child.try_wait()? {
                return Err(Failure(format!("{what} ended with {status} before it was ready")));
            }
            if start.elapsed() > Duration::from_secs(20) {
                return Err(Failure(format!("{what} was not ready within 20 s")));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        times.push(start.elapsed());
        child.kill().await?;
    }
    times.sort();
    let milliseconds: Vec<u128> = times.iter().map(Duration::as_millis).collect();
    println!(
        "start to ready, {what}: median {} ms of {milliseconds:?}",
        milliseconds[RUNS / 2]
    );
    Ok(())
}

async fn ready() -> bool {
    let Ok(mut stream) = TcpStream::connect("127.0.0.1:18080").await else {
        return false;
    };
    let request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request).await.is_ok()
        && stream.read_to_string(&mut answer).await.is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

/// Reactions to three small deployments, one after the other.
async fn reactions() -> Outcome {
    sluice::ensure_installed().await?;
    let client = client().await?;
    let namespace = TestNamespace::create(&client, "bench-latency").await?;
    for run in 1..=3 {
        let name = format!("run-{run}");
        let yaml = tiny(&name).to_string();
        let measured = latency::deploy(&client, &namespace.name, &name, &yaml, Duration::from_mins(3)).await?;
        println!(
            "run {run}: apply to Deployment {:.0} ms, Flink's RUNNING to STABLE {:.0} ms, apply to STABLE {:.1} s",
            measured.to_deployment.as_secs_f64() * 1000.0,
            measured.running_to_stable.as_secs_f64() * 1000.0,
            measured.total.as_secs_f64(),
        );
        sluice_e2e::objects::delete_and_wait(&sluice::deployments(&client, &namespace.name), &name).await?;
    }
    namespace.remove().await
}
