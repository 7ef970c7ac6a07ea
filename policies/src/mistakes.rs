//! What is wrong with a policy, as violations of the resource.

use sluice_shared::rules::{Violation, codes};

use crate::expression::{Expression, Mistake};

/// What is wrong with a policy, gathered.
#[derive(Debug, Default)]
pub(crate) struct Mistakes(pub(crate) Vec<Violation>);

const EXPRESSION_FIX: &str = "correct the expression; docs/policies.md lists variables and functions";

impl Mistakes {
    /// A mistake at `path`.
    pub(crate) fn add(&mut self, path: impl Into<String>, message: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Violation {
            path: path.into(),
            code: codes::POLICY_INVALID.into(),
            message: message.into(),
            fix: fix.into(),
            value: None,
        });
    }

    /// The compiled `source`, which stands at `path`.
    pub(crate) fn compiled(&mut self, path: &str, source: &str) -> Option<Expression> {
        Expression::compile(source)
            .map_err(|mistakes| {
                for mistake in mistakes {
                    self.expression(path, &mistake);
                }
            })
            .ok()
    }

    /// A mistake in the expression at `path`.
    pub(crate) fn expression(&mut self, path: &str, mistake: &Mistake) {
        self.0.push(Violation {
            path: path.to_owned(),
            code: codes::POLICY_EXPRESSION.into(),
            message: mistake.to_string(),
            fix: EXPRESSION_FIX.to_owned(),
            value: None,
        });
    }
}
