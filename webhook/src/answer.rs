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

fn shown(warnings: &[Warning]) -> Vec<String> {
    warnings
        .iter()
        .map(|warning| cut(&warning.to_string(), LONGEST_WARNING))
        .collect()
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

    #[test]
    fn warnings_are_cut_to_what_the_api_server_shows() {
        let warning = Warning {
            path: "spec".to_owned(),
            code: "some-code".into(),
            message: "ü".repeat(300),
            fix: String::new(),
        };
        let allowed = Verdict::Allowed {
            patch: Vec::new(),
            warnings: vec![warning],
            audit: Vec::new(),
        };
        let response = answer(&Subject::default(), &allowed);
        assert!(response.warnings[0].len() <= LONGEST_WARNING);
        assert!(response.warnings[0].ends_with('…'));
    }
}
