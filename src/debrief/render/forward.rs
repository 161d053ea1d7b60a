//! The path forward: what is next, by when, and the command that does it.

use super::super::{
    clock::Clock,
    markdown::{code, paragraph, plain, text},
    phrase::capitalized,
    proof::unasked,
};
use crate::api::{
    Debrief, DebriefStatus, Moment, conditions,
    debrief::{Stage, condition},
};

/// What is next; absent where nothing is.
pub fn section(debrief: &Debrief, status: &DebriefStatus, clock: &Clock) -> Option<String> {
    let lacks = |type_: &str| {
        let found = status.conditions.iter().find(|found| found.type_ == type_);
        found.filter(|found| found.status == "False").map(|found| text(&found.message))
    };
    let next = match status.stage? {
        Stage::AwaitingResolution => lacks(condition::RESOLVED),
        Stage::AwaitingDebrief => lacks(condition::HELD)
            .map(|lacks| format!("Before the meeting counts, it lacks {lacks}")),
        Stage::Acting => lacks(condition::ITEMS_FINISHED).map(|open| format!("To be done: {open}")),
        Stage::Verifying => Some("Everything is done; what is left is the proof".to_owned()),
        Stage::Closed | Stage::ClosedUnverified | Stage::Dismissed => None,
    };
    // The end of the window stands above, the review with its reason.
    let window = status.window.as_ref().map(|window| window.not_after);
    let is_told =
        |due: &Moment| status.stage == Some(Stage::ClosedUnverified) || window == Some(*due);
    let due = status.due.filter(|due| !is_told(due));
    let due = due.map(|at| format!("Due {}.", clock.minute(at)));
    let next = next.map(|next| paragraph(&format!("{}.", capitalized(&next))));
    let command = status.next_command.as_deref().map(block);
    let larger = command.as_ref().and_then(|_| larger(debrief, status));
    let scheduled = scheduled(debrief, status, clock);
    let parts: Vec<_> = [next, due, scheduled, larger, command].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// Why the command asks for a larger fault, where it does.
fn larger(debrief: &Debrief, status: &DebriefStatus) -> Option<String> {
    let (last, objective) = unasked(debrief, status)?;
    Some(paragraph(&format!(
        "Run {} did not ask for {objective}, as users noticed nothing of its fault. One that takes every pod would:",
        code(&last.run)
    )))
}

/// When the operator runs it by itself, or why it does not although people ask for that; why the command asks for a larger
/// fault stands below.
fn scheduled(debrief: &Debrief, status: &DebriefStatus, clock: &Clock) -> Option<String> {
    let run = status.scheduled.as_ref();
    let problem = run.and_then(|run| run.problem.as_deref());
    let running = run.filter(|run| run.over_at.is_none() && status.ended_at.is_none());
    let told = match (status.next_run.map(|at| clock.minute(at)), problem, running) {
        (Some(at), Some(problem), _) => {
            format!("The operator could not run it, and tries again {at}: {}", text(problem))
        }
        (Some(at), None, _) => format!("The operator runs it {at}"),
        (None, _, Some(run)) => format!("The operator's run {} is to prove it", code(&run.run)),
        (None, _, None) => {
            let said = conditions::get(&status.conditions, condition::SCHEDULED)?;
            let is_told = status.stage != Some(Stage::Verifying)
                || said.message.is_empty()
                || unasked(debrief, status).is_some();
            if is_told {
                return None;
            }
            format!("The operator does not run it: {}", text(&said.message))
        }
    };
    Some(paragraph(&format!("{told}.")))
}

/// A command between fences that it cannot end.
fn block(command: &str) -> String {
    let command = plain(command);
    let longest = command.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}sh\n{command}\n{fence}")
}
