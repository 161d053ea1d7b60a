//! From everything that is known of a day to one thing to do.
//!
//! A step's run is written down in the day's status before it is created, under a name that follows from the day and
//! the step, so that however often its creation is tried there is one. Nothing is created before the fact `go`.

mod before;
mod ending;
pub mod gates;
mod observed;
mod running;
mod seen;

pub use observed::{
    Decision, Effect, Found, GateReads, Need, Observed, OtherDay, Others, Stage, StepReads, intent,
};

use crate::api::GameDayRunStatus;

/// Decides one thing.
#[must_use]
pub fn decide(observed: &Observed<'_>) -> Decision {
    let empty = GameDayRunStatus::default();
    let status = observed.day.status.as_ref().unwrap_or(&empty);
    match Stage::of(status) {
        Stage::Reported => ending::let_go(observed),
        // A deleted day without our finalizer is gone before anything could be written.
        _ if !observed.day.is_held() && observed.day.metadata.deletion_timestamp.is_none() => {
            Decision::Act(Effect::AddFinalizer)
        }
        Stage::Planned | Stage::Gating => before::decide(observed, status),
        Stage::Running | Stage::Cooling => running::decide(observed, status),
    }
}

#[cfg(test)]
mod tests;
