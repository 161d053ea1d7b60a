//! Shows that the oracles see: the evidence of a day that was all right, altered as each promise would be broken.

use serde_json::{Value, json};

use super::judge::{Evidence, Oracle, has_fact, judge};
use crate::judge::{
    altering::{again, first, last, later, replace},
    audit::Event,
};

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
            again(&mut other.events, "gamedayruns", "/responseObject/metadata/uid", json!("2"));
        }
        Oracle::OneRun => {
            let stray = first(&other.events, is_run("one"));
            other.events.push(stray.altered("/responseObject/metadata/name", json!("stray")));
        }
        Oracle::StruckOnce => again(&mut other.events, "pods/eviction", "/auditID", json!("again")),
        Oracle::OneGo => {
            // As if the status had been written anew by somebody who knew nothing of the go.
            let status = last(&other.events, |event| event.is("patch", "gamedayruns/status"));
            let place = "/responseObject/status/facts";
            let forgotten = status.altered(place, json!([]));
            other.events.push(later(&forgotten, 1));
            other.events.push(later(&status, 2));
        }
        Oracle::IntendedFirst => {
            let first = first(&other.events, |event| event.is("patch", "gamedayruns/status"));
            let before = first.response()["metadata"]["resourceVersion"].clone();
            let place = "/responseObject/metadata/resourceVersion";
            replace(&mut other.events, is_run("one"), place, &before);
        }
        Oracle::InOrder => {
            let one = first(&other.events, is_run("one"));
            let version = one.response()["metadata"]["resourceVersion"].clone();
            let place = "/responseObject/metadata/resourceVersion";
            replace(&mut other.events, is_run("two"), place, &version);
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
            replace(
                &mut other.events,
                is_go,
                "/requestObject/metadata/resourceVersion",
                &Value::Null,
            );
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
