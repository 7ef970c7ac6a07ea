//! What an expression comes to, what is refused, and what it may cost.

use crate::common::{Asked, judged, policy, rule, try_policy};
use std::time::Instant;

use rstest::rstest;
use serde_json::{Value, json};
use sluice_policies::Expression;
use sluice_shared::rules::Report;

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
