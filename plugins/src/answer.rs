//! What a plugin writes on standard output.

use serde::Deserialize;
use sluice_shared::config::is_sensitive_key;
use sluice_shared::defaults::Operation;
use sluice_shared::extension::Question;
use sluice_shared::rules::{Report, Violation, Warning};
use sluice_shared::secrets::{self, Hidden};

/// Most violations, and most warnings, of one answer; nobody reads more.
const MOST: usize = 100;
/// Longest text of a finding, in characters.
const LONGEST: usize = 1024;

/// An answer. All of it may be left out: `{}` is "nothing to say".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answer {
    /// Why the object is refused.
    pub violations: Vec<Finding>,
    /// What the user is to be told.
    pub warnings: Vec<Finding>,
    /// What is to be filled in, where the plugin may change objects.
    pub patch: Vec<Operation>,
}

/// One thing that a plugin found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Field, as `spec.jobManager.resource.memory`; empty for the whole object.
    #[serde(default)]
    pub path: String,
    /// What the plugin calls it, in kebab case.
    pub code: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub fix: Option<String>,
}

impl Answer {
    /// Reads what a plugin wrote.
    ///
    /// # Errors
    /// What is wrong with it; no text of the answer is repeated.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err("it wrote nothing; it has to write {} where it has nothing to say".to_owned());
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no text in UTF-8".to_owned())?;
        let deserializer = &mut serde_json::Deserializer::from_str(text);
        let answer: Self = serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let path = error.path().to_string();
            describe(&path, error.inner())
        })?;
        if serde_json::Deserializer::from_str(text)
            .into_iter::<serde::de::IgnoredAny>()
            .count()
            > 1
        {
            return Err("there is more than one JSON value".to_owned());
        }
        if let Some(finding) = answer
            .violations
            .iter()
            .chain(&answer.warnings)
            .find(|f| f.message.trim().is_empty())
        {
            return Err(format!("the finding at \"{}\" has no message", clean(&finding.path)));
        }
        if let Some(code) = answer.codes().find(|code| !is_code(code)) {
            return Err(format!(
                "the code \"{}\" is not of small letters, digits and hyphens",
                clean(code)
            ));
        }
        Ok(answer)
    }

    fn codes(&self) -> impl Iterator<Item = &str> {
        self.violations
            .iter()
            .chain(&self.warnings)
            .filter_map(|finding| finding.code.as_deref())
    }

    /// The findings as those of the plugin `name`. Secrets that `question` told it of are hidden in them.
    #[must_use]
    pub fn report(self, name: &str, question: &Question<'_>) -> Report {
        // Looked for only where there is a text that may hold one.
        let is_silent = self.violations.is_empty() && self.warnings.is_empty();
        let secrets = if is_silent { Hidden::new([]) } else { secrets(question) };
        // Hidden first: of a secret that is cut off, nobody would know the rest again.
        let shown = |text: &str| clean(&secrets.hide(text));
        let code = |finding: &Finding| match &finding.code {
            Some(code) => format!("{name}/{code}"),
            None => name.to_owned(),
        };
        let fix = |finding: &Finding| match finding.fix.as_deref().map(str::trim) {
            Some(fix) if !fix.is_empty() => shown(fix.trim_end_matches('.')),
            _ => format!("`{name}` is a rule of this cluster's administrator, who can say more"),
        };
        Report {
            violations: self
                .violations
                .iter()
                .take(MOST)
                .map(|finding| Violation {
                    path: shown(&finding.path),
                    code: code(finding).into(),
                    message: shown(finding.message.trim().trim_end_matches('.')),
                    fix: fix(finding),
                    value: None,
                })
                .collect(),
            warnings: self
                .warnings
                .iter()
                .take(MOST)
                .map(|finding| Warning {
                    path: shown(&finding.path),
                    code: code(finding).into(),
                    message: shown(finding.message.trim().trim_end_matches('.')),
                    fix: fix(finding),
                })
                .collect(),
            audit: Vec::new(),
        }
    }
}

/// What serde says of the form, where it repeats nothing of the answer but the names of fields.
fn describe(path: &str, error: &serde_json::Error) -> String {
    let place = format!("line {} column {}", error.line(), error.column());
    if error.is_data() {
        let text = error.to_string();
        let text = text.split(" at line ").next().unwrap_or_default();
        // "invalid type: string \"…\", expected …": the part in the middle is the answer's.
        let text = match text.split_once("expected ") {
            Some((before, expected)) if before.starts_with("invalid ") => format!("expected {expected}"),
            _ => text.to_owned(),
        };
        let at = if path == "." {
            String::new()
        } else {
            format!("{path}: ")
        };
        return format!("{at}{text} ({place})");
    }
    format!("it is no JSON ({place})")
}

fn is_code(code: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&code.len()) && code.bytes().all(allowed)
}

/// `text` in one line of bounded length, without control characters.
fn clean(text: &str) -> String {
    let mut characters = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut cleaned: String = characters.by_ref().take(LONGEST).collect();
    if characters.next().is_some() {
        cleaned.push('…');
    }
    cleaned
}

