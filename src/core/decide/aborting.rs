//! The experiment's own conditions for an early end, from the journal to our revert.

use super::{Cause, Decision, Observed, during};
use crate::{
    api::run::{ExperimentRunStatus, FactName},
    core::{abort::Watch, plan::Plan},
};

/// Begins the revert where a condition holds, with everything that was seen by then; else what
/// `go_on` says, no later than the next one is due.
pub(super) fn unless_due(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    plan: &Plan,
    go_on: impl FnOnce() -> Decision,
) -> Decision {
    let watcher = observed.watcher(plan);
    let due = status.fact(FactName::Journaled).and_then(|journaled| {
        Watch { watcher, journaled: journaled.at, sight: observed.sight }.due(observed.now)
    });
    match due {
        None => go_on(),
        Some(due) if due.at <= observed.now => {
            let seen = during::see(observed, status, &watcher);
            during::start_revert(observed, &seen, Cause::Guard, &due.why)
        }
        Some(due) => match go_on() {
            Decision::WaitUntil(until) => Decision::WaitUntil(until.min(due.at)),
            Decision::Rest => Decision::WaitUntil(due.at),
            other => other,
        },
    }
}

/// Whether no alert source has answered this process yet although an alert may end the run.
pub(super) fn is_blind(observed: &Observed<'_>, plan: &Plan) -> bool {
    !plan.spec.guards.abort_on.is_empty() && observed.sight.book.last_answer().is_none()
}
