//! From everything that is known of a day to one thing to do.
//!
//! A step's run is written down in the day's status before it is created, under a name that follows from the day and
//! the step, so that however often its creation is tried there is one. Nothing is created before the fact `go`.

mod announce;
mod approval;
mod before;
mod earlier;
mod ending;
mod firing;
pub mod gates;
mod observed;
mod rehearsal;
mod running;
mod seen;
mod turn;
mod unannounced;

pub use earlier::{Earlier, Predecessor};
pub use observed::{
    Attempt, Clocks, Decision, Effect, Firing, Found, GateReads, Message, Need, NotStarted,
    Observed, OtherDay, Others, Rollout, Stage, StartReads, StepReads, intent,
};
pub use rehearsal::name as rehearsal_name;

use crate::api::GameDayRunStatus;

/// Decides one thing.
#[must_use]
pub fn decide(observed: &Observed<'_>) -> Decision {
    let empty = GameDayRunStatus::default();
    let status = observed.day.status.as_ref().unwrap_or(&empty);
    if let Some(status) = announce::answered(observed, status) {
        return seen::record(observed, status);
    }
    let decision = match Stage::of(status) {
        stage if stage > Stage::Gating && !observed.rehearsals.is_empty() => {
            Decision::Act(Effect::Delete(observed.rehearsals[0].clone()))
        }
        Stage::Reported => ending::let_go(observed, status),
        // A deleted day without our finalizer is gone before anything could be written.
        _ if !observed.day.is_held() && observed.day.metadata.deletion_timestamp.is_none() => {
            Decision::Act(Effect::AddFinalizer)
        }
        Stage::Planned | Stage::Announced | Stage::Gating => before::decide(observed, status),
        Stage::Running | Stage::Cooling => running::decide(observed, status),
    };
    announce::beside(observed, status, decision)
}

#[cfg(test)]
mod tests;
