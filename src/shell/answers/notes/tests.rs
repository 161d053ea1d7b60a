use serde_json::{Value, json};

use super::*;

const FEW: Kept =
    Kept { fields: Some(&["name", "resourceVersion", "continue"]), managed_fields: 0 };
const ALL: Kept = Kept { fields: None, managed_fields: 0 };

/// What is kept of an answer, whatever pieces it comes in.
#[track_caller]
fn stripped(kept: Kept, answer: &str) -> String {
    let whole = String::from_utf8(Notes::new(kept).strip(answer.as_bytes())).unwrap();
    for length in [1, 2, 3, 7, 64] {
        let mut notes = Notes::new(kept);
        let pieces = answer.as_bytes().chunks(length).flat_map(|piece| notes.strip(piece));
        assert_eq!(String::from_utf8(pieces.collect()).unwrap(), whole, "{length}");
    }
    whole
}

/// An object whose notes are all that others write, with texts that look like JSON.
fn object(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "K",
        "metadata": {
            "annotations": {"a": "}],\\\"{", "managedFields": "mine"},
            "finalizers": [], "generation": 3, "labels": {},
            "managedFields": [{"time": "9999-12-31T23:59:59Z", "fieldsV1": {"f:a": {"k:{\"x\":\"]\"}": {}}}}],
            "name": name, "resourceVersion": "7",
        },
        "spec": {"template": {"metadata": {"managedFields": [1], "annotations": {"kept": "yes"}}},
            "metadata": {"managedFields": 1}, "items": [{"metadata": {"managedFields": 2}}], "text": "\\"},
        "status": null,
    })
}

fn few(name: &str) -> Value {
    let mut object = object(name);
    object["metadata"] = json!({"name": name, "resourceVersion": "7"});
    object
}

fn all(name: &str) -> Value {
    let mut object = object(name);
    object["metadata"].as_object_mut().unwrap().remove("managedFields");
    object
}

#[test]
fn of_each_object_of_an_answer_its_own_metadata_alone_is_shortened() {
    for (kept, expected) in [(FEW, few as fn(&str) -> Value), (ALL, all)] {
        assert_eq!(stripped(kept, &object("a").to_string()), expected("a").to_string());
        let list = |of: fn(&str) -> Value| json!({"items": [of("a"), of("b")], "kind": "List", "metadata": {"continue": "c", "resourceVersion": "9"}});
        assert_eq!(stripped(kept, &list(object).to_string()), list(expected).to_string());
        let events = |of: fn(&str) -> Value| {
            let event = |name| json!({"type": "ADDED", "object": of(name)});
            format!("{}\n{}\n", event("a"), event("b"))
        };
        assert_eq!(stripped(kept, &events(object)), events(expected));
    }
}

#[test]
fn what_is_no_object_or_has_nothing_to_leave_out_stays_as_it_is() {
    for answer in [
        "",
        "\n",
        "ok",
        "[{\"metadata\":{\"managedFields\":[]}}]",
        "{}",
        "{\"items\":[]}",
        "{\"items\":null}",
        "{\"items\":[1,\"a,]\",[2],null]}",
        "{\"metadata\":null,\"code\":404}",
        "{\"metadata\":{}}",
        r#"{"a\\\"\\\\":{"b\\":1},"metadata":{"name":"\\"}}"#,
        "{\"metadata\":\"managedFields\"}",
        "{\"a\":-1.5e3,\"b\":true}\n",
    ] {
        assert_eq!(stripped(FEW, answer), answer);
        assert_eq!(stripped(ALL, answer), answer);
    }
}

#[test]
fn who_wrote_what_is_kept_up_to_a_bound() {
    let whole = object("a").to_string();
    let length = object("a")["metadata"]["managedFields"].to_string().len();
    let kept = |managed_fields| Kept { managed_fields, ..ALL };
    let key = "\"managedFields\":".len();
    assert_eq!(stripped(kept(key + length), &whole), whole);
    assert_eq!(stripped(kept(key + length - 1), &whole), all("a").to_string());
    let mut notes = Notes::new(kept(30));
    notes.strip(format!(r#"{{"metadata":{{"managedFields":["{}"#, "x".repeat(1000)).as_bytes());
    assert_eq!(notes.held.len(), 31, "what is too long is not held");
    let first = r#"{"metadata":{"managedFields":[],"name":"a"}}"#;
    assert_eq!(stripped(kept(100), first), first);
    assert_eq!(stripped(ALL, first), r#"{"metadata":{"name":"a"}}"#);
}

const WORDS: [&str; 12] = [
    "metadata",
    "managedFields",
    "items",
    "object",
    "name",
    "labels",
    "",
    "\"",
    "\\",
    "}",
    "],",
    "é{",
];

fn any(dice: &mut fastrand::Rng, depth: usize) -> Value {
    let word = |dice: &mut fastrand::Rng| WORDS[dice.usize(..WORDS.len())];
    match dice.usize(..if depth == 0 { 4 } else { 8 }) {
        0 => json!(null),
        1 => json!(dice.bool()),
        2 => json!(dice.f64() * 1e9 - 5e8),
        3 => json!(word(dice)),
        4 => (0..dice.usize(..4)).map(|_| any(dice, depth - 1)).collect(),
        _ => {
            let members =
                (0..dice.usize(..6)).map(|_| (word(dice).to_owned(), any(dice, depth - 1)));
            Value::Object(members.collect())
        }
    }
}

/// By values, what is left of an answer.
fn left(kept: Kept, answer: &mut Value) {
    let shorten = |object: &mut Value| {
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|field, value| match field.as_str() {
                "managedFields" => {
                    let length = r#""managedFields":"#.len() + value.to_string().len();
                    length <= kept.managed_fields
                }
                other => kept.fields.is_none_or(|fields| fields.contains(&other)),
            });
        }
    };
    if !answer.is_object() {
        return;
    }
    shorten(answer);
    if let Some(object) = answer.get_mut("object").filter(|object| object.is_object()) {
        shorten(object);
    }
    let items = answer.get_mut("items").and_then(Value::as_array_mut);
    items.into_iter().flatten().filter(|item| item.is_object()).for_each(shorten);
}

#[test]
fn of_any_answer_that_is_left_which_is_left_of_its_values() {
    let mut dice = fastrand::Rng::with_seed(7);
    let mut shorter = 0;
    for _ in 0..5_000 {
        let kept = Kept { managed_fields: [0, 30][dice.usize(..2)], ..[FEW, ALL][dice.usize(..2)] };
        let answer = match dice.usize(..8) {
            0 => any(&mut dice, 4),
            _ => {
                json!({"items": any(&mut dice, 4), "metadata": any(&mut dice, 4), "object": any(&mut dice, 4)})
            }
        };
        let mut expected = answer.clone();
        left(kept, &mut expected);
        shorter += usize::from(answer != expected);
        assert_eq!(stripped(kept, &answer.to_string()), expected.to_string());
    }
    assert!(shorter > 500, "of {shorter} anything was left out");
}
