//! `spec.ingress`.

use super::report::Findings;
use super::subject::{BlueGreen, Deployment};
use super::table::{BLUE_GREENS, CLUSTERS, Cause, Check, Rule, Severity};
use crate::api::IngressSpec;

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
        what: "The template, its variables replaced, is a host, a path, or both",
        why: "Kubernetes would refuse the Ingress",
        fix: FIX,
        since: "0.1",
        check: Check::Deployment(template_is_valid),
    },
    Rule {
        code: "parent-ingress-invalid",
        kinds: BLUE_GREENS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "The ingress of a blue/green deployment has a template that is a host, a path, or both",
        why: "Kubernetes would refuse the Ingress",
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
/// # Errors
/// What is wrong, as a clause that begins with the wrong part.
pub fn address(template: &str, name: &str, namespace: &str) -> Result<Address, String> {
    let text = replace_ignoring_case(template, "{{name}}", name);
    let text = replace_ignoring_case(&text, "{{namespace}}", namespace);
    let lower = text.to_ascii_lowercase();
    let rest = ["http://", "https://"]
        .iter()
        .find(|scheme| lower.starts_with(**scheme))
        .map_or(text.as_str(), |scheme| &text[scheme.len()..]);
    let (authority, path) = match rest.find(['/', '?', '#']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    // The characters after which Java's URL ends the path. A regular expression such as "(/|$)(.*)" has none of them.
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let host = match authority.split_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
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

/// As Kubernetes checks the host of an Ingress: a DNS name, with `*.` before it allowed, and no address.
fn check_host(host: &str) -> Result<(), String> {
    if host.contains("{{") {
        return Err(format!(
            "the host \"{host}\" holds an unknown variable; known are {{{{name}}}} and {{{{namespace}}}}"
        ));
    }
    if host.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err(format!(
            "the host \"{host}\" is an address, and an Ingress needs a DNS name"
        ));
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
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
    if let Err(problem) = address(text, &subject.name, subject.namespace) {
        findings.add_value(
            subject.path("ingress.template"),
            template.unwrap_or_default(),
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
        findings.add_value(path, template, problem, FIX);
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
