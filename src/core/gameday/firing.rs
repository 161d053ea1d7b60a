//! What is to be done about a plan: which day it creates when, and what its status says.
//!
//! A day is created for its announcement, ahead of its time. Any number of operators decide alike without a leader: a
//! day's name follows from its plan and its time, and the plan's status names the UID of the one day that may begin for
//! a time.

use crate::{
    api::{
        Duration, GameDay, GameDayRun, GameDayRunSpec, GameDayStatus, Moment,
        conditions::{self, Status},
        game_day::{Missed, SeenSince},
        game_day_run,
    },
    config::ClosedDays,
    core::{
        gameday::{plan, schedule::Schedule},
        plan::Problem,
    },
};

/// How soon the wall clock is asked anew, at the latest: it may have been set.
const AT_LEAST: Duration = Duration::minutes(1);
/// How soon it is tried again to create a day that is due and was refused.
const REFUSED: Duration = Duration::seconds(30);

/// The condition of a plan.
const READY: &str = "Ready";

/// Everything that a decision about a plan may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The present instant, of the wall clock.
    pub now: Moment,
    /// The plan as last read or written.
    pub plan: &'a GameDay,
    /// Its days as last heard, and the one that this process has just created or found.
    pub days: &'a [GameDayRun],
    /// The days on which the configuration lets nothing start.
    pub blackouts: &'a [ClosedDays],
    /// Why the API server did not create the day that this process asked for last.
    pub refused: Option<&'a str>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Write the status.
    Record(Box<GameDayStatus>),
    /// Create the day of that name, as the starter.
    Create {
        /// Name of the day.
        name: String,
        /// What it is.
        spec: Box<GameDayRunSpec>,
    },
    /// Nothing to do before that instant, unless something is heard.
    WaitUntil(Moment),
}

/// Decides one thing.
#[must_use]
pub fn decide(observed: &Observed<'_>) -> Decision {
    let Observed { now, plan, refused, .. } = *observed;
    let known = plan.status.clone().unwrap_or_default();
    let mut status = GameDayStatus {
        observed_generation: plan.metadata.generation,
        since: Some(since(plan, &known, now)),
        ..known.clone()
    };
    let problems = plan::broken_rules(&plan.spec);
    let schedule = Schedule::parse(&plan.spec).ok().filter(|_| problems.is_empty());
    let schedule = schedule.map(|schedule| schedule.and_closed(observed.blackouts));
    let never = schedule.as_ref().and_then(|schedule| plan::never(&plan.spec, schedule, now));
    note_cancelled(observed, &mut status, schedule.as_ref());
    let due = schedule.as_ref().and_then(|schedule| take_up(observed, &mut status, schedule));
    let schedule = schedule.map(|schedule| schedule.without(status.cancelled));
    status.next = next(plan, schedule.as_ref(), now);
    let told = status.next.map(|at| (at, at.minus(plan.spec.announce.before)));
    let ahead = told.filter(|(_, told)| *told <= now).map(|(at, _)| at);
    let fire = due.into_iter().chain(ahead).find(|at| !has_day(observed, *at));
    // Whoever was refused asks anew, and only the answer changes what is told.
    if fire.is_none() || refused.is_some() || !was_refused(&known) {
        let (value, reason, message) = ready(observed, problems.first(), never, status.next);
        let ready = (value, reason, message.as_str());
        conditions::set(&mut status.conditions, READY, ready, plan.metadata.generation, now);
    }
    if status != known {
        return Decision::Record(Box::new(status));
    }
    match fire {
        Some(at) if refused.is_none() => {
            let plan = plan.metadata.name.as_deref().unwrap_or_default();
            let name = game_day_run::name(plan, at);
            let spec = Box::new(GameDayRunSpec::at(plan, at));
            Decision::Create { name, spec }
        }
        Some(at) if at <= now => Decision::WaitUntil(now + REFUSED),
        _ => {
            let fires = schedule.as_ref().and_then(|schedule| schedule.fires(now).next());
            let tells = told.map(|(_, told)| told).filter(|told| *told > now);
            let until = fires.map(|fire| fire.at).into_iter().chain(tells);
            Decision::WaitUntil(until.fold(now + AT_LEAST, Moment::min))
        }
    }
}

