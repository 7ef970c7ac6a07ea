//! A compiled policy.

use std::borrow::Cow;
use std::collections::BTreeSet;

use cel::Value as CelValue;
use serde_json::Value;
use sluice_shared::api::policy::{PolicyDefault, PolicyFailure, PolicyMatch, PolicyRule, PolicySeverity, PolicySpec};
use sluice_shared::api::{ClusterFlinkPolicy, FlinkPolicy};
use sluice_shared::defaults::{Operation as PatchOperation, apply};
use sluice_shared::extension::{Extension, Failure, FailurePolicy, Question};
use sluice_shared::rules::{Report, Violation, Warning, codes, name, shape};
use sluice_shared::secrets::without_secrets;

use crate::expression::{Expression, Mistake};
use crate::fields::{Field, as_text};
use crate::matching;
use crate::mistakes::Mistakes;
use crate::values::{Inputs, to_json};

/// Most rules, and most defaults, of one policy.
const MOST: usize = 100;
/// Longest message that an expression may make, in characters.
const LONGEST_MESSAGE: usize = 1000;

/// Whose resources a policy is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyScope {
    /// A `ClusterFlinkPolicy`: all namespaces.
    Cluster,
    /// A `FlinkPolicy`: its own namespace.
    Namespace(String),
}

/// A compiled policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its own name, part of the codes of its findings.
    short: String,
    scope: PolicyScope,
    /// Unique name: with the namespace where there is one.
    name: String,
    matches: PolicyMatch,
    rules: Vec<Rule>,
    defaults: Vec<Default>,
    failure: FailurePolicy,
}

#[derive(Clone, Debug)]
struct Rule {
    name: String,
    condition: Expression,
    message: Message,
    field: String,
    fix: String,
    severity: PolicySeverity,
}

#[derive(Clone, Debug)]
enum Message {
    Text(String),
    Made(Expression),
}

#[derive(Clone, Debug)]
struct Default {
    path: String,
    field: Field,
    value: Expression,
}

impl Policy {
    /// The policy that `object`, a `ClusterFlinkPolicy` or a `FlinkPolicy`, describes.
    ///
    /// # Errors
    /// Everything that is wrong with it; expressions with line and column.
    pub fn from_json(object: &Value) -> Result<Self, Vec<Violation>> {
        let is_cluster = object.get("kind").and_then(Value::as_str) == Some(ClusterFlinkPolicy::KIND);
        let (parts, misfits) = if is_cluster {
            let (policy, misfits) = shape::read::<ClusterFlinkPolicy>(object);
            (policy.map(|policy| (policy.metadata, policy.spec)), misfits)
        } else {
            let (policy, misfits) = shape::read::<FlinkPolicy>(object);
            (policy.map(|policy| (policy.metadata, policy.spec)), misfits)
        };
        let Some((metadata, spec)) = parts else {
            return Err(misfits);
        };
        let scope = if is_cluster {
            PolicyScope::Cluster
        } else {
            PolicyScope::Namespace(metadata.namespace.unwrap_or_else(|| "default".to_owned()))
        };
        let name = metadata.name.or(metadata.generate_name).unwrap_or_default();
        match Self::compile(&name, scope, &spec) {
            Ok(policy) if misfits.is_empty() => Ok(policy),
            Ok(_) => Err(misfits),
            // What could not be read is said once, not again for being absent.
            Err(more) => Err(misfits
                .iter()
                .cloned()
                .chain(
                    more.into_iter()
                        .filter(|violation| !misfits.iter().any(|misfit| violation.path.starts_with(&misfit.path))),
                )
                .collect()),
        }
    }

