//! A run's status as its schema takes it, and as nobody of ours would write it: each field is made from the schema
//! of the definition, but for what the schema's rules would refuse nearly always.

use std::sync::LazyLock;

use firedrill::api::definitions;
use serde_json::{Map, Value, json};

use super::values::Dice;

/// The facts in the order in which they usually come.
const ORDER: [&str; 14] = [
    "accepted",
    "journaled",
    "injected",
    "effectObserved",
    "impactStarted",
    "conditionTrue",
    "firing",
    "notified",
    "mitigated",
    "restored",
    "recovered",
    "revertStarted",
    "reverted",
    "completed",
];

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let run = definitions().iter().find(|one| one.spec.names.kind == "ExperimentRun").unwrap();
    let schema = json!(run.spec.versions[0].schema);
    schema["openAPIV3Schema"]["properties"]["status"].clone()
});

/// The fields of a status for a run of that spec, in the order in which they are written.
pub fn fields(dice: &mut Dice, spec: &Value) -> Vec<(String, Value)> {
    let all = SCHEMA["properties"].as_object().unwrap();
    let mut fields = Vec::new();
    for (name, schema) in all {
        let percent = if name == "facts" || name == "plan" { 85 } else { 40 };
        if dice.percent(percent) {
            fields.push((name.clone(), value(dice, schema, name, spec)));
        }
    }
    dice.shuffle(&mut fields);
    fields
}

/// What was seen to hold a run for ever, or to write its status without end.
pub fn known(number: usize, spec: &Value) -> Option<Vec<(String, Value)>> {
    let now = jiff::Timestamp::now().to_string();
    let fact =
        |name: &str, at: &str| json!({"name": name, "at": at, "notBefore": at, "source": "api"});
    let facts = |names: &[&str], at: &str| {
        json!(names.iter().map(|name| fact(name, at)).collect::<Vec<_>>())
    };
    let injected = ["accepted", "journaled", "injected"];
    let (last, first) = ("9999-12-30T21:00:00Z", "0001-01-01T00:00:00Z");
    let plan = |deadline: &str| json!({"spec": spec, "deadline": deadline, "epoch": 1});
    let gap = json!({"from": now, "to": now, "of": "fault"});
    let impact = |change: Value| {
        let mut impact = json!({"probes": {"total": i64::MAX, "failed": i64::MAX}, "unavailablePodSeconds": 1e308});
        crate::support::merge(&mut impact, change);
        impact
    };
    let victim =
        json!({"kind": "Pod", "name": "p", "uid": "u", "resourceVersion": "1", "round": i32::MAX});
    let mut rounds = plan(&now);
    rounds["victims"] = json!([victim]);
    let known = [
        vec![("facts", facts(&injected, &now))],
        vec![("facts", facts(&injected[..2], &now))],
        vec![("facts", facts(&injected[..1], &now))],
        vec![("plan", json!({"spec": spec})), ("facts", facts(&injected, &now))],
        vec![("plan", plan(last)), ("facts", facts(&injected, &now))],
        vec![("plan", plan(first)), ("facts", facts(&injected, &now))],
        vec![("plan", plan("9999-12-31T23:59:59Z")), ("facts", facts(&injected, &now))],
        vec![("plan", plan(&now)), ("facts", facts(&injected, last))],
        vec![("plan", plan(&now)), ("facts", facts(&injected, "9999-12-31T23:59:59Z"))],
        vec![
            ("plan", plan(&now)),
            ("impact", impact(json!({}))),
            ("facts", facts(&injected, &now)),
        ],
        vec![
            ("plan", plan(&now)),
            (
                "impact",
                impact(
                    json!({"endedBy": {"notBefore": now, "at": now, "fields": [], "restored": true, "by": "x"}}),
                ),
            ),
            ("facts", facts(&injected, &now)),
        ],
        vec![
            ("plan", plan(&now)),
            ("impact", impact(json!({"gaps": vec![gap; 32]}))),
            ("facts", facts(&injected, &now)),
        ],
        vec![("plan", rounds), ("facts", facts(&injected, &now))],
        vec![
            ("verdict", json!("ObjectiveMissed")),
            ("facts", facts(&["accepted", "journaled", "injected", "reverted"], &now)),
        ],
    ];
    let one = known.get(number)?;
    Some(one.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn value(dice: &mut Dice, schema: &Value, path: &str, spec: &Value) -> Value {
    match path {
        "plan.spec" => return of_spec(dice, spec),
        "facts" => return facts(dice, schema),
        _ => {}
    }
    if let Some(choices) = schema["enum"].as_array() {
        return dice.of(choices);
    }
    let longest = |of: &str| schema[of].as_u64().map(|most| usize::try_from(most).unwrap());
    match schema["type"].as_str() {
        Some("object") => object(dice, schema, path, spec),
        Some("array") => {
            let most = longest("maxItems").unwrap_or(32).min(32);
            let count = dice.of(&[0, 1, 2, most]).min(most);
            (0..count).map(|_| value(dice, &schema["items"], &format!("{path}[]"), spec)).collect()
        }
        Some("string") if schema["format"] == "date-time" => json!(dice.instant()),
        Some("string") if schema["pattern"].as_str().is_some_and(|text| text.contains("us|ms")) => {
            json!(dice.duration())
        }
        Some("string") => json!(dice.text(longest("maxLength").unwrap_or(4096))),
        Some("integer") => dice.integer(schema["format"] == "int64"),
        Some("number") => dice.real(),
        Some("boolean") => json!(dice.percent(50)),
        _ => dice.integer(false),
    }
}

fn object(dice: &mut Dice, schema: &Value, path: &str, spec: &Value) -> Value {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut object = Map::new();
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        if required.contains(&json!(name)) || dice.percent(60) {
            object.insert(name.clone(), value(dice, schema, &format!("{path}.{name}"), spec));
        }
    }
    let more = &schema["additionalProperties"];
    if more.is_object() {
        for number in 0..dice.below(4) {
            object.insert(format!("key-{number}"), value(dice, more, &format!("{path}[]"), spec));
        }
    }
    Value::Object(object)
}

/// The schema's rules hold here too, so it is the run's own spec, or one with another fault.
fn of_spec(dice: &mut Dice, spec: &Value) -> Value {
    let mut spec = spec.clone();
    if dice.percent(30) {
        spec["fault"] = dice.of(&super::runs::faults());
    }
    spec
}

/// The first so many in their order, or any.
fn facts(dice: &mut Dice, schema: &Value) -> Value {
    let mut names: Vec<&str> = ORDER[..dice.below(ORDER.len())].to_vec();
    if dice.percent(25) {
        names = ORDER.iter().copied().filter(|_| dice.percent(40)).collect();
        dice.shuffle(&mut names);
    }
    let is_recent = dice.percent(60);
    let reasons = schema["items"]["properties"]["reason"]["enum"].as_array().unwrap();
    let fact = |name: &str| {
        let (at, not_before) = if is_recent {
            let at = dice.recent();
            (at.clone(), at)
        } else {
            (dice.instant(), dice.instant())
        };
        let mut fact =
            json!({"name": name, "at": at, "notBefore": not_before, "source": dice.text(63)});
        if name == "revertStarted" || dice.percent(10) {
            fact["reason"] = dice.of(reasons);
        }
        if dice.percent(20) {
            fact["detail"] = json!(dice.text(512));
            fact["labels"] = json!({"alertname": dice.text(64)});
            fact["partial"] = json!(dice.percent(50));
        }
        fact
    };
    names.into_iter().map(fact).collect()
}
