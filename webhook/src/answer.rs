//! A verdict in Kubernetes' words.
//!
//! kubectl prints the causes of an `Invalid` one a line, `* field: message`, and leaves out the status' message; other
//! clients show only the message. So both carry everything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sluice_shared::rules::{Violation, Warning};

use crate::review::{Cause, Details, Response, Status};
use crate::verdict::{Failure, Verdict};

/// Longest warning; the API server cuts what is longer (`k8s.io/apiserver`, warnings of admission webhooks).
const LONGEST_WARNING: usize = 256;
/// Longest text of all warnings together. The API server drops what goes beyond 4096 characters, without a word
/// (`k8s.io/apiserver`, endpoints/filters/warning.go); what is left is for warnings of its own and of other webhooks.
const LONGEST_WARNINGS: usize = 3584;
/// Most causes in one answer; nobody reads more, and the answer has to stay small.
const MOST_CAUSES: usize = 100;
/// Longest message, far below what the API server and its clients carry.
const LONGEST_MESSAGE: usize = 16 * 1024;

/// What the answer names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// To be repeated.
    pub uid: String,
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name; empty where the API server makes one.
    pub name: String,
}

/// The answer that says `verdict` about `subject`.
#[must_use]
pub fn answer(subject: &Subject, verdict: &Verdict) -> Response {
    let response = Response {
        uid: subject.uid.clone(),
        ..Response::default()
    };
    match verdict {
        Verdict::Allowed { patch, warnings, .. } => {
            let patch = (!patch.is_empty())
                .then(|| serde_json::to_vec(patch).ok())
                .flatten()
                .map(|json| BASE64.encode(json));
            Response {
                allowed: true,
                patch_type: patch.is_some().then_some("JSONPatch"),
                patch,
                warnings: shown(warnings),
                ..response
            }
        }
        Verdict::Denied {
            violations, warnings, ..
        } => Response {
            status: Some(invalid(subject, violations)),
            warnings: shown(warnings),
            ..response
        },
        Verdict::Failed(failure) => Response {
            status: Some(failed(failure)),
            ..response
        },
    }
}

fn failed(failure: &Failure) -> Status {
    let (code, reason) = failure.status();
    Status {
        code,
        status: "Failure",
        reason,
        message: cut(&format!("Sluice: {failure}"), LONGEST_MESSAGE),
        details: None,
    }
}

fn invalid(subject: &Subject, violations: &[Violation]) -> Status {
    Status {
        code: 422,
        status: "Failure",
        reason: "Invalid",
        message: message(subject, violations),
        details: Some(Details {
            name: subject.name.clone(),
            group: subject.group.clone(),
            kind: subject.kind.clone(),
            causes: violations
                .iter()
                .take(MOST_CAUSES)
                .map(|violation| Cause {
                    reason: violation.cause().as_str().to_owned(),
                    message: violation.text(),
                    field: violation.path.clone(),
                })
                .collect(),
        }),
    }
}

/// All violations as one text.
fn message(subject: &Subject, violations: &[Violation]) -> String {
    let count = match violations.len() {
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    };
    let mut text = format!("{count} in {}", named(subject));
    for (index, violation) in violations.iter().enumerate() {
        let line = format!("\n{}. {violation}", index + 1);
        if text.len() + line.len() > LONGEST_MESSAGE {
            text.push_str("\n…");
            break;
        }
        text.push_str(&line);
    }
    text
}

fn named(subject: &Subject) -> String {
    match (subject.namespace.as_str(), subject.name.as_str()) {
        ("", "") => subject.kind.clone(),
        ("", name) => format!("{} {name}", subject.kind),
        (namespace, "") => format!("{} in {namespace}", subject.kind),
        (namespace, name) => format!("{} {namespace}/{name}", subject.kind),
    }
}

/// As many of the first `warnings` as the API server shows, and how many more there are.
fn shown(warnings: &[Warning]) -> Vec<String> {
    let texts: Vec<String> = warnings.iter().map(|warning| short(warning, LONGEST_WARNING)).collect();
    let fitting = |limit: usize| {
        let mut length = 0;
        let fits = |text: &&String| {
            length += text.len();
            length <= limit
        };
        texts.iter().take_while(fits).count()
    };
    if fitting(LONGEST_WARNINGS) == texts.len() {
        return texts;
    }
    // The last line is itself at most as long as a warning.
    let first = fitting(LONGEST_WARNINGS - LONGEST_WARNING);
    // Never one alone: in place of this line it would fit.
    let last = format!(
        "{} more warnings are left out, as Kubernetes shows no more; sluice lint shows all",
        texts.len() - first
    );
    texts.into_iter().take(first).chain([last]).collect()
}

