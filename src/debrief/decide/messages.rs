//! What people are told of a debrief, at least once: each try is written down before it is made, on the version that was
//! read, so that of two operators one makes it. A crash behind it repeats it, with the same key and the same words.

use super::{Decision, Delivery, Observed, Told};
use crate::{
    api::{
        Debrief, DebriefStatus, Duration, Moment,
        conditions::{Status, set},
        debrief::{DebriefMessage, Notice, condition},
    },
    core::{calendar::Calendar, hash, span::crop, undelivered::pause},
    debrief::{remind, stage},
};

/// How soon after the first failed try the next one is made; each pause is twice the last one. It is longer than what is
/// written before a message, the message and what is written of its answer may take together, so that another operator does
/// not tell the same meanwhile.
const PAUSE: Duration = Duration::seconds(20);
/// The longest pause.
const LONGEST: Duration = Duration::minutes(10);
/// How often it is tried; then the condition says that people were not told.
const TRIES: i32 = 100;

/// The status with what became of the last try.
pub fn answered(
    known: &DebriefStatus,
    told: &Told,
    observed: &Observed<'_>,
) -> Option<DebriefStatus> {
    let mut status = known.clone();
    let waits = |message: &DebriefMessage| message.what == told.what && message.delivered.is_none();
    let problem = match &told.delivery {
        Delivery::Delivered => None,
        Delivery::Undelivered(problem) => Some(problem),
        Delivery::LeftToAnother => {
            status.messages.retain(|message| !waits(message));
            return (status != *known).then_some(status);
        }
    };
    let message = status.messages.iter_mut().find(|message| waits(message))?;
    message.error = problem.map(|undelivered| crop(undelivered.problem.clone(), 512));
    message.not_before = problem.and_then(|undelivered| undelivered.not_before(told.at));
    message.delivered = problem.is_none().then_some(told.at);
    let failed = status.messages.iter().find_map(|message| message.error.clone());
    let (value, reason) = match failed {
        Some(_) => (Status::False, "NotDelivered"),
        None => (Status::True, "Delivered"),
    };
    let words = failed.unwrap_or_default();
    let generation = observed.debrief.metadata.generation;
    let value = (value, reason, words.as_str());
    set(&mut status.conditions, condition::TOLD, value, generation, observed.now);
    (status != *known).then_some(status)
}

/// The next message that is to leave now, of a debrief that has that status.
pub fn to_send(observed: &Observed<'_>, status: &DebriefStatus) -> Option<Decision> {
    let (what, day) = next(observed, status)?;
    let mut claim = status.clone();
    let message = put(&mut claim, what, day, observed.now);
    let peers = if what == Notice::Reminder { (observed.peers)() } else { Vec::new() };
    let uid = observed.debrief.metadata.uid.as_deref().unwrap_or_default();
    // The end may come again, after it was opened anew.
    let ended = status.ended_at.filter(|_| what == Notice::Ended);
    let key = hash::short(&(uid, what, &message.day, ended));
    let text = remind::text(observed.debrief, &message, &peers);
    Some(Decision::Tell { claim: Box::new(claim), what, key, text, until: again_at(&message) })
}

/// Writes down that it is tried now.
fn put(
    status: &mut DebriefStatus,
    what: Notice,
    day: Option<String>,
    now: Moment,
) -> DebriefMessage {
    let known = status.messages.iter().find(|known| known.what == what && known.day == day);
    let tries = known.map_or(0, |known| known.tries).saturating_add(1);
    let message = DebriefMessage {
        what,
        day,
        tries,
        tried: now,
        delivered: None,
        not_before: None,
        error: None,
    };
    status.messages.retain(|known| known.what != what);
    status.messages.push(message.clone());
    message
}

/// What is to be told now, and of which day a reminder is.
fn next(observed: &Observed<'_>, status: &DebriefStatus) -> Option<(Notice, Option<String>)> {
    let now = observed.now;
    if let Some(late) = waiting(status).find(|message| again_at(message) <= now) {
        return Some((late.what, late.day.clone()));
    }
    let is_told = |what| status.messages.iter().any(|message| message.what == what);
    if status.ended_at.is_some() {
        return (is_told(Notice::Opened) && !is_told(Notice::Ended))
            .then_some((Notice::Ended, None));
    }
    if !is_told(Notice::Opened) {
        return Some((Notice::Opened, None));
    }
    if remind::Peer::of(observed.debrief, now).due.is_empty() {
        return None;
    }
    let peers = (observed.peers)();
    remind::to_remind(observed.debrief, &peers, now).map(|day| (Notice::Reminder, Some(day)))
}

/// Those that were not delivered, and are tried again.
fn waiting(status: &DebriefStatus) -> impl Iterator<Item = &DebriefMessage> {
    status.messages.iter().filter(|message| message.delivered.is_none() && message.tries < TRIES)
}

fn again_at(message: &DebriefMessage) -> Moment {
    let again = message.tried + pause(message.tries, PAUSE, LONGEST);
    message.not_before.map_or(again, |not_before| not_before.max(again))
}

/// When the next message is due.
pub fn due(debrief: &Debrief, status: &DebriefStatus, now: Moment) -> Option<Moment> {
    let again = waiting(status).map(again_at).min();
    if !stage::is_open(debrief) {
        return again;
    }
    let morning =
        Calendar::of(&debrief.spec.policy).ok().map(|calendar| calendar.next_morning(now));
    again.into_iter().chain(morning).filter(|at| *at > now).min()
}
