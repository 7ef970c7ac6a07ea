//! YAML values that know where they stand.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use serde_saphyr::{Location, Spanned};

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1.
    pub line: u64,
    /// In characters, from 1.
    pub column: u64,
}

impl Position {
    /// Where `location` is; none where the parser does not know.
    pub fn new(location: Location) -> Option<Self> {
        (location.line() > 0).then(|| Self {
            line: location.line(),
            column: location.column(),
        })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    at: Option<Position>,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// A member of a map.
#[derive(Clone, Debug)]
struct Member {
    /// Where its name stands.
    at: Option<Position>,
    name: String,
    value: Node,
}

impl Node {
    /// Where it begins.
    #[cfg(test)]
    pub fn position(&self) -> Option<Position> {
        self.at
    }

    /// The value, as the API server would read it.
    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::to_value).collect(),
            Content::Map(members) => Value::Object(
                members
                    .iter()
                    .map(|member| (member.name.clone(), member.value.to_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    fn members(&self) -> &[Member] {
        match &self.content {
            Content::Map(members) => members,
            Content::Scalar(_) | Content::List(_) => &[],
        }
    }

    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.members()
            .iter()
            .find(|member| member.name == name)
            .map(|member| &member.value)
    }

    /// The text, where it is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The elements, where it is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.content {
            Content::List(items) => Some(items),
            _ => None,
        }
    }

    /// Where the field at `path` stands, as `spec.job.args[1]` or `spec.flinkConfiguration[rest.port]`. Of a field that
    /// is not there it is the nearest one around it. A member's place is that of its name.
    pub fn locate(&self, path: &str) -> Option<Position> {
        self.descend(path).1.or(self.at)
    }

    /// How much of `path` can be walked from here at most, and where that ends.
    ///
    /// Names may have dots in them, and Flink's options may be written as nested maps, so a step is whatever member the
    /// path goes on with; of several, the one that leads furthest.
    fn descend(&self, path: &str) -> (usize, Option<Position>) {
        match &self.content {
            Content::Scalar(_) => (0, None),
            Content::List(items) => {
                let Some((index, rest)) = path.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
                    return (0, None);
                };
                match index.parse().ok().and_then(|index: usize| items.get(index)) {
                    Some(item) => further(path, rest, item.at, item),
                    None => (0, None),
                }
            }
            Content::Map(members) => members
                .iter()
                .filter_map(|member| {
                    let rest = after(path, &member.name)?;
                    Some(further(path, rest, member.at, &member.value))
                })
                .max_by_key(|(walked, _)| *walked)
                .unwrap_or((0, None)),
        }
    }
}

/// Goes on from `at` to `rest` of `path` in `node`.
fn further(path: &str, rest: &str, at: Option<Position>, node: &Node) -> (usize, Option<Position>) {
    let walked = path.len() - rest.len();
    let (more, deeper) = node.descend(rest);
    (walked + more, deeper.or(at))
}

/// The rest of `path` after the step to member `name`; none if the path does not go there.
fn after<'p>(path: &'p str, name: &str) -> Option<&'p str> {
    let rest = path.trim_start_matches(['.', '[']).strip_prefix(name)?;
    // The bracket closes after the last of the nested names that it holds.
    let rest = rest.strip_prefix(']').unwrap_or(rest);
    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self {
            at: Position::new(referenced),
            content: value,
        })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = elements.next_element()? {
            items.push(item);
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Content, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = entries.next_key::<Spanned<String>>()? {
            members.push(Member {
                at: Position::new(name.referenced),
                name: name.value,
                value: entries.next_value()?,
            });
        }
        Ok(Content::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TEXT: &str = "\
spec:
  image: flink
  flinkConfiguration:
    rest.port: 1
    rest:
      bind-port: 2
    state:
      checkpoints.dir: x
      checkpoints: { num-retained: 1 }
  podTemplate:
    metadata:
      annotations: { example.com/a: b }
    spec:
      containers:
        - name: ä
        - { name: b, env: [] }
  jobManager: &manager
    resource: { cpu: 1, memory: 2g }
  taskManager: *manager
  job:
    <<: { parallelism: 3 }
    args: [x, y]
";

    fn parsed(text: &str) -> Node {
        serde_saphyr::from_str(text).unwrap()
    }

    #[rstest]
    #[case("", "1:1")]
    #[case("spec", "1:1")]
    #[case("status", "1:1")]
    #[case("spec.image", "2:3")]
    #[case("spec.imagePullPolicy", "1:1")]
    #[case("spec.flinkConfiguration[rest.port]", "4:5")]
    #[case("spec.flinkConfiguration[rest.bind-port]", "6:7")]
    #[case("spec.flinkConfiguration[rest.address]", "5:5")]
    #[case("spec.flinkConfiguration[state.checkpoints.dir]", "8:7")]
    #[case("spec.flinkConfiguration[state.checkpoints.num-retained]", "9:22")]
    #[case("spec.flinkConfiguration[high-availability.type]", "3:3")]
    #[case("spec.podTemplate.metadata.annotations[example.com/a]", "12:22")]
    #[case("spec.podTemplate.spec.containers[0].name", "15:11")]
    #[case("spec.podTemplate.spec.containers[1].env", "16:22")]
    #[case("spec.podTemplate.spec.containers[2].env", "14:7")]
    #[case("spec.podTemplate.spec.containers[x", "14:7")]
    #[case("spec.job.args[1]", "22:15")]
    fn fields_are_found_where_their_names_stand(#[case] path: &str, #[case] position: &str) {
        assert_eq!(parsed(TEXT).locate(path).unwrap().to_string(), position);
    }

    #[test]
    fn what_an_alias_stands_for_is_found_in_the_text() {
        let node = parsed(TEXT);
        for path in ["spec.taskManager.resource.memory", "spec.job.parallelism"] {
            let position = node.locate(path).unwrap();
            assert!((18..=21).contains(&position.line), "{path} at {position}");
        }
    }

    #[test]
    fn columns_count_characters() {
        let node = parsed("{ ä: 1, ö: 2 }");
        assert_eq!(node.locate("ö").unwrap().to_string(), "1:9");
    }

    #[rstest]
    #[case("")]
    #[case(
        "a: 1\nb: -1\nc: 1.5\nd: true\ne: ~\nf: '1'\ng: [1, {h: x}]\n1: int key\ni: 18446744073709551615\nj: 2026-01-01\nk: 0x10\n"
    )]
    #[case(TEXT)]
    #[case("{\"a\": [null, \"\\u00e4\"]}")]
    fn values_are_those_that_the_api_server_reads(#[case] text: &str) {
        let values: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
        let nodes: Vec<Node> = serde_saphyr::from_multiple(text).unwrap();
        assert_eq!(nodes.iter().map(Node::to_value).collect::<Vec<_>>(), values);
    }
}