/// Secrets that a plugin was told of. Very short ones stand in words by chance.
pub(crate) fn secrets(question: &Question<'_>) -> Hidden {
    let configured = question
        .config
        .iter()
        .filter(|(key, value)| is_sensitive_key(key) && value.len() >= 4)
        .map(|(_, value)| value.to_owned());
    let objects = [Some(question.object), question.old];
    Hidden::new(configured.chain(objects.into_iter().flatten().flat_map(secrets::secrets)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;
    use sluice_shared::config::FlinkConfig;
    use sluice_shared::extension::Request;
    use sluice_shared::rules::Kind;

    use super::*;

    fn question<'a>(
        object: &'a serde_json::Value,
        old: Option<&'a serde_json::Value>,
        config: &'a FlinkConfig,
    ) -> Question<'a> {
        Question {
            kind: Kind::FlinkDeployment,
            object,
            old,
            config,
            namespace_labels: None,
            request: Request::default(),
        }
    }

    fn parse(value: &serde_json::Value) -> Result<Answer, String> {
        Answer::parse(value.to_string().as_bytes())
    }

    #[test]
    fn findings_become_a_report() {
        let answer = parse(&json!({
            "violations": [
                { "path": "spec.image", "code": "own-registry", "message": "the image is\nfrom elsewhere.", "fix": "use ours." },
                { "message": "no" },
            ],
            "warnings": [{ "path": "spec", "message": "the key is s3cr3t!", "fix": "" }],
        }));
        let config: FlinkConfig = [("s3.secret-key", "s3cr3t!"), ("a", "own")].into_iter().collect();
        let object = json!({});
        let report = answer
            .expect("an answer")
            .report("company", &question(&object, None, &config));
        let texts: Vec<String> = report.violations.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "spec.image: the image is from elsewhere. Use ours. [company/own-registry]",
                "no. `company` is a rule of this cluster's administrator, who can say more. [company]",
            ]
        );
        assert_eq!(report.warnings[0].message, "the key is ******");
    }

    #[test]
    fn secrets_of_the_whole_object_are_hidden() {
        let container = |password: &str, token: &str| {
            json!({ "spec": { "podTemplate": { "spec": { "containers": [{
                "env": [{ "name": "DB_PASSWORD", "value": password }],
                "args": ["--token", token],
            }] } } } })
        };
        let (object, old) = (container("hunter2", "tok-new"), container("hunter1", "tok-old"));
        let answer = parse(&json!({
            "violations": [{ "path": "spec.hunter2", "message": "hunter2 and tok-new", "fix": "not tok-old" }],
            "warnings": [{ "message": "it was hunter1" }],
        }));
        let config = FlinkConfig::default();
        let report = answer
            .expect("an answer")
            .report("n", &question(&object, Some(&old), &config));
        let texts = format!("{report} {}", report.warnings[0]);
        for secret in ["hunter1", "hunter2", "tok-new", "tok-old"] {
            assert!(!texts.contains(secret), "{texts}");
        }
        assert_eq!(report.violations[0].message, "****** and ******");
    }

    #[test]
    fn nothing_to_say_is_an_empty_object() {
        assert_eq!(Answer::parse(b" {}\n"), Ok(Answer::default()));
    }

    #[rstest]
    #[case::nothing(b"" as &[u8], "it wrote nothing")]
    #[case::text(b"hello", "it is no JSON (line 1 column 1)")]
    #[case::binary(b"\xff\xfe", "no text in UTF-8")]
    #[case::two(b"{} {}", "more than one JSON value")]
    #[case::behind(b"{} x", "more than one JSON value")]
    #[case::half(b"{\"violations\": [", "it is no JSON (line 1")]
    #[case::list(b"[[1]]", "expected")]
    #[case::misspelt(br#"{"violation": []}"#, "unknown field `violation`, expected one of")]
    #[case::kind(br#"{"violations": "s3cr3t"}"#, "violations: expected a sequence")]
    #[case::no_message(br#"{"violations": [{"path": "spec"}]}"#, "violations[0]: missing field `message`")]
    #[case::empty_message(
        br#"{"warnings": [{"path": "spec", "message": " "}]}"#,
        "the finding at \"spec\" has no message"
    )]
    #[case::code(
        br#"{"warnings": [{"message": "m", "code": "A b"}]}"#,
        "the code \"A b\" is not of small letters"
    )]
    #[case::operation(br#"{"patch": [{"op": "test", "path": "/spec", "value": 1}]}"#, "patch[0]")]
    fn what_is_no_answer_is_named(#[case] bytes: &[u8], #[case] expected: &str) {
        let error = Answer::parse(bytes).expect_err("no answer");
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains("s3cr3t"), "{error}");
    }

    #[test]
    fn an_answer_has_an_end() {
        let many: Vec<_> = (0..1000).map(|_| json!({ "message": "x".repeat(5000) })).collect();
        let report = parse(&json!({ "violations": many }))
            .expect("an answer")
            .report("n", &question(&json!({}), None, &FlinkConfig::default()));
        assert_eq!(report.violations.len(), MOST);
        assert_eq!(report.violations[0].message.chars().count(), LONGEST + 1);
    }
}
