//! Shows that the oracles see: the evidence of a debrief that was all right, altered as each promise would be broken.

use serde_json::{Value, json};

use super::judge::{Evidence, Oracle, judge};
use crate::judge::{
    altering::{again, first, last, later, replace},
    audit::Event,
};

/// Each oracle, and whether it complains of evidence in which its promise is broken, in every way that is tried.
pub fn all(evidence: &Evidence) -> Vec<(Oracle, bool)> {
    let seen = |oracle| {
        let is_seen = |other: &Evidence| judge(other).iter().any(|(of, _)| *of == oracle);
        let altered = alter(evidence, oracle);
        (oracle, !altered.is_empty() && altered.iter().all(is_seen))
    };
    Oracle::OF_EVIDENCE.into_iter().map(seen).collect()
}

/// The evidence in each way in which that promise may be broken.
fn alter(evidence: &Evidence, oracle: Oracle) -> Vec<Evidence> {
    let with = |change: &dyn Fn(&mut Evidence)| altered(evidence, change);
    match oracle {
        Oracle::Closed => vec![
            with(&|other| status(other)["stage"] = json!("Verifying")),
            with(&|other| other.over_after = None),
            with(&|other| other.experiment["status"]["openDebrief"] = json!("matrix-1")),
        ],
        Oracle::OneDebrief => vec![
            with(&|other| {
                again(&mut other.events, "debriefs", "/responseObject/metadata/uid", json!("2"));
            }),
            with(&|other| other.debriefs.push(other.debriefs[0].clone())),
            with(&|other| other.debriefs.clear()),
        ],
        Oracle::ToldOnce => vec![
            with(&|other| other.heard.retain(|heard| heard.message["what"] != "Ended")),
            with(&|other| other.heard.push(other.heard[0].clone())),
            with(&|other| status(other)["messages"][0]["delivered"] = Value::Null),
        ],
        Oracle::SameKey => vec![
            with(&|other| {
                let mut heard = other.heard[0].clone();
                heard.message["key"] = json!("another");
                other.heard.push(heard);
            }),
            with(&|other| other.heard[1].message["key"] = other.heard[0].message["key"].clone()),
        ],
        Oracle::JudgedOnce => vec![
            with(&|other| {
                let attempt = status(other)["attempts"][0].clone();
                status(other)["attempts"].as_array_mut().unwrap().push(attempt);
            }),
            with(&|other| {
                let uid = status(other)["attempts"][0]["uid"].clone();
                status(other)["occurrences"] = json!([{"uid": uid}]);
            }),
            with(&|other| {
                status(other)["attempts"].as_array_mut().unwrap().pop();
            }),
        ],
        Oracle::Counts => vec![
            with(&|other| status(other)["attempts"][1]["refused"] = json!(["target: another"])),
            with(&|other| status(other)["questions"][0]["provenBy"] = json!([])),
        ],
        _ => alter_proof(evidence, oracle),
    }
}

/// See [`alter`], of the promises about the proof and about what is left.
fn alter_proof(evidence: &Evidence, oracle: Oracle) -> Vec<Evidence> {
    let with = |change: &dyn Fn(&mut Evidence)| altered(evidence, change);
    match oracle {
        Oracle::ProvenFirst => vec![
            with(&|other| {
                let is_early = |event: &Event| event.is("patch", "debriefs/status");
                let early = first(&other.events, is_early);
                other.events.push(early.altered("/responseObject/status/stage", json!("Closed")));
            }),
            with(&|other| {
                // As if a run had passed later.
                let is_pass = |event: &Event| {
                    event.is("patch", "experimentruns/status")
                        && event.response()["status"]["verdict"] == "Passed"
                };
                let place = "/responseObject/metadata/resourceVersion";
                let late = last(&other.events, is_pass).version() + 1_000_000;
                replace(&mut other.events, is_pass, place, &json!(late.to_string()));
            }),
        ],
        Oracle::Stamped => vec![
            with(&|other| status(other)["items"][0]["doneAt"] = json!("2000-01-01T00:00:00Z")),
            with(&|other| status(other)["items"][0]["doneAt"] = Value::Null),
            with(&|other| {
                let is_it = |event: &Event| event.is("patch", "debriefs/status");
                replace(&mut other.events, is_it, "/user/username", &json!("somebody"));
            }),
        ],
        Oracle::OneRun => vec![with(&|other| {
            let stray = first(&other.events, is_proof_run);
            other.events.push(stray.altered("/responseObject/metadata/name", json!("stray")));
        })],
        Oracle::IntendedFirst => vec![with(&|other| {
            let place = "/responseObject/metadata/resourceVersion";
            replace(&mut other.events, is_proof_run, place, &json!("1"));
        })],
        Oracle::StruckOnce => vec![with(&|other| {
            again(&mut other.events, "pods/eviction", "/auditID", json!("again"));
        })],
        Oracle::Kept => vec![
            with(&|other| status(other)["endedAt"] = json!("2000-01-01T00:00:00Z")),
            with(&|other| {
                // As if it had been written anew by somebody who knew nothing of it.
                let status = last(&other.events, |event| event.is("patch", "debriefs/status"));
                let forgotten = status.altered("/responseObject/status/messages", json!([]));
                other.events.push(later(&forgotten, 1));
                other.events.push(later(&status, 2));
            }),
        ],
        Oracle::Clean => vec![
            with(&|other| other.runs[0]["metadata"]["finalizers"] = json!(["firedrill.dev/run"])),
            with(&|other| other.runs[0]["status"]["facts"] = json!([])),
            with(&|other| other.armed.push("Deployment web".to_owned())),
        ],
        Oracle::Fenced => vec![with(&|other| {
            let is_it = |event: &Event| event.is("patch", "debriefs/status");
            let place = "/requestObject/metadata/resourceVersion";
            replace(&mut other.events, is_it, place, &Value::Null);
        })],
        _ => Vec::new(),
    }
}

fn altered(evidence: &Evidence, change: &dyn Fn(&mut Evidence)) -> Evidence {
    let mut other = evidence.clone();
    change(&mut other);
    other
}

fn status(evidence: &mut Evidence) -> &mut Value {
    &mut evidence.debriefs[0]["status"]
}

fn is_proof_run(event: &Event) -> bool {
    event.is("create", "experimentruns") && event.response()["spec"]["scheduled"] == true
}
