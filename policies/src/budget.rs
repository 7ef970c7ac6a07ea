//! What bounds the evaluation of an expression.
//!
//! The CEL crate neither counts costs nor can be stopped. So the compiled tree is changed before it is used: around each
//! argument of an operator or function, each element of a list or map, and the range of each macro, stands a call of
//! `CHARGE`, which gives its argument back and charges for its size, all of it. That covers every operation that takes
//! more than constant time: to compare, search, concatenate or copy something costs at most a small multiple of its
//! size, and a macro runs its body once for every element of its range. A result is charged where it is used next, so
//! what grows from step to step is stopped before it is large. Functions whose time or result is a product of sizes
//! (`replace`, `join`, ...) are charged more for what they work on, and what they are given beside it has to be short.
//! Patterns of `matches` are part of the source, compiled once, and limited in size.
//!
//! What is left over when the budget is used up ends at once: every further charge fails, and a result that was reached
//! all the same does not count.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use cel::common::types::{CelBool, CelBytes, CelList, CelMap, CelOptional, CelString};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError};
use regex::Regex;

/// Units that one evaluation may use: one for a value, one for every 16 bytes of a text. On a slow machine all of them
/// are some 10 ms; a usual rule takes less than a hundred.
pub const UNITS: u64 = 200_000;

/// Function that charges for its argument. No source text can name it.
pub(crate) const CHARGE: &str = "@charge";
/// Function that charges several times for its argument, which another is to be laid over or searched for.
pub(crate) const CHARGE_WIDE: &str = "@charge_wide";
/// Function that charges for its argument and refuses a long one.
pub(crate) const CHARGE_SHORT: &str = "@charge_short";
/// Function in the place of `matches`.
pub(crate) const MATCHES: &str = "@matches";

/// Longest text that `replace`, `join` and the like lay over another, in bytes.
const SHORT: u64 = 1024;
/// Units that such a function takes for every byte or element of what it works on.
const WIDE: u64 = 4;
/// Largest compiled pattern, in bytes: some thousand characters of usual ones.
const PATTERN: usize = 512 * 1024;
/// Compiled patterns that are kept.
const PATTERNS: usize = 1024;

/// Bytes of text to a unit.
const BYTES: usize = 16;

thread_local! {
    /// What is left of the evaluation that runs on this thread.
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

/// Runs `evaluation` with a whole budget, and says whether it kept to it.
pub(crate) fn within<T>(evaluation: impl FnOnce() -> T) -> (T, bool) {
    LEFT.set(UNITS);
    let result = evaluation();
    (result, LEFT.get() > 0)
}

/// Takes `units`; fails where they are not there, and from then on always.
fn take(units: u64) -> Result<(), ExecutionError> {
    let left = LEFT.get().saturating_sub(units);
    LEFT.set(left);
    if left == 0 {
        return Err(ExecutionError::function_error(CHARGE, "out of budget"));
    }
    Ok(())
}

/// Charges for all of `value`. Stops to count where the budget is used up.
fn charge(value: &dyn Val) -> Result<(), ExecutionError> {
    take(1)?;
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return take(units(text.inner().len()));
    }
    if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        return list.inner().iter().try_for_each(|element| charge(element.as_ref()));
    }
    if let Some(map) = value.downcast_ref::<CelMap<'_>>() {
        return map.inner().iter().try_for_each(|(key, value)| {
            charge(key.inner())?;
            charge(value.as_ref())
        });
    }
    if let Some(optional) = value.downcast_ref::<CelOptional<'_>>() {
        return optional.inner().map_or(Ok(()), charge);
    }
    if let Some(bytes) = value.downcast_ref::<CelBytes<'_>>() {
        return take(units(bytes.inner().len()));
    }
    Ok(())
}

fn units(bytes: usize) -> u64 {
    u64::try_from(bytes / BYTES).unwrap_or(u64::MAX)
}

/// Size of a text in bytes or of a list in elements.
fn length(value: &dyn Val) -> u64 {
    let length = if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        text.inner().len()
    } else if let Some(list) = value.downcast_ref::<CelList<'_>>() {
        list.inner().len()
    } else {
        1
    };
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The pattern, compiled.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn pattern(text: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(text)
        .size_limit(PATTERN)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the pattern is too large; write a simpler one".to_owned(),
            // Shows the pattern and a mark below the mistake, line by line; the last line says what it is.
            other => {
                let text = other.to_string();
                let last = text.lines().last().unwrap_or_default();
                let reason = last.strip_prefix("error: ").unwrap_or(last);
                format!("the pattern is no regular expression (RE2): {reason}")
            }
        })
}

#[allow(clippy::needless_pass_by_value)] // the form that the crate calls
fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    static COMPILED: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);
    let (Some(text), Some(written)) = (
        arguments.first().and_then(|a| a.downcast_ref::<CelString<'_>>()),
        arguments.get(1).and_then(|a| a.downcast_ref::<CelString<'_>>()),
    ) else {
        return Err(ExecutionError::MissingArgumentOrTarget);
    };
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let regex = if let Some(regex) = compiled.get(written.inner()) {
        regex.clone()
    } else {
        let regex = pattern(written.inner()).map_err(|e| ExecutionError::function_error("matches", e))?;
        if compiled.len() >= PATTERNS {
            compiled.clear();
        }
        compiled.insert(written.inner().to_owned(), regex.clone());
        regex
    };
    drop(compiled);
    Ok(CowVal::owned(CelBool::from(regex.is_match(text.inner()))))
}

fn charge_argument<'b, 'v>(mut arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = arguments.pop().ok_or(ExecutionError::MissingArgumentOrTarget)?;
    charge(value.as_ref())?;
    Ok(value)
}

fn charge_wide<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = charge_argument(arguments)?;
    take(length(value.as_ref()).saturating_mul(WIDE))?;
    Ok(value)
}

fn charge_short<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let value = charge_argument(arguments)?;
    take(if length(value.as_ref()) > SHORT { u64::MAX } else { 0 })?;
    Ok(value)
}

/// Declares the functions that charge.
pub(crate) fn declare(environment: &mut Env) -> Result<(), cel::DeclarationError> {
    use cel::common::types::{DYN_TYPE, STRING_TYPE};
    environment.add_overload(CHARGE, "charge", vec![DYN_TYPE], charge_argument)?;
    environment.add_overload(CHARGE_WIDE, "charge_wide", vec![DYN_TYPE], charge_wide)?;
    environment.add_overload(CHARGE_SHORT, "charge_short", vec![DYN_TYPE], charge_short)?;
    environment.add_overload(MATCHES, "charged_matches", vec![STRING_TYPE, STRING_TYPE], matches)
}
