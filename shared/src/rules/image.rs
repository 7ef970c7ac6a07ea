//! `spec.image` and `spec.imagePullPolicy`.

use super::report::Findings;
use super::subject::Deployment;
use super::table::{CLUSTERS, Cause, Check, Rule, Severity};

const POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "image-invalid",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "image is an image reference: registry, path in lower case, tag and digest",
        why: "The pods would never start",
        fix: FIX,
        since: "0.1",
        check: Check::Deployment(image_is_a_reference),
    },
    Rule {
        code: "image-pull-policy-unknown",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::NotSupported),
        what: "imagePullPolicy is Always, IfNotPresent or Never",
        why: "Kubernetes knows no other policy",
        fix: "write Always, IfNotPresent or Never",
        since: "0.1",
        check: Check::Deployment(pull_policy_is_known),
    },
    Rule {
        code: "image-tag-mutable",
        kinds: CLUSTERS,
        severity: Severity::Warn,
        what: "image has a tag other than latest, or a digest",
        why: "The tag can come to mean another Flink version: a restarted pod would then not read the job's state, or not find the others",
        fix: "name a version, such as flink:1.20, or a digest",
        since: "0.1",
        check: Check::Deployment(image_is_pinned),
    },
];

const FIX: &str = "write a reference such as flink:1.20 or registry.example.com/team/image:1.0";

/// A reference in its parts (the grammar of `distribution/reference`).
struct Reference<'t> {
    tag: Option<&'t str>,
    digest: Option<&'t str>,
}

fn parse(text: &str) -> Result<Reference<'_>, &'static str> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    // A colon before the last slash is that of a port.
    let name_at = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match rest[name_at..].find(':') {
        Some(colon) => (&rest[..name_at + colon], Some(&rest[name_at + colon + 1..])),
        None => (rest, None),
    };
    if name.is_empty() {
        return Err("has no name");
    }
    if name.len() > 255 {
        return Err("has a name of more than 255 characters");
    }
    let (registry, path) = match name.split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" || is_bracketed(first) => {
            (Some(first), path)
        }
        _ => (None, name),
    };
    if registry.is_some_and(|registry| !is_registry(registry)) {
        return Err("names no registry: a host, and a port where needed");
    }
    if path.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err("has upper-case letters in its name");
    }
    if !path.split('/').all(is_component) {
        return Err("has a name that is none: lower-case letters and digits, with '.', '_', '-' between them");
    }
    if tag.is_some_and(|tag| !is_tag(tag)) {
        return Err("has a tag that is none: at most 128 letters, digits, '_', '.' and '-'");
    }
    if digest.is_some_and(|digest| !is_digest(digest)) {
        return Err("has a digest that is none, such as sha256: and 64 hexadecimal digits");
    }
    Ok(Reference { tag, digest })
}

fn is_bracketed(host: &str) -> bool {
    host.starts_with('[')
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let host_is_fine = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_label),
    };
    host_is_fine && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

/// Letters and digits, with one `.`, one or two `_`, or any number of `-` between them.
fn is_component(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends_are_words = bytes.first().is_some_and(|b| is_word(*b)) && bytes.last().is_some_and(|b| is_word(*b));
    ends_are_words
        && text
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .all(|between| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|b| b == b'-'))
}

fn is_tag(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        let is_hex = hex.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
        let length_is_fine = match algorithm {
            "sha256" => hex.len() == 64,
            "sha512" => hex.len() == 128,
            _ => hex.len() >= 32,
        };
        !algorithm.is_empty()
            && algorithm
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+._-".contains(&b))
            && is_hex
            && length_is_fine
    })
}

/// What is wrong with `text` as an image reference, or `None`. A blank one is taken as absent.
#[must_use]
pub(super) fn problem(text: &str) -> Option<&'static str> {
    if text.trim().is_empty() {
        return None;
    }
    parse(text).err()
}

fn image_is_a_reference(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if let Some(image) = subject.spec.image.as_deref()
        && let Some(problem) = problem(image)
    {
        findings.add_value(
            subject.path("image"),
            image,
            format!("the image \"{image}\" {problem}"),
            FIX,
        );
    }
}

fn pull_policy_is_known(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let policy = subject.spec.image_pull_policy.as_deref().unwrap_or_default();
    if !policy.trim().is_empty() && !POLICIES.contains(&policy) {
        findings.add_value(
            subject.path("imagePullPolicy"),
            policy,
            format!("\"{policy}\" is no policy"),
            "write Always, IfNotPresent or Never",
        );
    }
}

fn image_is_pinned(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let Some(image) = subject.spec.image.as_deref().filter(|image| !image.trim().is_empty()) else {
        return;
    };
    let Ok(reference) = parse(image) else { return };
    if reference.digest.is_some() {
        return;
    }
    let problem = match reference.tag {
        None => "has no tag, which means latest",
        Some("latest") => "has the tag latest",
        Some(_) => return,
    };
    findings.add(
        subject.path("image"),
        format!("the image \"{image}\" {problem}: it can change under a running job"),
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[rstest]
    #[case("flink")]
    #[case("flink:1.20")]
    #[case("flink:1.20-scala_2.12-java17")]
    #[case("library/flink")]
    #[case("registry.example.com/a/b/c:1")]
    #[case("localhost/flink:1")]
    #[case("localhost:5000/flink")]
    #[case("Registry.Example.COM:5000/flink")]
    #[case("[::1]:5000/flink:1")]
    #[case("a__b/c-d--e/f.g_h")]
    #[case("")]
    #[case(" ")]
    fn good(#[case] text: &str) {
        assert_eq!(problem(text), None);
        if !text.trim().is_empty() {
            assert_eq!(problem(&format!("{text}@{DIGEST}")), None);
        }
    }

    #[rstest]
    #[case("Flink:1.20", "upper-case")]
    #[case("my flink", "name that is none")]
    #[case("flink:", "tag")]
    #[case("flink:-1", "tag")]
    #[case("flink:a b", "tag")]
    #[case("flink@sha256:12", "digest")]
    #[case("flink@", "digest")]
    #[case(":1.20", "no name")]
    #[case("https://example.com/flink", "registry")]
    #[case("example.com:port/flink", "registry")]
    #[case("example.com/", "name that is none")]
    #[case("a//b", "name that is none")]
    #[case("_a", "name that is none")]
    #[case("a..b", "name that is none")]
    #[case("a___b", "name that is none")]
    fn bad(#[case] text: &str, #[case] part: &str) {
        let problem = problem(text).unwrap();
        assert!(problem.contains(part), "{text}: {problem}");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,30}|[a-z:@/.\\[\\]-]{0,30}") {
            let _ = problem(&text);
        }
    }
}
