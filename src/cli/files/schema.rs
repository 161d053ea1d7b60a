//! Judges a document by our own generated schema: what it does not know, lacks, or may not hold.
//!
//! The schema is the one place of every rule; nothing about a resource is written here. Rules in CEL
//! are judged elsewhere, on documents that this finds nothing wrong with; unions, which are such rules, are judged
//! here, so that they are told along with everything else.
//!
//! What counts is what the API server would say. It drops a field that is `null`, unless that is a value of it, and
//! puts the default in its place; and it refuses what it would drop for not knowing it.

use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Value};

use crate::{
    api::union,
    cli::files::{
        document::{Key, Kind, Node, Place},
        hint,
    },
    core::nearest::nearest,
};

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem it is.
    pub title: String,
    /// The field, such as `spec.guards.minReady`.
    pub path: String,
    /// Where it stands.
    pub place: Place,
    /// What is allowed, and how to fix it.
    pub help: String,
}

/// Every problem of `node` by `schema`.
#[must_use]
pub fn judge(schema: &Value, node: &Node, path: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    walk(schema, node, path, &mut problems);
    problems
}

/// The fields that `schema` does not know, where nothing else about the values counts.
#[must_use]
pub fn strangers(schema: &Value, node: &Node, path: &str) -> Vec<Problem> {
    match &node.kind {
        Kind::List(items) => {
            let items = items.iter().enumerate();
            items
                .flat_map(|(i, item)| strangers(&schema["items"], item, &format!("{path}[{i}]")))
                .collect()
        }
        Kind::Map(entries) => {
            let known = known(schema);
            let entry = |(key, value): &(Key, Node)| {
                let field = join(path, &key.name);
                match known.get(&key.name).or_else(|| of_any_key(schema)) {
                    Some(schema) => strangers(schema, value, &field),
                    None => vec![stranger(key, &field, known)],
                }
            };
            entries.iter().flat_map(entry).collect()
        }
        _ => Vec::new(),
    }
}

/// What the server would keep: no field that is `null`.
#[must_use]
pub fn kept(node: &Node) -> Value {
    match &node.kind {
        Kind::Map(entries) => {
            let entries = entries.iter().filter(|(_, value)| !matches!(value.kind, Kind::Null));
            entries.map(|(key, value)| (key.name.clone(), kept(value))).collect()
        }
        Kind::List(items) => items.iter().map(kept).collect(),
        _ => node.value(),
    }
}

/// Whether a text looks like a pattern of the schema; `None` where the pattern does not compile, and is the server's
/// to judge.
#[must_use]
pub fn matches(pattern: &str, text: &str) -> Option<bool> {
    // The server's expressions are Go's, whose classes are of ASCII.
    let pattern = pattern.replace(r"\s", r"[\t\n\f\r ]");
    Regex::new(&pattern).ok().map(|pattern| pattern.is_match(text))
}

fn walk(schema: &Value, node: &Node, path: &str, problems: &mut Vec<Problem>) {
    if matches!(node.kind, Kind::Null) && takes_null(schema) {
        return;
    }
    if schema["x-kubernetes-int-or-string"] == true {
        match &node.kind {
            Kind::Text(text) => string(schema, node, text, path, problems),
            #[expect(clippy::cast_precision_loss, reason = "no bound of a schema is as large")]
            Kind::Integer(number) => range(schema, node, *number as f64, path, problems),
            other => {
                let help =
                    format!("{} is given, expected is a whole number or a string", other.name());
                problems.push(problem("wrong type", path, node.place, help));
            }
        }
        return;
    }
    match (schema["type"].as_str(), &node.kind) {
        (Some("object"), Kind::Map(_)) => object(schema, node, path, problems),
        (Some("array"), Kind::List(items)) => list(schema, node, items, path, problems),
        (Some("string"), Kind::Text(text)) => string(schema, node, text, path, problems),
        (Some("integer" | "number"), Kind::Integer(number)) => {
            #[expect(clippy::cast_precision_loss, reason = "no bound of a schema is as large")]
            range(schema, node, *number as f64, path, problems);
        }
        (Some("number"), Kind::Number(number)) if number.is_finite() => {
            range(schema, node, *number, path, problems);
        }
        (Some("boolean"), Kind::Bool(_)) | (None, _) => {}
        (Some(_), _) => {
            problems.push(problem("wrong type", path, node.place, hint::mistyped(schema, node)));
        }
    }
}

