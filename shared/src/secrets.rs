//! Secrets in whole objects: values whose names say so, wherever they stand.

mod hidden;
mod texts;

use std::borrow::Cow;

use serde_json::Value;

use crate::config::{REDACTED, is_sensitive_key};

pub use hidden::Hidden;

/// Texts shorter than this stand in words by chance, and are not looked for in what others wrote.
const SHORTEST: usize = 4;

/// Members that name Secrets and tokens, and hold none.
const REFERENCES: [&str; 13] = [
    "automountServiceAccountToken",
    "controllerExpandSecretRef",
    "controllerPublishSecretRef",
    "imagePullSecrets",
    "nodeExpandSecretRef",
    "nodePublishSecretRef",
    "nodeStageSecretRef",
    "secretKeyRef",
    "secretName",
    "secretNamespace",
    "secretProviderClass",
    "secretRef",
    "serviceAccountToken",
];
/// What a volume says of the Secret in it.
const OF_SECRET_VOLUME: [&str; 5] = ["defaultMode", "items", "name", "optional", "secretName"];

/// `object` with its secrets hidden: what may be shown to people. Secret are values of members with such a name, the
/// `value` beside such a `name` (an environment variable), arguments such as `--password=x` or `--password x`, and within
/// any text the passwords and tokens of URLs, those of addresses (`user:password@host:port`), arguments, lines of a configuration, and all of this in JSON that the text
/// holds.
#[must_use]
pub fn without_secrets(object: &Value) -> Value {
    shown(object, &mut Found::default())
}

/// The secrets that [`without_secrets`] hides in `object`, as far as they are texts or numbers.
#[must_use]
pub fn secrets(object: &Value) -> Vec<String> {
    let mut found = Found::default();
    shown(object, &mut found);
    found.secrets.retain(|secret| secret.len() >= SHORTEST);
    found.secrets
}

/// `text` with the passwords and tokens of the URLs in it hidden.
#[must_use]
pub fn without_secrets_of_urls(text: &str) -> Cow<'_, str> {
    texts::without_those_of_urls(text)
}

/// What is found on the way through an object.
#[derive(Default)]
struct Found {
    secrets: Vec<String>,
    /// In how many texts of JSON, one in the other, the way leads.
    depth: u8,
}

/// `value` without its secrets, which go to `found`.
fn shown(value: &Value, found: &mut Found) -> Value {
    match value {
        Value::Object(members) => {
            let named = members
                .get("name")
                .and_then(Value::as_str)
                .is_some_and(is_sensitive_key);
            let members = members.iter().map(|(name, value)| {
                let is_secret = (is_sensitive_key(name) && !is_reference(name, value)) || (named && name == "value");
                let value = if is_secret {
                    hide(value, found)
                } else {
                    shown(value, found)
                };
                (name.clone(), value)
            });
            Value::Object(members.collect())
        }
        Value::Array(elements) => {
            let before = std::iter::once(None).chain(elements.iter().map(Some));
            let elements = elements.iter().zip(before).map(|(element, before)| match element {
                Value::String(text) => argument(text, before.and_then(Value::as_str), found),
                other => shown(other, found),
            });
            Value::Array(elements.collect())
        }
        Value::String(text) => without(text, found),
        other => other.clone(),
    }
}

fn without(text: &str, found: &mut Found) -> Value {
    Value::from(texts::without(text, found).unwrap_or_else(|| text.to_owned()))
}

/// Whether the member is one of the Kubernetes API that only says which Secret is meant.
fn is_reference(name: &str, value: &Value) -> bool {
    let is_volume = || {
        let members = value.as_object().filter(|members| !members.is_empty());
        members.is_some_and(|members| members.keys().all(|name| OF_SECRET_VOLUME.contains(&name.as_str())))
    };
    REFERENCES.contains(&name) || (name == "secret" && is_volume())
}

/// An element of a list, which may be an argument of a program, behind the one `before` it.
fn argument(text: &str, before: Option<&str>, found: &mut Found) -> Value {
    // All of it is the value, with the white space in it.
    if let Some((name, value)) = text.split_once('=')
        && !name.contains(char::is_whitespace)
        && !name.contains("://")
        && is_sensitive_key(name)
        && !value.is_empty()
    {
        texts::note(value, found);
        return Value::from(format!("{name}={REDACTED}"));
    }
    if before.is_some_and(|before| texts::is_flag(before) && is_sensitive_key(before)) && !texts::is_flag(text) {
        return hide(&Value::from(text), found);
    }
    without(text, found)
}

