//! Bodies of notifications: only short labels are handed on, and no more alerts than the body has room for.

use firedrill::{core::alerts::matcher::Labels, detectors};
use serde_json::{Value, json};

use super::{
    campaign::{Fate, Outcome, ensure},
    dice::Dice,
};

/// The longest labels of an alert, names and values together.
const LABELS_MAX: usize = 8 << 10;
/// The longest fingerprint.
const FINGERPRINT_MAX: usize = 64;
/// Less than any alert that can be read.
const SHORTEST: usize = 40;

pub fn run(dice: &mut Dice) -> Outcome {
    let (body, sent) = body(dice);
    let shown = || String::from_utf8_lossy(&body[..body.len().min(2_000)]).into_owned();
    let mut told = Vec::new();
    let push = detectors::pushes().next().ok_or("nobody notifies")?;
    let read = (push.read)(&body, &mut |report| told.push(report));
    ensure(told.len() <= body.len() / SHORTEST, || {
        format!("{} alerts of {}", told.len(), shown())
    })?;
    for report in &told {
        let length = length(&report.labels);
        ensure(length <= LABELS_MAX, || format!("{length} bytes of labels: {}", shown()))?;
        let print = report.fingerprint.as_ref().map_or(0, String::len);
        ensure(print <= FINGERPRINT_MAX, || format!("a fingerprint of {print}: {}", shown()))?;
        let fired = report.firing.ok_or_else(|| format!("it never fired: {}", shown()))?;
        ensure(fired.not_before <= fired.at, || format!("{fired:?}: {}", shown()))?;
    }
    match read {
        Ok(left_out) => {
            let all = left_out + told.len();
            ensure(all <= body.len() / SHORTEST, || format!("{all} alerts in {}", shown()))?;
            // Of what is as it was made each alert is told as a whole, or left out.
            let labels = |alert: &Value| serde_json::from_value(alert["labels"].clone()).ok();
            let sent: Option<Vec<Labels>> =
                sent.map(|sent| sent.iter().filter_map(labels).collect());
            if let Some(sent) = sent {
                let short: Vec<&Labels> =
                    sent.iter().filter(|labels| length(labels) <= LABELS_MAX).collect();
                let told: Vec<&Labels> = told.iter().map(|report| &report.labels).collect();
                ensure(told == short && all == sent.len(), || format!("{told:?} of {}", shown()))?;
            }
            Ok(Fate::Read)
        }
        Err(words) => {
            ensure(!words.is_empty(), || format!("refused without a word: {}", shown()))?;
            Ok(Fate::Refused)
        }
    }
}

fn length(labels: &Labels) -> usize {
    labels.iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// A body, and the alerts in it where it is as a notification was made.
fn body(dice: &mut Dice) -> (Vec<u8>, Option<Vec<Value>>) {
    let mut notification = json!({
        "version": "4", "groupKey": "{}:{}", "status": "firing", "receiver": "hook", "groupLabels": {},
        "commonLabels": {}, "commonAnnotations": {}, "externalURL": "", "truncatedAlerts": 0,
        "alerts": dice.some(3, alert),
    });
    if dice.chance(30) {
        let alerts = notification["alerts"].as_array().cloned();
        return (notification.to_string().into_bytes(), alerts);
    }
    (0..=dice.below(2)).for_each(|_| dice.mutate(&mut notification));
    let text = notification.to_string();
    let mut bytes = if dice.chance(30) { dice.mutated(&text) } else { text }.into_bytes();
    if dice.chance(10) && !bytes.is_empty() {
        let at = dice.below(bytes.len());
        bytes[at] = b"\xff\x80\x00\xc0\xed"[dice.below(5)];
    }
    (bytes, None)
}

fn alert(dice: &mut Dice) -> Value {
    let long = "x".repeat([1, 4_000, 8_180, 8_192, 70_000][dice.below(5)]);
    let note = if dice.chance(10) { long } else { dice.text(8) };
    json!({
        "status": dice.pick(&["firing", "resolved", "", "FIRING"]),
        "labels": {"alertname": dice.text(5), "namespace": "shop", "note": note},
        "annotations": {"summary": dice.text(9)},
        "startsAt": dice.either(
            90,
            &["2026-11-24T10:00:00.123Z", "0001-01-01T00:00:00Z", "9999-12-30T22:00:00.999999999Z"],
            &["-009999-01-02T01:59:59Z", "2026-11-24T10:00:00+23:59", "2026-11-24", ""],
        ),
        "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
        "fingerprint": "f".repeat([0, 16, 64, 65, 900][dice.below(5)]),
    })
}
