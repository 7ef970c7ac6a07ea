//! Policies as their users write them: what is refused when they are written, and what they say of resources.

#![allow(clippy::unwrap_used, clippy::panic)] // a test's helpers fail as its own body does

use std::collections::BTreeMap;
use std::time::Instant;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use sluice_policies::{Expression, Policy, load_yaml};
use sluice_shared::config::FlinkConfig;
use sluice_shared::defaults::apply;
use sluice_shared::extension::{Extension, Operation, Question, Request, User};
use sluice_shared::rules::{Kind, Report};

fn policy(spec: &Value) -> Policy {
    try_policy(spec).unwrap_or_else(|e| panic!("{e:?}"))
}

fn try_policy(spec: &Value) -> Result<Policy, Vec<String>> {
    let object = json!({ "apiVersion": "sluice.flink.apache.org/v1alpha1", "kind": "ClusterFlinkPolicy",
                         "metadata": { "name": "p" }, "spec": spec });
    Policy::from_json(&object).map_err(|violations| violations.iter().map(ToString::to_string).collect())
}

fn rule(expression: &str) -> Value {
    json!({ "rules": [{ "name": "r", "expression": expression }] })
}

fn deployment() -> Value {
    json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
        "metadata": { "name": "d", "namespace": "team-a", "labels": { "team": "a" } },
        "spec": {
            "image": "registry.example.com/flink:1.20",
            "flinkVersion": "v1_20",
            "taskManager": { "resource": { "memory": "2048m", "cpu": 1.5 }, "replicas": null },
            "flinkConfiguration": { "taskmanager.numberOfTaskSlots": "2" },
            "podTemplate": { "spec": { "containers": [
                { "name": "a", "env": [{ "name": "DB_PASSWORD", "value": "hunter2" }] }, { "name": "b" } ] } },
        },
    })
}

struct Asked {
    object: Value,
    old: Option<Value>,
    config: FlinkConfig,
    labels: Option<BTreeMap<String, String>>,
    operation: Option<Operation>,
    user: Option<User>,
}

impl Asked {
    fn new(object: Value) -> Self {
        let config = [
            ("execution.checkpointing.interval", "10 min"),
            ("taskmanager.memory.process.size", "2g"),
            ("taskmanager.numberOfTaskSlots", "2"),
            ("state.checkpoints.dir", "s3://bucket/c"),
            ("job.autoscaler.enabled", "true"),
            ("job.autoscaler.target.utilization", "0.7"),
            ("s3.secret-key", "hunter2"),
            ("my.own", "10 min"),
        ];
        Self {
            object,
            old: None,
            config: config.into_iter().collect(),
            labels: Some([("env".to_owned(), "prod".to_owned())].into()),
            operation: Some(Operation::Create),
            user: Some(User {
                name: "alice".to_owned(),
                groups: vec!["dev".to_owned()],
            }),
        }
    }

    fn question(&self) -> Question<'_> {
        Question {
            kind: Kind::FlinkDeployment,
            object: &self.object,
            old: self.old.as_ref(),
            config: &self.config,
            namespace_labels: self.labels.as_ref(),
            request: Request {
                operation: self.operation,
                user: self.user.as_ref(),
                ..Request::default()
            },
        }
    }

    fn validate(&self, policy: &Policy) -> Report {
        let question = self.question();
        if policy.applies(&question) {
            policy.validate(&question).unwrap()
        } else {
            Report::default()
        }
    }

    fn mutate(&self, policy: &Policy) -> Value {
        let patch = policy.mutate(&self.question()).unwrap();
        let mut object = self.object.clone();
        apply(&patch, &mut object).unwrap();
        object
    }
}

/// What `expression` comes to on a usual deployment: `None` where it holds, or else the message.
fn judged(expression: &str) -> Option<String> {
    let report = Asked::new(deployment()).validate(&policy(&rule(expression)));
    report.violations.first().map(|violation| violation.message.clone())
}