fn problem(title: &str, path: &str, place: Place, help: String) -> Problem {
    Problem { title: title.to_owned(), path: path.to_owned(), place, help }
}

/// Whether `null` is a value; one of a list of values it never is.
fn takes_null(schema: &Value) -> bool {
    schema["nullable"] == true && schema["enum"].is_null()
}

fn known(schema: &Value) -> &Map<String, Value> {
    static NONE: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);
    schema["properties"].as_object().unwrap_or(&NONE)
}

/// The schema of every value of a mapping whose keys are anybody's.
fn of_any_key(schema: &Value) -> Option<&Value> {
    Some(&schema["additionalProperties"]).filter(|values| values.is_object())
}

fn object(schema: &Value, node: &Node, path: &str, problems: &mut Vec<Problem>) {
    if let Some(right) = hint::keyed(schema, node) {
        let help = format!("the kind is the key: write {right}");
        problems.push(problem("unknown field", path, node.place, help));
        return;
    }
    let known = known(schema);
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, value) in node.entries() {
        let field = join(path, &key.name);
        match known.get(&key.name).or_else(|| of_any_key(schema)) {
            Some(schema) if is_dropped(schema, value, required.contains(&key.name.as_str())) => {}
            Some(schema) => walk(schema, value, &field, problems),
            None => problems.push(stranger(key, &field, known)),
        }
    }
    one_of(schema, node, path, known, problems);
    for name in required.into_iter().filter(|name| node.get(name).is_none()) {
        let what = known.get(name).and_then(|schema| schema["description"].as_str());
        let help = match what {
            Some(what) => format!("{name} is needed: {what}"),
            None => format!("{name} is needed"),
        };
        problems.push(problem("missing field", &join(path, name), node.place, help));
    }
}

/// Whether the server drops it, or puts the default in its place: `null` where that is no value.
fn is_dropped(schema: &Value, value: &Node, required: bool) -> bool {
    let is_needed = required && schema["default"].is_null();
    matches!(value.kind, Kind::Null) && schema["nullable"] != true && !is_needed
}

fn stranger(key: &Key, field: &str, known: &Map<String, Value>) -> Problem {
    problem("unknown field", field, key.place, near(&key.name, known))
}

