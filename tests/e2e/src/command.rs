//! Running programs as a user would type them.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::{Failure, Outcome};

/// What a program left behind.
#[derive(Clone, Debug)]
pub struct Output {
    /// Whether it ended with exit code 0.
    pub success: bool,
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Output {
    /// The output of a program that ended well.
    ///
    /// # Errors
    /// When it did not, with what it said on standard error.
    pub fn succeeded(self, what: &str) -> Outcome<String> {
        if self.success {
            Ok(self.stdout)
        } else {
            Err(Failure(format!("{what} failed: {}{}", self.stderr, self.stdout)))
        }
    }
}

/// Runs `program` with `input` on its standard input.
///
/// # Errors
/// When it cannot be started; not when it ends with another exit code than 0.
pub async fn run(program: &str, arguments: &[&str], input: Option<&str>) -> Outcome<Output> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| Failure(format!("cannot start {program}: {e}; `make up` makes it")))?;
    if let (Some(input), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    Ok(Output {
        success: output.status.success(),
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// `kubectl` with these arguments.
///
/// # Errors
/// When it cannot be started.
pub async fn kubectl(arguments: &[&str]) -> Outcome<Output> {
    run("kubectl", arguments, None).await
}

/// `kubectl apply -f -` in `namespace`, with `yaml` as input.
///
/// # Errors
/// When it cannot be started.
pub async fn apply(namespace: &str, yaml: &str) -> Outcome<Output> {
    run("kubectl", &["--namespace", namespace, "apply", "-f", "-"], Some(yaml)).await
}

/// `kubectl create --dry-run=server` in `namespace`, with `objects` (YAML or JSON) as input; its standard output is what
/// would be stored, as JSON.
///
/// # Errors
/// When it cannot be started.
pub async fn dry_run(namespace: &str, objects: &str) -> Outcome<Output> {
    let arguments = [
        "--namespace",
        namespace,
        "create",
        "--dry-run=server",
        "-o",
        "json",
        "-f",
        "-",
    ];
    run("kubectl", &arguments, Some(objects)).await
}

/// `helm` with these arguments.
///
/// # Errors
/// When it cannot be started.
pub async fn helm(arguments: &[&str]) -> Outcome<Output> {
    run("helm", arguments, None).await
}