#[rstest]
#[case::field("object.spec.image.startsWith('registry.example.com/')")]
#[case::number("object.spec.taskManager.resource.cpu < 2")]
#[case::null_is_absent("!has(object.spec.taskManager.replicas)")]
#[case::absent("!has(object.spec.job)")]
#[case::optional("object.spec.?job.?parallelism.orValue(1) == 1")]
#[case::key("object.metadata.labels['team'] == 'a'")]
#[case::in_map("'team' in object.metadata.labels && !('x' in object.metadata.labels)")]
#[case::loops("object.spec.podTemplate.spec.containers.exists(c, c.name == 'b')")]
#[case::nested("object.spec.podTemplate.spec.containers.all(c, !has(c.env) || c.env.all(e, e.name != 'X'))")]
#[case::index("object.spec.podTemplate.spec.containers[1].name == 'b'")]
#[case::map("object.spec.podTemplate.spec.containers.map(c, c.name) == ['a', 'b']")]
#[case::filter("object.spec.podTemplate.spec.containers.filter(c, has(c.env)).size() == 1")]
#[case::keys("object.metadata.labels.all(l, l.matches('^[a-z]+$'))")]
#[case::whole("size(object.spec) == 6 - 1")]
#[case::no_old("oldObject == null")]
#[case::user("user.name == 'alice' && 'dev' in user.groups")]
#[case::operation("operation == 'CREATE'")]
#[case::namespace("namespaceLabels.env == 'prod' && namespaceLabels[?'x'].orValue('') == ''")]
#[case::duration("config['execution.checkpointing.interval'] == duration('10m')")]
#[case::memory("config['taskmanager.memory.process.size'] == 2 * 1024 * 1024 * 1024")]
#[case::integer("config['taskmanager.numberOfTaskSlots'] * 2 == 4")]
#[case::boolean("config['job.autoscaler.enabled']")]
#[case::double("config['job.autoscaler.target.utilization'] < 0.8")]
#[case::unknown_key_is_text("config['my.own'] == '10 min'")]
#[case::default_of_flink("config['restart-strategy.fixed-delay.attempts'] == 1")]
#[case::other_spelling("config['execution.checkpointing.dir'] == 's3://bucket/c'")]
#[case::key_is_not_set("!('high-availability.storageDir' in config)")]
#[case::all_keys("config.exists(k, k == 'my.own') && !config.exists(k, k.startsWith('restart'))")]
#[case::secret_is_hidden("config['s3.secret-key'] == '******'")]
#[case::strings("'a,b'.split(',').map(s, s.upperAscii()).join('-') == 'A-B' && 'abc'.replace('b', 'x') == 'axc'")]
#[case::format("'%s has %d'.format(['x', 3]) == 'x has 3' && 'abc'.indexOf('c') == 2 && 'abc'.lastIndexOf('a') == 0")]
#[case::math("math.greatest([1, 5, 3]) == 5 && math.abs(-2) == 2 && math.ceil(1.2) == 2.0")]
#[case::optionals("optional.of(1).hasValue() && optional.none().or(optional.of(2)).value() == 2")]
#[case::opt_map("object.spec.?image.optMap(i, i.size()).orValue(0) > 3")]
#[case::types("type(object.spec.image) == string && string(1) == '1' && int('3') == 3")]
#[case::shadowed("[1, 2].all(object, object > 0)")]
fn expressions_that_hold(#[case] expression: &str) {
    assert_eq!(judged(expression), None);
}

#[rstest]
#[case::broken("object.spec.image == 'x'", "this does not hold: object.spec.image == 'x'")]
#[case::no_key("object.spec.job.parallelism > 1", "there is no `job`; ask has(...) first")]
#[case::no_config(
    "config['high-availability.storageDir'] == ''",
    "there is no `high-availability.storageDir`"
)]
#[case::types("object.spec.image > 1", "\">\" does not work on string and int")]
#[case::text_in_number(
    "object.spec.taskManager.resource.memory * 2 > 1",
    "does not work on values of these types"
)]
#[case::not_boolean("object.spec.image", "neither true nor false")]
#[case::zero("1 / 0 == 1", "divides by zero")]
#[case::list_end("object.spec.podTemplate.spec.containers[7].name == 'b'", "fewer elements")]
fn expressions_that_do_not(#[case] expression: &str, #[case] message: &str) {
    let found = judged(expression).unwrap();
    assert!(found.contains(message), "{found}");
    assert!(!found.contains("registry.example.com"), "no value: {found}");
}

