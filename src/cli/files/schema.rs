//! Judges a document by our own generated schema: what it does not know, lacks, or may not hold.
//!
//! The schema is the one place of every rule; nothing about a resource is written here. Rules in CEL
//! are judged elsewhere, on documents that this finds nothing wrong with.

use regex::Regex;
use serde_json::{Map, Value};

use crate::{
    cli::files::{
        document::{Kind, Node, Place},
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

fn walk(schema: &Value, node: &Node, path: &str, problems: &mut Vec<Problem>) {
    if schema["x-kubernetes-int-or-string"] == true {
        if !matches!(node.kind, Kind::Text(_) | Kind::Number(_)) {
            let help = format!("{} is given, expected is a number or a string", node.kind.name());
            problems.push(problem("wrong type", path, node.place, help));
        }
        return;
    }
    match (schema["type"].as_str(), &node.kind) {
        (_, Kind::Null) if schema["nullable"] == true => {}
        (Some("object"), Kind::Map(_)) => object(schema, node, path, problems),
        (Some("array"), Kind::List(items)) => list(schema, node, items, path, problems),
        (Some("string"), Kind::Text(text)) => string(schema, node, text, path, problems),
        (Some("integer"), Kind::Number(number)) if number.fract() == 0.0 => {
            range(schema, node, *number, path, problems);
        }
        (Some("number"), Kind::Number(number)) => range(schema, node, *number, path, problems),
        (Some("boolean"), Kind::Bool(_)) | (None, _) => {}
        (Some(_), _) => {
            problems.push(problem("wrong type", path, node.place, hint::mistyped(schema, node)));
        }
    }
}

fn problem(title: &str, path: &str, place: Place, help: String) -> Problem {
    Problem { title: title.to_owned(), path: path.to_owned(), place, help }
}

fn object(schema: &Value, node: &Node, path: &str, problems: &mut Vec<Problem>) {
    let Some(properties) = schema["properties"].as_object() else {
        let values = &schema["additionalProperties"];
        for (key, value) in node.entries().filter(|_| values.is_object()) {
            walk(values, value, &format!("{path}.{}", key.name), problems);
        }
        return;
    };
    if let Some(right) = hint::keyed(schema, node) {
        let help = format!("the kind is the key: write {right}");
        problems.push(problem("unknown field", path, node.place, help));
        return;
    }
    for (key, value) in node.entries() {
        let field = join(path, &key.name);
        match properties.get(&key.name) {
            Some(schema) => walk(schema, value, &field, problems),
            None => {
                problems.push(problem(
                    "unknown field",
                    &field,
                    key.place,
                    near(&key.name, properties),
                ));
            }
        }
    }
    one_of(schema, node, path, properties, problems);
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if node.get(name).is_none() {
            let what = properties.get(name).and_then(|schema| schema["description"].as_str());
            let help = format!("{name} is needed: {}", what.unwrap_or_default());
            problems.push(problem("missing field", &join(path, name), node.place, help));
        }
    }
}

/// A union: exactly one of its members.
fn one_of(
    schema: &Value,
    node: &Node,
    path: &str,
    properties: &Map<String, Value>,
    problems: &mut Vec<Problem>,
) {
    if !schema["oneOf"].is_array() {
        return;
    }
    let is_member = |key: &str| properties.contains_key(key);
    let given: Vec<_> = node.entries().filter(|(key, _)| is_member(&key.name)).collect();
    // An unknown member is told as such, and is the one that is missing.
    let strangers = node.entries().any(|(key, _)| !is_member(&key.name));
    if given.len() == 1 || (given.is_empty() && strangers) {
        return;
    }
    let members: Vec<&str> = properties.keys().map(String::as_str).collect();
    let names: Vec<&str> = given.iter().map(|(key, _)| key.name.as_str()).collect();
    let label = path.rsplit('.').next().unwrap_or(path);
    let place = given.get(1).map_or(node.place, |(key, _)| key.place);
    let title = format!("exactly one {label}, found {}", given.len());
    problems.push(problem(&title, path, place, hint::choose(&members, &names)));
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The known field that the unknown one was probably meant to be, else every known one.
fn near(name: &str, properties: &Map<String, Value>) -> String {
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
    let Some(pattern) = schema["pattern"].as_str() else {
        return;
    };
    // A pattern that does not compile here is the server's to judge.
    if Regex::new(pattern).is_ok_and(|expression| !expression.is_match(text)) {
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
    let (min, max) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
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
