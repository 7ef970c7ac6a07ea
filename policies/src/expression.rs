//! One expression: compiled, checked, and evaluated within a budget.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use cel::{Context, ExecutionError, IdedExpr, ParseErrors, Value};

use crate::engine::ENVIRONMENT;
use crate::scan::{self, Uses};
use crate::values::Inputs;
use crate::{budget, functions};

/// Longest expression, in bytes. Longer ones are several rules.
pub const LONGEST: usize = 4096;
/// Deepest tree of an expression. What people write has some ten levels; `&&` and `||` in a row count as a few.
const DEEPEST: usize = 48;
/// Deepest tree that is evaluated on the stack of whoever asks. The interpreter is recursive, with frames of tens of kB
/// where it is not optimised.
const SHALLOW: usize = 10;
/// Stack for the parser, which sees a text before anything is known of it, and for deep trees. Only what is used of it
/// is memory.
const STACK: usize = 64 * 1024 * 1024;

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where; absent where it is the whole.
    pub position: Option<Position>,
    /// What: a clause without a full stop.
    pub message: String,
}

impl Mistake {
    pub(crate) fn whole(message: impl Into<String>) -> Self {
        Self {
            position: None,
            message: message.into(),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = self.position {
            write!(f, "{position}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// A place in an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Character in the line, from 1.
    pub column: usize,
}

impl Position {
    /// The place `offset` bytes into `text`.
    pub(crate) fn at(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before.get(start..).unwrap_or_default().chars().count() + 1,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A compiled expression.
#[derive(Clone)]
pub struct Expression {
    source: String,
    tree: Arc<IdedExpr>,
    depth: usize,
    uses: Uses,
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl Expression {
    /// Compiles `source`, which may use the variables of policies and the functions that docs/policies.md lists.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of positions; at least one.
    pub fn compile(source: &str) -> Result<Self, Vec<Mistake>> {
        if source.trim().is_empty() {
            return Err(vec![Mistake::whole("the expression is empty")]);
        }
        if source.len() > LONGEST {
            return Err(vec![Mistake::whole(format!(
                "the expression has {} bytes, at most {LONGEST} are allowed; make several rules of it",
                source.len()
            ))]);
        }
        // A text that nests deeply needs more stack than a thread of a server has.
        on_a_large_stack(|| Self::compile_here(source))
            .unwrap_or_else(|| Err(vec![Mistake::whole("the expression cannot be read")]))
    }

    fn compile_here(source: &str) -> Result<Self, Vec<Mistake>> {
        let program = ENVIRONMENT
            .compile(source)
            .map_err(|errors| mistakes(source, &errors))?;
        let mut tree = program.expression().clone();
        let depth = scan::depth(&tree);
        if depth > DEEPEST {
            return Err(vec![Mistake::whole(format!(
                "the expression nests deeper than {DEEPEST} levels; make several rules of it"
            ))]);
        }
        let positions = |id: u64| {
            let (start, _) = program.source_info().offset_for(id)?;
            Some(Position::at(source, usize::try_from(start).ok()?))
        };
        let mistakes = scan::check(&tree, &positions);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let uses = scan::uses(&tree);
        scan::charge(&mut tree);
        Ok(Self {
            source: source.to_owned(),
            tree: Arc::new(tree),
            depth,
            uses,
        })
    }

    /// As written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Which variables it uses, and what of them.
    pub(crate) fn uses(&self) -> &Uses {
        &self.uses
    }

    /// Whether it can only give something else than true or false.
    pub(crate) fn is_no_condition(&self) -> bool {
        scan::is_no_condition(&self.tree)
    }

    /// Evaluates it on `inputs`.
    ///
    /// # Errors
    /// Why there is no value, in words that show no value of the object.
    pub(crate) fn evaluate(&self, inputs: &Inputs<'_>) -> Result<Value, String> {
        let evaluation = || {
            let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
            inputs.bind(&self.uses, &mut context);
            budget::within(|| Value::resolve(&self.tree, &context))
        };
        // The interpreter is not ours; a fault in it must not become the controller's.
        let ended = if self.depth > SHALLOW {
            on_a_large_stack(evaluation)
        } else {
            std::panic::catch_unwind(AssertUnwindSafe(evaluation)).ok()
        };
        let (result, within_budget) = ended.ok_or("the expression cannot be evaluated")?;
        if !within_budget {
            return Err(
                "it costs too much on this object; loop over less, or over one list instead of two in each other"
                    .to_owned(),
            );
        }
        result.map_err(|error| explain(&error))
    }
}

/// Does `work` on a stack that is large enough for anything within the limits; `None` where it panics.
fn on_a_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("cel".to_owned()).stack_size(STACK);
        thread.spawn_scoped(scope, work).ok()?.join().ok()
    })
}

/// The parser's complaints, in its own words where those are for people.
fn mistakes(source: &str, errors: &ParseErrors) -> Vec<Mistake> {
    let mut found: Vec<Mistake> = errors
        .errors
        .iter()
        .map(|error| {
            let position = match (usize::try_from(error.pos.0), usize::try_from(error.pos.1)) {
                (Ok(line @ 1..), Ok(column)) => Some(Position {
                    line,
                    column: column.max(1),
                }),
                _ => None,
            };
            let message = error.msg.trim();
            Mistake {
                position,
                message: if message.is_empty() || message == "UNKNOWN" {
                    "this is no CEL".to_owned()
                } else {
                    message.replace('\n', " ")
                },
            }
        })
        .collect();
    found.sort_by_key(|mistake| mistake.position);
    found.dedup();
    if found.is_empty() {
        found.push(Mistake::whole(format!("\"{source}\" is no CEL")));
    }
    found
}

/// Why an evaluation failed. The crate's own texts show values; these show names and types.
fn explain(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => {
            format!("there is no `{key}`; ask has(...) first, or use .?{key} and orValue(...)")
        }
        ExecutionError::NoSuchOverload(overload) => {
            let function = readable(overload.function());
            let types = overload.argument_types().join(" and ");
            format!("{function} does not work on {types}")
        }
        ExecutionError::UnexpectedType { got, want } => format!("there is a {got} where a {want} is needed"),
        ExecutionError::UndeclaredReference(name) => format!("there is no `{name}`"),
        ExecutionError::InvalidArgumentCount { expected, actual } => {
            format!("a function takes {expected} arguments and is given {actual}")
        }
        ExecutionError::ValuesNotComparable(..) => "two values of different types are compared".to_owned(),
        ExecutionError::UnsupportedBinaryOperator(operator, ..) => {
            format!("the operator \"{operator}\" does not work on values of these types")
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "it divides by zero".to_owned(),
        ExecutionError::Overflow(..) => "a number becomes too large".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "a list has fewer elements than that".to_owned(),
        ExecutionError::DuplicateKey(_) => "a map has a key twice".to_owned(),
        ExecutionError::FunctionError { function, .. } => {
            format!("{} cannot work with what it is given", readable(function))
        }
        _ => "the types of its values do not fit".to_owned(),
    }
}

/// `_>_` as the user wrote it.
fn readable(function: &str) -> String {
    if function == budget::MATCHES {
        return "matches()".to_owned();
    }
    let operator = function.trim_matches(['_', '@']);
    if function.contains('_') && !operator.chars().any(char::is_alphanumeric) || function == "@in" {
        return format!("\"{operator}\"");
    }
    let known = functions::GLOBAL
        .iter()
        .chain(&functions::MEMBER)
        .any(|name| *name == function);
    if known {
        format!("{function}()")
    } else {
        "a function".to_owned()
    }
}
