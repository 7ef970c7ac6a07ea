//! No finding shows a secret.

use rstest::rstest;
use serde_json::{Value, json};

use super::objects::{changed, codes, judge};
use crate::config::REDACTED;
use crate::rules::Kind;

#[test]
fn secrets_are_not_shown() {
    let object = changed(
        Kind::FlinkDeployment,
        &json!({ "spec": { "flinkConfiguration": { "kubernetes.env.secretKeyRef": "hunter2" } } }),
    );
    let report = judge(Kind::FlinkDeployment, &object, None);
    assert_eq!(codes(&report), ["config-value"]);
    assert_eq!(report.violations[0].value.as_deref(), Some(REDACTED));
    assert!(!format!("{report} {report:?}").contains("hunter2"));
}

/// Rules quote what is wrong, and in what they quote there may be a password.
#[rstest]
#[case::image(Kind::FlinkDeployment, json!({ "image": "https://user:hunter2@registry/my image" }), "image-invalid")]
#[case::image_of_a_pod(
    Kind::FlinkDeployment,
    json!({ "podTemplate": { "spec": { "containers": [{ "name": "a", "image": "https://user:hunter2@registry/my image" }] } } }),
    "pod-template-image"
)]
#[case::jar(Kind::FlinkSessionJob, json!({ "job": { "jarURI": "https://user:hunter2@h/a b?token=hunter2" } }), "jar-uri-invalid")]
#[case::ingress(Kind::FlinkDeployment, json!({ "ingress": { "template": "https://user:hunter2@h" } }), "ingress-template-invalid")]
#[case::ingress_without_scheme(Kind::FlinkDeployment, json!({ "ingress": { "template": "user:hunter2@h" } }), "ingress-template-invalid")]
#[case::ingress_with_slash(Kind::FlinkDeployment, json!({ "ingress": { "template": "user:hunter2/3@h" } }), "ingress-template-invalid")]
#[case::ingress_of_another_scheme(Kind::FlinkDeployment, json!({ "ingress": { "template": "ftp://user:hunter2@h" } }), "ingress-template-invalid")]
#[case::parent_ingress(Kind::FlinkBlueGreenDeployment, json!({ "ingress": { "template": "user:hunter2@h" } }), "parent-ingress-invalid")]
fn passwords_of_urls_are_not_shown(#[case] kind: Kind, #[case] spec: Value, #[case] code: &str) {
    let report = judge(kind, &changed(kind, &json!({ "spec": spec })), None);
    assert_eq!(codes(&report), [code]);
    assert!(!format!("{report} {report:?}").contains("hunter2"), "{report:?}");
}

#[rstest]
#[case::configuration(json!({ "flinkConfiguration": { "fs.a": "hunter2\nkubernetes.cluster-id: other" } }))]
#[case::argument(json!({ "job": { "args": ["--password", "hunter2\nkubernetes.cluster-id: other"] } }))]
fn a_value_that_sets_another_key_is_refused(#[case] spec: Value) {
    let object = changed(Kind::FlinkDeployment, &json!({ "spec": spec }));
    let report = judge(Kind::FlinkDeployment, &object, None);
    assert_eq!(codes(&report), ["config-lines"]);
    assert_eq!(
        report.warnings.iter().map(|w| w.code.as_ref()).collect::<Vec<_>>(),
        ["config-value-cut"]
    );
    assert!(!format!("{report} {report:?}").contains("hunter2"));
}
