//! Which values must never be shown.

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

/// Parts that Flink does not know of and that carry credentials all the same: headers of jar downloads, and keys of
/// object stores (`s3.access-key`, `fs.s3a.access.key`).
const MORE_PARTS: [&str; 4] = ["http.header", "access-key", "access.key", "credential"];

/// Whether the value of `key` must not be shown.
#[must_use]
pub fn is_sensitive_key(key: &str) -> bool {
    let key = key.to_lowercase();
    PARTS.iter().chain(&MORE_PARTS).any(|part| key.contains(part))
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
    #[case("taskmanager.numberOfTaskSlots", false)]
    #[case("state.checkpoints.dir", false)]
    fn sensitive(#[case] key: &str, #[case] expected: bool) {
        assert_eq!(is_sensitive_key(key), expected);
        assert_eq!(redact(key, "value"), if expected { REDACTED } else { "value" });
    }
}
