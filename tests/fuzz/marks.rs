//! Marks, and what an armed object says of its fault: whatever somebody wrote there, a revert is one bounded patch that
//! the API server takes, and that touches nothing but the mark, our annotations and the places that are named.

use firedrill::{
    api::{Moment, journal::FieldChange, journal::LONGEST_VALUE, mark::Mark, names},
    faults::{
        Kind, Object, arming,
        field::{self, escape},
        record,
    },
};
use serde_json::{Map, Value, json};

use super::{
    campaign::{Fate, Outcome, ensure},
    dice::Dice,
    patch,
};

/// How many fields of an object are read.
const MOST_READ: usize = 16;
/// More than a revert of so many fields takes.
const MOST_OPERATIONS: usize = 200;

/// A revert of an object on which anything may be written.
pub fn marks(dice: &mut Dice) -> Outcome {
    read_back(dice)?;
    let object = hostile(dice);
    let said = record::read(&object);
    ensure(said.fields.len() <= MOST_READ && said.refused.len() <= MOST_READ + 1, || {
        format!("{} and {} of {}", said.fields.len(), said.refused.len(), object.value)
    })?;
    for change in &said.fields {
        let longest = change.was.chars().count().max(change.set.chars().count());
        ensure(longest <= LONGEST_VALUE && field::segments(&change.at).is_ok(), || {
            format!("{change:?} is taken up")
        })?;
    }
    let mark = object.mark().unwrap_or_else(|| Mark::armed("r", 1));
    if let Some(deadline) = arming::deadline(&object) {
        let again = serde_json::from_value(json!(deadline));
        ensure(again.is_ok_and(|again: Moment| again == deadline), || format!("{deadline}"))?;
    }
    let reverted = revert(&object, &mark, &said.fields)?;
    let is_restored = reverted.value["spec"] != object.value["spec"];
    Ok(if is_restored { Fate::Read } else { Fate::Refused })
}

/// A fault that is armed and reverted leaves its object as it was.
pub fn faults(dice: &mut Dice) -> Outcome {
    let object = Object { kind: kind(dice), value: plain(dice) };
    let Some(fields) = fields(dice, &object) else { return Ok(Fate::Refused) };
    let mark = Mark::armed("0d1c-77ae", 1);
    let deadline = now() + firedrill::api::Duration::seconds(dice.below(9_000) as u64);
    let shown = || format!("{fields:?} on {}", object.value);
    let armed = arming::arm(&object, object.label(), &mark, deadline, &fields);
    let armed = armed.map_err(|drift| format!("{drift:?}: {}", shown()))?;
    let armed = apply(&object, armed)?;
    let said = record::read(&armed);
    ensure(said.fields == fields && said.refused.is_empty(), || {
        format!("{said:?} is read of {}", shown())
    })?;
    ensure(arming::deadline(&armed) == Some(deadline), shown)?;
    ensure(armed.mark().as_ref() == Some(&mark), shown)?;
    untouched(&object, &armed, &fields)?;
    let reverted = revert(&armed, &mark, &fields)?;
    ensure(arming::is_clean(&reverted, &fields), || format!("something is left of {}", shown()))?;
    untouched(&object, &reverted, &fields)?;
    for change in &fields {
        let value = |object: &Object| {
            field::find(&object.value, &change.at).and_then(|place| place.value.cloned())
        };
        ensure(value(&reverted) == value(&object), || {
            format!("{} is left as {:?}: {}", change.at, value(&reverted), shown())
        })?;
    }
    Ok(Fate::Read)
}

/// A mark is printed as it is read.
fn read_back(dice: &mut Dice) -> Result<(), String> {
    let text = label(dice);
    let Ok(mark) = text.parse::<Mark>() else { return Ok(()) };
    ensure(mark.to_string().parse() == Ok(mark), || format!("mark {text:?} is printed otherwise"))
}

/// The object after the revert, which holds what is promised of every revert.
fn revert(object: &Object, mark: &Mark, fields: &[FieldChange]) -> Result<Object, String> {
    let operations = arming::disarm(object, mark, fields, now());
    let by_hand = arming::by_hand(object, fields);
    ensure(by_hand.iter().all(|operation| operations.contains(operation)), || {
        format!("by hand {by_hand:?} of {}", object.value)
    })?;
    let (count, length) = (operations.len(), json!(operations).to_string().len());
    // What is tested and what is written is on the object already, each of it once.
    let bound = 5 * object.value.to_string().len() + 8_192;
    ensure(count <= MOST_OPERATIONS && length <= bound, || {
        format!("{count} operations, {length} bytes for {}", object.value)
    })?;
    let reverted = apply(object, operations)?;
    ensure(reverted.mark() == Some(mark.revocation()), || format!("no mark: {}", reverted.value))?;
    ensure(!reverted.annotations().any(names::is_of_fault), || {
        format!("it still speaks of a fault: {}", reverted.value)
    })?;
    untouched(object, &reverted, fields)?;
    Ok(reverted)
}