/// A union: exactly one of its members.
fn one_of(
    schema: &Value,
    node: &Node,
    path: &str,
    known: &Map<String, Value>,
    problems: &mut Vec<Problem>,
) {
    let Some(members) = union::members(schema) else { return };
    let is_given = |(key, value): &&(Key, Node)| {
        members.contains(&key.name.as_str()) && !matches!(value.kind, Kind::Null)
    };
    let given: Vec<_> = node.entries().filter(is_given).collect();
    // An unknown member is told as such, and is the one that is missing.
    let strangers = node.entries().any(|(key, _)| !known.contains_key(&key.name));
    if given.len() == 1 || (given.is_empty() && strangers) {
        return;
    }
    let names: Vec<&str> = given.iter().map(|(key, _)| key.name.as_str()).collect();
    let place = given.get(1).map_or(node.place, |(key, _)| key.place);
    let title = format!("exactly one of {}, found {}", members.join(", "), given.len());
    problems.push(problem(&title, path, place, hint::choose(&members, &names)));
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The known field that the unknown one was probably meant to be, else every known one.
fn near(name: &str, properties: &Map<String, Value>) -> String {
    if properties.is_empty() {
        return "it has no settings".to_owned();
    }
    let known: Vec<&str> = properties.keys().map(String::as_str).collect();
    nearest(name, known.iter().copied()).map_or_else(
        || format!("known are {}", known.join(", ")),
        |known| format!("did you mean `{known}`?"),
    )
}

fn list(schema: &Value, node: &Node, items: &[Node], path: &str, problems: &mut Vec<Problem>) {
    let count = items.len() as u64;
    let (min, max) = (schema["minItems"].as_u64(), schema["maxItems"].as_u64());
    if min.is_some_and(|min| count < min) || max.is_some_and(|max| count > max) {
        let help = format!("{count} entries are given, allowed are {}", bounds(min, max));
        problems.push(problem("wrong number of entries", path, node.place, help));
    }
    for (index, item) in items.iter().enumerate() {
        walk(&schema["items"], item, &format!("{path}[{index}]"), problems);
    }
    for key in schema["x-kubernetes-list-map-keys"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        for (index, item) in items.iter().enumerate() {
            let twin = |other: &Node| other.get(key).is_some() && other.get(key) == item.get(key);
            if items[..index].iter().any(twin) {
                let help = format!("another entry has the same {key}; each needs its own");
                problems.push(problem(
                    "duplicate",
                    &format!("{path}[{index}].{key}"),
                    item.place,
                    help,
                ));
            }
        }
    }
}

fn bounds(min: Option<u64>, max: Option<u64>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{min} to {max}"),
        (Some(min), None) => format!("at least {min}"),
        (None, Some(max)) => format!("at most {max}"),
        (None, None) => "any".to_owned(),
    }
}

fn string(schema: &Value, node: &Node, text: &str, path: &str, problems: &mut Vec<Problem>) {
    if let Some(values) = schema["enum"].as_array() {
        if !values.iter().any(|value| value == text) {
            let known: Map<String, Value> = values
                .iter()
                .filter_map(|value| Some((value.as_str()?.to_owned(), Value::Null)))
                .collect();
            let help = format!("{text:?} is not one of its values; {}", near(text, &known));
            problems.push(problem("unknown value", path, node.place, help));
        }
        return;
    }
    let length = text.chars().count() as u64;
    let (min, max) = (schema["minLength"].as_u64(), schema["maxLength"].as_u64());
    if min.is_some_and(|min| length < min) || max.is_some_and(|max| length > max) {
        let help = format!("it has {length} characters, allowed are {}", bounds(min, max));
        problems.push(problem("wrong length", path, node.place, help));
        return;
    }
    if schema["format"] == "date-time" && text.parse::<Timestamp>().is_err() {
        let help = format!("{text:?} is no instant such as 2026-11-24T10:00:00Z");
        problems.push(problem("wrong value", path, node.place, help));
    }
    let Some(pattern) = schema["pattern"].as_str() else {
        return;
    };
    if matches(pattern, text) == Some(false) {
        let help = hint::misspelt(pattern, text).unwrap_or_else(|| {
            format!(
                "{text:?} is not allowed: {}",
                schema["description"].as_str().unwrap_or_default()
            )
        });
        problems.push(problem("wrong value", path, node.place, help));
    }
}

fn range(schema: &Value, node: &Node, number: f64, path: &str, problems: &mut Vec<Problem>) {
    let (mut min, mut max) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
    if schema["format"] == "int32" || schema["x-kubernetes-int-or-string"] == true {
        min = min.or_else(|| Some(i32::MIN.into()));
        max = max.or_else(|| Some(i32::MAX.into()));
    }
    if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
        let bound =
            |bound: Option<f64>| bound.map_or_else(|| "any".to_owned(), |bound| bound.to_string());
        let help = format!("{number} is given, allowed are {} to {}", bound(min), bound(max));
        problems.push(problem("out of range", path, node.place, help));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_near_its_word_and_a_stranger_is_not() {
        let known = [("hypothesis".to_owned(), Value::Null), ("owner".to_owned(), Value::Null)];
        let known = known.into_iter().collect();
        assert_eq!(near("hypotesis", &known), "did you mean `hypothesis`?");
        assert_eq!(near("zzz", &known), "known are hypothesis, owner");
    }
}
