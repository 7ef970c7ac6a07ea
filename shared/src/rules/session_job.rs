//! `FlinkSessionJob`.

use std::net::{IpAddr, Ipv6Addr};

use super::report::Findings;
use super::subject::{SessionJob, setting};
use super::table::{Cause, Check, Rule, SESSION_JOBS, Severity};
use crate::config::options::{ALLOWED_SCHEMES, DISALLOW_RESTRICTED_HOSTS};

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "session-name-invalid",
        kinds: SESSION_JOBS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "deploymentName is the name of a FlinkDeployment",
        why: "The job is submitted to that cluster",
        fix: "set deploymentName to the name of a session cluster in the same namespace",
        since: "0.1",
        check: Check::SessionJob(deployment_name_is_valid),
    },
    Rule {
        code: "job-missing",
        kinds: SESSION_JOBS,
        severity: Severity::Refuse(Cause::Required),
        what: "job is given",
        why: "There is nothing to run otherwise",
        fix: "set job, with jarURI and parallelism",
        since: "0.1",
        check: Check::SessionJob(job_is_given),
    },
    Rule {
        code: "session-change",
        kinds: SESSION_JOBS,
        severity: Severity::Refuse(Cause::Forbidden),
        what: "deploymentName stays what it was",
        why: "A job's state is not moved from cluster to cluster",
        fix: "create another FlinkSessionJob for the other cluster",
        since: "0.1",
        check: Check::SessionJob(deployment_name_stays),
    },
    Rule {
        code: "jar-uri-invalid",
        kinds: SESSION_JOBS,
        severity: Severity::Refuse(Cause::Invalid),
        what: "job.jarURI is a URI with a scheme",
        why: "The jar is fetched from there",
        fix: "write a URI such as https://repo.example.com/job.jar, and escape characters that URIs do not allow",
        since: "0.1",
        check: Check::SessionJob(jar_uri_is_valid),
    },
    Rule {
        code: "jar-scheme-refused",
        kinds: SESSION_JOBS,
        severity: Severity::Refuse(Cause::NotSupported),
        what: "The scheme of job.jarURI is among kubernetes.operator.user.artifacts.allowed-schemes",
        why: "The jar is fetched by the operator, with the operator's rights",
        fix: "use an allowed scheme, or ask your administrator to extend kubernetes.operator.user.artifacts.allowed-schemes",
        since: "0.1",
        check: Check::SessionJob(jar_scheme_is_allowed),
    },
    Rule {
        code: "jar-host-refused",
        kinds: SESSION_JOBS,
        severity: Severity::Refuse(Cause::Forbidden),
        what: "The host of an http or https job.jarURI is a host as every client reads it, and no address of this machine or of a private network",
        why: "The jar is fetched from within the cluster, where such an address may be an internal service",
        fix: "use a public host, or ask your administrator to set kubernetes.operator.user.artifacts.disallow-restricted-hosts: false",
        since: "0.1",
        check: Check::SessionJob(jar_host_is_public),
    },
    Rule {
        code: "session-is-application",
        kinds: SESSION_JOBS,
        severity: Severity::Refuse(Cause::Forbidden),
        what: "The cluster of a session job is a session cluster",
        why: "An application cluster runs its own job only",
        fix: "name a FlinkDeployment without a job",
        since: "0.1",
        check: Check::SessionJob(cluster_is_a_session),
    },
];

fn deployment_name_is_valid(subject: &SessionJob<'_>, findings: &mut Findings<'_>) {
    match subject.spec.deployment_name.as_deref() {
        None => findings.add("spec.deploymentName", "deploymentName is missing"),
        Some(name) => {
            if let Some(problem) = super::name::problem(name) {
                findings.add_value(
                    "spec.deploymentName",
                    name,
                    format!("deploymentName \"{name}\" {problem}"),
                    "set deploymentName to the name of a session cluster in the same namespace",
                );
            }
        }
    }
}

fn job_is_given(subject: &SessionJob<'_>, findings: &mut Findings<'_>) {
    if subject.spec.job.is_none() {
        findings.add("spec.job", "there is no job");
    }
}

fn deployment_name_stays(subject: &SessionJob<'_>, findings: &mut Findings<'_>) {
    let Some(last) = &subject.reconciled else { return };
    if let (Some(old), new) = (
        &last.deployment_name,
        subject.spec.deployment_name.as_deref().unwrap_or_default(),
    ) && old != new
    {
        findings.add_value(
            "spec.deploymentName",
            new,
            format!("the job belongs to \"{old}\" and cannot move to \"{new}\""),
            "create another FlinkSessionJob for the other cluster",
        );
    }
}

fn jar_uri<'a>(subject: &SessionJob<'a>) -> Option<&'a str> {
    subject.spec.job.as_ref()?.jar_uri.as_deref()
}