#[rstest]
#[case::syntax("object.spec.image ==", "line 1, column")]
#[case::second_line(
    "object.spec.image == 'x' &&\n  obj.spec",
    "line 2, column 3: there is no variable `obj`; there are object"
)]
#[case::variable(
    "objct.spec == 1",
    "line 1, column 1: there is no variable `objct`; did you mean `object`?"
)]
#[case::variable_in_a_loop("[1].all(x, x == y)", "line 1, column 17: there is no variable `y`")]
#[case::out_of_its_loop("[1].all(x, x == 1) && x == 1", "column 23: there is no variable `x`")]
#[case::method(
    "object.spec.image.startswith('x')",
    "there is no method `startswith`; did you mean `startsWith`?"
)]
#[case::function("lenght(object) == 1", "there is no function `lenght`")]
#[case::namespaced("math.max(1, 2) == 2", "there is no function `math.max`")]
#[case::not_there("lists.range(3).all(x, true)", "there is no variable `lists`")]
#[case::macro_arguments("object.spec.list.all(x)", "`all` is given another number of arguments")]
#[case::pattern(
    "object.spec.image.matches('a(')",
    "line 1, column 27: the pattern is no regular expression (RE2): unclosed group"
)]
#[case::large_pattern("object.spec.image.matches('((a{1000}){1000}){1000}')", "the pattern is too large")]
#[case::pattern_of_the_object("object.spec.image.matches(object.spec.x)", "has to be a text in quotes")]
#[case::structs("Foo{a: 1} == 1", "there is no type `Foo`")]
#[case::no_condition("'text'", "gives something else than true or false")]
#[case::sum("1 + 2", "gives something else")]
#[case::empty("  ", "the expression is empty")]
fn expressions_that_are_refused(#[case] expression: &str, #[case] text: &str) {
    let mistakes = try_policy(&rule(expression)).unwrap_err();
    assert!(mistakes[0].starts_with("spec.rules[0].expression: "), "{mistakes:?}");
    assert!(mistakes.iter().any(|mistake| mistake.contains(text)), "{mistakes:?}");
}

#[rstest]
#[case::no_name(json!({"rules": [{"expression": "true"}]}), "spec.rules[0].name: the rule has no name")]
#[case::odd_name(json!({"rules": [{"name": "A b", "expression": "true"}]}), "spec.rules[0].name")]
#[case::twice(json!({"rules": [{"name": "a", "expression": "true"}, {"name": "a", "expression": "true"}]}), "spec.rules[1].name: two rules are called a")]
#[case::no_expression(json!({"rules": [{"name": "a"}]}), "spec.rules[0].expression: the expression is empty")]
#[case::both(json!({"rules": [{"name": "a", "expression": "true", "message": "m", "messageExpression": "'m'"}]}), "message and messageExpression are both set")]
#[case::message(json!({"rules": [{"name": "a", "expression": "true", "messageExpression": "x"}]}), "spec.rules[0].messageExpression: line 1, column 1")]
#[case::severity(json!({"rules": [{"name": "a", "expression": "true", "severity": "Maybe"}]}), "spec.rules[0].severity")]
#[case::kind(json!({"match": {"kinds": ["Pod"]}}), "spec.match.kinds[0]")]
#[case::selector(json!({"match": {"objectSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}}), "spec.match.objectSelector.matchExpressions: \"Is\" is none of")]
#[case::path(json!({"defaults": [{"path": "status.x", "expression": "1"}]}), "spec.defaults[0].path: only fields below spec")]
#[case::default_expression(json!({"defaults": [{"path": "spec.x", "expression": "1 +"}]}), "spec.defaults[0].expression: line 1")]
fn policies_that_are_refused(#[case] spec: Value, #[case] text: &str) {
    let mistakes = try_policy(&spec).unwrap_err();
    assert!(mistakes.iter().any(|mistake| mistake.contains(text)), "{mistakes:?}");
}

