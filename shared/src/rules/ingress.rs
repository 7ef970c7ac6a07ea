//! `spec.ingress`.

use super::report::Findings;
use super::subject::{BlueGreen, Deployment};
use super::table::{BLUE_GREENS, CLUSTERS, Cause, Check, Rule, Severity};
use crate::api::IngressSpec;
use crate::config::REDACTED;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "ingress-template-missing",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Required),
        what: "An ingress has a template",
        why: "Host and path of the Ingress come from it",
        fix: "set template, such as \"{{name}}.{{namespace}}.example.com\" or \"/{{namespace}}/{{name}}(/|$)(.*)\", or remove ingress",
        since: "0.1",
        check: Check::Deployment(template_is_given),
    },
    Rule {
        code: "ingress-template-invalid",
        kinds: CLUSTERS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "The template, its variables replaced, is a host, a path, or both, without a user and of no scheme but http and https",
        why: "Kubernetes would refuse the Ingress, or nothing would reach it: an Ingress holds a host and a path only",
        fix: FIX,
        since: "0.1",
        check: Check::Deployment(template_is_valid),
    },
    Rule {
        code: "parent-ingress-invalid",
        kinds: BLUE_GREENS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "The ingress of a blue/green deployment has a template that is a host, a path, or both, without a user and of no scheme but http and https",
        why: "Kubernetes would refuse the Ingress, or nothing would reach it: an Ingress holds a host and a path only",
        fix: FIX,
        since: "0.1",
        check: Check::BlueGreen(parent_template_is_valid),
    },
];

const FIX: &str =
    "write a host, a path, or both, such as \"{{name}}.{{namespace}}.example.com\" or \"example.com/{{name}}\"";

/// What an ingress template stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Host of the Ingress's rule; every host where absent.
    pub host: Option<String>,
    /// Path of the Ingress's rule, which may be a regular expression for the ingress controller.
    pub path: Option<String>,
}

/// Replaces `{{name}}` and `{{namespace}}` (in any case) in `template` and takes host and path out of the URL; `http://`
/// is put before it where no scheme stands. Port, query and fragment are dropped.
///
/// The Java operator puts `http://` before other schemes, too: the host of `ftp://h` is `ftp` then, which is nobody's. It
/// drops users, who then get in without the password that was meant to keep others out.
///
/// # Errors
/// What is wrong, as a clause that begins with the wrong part.
pub fn address(template: &str, name: &str, namespace: &str) -> Result<Address, String> {
    // As Java's URL does: a block in YAML ends in a line break.
    let text = replace_ignoring_case(template.trim_matches(|c| c <= ' '), "{{name}}", name);
    let text = replace_ignoring_case(&text, "{{namespace}}", namespace);
    let rest = match text.split_once("://") {
        Some((scheme, rest)) if ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) => rest,
        Some((scheme, _)) if is_scheme(scheme) => {
            return Err(format!("the scheme \"{scheme}\" is neither http nor https"));
        }
        _ => text.as_str(),
    };
    let (authority, path) = match rest.find(['/', '?', '#']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    // The characters after which Java's URL ends the path. A regular expression such as "(/|$)(.*)" has none of them.
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(HOLDS_A_USER.to_owned());
    }
    if authority.starts_with('[') {
        return Err(is_address(authority));
    }
    // Java's URL reads the port as an int.
    let is_port =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && (port.is_empty() || port.parse::<i32>().is_ok());
    let host = match authority.split_once(':') {
        Some((host, port)) if is_port(port) => host,
        // A password may hold a slash, or what else should have been escaped.
        Some(_) if rest.contains('@') => return Err(HOLDS_A_USER.to_owned()),
        Some((_, port)) => return Err(format!("the port \"{port}\" is no number")),
        None => authority,
    };
    if !host.is_empty() {
        check_host(host)?;
    }
    if host.is_empty() && path.is_empty() {
        return Err("the template names neither a host nor a path".to_owned());
    }
    let given = |part: &str| (!part.trim().is_empty()).then(|| part.to_owned());
    Ok(Address {
        host: given(host),
        path: given(path),
    })
}

const HOLDS_A_USER: &str = "the template holds a user, which an Ingress has no place for";

fn is_address(host: &str) -> String {
    format!("the host \"{host}\" is an address, and an Ingress needs a DNS name")
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// `template` as anybody may read it: what stands before an `@` may be a password.
fn shown(template: &str) -> String {
    match template.rfind('@') {
        Some(at) => format!("{REDACTED}{}", &template[at..]),
        None => template.to_owned(),
    }
}

/// As Kubernetes checks the host of an Ingress (`IsDNS1123Subdomain`, which limits no label): a DNS name, with `*.` before
/// it allowed, and no address.
fn check_host(host: &str) -> Result<(), String> {
    if host.contains("{{") {
        return Err(format!(
            "the host \"{host}\" holds an unknown variable; known are {{{{name}}}} and {{{{namespace}}}}"
        ));
    }
    if host.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err(is_address(host));
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if name.len() > 253 {
        return Err(format!(
            "the host has {} characters, and a DNS name 253 at most",
            host.len()
        ));
    }
    if !name.split('.').all(is_label) {
        return Err(format!(
            "the host \"{host}\" is no DNS name of lower-case letters, digits, '-' and '.'"
        ));
    }
    Ok(())
}

fn replace_ignoring_case(text: &str, variable: &str, value: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let matches = rest
            .get(..variable.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(variable));
        if matches {
            result.push_str(value);
            rest = &rest[variable.len()..];
        } else {
            let mut chars = rest.chars();
            result.extend(chars.next());
            rest = chars.as_str();
        }
    }
    result
}

fn template_is_given(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    if subject
        .spec
        .ingress
        .as_ref()
        .is_some_and(|ingress| ingress.template.is_none())
    {
        findings.add(subject.path("ingress.template"), "the ingress has no template");
    }
}

