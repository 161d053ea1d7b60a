//! What is written into the status of a run.

use super::observed::{Decision, Observed};
use crate::{
    api::run::{ExperimentRunStatus, Fact, FactName, Reason, Verdict},
    core::{
        outcome::conditions,
        span::{Span, crop},
    },
};

impl Observed<'_> {
    /// Writes that status with its facts in the order of their instants: one that is seen late stands where it
    /// belongs.
    pub(super) fn record(&self, mut status: ExperimentRunStatus) -> Decision {
        status.facts.sort_by_key(|fact| (fact.at, fact.name));
        conditions::update(&mut status, None, self.generation(), self.now);
        Decision::Record(Box::new(status))
    }

    /// The fact that something is so as of now.
    pub(super) fn now_fact(&self, name: FactName, detail: impl Into<String>) -> Fact {
        Span::new(self.now, self.now).fact(name, "operator", detail)
    }
}

/// The fault is there although no answer is recorded: an earlier process sent the calls.
pub(super) fn found_injected(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    detail: &str,
) -> Decision {
    let from = status.fact(FactName::Journaled).map_or(observed.now, |fact| fact.at);
    let mut status = status.clone();
    status.facts.push(Span::new(from, observed.now).fact(FactName::Injected, "api", detail));
    observed.record(status)
}

pub(super) fn start_revert(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    cause: Reason,
    detail: &str,
) -> Decision {
    let mut status = status.clone();
    status.facts.push(observed.now_fact(FactName::RevertStarted, detail).because(cause));
    observed.record(status)
}

/// Adds a fact unless one of that name is there: facts are written once.
pub(super) fn note(status: &mut ExperimentRunStatus, fact: Fact) {
    if status.fact(fact.name).is_none() {
        status.facts.push(fact);
    }
}

/// Ends a run that has broken nothing.
pub(super) fn finish(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    (verdict, reason): (Verdict, Reason),
    summary: String,
) -> Decision {
    let mut status = status.clone();
    status.verdict = Some(verdict);
    status.reason = Some(reason);
    status.summary = Some(crop(summary, 1024));
    status.facts.push(observed.now_fact(FactName::Completed, "").because(reason));
    observed.record(status)
}
