//! Components of WASI preview 2 are plugins like any other, the hostile ones too.

use std::sync::Arc;
use std::time::Duration;

use crate::common::{self, Asked, copying_to, endless, host, program, settings, writing};
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

/// Of `error-code` in `wasi:sockets/network`: their places in [`ERROR_CODES`].
const ACCESS_DENIED: u8 = 1;
const PERMANENT_RESOLVER_FAILURE: u8 = 20;
const ERROR_CODES: &str = r#""unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory" "timeout"
    "concurrency-conflict" "not-in-progress" "would-block" "invalid-state" "new-socket-limit" "address-not-bindable"
    "address-in-use" "remote-unreachable" "connection-refused" "connection-reset" "connection-aborted"
    "datagram-too-large" "name-unresolvable" "temporary-resolver-failure" "permanent-resolver-failure""#;

/// A component that asks for a socket of either kind or an address by `ask`, which leaves the answer at 0. It fails when it is
/// denied with `code`, and crashes when it is not.
fn networking(ask: &str, code: u8) -> String {
    format!(
        r#"(component
             (import "wasi:sockets/network@0.2.0" (instance $network
               (export "network" (type (sub resource)))
               (type $codes (enum {ERROR_CODES}))
               (export "error-code" (type (eq $codes)))
               (type $families (enum "ipv4" "ipv6"))
               (export "ip-address-family" (type (eq $families)))))
             (alias export $network "network" (type $net))
             (alias export $network "error-code" (type $code))
             (alias export $network "ip-address-family" (type $family))
             (import "wasi:sockets/instance-network@0.2.0" (instance $instance
               (alias outer 1 $net (type $outer))
               (export "network" (type $net (eq $outer)))
               (type $own (own $net))
               (export "instance-network" (func (result $own)))))
             (import "wasi:sockets/ip-name-lookup@0.2.0" (instance $lookup
               (alias outer 1 $net (type $outer))
               (export "network" (type $net (eq $outer)))
               (alias outer 1 $code (type $outer-code))
               (export "error-code" (type $code (eq $outer-code)))
               (export "resolve-address-stream" (type $stream (sub resource)))
               (type $own (own $stream))
               (type $borrowed (borrow $net))
               (type $result (result $own (error $code)))
               (export "resolve-addresses" (func (param "network" $borrowed) (param "name" string) (result $result)))))
             {}
             {}
             (core module $memory (memory (export "memory") 1))
             (core instance $memory (instantiate $memory))
             (alias core export $memory "memory" (core memory $memory))
             (core func $network (canon lower (func $instance "instance-network")))
             (core func $resolve (canon lower (func $lookup "resolve-addresses") (memory $memory)))
             (core func $tcp (canon lower (func $tcp "create-tcp-socket") (memory $memory)))
             (core func $udp (canon lower (func $udp "create-udp-socket") (memory $memory)))
             (core instance $wasi
               (export "memory" (memory $memory))
               (export "network" (func $network))
               (export "resolve" (func $resolve))
               (export "tcp" (func $tcp))
               (export "udp" (func $udp)))
             (core module $main
               (import "wasi" "memory" (memory 1))
               (import "wasi" "network" (func $network (result i32)))
               (import "wasi" "resolve" (func $resolve (param i32 i32 i32 i32)))
               (import "wasi" "tcp" (func $tcp (param i32 i32)))
               (import "wasi" "udp" (func $udp (param i32 i32)))
               (data (i32.const 16) "localhost")
               (func (export "run") (result i32)
                 {ask}
                 (if (i32.ne (i32.load8_u (i32.const 0)) (i32.const 1)) (then unreachable))
                 (if (i32.ne (i32.load8_u (i32.const 4)) (i32.const {code})) (then unreachable))
                 (i32.const 1)))
             (core instance $main (instantiate $main (with "wasi" (instance $wasi))))
             (func $run (result (result)) (canon lift (core func $main "run")))
             (instance $command (export "run" (func $run)))
             (export "wasi:cli/run@0.2.0" (instance $command)))"#,
        creating("tcp"),
        creating("udp"),
    )
}

/// The import that makes sockets of this kind.
fn creating(kind: &str) -> String {
    format!(
        r#"(import "wasi:sockets/{kind}@0.2.0" (instance $sockets-{kind} (export "{kind}-socket" (type (sub resource)))))
           (alias export $sockets-{kind} "{kind}-socket" (type $socket-{kind}))
           (import "wasi:sockets/{kind}-create-socket@0.2.0" (instance ${kind}
             (alias outer 1 $socket-{kind} (type $outer-socket))
             (export "{kind}-socket" (type $socket (eq $outer-socket)))
             (alias outer 1 $code (type $outer-code))
             (export "error-code" (type $code (eq $outer-code)))
             (alias outer 1 $family (type $outer-family))
             (export "ip-address-family" (type $family (eq $outer-family)))
             (type $own (own $socket))
             (type $result (result $own (error $code)))
             (export "create-{kind}-socket" (func (param "address-family" $family) (result $result)))))"#
    )
}

#[rstest]
#[case::tcp("(call $tcp (i32.const 0) (i32.const 0))", ACCESS_DENIED)]
#[case::tcp_by_ipv6("(call $tcp (i32.const 1) (i32.const 0))", ACCESS_DENIED)]
#[case::udp("(call $udp (i32.const 0) (i32.const 0))", ACCESS_DENIED)]
#[case::name(
    "(call $resolve (call $network) (i32.const 16) (i32.const 9) (i32.const 0))",
    PERMANENT_RESOLVER_FAILURE
)]
fn there_is_no_network(#[case] ask: &str, #[case] code: u8) {
    let plugin = common::plugin(&host(), &networking(ask, code), settings("curious"));
    let failure = plugin.validate(&Asked::default().question()).expect_err("no answer");
    assert_eq!(failure.to_string(), "it ended with exit code 1");
}