/// `warning` in at most `limit` bytes; its code stays, for `sluice explain` and to turn it off.
fn short(warning: &Warning, limit: usize) -> String {
    let text = warning.to_string();
    let code = format!(" [{}]", warning.code);
    match text.strip_suffix(&code) {
        Some(before) if text.len() > limit && code.len() < limit / 2 => cut(before, limit - code.len()) + &code,
        _ => cut(&text, limit),
    }
}

/// `text` in at most `limit` bytes.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation(path: &str, message: &str) -> Violation {
        Violation {
            path: path.to_owned(),
            code: "some-code".into(),
            message: message.to_owned(),
            fix: "do better".to_owned(),
            value: None,
        }
    }

    fn denied(violations: Vec<Violation>) -> Status {
        let subject = Subject {
            uid: "u".to_owned(),
            group: "flink.apache.org".to_owned(),
            kind: "FlinkDeployment".to_owned(),
            namespace: "team-a".to_owned(),
            name: "basic".to_owned(),
        };
        let denied = Verdict::Denied {
            violations,
            warnings: Vec::new(),
            audit: Vec::new(),
        };
        answer(&subject, &denied).status.expect("a status")
    }

    #[test]
    fn the_message_reads_well_without_the_causes() {
        let status = denied(vec![
            violation("spec.flinkVersion", "the version is old"),
            violation("spec.job", "the job is odd"),
        ]);
        insta::assert_snapshot!(status.message, @r"
        2 problems in FlinkDeployment team-a/basic
        1. spec.flinkVersion: the version is old. Do better. [some-code]
        2. spec.job: the job is odd. Do better. [some-code]
        ");
        assert!(denied(vec![violation("a", "b")]).message.starts_with("1 problem in "));
    }

    #[test]
    fn very_many_violations_make_no_huge_answer() {
        let many = vec![violation(&"é".repeat(50), &"ü".repeat(300)); 5000];
        let status = denied(many);
        assert!(status.message.starts_with("5000 problems in "));
        assert!(status.message.ends_with('…'));
        assert!(status.message.len() <= LONGEST_MESSAGE + 8);
        assert_eq!(status.details.expect("details").causes.len(), MOST_CAUSES);
    }

    fn warned(warnings: Vec<Warning>) -> Vec<String> {
        let allowed = Verdict::Allowed {
            patch: Vec::new(),
            warnings,
            audit: Vec::new(),
        };
        answer(&Subject::default(), &allowed).warnings
    }

    fn warning(message: String) -> Warning {
        Warning {
            path: "spec".to_owned(),
            code: "some-code".into(),
            message,
            fix: String::new(),
        }
    }

    #[test]
    fn warnings_are_cut_to_what_the_api_server_shows() {
        let shown = warned(vec![warning("ü".repeat(300))]);
        assert!(shown[0].len() <= LONGEST_WARNING);
        assert!(shown[0].ends_with("… [some-code]"), "{}", shown[0]);
    }

    #[test]
    fn what_the_api_server_would_drop_is_counted_in_the_last_warning() {
        let many = |count: usize| -> Vec<Warning> {
            (0..count)
                .map(|n| warning(format!("{n} {}", "x".repeat(300))))
                .collect()
        };
        let all = warned(many(14));
        assert_eq!(all.len(), 14, "these fit");
        let shown = warned(many(40));
        let (last, first) = shown.split_last().expect("warnings");
        assert_eq!(first, &all[..first.len()], "the first ones stay");
        assert_eq!(
            *last,
            format!(
                "{} more warnings are left out, as Kubernetes shows no more; sluice lint shows all",
                40 - first.len()
            )
        );
        assert!(shown.iter().map(String::len).sum::<usize>() <= LONGEST_WARNINGS);
        assert_eq!(first.len(), 13);
        assert_eq!(warned(many(15)).len(), 14, "13 and a line for 2");
    }
}
