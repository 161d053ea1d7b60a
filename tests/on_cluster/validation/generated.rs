//! Files that a stranger may write: valid resources, of which one or two places are changed. What a place is changed
//! into is read off the schema of the CRD, leaf by leaf.

use std::{collections::HashSet, sync::LazyLock};

use fastrand::Rng;
use firedrill::api::definitions;
use serde_json::Value;

use super::values;

/// One file, and what was changed in it.
pub struct File {
    pub kind: String,
    pub changed: String,
    /// The namespace that `kubectl` would send it to.
    pub namespace: String,
    pub text: String,
}

/// One change of one resource.
#[derive(Clone)]
struct Change {
    resource: usize,
    /// A JSON Pointer.
    place: String,
    /// YAML that comes there in place of what there was or was not; `None` takes it away.
    into: Option<String>,
}

/// `count` files: every single change in an order that `seed` decides, after each four one with two changes, and
/// more of these when there is no single one left.
pub fn files(seed: u64, count: usize) -> Vec<File> {
    let mut random = Rng::with_seed(seed);
    let changes = changes();
    let mut order: Vec<usize> = (0..changes.len()).collect();
    random.shuffle(&mut order);
    let mut singles = order.into_iter();
    let file = |number: usize| {
        let single = (number % 5 != 4).then(|| singles.next()).flatten();
        let chosen = match single {
            Some(one) => vec![changes[one].clone()],
            None => two(&changes, &mut random),
        };
        written(&chosen)
    };
    (0..count).map(file).collect()
}

/// How many single changes there are, and how many fields they are of.
pub fn size() -> (usize, usize) {
    let changes = changes();
    let field = |change: &Change| (kind(change.resource), shape(&change.place));
    (changes.len(), changes.iter().map(field).collect::<HashSet<_>>().len())
}

/// The fields of a kind that no valid resource here holds, so that nothing of them is ever changed, but for the one that
/// every resource is refused with.
pub fn missing(kind: &str) -> Vec<String> {
    let held: HashSet<String> = RESOURCES
        .iter()
        .filter(|resource| resource["kind"] == kind)
        .flat_map(|resource| places(resource, ""))
        .map(|place| shape(&place))
        .collect();
    let mut fields = Vec::new();
    fields_of(&schema(kind)["properties"]["spec"], "/spec", &mut fields);
    let is_refused = |field: &str| field.ends_with("/observe/workload");
    fields.into_iter().filter(|field| !held.contains(field) && !is_refused(field)).collect()
}

/// The valid resources that files are made from.
static RESOURCES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let path = format!("{}/tests/manifests/whole.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
});

fn kind(resource: usize) -> &'static str {
    RESOURCES[resource]["kind"].as_str().unwrap()
}

fn schema(kind: &str) -> Value {
    let found = definitions().iter().find(|one| one.spec.names.kind == kind).unwrap();
    serde_json::to_value(&found.spec.versions[0].schema).unwrap()["openAPIV3Schema"].clone()
}

/// Two changes of one resource, neither within the other.
fn two(changes: &[Change], random: &mut Rng) -> Vec<Change> {
    let first = &changes[random.usize(..changes.len())];
    let is_apart = |other: &&Change| {
        let within = |a: &str, b: &str| format!("{a}/").starts_with(&format!("{b}/"));
        other.resource == first.resource
            && !within(&other.place, &first.place)
            && !within(&first.place, &other.place)
            // An entry that is taken away moves those behind it.
            && (first.into.is_some() || !is_entry(&first.place))
    };
    let others: Vec<&Change> = changes.iter().filter(is_apart).collect();
    let second = (!others.is_empty()).then(|| others[random.usize(..others.len())].clone());
    [first.clone()].into_iter().chain(second).collect()
}

fn is_entry(place: &str) -> bool {
    place.rsplit('/').next().is_some_and(|step| step.parse::<usize>().is_ok())
}

/// A pointer without the numbers of entries.
fn shape(place: &str) -> String {
    let step =
        |step: &str| if step.parse::<usize>().is_ok() { "0".to_owned() } else { step.to_owned() };
    place.split('/').map(step).collect::<Vec<_>>().join("/")
}

