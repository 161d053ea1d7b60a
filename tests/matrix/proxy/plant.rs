//! Planted bugs: what a broken operator would send, made from what the real one sends. They live in
//! this proxy, so that the product cannot contain them.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

mod armed;

use super::{
    ask::Ask,
    rule::{Action, Back, Moment, Rule},
    wire::{Answer, Request},
    write::Write,
};
use crate::{ground::BYSTANDER, judge::Oracle, scenario::Scenario};

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    EvictsUnconditionally,
    WritesStatusUnversioned,
    EvictsBeforeJournal,
    EvictsAnotherPod,
    ChangesFact,
    ChangesVerdict,
    OpensTwoDebriefs,
    OpensNoDebrief,
    KeepsFinalizer,
    ChangesAnotherObject,
    LeavesArmedMark,
    WritesElsewhere,
    StaysDead,
    NeverWrites,
    ArmsWithoutTest,
    ArmsBeforeJournal,
    ArmsAgain,
    SkipsRevert,
    OverwritesFix,
    ReaperSleeps,
}

/// What becomes of a write.
pub enum Tampered {
    /// It is sent, changed or not.
    Sent,
    /// Another one is sent first.
    Preceded(Request),
    /// Another one is sent afterwards.
    Followed(Request),
    /// The bystander is changed first, by somebody who may do everything: rights and policies are not
    /// what is tested here.
    Meddled(Value),
    /// It is answered with the object as it is, merged with this, and never sent.
    Pretended(Value),
    /// The same, and from now on the object is read like this.
    Hidden(Value),
    /// It is answered like this and never sent.
    Answered(Answer),
}

impl Plant {
    /// Those that a kill of pods shows, each with the oracles that must complain of it.
    const KILLING: [(Self, &'static [Oracle]); 14] = [
        (Self::EvictsUnconditionally, &[Oracle::Fenced]),
        (Self::WritesStatusUnversioned, &[Oracle::Fenced]),
        (Self::EvictsBeforeJournal, &[Oracle::JournaledFirst]),
        (Self::EvictsAnotherPod, &[Oracle::Victims]),
        (Self::ChangesFact, &[Oracle::Facts]),
        (Self::ChangesVerdict, &[Oracle::Verdict]),
        (Self::OpensTwoDebriefs, &[Oracle::Debrief]),
        (Self::OpensNoDebrief, &[Oracle::Debrief]),
        (Self::KeepsFinalizer, &[Oracle::Finalizer]),
        (Self::ChangesAnotherObject, &[Oracle::Objects]),
        (Self::LeavesArmedMark, &[Oracle::Unarmed]),
        (Self::WritesElsewhere, &[Oracle::OwnNamespace]),
        (Self::StaysDead, &[Oracle::Complete, Oracle::Alive]),
        (Self::NeverWrites, &[Oracle::Came]),
    ];

    /// Those that a changed field shows.
    const ARMING: [(Self, &'static [Oracle]); 3] = [
        (Self::ArmsWithoutTest, &[Oracle::Fenced, Oracle::ArmedOnce]),
        (Self::ArmsBeforeJournal, &[Oracle::JournaledFirst]),
        (Self::ArmsAgain, &[Oracle::ArmedOnce]),
    ];

    /// Those that this scenario shows, each with the oracles that must complain of it.
    pub fn of(scenario: &Scenario) -> &'static [(Self, &'static [Oracle])] {
        match scenario.name {
            "podKill" => &Self::KILLING,
            "scale" => &Self::ARMING,
            // Its field is in no list and nothing else tells of it, so that a proxy can hide it.
            "egress" => &[(Self::SkipsRevert, &[Oracle::Reverted])],
            _ => &[],
        }
    }

    /// The disturbance that it takes to show.
    pub fn rule(self) -> Option<Rule> {
        let kill = Action::Kill(Moment::Before, Back::AtOnce);
        let (resource, news, action) = match self {
            Self::StaysDead => ("experimentruns/status", "injected", kill),
            Self::NeverWrites => ("experimentruns/status", "never", kill),
            Self::ArmsWithoutTest => ("deployments", "armed", Action::Hold),
            _ => return None,
        };
        let (resource, news) = (resource.to_owned(), Some(news.to_owned()));
        Some(Rule { write: Write { verb: "patch", resource, news, nth: 1 }, action })
    }

