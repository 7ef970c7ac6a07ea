//! Secrets in a text: JSON, URLs, arguments of programs, lines of a configuration.
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
        if behind.bytes().all(|b| b.is_ascii_digit()) || behind.contains(',') {
            return None;
        }
        rest.split(['?', '#']).next().unwrap_or_default().rfind('@')?
    };
    if let Some(colon) = colon.filter(|colon| *colon < end) {
        return Some(colon + 1..end);
    }
    // abfss://container@account names no user.
    let scheme = scheme.to_ascii_lowercase();
    (scheme.ends_with("http") || scheme.ends_with("https")).then_some(0..end)
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
    let word = text.split([' ', '\t']).next().unwrap_or_default();
    word.len() < text.len() && SCHEMES.iter().any(|known| word.eq_ignore_ascii_case(known))
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
    #[case("a token:b ")]
    #[case("tokena:")]
    fn what_is_noted_of_a_long_text_is_no_multiple_of_it(#[case] piece: &str) {
        let text = piece.repeat(300_000 / piece.len());
        let (hidden, secrets) = shown(&text);
        let noted: usize = secrets.iter().map(String::len).sum();
        assert!(noted <= 2 * text.len(), "{noted} of {}", text.len());
        assert!(hidden.len() <= 4 * text.len(), "{} of {}", hidden.len(), text.len());
    }
}