fn written(changes: &[Change]) -> File {
    let resource = changes[0].resource;
    let mut value = RESOURCES[resource].clone();
    let mut namespace = "default".to_owned();
    let mut words = Vec::new();
    for (number, change) in changes.iter().enumerate() {
        set(&mut value, &change.place, change.into.as_ref().map(|_| Value::from(mark(number))));
        let into = change.into.as_deref().unwrap_or("taken away");
        words.push(format!("{}: {}", change.place, into.chars().take(80).collect::<String>()));
        if change.place == "/metadata/namespace" {
            let text = change.into.as_deref().and_then(|into| into.strip_prefix('"'));
            let text = text.map(|text| text.trim_end_matches('"')).filter(|text| !text.is_empty());
            text.unwrap_or("default").clone_into(&mut namespace);
        }
    }
    let mut text = value.to_string();
    for (number, change) in changes.iter().enumerate() {
        let into = change.into.as_deref().unwrap_or_default();
        text = text.replace(&format!("\"{}\"", mark(number)), &format!(" {into}"));
    }
    File {
        kind: kind(resource).to_owned(),
        changed: words.join("; "),
        namespace,
        text: text + "\n",
    }
}

fn mark(number: usize) -> String {
    format!("@{number}@")
}

/// Puts a value at a pointer whose parent exists, or takes it away.
fn set(value: &mut Value, place: &str, into: Option<Value>) {
    let (parent, step) = place.rsplit_once('/').unwrap();
    let step = step.replace("~1", "/").replace("~0", "~");
    match (value.pointer_mut(parent), into) {
        (Some(Value::Object(fields)), Some(into)) => {
            fields.insert(step, into);
        }
        (Some(Value::Object(fields)), None) => {
            fields.remove(&step);
        }
        (Some(Value::Array(items)), into) => {
            let index: usize = step.parse().unwrap();
            match into {
                Some(into) => items[index] = into,
                None => {
                    items.remove(index);
                }
            }
        }
        _ => panic!("{parent} is not there"),
    }
}

/// Every place in a value, itself apart.
fn places(value: &Value, place: &str) -> Vec<String> {
    let within = |step: String, value: &Value| {
        let place = format!("{place}/{step}");
        let inner = places(value, &place);
        [place].into_iter().chain(inner)
    };
    match value {
        Value::Object(fields) => {
            let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
            fields.iter().flat_map(|(name, value)| within(escaped(name), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(i, item)| within(i.to_string(), item)).collect()
        }
        _ => Vec::new(),
    }
}

/// The pointers of every field that a schema knows, each list with one entry.
fn fields_of(schema: &Value, place: &str, fields: &mut Vec<String>) {
    fields.push(place.to_owned());
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        fields_of(property, &format!("{place}/{name}"), fields);
    }
    if schema["items"].is_object() {
        fields_of(&schema["items"], &format!("{place}/0"), fields);
    }
}

/// The schema of the value at a pointer.
fn schema_at<'a>(schema: &'a Value, place: &str) -> &'a Value {
    place.split('/').skip(1).fold(schema, |schema, step| {
        let named = &schema["properties"][step];
        let within = if schema["items"].is_object() { "items" } else { "additionalProperties" };
        if named.is_object() { named } else { &schema[within] }
    })
}

/// Every single change; each field in the first resource of its kind that holds it.
fn changes() -> Vec<Change> {
    let (mut seen, mut changes) = (HashSet::new(), Vec::new());
    for (number, resource) in RESOURCES.iter().enumerate() {
        let schema = schema(kind(number));
        let mut add = |place: &str, into: Option<String>| {
            changes.push(Change { resource: number, place: place.to_owned(), into });
        };
        let spec = places(resource, "").into_iter().filter(|place| place.starts_with("/spec"));
        for place in spec.filter(|place| seen.insert((kind(number), shape(place)))) {
            let (at, value) = (schema_at(&schema, &place), resource.pointer(&place).unwrap());
            add(&place, None);
            for into in values::of(at, value) {
                add(&place, Some(into));
            }
            for (key, into) in values::beside(at, value) {
                add(&format!("{place}/{key}"), Some(into));
            }
        }
        if seen.insert((kind(number), "/".to_owned())) {
            add("/metadata", None);
            add("/metadata/name", None);
            for (place, into) in values::AROUND {
                add(place, Some((*into).to_owned()));
            }
            for (place, into) in values::large() {
                add(place, Some(into));
            }
        }
    }
    changes
}