/// Whether the plan is valid and fires.
fn ready(
    observed: &Observed<'_>,
    problem: Option<&Problem>,
    never: Option<Problem>,
    next: Option<Moment>,
) -> (Status, &'static str, String) {
    let told = |problem: &Problem| format!("{}: {}", problem.path, problem.message);
    match (problem, observed.refused, never, next) {
        (Some(problem), ..) => (Status::False, "Invalid", told(problem)),
        (None, Some(words), ..) => (Status::False, "Refused", words.to_owned()),
        (None, None, Some(never), _) => (Status::False, "NeverFires", told(&never)),
        (None, None, None, Some(at)) => (Status::True, "Fires", format!("fires next at {at}")),
        (None, None, None, None) if observed.plan.spec.suspend => {
            (Status::True, "Suspended", "suspended: nothing fires".to_owned())
        }
        (None, None, None, None) => {
            (Status::True, "Cancelled", "the day for its one time was over before".to_owned())
        }
    }
}

/// When it fires next.
fn next(plan: &GameDay, schedule: Option<&Schedule>, now: Moment) -> Option<Moment> {
    schedule.filter(|_| !plan.spec.suspend)?.opens(now)
}

/// Whether the API server did not let a day be created when that was asked last.
fn was_refused(known: &GameDayStatus) -> bool {
    conditions::get(&known.conditions, READY).is_some_and(|ready| ready.reason == "Refused")
}

/// Whether the name of the day for that time is taken.
fn has_day(observed: &Observed<'_>, at: Moment) -> bool {
    let plan = observed.plan.metadata.name.as_deref().unwrap_or_default();
    let name = Some(game_day_run::name(plan, at));
    observed.days.iter().any(|day| day.metadata.name == name)
}

/// Since when the plan as it is counts: no change of it, and no end of a suspension, fires anything that lies before.
fn since(plan: &GameDay, known: &GameDayStatus, now: Moment) -> SeenSince {
    let generation = plan.metadata.generation.unwrap_or_default();
    if let Some(since) = known.since.as_ref().filter(|since| since.generation == generation) {
        return since.clone();
    }
    let created = plan.metadata.creation_timestamp.as_ref().map(|time| Moment::new(time.0));
    let created = created.filter(|_| generation == 1 && known.since.is_none());
    SeenSince { generation, at: created.unwrap_or(now) }
}

/// The time up to which nothing fires any more.
fn done(observed: &Observed<'_>, status: &GameDayStatus) -> Moment {
    let since = status.since.as_ref().map_or(observed.now, |since| since.at);
    since.max(status.last_fire.unwrap_or(since))
}

/// The time of a day of this plan by its name.
fn time_of(observed: &Observed<'_>, day: &GameDayRun) -> Option<Moment> {
    let plan = observed.plan.metadata.name.as_deref().unwrap_or_default();
    day.spec.at.filter(|at| day.metadata.name == Some(game_day_run::name(plan, *at)))
}

/// Writes down the time of a day that is over and that nothing will take up: its time has not come, or is none of the
/// plan any more. It is held until that is written, and is not born again.
fn note_cancelled(
    observed: &Observed<'_>,
    status: &mut GameDayStatus,
    schedule: Option<&Schedule>,
) {
    let done = done(observed, status);
    let is_one = |at| schedule.is_some_and(|schedule| schedule.fire_at(at).is_some());
    let held = observed.days.iter().filter(|day| day.is_over() && day.is_held());
    let times = held.filter_map(|day| time_of(observed, day));
    let cancelled = times.filter(|at| done < *at && (observed.now < *at || !is_one(*at))).min();
    status.cancelled = cancelled.or(status.cancelled);
}

/// What is due, once the days that are there and what was missed are written into the status. A day is taken up
/// however late that is, the oldest first: it is held until it was.
fn take_up(
    observed: &Observed<'_>,
    status: &mut GameDayStatus,
    schedule: &Schedule,
) -> Option<Moment> {
    let since = status.since.as_ref().map_or(observed.now, |since| since.at);
    let done = done(observed, status);
    let is_new = |at: &Moment| done < *at && *at <= observed.now && schedule.fire_at(*at).is_some();
    let days = observed.days.iter().filter_map(|day| Some((time_of(observed, day)?, day)));
    if let Some((at, day)) = days.filter(|(at, _)| is_new(at)).min_by_key(|(at, _)| *at) {
        status.last_fire = Some(at);
        status.last_day.clone_from(&day.metadata.name);
        status.last_day_uid = Some(day.uid().to_owned());
    }
    let deadline = observed.plan.spec.starting_deadline;
    let schedule = schedule.clone().without(status.cancelled);
    let due = schedule.due(since, status.last_fire, observed.now, deadline);
    if let Some(missed) = due.missed.filter(|missed| is_later(missed, status)) {
        status.missed = Some(missed);
    }
    due.fire
}

fn is_later(missed: &Missed, status: &GameDayStatus) -> bool {
    status.missed.as_ref().is_none_or(|known| known.at < missed.at)
}

#[cfg(test)]
mod tests;
