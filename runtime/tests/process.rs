//! A process's end: its exit code, and what a panic leaves in the log. One test, because the log and the panic hook are
//! the whole process's.

use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use sluice_runtime::exit;
use sluice_runtime::process::{Failure, run};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Debug, thiserror::Error)]
#[error("lost")]
struct Lost;

impl Failure for Lost {
    fn exit_code(&self) -> u8 {
        exit::LEASE_LOST
    }
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// `ExitCode` has no equality.
fn same(code: ExitCode, expected: u8) -> bool {
    format!("{code:?}") == format!("{:?}", ExitCode::from(expected))
}

#[test]
fn exit_codes_and_a_panic_that_tells_no_values() {
    let log = Log::default();
    tracing_subscriber::fmt().with_writer(log.clone()).init();

    assert!(same(run("test", |_| async { Ok::<(), Lost>(()) }), 0));
    assert!(same(run("test", |_| async { Err(Lost) }), 3));

    let code = run("test", |shutdown| async move {
        assert!(!shutdown.is_requested());
        let joined = tokio::spawn(async { panic!("the password is hunter2") }).await;
        assert!(joined.is_err(), "a task's panic does not end the process");
        Ok::<(), Lost>(())
    });
    assert!(same(code, 0));
    let text = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("text");
    assert!(text.contains("internal error at runtime/tests/process.rs:"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}
