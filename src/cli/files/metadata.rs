//! Judges `metadata` as the API server does: by its schema, and by rules that stand in no schema.

use std::sync::LazyLock;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::{
    cli::files::{
        document::{Key, Kind, Node, Place},
        schema::{self, Problem},
    },
    core::words::count,
};

/// What the server adds to a `generateName`, of which it keeps 58 characters.
const GENERATED: &str = "xxxxx";
/// How many bytes all annotations of an object have at most, with their keys.
const ANNOTATIONS: usize = 256 * 1024;
/// How many finalizers an object of ours has at most, by the policy `firedrill-finalizers`.
const FINALIZERS: usize = 16;

/// Every problem of an object's metadata; `namespaced` says whether the object is in a namespace.
#[must_use]
pub fn judge(node: &Node, namespaced: bool) -> Vec<Problem> {
    let Some(metadata) = node.get("metadata").filter(|node| !matches!(node.kind, Kind::Null))
    else {
        let help = "metadata.name is needed".to_owned();
        return vec![problem("missing field", "metadata", node.place, help)];
    };
    let mut problems = schema::judge(&SCHEMA, metadata, "metadata");
    if matches!(metadata.kind, Kind::Map(_)) {
        problems.extend(names(metadata, namespaced));
        problems.extend(labels(metadata));
        problems.extend(annotations(metadata));
        problems.extend(finalizers(metadata));
        problems.extend(owners(metadata));
    }
    problems
}

/// The name that the object gets.
#[must_use]
pub fn name(metadata: &Node) -> Option<String> {
    let text = |key| metadata.get(key).and_then(Node::text).filter(|text| !text.is_empty());
    let generated = |base: &str| base.chars().take(58).collect::<String>() + GENERATED;
    text("name").map(str::to_owned).or_else(|| text("generateName").map(generated))
}

/// Whether the API server would take it as the name of an object.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Letters of lower case, digits and dashes, not at an end.
fn is_label(text: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(letters)
        && text.ends_with(letters)
        && text.chars().all(|c| letters(c) || c == '-')
}

/// Letters, digits and `-_.`, not at an end; at most 63.
fn is_word(text: &str) -> bool {
    let letters = |c: char| c.is_ascii_alphanumeric();
    let all = |c: char| letters(c) || matches!(c, '-' | '_' | '.');
    text.len() <= 63
        && text.starts_with(letters)
        && text.ends_with(letters)
        && text.chars().all(all)
}

/// A word, with a DNS name and a slash before it or none.
fn is_qualified(key: &str) -> bool {
    match key.split_once('/') {
        Some((domain, word)) => is_name(domain) && is_word(word),
        None => is_word(key),
    }
}

fn problem(title: &str, path: &str, place: Place, help: String) -> Problem {
    Problem { title: title.to_owned(), path: path.to_owned(), place, help }
}

fn wrong(path: &str, node: &Node, help: String) -> Problem {
    problem("wrong value", path, node.place, help)
}

fn names(metadata: &Node, namespaced: bool) -> Vec<Problem> {
    const NAME: &str =
        "must be lower-case letters, digits, - and ., and begin and end with a letter or digit";
    let text = |key: &str| metadata.get(key).and_then(|node| Some((node, node.text()?)));
    let mut problems = Vec::new();
    let is_absent = |key: &str| {
        metadata
            .get(key)
            .is_none_or(|node| matches!(node.kind, Kind::Null) || node.text() == Some(""))
    };
    if is_absent("name") && is_absent("generateName") {
        let help = "a name is needed".to_owned();
        problems.push(problem("missing field", "metadata.name", metadata.place, help));
    }
    if let Some((node, name)) = text("name").filter(|(_, name)| !name.is_empty() && !is_name(name))
    {
        problems.push(wrong("metadata.name", node, format!("{name:?} {NAME}")));
    }
    if let Some((node, base)) = text("generateName").filter(|(_, base)| !base.is_empty()) {
        // A dash at the end is what most have; the server looks at what stands before it.
        let before = base.strip_suffix('-').filter(|rest| !rest.is_empty());
        let is_base = before.map_or_else(|| is_name(base), |rest| is_name(&masked(rest)));
        let given = is_absent("name").then(|| name(metadata)).flatten();
        if !is_base || given.is_some_and(|name| !is_name(&name)) {
            let help = format!("{base:?} {NAME}, with five characters after it");
            problems.push(wrong("metadata.generateName", node, help));
        }
    }
    let namespace = text("namespace").filter(|(_, name)| namespaced && !name.is_empty());
    if let Some((node, name)) = namespace.filter(|(_, name)| name.len() > 63 || !is_label(name)) {
        let help = format!(
            "{name:?} must be lower-case letters, digits and -, at most 63, and begin and end with a letter or digit"
        );
        problems.push(wrong("metadata.namespace", node, help));
    }
    problems
}

/// What stands before a dash at the end, its last character replaced, as the server does it.
fn masked(rest: &str) -> String {
    let mut rest = rest.to_owned();
    rest.pop();
    rest + "a"
}

