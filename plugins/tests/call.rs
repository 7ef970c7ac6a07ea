//! What a plugin sees of the world, and what becomes of its answer.

use std::sync::Arc;

use crate::common::{Asked, compile, copying_to, host, plugin, program, settings, writing};
use rstest::rstest;
use serde_json::{Value, json};
use sluice_plugins::engine::Compiled;
use sluice_plugins::host::{Host, Places};
use sluice_plugins::request::Phase;
use sluice_plugins::settings::Grants;
use sluice_plugins::{CallError, Settings};
use sluice_shared::extension::{self, Extension, Question, Request, User};
use sluice_shared::rules::Kind;

fn run(host: &Host, module: &Compiled, settings: Settings, input: &[u8]) -> sluice_plugins::call::Output {
    host.call(module, &Places::default(), &Arc::new(settings), input.to_vec(), None)
}

fn output(text: &str, settings: Settings) -> Result<Vec<u8>, CallError> {
    let host = host();
    let module = compile(&host, text).expect("compiled");
    run(&host, &module, settings, b"").answer
}

#[test]
fn standard_streams_carry_the_bytes_as_they_are() {
    let host = host();
    let input: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let large = Settings {
        max_output: input.len(),
        ..settings("cat")
    };
    let copied = run(&host, &compile(&host, &copying_to(1)).expect("compiled"), large, &input);
    assert_eq!(copied.answer.expect("an answer"), input);
    let logged = run(
        &host,
        &compile(&host, &copying_to(2)).expect("compiled"),
        settings("cat"),
        &input,
    );
    assert_eq!(logged.answer, Ok(Vec::new()));
    assert_eq!(logged.stderr, input[..logged.stderr.len()], "the beginning of it");
    assert_eq!(logged.stderr.len(), 8 * 1024);
}

/// Writes 8 bytes that `call` puts to address 16.
fn eight_bytes(import: &str, call: &str) -> String {
    program(
        &["fd_write", import],
        &format!(
            "(func (export \"_start\")
               {call}
               (i32.store (i32.const 0) (i32.const 16))
               (i32.store (i32.const 4) (i32.const 8))
               (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))"
        ),
    )
}

fn clock(id: u32) -> String {
    eight_bytes(
        "clock_time_get",
        &format!("(drop (call $clock_time_get (i32.const {id}) (i64.const 0) (i32.const 16)))"),
    )
}

#[rstest]
#[case::calendar(clock(0))]
#[case::monotonic(clock(1))]
fn the_clock_has_to_be_granted(#[case] text: String) {
    assert_eq!(output(&text, settings("a")), Ok(vec![0; 8]));
    let granted = Settings {
        grants: Grants {
            clock: true,
            ..Grants::default()
        },
        ..settings("a")
    };
    assert_ne!(output(&text, granted), Ok(vec![0; 8]));
}

/// Waits for 5 ms, absolutely, and writes the monotonic clock.
#[test]
fn time_passes_for_who_waits() {
    let text = eight_bytes(
        "clock_time_get",
        "(i32.store (i32.const 1016) (i32.const 1))
         (i64.store (i32.const 1024) (i64.const 5000000))
         (i32.store16 (i32.const 1040) (i32.const 1))
         (if (call $poll_oneoff (i32.const 1000) (i32.const 2000) (i32.const 1) (i32.const 3000)) (then unreachable))
         (if (i32.ne (i32.load (i32.const 3000)) (i32.const 1)) (then unreachable))
         (drop (call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 16)))",
    )
    .replace("(memory", "(import \"wasi_snapshot_preview1\" \"poll_oneoff\" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))\n(memory");
    let time = output(&text, settings("a")).expect("an answer");
    assert_eq!(u64::from_le_bytes(time.try_into().expect("8 bytes")), 5_000_000);
}

#[test]
fn random_numbers_are_the_same_again_unless_granted() {
    let text = eight_bytes("random_get", "(drop (call $random_get (i32.const 16) (i32.const 8)))");
    let first = output(&text, settings("a"));
    assert_eq!(first, output(&text, settings("a")));
    assert_ne!(first, output(&text, settings("b")), "of each plugin its own");
    let granted = || Settings {
        grants: Grants {
            random: true,
            ..Grants::default()
        },
        ..settings("a")
    };
    assert_ne!(output(&text, granted()), output(&text, granted()));
}

/// What WASI says of a file that is not open.
const BADF: u8 = 8;

