//! Before anything is created: the day's time, and its gates.

use super::{
    announce::intend,
    ending::{self, report},
    gates::{self, Table},
    observed::{Decision, Found, Need, Observed},
    rehearsal,
    seen::{note, record, words},
};
use crate::{
    api::{
        Duration, GameDay, GameDayRunStatus, Moment,
        game_day::Step,
        game_day_run::{DayFactName, DayReason, Gate, GateResult, Notice, Outcome, StepResult},
    },
    core::gameday::schedule::Fire,
};

/// How soon gates are looked at again that time can open.
const AGAIN: Duration = Duration::seconds(5);
/// How soon it is looked again whether the plan has taken the day up; usually the plan is heard sooner.
const SOON: Duration = Duration::seconds(1);
/// How soon the wall clock is asked anew, at the latest: it may have been set.
const AT_LEAST: Duration = Duration::minutes(1);

pub(super) fn decide(observed: &Observed<'_>, status: &GameDayRunStatus) -> Decision {
    if let Some((reason, why)) = observed.stop().filter(|(reason, _)| *reason != DayReason::Lever) {
        return report(observed, status, (Outcome::Halted, reason), &why);
    }
    let Some(begins) = observed.day.begins() else { return Decision::Rest };
    let is_announced = status.fact(DayFactName::Announced).is_some();
    if observed.now < begins {
        return if is_announced {
            ahead(observed, status, begins)
        } else {
            record(observed, announced(observed, status))
        };
    }
    if is_to_be_taken_up(observed, begins) {
        return Decision::WaitUntil(observed.now + SOON);
    }
    if status.fact(DayFactName::Gating).is_none() || !is_announced {
        let mut status = announced(observed, status);
        note(observed, &mut status, DayFactName::Gating, "");
        return record(observed, status);
    }
    let Some(reads) = observed.gates.filter(|reads| observed.is_fresh(reads.read_at)) else {
        return Decision::Look(Need::Gates);
    };
    let Table { results, closed, waits, plan } = gates::judge(observed, status, reads);
    let deadline = gates::deadline(begins, reads);
    if let Some(rehearsal) = rehearsal::next(observed, reads).filter(|_| waits) {
        return Decision::Act(rehearsal);
    }
    match (closed, plan) {
        (None, Some(plan)) if observed.day.spec.dry_run => {
            let status = GameDayRunStatus { plan: Some(plan), gates: results, ..status.clone() };
            let why = "every gate is open, and nothing was to be broken";
            report(observed, &status, (Outcome::Done, DayReason::DryRun), why)
        }
        (None, Some(plan)) => {
            let mut status = GameDayRunStatus { gates: results, ..status.clone() };
            let step =
                |step: &Step| StepResult { name: step.name.clone(), ..StepResult::default() };
            status.steps = plan.spec.steps.iter().map(step).collect();
            status.plan = Some(plan);
            note(observed, &mut status, DayFactName::Go, "every gate is open");
            intend(observed, &mut status, Notice::Go, "");
            record(observed, status)
        }
        (None, None) => Decision::Look(Need::Gates),
        (Some(_), _) if waits && observed.now < deadline => {
            wait(observed, status, &results, deadline)
        }
        (Some(closed), _) => no_go(observed, status, &results, &closed),
    }
}

/// As it is once people are to be told of the day.
fn announced(observed: &Observed<'_>, status: &GameDayRunStatus) -> GameDayRunStatus {
    let mut status = status.clone();
    note(observed, &mut status, DayFactName::Announced, "");
    intend(observed, &mut status, Notice::Before, "");
    status
}

/// A day that people were told of waits for its time. Where that is none of its plan any more, they are told at once;
/// a plan that is suspended may be resumed before.
fn ahead(observed: &Observed<'_>, status: &GameDayRunStatus, begins: Moment) -> Decision {
    let name = &observed.day.spec.game_day;
    let wait = Decision::WaitUntil(begins.min(observed.now + AT_LEAST));
    let why = match (observed.plan, observed.start) {
        (Some(plan), _) => match says(observed, plan, begins) {
            Said::Never => Some(format!("{begins} is no time of GameDay {name} any more")),
            Said::Fires(Fire { skipped: Some(skipped), .. }) if !plan.spec.suspend => {
                Some(format!("GameDay {name} was changed: {begins} is {skipped}"))
            }
            Said::Fires(_) | Said::Nothing => None,
        },
        (None, Some(reads)) if observed.is_fresh(reads.read_at) => {
            let is_gone = matches!(reads.plan, Found::Missing);
            is_gone.then(|| format!("GameDay {name} was deleted"))
        }
        // It may be one that was not heard yet.
        (None, _) => return Decision::Look(Need::Start),
    };
    match why {
        Some(why) => report(observed, status, (Outcome::Halted, DayReason::Plan), &why),
        None => wait,
    }
}

/// What a plan says of a time.
enum Said {
    /// Nothing, as it does not count as it is yet, or cannot be read.
    Nothing,
    /// It has no such time.
    Never,
    /// It has.
    Fires(Fire),
}

fn says(observed: &Observed<'_>, plan: &GameDay, at: Moment) -> Said {
    let since = plan.status.as_ref().and_then(|status| status.since.as_ref());
    let counts = since.is_some_and(|since| Some(since.generation) == plan.metadata.generation);
    match observed.schedule(&plan.spec).filter(|_| counts) {
        Some(schedule) => schedule.fire_at(at).map_or(Said::Never, Said::Fires),
        None => Said::Nothing,
    }
}

/// Whether the plan, as it is heard, has still to say which day is the one for this time.
fn is_to_be_taken_up(observed: &Observed<'_>, begins: Moment) -> bool {
    observed.plan.zip(observed.day.spec.at).is_some_and(|(plan, at)| {
        let status = plan.status.as_ref();
        let since = status.and_then(|status| status.since.as_ref());
        let counts = since.is_none_or(|since| since.at < at);
        let fired = status.and_then(|status| status.last_fire);
        counts
            && !matches!(says(observed, plan, at), Said::Never)
            && fired.is_none_or(|fired| fired < at)
            && observed.now < begins + plan.spec.starting_deadline
    })
}

/// Writes down which gate is waited for, when that changes; of approvals also how many there are, and for what.
fn wait(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
    results: &[GateResult],
    deadline: Moment,
) -> Decision {
    let open = |results: &[GateResult]| {
        let said =
            |result: &GateResult| (result.name == Gate::Approval).then(|| result.detail.clone());
        let told = results.iter().map(|result| (result.name, result.passed, said(result)));
        told.collect::<Vec<(Gate, bool, Option<String>)>>()
    };
    if open(&status.gates) == open(results) {
        return Decision::WaitUntil((observed.now + AGAIN).min(deadline));
    }
    record(observed, GameDayRunStatus { gates: results.to_vec(), ..status.clone() })
}

fn no_go(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
    results: &[GateResult],
    closed: &GateResult,
) -> Decision {
    let mut status = GameDayRunStatus { gates: results.to_vec(), ..status.clone() };
    note(observed, &mut status, DayFactName::NoGo, &closed.detail);
    let step = (!closed.step.is_empty()).then(|| format!(" for step {}", closed.step));
    let why = words(&format!("{}{}: {}", closed.name, step.unwrap_or_default(), closed.detail));
    ending::report(observed, &status, (Outcome::NoGo, closed.name.into()), &why)
}
