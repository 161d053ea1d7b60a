//! The meeting and the checkpoints after it.

use super::{
    super::{clock::Clock, phrase::capitalized},
    prose::entry,
};
use crate::api::{DebriefSpec, DebriefStatus};

/// When the meeting was or is to be, and each checkpoint.
pub fn section(spec: &DebriefSpec, status: &DebriefStatus, clock: &Clock) -> Option<String> {
    let meeting = spec.meeting.clone().unwrap_or_default();
    let when = match (meeting.held_at, meeting.scheduled_at) {
        (Some(held), _) => Some(format!("Held {}", clock.minute(held))),
        (None, Some(scheduled)) => Some(format!("To be held {}", clock.minute(scheduled))),
        (None, None) => None,
    };
    let led = meeting.facilitator.as_deref().map(|role| format!("led by {}", entry(role)));
    let window = status.window.as_ref().filter(|_| meeting.held_at.is_some()).map(|window| {
        let (from, to) = (clock.minute(window.not_before), clock.minute(window.not_after));
        format!("the window was {from} to {to}")
    });
    let told: Vec<_> = [when, led, window].into_iter().flatten().collect();
    let told = (!told.is_empty()).then(|| format!("- {}.", capitalized(&told.join("; "))));
    let checkpoints = spec.checkpoints.iter().map(|checkpoint| {
        let notes = checkpoint.notes.as_deref().map(|notes| format!(": {}", entry(notes)));
        let notes = notes.unwrap_or_else(|| ".".to_owned());
        format!("- Checkpoint {}{notes}", clock.minute(checkpoint.held_at))
    });
    let lines: Vec<_> = told.into_iter().chain(checkpoints).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}
