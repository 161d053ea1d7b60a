//! When the meeting is, by production's own conclusion, beside windows that another language's calendar expects:
//! `tests/debriefs.sh` makes them. Without them a few that were computed by it once.

use std::collections::BTreeMap;

use firedrill::api::debrief::Window;
use serde::Deserialize;
use serde_json::json;

use super::runs::{concluded, moment, opened, slow_alert, with};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    zone: String,
    by_hand: bool,
    resolved: String,
    from: String,
    to: String,
}

/// Of `windows.py 14 7`.
const KNOWN: &str = include_str!("calendar.jsonl");

/// The window of a debrief whose service was back then.
fn window(case: &Case) -> Window {
    let at = json!(case.resolved.replace('Z', ".000000Z"));
    let fact = |name: &str| json!({"name": name, "at": at, "notBefore": at, "source": "operator"});
    let by = if case.by_hand { "Rollback" } else { "Automatic" };
    let run = with(
        &slow_alert(),
        &[
            ("/status/facts", json!([fact("injected"), fact("recovered")])),
            ("/status/recovery/by", json!(by)),
        ],
    );
    let mut debrief = opened(&run).unwrap();
    debrief.spec.policy.time_zone.clone_from(&case.zone);
    let closed = json!([{"from": "2026-12-24", "to": "2027-01-03", "reason": "holidays"}]);
    debrief.spec.policy.closed = serde_json::from_value(closed).unwrap();
    concluded(&mut debrief, "2028-01-01T00:00:00Z");
    debrief.status.unwrap().window.unwrap()
}

#[test]
fn every_window_is_where_another_calendar_has_it() {
    let text = std::env::var("CALENDAR_CASES")
        .map_or_else(|_| KNOWN.to_owned(), |path| std::fs::read_to_string(path).unwrap());
    let (mut of, mut wrong) = (0, BTreeMap::new());
    for line in text.lines() {
        let case: Case = serde_json::from_str(line).unwrap();
        let window = window(&case);
        of += 1;
        if (window.not_before, window.not_after) != (moment(&case.from), moment(&case.to)) {
            wrong.insert(line.to_owned(), window);
        }
    }
    println!("calendar: {}/{of} windows", of - wrong.len());
    assert!(of > 0 && wrong.is_empty(), "{} of {of}: {:#?}", wrong.len(), wrong.iter().next());
}
