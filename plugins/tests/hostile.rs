//! Whatever a plugin does, there is a clear answer in time, and others go on.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use crate::common::{Asked, compile, copying_to, endless, host, plugin, program, settings, writing};
use rstest::rstest;
use sluice_plugins::host::{CALLERS, CALLS_OF_ONE, Places};
use sluice_plugins::{CallError, LoadError, Settings};
use sluice_shared::extension::{Extension, Question, Request};

/// Waits for an hour, of the monotonic clock.
fn sleeping() -> String {
    program(
        &["poll_oneoff"],
        "(func (export \"_start\")
           (i32.store (i32.const 16) (i32.const 1))
           (i64.store (i32.const 24) (i64.const 3600000000000))
           (drop (call $poll_oneoff (i32.const 0) (i32.const 128) (i32.const 1) (i32.const 256))))",
    )
}

/// Reads standard input for ever, long after its end.
fn reading() -> String {
    program(
        &["fd_read"],
        "(func (export \"_start\")
           (i32.store (i32.const 0) (i32.const 16))
           (i32.store (i32.const 4) (i32.const 1024))
           (loop $again
             (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
             (br $again)))",
    )
}

/// Writes zeros to a stream for ever.
fn flooding(stream: u32) -> String {
    program(
        &["fd_write"],
        &format!(
            "(func (export \"_start\")
               (i32.store (i32.const 0) (i32.const 16))
               (i32.store (i32.const 4) (i32.const 65536))
               (loop $again
                 (drop (call $fd_write (i32.const {stream}) (i32.const 0) (i32.const 1) (i32.const 8)))
                 (br $again)))"
        ),
    )
}

/// Asks for random bytes for ever, as many at once as fit.
fn gambling() -> String {
    program(
        &["random_get"],
        "(func (export \"_start\") (loop $again (drop (call $random_get (i32.const 0) (i32.const 65536))) (br $again)))",
    )
}

/// Takes memory for ever, whether it gets it or not.
fn greedy() -> String {
    program(
        &[],
        "(func (export \"_start\") (loop $again (drop (memory.grow (i32.const 16))) (br $again)))",
    )
}

fn table_bomb() -> String {
    program(
        &[],
        "(table $t 1 funcref)
         (func (export \"_start\")
           (loop $again (drop (table.grow $t (ref.null func) (i32.const 100000))) (br $again)))",
    )
}

fn recursive() -> String {
    program(&[], "(func $f (export \"_start\") (call $f))")
}

#[rstest]
#[case::endless_loop(endless(), "it gave no answer within 300 ms")]
#[case::waits(sleeping(), "it gave no answer within 300 ms")]
#[case::reads_for_ever(reading(), "it gave no answer within 300 ms")]
#[case::floods_the_log(flooding(2), "it gave no answer within 300 ms")]
#[case::gambles(gambling(), "it gave no answer within 300 ms")]
#[case::memory_bomb(greedy(), "it needs more than its 64 MiB of memory")]
#[case::born_too_large(
    "(module (memory 2000) (func (export \"_start\")))",
    "it needs more than its 64 MiB of memory"
)]
#[case::table_bomb(table_bomb(), "it needs more than its 64 MiB of memory")]
#[case::huge_output(flooding(1), "its answer is longer than 65536 bytes")]
#[case::trap(program(&[], "(func (export \"_start\") unreachable)"), "it crashed: wasm `unreachable` instruction executed")]
#[case::recursion(recursive(), "it crashed: call stack exhausted")]
#[case::beyond_its_memory(
    program(&[], "(func (export \"_start\") (i32.store (i32.const 1000000) (i32.const 1)))"),
    "it crashed: out of bounds memory access"
)]
#[case::beyond_its_memory_by_wasi(
    program(&["poll_oneoff"], "(func (export \"_start\")
        (if (call $poll_oneoff (i32.const -48) (i32.const -32) (i32.const 7) (i32.const -4)) (then unreachable)))"),
    "it crashed: wasm `unreachable` instruction executed"
)]
#[case::exit(program(&["proc_exit"], "(func (export \"_start\") (call $proc_exit (i32.const 3)))"), "it ended with exit code 3")]
#[case::silence(program(&[], "(func (export \"_start\"))"), "it wrote nothing")]
#[case::garbage(writing("hello"), "its answer cannot be read: it is no JSON (line 1 column 1)")]
#[case::its_request(copying_to(1), "unknown field `apiVersion`")]
fn each_ends_in_a_clear_answer(#[case] text: String, #[case] expected: &str) {
    let is_timeout = expected.contains("300 ms");
    let settings = Settings {
        // Only those that are to run into it get a short time: the machine may be busy.
        timeout: Duration::from_millis(if is_timeout { 300 } else { 20_000 }),
        ..settings("hostile")
    };
    let hostile = plugin(&host(), &text, settings);
    let failure = hostile.validate(&Asked::default().question()).expect_err("no answer");
    assert!(failure.to_string().contains(expected), "{failure}");
}

#[test]
fn the_requests_deadline_is_the_plugins_too() {
    let host = host();
    let (endless, asked) = (plugin(&host, &endless(), settings("endless")), Asked::default());
    let ask = |deadline| {
        endless.validate(&Question {
            request: Request {
                deadline: Some(deadline),
                ..Request::default()
            },
            ..asked.question()
        })
    };
    let began = Instant::now();
    let failure = ask(began + Duration::from_millis(200)).expect_err("no answer");
    assert!(failure.to_string().starts_with("it gave no answer within"), "{failure}");
    assert!(
        began.elapsed() < endless_timeout(),
        "it did not wait for the plugin's own time"
    );
    let failure = ask(began).expect_err("no answer");
    assert_eq!(failure.to_string(), CallError::NoTime.to_string());
}

