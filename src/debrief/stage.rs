//! Where a debrief stands, read off its facts. What is stored of it is for people who list debriefs; nothing
//! here reads that.

use crate::api::{
    DebriefStatus,
    debrief::{DebriefFactName, Stage},
};

/// Reads the stage off the facts.
#[must_use]
pub fn read(status: &DebriefStatus) -> Stage {
    match status.fact(DebriefFactName::Resolved) {
        None => Stage::AwaitingResolution,
        Some(_) => Stage::AwaitingDebrief,
    }
}

/// Whether the same miss joins a debrief at this stage; else it opens the next one.
#[must_use]
pub const fn is_open(stage: Stage) -> bool {
    match stage {
        Stage::AwaitingResolution | Stage::AwaitingDebrief => true,
    }
}
