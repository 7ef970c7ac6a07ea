//! Secrets in a text: JSON, URLs and addresses, arguments of programs, lines of a configuration.
//!
//! Every pass over a text goes on from where the last find ended, so that a long text costs what its length says.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;

use super::Found;
use crate::config::{REDACTED, is_sensitive_key};

const QUOTES: [char; 2] = ['"', '\''];
/// What a name in front of `=` or `:` begins behind, beside white space.
const BEFORE_NAMES: [char; 14] = ['"', '\'', '=', ':', ',', ';', '?', '&', '(', '{', '[', '/', '`', '<'];
/// What an HTTP header or a configuration puts before a token.
const SCHEMES: [&str; 4] = ["basic", "bearer", "digest", "token"];
/// Schemes of URLs whose servers ask for a user, and whose paths hold no `@`.
const OF_SERVERS: [&str; 15] = [
    "amqp",
    "amqps",
    "ftp",
    "ftps",
    "ldap",
    "ldaps",
    "mariadb",
    "mongodb",
    "mysql",
    "nats",
    "postgres",
    "postgresql",
    "redis",
    "rediss",
    "sftp",
];
/// What stands before a `:` and is no user, though an `@` follows: `mailto:a@b`, `flink:1.20@sha256:12`.
const NO_USERS: [&str; 10] = [
    "file", "git", "jar", "jdbc", "local", "mailto", "pkg", "sip", "sips", "urn",
];
const DIGESTS: [&str; 3] = ["sha256", "sha384", "sha512"];

/// How often JSON may stand in a text of JSON: what was applied last may hold a spec that was, and that a configuration.
const DEEPEST: u8 = 8;

/// `text` without its secrets, which go to `found`; `None` where it has none.
pub(super) fn without(text: &str, found: &mut Found) -> Option<String> {
    if let Some(json) = as_json(text) {
        if found.depth == DEEPEST {
            return is_sensitive_key(text).then(|| REDACTED.to_owned());
        }
        found.depth += 1;
        let shown = super::shown(&json, found);
        found.depth -= 1;
        return (shown != json).then(|| shown.to_string());
    }
    let mut spans = Vec::new();
    in_urls(text, &mut spans);
    in_addresses(text, &mut spans);
    // One look at the whole text; what holds no such word has no such name.
    if is_sensitive_key(text) {
        behind_signs(text, &mut spans);
        behind_flags(text, &mut spans);
    }
    let hidden = hide(text, spans, found);
    matches!(hidden, Cow::Owned(_)).then(|| hidden.into_owned())
}

/// `text` with the passwords and tokens of the URLs in it hidden.
pub(super) fn without_those_of_urls(text: &str) -> Cow<'_, str> {
    let mut spans = Vec::new();
    in_urls(text, &mut spans);
    in_addresses(text, &mut spans);
    hide(text, spans, &mut Found::default())
}

/// Objects and lists that a text holds, such as an annotation that keeps what was applied last.
fn as_json(text: &str) -> Option<Value> {
    let text = text.trim();
    let is_like_it = (text.starts_with('{') && text.ends_with('}')) || (text.starts_with('[') && text.ends_with(']'));
    if is_like_it {
        serde_json::from_str(text).ok()
    } else {
        None
    }
}

fn hide<'t>(text: &'t str, mut spans: Vec<Range<usize>>, found: &mut Found) -> Cow<'t, str> {
    spans.retain(|span| !span.is_empty());
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    spans.sort_by_key(|span| (span.start, span.end));
    spans.dedup();
    let mut hidden = String::with_capacity(text.len());
    let mut from = 0;
    for span in spans {
        note(&text[span.clone()], found);
        if span.start >= from {
            hidden.push_str(&text[from..span.start]);
            hidden.push_str(REDACTED);
        }
        from = from.max(span.end);
    }
    hidden.push_str(&text[from..]);
    Cow::Owned(hidden)
}

