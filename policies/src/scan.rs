//! Walks over the tree of an expression: what it uses, what in it cannot work, and where it is charged for.

use std::collections::BTreeMap;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, operators};

use crate::budget::{CHARGE, CHARGE_SHORT, CHARGE_WIDE, MATCHES, pattern};
use crate::expression::{Mistake, Position};
use crate::functions::{GLOBAL, MEMBER, PRODUCT, nearest};

/// What expressions know of a request.
pub(crate) const VARIABLES: [&str; 6] = ["object", "oldObject", "config", "namespaceLabels", "user", "operation"];
/// Names of types, for `type(x) == string`.
const TYPES: [&str; 12] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "timestamp",
    "type",
    "uint",
];

/// The expressions directly below `expression`.
fn children(expression: &IdedExpr) -> Vec<&IdedExpr> {
    match &expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(loop_) => vec![
            &loop_.iter_range,
            &loop_.accu_init,
            &loop_.loop_cond,
            &loop_.loop_step,
            &loop_.result,
        ],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map
            .entries
            .iter()
            .flat_map(|entry| entry_children(&entry.expr))
            .collect(),
        Expr::Struct(value) => value
            .entries
            .iter()
            .flat_map(|entry| entry_children(&entry.expr))
            .collect(),
        Expr::Select(select) => vec![&select.operand],
    }
}

fn entry_children(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

/// Number of levels.
pub(crate) fn depth(expression: &IdedExpr) -> usize {
    let mut deepest = 0;
    let mut open = vec![(expression, 1)];
    while let Some((expression, level)) = open.pop() {
        deepest = deepest.max(level);
        open.extend(children(expression).into_iter().map(|child| (child, level + 1)));
    }
    deepest
}

/// What is used of a variable, member by member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// All of it.
    pub whole: bool,
    /// These members only.
    pub members: BTreeMap<String, Used>,
}

/// Variables that are used, and what of them.
pub(crate) type Uses = BTreeMap<String, Used>;

/// What `expression` uses of the variables.
pub(crate) fn uses(expression: &IdedExpr) -> Uses {
    let mut uses = Uses::new();
    collect(expression, &mut Vec::new(), &mut uses);
    uses
}

fn collect<'a>(expression: &'a IdedExpr, bound: &mut Vec<&'a str>, uses: &mut Uses) {
    if let Some((variable, path)) = path_of(expression, bound) {
        record(uses, variable, &path);
        return;
    }
    match &expression.expr {
        // Asks for a key of the map, not for the map.
        Expr::Call(call) if call.func_name == operators::IN && call.args.len() == 2 => {
            if let (Some(key), Some((variable, mut path))) = (text(&call.args[0]), path_of(&call.args[1], bound)) {
                path.push(key);
                record(uses, variable, &path);
            } else {
                call.args.iter().for_each(|argument| collect(argument, bound, uses));
            }
        }
        Expr::Comprehension(comprehension) => {
            collect(&comprehension.iter_range, bound, uses);
            collect(&comprehension.accu_init, bound, uses);
            let before = bound.len();
            bound.push(&comprehension.iter_var);
            bound.extend(comprehension.iter_var2.as_deref());
            for part in [
                &comprehension.loop_cond,
                &comprehension.loop_step,
                &comprehension.result,
            ] {
                collect(part, bound, uses);
            }
            bound.truncate(before);
        }
        _ => children(expression)
            .into_iter()
            .for_each(|child| collect(child, bound, uses)),
    }
}

fn record(uses: &mut Uses, variable: &str, path: &[&str]) {
    let mut part = uses.entry(variable.to_owned()).or_default();
    for member in path {
        part = part.members.entry((*member).to_owned()).or_default();
    }
    part.whole = true;
}

/// `object.spec.job` and `config['a.b']` as a variable and members of it.
fn path_of<'a>(expression: &'a IdedExpr, bound: &[&str]) -> Option<(&'a str, Vec<&'a str>)> {
    match &expression.expr {
        Expr::Ident(name) if VARIABLES.contains(&name.as_str()) && !bound.contains(&name.as_str()) => {
            Some((name, Vec::new()))
        }
        Expr::Select(select) => {
            let (variable, mut path) = path_of(&select.operand, bound)?;
            path.push(&select.field);
            Some((variable, path))
        }
        Expr::Call(call) if is_member_access(call) => {
            let (variable, mut path) = path_of(&call.args[0], bound)?;
            path.push(text(&call.args[1])?);
            Some((variable, path))
        }
        _ => None,
    }
}

