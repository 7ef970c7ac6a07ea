//! What people read about rules: `sluice explain`, and `docs/rules.md`.

use std::fmt::Write as _;

use super::codes::{self, Code};
use super::table::{Kind, Rule, Severity, all, rule};
use crate::nearest::nearest;

/// Everything there is to know about `code`; `None` where there is no such code.
#[must_use]
pub fn explain(code: &str) -> Option<String> {
    let Some(rule) = rule(code) else {
        return codes::ALL
            .iter()
            .find(|known| known.code == code)
            .map(explain_code)
            .or_else(|| codes::of_own_rule(code));
    };
    Some(format!(
        "{code}: {}\n\n{}.\n\nWhy:    {}.\nFix:    {}.\nKinds:  {}\nSince:  {}\n{}",
        severity(rule),
        rule.what,
        rule.why,
        capitalized(rule.fix),
        kinds(rule),
        rule.since,
        match rule.severity {
            Severity::Refuse(cause) => format!("Reason: {cause}\n"),
            Severity::Warn => format!(
                "Off:    annotation {}: {code}, or {}: {code} in the operator's configuration\n",
                super::disabled::ANNOTATION,
                crate::config::options::WARNINGS_DISABLED.key
            ),
        }
    ))
}

fn explain_code(known: &Code) -> String {
    format!(
        "{}: {}\n\n{}.\n\nWhy:    {}.\nFix:    {}.\n",
        known.code,
        known.severity,
        known.what,
        known.why,
        capitalized(known.fix)
    )
}

/// Every code there is an explanation of.
fn every_code() -> impl Iterator<Item = &'static str> {
    all()
        .map(|rule| rule.code)
        .chain(codes::ALL.iter().map(|known| known.code))
}

/// Codes that somebody who wrote `code` may have meant: the nearest one, and those that hold the same words.
#[must_use]
pub fn suggestions(code: &str) -> Vec<&'static str> {
    let code = code.to_lowercase();
    let nearest = nearest(&code, every_code());
    let words: Vec<&str> = code.split(['-', '_', ' ']).filter(|word| word.len() > 2).collect();
    let mut others: Vec<(usize, &'static str)> = every_code()
        .filter(|code| Some(*code) != nearest)
        .map(|code| {
            let same = code.split('-').filter(|part| words.contains(part)).count();
            (same, code)
        })
        .filter(|(same, _)| *same > 0)
        .collect();
    others.sort_by_key(|(same, _)| std::cmp::Reverse(*same));
    nearest
        .into_iter()
        .chain(others.into_iter().map(|(_, code)| code))
        .take(5)
        .collect()
}

/// The code of a warning that is most like `code`.
pub(super) fn nearest_warning(code: &str) -> Option<&'static str> {
    nearest(
        code,
        all()
            .filter(|rule| rule.severity == Severity::Warn)
            .map(|rule| rule.code),
    )
}

/// The text of `docs/rules.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(
        "# Rules\n\n\
         Written by `make rules-doc` from the table in `shared/src/rules`; `sluice explain CODE` shows one of them.\n\n\
         A violation refuses the spec. A warning lets it in and says what will hurt; it is turned off by its code, with\n",
    );
    let _ = writeln!(
        text,
        "the annotation `{}` on the object or the key `{}` in the operator's\nconfiguration, each a list of codes \
         separated by commas. The reason of a violation is that of its `StatusCause`.\n",
        super::disabled::ANNOTATION,
        crate::config::options::WARNINGS_DISABLED.key
    );
    let (refusing, warning): (Vec<&Rule>, Vec<&Rule>) =
        all().partition(|rule| matches!(rule.severity, Severity::Refuse(_)));
    for (title, rules) in [("Violations", refusing), ("Warnings", warning)] {
        let _ = writeln!(text, "## {title}\n");
        for rule in rules {
            let _ = writeln!(text, "### {}\n", rule.code);
            let _ = writeln!(text, "{}.\n{}.\n", markdown_text(rule.what), markdown_text(rule.why));
            let _ = writeln!(text, "- Fix: {}.", markdown_text(rule.fix));
            if let Severity::Refuse(cause) = rule.severity {
                let _ = writeln!(text, "- Reason: {cause}");
            }
            let _ = writeln!(text, "- Kinds: {}", kinds(rule));
            let _ = writeln!(text, "- Since: {}\n", rule.since);
        }
    }
    text.push_str("## Other codes\n\nCodes of policies, plugins and their own failures; a rule of a policy has\n`policy/<policy>/<rule>` or `namespace-policy/<policy>/<rule>`.\n\n");
    for known in codes::ALL {
        let _ = writeln!(text, "### {}\n", known.code);
        let _ = writeln!(text, "{}.\n{}.\n", markdown_text(known.what), markdown_text(known.why));
        let _ = writeln!(text, "- Fix: {}.\n", markdown_text(known.fix));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// `text` with what Markdown would take for its own escaped.
fn markdown_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '<' | '>' | '*' | '_' | '[' | ']' | '|' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn severity(rule: &Rule) -> &'static str {
    match rule.severity {
        Severity::Refuse(_) => "violation",
        Severity::Warn => "warning",
    }
}

