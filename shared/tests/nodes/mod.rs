//! The nodes of the API, and objects made of them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Type of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    Object,
    List(Box<Type>),
    Map(Box<Type>),
    Enum(Vec<String>),
    Text,
    Integer,
    Number,
    Boolean,
    IntegerOrText,
    Anything,
    AnyObject,
}

impl Type {
    fn parse(text: &str) -> Self {
        let inner = |prefix: &str, end: char| text.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(end));
        if let Some(values) = inner("enum[", ']') {
            return Self::Enum(values.split('|').map(str::to_owned).collect());
        }
        if let Some(element) = inner("array<", '>') {
            return Self::List(Box::new(Self::parse(element)));
        }
        if let Some(element) = inner("map<", '>') {
            return Self::Map(Box::new(Self::parse(element)));
        }
        match text {
            "object" => Self::Object,
            "object*" => Self::AnyObject,
            "string" => Self::Text,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "int|string" => Self::IntegerOrText,
            "any(preserve-unknown)" => Self::Anything,
            other => panic!("unknown type {other}"),
        }
    }
}

/// A node and what lies below it.
#[derive(Clone, Debug)]
pub struct Node {
    pub kind: Type,
    pub children: BTreeMap<String, Node>,
}

impl Node {
    pub fn leaf(kind: Type) -> Self {
        Self {
            kind,
            children: BTreeMap::new(),
        }
    }

    /// Number of nodes below this one.
    pub fn count(&self) -> usize {
        self.children.values().map(|child| 1 + child.count()).sum()
    }

    fn add(&mut self, path: &str, kind: Type) {
        let (name, rest) = path
            .split_once('.')
            .map_or((path, None), |(name, rest)| (name, Some(rest)));
        let name = name.trim_end_matches("[]");
        let child = self
            .children
            .entry(name.to_owned())
            .or_insert_with(|| Node::leaf(Type::Object));
        match rest {
            Some(rest) => child.add(rest, kind),
            None => child.kind = kind,
        }
    }
}

/// `spec` and `status` of a kind.
pub fn kind_nodes(kind: &str) -> Node {
    let text = match kind {
        "FlinkDeployment" => include_str!("FlinkDeployment.tsv"),
        "FlinkSessionJob" => include_str!("FlinkSessionJob.tsv"),
        "FlinkStateSnapshot" => include_str!("FlinkStateSnapshot.tsv"),
        "FlinkBlueGreenDeployment" => include_str!("FlinkBlueGreenDeployment.tsv"),
        other => panic!("unknown kind {other}"),
    };
    let mut root = Node::leaf(Type::Object);
    for line in text.lines() {
        let (path, kind) = line.split_once('\t').unwrap();
        root.add(path, Type::parse(kind));
    }
    if kind == "FlinkBlueGreenDeployment" {
        let deployment = kind_nodes("FlinkDeployment").children["spec"].clone();
        let template = root
            .children
            .get_mut("spec")
            .unwrap()
            .children
            .get_mut("template")
            .unwrap();
        template.children.insert("spec".to_owned(), deployment);
    }
    root
}

/// Objects of this shape, with any of their fields absent.
pub fn object(node: &Node) -> BoxedStrategy<Value> {
    let members: Vec<BoxedStrategy<Option<(String, Value)>>> = node
        .children
        .iter()
        .map(|(name, child)| {
            let name = name.clone();
            prop::option::weighted(0.6, value(&name, child).prop_map(move |value| (name.clone(), value))).boxed()
        })
        .collect();
    members
        .prop_map(|members| Value::Object(members.into_iter().flatten().collect()))
        .boxed()
}

/// Whether the field is a long in the Java operator, by its name; all other integers are ints.
fn is_long(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["nonce", "timestamp", "generation"]
        .iter()
        .any(|end| name.ends_with(end))
}

/// A long, often one that no int holds: times in milliseconds are, and nonces that users make of them.
fn long() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        any::<i32>().prop_map(i64::from),
        Just(i64::MAX),
        Just(i64::MIN),
        Just(1 << 31)
    ]
}

/// Values of the field `name`; elements of lists and maps have none.
fn value(name: &str, node: &Node) -> BoxedStrategy<Value> {
    match &node.kind {
        Type::Object => object(node),
        Type::List(element) => {
            let element = Node {
                kind: (**element).clone(),
                children: node.children.clone(),
            };
            prop::collection::vec(value("", &element), 0..3)
                .prop_map(Value::from)
                .boxed()
        }
        Type::Map(element) => {
            prop::collection::btree_map("[a-z./-]{1,12}", value("", &Node::leaf((**element).clone())), 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect()))
                .boxed()
        }
        Type::Enum(values) => prop::sample::select(values.clone()).prop_map(Value::from).boxed(),
        Type::Text => "\\PC{0,12}".prop_map(Value::from).boxed(),
        // The schema has no bounds; users have what Java's int and long hold.
        Type::Integer if is_long(name) => long().prop_map(Value::from).boxed(),
        Type::Integer => any::<i32>().prop_map(Value::from).boxed(),
        Type::Number => prop_oneof![
            any::<i32>().prop_map(Value::from),
            (-1e6..1e6).prop_map(|n: f64| json!(n))
        ]
        .boxed(),
        Type::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Type::IntegerOrText => prop_oneof![
            any::<u32>().prop_map(Value::from),
            "[0-9]{1,4}(m|k|Mi|Gi|g|mb)?".prop_map(Value::from)
        ]
        .boxed(),
        Type::Anything => anything().boxed(),
        Type::AnyObject => prop::collection::btree_map("[a-z]{1,6}", anything(), 0..3)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
            .boxed(),
    }
}

/// Anything but null, which an object loses on its way to the API server.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z.]{1,8}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
        ]
    })
}