fn apply(object: &Object, operations: Vec<Value>) -> Result<Object, String> {
    let mut value = object.value.clone();
    let operations = Value::Array(operations);
    patch::json(&mut value, &operations)
        .ok_or_else(|| format!("the API server does not take {operations} for {}", object.value))?;
    Ok(Object { kind: object.kind, value })
}

/// Nothing is another than before but the mark, our annotations and what the fields name.
fn untouched(before: &Object, after: &Object, fields: &[FieldChange]) -> Result<(), String> {
    let mut found = Vec::new();
    differences(&others(before), &others(after), "", &mut found);
    let changed = |change: &FieldChange| {
        Some(changes(&field::find(&before.value, &change.at)?.pointer, &change.at))
    };
    let named: Vec<String> = fields.iter().filter_map(changed).collect();
    let is_named = |pointer: &String| named.iter().any(|named| is_within(pointer, named));
    let strange: Vec<_> = found.iter().filter(|pointer| !is_named(pointer)).collect();
    ensure(strange.is_empty(), || format!("{strange:?} changed: {fields:?} of {}", before.value))
}

/// What is another one once the place at that pointer is written: of an element of a list all of the list.
fn changes(pointer: &str, at: &str) -> String {
    let is_element = at.rsplit('/').next().is_some_and(|last| last.contains("name="));
    let list = pointer.rsplit_once('/').filter(|_| is_element);
    list.map_or(pointer, |(list, _)| list).to_owned()
}

fn is_within(pointer: &str, other: &str) -> bool {
    format!("{pointer}/").starts_with(&format!("{other}/"))
}

/// The object without the mark and our annotations, and without maps that are empty without them.
fn others(object: &Object) -> Value {
    let mut value = object.value.clone();
    let Some(metadata) = value["metadata"].as_object_mut() else { return value };
    for map in ["labels", "annotations"] {
        let Some(entries) = metadata.get_mut(map).and_then(Value::as_object_mut) else { continue };
        entries.retain(|name, _| {
            name != names::FAULT && name != names::REVOKED_AT && !names::is_of_fault(name)
        });
        if entries.is_empty() {
            metadata.remove(map);
        }
    }
    value
}

/// The pointers at which two values differ; of lists of another length that of the list.
fn differences(before: &Value, after: &Value, pointer: &str, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(old), Value::Object(new)) => {
            let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
            for name in names {
                let pointer = format!("{pointer}/{}", escape(name));
                match (old.get(name), new.get(name)) {
                    (Some(old), Some(new)) => differences(old, new, &pointer, found),
                    _ => found.push(pointer),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                differences(old, new, &format!("{pointer}/{index}"), found);
            }
        }
        _ if before == after => {}
        _ => found.push(pointer.to_owned()),
    }
}

fn now() -> Moment {
    serde_json::from_value(json!("2026-11-24T10:00:00Z")).unwrap()
}

fn kind(dice: &mut Dice) -> Kind {
    Kind::ALL[dice.below(Kind::ALL.len())]
}

fn label(dice: &mut Dice) -> String {
    let text = dice.pick(&[
        "r.1.armed",
        "0d1c-77ae.12.revoked",
        "r.1.",
        "",
        "a.b.-1.armed",
        "r.+1.armed",
        "r.4294967296.armed",
    ]);
    if dice.chance(40) { dice.mutated(text) } else { text.to_owned() }
}

/// An object as it is without faults.
fn plain(dice: &mut Dice) -> Value {
    let env = &["A", "B", "C"].map(|name| json!({"name": name, "value": "1"}))[..dice.below(4)];
    let containers = [
        json!({"name": "web", "image": "web:1", "env": env}),
        json!({"name": "side", "command": ["sh"]}),
        json!({"name": "a/b", "resources": {"limits": {}}}),
    ];
    let spec = json!({
        "replicas": 3, "selector": {"app": "web", "a/b": "c~d"}, "empty": {}, "none": [],
        "template": {"spec": {"containers": containers[..=dice.below(3)]}},
    });
    let mut metadata = json!({"uid": "u", "name": "web"});
    if dice.chance(50) {
        metadata["labels"] = json!({"app": "web"});
        if dice.chance(50) {
            metadata["labels"][names::FAULT] = json!("other.1.revoked");
        }
    }
    if dice.chance(50) {
        metadata["annotations"] = json!({"note": "kept"});
    }
    json!({"metadata": metadata, "spec": spec})
}

