//! JUnit XML: a suite for each file or namespace, a case for each object. A refused object is a failure; a file that cannot
//! be read is an error.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Checked, Problem, Results, text};
use crate::check::{Finding, Level};
use crate::lint::node::Position;

pub(super) fn render(results: &Results, command: &str) -> Result<String, String> {
    let mut report = Report::new(format!("sluice {command}"));
    let mut suites: Vec<(&str, Vec<TestCase>)> = Vec::new();
    let cases = results.checked.iter().map(|checked| (suite(checked), case(checked)));
    let errors = results
        .problems
        .iter()
        .map(|problem| (problem.place.as_str(), error(problem)));
    for (name, case) in cases.chain(errors) {
        match suites.iter_mut().find(|(known, _)| *known == name) {
            Some((_, cases)) => cases.push(case),
            None => suites.push((name, vec![case])),
        }
    }
    for (name, cases) in suites {
        let mut suite = TestSuite::new(name);
        suite.add_test_cases(cases);
        report.add_test_suite(suite);
    }
    report
        .to_string()
        .map_err(|error| format!("the results cannot be written as JUnit XML: {error}"))
}

fn suite(checked: &Checked) -> &str {
    checked.file.as_deref().unwrap_or(&checked.namespace)
}

fn case(checked: &Checked) -> TestCase {
    let of = |wanted: fn(Level) -> bool| {
        let found = checked.findings.iter().filter(|(_, finding)| wanted(finding.level));
        found.map(line).collect::<Vec<_>>()
    };
    let errors = of(|level| level == Level::Error);
    let others = of(|level| level != Level::Error);
    let status = match errors.first() {
        None => TestCaseStatus::success(),
        Some(first) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let codes: Vec<&str> = checked
                .findings
                .iter()
                .filter(|(_, finding)| finding.level == Level::Error)
                .map(|(_, finding)| finding.violation.code.as_ref())
                .collect();
            status
                .set_message(if errors.len() == 1 {
                    first.clone()
                } else {
                    format!("{} errors", errors.len())
                })
                .set_type(codes.join(","))
                .set_description(errors.join("\n"));
            status
        }
    };
    let mut case = TestCase::new(format!("{} {}", checked.kind, checked.key()), status);
    case.set_classname(suite(checked).to_owned());
    if !others.is_empty() {
        case.set_system_out(others.join("\n"));
    }
    case
}

fn line((position, finding): &(Option<Position>, Finding)) -> String {
    let level = match finding.level {
        Level::Error => String::new(),
        level => format!("{}: ", level.as_str()),
    };
    match position {
        Some(position) => format!("{position}: {level}{}", text::what(finding)),
        None => format!("{level}{}", text::what(finding)),
    }
}

fn error(problem: &Problem) -> TestCase {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(problem.to_string());
    let mut case = TestCase::new(problem.place.as_str(), status);
    case.set_classname(problem.place.as_str());
    case
}