/// Texts that nest deeper, or are longer, than any sane parser's stack.
#[rstest]
#[case("(")]
#[case("[")]
#[case("{1:")]
#[case("!")]
#[case("-")]
#[case("a.")]
#[case("true?true:")]
#[case("[1].all(x,")]
#[case("1+")]
#[case("true&&")]
#[case("'")]
#[case("\\")]
#[case("a(")]
#[case("a[")]
fn nesting_is_an_error_and_no_crash(#[case] part: &str) {
    let text = part.repeat(4096 / part.len());
    assert!(!Expression::compile(&text).unwrap_err().is_empty());
    assert!(
        Expression::compile(&part.repeat(4097)).unwrap_err()[0]
            .message
            .contains("at most 4096")
    );
}

#[test]
fn closed_nesting_has_a_limit_too() {
    let deep = |levels: usize| format!("{}true{}", "[1].all(x, ".repeat(levels), ")".repeat(levels));
    assert!(Expression::compile(&deep(3)).is_ok());
    assert!(Expression::compile(&deep(40)).is_err());
}

#[test]
fn the_deepest_expressions_fit_a_small_stack() {
    let chain = |levels: usize| format!("[1]{} == [1]", ".map(x, x)".repeat(levels));
    let sum = |levels: usize| format!("{}1 > 0", "1 + ".repeat(levels));
    let deepest = |text: &dyn Fn(usize) -> String| {
        (1..64)
            .rev()
            .find_map(|n| Expression::compile(&text(n)).ok().map(|_| text(n)))
    };
    let expressions = [deepest(&chain).unwrap(), deepest(&sum).unwrap()];
    let asking = std::thread::Builder::new().stack_size(1536 * 1024);
    let judged = asking
        .spawn(move || expressions.map(|expression| judged(&expression)))
        .unwrap();
    assert_eq!(judged.join().unwrap(), [None, None]);
}

#[test]
fn conditions_in_a_row_are_not_deep() {
    assert_eq!(judged(&vec!["object.spec.image != 'x'"; 100].join(" && ")), None);
}

/// Loops in loops, texts that double, results that explode: each ends soon and says why.
#[rstest]
#[case::loops("object.l.all(a, object.l.all(b, object.l.all(c, a + b + c >= 0)))")]
#[case::maps("object.l.map(a, object.l.map(b, object.l)).size() > 0")]
#[case::copies("object.l.map(a, object).size() > 0")]
#[case::doubling(&format!("['0123456789abcdef']{}.size() > 0", ".map(x, x + x)".repeat(20)))]
#[case::lists(&format!("[[1]]{}.size() > 0", ".map(x, x + x)".repeat(20)))]
#[case::replacing("object.s.replace('', object.s).size() > 0")]
#[case::replacing_often(
    "object.s.replace('', '0123456789').replace('', '0123456789').replace('', '0123456789').size() > 0"
)]
#[case::joining("object.l.map(x, '0').join(object.s).size() > 0")]
#[case::absorbed("object.l.all(a, object.l.all(b, object.l.all(c, c < 0 || a >= 0))) || true")]
#[case::searching("object.l.all(x, !object.s.contains('x'))")]
#[case::matching("object.l.all(x, !object.s.matches('(a|b|ab)*c'))")]
#[case::comparing("object.l.all(x, object.l == object.l)")]
fn what_costs_too_much_is_stopped(#[case] expression: &str) {
    let list: Vec<i64> = (0..2000).collect();
    let asked = Asked::new(json!({ "metadata": { "name": "d" }, "l": list, "s": "0123456789".repeat(500) }));
    let policy = policy(&rule(expression));
    let began = Instant::now();
    let report = asked.validate(&policy);
    let message = &report.violations[0].message;
    assert!(message.contains("it costs too much on this object"), "{message}");
    // Not a measurement: unstopped, these take hours or all memory.
    assert!(began.elapsed().as_secs() < 60);
}

