//! Sluice's webhook as a process of its own, pinned to a core.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Target;
use crate::failure::{Failure, Outcome};

/// Starts of which the median is told.
const STARTS: usize = 5;
/// A start that takes longer has failed.
const LONGEST_START: Duration = Duration::from_secs(20);

/// A running webhook.
pub struct Webhook {
    child: Child,
    started: Instant,
    target: Target,
    /// Holds certificate and key; removed at the end.
    _folder: tempfile::TempDir,
}

impl Webhook {
    /// Starts `binary` on `core`, without a cluster.
    pub fn start(binary: &Path, arguments: &[String], core: usize) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
        let failed = |e: rcgen::Error| Failure(format!("no certificate: {e}"));
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).map_err(failed)?;
        let pem = made.cert.pem();
        std::fs::write(&certificate, &pem)?;
        std::fs::write(&key, made.signing_key.serialize_pem())?;
        let address = free_address()?;
        let target = Target::new(address, "localhost", "/validate?timeout=10s", pem.as_bytes())?;
        let started = Instant::now();
        let child = Command::new("taskset")
            .args(["--cpu-list", &core.to_string()])
            .arg(binary)
            .args(["serve", "--offline", "--listen", &address.to_string()])
            .arg("--tls-cert")
            .arg(&certificate)
            .arg("--tls-key")
            .arg(&key)
            .args(arguments)
            // The log is written, as it is in a cluster, but not to a terminal.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| Failure(format!("cannot start {} by taskset: {e}", binary.display())))?;
        Ok(Self {
            child,
            started,
            target,
            _folder: folder,
        })
    }

    /// The webhook as a target of load.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Waits for the first answer over TLS; how long it took from the start of the process.
    pub fn wait(&mut self, body: &str) -> Outcome<Duration> {
        let request = self.target.request(body);
        loop {
            match self
                .target
                .connect()
                .and_then(|mut connection| connection.ask(&request))
            {
                Ok(()) => return Ok(self.started.elapsed()),
                Err(failure) => {
                    if let Some(status) = self.child.try_wait()? {
                        return Err(Failure(format!(
                            "the webhook ended with {status} before its first answer"
                        )));
                    }
                    if self.started.elapsed() > LONGEST_START {
                        return Err(Failure(format!("no answer from the webhook: {failure}")));
                    }
                    thread::sleep(Duration::from_micros(500));
                }
            }
        }
    }

    /// Its memory.
    pub fn memory(&self) -> Outcome<String> {
        memory(self.child.id())
    }

    /// Ends it.
    pub fn stop(mut self) -> Outcome {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        // After `stop` there is nothing to end, and a failure here has nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Tells how long some starts take until the first answer over TLS.
pub fn measure_start(binary: &Path, arguments: &[String], core: usize, body: &str) -> Outcome {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let mut webhook = Webhook::start(binary, arguments, core)?;
        times.push(webhook.wait(body)?.as_millis());
        webhook.stop()?;
    }
    times.sort_unstable();
    println!(
        "start to the first answer over TLS: median {} ms of {times:?}",
        times[STARTS / 2]
    );
    Ok(())
}

/// Resident memory of a process, now and at its highest.
pub fn memory(pid: u32) -> Outcome<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let mebibytes = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .and_then(|rest| rest.split_whitespace().next())
            .and_then(|number| number.parse::<f64>().ok())
            .map(|kibibytes| kibibytes / 1024.0)
            .ok_or_else(|| Failure(format!("/proc/{pid}/status has no {name}")))
    };
    Ok(format!(
        "resident {:.1} MiB, highest {:.1} MiB",
        mebibytes("VmRSS:")?,
        mebibytes("VmHWM:")?
    ))
}

/// Moves this process, and the threads that it will start, to the other cores.
pub fn leave_core(core: usize) -> Outcome {
    let cores = thread::available_parallelism()?.get();
    let others: Vec<String> = (0..cores)
        .filter(|other| *other != core)
        .map(|other| other.to_string())
        .collect();
    if others.is_empty() {
        println!("there is one core: webhook and load share it");
        return Ok(());
    }
    let status = Command::new("taskset")
        .args(["--all-tasks", "--cpu-list", "--pid", &others.join(",")])
        .arg(std::process::id().to_string())
        .stdout(Stdio::null())
        .status()
        .map_err(|e| {
            Failure(format!(
                "cannot start taskset: {e}; install Debian's package util-linux"
            ))
        })?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new("taskset could not move the load off the webhook's core"))
    }
}

/// An address that was free a moment ago.
pub fn free_address() -> Outcome<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}
