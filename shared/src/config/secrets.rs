//! Which values must never be shown.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Stands for a hidden value, as in Flink's own logs (`GlobalConfiguration.HIDDEN_CONTENT`).
pub const REDACTED: &str = "******";

/// Parts of keys whose values are secret (Flink's `GlobalConfiguration.SENSITIVE_KEYS`).
const PARTS: [&str; 11] = [
    "password",
    "secret",
    "fs.azure.account.key",
    "apikey",
    "api-key",
    "auth-params",
    "service-key",
    "token",
    "basic-auth",
    "jaas.config",
    "http-headers",
];

/// Parts that Flink does not know of and that carry credentials all the same: headers of jar downloads, keys of object
/// stores (`s3.access-key`, `fs.s3a.access.key`), and names that environments and programs use.
const MORE_PARTS: [&str; 12] = [
    "http.header",
    "access-key",
    "access.key",
    "access_key",
    "credential",
    "api_key",
    "private-key",
    "private_key",
    "privatekey",
    "passwd",
    "passphrase",
    "authorization",
];

/// Finds any of the parts in one pass: keys are asked about for every object.
static ANY_PART: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let mut builder = AhoCorasick::builder();
    builder.ascii_case_insensitive(true);
    // Fails for lists of millions only.
    builder.build(PARTS.iter().chain(&MORE_PARTS)).ok()
});

/// Whether the value of `key` must not be shown.
#[must_use]
pub fn is_sensitive_key(key: &str) -> bool {
    let holds_part = |key: &str| ANY_PART.as_ref().is_none_or(|parts| parts.is_match(key));
    // Other scripts have letters, too, whose lower case is ASCII.
    holds_part(key) || !key.is_ascii() && holds_part(&key.to_lowercase())
}

/// `value`, or [`REDACTED`] where `key` is sensitive.
#[must_use]
pub fn redact<'a>(key: &str, value: &'a str) -> &'a str {
    if is_sensitive_key(key) { REDACTED } else { value }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("s3.secret-key", true)]
    #[case("s3.access-key", true)]
    #[case("security.ssl.rest.keystore-Password", true)]
    #[case("fs.azure.account.key.me.blob.core.windows.net", true)]
    #[case("kubernetes.operator.user.artifacts.http.header", true)]
    #[case("metrics.reporter.x.apikey", true)]
    #[case("AWS_ACCESS_KEY_ID", true)]
    #[case("OPENAI_API_KEY", true)]
    #[case("ssl.privateKey", true)]
    #[case("MYSQL_PASSWD", true)]
    #[case("high-availability.zookeeper.client.authorization", true)]
    #[case("my.to\u{212a}en", true)]
    #[case("taskmanager.numberOfTaskSlots", false)]
    #[case("state.checkpoints.dir", false)]
    #[case("pipeline.key-groups", false)]
    fn sensitive(#[case] key: &str, #[case] expected: bool) {
        assert_eq!(is_sensitive_key(key), expected);
        assert_eq!(redact(key, "value"), if expected { REDACTED } else { "value" });
    }
}
