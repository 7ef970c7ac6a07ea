//! Order, failures and patches of extensions.

use serde_json::json;

use super::*;

#[derive(Debug)]
struct Fixed(&'static str, i32, FailurePolicy, Result<Report, Failure>);

impl Extension for Fixed {
    fn name(&self) -> &str {
        self.0
    }
    fn order(&self) -> i32 {
        self.1
    }
    fn failure_policy(&self) -> FailurePolicy {
        self.2
    }
    fn applies(&self, question: &Question<'_>) -> bool {
        question.metadata("name") == "here"
    }
    fn validate(&self, _: &Question<'_>) -> Result<Report, Failure> {
        self.3.clone()
    }
}

fn refusing(name: &'static str, order: i32) -> Arc<dyn Extension> {
    let violation = Violation {
        path: "spec".to_owned(),
        code: name.into(),
        message: "no".to_owned(),
        fix: "do not".to_owned(),
        value: None,
    };
    let report = Report {
        violations: vec![violation],
        ..Report::default()
    };
    Arc::new(Fixed(name, order, FailurePolicy::Closed, Ok(report)))
}

fn ask(extensions: &Extensions, name: &str) -> Report {
    ask_until(extensions, name, None)
}

fn ask_until(extensions: &Extensions, name: &str, deadline: Option<Instant>) -> Report {
    extensions.validate(&Question {
        kind: Kind::FlinkDeployment,
        object: &json!({ "metadata": { "name": name } }),
        old: None,
        config: &FlinkConfig::default(),
        namespace_labels: None,
        request: Request {
            deadline,
            ..Request::default()
        },
    })
}

fn codes(answer: &Report) -> Vec<&str> {
    answer.violations.iter().map(|v| v.code.as_ref()).collect()
}

#[test]
fn sources_are_replaced_one_by_one_and_called_in_order() {
    let extensions = Extensions::default();
    extensions.replace("cel", vec![refusing("c", 1), refusing("b", 0)]);
    extensions.replace("wasm", vec![refusing("a", 0), refusing("z", -1)]);
    assert_eq!(codes(&ask(&extensions, "here")), ["z", "a", "b", "c"]);
    assert_eq!(ask(&extensions, "elsewhere"), Report::default());
    extensions.replace("cel", Vec::new());
    assert_eq!(codes(&ask(&extensions, "here")), ["z", "a"]);
}

#[derive(Debug, Default)]
struct Heard(RwLock<Vec<(String, &'static str, bool)>>);

impl Observer for Heard {
    fn called(&self, call: &Call<'_>) {
        let mut heard = self.0.write().unwrap();
        heard.push((call.name.to_owned(), call.method, call.failure.is_some()));
    }
}

#[test]
fn the_observer_hears_of_calls_and_failures() {
    let extensions = Extensions::default();
    let heard = Arc::new(Heard::default());
    extensions.observe(Arc::clone(&heard) as Arc<dyn Observer>);
    let failing = Fixed("f", 1, FailurePolicy::Open, Err(Failure("no".to_owned())));
    extensions.replace("wasm", vec![refusing("a", 0), Arc::new(failing)]);
    let _ = ask(&extensions, "here");
    let _ = ask(&extensions, "elsewhere");
    assert_eq!(
        *heard.0.read().unwrap(),
        [("a".to_owned(), "validate", false), ("f".to_owned(), "validate", true)]
    );
}

/// Sets `spec.<name>` to the number of members that `spec` has so far.
#[derive(Debug)]
struct Filling(&'static str, &'static str, FailurePolicy);

impl Extension for Filling {
    fn name(&self) -> &str {
        self.0
    }
    fn failure_policy(&self) -> FailurePolicy {
        self.2
    }
    fn applies(&self, _: &Question<'_>) -> bool {
        true
    }
    fn validate(&self, _: &Question<'_>) -> Result<Report, Failure> {
        Ok(Report::default())
    }
    fn mutate(&self, question: &Question<'_>) -> Result<Vec<PatchOperation>, Failure> {
        assert_eq!(
            question.config.get("seen").is_some(),
            self.0 != "a",
            "the configuration follows"
        );
        let seen = question.object["spec"].as_object().unwrap().len();
        Ok(vec![PatchOperation::Add {
            path: self.1.to_owned(),
            value: json!(seen),
        }])
    }
}

#[test]
fn each_sees_what_those_before_it_changed() {
    let extensions = Extensions::default();
    let object = json!({ "spec": {} });
    let mutate = |last: Filling| {
        let first: Arc<dyn Extension> = Arc::new(Filling("a", "/spec/a", FailurePolicy::Closed));
        let second = Arc::new(Filling("b", "/spec/b", FailurePolicy::Closed));
        extensions.replace("wasm", vec![second, Arc::new(last), first]);
        let question = Question {
            kind: Kind::FlinkDeployment,
            object: &object,
            old: None,
            config: &FlinkConfig::default(),
            namespace_labels: None,
            request: Request::default(),
        };
        extensions.mutate(&question, &|object| {
            assert!(object["spec"]["a"].is_number());
            [("seen", "yes")].into_iter().collect()
        })
    };
    let patched = |mutation: &Mutation| {
        let mut object = object.clone();
        defaults::apply(&mutation.patch, &mut object).unwrap();
        object["spec"].clone()
    };
    let all = mutate(Filling("c", "/spec/c", FailurePolicy::Closed));
    assert_eq!(patched(&all), json!({ "a": 0, "b": 1, "c": 2 }));
    assert_eq!(all.report, Report::default());

    for (path, reason) in [
        ("/metadata/name", "changes /metadata/name"),
        ("/specification", "changes /specification"),
        ("/spec/none/x", "operation 1 of its patch (/spec/none/x)"),
    ] {
        let closed = mutate(Filling("c", path, FailurePolicy::Closed));
        assert_eq!(patched(&closed), json!({ "a": 0, "b": 1 }), "the others' changes stay");
        assert!(
            closed.report.violations[0].message.contains(reason),
            "{:?}",
            closed.report
        );
        let open = mutate(Filling("c", path, FailurePolicy::Open));
        assert!(open.report.is_valid());
        assert!(open.report.warnings[0].message.contains(reason));
    }
}

#[test]
fn no_answer_refuses_or_warns() {
    let extensions = Extensions::default();
    let failing = |policy| Arc::new(Fixed("f", 0, policy, Err(Failure("it took too long".to_owned()))));
    extensions.replace("wasm", vec![failing(FailurePolicy::Closed)]);
    let answer = ask(&extensions, "here");
    assert_eq!(codes(&answer), ["extension-failed"]);
    assert!(answer.violations[0].message.ends_with("it took too long"));
    extensions.replace("wasm", vec![failing(FailurePolicy::Open)]);
    let answer = ask(&extensions, "here");
    assert!(answer.is_valid());
    assert_eq!(answer.warnings[0].code, "extension-failed");
}

#[test]
fn nobody_is_asked_after_the_deadline() {
    let extensions = Extensions::default();
    extensions.replace("cel", vec![refusing("a", 1), refusing("b", 2)]);
    let later = Instant::now() + Duration::from_mins(1);
    assert_eq!(codes(&ask_until(&extensions, "here", Some(later))), ["a", "b"]);
    let answer = ask_until(&extensions, "here", Some(Instant::now()));
    assert_eq!(codes(&answer), ["extension-failed", "extension-failed"]);
    assert!(
        answer.violations[0]
            .message
            .ends_with("the time for this request is over")
    );
}