fn endless_timeout() -> Duration {
    settings("endless").timeout
}

/// Three kinds of hostile plugins take all that they can, and a good one still answers before any of them is ended.
#[test]
fn others_go_on_meanwhile() {
    let host = host();
    let asked = Arc::new(Asked::default());
    let (sender, ended) = mpsc::channel();
    let mut threads = Vec::new();
    for (name, text) in [
        ("endless", endless()),
        ("sleeping", sleeping()),
        ("gambling", gambling()),
    ] {
        let hostile = Arc::new(plugin(&host, &text, settings(name)));
        // More than there are places for.
        for _ in 0..CALLS_OF_ONE * 2 {
            let (hostile, asked, sender) = (Arc::clone(&hostile), Arc::clone(&asked), sender.clone());
            threads.push(std::thread::spawn(move || {
                let failed = hostile.validate(&asked.question()).is_err();
                let _ = sender.send(if failed { "hostile failed" } else { "hostile answered" });
            }));
        }
    }
    let good = plugin(&host, &writing("{}"), settings("good"));
    for _ in 0..3 {
        let report = good.validate(&asked.question()).expect("an answer");
        assert!(report.is_valid());
    }
    let _ = sender.send("good answered");
    drop(sender);
    for thread in threads {
        thread.join().expect("no panic");
    }
    let order: Vec<_> = ended.iter().collect();
    assert_eq!(order.len(), 3 * CALLS_OF_ONE * 2 + 1);
    assert_eq!(order[0], "good answered", "{order:?}");
    assert!(
        order[1..].iter().all(|outcome| *outcome == "hostile failed"),
        "{order:?}"
    );
}

#[test]
fn who_finds_no_place_is_told() {
    let host = host();
    let (module, places) = (compile(&host, &endless()).expect("compiled"), Places::default());
    let call = |millis| {
        let settings = Arc::new(Settings {
            timeout: Duration::from_millis(millis),
            ..settings("endless")
        });
        host.call(&module, &places, &settings, Vec::new(), None).answer
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..CALLS_OF_ONE).map(|_| scope.spawn(|| call(10_000))).collect();
        while places.free() > 0 {
            std::thread::yield_now();
        }
        assert_eq!(call(300), Err(CallError::Busy { millis: 300 }));
        for call in running {
            assert_eq!(
                call.join().expect("no panic"),
                Err(CallError::Timeout { millis: 10_000 })
            );
        }
    });
}

#[test]
fn who_comes_when_too_many_wait_is_told_at_once() {
    let host = host();
    let settings = Arc::new(Settings {
        timeout: Duration::from_secs(2),
        ..settings("endless")
    });
    let (module, places) = (compile(&host, &endless()).expect("compiled"), Places::default());
    let labels: Vec<_> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..CALLERS + 5)
            .map(|_| scope.spawn(|| host.call(&module, &places, &settings, Vec::new(), None).answer))
            .collect();
        calls
            .into_iter()
            .map(|call| call.join().expect("no panic").expect_err("endless").label())
            .collect()
    });
    assert_eq!(labels.iter().filter(|label| **label == "full").count(), 5, "{labels:?}");
}

/// From inside of an asynchronous program, where waiting must not hold up its other tasks.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_waiting_caller_holds_up_no_task() {
    let host = host();
    let hostile = Arc::new(plugin(&host, &endless(), settings("endless")));
    let (sender, other) = tokio::sync::oneshot::channel();
    let asking = tokio::spawn(async move {
        tokio::spawn(async move { sender.send(()) });
        let asked = Asked::default();
        let deadline = Some(Instant::now() + Duration::from_secs(2));
        let request = Request {
            deadline,
            ..Request::default()
        };
        hostile.validate(&Question {
            request,
            ..asked.question()
        })
    });
    // The one worker thread is taken by the call; what it has begun beside it still runs.
    other.await.expect("sent");
    assert!(!asking.is_finished());
    assert!(asking.await.expect("no panic").is_err());
}

#[rstest]
#[case::text(b"(module)".to_vec(), "it is no WebAssembly module")]
#[case::nothing(Vec::new(), "it is no WebAssembly module")]
#[case::cut(wat("(module (func (export \"_start\")))")[..12].to_vec(), "it cannot be compiled")]
#[case::library(wat("(module (func (export \"run\")))"), "it has no _start")]
#[case::other_start(wat("(module (func (export \"_start\") (param i32)))"), "it has no _start")]
#[case::start_is_no_function(wat("(module (memory (export \"_start\") 1))"), "it has no _start")]
#[case::imports(
    wat("(module (import \"env\" \"secret\" (func)) (func (export \"_start\")))"),
    "it cannot be linked"
)]
#[case::component(wat("(component)"), "it has no wasi:cli/run")]
#[case::broken_component(b"\0asm\x0d\x00\x01\x00\xff".to_vec(), "it cannot be compiled")]
fn what_cannot_run_is_refused_when_it_is_loaded(#[case] bytes: Vec<u8>, #[case] expected: &str) {
    let error: LoadError = host().engine().compile(&bytes).map(|_| ()).expect_err("refused");
    assert!(error.to_string().starts_with(expected), "{error}");
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("WebAssembly text")
}
