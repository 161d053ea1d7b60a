//! Finished runs and what led up to them, for tests of the debrief.

use firedrill::{
    api::{
        Debrief, ExperimentRun, Moment,
        debrief::{Policy, TimelineEntry},
    },
    debrief::{self, LeadUp, Opening},
};
use serde_json::{Value, json};

/// The first debrief of its fingerprint, with that lead-up.
pub fn opening(lead_up: LeadUp) -> Opening<'static> {
    Opening { lead_up, number: 1, policy: Policy::default(), earlier: &[] }
}

/// The debrief that the run opens, as the operator concludes of it an hour later.
pub fn opened(run: &ExperimentRun) -> Option<Debrief> {
    let mut debrief = debrief::open(run, opening(lead_up()))?;
    concluded(&mut debrief, "2026-11-24T12:00:00Z");
    Some(debrief)
}

/// What the operator concludes of a debrief at that instant.
pub fn concluded(debrief: &mut Debrief, now: &str) {
    debrief.status = Some(debrief::decide::conclude(debrief, None, None, moment(now)));
}

/// A run whose alert waited too long.
pub fn slow_alert() -> ExperimentRun {
    serde_saphyr::from_str(include_str!("slow-alert.run.yaml")).unwrap()
}

/// The run with the values at these JSON pointers replaced, or removed where the value is null.
pub fn with(run: &ExperimentRun, changes: &[(&str, Value)]) -> ExperimentRun {
    let mut json = serde_json::to_value(run).unwrap();
    for (pointer, value) in changes {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = json.pointer_mut(parent).unwrap_or_else(|| panic!("no {pointer}"));
        match parent {
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.clone(),
            Value::Object(fields) if value.is_null() => drop(fields.remove(key)),
            Value::Object(fields) => drop(fields.insert(key.to_owned(), value.clone())),
            _ => panic!("{pointer} is no field"),
        }
    }
    serde_json::from_value(json).unwrap()
}

/// The run without these facts.
pub fn without(run: &ExperimentRun, facts: &[&str]) -> ExperimentRun {
    let json = serde_json::to_value(run).unwrap();
    let kept: Vec<_> = json["status"]["facts"].as_array().unwrap().clone();
    let kept = kept.into_iter().filter(|fact| !facts.contains(&fact["name"].as_str().unwrap()));
    with(run, &[("/status/facts", kept.collect())])
}

/// Nothing noticed it, and it was not back when the run ended.
pub fn never_noticed() -> ExperimentRun {
    let run = without(
        &slow_alert(),
        &["conditionTrue", "firing", "notified", "mitigated", "restored", "recovered"],
    );
    let reverted = run.status.as_ref().unwrap().facts.len() - 1;
    let ended = json!("2026-11-24T10:41:31.205000Z");
    let end = |fact: usize, bound: &str| (format!("/status/facts/{fact}/{bound}"), ended.clone());
    let ends = [
        end(reverted - 1, "at"),
        end(reverted - 1, "notBefore"),
        end(reverted, "at"),
        end(reverted, "notBefore"),
    ];
    let ends: Vec<_> = ends.iter().map(|(pointer, at)| (pointer.as_str(), at.clone())).collect();
    with(
        &with(&run, &ends),
        &[
            ("/status/impact/probes/failed", json!(120)),
            ("/status/impact/probes/total", json!(120)),
            ("/status/impact/probes/lastFailureAt", ended.clone()),
            ("/status/impact/unavailablePodSeconds", json!(119.9)),
            ("/status/verdict", json!("NotRecovered")),
            ("/status/reason", json!("StillBroken")),
            (
                "/status/detection",
                json!({
                    "answer": "No", "tier": "None", "headline": "No",
                    "alsoFired": [{"labels": {"alertname": "StorefrontErrors"}, "source": "alertmanager", "note": "not among detection.alerts"}],
                }),
            ),
            (
                "/status/recovery",
                json!({"answer": "No", "tier": "None", "automatic": false, "headline": "No"}),
            ),
            ("/status/summary", json!("not noticed (objective 20s), not back (objective 1m)")),
        ],
    )
}

/// Users were to notice nothing, and one pod of three was enough for them to notice.
pub fn not_tolerated() -> ExperimentRun {
    let run = slow_alert();
    let victim = serde_json::to_value(&run).unwrap()["status"]["plan"]["victims"][0].clone();
    with(
        &run,
        &[
            ("/status/plan/spec/tolerates", json!(true)),
            (
                "/status/plan/spec/hypothesis",
                json!("Losing one checkout pod is noticed by nobody."),
            ),
            ("/status/plan/victims", json!([victim])),
            ("/status/plan/count", json!(3)),
            ("/status/tolerance", json!({"answer": "No"})),
            ("/status/plan/spec/detection/within", json!("5m")),
            ("/status/detection/answer", json!("Yes")),
            ("/status/reason", json!("NotTolerated")),
            (
                "/status/summary",
                json!(
                    "noticed after 35.1s (objective 5m, by CheckoutDown), back by itself after 41.8s (objective 1m)"
                ),
            ),
        ],
    )
}

