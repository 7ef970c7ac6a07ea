//! Components of WASI preview 2 are plugins like any other, the hostile ones too.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{Asked, copying_to, endless, host, program, settings, writing};
use rstest::rstest;
use sluice_plugins::host::Places;
use sluice_plugins::{Host, Plugin, Settings};
use sluice_shared::extension::Extension;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};
use wit_component::ComponentEncoder;

/// The command as a component.
fn component(text: &str) -> Vec<u8> {
    ComponentEncoder::default()
        .module(&wat::parse_str(text).expect("WebAssembly text"))
        .and_then(|encoder| {
            encoder.adapter(
                WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
            )
        })
        .and_then(|mut encoder| encoder.encode())
        .expect("a component")
}

fn plugin(host: &Arc<Host>, text: &str, settings: Settings) -> Plugin {
    Plugin::new(settings, host.engine().compile(&component(text)), Arc::clone(host))
}

#[test]
fn a_component_answers() {
    let answer = r#"{"violations": [{"path": "spec", "message": "no", "fix": "do not"}]}"#;
    let plugin = plugin(&host(), &writing(answer), settings("part"));
    let report = plugin.validate(&Asked::default().question()).expect("an answer");
    assert_eq!(report.violations[0].to_string(), "spec: no. Do not. [part]");
}

#[test]
fn standard_streams_carry_the_bytes_as_they_are() {
    let host = host();
    let module = host.engine().compile(&component(&copying_to(1))).expect("compiled");
    let input: Vec<u8> = (0..10_000_u32).flat_map(u32::to_le_bytes).collect();
    let output = host.call(
        &module,
        &Places::default(),
        &Arc::new(settings("cat")),
        input.clone(),
        None,
    );
    assert_eq!(output.answer, Ok(input));
}

#[rstest]
#[case::endless_loop(endless(), "it gave no answer within 300 ms")]
#[case::waits(
    program(
        &["poll_oneoff"],
        "(func (export \"_start\")
           (i32.store (i32.const 16) (i32.const 1))
           (i64.store (i32.const 24) (i64.const 3600000000000))
           (drop (call $poll_oneoff (i32.const 0) (i32.const 128) (i32.const 1) (i32.const 256))))"
    ),
    "it gave no answer within 300 ms"
)]
#[case::memory_bomb(
    program(&[], "(func (export \"_start\") (loop $again (drop (memory.grow (i32.const 16))) (br $again)))"),
    "it needs more than its 64 MiB of memory"
)]
#[case::huge_output(
    program(
        &["fd_write"],
        "(func (export \"_start\")
           (i32.store (i32.const 0) (i32.const 16))
           (i32.store (i32.const 4) (i32.const 65536))
           (loop $again
             (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
             (br $again)))"
    ),
    "its answer is longer than 65536 bytes"
)]
#[case::trap(program(&[], "(func (export \"_start\") unreachable)"), "it crashed: wasm `unreachable` instruction executed")]
#[case::exit(program(&["proc_exit"], "(func (export \"_start\") (call $proc_exit (i32.const 3)))"), "it ended with exit code")]
#[case::silence(program(&[], "(func (export \"_start\"))"), "it wrote nothing")]
fn hostile_ones_end_in_a_clear_answer(#[case] text: String, #[case] expected: &str) {
    let timeout = Duration::from_millis(if expected.contains("300 ms") { 300 } else { 20_000 });
    let hostile = plugin(
        &host(),
        &text,
        Settings {
            timeout,
            ..settings("hostile")
        },
    );
    let failure = hostile.validate(&Asked::default().question()).expect_err("no answer");
    assert!(failure.to_string().contains(expected), "{failure}");
}

/// What WASI says of a file that is not open.
const BADF: u8 = 8;

#[test]
fn there_are_no_folders() {
    let text = program(
        &["fd_write", "fd_prestat_get", "path_open"],
        "(func (export \"_start\")
           (i32.store8 (i32.const 16) (call $fd_prestat_get (i32.const 3) (i32.const 1000)))
           (i32.store8 (i32.const 17) (call $path_open (i32.const 3) (i32.const 0) (i32.const 1000) (i32.const 1)
             (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 1004)))
           (i32.store (i32.const 0) (i32.const 16))
           (i32.store (i32.const 4) (i32.const 2))
           (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))",
    );
    let host = host();
    let module = host.engine().compile(&component(&text)).expect("compiled");
    let output = host.call(&module, &Places::default(), &Arc::new(settings("a")), Vec::new(), None);
    assert_eq!(output.answer, Ok(vec![BADF, BADF]));
}