    /// The policy called `name` that says `spec`.
    ///
    /// # Errors
    /// Everything that is wrong with it; expressions with line and column.
    pub fn compile(name: &str, scope: PolicyScope, spec: &PolicySpec) -> Result<Self, Vec<Violation>> {
        let mut mistakes = Mistakes::default();
        let matches = spec.matches.clone().unwrap_or_default();
        check_match(&matches, &scope, &mut mistakes);
        let (written, defaults) = (spec.rules.as_deref(), spec.defaults.as_deref());
        let (written, defaults) = (written.unwrap_or_default(), defaults.unwrap_or_default());
        for (field, length) in [("rules", written.len()), ("defaults", defaults.len())] {
            if length > MOST {
                let message = format!("there are {length}; a policy has at most {MOST}");
                mistakes.add(format!("spec.{field}"), message, "make several policies of it");
            }
        }
        let full_name = match &scope {
            PolicyScope::Cluster => name.to_owned(),
            PolicyScope::Namespace(namespace) => format!("{namespace}/{name}"),
        };
        let whose = match &scope {
            PolicyScope::Cluster => format!("kubectl get clusterflinkpolicy {name} -o yaml"),
            PolicyScope::Namespace(namespace) => format!("kubectl get flinkpolicy {name} -n {namespace} -o yaml"),
        };
        let mut names = BTreeSet::new();
        let mut rules = Vec::new();
        let mut filled = Vec::new();
        if mistakes.0.is_empty() {
            for (index, rule) in written.iter().enumerate() {
                rules.extend(compile_rule(index, rule, &whose, &mut names, &mut mistakes));
            }
            for (index, default) in defaults.iter().enumerate() {
                filled.extend(compile_default(index, default, &mut mistakes));
            }
        }
        if !mistakes.0.is_empty() {
            return Err(mistakes.0);
        }
        Ok(Self {
            short: name.to_owned(),
            scope,
            name: full_name,
            matches,
            rules,
            defaults: filled,
            failure: match spec.failure_policy {
                None | Some(PolicyFailure::Fail) => FailurePolicy::Closed,
                Some(PolicyFailure::Ignore) => FailurePolicy::Open,
            },
        })
    }

    /// Whose resources it is for.
    #[must_use]
    pub fn scope(&self) -> &PolicyScope {
        &self.scope
    }

    fn selects_namespaces(&self) -> bool {
        self.matches
            .namespace_selector
            .as_ref()
            .is_some_and(matching::is_restricting)
    }

    fn code(&self, rule: &Rule) -> Cow<'static, str> {
        let whose = match self.scope {
            PolicyScope::Cluster => codes::CLUSTER_POLICY,
            PolicyScope::Namespace(_) => codes::NAMESPACE_POLICY,
        };
        Cow::Owned(format!("{whose}/{}/{}", self.short, rule.name))
    }

    fn judge(&self, rule: &Rule, question: &Question<'_>, report: &mut Report) {
        let inputs = Inputs::new(question);
        let problem = match knowable(&rule.condition, question) {
            Knowable::No => return,
            Knowable::Never(reason) => reason.to_owned(),
            Knowable::Yes => match rule.condition.evaluate(&inputs) {
                Ok(CelValue::Bool(true)) => return,
                Ok(CelValue::Bool(false)) => {
                    let message = rule.message(question);
                    push(report, rule.severity, self.code(rule), rule, message, rule.fix.clone());
                    return;
                }
                Ok(_) => "it gives neither true nor false".to_owned(),
                Err(problem) => problem,
            },
        };
        let severity = match (rule.severity, self.failure) {
            (PolicySeverity::Deny, FailurePolicy::Open) => PolicySeverity::Warn,
            (severity, _) => severity,
        };
        let message = format!("whether the rule is kept cannot be said: {problem}");
        let fix = format!("change the resource so that it can, or the rule; {}", rule.fix);
        push(report, severity, self.code(rule), rule, message, fix);
    }
}

fn push(
    report: &mut Report,
    severity: PolicySeverity,
    code: Cow<'static, str>,
    rule: &Rule,
    message: String,
    fix: String,
) {
    let path = rule.field.clone();
    let warning = |message, fix| Warning {
        path: path.clone(),
        code: code.clone(),
        message,
        fix,
    };
    match severity {
        PolicySeverity::Deny => report.violations.push(Violation {
            path,
            code,
            message,
            fix,
            value: None,
        }),
        PolicySeverity::Warn => report.warnings.push(warning(message, fix)),
        PolicySeverity::Audit => report.audit.push(warning(message, fix)),
    }
}

