//! One line for each decision: who, what, which verdict and by which rules. A request that failed before it was judged has a
//! line too, of what is known.
//!
//! The lines go to the log under the target [`TARGET`], so that a filter or a log collector tells them apart
//! (`--log-level info,audit=off` leaves them out). They name codes and fields, never a value of the object: messages of
//! rules may quote what the user wrote.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use sluice_shared::rules::Warning;

use crate::dispatch::Endpoint;
use crate::review::Request;
use crate::verdict::{Failure, Verdict};

/// Target of the lines.
pub const TARGET: &str = "audit";

/// A macro because a level is part of a line's static data.
macro_rules! line {
    ($level:expr, $endpoint:ident, $request:ident, $verdict:ident, $took:ident) => {{
        if tracing::enabled!(target: TARGET, $level) {
            let line = Line::new($verdict);
            tracing::event!(
                target: TARGET,
                $level,
                verdict = line.verdict,
                endpoint = $endpoint.as_str(),
                operation = $request.operation.as_str(),
                kind = $request.kind.kind.as_ref(),
                namespace = $request.namespace.as_ref(),
                name = $request.name.as_ref(),
                user = $request.user_info.username.as_ref(),
                uid = $request.uid.as_ref(),
                dry_run = $request.dry_run.unwrap_or(false),
                violations = %line.violations,
                warnings = %line.warnings,
                audited = %line.audited,
                patched = line.patched,
                micros = micros($took),
                "admission",
            );
        }
    }};
}

/// Writes the line for `verdict` on `request`, which took `took`.
pub fn record(endpoint: Endpoint, request: &Request<'_>, verdict: &Verdict, took: Duration) {
    // Every request to /mutate has one to /validate after it; where nothing is filled in it decides nothing.
    if is_empty_mutation(endpoint, verdict) {
        line!(tracing::Level::DEBUG, endpoint, request, verdict, took);
    } else {
        line!(tracing::Level::INFO, endpoint, request, verdict, took);
    }
}

/// Writes the line for a request that failed before it was judged. `uid` is empty where it was not found.
pub fn record_unjudged(path: &str, peer: Option<SocketAddr>, uid: &str, failure: &Failure, took: Duration) {
    let (code, reason) = failure.status();
    tracing::info!(
        target: TARGET,
        verdict = "failed",
        path,
        peer = peer.map(tracing::field::display),
        uid,
        code,
        violations = reason,
        micros = micros(took),
        "admission",
    );
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

fn is_empty_mutation(endpoint: Endpoint, verdict: &Verdict) -> bool {
    endpoint == Endpoint::Mutate && *verdict == Verdict::pass()
}

/// What a verdict comes to in the line.
struct Line<'a> {
    verdict: &'static str,
    violations: Found<'a>,
    warnings: Found<'a>,
    audited: Found<'a>,
    patched: usize,
}

impl<'a> Line<'a> {
    fn new(verdict: &'a Verdict) -> Self {
        let of = |found: &'a [Warning]| Found(found.iter().map(|w| (w.code.as_ref(), w.path.as_str())).collect());
        match verdict {
            Verdict::Allowed { patch, warnings, audit } => Self {
                verdict: "allowed",
                violations: Found(Vec::new()),
                warnings: of(warnings),
                audited: of(audit),
                patched: patch.len(),
            },
            Verdict::Denied {
                violations,
                warnings,
                audit,
            } => Self {
                verdict: "denied",
                violations: Found(violations.iter().map(|v| (v.code.as_ref(), v.path.as_str())).collect()),
                warnings: of(warnings),
                audited: of(audit),
                patched: 0,
            },
            Verdict::Failed(failure) => Self {
                verdict: "failed",
                violations: Found(vec![(failure.status().1, "")]),
                warnings: Found(Vec::new()),
                audited: Found(Vec::new()),
                patched: 0,
            },
        }
    }
}

/// Codes and fields as `code@field`, separated by commas; at most [`MOST`] of them.
struct Found<'a>(Vec<(&'a str, &'a str)>);

/// Most findings of one sort in a line.
const MOST: usize = 20;

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (code, path)) in self.0.iter().take(MOST).enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{code}")?;
            if !path.is_empty() {
                write!(f, "@{}", path.escape_debug())?;
            }
        }
        match self.0.len().checked_sub(MOST) {
            Some(more) if more > 0 => write!(f, ",and {more} more"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_findings_are_counted() {
        let found = |count| Found(vec![("a-code", "spec.x"); count]).to_string();
        assert_eq!(found(0), "");
        assert_eq!(found(2), "a-code@spec.x,a-code@spec.x");
        assert_eq!(found(20).matches("a-code").count(), 20);
        assert!(found(23).ends_with(",and 3 more"), "{}", found(23));
    }

    #[test]
    fn a_path_ends_no_line() {
        assert_eq!(Found(vec![("c", "spec[a\nb]")]).to_string(), "c@spec[a\\nb]");
    }
}
