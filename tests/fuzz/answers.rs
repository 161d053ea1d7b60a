//! Answers of alert sources to polls: every instant lies within its bounds, and labels are short.

use std::collections::BTreeSet;

use firedrill::{
    api::{Duration, Moment},
    core::{
        alerts::{AlertReport, rules::Rule},
        span::Span,
    },
    detectors::{Inquiry, Poll, SOURCES, Source},
};
use serde_json::{Value, json, value::RawValue};

use super::{
    campaign::{Fate, Outcome, ensure},
    dice::Dice,
};

/// The longest labels of an alert, names and values together.
const LABELS_MAX: usize = 8 << 10;

pub fn run(dice: &mut Dice) -> Outcome {
    let source = &SOURCES[dice.below(SOURCES.len())];
    let rules = rules(dice, source)?;
    let make: fn(&mut Dice) -> Value = if source.channel.has_history { matrix } else { alerts };
    let answer = changed(dice, make);
    let shown = answer.to_string();
    let Ok(told) = told(dice, source, &answer, &rules) else { return Ok(Fate::Refused) };
    for report in told {
        let length: usize =
            report.labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        ensure(length <= LABELS_MAX, || format!("{length} bytes of labels in {shown}"))?;
        let spans = [report.condition_true, report.firing, report.notified];
        let is_ordered = |span: &Span| span.not_before <= span.at;
        ensure(spans.iter().flatten().all(is_ordered), || format!("{report:?} of {shown}"))?;
    }
    Ok(Fate::Read)
}

/// What the source tells of its alerts.
fn told(
    dice: &mut Dice,
    source: &Source,
    answer: &Value,
    rules: &[Rule],
) -> Result<Vec<AlertReport>, String> {
    let now = moment(dice);
    let poll = Poll { now, since: moment(dice), previous: dice.chance(50).then(|| moment(dice)) };
    let label = dice.pick(&["", "namespace"]).to_owned();
    let namespaces = BTreeSet::from(["shop".to_owned()]);
    let inquiry = Inquiry { back: Duration::seconds(60), label, namespaces };
    let alerts = (source.read)(&raw(answer), &inquiry, rules)?;
    Ok(alerts.iter().filter_map(|alert| alert.report(&poll)).collect())
}

/// What it tells of its rules, where it tells any.
fn rules(dice: &mut Dice, source: &Source) -> Result<Vec<Rule>, String> {
    let Some(read) = source.rules else { return Ok(Vec::new()) };
    let answer = changed(dice, groups);
    let rules = read(&raw(&answer)).unwrap_or_default();
    let named = answer.to_string().matches("\"name\"").count();
    ensure(rules.len() <= named, || format!("{} rules in {answer}", rules.len()))?;
    Ok(rules)
}

/// The answer as it is received.
fn raw(answer: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(answer).expect("a value is JSON")
}

/// An answer, in half of the cases with something changed in it.
fn changed(dice: &mut Dice, make: fn(&mut Dice) -> Value) -> Value {
    let mut answer = make(dice);
    if dice.chance(50) {
        (0..=dice.below(2)).for_each(|_| dice.mutate(&mut answer));
    }
    answer
}

fn moment(dice: &mut Dice) -> Moment {
    let instant = dice.pick(&[
        "2026-11-24T10:00:00Z",
        "2026-11-24T10:00:05.5Z",
        "1970-01-01T00:00:00Z",
        "9999-12-30T22:00:00.999999Z",
    ]);
    serde_json::from_value(json!(instant)).unwrap()
}

fn stamp(dice: &mut Dice) -> f64 {
    let few = [1_795_514_400.0, 1_795_514_405.123, 1_795_514_410.0, 0.0, -1.0, 1e12, 1e300, -1e300];
    let among = if dice.chance(70) { 3 } else { few.len() };
    few[dice.below(among)]
}

fn labels(dice: &mut Dice) -> Value {
    let long = "x".repeat([8_150, 8_192, 20_000][dice.below(3)]);
    let note = if dice.chance(5) { long } else { dice.text(4) };
    json!({"alertname": dice.pick(&["Down", "Slow", ""]), "severity": "page", "note": note})
}

fn matrix(dice: &mut Dice) -> Value {
    let series = |dice: &mut Dice| {
        let mut metric = labels(dice);
        metric["__name__"] = json!(dice.pick(&["ALERTS", "ALERTS_FOR_STATE", "up"]));
        metric["alertstate"] = json!(dice.pick(&["pending", "firing", "other"]));
        let sample = |dice: &mut Dice| {
            let value = dice.pick(&["1", "1795514400", "NaN", "+Inf", "-1e308", "x", ""]);
            json!([stamp(dice), value])
        };
        json!({"metric": metric, "values": dice.some(4, sample)})
    };
    json!({"status": "success", "data": {"resultType": "matrix", "result": dice.some(4, series)}})
}

fn alerts(dice: &mut Dice) -> Value {
    let alert = |dice: &mut Dice| {
        json!({
            "labels": labels(dice), "fingerprint": dice.text(4), "annotations": {},
            "startsAt": dice.pick(&["2026-11-24T10:00:00.123Z", "0001-01-01T00:00:00Z", "9999-12-30T22:00:00.999999999Z", "soon"]),
            "status": {"state": dice.pick(&["active", "suppressed", ""]), "silencedBy": [], "inhibitedBy": []},
        })
    };
    Value::Array(dice.some(4, alert))
}

fn groups(dice: &mut Dice) -> Value {
    let rule = |dice: &mut Dice| json!({"name": dice.pick(&["Down", "Slow"]), "type": "alerting", "labels": {"severity": dice.text(3)}});
    let group = |dice: &mut Dice| {
        let interval = [json!(5), json!(0), json!(-1), json!(1e300), json!(1.8e19), json!("5")];
        json!({"name": "g", "interval": interval[dice.below(6)], "rules": dice.some(3, rule)})
    };
    json!({"status": "success", "data": {"groups": dice.some(3, group)}})
}