fn template_is_valid(subject: &Deployment<'_>, findings: &mut Findings<'_>) {
    let template = subject
        .spec
        .ingress
        .as_ref()
        .and_then(|ingress| ingress.template.as_deref());
    // The children of a blue/green deployment get their colour before the template.
    let of_child = template
        .filter(|_| subject.root != "spec")
        .map(|template| format!("green-{template}"));
    let Some(text) = of_child.as_deref().or(template) else {
        return;
    };
    if let Err(mut problem) = address(text, &subject.name, subject.namespace) {
        let alone = template.map(|template| address(template, &subject.name, subject.namespace));
        if of_child.is_some() && alone.is_some_and(|alone| alone.is_ok()) {
            problem.push_str("; a child's colour goes before its template, which therefore has to begin with a name");
        }
        findings.add_value(
            subject.path("ingress.template"),
            shown(template.unwrap_or_default()),
            problem,
            FIX,
        );
    }
}

fn parent_template_is_valid(subject: &BlueGreen<'_>, findings: &mut Findings<'_>) {
    if subject
        .spec
        .ingress
        .as_ref()
        .is_some_and(|ingress| ingress.template.is_none())
    {
        findings.add("spec.ingress.template", "the ingress has no template");
    }
    check_template(
        subject.spec.ingress.as_ref(),
        (&subject.name, subject.namespace),
        "spec.ingress.template",
        findings,
    );
}

fn check_template(
    ingress: Option<&IngressSpec>,
    (name, namespace): (&str, &str),
    path: &str,
    findings: &mut Findings<'_>,
) {
    if let Some(template) = ingress.and_then(|ingress| ingress.template.as_deref())
        && let Err(problem) = address(template, name, namespace)
    {
        findings.add_value(path, shown(template), problem, FIX);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("flink.example.com", Some("flink.example.com"), None)]
    #[case("{{name}}.{{namespace}}.flink.k8s.io", Some("my-job.team-a.flink.k8s.io"), None)]
    #[case("{{NAME}}.example.com/{{Namespace}}", Some("my-job.example.com"), Some("/team-a"))]
    #[case("https://example.com:8443/a?b=c#d", Some("example.com"), Some("/a"))]
    #[case("/{{namespace}}/{{name}}(/|$)(.*)", None, Some("/team-a/my-job(/|$)(.*)"))]
    #[case(
        "example.com/{{namespace}}/{{name}}(/|$)(.*)",
        Some("example.com"),
        Some("/team-a/my-job(/|$)(.*)")
    )]
    #[case("*.example.com", Some("*.example.com"), None)]
    #[case("HTTP://example.com", Some("example.com"), None)]
    #[case(" {{name}}.example.com\n", Some("my-job.example.com"), None)]
    #[case(
        "a-label-of-more-than-sixty-three-characters-which-kubernetes-does-not-mind.b",
        Some("a-label-of-more-than-sixty-three-characters-which-kubernetes-does-not-mind.b"),
        None
    )]
    #[case("example.com:/a", Some("example.com"), Some("/a"))]
    #[case("example.com/a@b", Some("example.com"), Some("/a@b"))]
    #[case("example.com/?u=ftp://a", Some("example.com"), Some("/"))]
    #[case("http:///{{name}}(/|$)(.*)", None, Some("/my-job(/|$)(.*)"))]
    fn addresses(#[case] template: &str, #[case] host: Option<&str>, #[case] path: Option<&str>) {
        let expected = Address {
            host: host.map(str::to_owned),
            path: path.map(str::to_owned),
        };
        assert_eq!(address(template, "my-job", "team-a"), Ok(expected));
    }

    #[rstest]
    #[case("", "the template names neither a host nor a path")]
    #[case("example.com:http/a", "the port \"http\" is no number")]
    #[case(
        "{{cluster}}.example.com",
        "the host \"{{cluster}}.example.com\" holds an unknown variable; known are {{name}} and {{namespace}}"
    )]
    #[case("ftp://u:hunter2@example.com", "the scheme \"ftp\" is neither http nor https")]
    #[case("tcp://example.com", "the scheme \"tcp\" is neither http nor https")]
    #[case("https://u:hunter2@example.com/a", HOLDS_A_USER)]
    #[case("u@example.com", HOLDS_A_USER)]
    #[case("u:hunter/2@example.com", HOLDS_A_USER)]
    #[case("https://u:hun#ter2@example.com", HOLDS_A_USER)]
    #[case("https://u:hun?ter2@example.com", HOLDS_A_USER)]
    #[case("@example.com", HOLDS_A_USER)]
    #[case("example.com:99999999999", "the port \"99999999999\" is no number")]
    #[case("example.com:-1", "the port \"-1\" is no number")]
    #[case(
        "http://[::1]:8081/a",
        "the host \"[::1]:8081\" is an address, and an Ingress needs a DNS name"
    )]
    #[case("10.0.0.1/a", "the host \"10.0.0.1\" is an address, and an Ingress needs a DNS name")]
    #[case(
        "Example.com",
        "the host \"Example.com\" is no DNS name of lower-case letters, digits, '-' and '.'"
    )]
    #[case(
        "a..b",
        "the host \"a..b\" is no DNS name of lower-case letters, digits, '-' and '.'"
    )]
    fn refuses(#[case] template: &str, #[case] problem: &str) {
        assert_eq!(address(template, "my-job", "team-a"), Err(problem.to_owned()));
    }

    proptest! {
        #[test]
        fn never_panics(template in "\\PC{0,20}|(\\{\\{name\\}\\}|[a-z:/?#@.*]){0,12}") {
            let _ = address(&template, "my-job", "team-a");
        }
    }
}