    /// How many operators it takes.
    pub fn operators(self) -> usize {
        if self == Self::ArmsWithoutTest { 2 } else { 1 }
    }

    /// Does it to a write, where that is one of those that it is about.
    pub fn tamper(self, ask: &Ask, request: &mut Request) -> Tampered {
        let Ok(mut body) = serde_json::from_slice::<Value>(&request.body) else {
            return Tampered::Sent;
        };
        match (ask.verb, ask.resource.as_str()) {
            ("create", "pods/eviction") => return self.tamper_eviction(request, &mut body),
            ("patch", "experimentruns/status") => {
                let before_journal =
                    matches!(self, Self::EvictsBeforeJournal | Self::ArmsBeforeJournal);
                if before_journal && last_fact(&body) == "journaled" {
                    return Tampered::Pretended(json!({"status": body["status"]}));
                }
                self.tamper_status(&mut body);
            }
            ("patch", "deployments" | "networkpolicies") => {
                return self.tamper_target(request, &body);
            }
            ("create", "debriefs") => return self.tamper_debrief(request, &mut body),
            ("patch", "experimentruns")
                if self == Self::KeepsFinalizer && body["metadata"]["finalizers"] == json!([]) =>
            {
                return Tampered::Pretended(json!({"metadata": {"finalizers": null}}));
            }
            _ => {}
        }
        request.body = body.to_string().into_bytes();
        Tampered::Sent
    }

    fn tamper_eviction(self, request: &mut Request, body: &mut Value) -> Tampered {
        let pods = request.path().rsplit_once('/').and_then(|(pod, _)| pod.rsplit_once('/'));
        let pods = pods.map(|(pods, _)| pods.to_owned()).unwrap_or_default();
        let change = match self {
            Self::EvictsUnconditionally => {
                body["deleteOptions"]
                    .as_object_mut()
                    .map(|options| options.remove("preconditions"));
                request.body = body.to_string().into_bytes();
                return Tampered::Sent;
            }
            Self::EvictsAnotherPod => {
                return Tampered::Preceded(eviction(request, &pods, BYSTANDER));
            }
            Self::WritesElsewhere => {
                let elsewhere = "/api/v1/namespaces/default/pods";
                return Tampered::Preceded(eviction(request, elsewhere, "nobody"));
            }
            Self::ChangesAnotherObject => json!({"annotations": {"changed": "yes"}}),
            Self::LeavesArmedMark => json!({"labels": {"firedrill.dev/fault": "run.1.armed"}}),
            _ => return Tampered::Sent,
        };
        Tampered::Meddled(json!({"metadata": change}))
    }

    fn tamper_status(self, body: &mut Value) {
        match self {
            Self::WritesStatusUnversioned => {
                body["metadata"].as_object_mut().map(|metadata| metadata.remove("resourceVersion"));
            }
            Self::ChangesFact if last_fact(body) == "completed" => {
                if let Some(fact) = body.pointer_mut("/status/facts/0") {
                    fact["detail"] = json!("as if");
                }
            }
            Self::ChangesVerdict => {
                if let Some(verdict) = body.pointer_mut("/status/verdict") {
                    *verdict = json!("Inconclusive");
                }
            }
            _ => {}
        }
    }

    fn tamper_debrief(self, request: &Request, body: &mut Value) -> Tampered {
        match self {
            Self::OpensTwoDebriefs => {
                body["metadata"]["name"] = json!("again");
                let mut other = request.clone();
                other.body = body.to_string().into_bytes();
                Tampered::Preceded(other)
            }
            Self::OpensNoDebrief => Tampered::Answered(refusal()),
            _ => Tampered::Sent,
        }
    }
}

fn last_fact(body: &Value) -> &str {
    let facts = body["status"]["facts"].as_array();
    facts.and_then(|facts| facts.last()?["name"].as_str()).unwrap_or_default()
}

fn eviction(like: &Request, pods: &str, name: &str) -> Request {
    let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}});
    let target = format!("{pods}/{name}/eviction");
    Request { target, body: body.to_string().into_bytes(), ..like.clone() }
}

fn refusal() -> Answer {
    let json = HeaderValue::from_static("application/json");
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure",
        "reason": "Invalid", "code": 422, "message": "planted"});
    Answer {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        headers: HeaderMap::from_iter([(header::CONTENT_TYPE, json)]),
        body: body.to_string().into_bytes(),
    }
}