#[test]
fn a_large_but_plain_rule_is_within_the_budget() {
    let list: Vec<Value> = (0..1000)
        .map(|n| json!({ "name": format!("n{n}"), "value": "v" }))
        .collect();
    let asked = Asked::new(json!({ "metadata": { "name": "d" }, "l": list }));
    let rule = rule("object.l.all(e, e.name.startsWith('n') && e.value == 'v')");
    assert_eq!(asked.validate(&policy(&rule)), Report::default());
}

#[test]
fn a_finding_has_code_field_message_and_fix() {
    let spec = json!({ "rules": [
        { "name": "deny", "expression": "false", "message": "No.", "field": "spec.image", "fix": "Do it." },
        { "name": "warn", "expression": "false", "severity": "Warn", "messageExpression": "'image is ' + object.spec.image" },
        { "name": "audit", "expression": "false", "severity": "Audit", "message": "seen" },
        { "name": "fine", "expression": "true" },
    ]});
    let report = Asked::new(deployment()).validate(&policy(&spec));
    let violation = &report.violations[0];
    assert_eq!(violation.to_string(), "spec.image: No. Do it. [policy/p/deny]");
    let warning = &report.warnings[0];
    assert_eq!(warning.code, "policy/p/warn");
    assert_eq!(warning.path, "spec");
    assert_eq!(warning.message, "image is registry.example.com/flink:1.20");
    assert!(
        warning.fix.contains("kubectl get clusterflinkpolicy p -o yaml"),
        "{}",
        warning.fix
    );
    assert_eq!(
        (report.violations.len(), report.warnings.len(), report.audit.len()),
        (1, 1, 1)
    );
    assert_eq!(report.audit[0].message, "seen");
}

#[test]
fn a_message_shows_no_secret_and_falls_back_where_it_fails() {
    let message = |expression: &str| {
        let spec = json!({ "rules": [{ "name": "r", "expression": "false", "messageExpression": expression }] });
        Asked::new(deployment()).validate(&policy(&spec)).violations[0]
            .message
            .clone()
    };
    let shown = message("object.spec.podTemplate.spec.containers[0].env[0].value + config['s3.secret-key']");
    assert_eq!(shown, "************");
    for failing in ["object.spec.nothing", "1 / 0 == 1 ? 'a' : 'b'", "''"] {
        assert_eq!(message(failing), "this does not hold: false");
    }
}

#[rstest]
#[case::deny("Deny", "Fail", (1, 0, 0))]
#[case::deny_ignored("Deny", "Ignore", (0, 1, 0))]
#[case::warn("Warn", "Fail", (0, 1, 0))]
#[case::audit("Audit", "Fail", (0, 0, 1))]
fn failures_follow_severity_and_policy(
    #[case] severity: &str,
    #[case] failure: &str,
    #[case] counts: (usize, usize, usize),
) {
    let spec = json!({ "failurePolicy": failure,
        "rules": [{ "name": "r", "expression": "object.spec.none == 1", "severity": severity }] });
    let report = Asked::new(deployment()).validate(&policy(&spec));
    assert_eq!(
        (report.violations.len(), report.warnings.len(), report.audit.len()),
        counts
    );
}

#[rstest]
#[case::nothing(json!({}), true)]
#[case::kind(json!({"kinds": ["FlinkDeployment"]}), true)]
#[case::other_kind(json!({"kinds": ["FlinkSessionJob"]}), false)]
#[case::empty_list(json!({"kinds": []}), true)]
#[case::namespace(json!({"namespaces": ["team-b", "team-a"]}), true)]
#[case::other_namespace(json!({"namespaces": ["team-b"]}), false)]
#[case::operation(json!({"operations": ["CREATE"]}), true)]
#[case::other_operation(json!({"operations": ["UPDATE"]}), false)]
#[case::label(json!({"objectSelector": {"matchLabels": {"team": "a"}}}), true)]
#[case::other_label(json!({"objectSelector": {"matchLabels": {"team": "b"}}}), false)]
#[case::expressions(json!({"objectSelector": {"matchExpressions": [{"key": "team", "operator": "In", "values": ["a"]}, {"key": "x", "operator": "DoesNotExist"}]}}), true)]
#[case::not_in(json!({"objectSelector": {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]}}), false)]
#[case::exists(json!({"objectSelector": {"matchExpressions": [{"key": "x", "operator": "Exists"}]}}), false)]
#[case::namespace_label(json!({"namespaceSelector": {"matchLabels": {"env": "prod"}}}), true)]
#[case::other_namespace_label(json!({"namespaceSelector": {"matchLabels": {"env": "dev"}}}), false)]
fn a_policy_is_for_what_it_matches(#[case] matches: Value, #[case] applies: bool) {
    let policy = policy(&json!({ "match": matches, "rules": [{ "name": "r", "expression": "false" }] }));
    assert_eq!(policy.applies(&Asked::new(deployment()).question()), applies);
}