/// Counts what there is: preopened folders, environment variables.
#[test]
fn there_are_no_files_and_no_environment() {
    let prestat = "(import \"wasi_snapshot_preview1\" \"fd_prestat_get\" (func $prestat (param i32 i32) (result i32)))
                   (import \"wasi_snapshot_preview1\" \"environ_sizes_get\" (func $environ (param i32 i32) (result i32)))
                   (memory";
    let text = eight_bytes(
        "clock_time_get",
        "(i32.store (i32.const 16) (call $prestat (i32.const 3) (i32.const 1000)))
         (drop (call $environ (i32.const 20) (i32.const 1004)))",
    )
    .replace("(memory", prestat);
    assert_eq!(output(&text, settings("a")), Ok(vec![BADF, 0, 0, 0, 0, 0, 0, 0]));
    let granted = Settings {
        grants: Grants {
            env: [("A".to_owned(), "b".to_owned())].into(),
            ..Grants::default()
        },
        ..settings("a")
    };
    assert_eq!(output(&text, granted), Ok(vec![BADF, 0, 0, 0, 1, 0, 0, 0]));
}

#[test]
fn the_request_tells_what_is_known() {
    let user = User {
        name: "ann".to_owned(),
        groups: vec!["team-a".to_owned()],
    };
    let (asked, old, labels) = (
        Asked::default(),
        json!({ "spec": 1 }),
        [("a".to_owned(), "b".to_owned())].into(),
    );
    let question = Question {
        old: Some(&old),
        namespace_labels: Some(&labels),
        request: Request {
            operation: Some(extension::Operation::Update),
            user: Some(&user),
            dry_run: true,
            deadline: None,
        },
        ..asked.question()
    };
    let json = |phase, question: &Question<'_>, settings: &Value| -> Value {
        let bytes = sluice_plugins::request::write(phase, question, settings).expect("JSON");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    assert_eq!(
        json(Phase::Mutate, &question, &json!({ "x": 1 })),
        json!({
            "apiVersion": "plugin.sluice.flink.apache.org/v1alpha1",
            "phase": "Mutate",
            "kind": "FlinkDeployment",
            "operation": "UPDATE",
            "dryRun": true,
            "user": { "name": "ann", "groups": ["team-a"] },
            "namespaceLabels": { "a": "b" },
            "object": asked.object,
            "oldObject": { "spec": 1 },
            "config": { "parallelism.default": "2", "s3.secret-key": "******" },
            "settings": { "x": 1 },
        })
    );
    assert_eq!(
        json(Phase::Validate, &asked.question(), &Value::Null),
        json!({
            "apiVersion": "plugin.sluice.flink.apache.org/v1alpha1",
            "phase": "Validate",
            "kind": "FlinkDeployment",
            "dryRun": false,
            "object": asked.object,
            "config": { "parallelism.default": "2", "s3.secret-key": "******" },
            "settings": null,
        })
    );
}

#[test]
fn findings_reach_the_report() {
    let answer = json!({
        "violations": [{ "path": "spec.image", "code": "registry", "message": "not ours", "fix": "use ours" }],
        "warnings": [{ "message": "s3cr3t! is known" }],
        "patch": [{ "op": "add", "path": "/spec/x", "value": 1 }],
    });
    let plugin = plugin(&host(), &writing(&answer.to_string()), settings("company"));
    let report = plugin.validate(&Asked::default().question()).expect("an answer");
    assert_eq!(
        report.violations[0].to_string(),
        "spec.image: not ours. Use ours. [company/registry]"
    );
    assert_eq!(report.warnings[0].message, "****** is known");
    assert_eq!(
        plugin.mutate(&Asked::default().question()),
        Ok(Vec::new()),
        "it may not"
    );
}

#[test]
fn a_patch_that_changes_nothing_is_none() {
    let answer = json!({ "patch": [{ "op": "add", "path": "/spec/image", "value": "ours" }] }).to_string();
    let mutating = Settings {
        mutating: true,
        ..settings("filling")
    };
    let plugin = plugin(&host(), &writing(&answer), mutating);
    let mut asked = Asked::default();
    let patch = plugin.mutate(&asked.question()).expect("an answer");
    assert_eq!(patch.len(), 1);
    sluice_shared::defaults::apply(&patch, &mut asked.object).expect("applies");
    assert_eq!(asked.object["spec"]["image"], "ours");
    assert_eq!(plugin.mutate(&asked.question()), Ok(Vec::new()));
}

#[test]
fn it_is_asked_about_its_kinds_only() {
    let sessions = Settings {
        kinds: [Kind::FlinkSessionJob].into(),
        ..settings("a")
    };
    let plugin = plugin(&host(), &writing("{}"), sessions);
    assert!(!plugin.applies(&Asked::default().question()));
    assert!(plugin.applies(&Question {
        kind: Kind::FlinkSessionJob,
        ..Asked::default().question()
    }));
}