fn is_member_access(call: &CallExpr) -> bool {
    let name = call.func_name.as_str();
    [operators::INDEX, operators::OPT_INDEX, operators::OPT_SELECT].contains(&name) && call.args.len() == 2
}

fn text(expression: &IdedExpr) -> Option<&str> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// Whether `expression` is a text, a number, a list or a sum, whatever the object is.
pub(crate) fn is_no_condition(expression: &IdedExpr) -> bool {
    match &expression.expr {
        Expr::Literal(literal) => !matches!(literal, LiteralValue::Boolean(_)),
        Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => true,
        Expr::Call(call) => [
            operators::ADD,
            operators::SUBSTRACT,
            operators::MULTIPLY,
            operators::DIVIDE,
            operators::MODULO,
            operators::NEGATE,
            "size",
        ]
        .contains(&call.func_name.as_str()),
        _ => false,
    }
}

/// What in `expression` names something that is not there, or cannot work for another reason.
pub(crate) fn check(expression: &IdedExpr, positions: &dyn Fn(u64) -> Option<Position>) -> Vec<Mistake> {
    let mut checker = Checker {
        positions,
        bound: Vec::new(),
        mistakes: Vec::new(),
    };
    checker.check(expression);
    checker.mistakes.sort_by_key(|mistake| mistake.position);
    checker.mistakes.dedup();
    checker.mistakes
}

struct Checker<'a> {
    positions: &'a dyn Fn(u64) -> Option<Position>,
    bound: Vec<String>,
    mistakes: Vec<Mistake>,
}

impl Checker<'_> {
    fn mistake(&mut self, id: u64, message: String) {
        self.mistakes.push(Mistake {
            position: (self.positions)(id),
            message,
        });
    }

    fn check(&mut self, expression: &IdedExpr) {
        match &expression.expr {
            Expr::Ident(name) => self.check_name(expression.id, name),
            Expr::Call(call) => self.check_call(expression.id, call),
            Expr::Comprehension(comprehension) => self.check_loop(comprehension),
            Expr::Struct(value) => {
                self.mistake(
                    expression.id,
                    format!("there is no type `{}`; write a map: {{'key': value}}", value.type_name),
                );
            }
            Expr::Unspecified => self.mistake(expression.id, "this is no CEL".to_owned()),
            _ => children(expression).into_iter().for_each(|child| self.check(child)),
        }
    }

    fn check_name(&mut self, id: u64, name: &str) {
        // What macros bind themselves begins with "@".
        if name.starts_with('@')
            || VARIABLES.contains(&name)
            || TYPES.contains(&name)
            || self.bound.iter().any(|bound| bound == name)
        {
            return;
        }
        let hint = match nearest(name, VARIABLES.into_iter()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("there are {}", VARIABLES.join(", ")),
        };
        self.mistake(id, format!("there is no variable `{name}`; {hint}"));
    }

    fn check_loop(&mut self, comprehension: &ComprehensionExpr) {
        self.check(&comprehension.iter_range);
        self.check(&comprehension.accu_init);
        let before = self.bound.len();
        self.bound.push(comprehension.iter_var.clone());
        self.bound.extend(comprehension.iter_var2.clone());
        self.bound.push(comprehension.accu_var.clone());
        for part in [
            &comprehension.loop_cond,
            &comprehension.loop_step,
            &comprehension.result,
        ] {
            self.check(part);
        }
        self.bound.truncate(before);
    }

    fn check_call(&mut self, id: u64, call: &CallExpr) {
        let name = call.func_name.as_str();
        let qualified = qualified(call);
        let is_operator = name.starts_with(['_', '!', '-', '@']) || name.contains('@');
        let known = match (&call.target, &qualified) {
            _ if is_operator => true,
            (Some(_), Some(name)) => GLOBAL.contains(&name.as_str()),
            (Some(_), None) => MEMBER.contains(&name),
            (None, _) => GLOBAL.contains(&name),
        };
        if !known {
            let known: &[&str] = if call.target.is_some() && qualified.is_none() {
                &MEMBER
            } else {
                &GLOBAL
            };
            let name = qualified.as_deref().unwrap_or(name);
            let hint = nearest(name, known.iter().copied())
                .map(|nearest| format!("; did you mean `{nearest}`?"))
                .unwrap_or_default();
            let what = if call.target.is_some() && qualified.is_none() {
                "method"
            } else {
                "function"
            };
            self.mistake(id, format!("there is no {what} `{name}`{hint}"));
        } else if name == "matches" {
            self.check_pattern(id, call);
        } else if ["all", "exists", "exists_one", "existsOne", "filter", "map", "has"].contains(&name) {
            self.mistake(
                id,
                format!("`{name}` is given another number of arguments than it takes"),
            );
        }
        if qualified.is_none() {
            call.target.iter().for_each(|target| self.check(target));
        }
        call.args.iter().for_each(|argument| self.check(argument));
    }

    fn check_pattern(&mut self, id: u64, call: &CallExpr) {
        match call.args.last() {
            Some(argument) => match text(argument).map(pattern) {
                Some(Ok(_)) => {}
                Some(Err(problem)) => self.mistake(argument.id, problem),
                None => self.mistake(
                    argument.id,
                    "the pattern of matches() has to be a text in quotes, so that it can be checked here".to_owned(),
                ),
            },
            None => self.mistake(id, "matches() needs a pattern".to_owned()),
        }
    }
}