#[test]
fn a_namespaced_policy_is_for_its_namespace() {
    let of = |namespace: &str| {
        let object = json!({ "kind": "FlinkPolicy", "metadata": { "name": "p", "namespace": namespace } });
        Policy::from_json(&object).unwrap()
    };
    let asked = Asked::new(deployment());
    assert!(of("team-a").applies(&asked.question()));
    assert_eq!(of("team-a").name(), "team-a/p");
    assert!(!of("team-b").applies(&asked.question()));
    let elsewhere = json!({ "kind": "FlinkPolicy", "metadata": { "name": "p", "namespace": "a" },
                            "spec": { "match": { "namespaces": ["b"] } } });
    assert_eq!(
        Policy::from_json(&elsewhere).unwrap_err()[0].path,
        "spec.match.namespaces"
    );
}

#[rstest]
#[case("user.name != 'alice'")]
#[case("operation == 'UPDATE'")]
#[case("oldObject != null")]
#[case("namespaceLabels.env == 'dev'")]
fn what_asks_for_a_request_is_left_out_where_there_is_none(#[case] expression: &str) {
    let policy = policy(&rule(expression));
    let mut asked = Asked::new(deployment());
    assert_eq!(asked.validate(&policy).violations.len(), 1);
    (asked.user, asked.operation, asked.labels) = (None, None, None);
    assert_eq!(asked.validate(&policy), Report::default());
}

#[test]
fn a_request_whose_namespace_is_unknown_is_a_failure() {
    let mut asked = Asked::new(deployment());
    asked.labels = None;
    let selecting = policy(
        &json!({ "match": { "namespaceSelector": { "matchLabels": { "a": "b" } } },
                                    "rules": [{ "name": "r", "expression": "true" }] }),
    );
    assert!(selecting.applies(&asked.question()));
    assert!(
        selecting
            .validate(&asked.question())
            .unwrap_err()
            .to_string()
            .contains("labels of the namespace")
    );
    let using = policy(&rule("namespaceLabels.env == 'prod'"));
    assert!(
        asked.validate(&using).violations[0]
            .message
            .contains("labels of the namespace")
    );
    asked.operation = None;
    assert!(!selecting.applies(&asked.question()));
}

#[test]
fn an_update_sees_the_old_object() {
    let policy = policy(&rule(
        "oldObject == null || object.spec.image == oldObject.spec.image || user.name == 'root'",
    ));
    let mut asked = Asked::new(deployment());
    assert_eq!(asked.validate(&policy), Report::default());
    let mut old = deployment();
    old["spec"]["image"] = json!("other");
    (asked.old, asked.operation) = (Some(old), Some(Operation::Update));
    assert_eq!(asked.validate(&policy).violations.len(), 1);
}

