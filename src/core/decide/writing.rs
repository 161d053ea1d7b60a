//! What is written into the status of a run.

use super::observed::{Cause, Decision, Observed};
use crate::{
    api::run::{ExperimentRunStatus, Fact, FactName, Verdict},
    core::{
        conditions,
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

/// How the detail of `injected` begins when some victims were refused.
pub(super) const PARTIAL: &str = "partial: ";

pub(super) fn start_revert(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    cause: Cause,
    detail: &str,
) -> Decision {
    let mut status = status.clone();
    let detail = match detail {
        "" => cause.reason().to_owned(),
        detail => format!("{}: {detail}", cause.reason()),
    };
    status.facts.push(observed.now_fact(FactName::RevertStarted, detail));
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
    (verdict, reason): (Verdict, &str),
    summary: String,
) -> Decision {
    let mut status = status.clone();
    status.verdict = Some(verdict);
    status.reason = Some(reason.to_owned());
    status.summary = Some(crop(summary, 1024));
    status.facts.push(observed.now_fact(FactName::Completed, reason));
    observed.record(status)
}
