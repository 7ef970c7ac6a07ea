//! `sluice explain CODE` and `sluice rules`: what the rules demand, and why.

use std::fmt::Write as _;

use sluice_shared::rules::{Severity, all, handbook};

/// Arguments of `sluice explain`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Code of a finding, as it stands in brackets behind a message: version-missing
    #[arg(value_name = "CODE", required = true)]
    codes: Vec<String>,
}

/// Arguments of `sluice rules`.
#[derive(Debug, clap::Args)]
pub struct ListArguments {
    /// Write the handbook of all rules as Markdown (docs/rules.md)
    #[arg(long)]
    markdown: bool,
}

/// The explanations, one below the other.
///
/// # Errors
/// The first code that no rule has, with codes that may have been meant.
pub fn run(arguments: &Arguments) -> Result<String, String> {
    let texts: Result<Vec<String>, String> = arguments.codes.iter().map(|code| explain(code)).collect();
    Ok(texts?.join("\n"))
}

fn explain(code: &str) -> Result<String, String> {
    // As a message shows it, brackets and all.
    let code = code.trim_matches(['[', ']']).to_lowercase();
    handbook::explain(&code).ok_or_else(|| match handbook::suggestions(&code).as_slice() {
        [] => format!("there is no rule \"{code}\"; `sluice rules` lists them all"),
        [one] => format!("there is no rule \"{code}\"; did you mean {one}?"),
        several => format!(
            "there is no rule \"{code}\"; did you mean one of {}?",
            several.join(", ")
        ),
    })
}

/// All rules, one a line, or the whole handbook.
#[must_use]
pub fn list(arguments: &ListArguments) -> String {
    if arguments.markdown {
        return handbook::markdown();
    }
    let width = all().map(|rule| rule.code.len()).max().unwrap_or_default();
    let mut text = String::new();
    for rule in all() {
        let severity = match rule.severity {
            Severity::Refuse(_) => "violation",
            Severity::Warn => "warning",
        };
        let _ = writeln!(text, "{:width$}  {severity:9}  {}", rule.code, rule.what);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(codes: &[&str]) -> Result<String, String> {
        run(&Arguments {
            codes: codes.iter().map(|&code| code.to_owned()).collect(),
        })
    }

    #[test]
    fn a_code_is_explained_as_it_was_copied() {
        let text = explained(&["version-missing"]).unwrap();
        assert!(text.starts_with("version-missing: violation\n\n"), "{text}");
        assert_eq!(explained(&["[Version-Missing]"]).unwrap(), text);
        let two = explained(&["version-missing", "job-missing"]).unwrap();
        assert!(
            two.starts_with(&text) && two.contains("\njob-missing: violation"),
            "{two}"
        );
    }

    #[test]
    fn an_unknown_code_is_an_error_that_helps() {
        let error = explained(&["version-missing", "version-mising"]).unwrap_err();
        assert!(
            error.starts_with("there is no rule \"version-mising\"; did you mean one of version-missing, "),
            "{error}"
        );
        assert_eq!(
            explained(&["qqqqqq"]).unwrap_err(),
            "there is no rule \"qqqqqq\"; `sluice rules` lists them all"
        );
    }

    #[test]
    fn the_list_has_a_line_for_each_rule() {
        let text = list(&ListArguments { markdown: false });
        assert_eq!(text.lines().count(), all().count());
        assert!(all().zip(text.lines()).all(|(rule, line)| line.starts_with(rule.code)));
        assert!(list(&ListArguments { markdown: true }).starts_with("# Rules\n"));
    }
}
