//! Where a run stands, read off its facts and never stored.

use crate::api::run::{ExperimentRunStatus, FactName};

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing is written down yet, or guards are waited for.
    Waiting,
    /// The intent is written down, the fault not known to be there.
    Intended,
    /// The fault was accepted.
    Injected,
    /// The revert began.
    Reverting,
    /// Reverted, and still measured.
    Aftermath,
    /// Reverted and measured; a debrief may have to be opened.
    Measured,
    /// Over.
    Complete,
}

/// Reads the stage off the facts.
#[must_use]
pub fn of(status: &ExperimentRunStatus) -> Stage {
    let seen = |name| status.fact(name).is_some();
    if seen(FactName::Completed) {
        Stage::Complete
    } else if seen(FactName::Reverted) {
        if status.verdict.is_some() { Stage::Measured } else { Stage::Aftermath }
    } else if seen(FactName::RevertStarted) {
        Stage::Reverting
    } else if seen(FactName::Injected) {
        Stage::Injected
    } else if seen(FactName::Journaled) {
        Stage::Intended
    } else {
        Stage::Waiting
    }
}