fn kinds(rule: &Rule) -> String {
    let names: Vec<&str> = rule.kinds.iter().copied().map(Kind::as_str).collect();
    names.join(", ")
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|c| c.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_document_is_that_of_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rules.md");
        let written = std::fs::read_to_string(path).unwrap();
        assert!(
            written == markdown(),
            "docs/rules.md is not what the table of rules says: run `make rules-doc`"
        );
    }

    #[test]
    fn every_rule_is_explained() {
        for rule in all() {
            let text = explain(rule.code).unwrap();
            for part in [rule.code, rule.what, rule.why, rule.since] {
                assert!(text.contains(part), "{text}");
            }
            assert_eq!(text.contains("Off:"), rule.severity == Severity::Warn);
        }
        assert_eq!(explain("no-such-rule"), None);
    }

    #[test]
    fn every_other_code_is_explained_and_is_that_of_no_rule() {
        for known in codes::ALL {
            assert!(rule(known.code).is_none(), "{}", known.code);
            let text = explain(known.code).unwrap();
            for part in [known.code, known.severity, known.what, known.why] {
                assert!(text.contains(part), "{text}");
            }
            assert!(markdown().contains(&format!("### {}\n", known.code)));
        }
        assert!(suggestions("policy-invalidd").contains(&codes::POLICY_INVALID));
    }

    #[rstest]
    #[case("policy/house/image", "kubectl get clusterflinkpolicy house -o yaml")]
    #[case("namespace-policy/house/image", "kubectl get flinkpolicy house -o yaml")]
    #[case("company/own-registry", "the plugin company")]
    fn rules_of_others_are_said_to_be_so(#[case] code: &str, #[case] expected: &str) {
        let text = explain(code).unwrap();
        assert!(text.contains(expected), "{text}");
    }

    /// Every code that stands in the sources as a finding's has an explanation.
    #[test]
    fn no_source_gives_a_code_that_is_not_explained() {
        let mut tried = 0;
        for folder in ["shared", "policies", "plugins", "webhook", "controller", "cli"] {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
            let mut folders = vec![root.join("src")];
            while let Some(folder) = folders.pop() {
                for entry in std::fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_dir() {
                        folders.push(path);
                        continue;
                    }
                    let text = std::fs::read_to_string(&path).unwrap_or_default();
                    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
                    let is_test =
                        path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
                    for line in code.lines().filter(|_| !is_test) {
                        let line = line.trim_start();
                        let written = ["code: \"", "let code = \""]
                            .iter()
                            .find_map(|start| line.strip_prefix(start));
                        if let Some((code, _)) = written.and_then(|written| written.split_once('"')) {
                            tried += 1;
                            assert!(explain(code).is_some(), "{}: {code}", path.display());
                        }
                    }
                }
            }
        }
        assert!(tried > 90, "{tried}");
    }

    #[test]
    fn an_explanation_reads_well() {
        insta::assert_snapshot!(explain("version-missing").unwrap());
        insta::assert_snapshot!(explain("version-deprecated").unwrap());
    }

    #[rstest]
    #[case("version-mising", "version-missing")]
    #[case("VERSION_MISSING", "version-missing")]
    #[case("savepoint", "savepoint-dir-missing")]
    #[case("replicas-wrong", "replicas-invalid")]
    fn who_mistypes_a_code_is_helped(#[case] code: &str, #[case] meant: &str) {
        let found = suggestions(code);
        assert!(found.contains(&meant), "{found:?}");
        assert!(found.len() <= 5);
    }

    #[test]
    fn nonsense_has_no_suggestion() {
        assert_eq!(suggestions("qqqqqqqq"), Vec::<&str>::new());
        assert_eq!(suggestions(""), Vec::<&str>::new());
    }
}