fn labels(metadata: &Node) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (key, value) in metadata.get("labels").into_iter().flat_map(Node::entries) {
        let path = format!("metadata.labels.{}", key.name);
        if !is_qualified(&key.name) {
            problems.push(problem("wrong value", &path, key.place, misnamed(&key.name, "a label")));
        }
        if let Some(text) = value.text().filter(|text| !text.is_empty() && !is_word(text)) {
            let help = format!(
                "{text:?} is no value of a label: letters, digits, -, _ and ., at most 63, a letter or digit at each end"
            );
            problems.push(wrong(&path, value, help));
        }
    }
    problems
}

fn misnamed(key: &str, of: &str) -> String {
    format!(
        "{key:?} is no name of {of}, such as team or example.com/team: letters, digits, -, _ and ., at most 63; a DNS name and / may come before them"
    )
}

fn annotations(metadata: &Node) -> Vec<Problem> {
    let Some(annotations) = metadata.get("annotations") else { return Vec::new() };
    let wrong_key = |(key, _): &(Key, Node)| {
        let path = format!("metadata.annotations.{}", key.name);
        (!is_qualified(&key.name.to_lowercase()))
            .then(|| problem("wrong value", &path, key.place, misnamed(&key.name, "an annotation")))
    };
    let mut problems: Vec<_> = annotations.entries().filter_map(wrong_key).collect();
    let length = |(key, value): &(Key, Node)| key.name.len() + value.text().map_or(0, str::len);
    let size: usize = annotations.entries().map(length).sum();
    if size > ANNOTATIONS {
        let help = format!(
            "they have {size} bytes with their keys, allowed are {ANNOTATIONS}: shorten them"
        );
        problems.push(problem("wrong length", "metadata.annotations", annotations.place, help));
    }
    problems
}

fn finalizers(metadata: &Node) -> Vec<Problem> {
    let Some(Kind::List(items)) = metadata.get("finalizers").map(|node| &node.kind) else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if let Some(text) = item.text().filter(|text| !is_qualified(text)) {
            let path = format!("metadata.finalizers[{index}]");
            problems.push(wrong(&path, item, misnamed(text, "a finalizer")));
        }
    }
    if items.len() > FINALIZERS {
        let help = format!("has {}, and at most {FINALIZERS} are allowed", items.len());
        problems.push(problem("wrong length", "metadata.finalizers", items[0].place, help));
    }
    let both = ["orphan", "foregroundDeletion"];
    if both.iter().all(|name| items.iter().any(|item| item.text() == Some(*name))) {
        let help = format!("keep one: {}", both.join(" or "));
        problems.push(problem("wrong value", "metadata.finalizers", items[0].place, help));
    }
    problems
}

fn owners(metadata: &Node) -> Vec<Problem> {
    let Some(Kind::List(items)) = metadata.get("ownerReferences").map(|node| &node.kind) else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let path = |key: &str| format!("metadata.ownerReferences[{index}].{key}");
        for key in ["apiVersion", "kind", "name", "uid"] {
            let version = key == "apiVersion";
            let is_right = |text: &str| {
                let parts: Vec<&str> = text.split('/').collect();
                !(text.is_empty() || version && (parts.len() > 2 || parts.last() == Some(&"")))
            };
            let text = item.get(key).and_then(|node| Some((node, node.text()?)));
            if let Some((node, text)) = text.filter(|(_, text)| !is_right(text)) {
                problems.push(wrong(
                    &path(key),
                    node,
                    format!("{text:?} says nothing of the owner"),
                ));
            }
        }
        let text = |key| item.get(key).and_then(Node::text).unwrap_or_default();
        if (text("apiVersion"), text("kind")) == ("v1", "Event") {
            problems.push(wrong(&path("kind"), item, "an Event owns nothing".to_owned()));
        }
    }
    let controls = |item: &&Node| {
        item.get("controller").is_some_and(|node| matches!(node.kind, Kind::Bool(true)))
    };
    let controllers = items.iter().filter(controls).count();
    if controllers > 1 {
        let help = format!("{} say controller: true; keep one", count(controllers, "owner"));
        problems.push(problem("wrong value", "metadata.ownerReferences", items[0].place, help));
    }
    problems
}

/// What Kubernetes says of metadata, without its descriptions, which are pages.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::openapi3().with(|settings| settings.inline_subschemas = true);
    let mut schema = ObjectMeta::json_schema(&mut settings.into_generator()).to_value();
    bare(&mut schema);
    // Anything: it is a set of fields as a tree of keys.
    schema["properties"]["managedFields"]["items"]["properties"]["fieldsV1"] = json!({});
    schema
});

fn bare(schema: &mut Value) {
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("description");
        for key in ["properties", "items", "additionalProperties"] {
            match (key, schema.get_mut(key)) {
                ("properties", Some(Value::Object(properties))) => {
                    properties.values_mut().for_each(bare);
                }
                (_, Some(inner)) => bare(inner),
                (_, None) => {}
            }
        }
    }
}