#[test]
fn defaults_fill_in_what_is_missing_and_nothing_else() {
    let spec = json!({ "defaults": [
        { "path": "spec.image", "expression": "'other'" },
        { "path": "spec.job.parallelism", "expression": "config['taskmanager.numberOfTaskSlots'] * 2" },
        { "path": "spec.job.upgradeMode", "expression": "'savepoint'" },
        { "path": "metadata.labels.slots", "expression": "config['taskmanager.numberOfTaskSlots']" },
        { "path": "spec.flinkConfiguration[execution.checkpointing.interval]", "expression": "duration('30s')" },
        { "path": "spec.flinkConfiguration['taskmanager.numberOfTaskSlots']", "expression": "8" },
        { "path": "spec.serviceAccount", "expression": "has(object.spec.job) ? 'flink' : null" },
        { "path": "/spec/podTemplate/metadata/labels", "expression": "{'a': 'b'}" },
    ]});
    let policy = policy(&spec);
    let once = Asked::new(deployment()).mutate(&policy);
    let mut expected = deployment();
    expected["spec"]["job"] = json!({ "parallelism": 4, "upgradeMode": "savepoint" });
    expected["metadata"]["labels"]["slots"] = json!("2");
    expected["spec"]["flinkConfiguration"]["execution.checkpointing.interval"] = json!("30000 ms");
    expected["spec"]["podTemplate"]["metadata"] = json!({ "labels": { "a": "b" } });
    assert_eq!(once, expected);
    // The second round sees a job, which the first did not.
    expected["spec"]["serviceAccount"] = json!("flink");
    assert_eq!(Asked::new(once).mutate(&policy), expected);
}

#[test]
fn a_default_that_fails_is_a_failure_that_names_it() {
    let policy = policy(&json!({ "defaults": [{ "path": "spec.x", "expression": "object.spec.none" }] }));
    let failure = policy
        .mutate(&Asked::new(deployment()).question())
        .unwrap_err()
        .to_string();
    assert!(
        failure.starts_with("the default of spec.x cannot be worked out: there is no `none`"),
        "{failure}"
    );
}

#[test]
fn policies_are_found_among_documents() {
    let text = "
apiVersion: sluice.flink.apache.org/v1alpha1
kind: ClusterFlinkPolicy
metadata: { name: good }
spec: { rules: [ { name: r, expression: 'true' } ] }
---
apiVersion: v1
kind: ConfigMap
---
apiVersion: v1
kind: List
items:
  - { apiVersion: sluice.flink.apache.org/v1alpha1, kind: FlinkPolicy, metadata: { name: bad, namespace: ns },
      spec: { rules: [ { name: r, expression: 'tru' } ] } }
";
    let loaded = load_yaml(text).unwrap();
    assert_eq!(loaded.policies.len(), 1);
    assert_eq!(loaded.policies[0].name(), "good");
    let problem = loaded.problems[0].to_string();
    assert!(
        problem.starts_with(
            "document 3, FlinkPolicy bad:\n  spec.rules[0].expression: line 1, column 1: there is no variable `tru`"
        ),
        "{problem}"
    );
    assert!(load_yaml("a: [").is_err());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "[a-z.]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 6, |inner| {
        let name = prop_oneof![
            Just("spec".to_owned()),
            Just("metadata".to_owned()),
            Just("job".to_owned()),
            Just("labels".to_owned()),
            Just("flinkConfiguration".to_owned()),
            Just("parallelism".to_owned()),
            "[a-z]{1,4}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..6).prop_map(|members| json!(members)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_object_gets_an_answer_and_defaults_are_idempotent(object in any_json()) {
        let spec = json!({
            "rules": [
                { "name": "a", "expression": "object.spec.job.parallelism > 1 && size(object) > 0" },
                { "name": "b", "expression": "object.spec.all(k, k != object.metadata.name)",
                  "messageExpression": "'%s'.format([object.spec])" },
            ],
            "defaults": [
                { "path": "spec.job.parallelism", "expression": "3" },
                { "path": "metadata.labels.a", "expression": "1.5" },
                { "path": "spec.flinkConfiguration[a.b]", "expression": "['x']" },
            ],
        });
        let policy = policy(&spec);
        let asked = Asked::new(object);
        let _ = asked.validate(&policy);
        if let Ok(patch) = policy.mutate(&asked.question()) {
            let mut object = asked.object.clone();
            apply(&patch, &mut object).unwrap();
            let again = Asked::new(object);
            prop_assert_eq!(policy.mutate(&again.question()).unwrap(), vec![]);
        }
    }

    #[test]
    fn any_text_compiles_or_says_why(text in "[a-z0-9.()\\[\\]{}'\" +*/%<>=!&|?:,\\\\é\n-]{0,60}") {
        if let Err(mistakes) = Expression::compile(&text) {
            prop_assert!(!mistakes.is_empty());
        }
    }
}
