//! What people are told of a day, and when.
//!
//! What is to be told is written down together with what causes it, and delivered in that order, at least once, where
//! nothing else is to be done: no announcement holds up a stop or a step. Each try is written down before it is made,
//! on the version that was read, so that of two operators one makes it.

mod text;

pub use text::breaks;

use super::{
    observed::{Decision, Effect, Message, Need, Observed},
    seen::words,
};
use crate::{
    api::{
        Duration, GameDayRunStatus, Moment,
        game_day_run::{Announcement, DayFactName, Notice, Outcome},
    },
    core::{undelivered::pause, words::count},
};

/// How soon after the first failed try the next one is made; each pause is twice the last one.
const PAUSE: Duration = Duration::seconds(5);
/// The longest pause.
const LONGEST: Duration = Duration::seconds(60);
/// How long after the end of a day it is still tried.
const OVER_FOR: Duration = Duration::minutes(10);
/// The same of one that is being deleted: neither it nor its namespace may hang.
const DELETED_FOR: Duration = Duration::seconds(30);

/// Writes down that this is to be told; what was written down already stays.
pub(super) fn intend(
    observed: &Observed<'_>,
    status: &mut GameDayRunStatus,
    what: Notice,
    step: &str,
) {
    if find(status, what, step).is_none() {
        status.announcements.push(Announcement {
            what,
            step: step.to_owned(),
            at: observed.now,
            tries: 0,
            tried: None,
            delivered: None,
            not_before: None,
            error: None,
        });
    }
}

/// The last thing that is told of a day which ends so.
pub(super) fn last(status: &GameDayRunStatus, outcome: Outcome) -> Notice {
    let seen = |name| status.fact(name).is_some();
    match outcome {
        Outcome::NoGo => Notice::NoGo,
        Outcome::Halted if !seen(DayFactName::Go) => Notice::Cancelled,
        Outcome::Done | Outcome::Halted => Notice::End,
    }
}

/// Tells what the gate `Announced` looks at.
pub(super) fn was_told(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
) -> Result<String, String> {
    if !observed.chat {
        return Ok("no chat is configured, so Events alone tell of it".to_owned());
    }
    let before = find(status, Notice::Before, "");
    if let Some(at) = before.and_then(|before| before.delivered) {
        return Ok(format!("the chat was told at {at}"));
    }
    let tried = before.map_or_else(String::new, |before| {
        let error = before.error.as_deref().unwrap_or("there is no answer yet");
        format!(" by {}: {error}", count(before.tries, "attempt"))
    });
    Err(format!(
        "the chat was not told of the day{tried}; see where the configuration's chat.urlFile leads"
    ))
}

/// The status with what became of the last try, where that is not in it yet.
pub(super) fn answered(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
) -> Option<GameDayRunStatus> {
    let attempt = observed.attempt?;
    let mut next = status.clone();
    let mut open = next.announcements.iter_mut().filter(|one| one.delivered.is_none());
    let one = open.find(|one| one.what == attempt.what && one.step == attempt.step)?;
    let problem = attempt.problem.as_ref();
    one.error = problem.map(|undelivered| words(&undelivered.problem));
    one.not_before = problem.and_then(|undelivered| undelivered.not_before(attempt.at));
    one.delivered = problem.is_none().then_some(attempt.at);
    (next != *status).then_some(next)
}

/// Whether something is still to be told.
pub(super) fn is_open(observed: &Observed<'_>, status: &GameDayRunStatus) -> bool {
    first(observed, status).is_some()
}

/// The same decision, where it leaves time for an announcement that; else, when the next one is due, not later than then.
pub(super) fn beside(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
    decision: Decision,
) -> Decision {
    let Some(index) = first(observed, status) else { return decision };
    let due = due(status, &status.announcements[index]);
    match decision {
        Decision::WaitUntil(_) | Decision::Look(Need::Gates) if due <= observed.now => {
            let mut claim = status.clone();
            let one = &mut claim.announcements[index];
            one.tries += 1;
            one.tried = Some(observed.now);
            one.not_before = None;
            let message = message(observed, status, &status.announcements[index]);
            Decision::Act(Effect::Announce { claim: Box::new(claim), message: Box::new(message) })
        }
        Decision::WaitUntil(until) => Decision::WaitUntil(until.min(due)),
        other => other,
    }
}

fn find<'a>(status: &'a GameDayRunStatus, what: Notice, step: &str) -> Option<&'a Announcement> {
    status.announcements.iter().find(|one| one.what == what && one.step == step)
}

/// The place of the first one that was not delivered, as long as it is tried at all. Those behind it wait: nobody is to
/// hear of an end before the beginning.
fn first(observed: &Observed<'_>, status: &GameDayRunStatus) -> Option<usize> {
    let is_deleted = observed.day.metadata.deletion_timestamp.is_some();
    let tried_for = if is_deleted { DELETED_FOR } else { OVER_FOR };
    let over = status.fact(DayFactName::Reported);
    if over.is_some_and(|over| observed.now >= over.at + tried_for) {
        return None;
    }
    status.announcements.iter().position(|one| one.delivered.is_none())
}

/// When it is tried next. Whatever is new to tell is a reason to try as soon as its receiver lets us.
fn due(status: &GameDayRunStatus, one: &Announcement) -> Moment {
    let due = match one.tried {
        None => one.at,
        Some(tried) if status.announcements.iter().any(|other| other.at > tried) => tried,
        Some(tried) => tried + pause(one.tries, PAUSE, LONGEST),
    };
    one.not_before.map_or(due, |not_before| not_before.max(due))
}

fn message(observed: &Observed<'_>, status: &GameDayRunStatus, one: &Announcement) -> Message {
    let uid = observed.day.uid();
    let step = if one.step.is_empty() { String::new() } else { format!("/{}", one.step) };
    let is_halted = status.outcome == Some(Outcome::Halted);
    Message {
        what: one.what,
        step: one.step.clone(),
        key: format!("{uid}/{}{step}", one.what),
        text: text::text(observed, status, one),
        is_last: matches!(one.what, Notice::NoGo | Notice::End | Notice::Cancelled),
        warns: match one.what {
            Notice::Before | Notice::Go => false,
            Notice::NoGo | Notice::Injection | Notice::Cancelled => true,
            Notice::End => is_halted,
        },
    }
}