/// Adds `secret`, and what of it others would write: without what follows or surrounds it.
pub(super) fn note(secret: &str, found: &mut Found) {
    found.secrets.push(secret.to_owned());
    let is_end = |c: char| c.is_whitespace() || [',', ';', '&'].contains(&c);
    let scheme = secret
        .split(|c: char| c.is_whitespace() || c == ':')
        .next()
        .unwrap_or_default();
    let rest = if SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        secret.get(scheme.len() + 1..).unwrap_or_default().trim_start()
    } else {
        secret
    };
    let first = rest.split(is_end).next().unwrap_or_default().trim_matches(QUOTES);
    if !first.is_empty() && first != secret {
        found.secrets.push(first.to_owned());
    }
}

/// `https://user:password@host?token=x`.
fn in_urls(text: &str, spans: &mut Vec<Range<usize>>) {
    let is_end = |c: char| c.is_whitespace() || ['"', '\'', '`', '<', '>'].contains(&c);
    if !text.contains("://") {
        return;
    }
    for (begin, word) in parts(text, is_end) {
        let mut at = begin;
        let mut scheme = "";
        for (index, part) in word.split("://").enumerate() {
            if index > 0 {
                spans.extend(user_info(scheme, part).map(|span| span.start + at..span.end + at));
                spans.extend(parameters(part).map(|span| span.start + at..span.end + at));
            }
            scheme = part;
            at += part.len() + "://".len();
        }
    }
}

/// `user:password@host:5672`, with a port, as without one it may be anything, and `jdbc:oracle:thin:user/password@host`.
fn in_addresses(text: &str, spans: &mut Vec<Range<usize>>) {
    let is_end = |c: char| c.is_whitespace() || ['"', '\'', '`', '<', '>', ',', ';'].contains(&c);
    if !text.contains('@') {
        return;
    }
    for (begin, word) in parts(text, is_end) {
        let password = of_oracle(word).or_else(|| of_address(word));
        spans.extend(password.map(|span| span.start + begin..span.end + begin));
    }
}

fn of_oracle(word: &str) -> Option<Range<usize>> {
    let (before, rest) = word.split_once("jdbc:oracle:")?;
    let (driver, rest) = rest.split_once(':')?;
    let end = rest.rfind('@')?;
    let slash = rest[..end].find('/')?;
    let begin = before.len() + "jdbc:oracle:".len() + driver.len() + 1;
    Some(begin + slash + 1..begin + end)
}

fn of_address(word: &str) -> Option<Range<usize>> {
    let end = word.rfind('@')?;
    let (user, password) = word[..end].split_once(':')?;
    let user = user.rsplit(BEFORE_NAMES).next().unwrap_or_default();
    let is_user = user.bytes().any(|b| !b.is_ascii_digit())
        && user
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-+%~".contains(&b))
        && !NO_USERS.iter().any(|other| user.eq_ignore_ascii_case(other));
    let is_found = is_user && !password.contains('/') && has_port(&word[end + 1..]);
    is_found.then_some(end - password.len()..end)
}

/// Whether `text` begins with `host:port`.
fn has_port(text: &str) -> bool {
    let Some((host, rest)) = text.split_once(':') else {
        return false;
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let is_host = !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
        && !DIGESTS.contains(&host);
    let ends = !rest[digits..].starts_with(|c: char| c.is_alphanumeric() || c == '.');
    is_host && (1..=5).contains(&digits) && ends
}

/// What stands between two of `is_end`, with its place.
fn parts(text: &str, is_end: impl Fn(char) -> bool) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive(is_end).map(move |part| {
        let begin = at;
        at += part.len();
        (begin, part)
    })
}

