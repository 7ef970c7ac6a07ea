//! Names of the functions that expressions may call. The CEL crate finds out about an unknown one only when it comes to
//! call it.

/// Functions: `size(x)`.
pub(crate) const GLOBAL: [&str; 35] = [
    "bool",
    "bytes",
    "double",
    "duration",
    "dyn",
    "int",
    "matches",
    "optional.none",
    "optional.of",
    "optional.ofNonZeroValue",
    "size",
    "string",
    "timestamp",
    "type",
    "uint",
    "strings.quote",
    "math.abs",
    "math.bitAnd",
    "math.bitNot",
    "math.bitOr",
    "math.bitShiftLeft",
    "math.bitShiftRight",
    "math.bitXor",
    "math.ceil",
    "math.floor",
    "math.greatest",
    "math.isFinite",
    "math.isInf",
    "math.isNaN",
    "math.least",
    "math.round",
    "math.sign",
    "math.sqrt",
    "math.trunc",
    "has",
];

/// Methods: `x.size()`.
pub(crate) const MEMBER: [&str; 40] = [
    "contains",
    "endsWith",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "hasValue",
    "matches",
    "or",
    "orValue",
    "size",
    "startsWith",
    "value",
    "charAt",
    "format",
    "indexOf",
    "join",
    "lastIndexOf",
    "lowerAscii",
    "replace",
    "reverse",
    "split",
    "substring",
    "trim",
    "upperAscii",
    // Macros, for "did you mean".
    "all",
    "exists",
    "exists_one",
    "existsOne",
    "filter",
    "map",
    "optMap",
    "optFlatMap",
    "has",
];

/// Methods whose time or result grows with the product of what they are given.
pub(crate) const PRODUCT: [&str; 5] = ["indexOf", "join", "lastIndexOf", "replace", "split"];

/// The name of `known` that is most like `name`, where one is like it.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len().min(name.len()) / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Number of characters to insert, delete or replace (Levenshtein), without regard to case.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let above = row[j + 1];
            let changed = diagonal + usize::from(a != *b);
            row[j + 1] = changed.min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("startswith", Some("startsWith"))]
    #[case("contain", Some("contains"))]
    #[case("frobnicate", None)]
    fn the_nearest_name(#[case] name: &str, #[case] expected: Option<&str>) {
        assert_eq!(nearest(name, MEMBER.into_iter()), expected);
    }
}