impl Rule {
    /// What is wrong. The text of an expression is made of an object without its secrets.
    fn message(&self, question: &Question<'_>) -> String {
        let made = match &self.message {
            Message::Text(text) => return text.clone(),
            Message::Made(expression) => expression,
        };
        let object = without_secrets(question.object);
        let old = question.old.map(without_secrets);
        let inputs = Inputs {
            object: &object,
            old: old.as_ref(),
            ..Inputs::new(question)
        };
        match made.evaluate(&inputs) {
            Ok(CelValue::String(text)) if !text.trim().is_empty() => {
                text.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect()
            }
            _ => broken(&self.condition),
        }
    }
}

fn broken(condition: &Expression) -> String {
    let source: Vec<&str> = condition.source().split_whitespace().collect();
    format!("this does not hold: {}", source.join(" "))
}

/// Whether an expression can be asked: what it uses of a request is only there where there is one.
enum Knowable {
    Yes,
    /// There is no request; the rule is for requests.
    No,
    /// There should be something, and there is not.
    Never(&'static str),
}

fn knowable(expression: &Expression, question: &Question<'_>) -> Knowable {
    let uses = |variable| expression.uses().contains_key(variable);
    let request = question.request;
    if (uses("user") && request.user.is_none())
        || ((uses("operation") || uses("oldObject")) && request.operation.is_none())
    {
        return Knowable::No;
    }
    match (uses("namespaceLabels"), question.namespace_labels, request.operation) {
        (true, None, None) => Knowable::No,
        (true, None, Some(_)) => Knowable::Never(NO_LABELS),
        _ => Knowable::Yes,
    }
}

const NO_LABELS: &str = "the labels of the namespace are not known, because the webhook may not watch namespaces";

fn check_match(matches: &PolicyMatch, scope: &PolicyScope, mistakes: &mut Mistakes) {
    for (field, selector) in [
        ("namespaceSelector", &matches.namespace_selector),
        ("objectSelector", &matches.object_selector),
    ] {
        if let Some(problem) = selector.as_ref().and_then(matching::problem) {
            mistakes.add(
                format!("spec.match.{field}.matchExpressions"),
                problem,
                "write the selector as in a Deployment",
            );
        }
    }
    if let PolicyScope::Namespace(own) = scope {
        let given = matches.namespaces.as_deref().unwrap_or_default();
        if !given.is_empty() && !given.contains(own) {
            mistakes.add(
                "spec.match.namespaces",
                "a FlinkPolicy is for resources of its own namespace only, which is not among these",
                "leave the field out, or make a ClusterFlinkPolicy",
            );
        }
    }
}

fn compile_rule(
    index: usize,
    rule: &PolicyRule,
    whose: &str,
    names: &mut BTreeSet<String>,
    mistakes: &mut Mistakes,
) -> Option<Rule> {
    let path = |field: &str| format!("spec.rules[{index}].{field}");
    let name = rule.name.clone().unwrap_or_default();
    if name.is_empty() {
        mistakes.add(
            path("name"),
            "the rule has no name",
            "give it one, such as image-from-our-registry",
        );
    } else if let Some(problem) = name::problem(&name) {
        mistakes.add(path("name"), problem, "write it as image-from-our-registry");
    } else if !names.insert(name.clone()) {
        let message = format!("two rules are called {name}");
        mistakes.add(path("name"), message, "give each rule a name of its own");
    }
    let source = rule.expression.as_deref().unwrap_or_default();
    let condition = mistakes.compiled(&path("expression"), source);
    if condition.as_ref().is_some_and(Expression::is_no_condition) {
        let mistake = Mistake::whole("the expression gives something else than true or false");
        mistakes.expression(&path("expression"), &mistake);
    }
    let made = rule
        .message_expression
        .as_deref()
        .map(|source| mistakes.compiled(&path("messageExpression"), source));
    if rule.message.is_some() && rule.message_expression.is_some() {
        mistakes.add(
            path("messageExpression"),
            "message and messageExpression are both set",
            "leave one of them out",
        );
    }
    let condition = condition?;
    let message = match (&rule.message, made) {
        (Some(text), _) if !text.trim().is_empty() => Message::Text(text.trim().trim_end_matches('.').to_owned()),
        (_, Some(made)) => Message::Made(made?),
        _ => Message::Text(broken(&condition)),
    };
    Some(Rule {
        name,
        condition,
        message,
        field: rule.field.clone().unwrap_or_else(|| "spec".to_owned()),
        fix: rule
            .fix
            .as_deref()
            .map(|fix| fix.trim().trim_end_matches('.').to_owned())
            .filter(|fix| !fix.is_empty())
            .unwrap_or_else(|| format!("ask whoever keeps the policy; {whose} shows it")),
        severity: rule.severity.unwrap_or(PolicySeverity::Deny),
    })
}

fn compile_default(index: usize, default: &PolicyDefault, mistakes: &mut Mistakes) -> Option<Default> {
    let place = |field: &str| format!("spec.defaults[{index}].{field}");
    let path = default.path.clone().unwrap_or_default();
    let field = Field::parse(&path)
        .map_err(|problem| {
            mistakes.add(
                place("path"),
                problem,
                "name a field, such as spec.job.parallelism or spec.flinkConfiguration[rest.port]",
            );
        })
        .ok();
    let value = mistakes.compiled(&place("expression"), default.expression.as_deref().unwrap_or_default());
    Some(Default {
        path,
        field: field?,
        value: value?,
    })
}

impl Extension for Policy {
    fn name(&self) -> &str {
        &self.name
    }

