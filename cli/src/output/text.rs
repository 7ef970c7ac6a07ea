//! One line a finding: `file:line:column: level: object: field: message. Fix. [code]`.

use std::fmt::Write as _;

use super::{Checked, Results};
use crate::check::{Finding, Level};
use crate::lint::node::Position;

pub(super) fn render(results: &Results) -> String {
    let mut text = String::new();
    for (checked, position, finding) in results.findings() {
        text.push_str(&line(checked, position, finding));
        text.push('\n');
    }
    text.push_str(&summary(results));
    text.push('\n');
    text
}

fn line(checked: &Checked, position: Option<Position>, finding: &Finding) -> String {
    let Checked { kind, .. } = checked;
    let (level, key) = (finding.level.as_str(), checked.key());
    let mut line = match (&checked.file, position) {
        (Some(file), Some(position)) => format!("{file}:{position}: {level}: {kind} {key}: "),
        (Some(file), None) => format!("{file}: {level}: {kind} {key}: "),
        (None, _) => format!("{key}: {level}: {kind}: "),
    };
    line.push_str(&what(finding));
    line
}

/// Field, message, fix and code, in one line: what a user wrote may have line ends in it, or a terminal's commands.
pub(super) fn what(finding: &Finding) -> String {
    let text = if finding.violation.path.is_empty() {
        finding.violation.text()
    } else {
        finding.violation.to_string()
    };
    if !text.contains(char::is_control) {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

fn summary(results: &Results) -> String {
    let mut text = format!(
        "{}, {}, {}",
        counted(results.checked.len(), "object"),
        counted(results.count(Level::Error), "error"),
        counted(results.count(Level::Warning), "warning")
    );
    // Writing to a String cannot fail.
    let notes = results.count(Level::Note);
    if notes > 0 {
        let _ = write!(text, ", {}", counted(notes, "note"));
    }
    if results.others > 0 {
        let _ = write!(text, "; {} left out", counted(results.others, "other document"));
    }
    text
}

fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}
