//! Bugs that are planted between the operator and the cluster: what an operator without one of its
//! rules would look like from outside.

use axum::body::Bytes;
use firedrill::api::{game_day_run::DayFactName, run::FactName};
use http::StatusCode;
use serde_json::{Value, json};

use super::{answer::Answer, call::Call, days, judge, store::Key, world::World};

/// A bug that the promises must catch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The journal's write is acknowledged and lost: what follows is not written down.
    KillBeforeJournal,
    /// Every status write is acknowledged two seconds before it is committed.
    ReceiptBeforeWrite,
    /// Evictions and deletions carry no UID and no version.
    KillWithoutPreconditions,
    /// The version that a kill tests is not the journal's but the one at its arrival.
    LateVersion,
    /// A process that was restarted strikes another pod than the journaled one.
    SecondVictim,
    /// The lever is read once and never again.
    CachedLever,
    /// The namespace is read once and never again.
    CachedNamespace,
    /// The marks of a revert are acknowledged and not written.
    NoRevocation,
    /// The finalizer is never really put on.
    ForgottenFinalizer,
    /// Status writes carry no version.
    UnfencedStatus,
    /// The debrief is opened twice.
    DebriefTwice,
    /// A run that is complete is written once more.
    LateSummary,
    /// A day that is reported is written once more.
    LateReport,
    /// That the run of a step is to be is acknowledged and read, and not written down.
    RunBeforeDay,
    /// The run of a step is created twice, the second time under another name.
    StepTwice,
    /// The run of a step is created without its day, and so does not ask it.
    RunWithoutDay,
    /// The finalizer of a day is never really put on.
    ForgottenDay,
    /// Nobody knows in which order the runs were created.
    NoLine,
    /// Of a crowd more may be under way than its limit says.
    NoCap,
}

impl Plant {
    pub const ALL: [Self; 19] = [
        Self::KillBeforeJournal,
        Self::ReceiptBeforeWrite,
        Self::KillWithoutPreconditions,
        Self::LateVersion,
        Self::SecondVictim,
        Self::CachedLever,
        Self::CachedNamespace,
        Self::NoRevocation,
        Self::ForgottenFinalizer,
        Self::UnfencedStatus,
        Self::DebriefTwice,
        Self::LateSummary,
        Self::LateReport,
        Self::RunBeforeDay,
        Self::StepTwice,
        Self::RunWithoutDay,
        Self::ForgottenDay,
        Self::NoLine,
        Self::NoCap,
    ];

    /// Whether that object is read once and never again.
    pub fn caches(self, key: &Key) -> bool {
        match self {
            Self::CachedLever => *key == Key::lever(),
            Self::CachedNamespace => *key == Key::namespace(),
            _ => false,
        }
    }

    /// Whether what is created there is created twice.
    pub fn repeats(self, key: &Key) -> bool {
        match self {
            Self::DebriefTwice => key.resource.starts_with("debriefs"),
            Self::StepTwice => key.resource == Key::RUNS && !key.name.starts_with("rehearsal"),
            _ => false,
        }
    }

    /// Whether the finalizers of that object do not hold it.
    pub fn forgets_finalizer(self, object: &Value) -> bool {
        match self {
            Self::ForgottenFinalizer => true,
            Self::ForgottenDay => object["kind"] == "GameDayRun",
            _ => false,
        }
    }

    /// Changes a call on its way.
    pub fn tamper(self, call: &mut Call) {
        let evicts = call.subresource == "eviction";
        let fields: &[&str] = match self {
            Self::KillWithoutPreconditions if call.is_kill() => &["uid", "resourceVersion"],
            Self::LateVersion if call.is_kill() => &["resourceVersion"],
            Self::UnfencedStatus if call.is_run_status() => {
                call.body["metadata"]["resourceVersion"] = Value::Null;
                return;
            }
            Self::RunWithoutDay
                if call.key.resource == Key::RUNS && call.body["spec"]["dryRun"] == false =>
            {
                call.body["spec"]["gameDay"] = Value::Null;
                return;
            }
            _ => return,
        };
        let options = if evicts { &mut call.body["deleteOptions"] } else { &mut call.body };
        for field in fields {
            options["preconditions"][field] = Value::Null;
        }
    }
}

/// Whether the day names the run of one more step.
fn intends_more(old: &Value, next: &Value) -> bool {
    let runs = |day| days::steps(day).filter(|step| step["run"].is_string()).count();
    runs(next) > runs(old)
}

impl World {
    /// Acknowledges a write that is not done, or not yet.
    pub fn lose_write(&mut self, call: &Call, next: &Value) -> Option<Answer> {
        let old = self.store.get(&call.key).unwrap_or(&Value::Null);
        let is_new = |fact: Value| judge::has(next, &fact) && !judge::has(old, &fact);
        let lost = match self.plant? {
            Plant::KillBeforeJournal => call.is_run_status() && is_new(json!(FactName::Journaled)),
            Plant::ReceiptBeforeWrite => call.is_run_status(),
            Plant::NoRevocation => call.key.resource == "pods",
            Plant::RunBeforeDay => intends_more(old, next),
            Plant::LateSummary if is_new(json!(FactName::Completed)) => {
                self.write_again(call, next);
                false
            }
            Plant::LateReport if is_new(json!(DayFactName::Reported)) => {
                self.write_again(call, next);
                false
            }
            _ => false,
        };
        if !lost {
            return None;
        }
        let mut acknowledged = next.clone();
        acknowledged["metadata"]["resourceVersion"] = json!((self.store.version() + 1).to_string());
        if self.plant == Some(Plant::ReceiptBeforeWrite) {
            let (key, next) = (call.key.clone(), next.clone());
            self.after(2000, 0, move |world| drop(world.commit(&key, next)));
        }
        let body = Bytes::from(acknowledged.to_string());
        if self.plant == Some(Plant::RunBeforeDay) {
            self.remembered.insert(call.key.clone(), (StatusCode::OK, body.clone()));
        }
        Some(Answer::Body(StatusCode::OK, body))
    }

    /// The same status once more, a little later and with another sentence.
    fn write_again(&mut self, call: &Call, next: &Value) {
        let mut call = call.clone();
        call.body["status"] = next["status"].clone();
        call.body["status"]["summary"] = json!("another sentence");
        self.after(1000, 0, move |world| {
            let version = world.store.get(&call.key).map(|run| &run["metadata"]["resourceVersion"]);
            call.body["metadata"]["resourceVersion"] = version.cloned().unwrap_or_default();
            world.serve(&call);
        });
    }
}