/// The whole name of a call such as `math.abs(x)`, which the parser takes for the method `abs` of `math`.
fn qualified(call: &CallExpr) -> Option<String> {
    match call.target.as_deref().map(|target| &target.expr) {
        Some(Expr::Ident(namespace)) if ["math", "optional", "strings"].contains(&namespace.as_str()) => {
            Some(format!("{namespace}.{}", call.func_name))
        }
        _ => None,
    }
}

/// Puts the calls that charge into the tree; see [`crate::budget`].
pub(crate) fn charge(expression: &mut IdedExpr) {
    match &mut expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Select(select) => charge(&mut select.operand),
        Expr::List(list) => list.elements.iter_mut().for_each(charged),
        Expr::Map(map) => map.entries.iter_mut().for_each(|entry| charge_entry(&mut entry.expr)),
        Expr::Struct(value) => value.entries.iter_mut().for_each(|entry| charge_entry(&mut entry.expr)),
        Expr::Comprehension(comprehension) => {
            charged(&mut comprehension.iter_range);
            for part in [
                &mut comprehension.accu_init,
                &mut comprehension.loop_cond,
                &mut comprehension.loop_step,
                &mut comprehension.result,
            ] {
                charge(part);
            }
        }
        Expr::Call(call) => charge_call(call),
    }
}

fn charge_entry(entry: &mut EntryExpr) {
    match entry {
        EntryExpr::StructField(field) => charged(&mut field.value),
        EntryExpr::MapEntry(entry) => {
            charged(&mut entry.key);
            charged(&mut entry.value);
        }
    }
}

fn charge_call(call: &mut CallExpr) {
    let name = call.func_name.clone();
    let takes_no_copy = [
        operators::CONDITIONAL,
        operators::LOGICAL_AND,
        operators::LOGICAL_OR,
        operators::LOGICAL_NOT,
        operators::NOT_STRICTLY_FALSE,
    ]
    .contains(&name.as_str());
    // What a macro keeps its result in: charged where it is read.
    let is_a_macros_own = call.args.iter().any(is_own);
    if takes_no_copy || is_a_macros_own || is_member_access(call) {
        call.target.iter_mut().for_each(|target| charge(target));
        call.args.iter_mut().for_each(charge);
        return;
    }
    let is_qualified = qualified(call).is_some();
    if name == "matches" {
        let target = call.target.take().map(|target| *target);
        let mut arguments: Vec<IdedExpr> = target.into_iter().chain(std::mem::take(&mut call.args)).collect();
        if let Some(text) = arguments.first_mut() {
            charge(text);
            wrap(text, CHARGE_WIDE);
        }
        MATCHES.clone_into(&mut call.func_name);
        call.args = arguments;
        return;
    }
    let is_product = PRODUCT.contains(&name.as_str()) && call.target.is_some();
    if let Some(target) = call.target.as_deref_mut().filter(|_| !is_qualified) {
        charge(target);
        wrap(target, if is_product { CHARGE_WIDE } else { CHARGE });
    }
    for argument in &mut call.args {
        charge(argument);
        wrap(argument, if is_product { CHARGE_SHORT } else { CHARGE });
    }
}

fn is_own(expression: &IdedExpr) -> bool {
    matches!(&expression.expr, Expr::Ident(name) if name.starts_with('@'))
}

fn charged(expression: &mut IdedExpr) {
    charge(expression);
    wrap(expression, CHARGE);
}

/// Puts `function` around `expression`, unless that is of a size that the source bounds.
fn wrap(expression: &mut IdedExpr, function: &str) {
    if function == CHARGE && matches!(expression.expr, Expr::Literal(_)) {
        return;
    }
    let inner = std::mem::take(expression);
    *expression = IdedExpr {
        id: inner.id,
        expr: Expr::Call(CallExpr {
            func_name: function.to_owned(),
            target: None,
            args: vec![inner],
        }),
    };
}
