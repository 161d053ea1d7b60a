//! The objects of the model: the debrief of a run that missed, and runs of its experiment at any of the instants.

use firedrill::{
    api::{Debrief, DebriefSpec, ExperimentRun, ExperimentRunSpec, Moment, debrief::Policy},
    debrief::{
        self, LeadUp, Opening,
        decide::{Candidate, forget_details},
    },
};
use serde_json::{Value, json};

use super::state::{Outcome, Run};

/// What may matter of time: the opening on a Tuesday, and the same hour of the days after it, of which the last is a Saturday.
pub const INSTANTS: [&str; 5] = [
    "2026-11-24T13:00:00Z",
    "2026-11-25T13:00:00Z",
    "2026-11-26T13:00:00Z",
    "2026-11-27T13:00:00Z",
    "2026-11-28T13:00:00Z",
];
/// When the risk that people accept is to be reviewed: between two of them.
const REVIEW: &str = "2026-11-27T10:00:00Z";

pub fn moment(time: u8) -> Moment {
    serde_json::from_value(json!(INSTANTS[usize::from(time)])).unwrap()
}

fn missed() -> Value {
    let run: ExperimentRun =
        serde_saphyr::from_str(include_str!("../debrief/slow-alert.run.yaml")).unwrap();
    serde_json::to_value(run).unwrap()
}

fn state(hash: &str) -> Value {
    json!({"workloads": [{"kind": "Deployment", "name": "checkout", "templateHash": hash}]})
}

/// The debrief as its run has opened it.
pub fn opened(passes: i32, schedules: bool) -> Debrief {
    let mut run = missed();
    run["status"]["plan"]["state"] = state("before");
    let run: ExperimentRun = serde_json::from_value(run).unwrap();
    let policy = Policy { passes, ..Policy::default() };
    let opening = Opening { lead_up: LeadUp::default(), number: 1, policy, earlier: &[] };
    let mut debrief = debrief::open(&run, opening).unwrap();
    debrief.spec.schedule_proof = schedules;
    debrief.metadata.uid = Some("debrief".to_owned());
    debrief.metadata.generation = Some(1);
    debrief.metadata.creation_timestamp =
        serde_json::from_value(json!("2026-11-24T10:41:18Z")).unwrap();
    // As an operator keeps it in memory.
    forget_details(&mut debrief);
    debrief
}

/// The run in that place, as it is read once it is over.
pub fn run(place: u8, name: &str, (at, outcome, joins): (u8, Outcome, bool)) -> ExperimentRun {
    let mut run = missed();
    let at = INSTANTS[usize::from(at)];
    let fact = |name: &str| json!({"name": name, "at": at, "notBefore": at, "source": "api"});
    run["metadata"] = json!({"name": name, "namespace": "shop", "uid": format!("u{place}"), "creationTimestamp": at});
    let status = &mut run["status"];
    status["plan"]["state"] = state("after");
    status["facts"] = json!([fact("injected"), fact("reverted"), fact("completed")]);
    let (verdict, reason, answer) = match outcome {
        Outcome::Passed => ("Passed", "ObjectivesMet", "Yes"),
        Outcome::Missed => ("ObjectiveMissed", "DetectionMissed", "No"),
        Outcome::Inconclusive => ("Inconclusive", "SourceLost", "Inconclusive"),
    };
    status["verdict"] = json!(verdict);
    status["reason"] = json!(reason);
    status["detection"]["answer"] = json!(answer);
    if joins {
        status["debrief"] = json!("slow-alert-99c0ba9c-1");
    }
    serde_json::from_value(run).unwrap()
}

/// The run in that place that has not begun.
pub fn created(place: usize, name: &str) -> ExperimentRun {
    let mut run = ExperimentRun::new(name, ExperimentRunSpec::of("slow-alert"));
    run.metadata.uid = Some(format!("u{place}"));
    run
}

/// What is heard of the run in that place, under that name.
pub fn candidate(place: usize, name: String, run: Run) -> Option<Candidate> {
    let (at, is_over, joins) = match run {
        Run::None => return None,
        Run::Created(at) | Run::UnderWay(at) => (at, false, false),
        Run::Refused => (0, true, false),
        Run::Over { at, joins, .. } => (at, true, joins),
    };
    Some(Candidate {
        name,
        uid: format!("u{place}"),
        created_at: Some(moment(at)),
        is_later: true,
        is_over,
        joins,
        has_struck: matches!(run, Run::UnderWay(_) | Run::Over { .. }),
    })
}

/// What people write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Meet,
    FinishItem,
    Accept,
    Dismiss,
    StopAsking,
}

impl Act {
    pub const ALL: [Self; 5] =
        [Self::Meet, Self::FinishItem, Self::Accept, Self::Dismiss, Self::StopAsking];

    pub const fn bit(self) -> u8 {
        1 << self as u8
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Meet => "people have met at instant",
            Self::FinishItem => "people finish the item at instant",
            Self::Accept => "people accept the risk at instant",
            Self::Dismiss => "people dismiss it at instant",
            Self::StopAsking => "people ask for no more runs at instant",
        }
    }

    pub const fn is_exit(self) -> bool {
        matches!(self, Self::Accept | Self::Dismiss)
    }

    /// Until when people do that.
    pub const fn until(self) -> u8 {
        match self {
            Self::Meet => 1,
            Self::FinishItem | Self::Accept => 2,
            Self::Dismiss | Self::StopAsking => 4,
        }
    }

    /// What becomes of the spec.
    pub fn write(self, spec: &DebriefSpec, time: u8) -> DebriefSpec {
        let mut spec = serde_json::to_value(spec).unwrap();
        let now = INSTANTS[usize::from(time)];
        match self {
            Self::Meet => {
                spec["meeting"] = json!({"heldAt": now});
                spec["impact"] = json!({"none": true});
                spec["actionItems"] = json!([{"id": "a1", "title": "Shorten the wait", "turnsYes": ["Detection"],
                    "type": "Detect", "horizon": "Immediate", "ownerTeam": "checkout", "state": "Open"}]);
            }
            Self::FinishItem => spec["actionItems"][0]["state"] = json!("Done"),
            Self::StopAsking => spec["scheduleProof"] = json!(false),
            Self::Accept => {
                spec["acceptedRisk"] =
                    json!({"reason": "nothing is sold in January", "reviewAt": REVIEW});
            }
            Self::Dismiss => {
                spec["dismissal"] = json!({"reason": "it was a test of the test itself"});
            }
        }
        serde_json::from_value(spec).unwrap()
    }
}