/// Scheme of `uri`, and what follows its colon.
fn split_scheme(uri: &str) -> Option<(&str, &str)> {
    uri.split_once(':').filter(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

/// What is wrong with `uri`, or `None`.
fn uri_problem(uri: &str) -> Option<String> {
    let bytes = uri.as_bytes();
    if let Some(c) = uri
        .chars()
        .find(|c| c.is_whitespace() || c.is_control() || "<>\"{}|\\^`".contains(*c))
    {
        return Some(format!("holds {c:?}, which a URI does not allow"));
    }
    let escapes_are_whole = uri.match_indices('%').all(|(at, _)| {
        bytes
            .get(at + 1..at + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !escapes_are_whole {
        return Some("holds a '%' that no two hexadecimal digits follow".to_owned());
    }
    if let Some(c) = misplaced(uri) {
        return Some(format!("holds '{c}' where a URI does not allow it"));
    }
    match split_scheme(uri) {
        None => Some("has no scheme".to_owned()),
        Some((_, "")) => Some("has nothing after its scheme".to_owned()),
        Some(_) => None,
    }
}

/// A bracket before the query of `uri`, where Java's URI allows none but those of an address of version 6, or a second
/// `#`.
fn misplaced(uri: &str) -> Option<char> {
    let (uri, fragment) = uri.split_once('#').unwrap_or((uri, ""));
    if fragment.contains('#') {
        return Some('#');
    }
    let before_query = uri.split('?').next().unwrap_or_default();
    let rest = split_scheme(before_query).map_or(before_query, |(_, rest)| rest);
    let (authority, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => ("", rest.strip_prefix('/').unwrap_or_default()),
    };
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (before, behind) = match host.strip_prefix('[') {
        Some(address) => address.split_once(']').unwrap_or(("[", address)),
        None => (host, ""),
    };
    let parts = [user, before, behind, path];
    parts
        .iter()
        .flat_map(|part| part.chars())
        .find(|c| ['[', ']'].contains(c))
}

fn jar_uri_is_valid(subject: &SessionJob<'_>, findings: &mut Findings<'_>) {
    if let Some(uri) = jar_uri(subject)
        && let Some(problem) = uri_problem(uri)
    {
        findings.add_value(
            "spec.job.jarURI",
            without_user_info(uri),
            format!("jarURI \"{}\" {problem}", without_user_info(uri).escape_debug()),
            "write a URI such as https://repo.example.com/job.jar, and escape characters that URIs do not allow",
        );
    }
}

/// `uri` with the user and password of its authority hidden, and without its query, which may hold a token.
fn without_user_info(uri: &str) -> String {
    let uri = uri.split('?').next().unwrap_or_default();
    match uri.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            match rest[..end].rfind('@') {
                Some(at) => format!("{scheme}://{}{}", crate::config::REDACTED, &rest[at..]),
                None => uri.to_owned(),
            }
        }
        None => uri.to_owned(),
    }
}

fn jar_scheme_is_allowed(subject: &SessionJob<'_>, findings: &mut Findings<'_>) {
    let Some((scheme, _)) = jar_uri(subject).and_then(split_scheme) else {
        return;
    };
    let allowed = setting(&subject.global, &ALLOWED_SCHEMES).unwrap_or_default();
    if !allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(scheme)) {
        findings.add_value(
            "spec.job.jarURI",
            scheme,
            format!("the scheme \"{scheme}\" is none of the allowed ones ({})", allowed.join(", ")),
            "use an allowed scheme, or ask your administrator to extend kubernetes.operator.user.artifacts.allowed-schemes",
        );
    }
}

fn jar_host_is_public(subject: &SessionJob<'_>, findings: &mut Findings<'_>) {
    if setting(&subject.global, &DISALLOW_RESTRICTED_HOSTS) == Some(false) {
        return;
    }
    let Some((scheme, rest)) = jar_uri(subject).and_then(split_scheme) else {
        return;
    };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return;
    }
    let host = host(rest);
    let problem = if host.is_empty() {
        "has no host".to_owned()
    } else if !host.is_ascii() {
        format!(
            "names the host \"{host}\", which has to be written in Punycode (xn--…): some clients make an address of it"
        )
    } else if !is_host(host) {
        format!("names the host \"{host}\", which is none as it is written: some clients make an address of it")
    } else if is_restricted(host) {
        format!("names the host \"{host}\", an address of this machine or of a private network")
    } else {
        return;
    };
    findings.add("spec.job.jarURI", format!("jarURI {problem}"));
}

/// Host of `//user@host:port/path`.
fn host(rest: &str) -> &str {
    let Some(rest) = rest.strip_prefix("//") else { return "" };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    if let Some(address) = authority.strip_prefix('[') {
        return address.split(']').next().unwrap_or_default();
    }
    authority.split(':').next().unwrap_or_default()
}

/// Whether `host` is one to Java's URI, without escapes that clients turn into others, as in `127.0.0.%31`. An address of
/// version 6 may end in a zone.
fn is_host(host: &str) -> bool {
    let is_part = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
    host.contains(':') || host.bytes().all(is_part)
}

/// Whether `host` is, by itself, no public host. Names are resolved and checked again where the jar is fetched.
fn is_restricted(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    match name.split('%').next().unwrap_or_default().parse() {
        Ok(IpAddr::V4(v4)) => is_restricted_v4(v4),
        Ok(IpAddr::V6(v6)) => v6
            .to_ipv4_mapped()
            .map_or_else(|| is_restricted_v6(v6), is_restricted_v4),
        // "127.1", "0x7f000001", "2130706433": addresses in disguise. No real name ends in a number.
        Err(_) => name.rsplit('.').next().is_some_and(|last| {
            last.starts_with("0x") || (!last.is_empty() && last.bytes().all(|b| b.is_ascii_digit()))
        }),
    }
}

fn is_restricted_v4(address: std::net::Ipv4Addr) -> bool {
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_broadcast()
}

fn is_restricted_v6(address: Ipv6Addr) -> bool {
    let site_local = address.segments()[0] & 0xffc0 == 0xfec0;
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unicast_link_local()
        || address.is_unique_local()
        || site_local
}

fn cluster_is_a_session(subject: &SessionJob<'_>, findings: &mut Findings<'_>) {
    if let Some(cluster) = subject.cluster.found()
        && cluster.spec.job.is_some()
    {
        let name = subject.spec.deployment_name.as_deref().unwrap_or_default();
        findings.add_value(
            "spec.deploymentName",
            name,
            format!("\"{name}\" is an application cluster, which runs its own job only"),
            "name a FlinkDeployment without a job",
        );
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://repo.example.com/a.jar", None)]
    #[case("local:///opt/flink/a.jar", None)]
    #[case("s3://bucket/a%20b.jar", None)]
    #[case("https://a b", Some("holds ' ', which a URI does not allow"))]
    #[case("https://a/%zz", Some("holds a '%' that no two hexadecimal digits follow"))]
    #[case("https://a/%1", Some("holds a '%' that no two hexadecimal digits follow"))]
    #[case("/opt/flink/a.jar", Some("has no scheme"))]
    #[case("1s3://a", Some("has no scheme"))]
    #[case("https:", Some("has nothing after its scheme"))]
    #[case("https://a/b[1].jar", Some("holds '[' where a URI does not allow it"))]
    #[case("https://a/b]", Some("holds ']' where a URI does not allow it"))]
    #[case("https://a/b#c#d", Some("holds '#' where a URI does not allow it"))]
    #[case("https://[2001:db8::1]:8443/a.jar", None)]
    #[case("https://u@[2001:db8::1]/a.jar", None)]
    #[case("https://a[1]/b.jar", Some("holds '[' where a URI does not allow it"))]
    #[case("https://u:p[w]@a/b.jar", Some("holds '[' where a URI does not allow it"))]
    #[case("https://[::1/b.jar", Some("holds '[' where a URI does not allow it"))]
    #[case("https://a/b.jar?x[]=y", None)]
    #[case("https://a/b.jar#c", None)]
    fn uris(#[case] uri: &str, #[case] problem: Option<&str>) {
        assert_eq!(uri_problem(uri).as_deref(), problem);
    }

    #[rstest]
    #[case("//repo.example.com/a.jar", "repo.example.com")]
    #[case("//user:pass@repo.example.com:8080/a.jar", "repo.example.com")]
    #[case("//[::1]:80/a", "::1")]
    #[case("///a", "")]
    #[case("/a", "")]
    fn hosts(#[case] rest: &str, #[case] expected: &str) {
        assert_eq!(host(rest), expected);
    }

    #[rstest]
    #[case("repo.example.com", false)]
    #[case("8.8.8.8", false)]
    #[case("2001:4860:4860::8888", false)]
    #[case("localhost", true)]
    #[case("LOCALHOST.", true)]
    #[case("127.0.0.1", true)]
    #[case("10.1.2.3", true)]
    #[case("172.16.0.1", true)]
    #[case("192.168.0.1", true)]
    #[case("169.254.169.254", true)]
    #[case("0.0.0.0", true)]
    #[case("224.0.0.1", true)]
    #[case("::1", true)]
    #[case("::ffff:127.0.0.1", true)]
    #[case("fe80::1%eth0", true)]
    #[case("fec0::1", true)]
    #[case("fd00::1", true)]
    #[case("127.1", true)]
    #[case("2130706433", true)]
    #[case("0x7f000001", true)]
    fn restricted(#[case] host: &str, #[case] expected: bool) {
        assert_eq!(is_restricted(host), expected);
    }

    #[test]
    fn no_credentials_are_shown() {
        assert_eq!(
            without_user_info("https://u:p@a.com/b c?token=x"),
            "https://******@a.com/b c"
        );
        assert_eq!(without_user_info("no uri"), "no uri");
    }
}