    fn failure_policy(&self) -> FailurePolicy {
        self.failure
    }

    fn applies(&self, question: &Question<'_>) -> bool {
        let own = match &self.scope {
            PolicyScope::Cluster => true,
            PolicyScope::Namespace(own) => {
                let namespace = question.metadata("namespace");
                own == if namespace.is_empty() { "default" } else { namespace }
            }
        };
        // Where there is no request, nobody knows labels of namespaces for sure, and the webhook has judged already.
        let undecided = self.selects_namespaces() && question.namespace_labels.is_none();
        own && matching::covers(&self.matches, question) && (!undecided || question.request.operation.is_some())
    }

    fn validate(&self, question: &Question<'_>) -> Result<Report, Failure> {
        if self.selects_namespaces() && question.namespace_labels.is_none() && !self.rules.is_empty() {
            return Err(Failure(NO_LABELS.to_owned()));
        }
        let mut report = Report::default();
        for rule in &self.rules {
            question.request.has_time()?;
            self.judge(rule, question, &mut report);
        }
        Ok(report)
    }

    fn mutate(&self, question: &Question<'_>) -> Result<Vec<PatchOperation>, Failure> {
        if self.defaults.is_empty() {
            return Ok(Vec::new());
        }
        if self.selects_namespaces() && question.namespace_labels.is_none() {
            return Err(Failure(NO_LABELS.to_owned()));
        }
        let inputs = Inputs::new(question);
        let mut patch = Vec::new();
        let mut filled: Option<Value> = None;
        for default in &self.defaults {
            question.request.has_time()?;
            let object = filled.as_ref().unwrap_or(question.object);
            // What is there already needs no expression to be evaluated.
            if default.field.fill(object, Value::Null).is_none() {
                continue;
            }
            match knowable(&default.value, question) {
                Knowable::Yes => {}
                Knowable::No => continue,
                Knowable::Never(reason) => return Err(default.failure(reason)),
            }
            let value = default.value.evaluate(&inputs).and_then(|value| to_json(&value));
            let value = match value.map_err(|problem| default.failure(&problem))? {
                Value::Null => continue,
                value if default.field.is_text() => as_text(value),
                value => value,
            };
            if let Some(operation) = default.field.fill(object, value) {
                let mut changed = object.clone();
                apply(std::slice::from_ref(&operation), &mut changed)
                    .map_err(|error| default.failure(&error.to_string()))?;
                filled = Some(changed);
                patch.push(operation);
            }
        }
        Ok(patch)
    }
}

impl Default {
    fn failure(&self, problem: &str) -> Failure {
        Failure(format!("the default of {} cannot be worked out: {problem}", self.path))
    }
}
