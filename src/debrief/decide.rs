//! What is to be done about a debrief now: a finished run to read and judge, a status to write, or nothing until an instant.

mod candidate;
mod conditions;
mod messages;
mod schedule;
mod status;

pub use candidate::{Candidate, forget_details, is_unfinished, news};
pub use schedule::intent;
pub use status::conclude;

use super::{
    proof::{self, Judged},
    remind::Peer,
    stage,
};
use crate::{
    api::{
        Debrief, DebriefStatus, Duration, ExperimentRun, ExperimentRunSpec, ExperimentSpec, Moment,
        debrief::Notice,
    },
    core::undelivered::Undelivered,
};

/// However far ahead the next instant is, the wall clock is looked at again so soon.
const AT_LEAST: Duration = Duration::minutes(60);

/// Everything that a decision may depend on.
#[derive(Clone, Copy)]
pub struct Observed<'a> {
    /// The present instant, by the wall clock.
    pub now: Moment,
    /// The debrief.
    pub debrief: &'a Debrief,
    /// The runs of its experiment, those that say they verify it, and those that join it.
    pub runs: &'a [Candidate],
    /// The run that was asked for, as it was read.
    pub run: Option<&'a ExperimentRun>,
    /// UIDs of runs that were asked for and tell nothing.
    pub passed_over: &'a [String],
    /// Every debrief of the same team, this one among them.
    pub peers: &'a dyn Fn() -> Vec<Peer>,
    /// What became of the last message.
    pub told: Option<&'a Told>,
    /// The debrief's Experiment as last heard.
    pub experiment: Option<&'a ExperimentSpec>,
    /// What became of the run that was to be created.
    pub started: Option<&'a Started>,
}

/// What became of a run that was to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// It is there, under that UID.
    There(String),
    /// It is not created; why.
    Refused(String),
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What it was about.
    pub what: Notice,
    /// When that was known.
    pub at: Moment,
    /// Whether it was delivered.
    pub delivery: Delivery,
}

/// Whether a message was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It was.
    Delivered,
    /// It was not, as far as is known.
    Undelivered(Undelivered),
    /// It was not sent: another debrief of the team carries the reminder of that day.
    LeftToAnother,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Write the status.
    Record(Box<DebriefStatus>),
    /// Read the run of that name, live.
    Look {
        /// Its name.
        name: String,
        /// Its UID.
        uid: String,
    },
    /// The run that was read tells nothing.
    PassOver(String),
    /// Write the status, by which nobody else tells the same, then tell people.
    Tell {
        /// The status.
        claim: Box<DebriefStatus>,
        /// What the message is about.
        what: Notice,
        /// The same for each try of the same message.
        key: String,
        /// The words.
        text: String,
        /// From then on another operator may tell the same.
        until: Moment,
    },
    /// Create the run of that name as the starter.
    Start {
        /// Its name.
        name: String,
        /// What it is.
        spec: Box<ExperimentRunSpec>,
    },
    /// Nothing to do before that instant, unless something changes.
    WaitUntil(Moment),
    /// Nothing to do at all.
    Rest,
}

/// Decides one thing.
#[must_use]
pub fn decide(observed: &Observed<'_>) -> Decision {
    let debrief = observed.debrief;
    let empty = DebriefStatus::default();
    let known = debrief.status.as_ref().unwrap_or(&empty);
    let judged = observed.run.map(|run| (run, proof::judge(debrief, run)));
    let judged = match judged {
        Some((run, Judged::Nothing)) => return Decision::PassOver(run.uid().to_owned()),
        judged => judged.map(|(_, judged)| judged),
    };
    if judged.is_none()
        && let Some(run) = to_judge(observed, known)
    {
        return Decision::Look { name: run.name.clone(), uid: run.uid.clone() };
    }
    if let Some(status) = observed.told.and_then(|told| messages::answered(known, told, observed)) {
        return Decision::Record(Box::new(status));
    }
    // One that is over and was not judged yet may have missed as well.
    let under_way =
        observed.runs.iter().find(|run| !run.is_over).or_else(|| to_judge(observed, known));
    let under_way = under_way.map(|run| run.name.as_str());
    let under_way = under_way.or_else(|| schedule::pending(observed, known));
    let mut status = conclude(debrief, judged, under_way, observed.now);
    schedule::update(observed, &mut status, under_way);
    if debrief.status.as_ref() != Some(&status) {
        return Decision::Record(Box::new(status));
    }
    if let Some(tell) = messages::to_send(observed, &status) {
        return tell;
    }
    if let Some(start) = schedule::to_start(observed, &status) {
        return start;
    }
    let due = due(debrief, &status, observed.now);
    match due.into_iter().chain(messages::due(debrief, &status, observed.now)).min() {
        Some(at) => Decision::WaitUntil(at.min(observed.now + AT_LEAST)),
        None => Decision::Rest,
    }
}

/// The oldest run that is over and was not judged yet.
fn to_judge<'a>(observed: &Observed<'a>, known: &DebriefStatus) -> Option<&'a Candidate> {
    let debrief = observed.debrief;
    let is_ended = stage::has_ended(debrief);
    let waits = observed.runs.iter().filter(|run| {
        let counts = run.joins || run.is_later && !is_ended;
        let is_read = observed.run.is_some_and(|read| read.uid() == run.uid);
        run.is_to_judge(observed, known) && counts && !is_read
    });
    waits.min_by_key(|run| run.created_at)
}

/// The next instant at which something changes by itself.
fn due(debrief: &Debrief, status: &DebriefStatus, now: Moment) -> Option<Moment> {
    let spec = &debrief.spec;
    if !stage::is_open(debrief) {
        return None;
    }
    let review = spec.accepted_risk.as_ref().map(|risk| risk.review_at);
    let questions = status.questions.iter().filter_map(|question| question.not_before);
    let said = spec.held_at().into_iter().chain(spec.resolved_at).chain(review);
    let instants = questions.chain(said).chain(status.due).chain(schedule::due(status));
    instants.filter(|at| *at > now).min()
}
