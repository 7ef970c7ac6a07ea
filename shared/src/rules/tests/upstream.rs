//! `docs/upstream-rules.md` against the table of rules.

use std::collections::BTreeSet;

use crate::rules::{Severity, rule};

/// Rules of the Java operator.
const RULES: usize = 70;

/// Number, what it is about, and what we do, of each line of the table.
fn lines() -> Vec<(usize, String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/upstream-rules.md");
    let text = std::fs::read_to_string(path).unwrap();
    let cells = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number = cells.first()?.parse().ok()?;
        assert_eq!(cells.len(), 3, "{line}");
        Some((number, cells[1].to_owned(), cells[2].to_owned()))
    });
    cells.collect()
}

fn codes(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_rule_of_the_java_operator_has_its_line() {
    let numbers: Vec<usize> = lines().into_iter().map(|(number, ..)| number).collect();
    assert_eq!(numbers, (1..=RULES).collect::<Vec<_>>());
}

#[test]
fn every_code_beside_one_exists_and_refuses_too() {
    let mut seen = BTreeSet::new();
    for (number, theirs, ours) in lines() {
        for code in codes(&ours) {
            let found = rule(code).unwrap_or_else(|| panic!("{number}: there is no rule {code}"));
            // What they refuse, we refuse.
            assert!(matches!(found.severity, Severity::Refuse(_)), "{number}: {code}");
            seen.insert(code.to_owned());
        }
        let is_left = ours.starts_with("not taken: ");
        assert_eq!(codes(&ours).next().is_none(), is_left, "{number}: {ours}");
        assert!(!theirs.is_empty(), "{number}");
    }
    assert!(seen.len() > 40, "{}", seen.len());
}