/// What the cluster remembers of the day before.
pub fn lead_up() -> LeadUp {
    let entry = |at: &str, kind: &str, source: &str, text: &str| TimelineEntry {
        at: moment(at),
        kind: kind.to_owned(),
        source: source.to_owned(),
        text: text.to_owned(),
    };
    LeadUp {
        entries: vec![
            entry(
                "2026-11-23T16:02:11Z",
                "rollout",
                "deployment/checkout",
                "revision 3 rolled out: shop localhost/shop:1 → localhost/shop:2; change cause: faster_start",
            ),
            entry(
                "2026-11-24T09:12:44Z",
                "config",
                "configmap/checkout-config",
                "last written by kubectl-edit (Update): keys PAYMENTS_URL",
            ),
            entry(
                "2026-11-24T10:40:31Z",
                "event",
                "pod/checkout-6c9f7d-x2lqp",
                "Killing: Stopping container shop",
            ),
            entry(
                "2026-11-24T10:40:32Z",
                "event",
                "pod/checkout-6c9f7d-7klmn",
                "Scheduled: Successfully assigned shop/checkout-6c9f7d-7klmn to n1",
            ),
        ],
        horizon: "This looks back 24h, to 23 Nov 10:40:31. Kubernetes keeps events for about an hour unless it is \
                  set otherwise; the oldest one seen here is from 24 Nov 09:41:02."
            .to_owned(),
        target_state: vec!["deployment/checkout: revision 3 (checkout-6c9f7d), shop localhost/shop:2".to_owned()],
    }
}

/// The instant written as RFC 3339.
pub fn moment(text: &str) -> Moment {
    serde_json::from_value(json!(text)).unwrap()
}

/// A guard ended it while nobody was served.
pub fn near_miss() -> ExperimentRun {
    let run = without(
        &slow_alert(),
        &["conditionTrue", "firing", "notified", "mitigated", "restored", "recovered"],
    );
    let (ended, reverted) = ("2026-11-24T10:40:41.990000Z", "2026-11-24T10:40:42.310000Z");
    let why = "probe answers has failed for 10.1s, guards.abortWhenProbeFailsFor is 10s: connection refused";
    let count = run.status.as_ref().unwrap().facts.len();
    let fact = |back: usize, field: &str| format!("/status/facts/{}/{field}", count - back);
    let changes = [
        (fact(2, "at"), json!(ended)),
        (fact(2, "notBefore"), json!(ended)),
        (fact(2, "reason"), json!("Guard")),
        (fact(2, "detail"), json!(why)),
        (fact(1, "at"), json!(reverted)),
        (fact(1, "notBefore"), json!(reverted)),
        (fact(1, "detail"), json!("read back, nothing is left")),
        ("/status/detection".to_owned(), Value::Null),
        ("/status/recovery".to_owned(), Value::Null),
        ("/status/verdict".to_owned(), json!("Aborted")),
        ("/status/reason".to_owned(), json!("Guard")),
        ("/status/summary".to_owned(), json!(format!("ended early (Guard: {why})"))),
        ("/status/impact/probes/total".to_owned(), json!(32)),
        ("/status/impact/probes/failed".to_owned(), json!(11)),
        ("/status/impact/probes/lastFailureAt".to_owned(), json!("2026-11-24T10:40:41.900000Z")),
        ("/status/impact/gaps".to_owned(), json!([])),
    ];
    let changes: Vec<_> = changes.iter().map(|(at, value)| (at.as_str(), value.clone())).collect();
    with(&run, &changes)
}

/// Nothing was broken for users, so that it told nothing.
pub fn no_impact() -> ExperimentRun {
    let run = without(
        &slow_alert(),
        &["impactStarted", "conditionTrue", "firing", "notified", "mitigated", "recovered"],
    );
    let nothing = json!({"answer": "NotExercised", "tier": "None", "headline": "NotExercised"});
    let recovery = json!({"answer": "NotExercised", "tier": "None", "automatic": false, "headline": "NotExercised"});
    with(
        &run,
        &[
            ("/status/detection", nothing),
            ("/status/recovery", recovery),
            (
                "/status/impact",
                json!({"probes": {"total": 102, "failed": 0}, "unavailablePodSeconds": 82.1}),
            ),
            ("/status/verdict", json!("Inconclusive")),
            ("/status/reason", json!("NoImpact")),
            ("/status/summary", json!("the fault had no visible impact, so nothing was exercised")),
        ],
    )
}