/// Where the password stands in `user:password@host/path`, or the token in `token@host`.
fn user_info(scheme: &str, rest: &str) -> Option<Range<usize>> {
    // What stands before the digest of an image is no user.
    let rest = rest.split("@sha256:").next().unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.starts_with('[') {
        return None; // an address of version 6
    }
    let colon = authority.find(':');
    let end = if let Some(end) = authority.rfind('@') {
        end
    } else {
        // A password with a slash in it that should have been escaped. A port is a number, and a comma parts hosts.
        let behind = &authority[colon? + 1..];
        let before_query = rest.split(['?', '#']).next().unwrap_or_default();
        let end = before_query.rfind('@')?;
        let is_digits = behind.bytes().all(|b| b.is_ascii_digit());
        if behind.contains(',') || (is_digits && is_port(scheme, authority, behind, &rest[end + 1..])) {
            return None;
        }
        end
    };
    if let Some(colon) = colon.filter(|colon| *colon < end) {
        return Some(colon + 1..end);
    }
    // abfss://container@account names no user.
    let scheme = scheme.to_ascii_lowercase();
    (scheme.ends_with("http") || scheme.ends_with("https")).then_some(0..end)
}

/// Whether `digits` behind the colon of `authority` are a port, and no password before a slash, where `rest` follows on
/// the last `@`: `http://host:8081/a@b`, and not `amqp://u:12/3@h`.
fn is_port(scheme: &str, authority: &str, digits: &str, rest: &str) -> bool {
    let scheme = scheme
        .rsplit(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    let is_number = digits.is_empty() || (!digits.starts_with('0') && digits.parse::<u16>().is_ok());
    let asks_for_users = OF_SERVERS.iter().any(|server| scheme.eq_ignore_ascii_case(server));
    let is_http = ["http", "https"].iter().any(|http| scheme.eq_ignore_ascii_case(http));
    let leads_to_host = is_http && has_port(rest);
    is_number && !authority.starts_with(':') && !asks_for_users && !leads_to_host
}

/// Values of parameters such as `token=x` and `sig=x`, which follow on host and path.
fn parameters(rest: &str) -> impl Iterator<Item = Range<usize>> {
    let parameters = parts(rest, |c| ['?', '&', ';', '#'].contains(&c)).skip(1);
    parameters.filter_map(|(begin, part)| {
        let part = part
            .trim_end_matches(['?', '&', ';', '#', '"', '\'', '`', '<', '>'])
            .trim_end();
        let (name, _) = part.split_once('=')?;
        let lower = name.to_ascii_lowercase();
        let is_secret = lower == "sig" || lower.ends_with("signature") || is_sensitive_key(name);
        is_secret.then_some(begin + name.len() + 1..begin + part.len())
    })
}

/// `name=value`, `'name' = 'value'`, `"name": "value"`, and lines such as `name: value`.
fn behind_signs(text: &str, spans: &mut Vec<Range<usize>>) {
    let mut done = 0;
    for (at, sign) in text.match_indices(['=', ':']) {
        if at < done {
            continue;
        }
        let before = text[done..at].trim_end_matches([' ', '\t']);
        let name = before.trim_end_matches(QUOTES);
        let is_quoted = name.len() < before.len();
        let begin = name
            .rfind(|c: char| c.is_whitespace() || BEFORE_NAMES.contains(&c))
            .map_or(0, |begin| {
                begin + name[begin..].chars().next().map_or(1, char::len_utf8)
            });
        let (line, name) = name.split_at(begin);
        if name.is_empty() || !is_sensitive_key(name) {
            continue;
        }
        let before = line.trim_end_matches(['-', ' ', '\t']);
        let is_first = before.is_empty() || before.ends_with('\n');
        let behind = &text[at + 1..];
        let is_spaced = behind.starts_with([' ', '\t']);
        let is_header =
            || name.to_ascii_lowercase().ends_with("authorization") && (is_spaced || begins_with_scheme(behind));
        let is_line = sign == ":" && (is_header() || (is_first && is_spaced));
        if sign == ":" && !is_quoted && !is_line {
            continue;
        }
        let value = if is_line {
            rest_of_line(text, at + 1)
        } else {
            value(text, at + 1, line.ends_with(['?', '&']))
        };
        done = value.end;
        spans.push(value);
    }
}

/// Whether `text` is a token behind what it is called in HTTP.
fn begins_with_scheme(text: &str) -> bool {
    SCHEMES.iter().any(|known| {
        text.split_at_checked(known.len())
            .is_some_and(|(head, rest)| head.eq_ignore_ascii_case(known) && rest.starts_with([' ', '\t']))
    })
}

/// The word, or what stands in quotes, from `at` on.
fn value(text: &str, at: usize, in_query: bool) -> Range<usize> {
    let rest = &text[at..];
    let begin = at + (rest.len() - rest.trim_start_matches([' ', '\t', '=']).len());
    let rest = &text[begin..];
    if let Some(quote) = rest.chars().next().filter(|c| QUOTES.contains(c)) {
        let rest = &rest[1..];
        let end = rest.find(quote).or_else(|| rest.find('\n')).unwrap_or(rest.len());
        return begin + 1..begin + 1 + end;
    }
    let is_end = |c: char| c.is_whitespace() || (in_query && ['&', '#', '"', '\''].contains(&c));
    begin..begin + rest.find(is_end).unwrap_or(rest.len())
}

fn rest_of_line(text: &str, at: usize) -> Range<usize> {
    let rest = text[at..].trim_start_matches([' ', '\t']);
    let begin = text.len() - rest.len();
    if rest.starts_with(QUOTES) {
        return value(text, begin, false);
    }
    let end = rest.find(['\n', '"', '\'']).unwrap_or(rest.len());
    begin..begin + rest[..end].trim_end().len()
}

/// `--password value`.
fn behind_flags(text: &str, spans: &mut Vec<Range<usize>>) {
    let mut is_secret = false;
    let mut done = 0;
    for (begin, word) in parts(text, char::is_whitespace) {
        let word = word.trim_end();
        if word.is_empty() || begin < done {
            continue;
        }
        if is_secret && !is_flag(word) {
            let value = value(text, begin, false);
            done = value.end;
            spans.push(value);
        }
        is_secret = is_flag(word) && is_sensitive_key(word);
    }
}

/// Whether `text` is the name of an argument, whose value is the next one.
pub(super) fn is_flag(text: &str) -> bool {
    text.starts_with('-') && !text.contains('=')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn shown(text: &str) -> (String, Vec<String>) {
        let mut found = Found::default();
        let shown = without(text, &mut found);
        (shown.unwrap_or_else(|| text.to_owned()), found.secrets)
    }

    #[rstest]
    #[case::json(r#"{"a":1,"password":"hunter2"}"#, r#"{"a":1,"password":"******"}"#, &["hunter2"])]
    #[case::json_in_json(r#"{"a":"{\"token\":\"hunter2\"}"}"#, r#"{"a":"{\"token\":\"******\"}"}"#, &["hunter2"])]
    #[case::list(r#" ["--token","hunter2"] "#, r#"["--token","******"]"#, &["hunter2"])]
    #[case::url_in_json(r#"{"a":"https://u:hunter2@h"}"#, r#"{"a":"https://u:******@h"}"#, &["hunter2"])]
    #[case::password("https://user:pw@host/a", "https://user:******@host/a", &["pw"])]
    #[case::no_user("redis://:pw@host", "redis://:******@host", &["pw"])]
    #[case::token_as_user("https://ghp_x@github.com/a", "https://******@github.com/a", &["ghp_x"])]
    #[case::at_in_password("https://u:p@w@host", "https://u:******@host", &["p@w"])]
    #[case::slash_in_password("amqp://u:p/w@host/v", "amqp://u:******@host/v", &["p/w"])]
    #[case::digits_and_slash("amqp://u:12/3@h", "amqp://u:******@h", &["12/3"])]
    #[case::digits_and_slash_in_a_list("redis://a:1/2@h,REDIS://b:3/4@h", "redis://a:******@h,REDIS://b:******@h", &["1/2", "3/4"])]
    #[case::digits_and_slash_of_jdbc("jdbc:postgresql://u:12/3@h/db", "jdbc:postgresql://u:******@h/db", &["12/3"])]
    #[case::digits_and_port("https://u:12/3@h:8443/a", "https://u:******@h:8443/a", &["12/3"])]
    #[case::more_than_a_port("https://u:65536/3@h", "https://u:******@h", &["65536/3"])]
    #[case::no_port_begins_with_zero("https://u:012/3@h", "https://u:******@h", &["012/3"])]
    #[case::digits_and_no_user("nosuch://:12/3@h", "nosuch://:******@h", &["12/3"])]
    #[case::address("u:pw@h:5672", "u:******@h:5672", &["pw"])]
    #[case::address_with_path("u:pw@broker.example.com:5672/v", "u:******@broker.example.com:5672/v", &["pw"])]
    #[case::address_of_a_number("u:12@10.0.0.1:6379", "u:******@10.0.0.1:6379", &["12"])]
    #[case::addresses("a:b@h1:1,c:d@h2:2", "a:******@h1:1,c:******@h2:2", &["b", "d"])]
    #[case::address_as_argument("run --amqp=u:p=w@h:5672 x", "run --amqp=u:******@h:5672 x", &["p=w"])]
    #[case::address_in_quotes("a = 'u:p@w@h:1'", "a = 'u:******@h:1'", &["p@w"])]
    #[case::address_of_a_mail("me%40example.com:pw@h:25", "me%40example.com:******@h:25", &["pw"])]
    #[case::of_oracle("jdbc:oracle:thin:scott/tiger@h:1521:orcl", "jdbc:oracle:thin:scott/******@h:1521:orcl", &["tiger"])]
    #[case::of_oracle_service("-u jdbc:oracle:oci:a/b@//h:1521/s", "-u jdbc:oracle:oci:a/******@//h:1521/s", &["b"])]
    #[case::of_jdbc("jdbc:mysql://u:pw@h1/db?a=b", "jdbc:mysql://u:******@h1/db?a=b", &["pw"])]
    #[case::several("https://a:b@c,https://d:e@f", "https://a:******@c,https://d:******@f", &["b", "e"])]
    #[case::query("get https://h/a?x=y&token=abc&z=1 now", "get https://h/a?x=y&token=******&z=1 now", &["abc"])]
    #[case::signature("https://h/a?sv=1&sig=abc%3D", "https://h/a?sv=1&sig=******", &["abc%3D"])]
    #[case::amazon(
        "https://b.s3.amazonaws.com/k?X-Amz-Signature=ab&X-Amz-Date=1",
        "https://b.s3.amazonaws.com/k?X-Amz-Signature=******&X-Amz-Date=1",
        &["ab"]
    )]
    #[case::of_sql_server("jdbc:sqlserver://h:1433;user=a;password=pw", "jdbc:sqlserver://h:1433;user=a;password=******", &["pw"])]
    #[case::quoted_url("curl 'https://u:pw@h' 'x'", "curl 'https://u:******@h' 'x'", &["pw"])]
    #[case::java("-Xmx1g -Dtoken=abc -Da=b", "-Xmx1g -Dtoken=****** -Da=b", &["abc"])]
    #[case::java_quoted("-Dmy.password=\"a b\" -Dc=d", "-Dmy.password=\"******\" -Dc=d", &["a b", "a"])]
    #[case::second_sign("--conf=s3.secret-key=abc x", "--conf=s3.secret-key=****** x", &["abc"])]
    #[case::list_of_pairs("a=b,token=x,c=d", "a=b,token=******", &["x,c=d", "x"])]
    #[case::flag("run --password abc --verbose", "run --password ****** --verbose", &["abc"])]
    #[case::quoted_flag("sh -c \"run --password 'a b' c\"", "sh -c \"run --password '******' c\"", &["a b", "a"])]
    #[case::flag_of_flag("--no-password --verbose x", "--no-password --verbose x", &[])]
    #[case::sql("WITH ('connector' = 'jdbc', 'password' = 'hunter2', 'url' = 'x')",
        "WITH ('connector' = 'jdbc', 'password' = '******', 'url' = 'x')", &["hunter2"])]
    #[case::compared("password == 'hunter2'", "password == '******'", &["hunter2"])]
    #[case::properties("a = b\nkafka.password = hunter2\nc = d", "a = b\nkafka.password = ******\nc = d", &["hunter2"])]
    #[case::yaml("a: b\n- password: hunter2 x\nc: d", "a: b\n- password: ******\nc: d", &["hunter2 x", "hunter2"])]
    #[case::broken_json("x {\"password\": \"hunter2\", \"a\": 1", "x {\"password\": \"******\", \"a\": 1", &["hunter2"])]
    #[case::header("curl -H 'Authorization: Bearer abc' x", "curl -H 'Authorization: ******' x", &["Bearer abc", "abc"])]
    #[case::short_header("Authorization:Basic abc", "Authorization:******", &["Basic abc", "abc"])]
    #[case::other_script("é-password=ü", "é-password=******", &["ü"])]
    // What is none.
    #[case::partition("s3://bucket/tokens/dt=2024-01-01/a", "s3://bucket/tokens/dt=2024-01-01/a", &[])]
    #[case::hosts("jdbc:postgresql://h1:5432,h2:5432/db?user=a@b", "jdbc:postgresql://h1:5432,h2:5432/db?user=a@b", &[])]
    #[case::name_nodes("hdfs://n1:8020,n2:8020/a@b", "hdfs://n1:8020,n2:8020/a@b", &[])]
    #[case::digest("docker://flink:1.20@sha256:ab", "docker://flink:1.20@sha256:ab", &[])]
    #[case::digest_behind_a_path("docker://h:x/flink:1.20@sha256:ab", "docker://h:x/flink:1.20@sha256:ab", &[])]
    #[case::image_of_such_a_name("ghcr.io/acme/authorization:1.2 x", "ghcr.io/acme/authorization:1.2 x", &[])]
    #[case::prose("the password is x=y", "the password is x=y", &[])]
    #[case::image("registry/token-service:1.2", "registry/token-service:1.2", &[])]
    #[case::path("https://token-service/path?x=y", "https://token-service/path?x=y", &[])]
    #[case::container("abfss://container@account.dfs.core.windows.net/a", "abfss://container@account.dfs.core.windows.net/a", &[])]
    #[case::port("http://host:8081/a@b", "http://host:8081/a@b", &[])]
    #[case::port_and_time("hdfs://nn:8020/job@2024-01-01T10:30:00", "hdfs://nn:8020/job@2024-01-01T10:30:00", &[])]
    #[case::port_of_name_nodes("hdfs://nn:8020/user/a@example.com", "hdfs://nn:8020/user/a@example.com", &[])]
    #[case::greatest_port("http://host:65535/a@b", "http://host:65535/a@b", &[])]
    #[case::no_path_with_a_user("amqp://h:5672/v", "amqp://h:5672/v", &[])]
    #[case::object_like_an_address("s3://bucket/a:b@c", "s3://bucket/a:b@c", &[])]
    #[case::digest_of_an_image("repo/name:tag@sha256:1234", "repo/name:tag@sha256:1234", &[])]
    #[case::digest_of_a_short_image("flink:1.20@sha256:12345", "flink:1.20@sha256:12345", &[])]
    #[case::digest_behind_a_port("h:5000/flink:1.20@sha256:12", "h:5000/flink:1.20@sha256:12", &[])]
    #[case::mail_as_url("mailto:a@b", "mailto:a@b", &[])]
    #[case::mail_as_url_with_port("mailto:a@b:25", "mailto:a@b:25", &[])]
    #[case::jar_in_a_file("jar:file:/opt/a.jar!/b@c:1", "jar:file:/opt/a.jar!/b@c:1", &[])]
    #[case::no_port_no_address("a:b@c", "a:b@c", &[])]
    #[case::voters("1@h1:9093,2@h2:9093", "1@h1:9093,2@h2:9093", &[])]
    #[case::hosts_and_users("h1:9092,u@h2:9092", "h1:9092,u@h2:9092", &[])]
    #[case::time_and_place("12:30@room:5", "12:30@room:5", &[])]
    #[case::release("module:name@1.2:3.4", "module:name@1.2:3.4", &[])]
    #[case::of_akka("pekko.tcp://flink@10.0.0.1:6123/user", "pekko.tcp://flink@10.0.0.1:6123/user", &[])]
    #[case::repository("git@github.com:org/repo.git", "git@github.com:org/repo.git", &[])]
    #[case::of_oracle_without_user("jdbc:oracle:thin:@h:1521:orcl", "jdbc:oracle:thin:@h:1521:orcl", &[])]
    #[case::version_6("http://[::1]:8081/a@b", "http://[::1]:8081/a@b", &[])]
    #[case::object("s3://bucket/a@b", "s3://bucket/a@b", &[])]
    #[case::mail("me@example.com", "me@example.com", &[])]
    #[case::reference("env:A,secret:b,key:c", "env:A,secret:b,key:c", &[])]
    #[case::no_value("--password=", "--password=", &[])]
    #[case::plain_json(r#"{"b":1, "a":2}"#, r#"{"b":1, "a":2}"#, &[])]
    #[case::no_json("{{ password }}", "{{ password }}", &[])]
    fn secrets_of_texts(#[case] text: &str, #[case] expected: &str, #[case] found: &[&str]) {
        let (hidden, secrets) = shown(text);
        assert_eq!(hidden, expected);
        assert_eq!(secrets, found);
    }

    #[test]
    fn json_in_json_is_read_some_times_and_then_hidden() {
        let nested = |times: u8| {
            (1..times).fold(r#"{"password":"hunter2","a":"b"}"#.to_owned(), |text, _| {
                serde_json::json!({ "a": text }).to_string()
            })
        };
        let (hidden, secrets) = shown(&nested(DEEPEST));
        assert!(!hidden.contains("hunter2") && hidden.contains("password"), "{hidden}");
        assert_eq!(secrets, ["hunter2"]);
        let (hidden, secrets) = shown(&nested(DEEPEST + 1));
        assert!(!hidden.contains("hunter2") && !hidden.contains("password"), "{hidden}");
        assert!(secrets.is_empty());
    }

    #[test]
    fn urls_alone() {
        let text = "the image \"https://u:pw@h/a?token=x\" is none, and --password x is no URL";
        assert_eq!(
            without_those_of_urls(text),
            "the image \"https://u:******@h/a?token=******\" is none, and --password x is no URL"
        );
        assert_eq!(
            without_those_of_urls("\"u:pw@h:5672\" is none"),
            "\"u:******@h:5672\" is none"
        );
        assert!(matches!(without_those_of_urls("plain"), Cow::Borrowed(_)));
    }

    /// Whoever may write an object may write any text; what is noted of it is no more than it and its parts.
    #[rstest]
    #[case("://")]
    #[case("password='")]
    #[case("token =")]
    #[case("--token ")]
    #[case("token\":")]
    #[case("?token&")]
    #[case("= ")]
    #[case("://u:p@")]
    #[case("u:p@h:1 ")]
    #[case("u:p@h:1@")]
    #[case("a:")]
    #[case("@")]
    #[case("jdbc:oracle:a:b/c@")]
    #[case("amqp://u:1/2@h")]
    #[case("a token:b ")]
    #[case("tokena:")]
    #[case::headers("authorization:")]
    fn what_is_noted_of_a_long_text_is_no_multiple_of_it(#[case] piece: &str) {
        let text = piece.repeat(300_000 / piece.len());
        let (hidden, secrets) = shown(&text);
        let noted: usize = secrets.iter().map(String::len).sum();
        assert!(noted <= 2 * text.len(), "{noted} of {}", text.len());
        assert!(hidden.len() <= 4 * text.len(), "{} of {}", hidden.len(), text.len());
    }
}