/// The names stay, so that one can see what there is.
fn hide(value: &Value, found: &mut Found) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), hide(value, found)));
            Value::Object(members.collect())
        }
        Value::Array(elements) => Value::Array(elements.iter().map(|element| hide(element, found)).collect()),
        Value::Null => Value::Null,
        Value::Bool(_) => Value::from(REDACTED),
        Value::Number(number) => {
            found.secrets.push(number.to_string());
            Value::from(REDACTED)
        }
        Value::String(text) => {
            texts::note(text, found);
            Value::from(REDACTED)
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::member(json!({ "s3.secret-key": "hunter2", "a": "b" }), json!({ "s3.secret-key": "******", "a": "b" }), &["hunter2"])]
    #[case::nested(json!({ "password": { "a": ["hunter2"] } }), json!({ "password": { "a": ["******"] } }), &["hunter2"])]
    #[case::env(
        json!([{ "name": "DB_PASSWORD", "value": "hunter2" }, { "name": "HOST", "value": "example.com" }]),
        json!([{ "name": "DB_PASSWORD", "value": "******" }, { "name": "HOST", "value": "example.com" }]),
        &["hunter2"]
    )]
    #[case::reference(
        json!({ "name": "PASSWORD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } }),
        json!({ "name": "PASSWORD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } }),
        &[]
    )]
    #[case::secret_key(
        json!({ "name": "PASSWORD", "valueFrom": { "secretKeyRef": { "name": "database", "key": "password" } } }),
        json!({ "name": "PASSWORD", "valueFrom": { "secretKeyRef": { "name": "database", "key": "password" } } }),
        &[]
    )]
    #[case::volume(
        json!({ "secret": { "secretName": "database" } }),
        json!({ "secret": { "secretName": "database" } }),
        &[]
    )]
    #[case::csi(
        json!({ "csi": { "nodePublishSecretRef": { "name": "vault" }, "volumeAttributes": { "secretProviderClass": "aws" } } }),
        json!({ "csi": { "nodePublishSecretRef": { "name": "vault" }, "volumeAttributes": { "secretProviderClass": "aws" } } }),
        &[]
    )]
    #[case::azure_file(
        json!({ "azureFile": { "secretName": "a", "secretNamespace": "b" } }),
        json!({ "azureFile": { "secretName": "a", "secretNamespace": "b" } }),
        &[]
    )]
    #[case::last_applied(
        json!({ "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "{\"spec\":{\"s3.secret-key\":\"hunter2\"}}\n" } }),
        json!({ "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "{\"spec\":{\"s3.secret-key\":\"******\"}}" } }),
        &["hunter2"]
    )]
    #[case::last_reconciled(
        json!({ "reconciliationStatus": { "lastReconciledSpec": "{\"spec\":{\"job\":{\"args\":[\"--token\",\"hunter2\"]}}}" } }),
        json!({ "reconciliationStatus": { "lastReconciledSpec": "{\"spec\":{\"job\":{\"args\":[\"--token\",\"******\"]}}}" } }),
        &["hunter2"]
    )]
    #[case::jar(
        json!({ "jarURI": "https://user:hunter2@repo/a.jar" }),
        json!({ "jarURI": "https://user:******@repo/a.jar" }),
        &["hunter2"]
    )]
    #[case::jvm_options(
        json!({ "env.java.opts.all": "-Da=b -Dapi.token=hunter2" }),
        json!({ "env.java.opts.all": "-Da=b -Dapi.token=******" }),
        &["hunter2"]
    )]
    #[case::script(
        json!({ "command": ["sh", "-c", "exec run --password hunter2 --x"] }),
        json!({ "command": ["sh", "-c", "exec run --password ****** --x"] }),
        &["hunter2"]
    )]
    #[case::second_sign(json!(["--conf=s3.secret-key=hunter2"]), json!(["--conf=s3.secret-key=******"]), &["hunter2"])]
    #[case::several_in_one(
        json!(["-Dtoken=hunter2 -Da=b"]),
        json!(["-Dtoken=******"]),
        &["hunter2 -Da=b", "hunter2"]
    )]
    #[case::header(
        json!([{ "name": "Authorization", "value": "Bearer hunter2" }]),
        json!([{ "name": "Authorization", "value": "******" }]),
        &["Bearer hunter2", "hunter2"]
    )]
    #[case::env_of_keys(
        json!([{ "name": "MY_API_KEY", "value": "hunter2" }, { "name": "PRIVATE_KEY", "value": "hunter3" }]),
        json!([{ "name": "MY_API_KEY", "value": "******" }, { "name": "PRIVATE_KEY", "value": "******" }]),
        &["hunter2", "hunter3"]
    )]
    #[case::nested_option(json!({ "s3": { "secret": { "key": "hunter2" } } }), json!({ "s3": { "secret": { "key": "******" } } }), &["hunter2"])]
    #[case::joined(json!({ "args": ["--password=hunter2", "--a=b"] }), json!({ "args": ["--password=******", "--a=b"] }), &["hunter2"])]
    #[case::following(json!(["--token", "hunter2", "x"]), json!(["--token", "******", "x"]), &["hunter2"])]
    #[case::property(json!(["-Dapi.token=a=bcd"]), json!(["-Dapi.token=******"]), &["a=bcd"])]
    #[case::flag_behind_flag(json!(["--no-password", "--verbose"]), json!(["--no-password", "--verbose"]), &[])]
    #[case::prose(json!(["the password is x=y"]), json!(["the password is x=y"]), &[])]
    #[case::number(json!({ "token": 123_456 }), json!({ "token": "******" }), &["123456"])]
    #[case::short(json!({ "token": "abc" }), json!({ "token": "******" }), &[])]
    #[case::null(json!({ "token": null, "secret": true }), json!({ "token": null, "secret": "******" }), &[])]
    #[case::scalar(json!("password"), json!("password"), &[])]
    fn are_hidden_and_found(#[case] object: Value, #[case] expected: Value, #[case] found: &[&str]) {
        assert_eq!(without_secrets(&object), expected);
        assert_eq!(secrets(&object), found);
    }
}
