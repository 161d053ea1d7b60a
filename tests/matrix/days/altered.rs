//! Shows that the oracles see: the evidence of a day that was all right, altered as each promise would be broken.

use serde_json::{Value, json};

use super::judge::{Evidence, Oracle, has_fact, judge};
use crate::judge::audit::Event;

/// Each oracle, and whether it complains of evidence in which its promise is broken.
pub fn all(evidence: &Evidence) -> Vec<(Oracle, bool)> {
    let seen = |oracle| {
        let altered = alter(evidence, oracle);
        (oracle, judge(&altered).iter().any(|(of, _)| *of == oracle))
    };
    Oracle::OF_EVIDENCE.into_iter().map(seen).collect()
}

fn alter(evidence: &Evidence, oracle: Oracle) -> Evidence {
    let mut other = evidence.clone();
    match oracle {
        Oracle::Outcome => other.days[0]["status"]["outcome"] = json!("Halted"),
        Oracle::OneDay => {
            again(&mut other, "gamedayruns", "/responseObject/metadata/uid", json!("2"));
        }
        Oracle::OneRun => {
            let stray = first(&other, is_run("one"));
            other.events.push(stray.altered("/responseObject/metadata/name", json!("stray")));
        }
        Oracle::StruckOnce => again(&mut other, "pods/eviction", "/auditID", json!("again")),
        Oracle::OneGo => {
            // As if the status had been written anew by somebody who knew nothing of the go.
            let status = last(&other, |event| event.is("patch", "gamedayruns/status"));
            let place = "/responseObject/status/facts";
            let forgotten = status.altered(place, json!([]));
            other.events.push(later(&forgotten, 1));
            other.events.push(later(&status, 2));
        }
        Oracle::IntendedFirst => {
            let first = first(&other, |event| event.is("patch", "gamedayruns/status"));
            let before = first.response()["metadata"]["resourceVersion"].clone();
            let place = "/responseObject/metadata/resourceVersion";
            replace(&mut other, is_run("one"), place, &before);
        }
        Oracle::InOrder => {
            let one = first(&other, is_run("one"));
            let version = one.response()["metadata"]["resourceVersion"].clone();
            let place = "/responseObject/metadata/resourceVersion";
            replace(&mut other, is_run("two"), place, &version);
        }
        Oracle::Rehearsed => {
            let mut left = other.runs[0].clone();
            left["spec"]["dryRun"] = json!(true);
            other.runs.push(left);
        }
        Oracle::Facts => {
            let at = other.days[0].pointer_mut("/status/facts/0/at").unwrap();
            *at = json!("2000-01-01T00:00:00Z");
        }
        Oracle::Kept => other.days[0]["status"]["gates"] = json!([]),
        Oracle::Told => {
            other.days[0]["status"]["announcements"][0]["delivered"] = Value::Null;
        }
        Oracle::Fenced => {
            let is_go = |event: &Event| {
                event.is("patch", "gamedayruns/status") && has_fact(event.response(), "go")
            };
            replace(&mut other, is_go, "/requestObject/metadata/resourceVersion", &Value::Null);
        }
        Oracle::Came | Oracle::Alive => {}
    }
    other
}

fn is_run(step: &'static str) -> impl Fn(&Event) -> bool {
    move |event| {
        let name = event.response()["metadata"]["name"].as_str().unwrap_or_default();
        event.is("create", "experimentruns") && name.ends_with(&format!("-{step}"))
    }
}

fn first(evidence: &Evidence, is_it: impl Fn(&Event) -> bool) -> Event {
    evidence.events.iter().find(|event| event.is_committed() && is_it(event)).unwrap().clone()
}

fn last(evidence: &Evidence, is_it: impl Fn(&Event) -> bool) -> Event {
    evidence.events.iter().rfind(|event| event.is_committed() && is_it(event)).unwrap().clone()
}

/// The same write so many versions later.
fn later(event: &Event, by: u64) -> Event {
    let version = event.response()["metadata"]["resourceVersion"].as_str().unwrap();
    let version = version.parse::<u64>().unwrap() + by;
    event.altered("/responseObject/metadata/resourceVersion", json!(version.to_string()))
}

/// Adds the first creation of that resource once more, with something else at that place.
fn again(evidence: &mut Evidence, resource: &str, pointer: &str, value: Value) {
    let created = first(evidence, |event| event.is("create", resource));
    evidence.events.push(created.altered(pointer, value));
}

fn replace(evidence: &mut Evidence, is_it: impl Fn(&Event) -> bool, pointer: &str, value: &Value) {
    for event in evidence.events.iter_mut().filter(|event| event.is_committed() && is_it(event)) {
        *event = event.altered(pointer, value.clone());
    }
}