/// A way through the value, to what is there or not.
fn path(dice: &mut Dice, value: &Value) -> String {
    let mut path = String::from("/spec");
    let mut at = value.get("spec");
    loop {
        let segment = match at {
            Some(Value::Array(items)) => {
                let index = dice.below(items.len() + 1);
                let other = dice.pick(&["A", "B", "web", "gone"]).to_owned();
                let known = items.get(index).and_then(|item| item["name"].as_str());
                let name = known.map_or(other, escape);
                let stood = if dice.chance(40) { format!("[{index}]") } else { String::new() };
                at = items.get(index).filter(|_| known.is_some());
                format!("{stood}name={name}")
            }
            Some(Value::Object(entries)) if !entries.is_empty() && dice.chance(85) => {
                let names: Vec<&String> = entries.keys().collect();
                let name = names[dice.below(names.len())];
                at = entries.get(name);
                escape(name)
            }
            Some(Value::Object(_)) | None => {
                at = None;
                dice.pick(&["new", "a~1b", "paused", "name=X"]).to_owned()
            }
            Some(_) => return path,
        };
        path = format!("{path}/{segment}");
        if dice.chance(20) {
            return path;
        }
    }
}

/// An object whose marks and annotations somebody wrote.
fn hostile(dice: &mut Dice) -> Object {
    let mut value = plain(dice);
    if dice.chance(40) {
        let spec = &mut value["spec"];
        (0..=dice.below(2)).for_each(|_| dice.mutate(spec));
    }
    let count = if dice.chance(5) { 60 } else { dice.below(6) };
    let mut annotations: Map<String, Value> = Map::new();
    for number in 0..count {
        let name = if dice.chance(5) { dice.text(6) } else { format!("f{number}") };
        let at = path(dice, &value);
        let at = match dice.below(12) {
            0 => dice.mutated(&at),
            1 => "/a".repeat(dice.below(2_000)),
            2 => dice
                .pick(&[
                    "/metadata/uid",
                    "/metadata/labels",
                    "/metadata/annotations/note",
                    "",
                    "/",
                    "/spec/name=",
                    "/spec/[x]name=A",
                ])
                .to_owned(),
            _ => at,
        };
        let present = field::find(&value, &at).and_then(|place| place.value.cloned());
        let set = if dice.chance(75) { present.unwrap_or_default() } else { dice.json(2) };
        let was = dice.json(2).to_string();
        let was = if dice.chance(8) { dice.mutated(&was) } else { was };
        let all = [
            (names::at(&name), at),
            (names::was(&name), was),
            (names::set(&name), set.to_string()),
        ];
        annotations.extend(
            all.into_iter().filter(|_| dice.chance(97)).map(|(name, text)| (name, json!(text))),
        );
    }
    annotations.insert(
        names::DEADLINE.to_owned(),
        json!(dice.pick(&["2026-11-24T10:00:00Z", "", "soon", "-1"])),
    );
    annotations.insert("note".to_owned(), json!(dice.text(5)));
    if dice.chance(90) {
        value["metadata"]["annotations"] = Value::Object(annotations);
    }
    if dice.chance(90) {
        value["metadata"]["labels"] = json!({"app": "web", names::FAULT: label(dice)});
    }
    Object { kind: kind(dice), value }
}

/// What a fault would change: places of which none lies in another; absent where the object has no such places.
fn fields(dice: &mut Dice, object: &Object) -> Option<Vec<FieldChange>> {
    let mut fields: Vec<FieldChange> = Vec::new();
    let mut taken: Vec<String> = Vec::new();
    for number in 0..=dice.below(3) {
        let at = path(dice, &object.value);
        // By its name an element is found.
        if at.ends_with("/name") {
            continue;
        }
        let place = field::find(&object.value, &at)?;
        let own = changes(&place.pointer, &at);
        if taken.iter().any(|other| is_within(&own, other) || is_within(other, &own)) {
            continue;
        }
        let was = place.value.cloned().unwrap_or_default();
        let set = match at.rsplit_once("name=") {
            Some((_, name)) if !name.contains('/') => {
                let name = name.replace("~1", "/").replace("~0", "~");
                if was.is_null() || dice.chance(50) {
                    json!({"name": name, "value": 2})
                } else {
                    Value::Null
                }
            }
            _ => json!(dice.pick(&["broken", "0", ""])),
        };
        if set != was {
            fields.push(FieldChange::new(&format!("f{number}"), at, &was, &set));
            taken.push(own);
        }
    }
    (!fields.is_empty()).then_some(fields)
}
