//! The end of a day: its outcome, and that it is let go.

use super::{
    announce,
    observed::{Decision, Effect, Observed},
    seen::{note, record, words},
};
use crate::{
    api::{
        Duration, GameDayRunStatus,
        game_day_run::{DayFactName, DayReason, Outcome, StepResult},
        run::Verdict,
    },
    core::{span::crop, words::count},
};

/// How soon it is looked again whether the plan knows of a day that is over.
const AGAIN: Duration = Duration::seconds(5);

/// Writes down how the day ended; steps that have not started never will.
pub(super) fn report(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
    (outcome, reason): (Outcome, DayReason),
    why: &str,
) -> Decision {
    let mut status = status.clone();
    for step in status.steps.iter_mut().filter(|step| step.over_at.is_none()) {
        step.skipped = Some(words(why));
        step.over_at = Some(observed.now);
    }
    status.outcome = Some(outcome);
    status.reason = Some(reason);
    status.summary = Some(crop(summary(&status.steps, outcome, why), 1024));
    let last = announce::last(&status, outcome);
    announce::intend(observed, &mut status, last, "");
    note(observed, &mut status, DayFactName::Cooling, "");
    note(observed, &mut status, DayFactName::Reported, &outcome.to_string());
    record(observed, status)
}

/// One sentence with numbers that stands alone.
fn summary(steps: &[StepResult], outcome: Outcome, why: &str) -> String {
    let ran = steps.iter().filter(|step| step.verdict.is_some()).count();
    if outcome == Outcome::NoGo {
        return format!("no-go by {why}; nothing was broken");
    }
    if steps.is_empty() {
        return why.to_owned();
    }
    let mut verdicts: Vec<(Verdict, usize)> = Vec::new();
    for verdict in steps.iter().filter_map(|step| step.verdict) {
        match verdicts.iter_mut().find(|(known, _)| *known == verdict) {
            Some((_, number)) => *number += 1,
            None => verdicts.push((verdict, 1)),
        }
    }
    let told = verdicts.iter().map(|(verdict, number)| format!("{number} {verdict}"));
    let told = told.collect::<Vec<_>>().join(", ");
    let told = if told.is_empty() { String::new() } else { format!(": {told}") };
    let ran = format!("{ran} of {} ran{told}", count(steps.len(), "step"));
    let mut debriefs: Vec<&str> = steps.iter().filter_map(|step| step.debrief.as_deref()).collect();
    debriefs.sort_unstable();
    debriefs.dedup();
    let debriefs = match debriefs.as_slice() {
        [] => String::new(),
        [one] => format!("; debrief {one}"),
        many => format!("; debriefs {}", many.join(", ")),
    };
    match outcome {
        Outcome::Halted => format!("halted, as {why}; {ran}{debriefs}"),
        Outcome::Done | Outcome::NoGo => format!("{ran}{debriefs}"),
    }
}

/// Takes the finalizer off a day that is over, once its plan knows that this time has had its day, else it would be
/// born again; and once people were told.
pub(super) fn let_go(observed: &Observed<'_>, status: &GameDayRunStatus) -> Decision {
    if !observed.day.is_held() {
        return Decision::Rest;
    }
    let again = Decision::WaitUntil(observed.now + AGAIN);
    if announce::is_open(observed, status) {
        return again;
    }
    let is_known = observed.plan.zip(observed.day.spec.at).is_none_or(|(plan, at)| {
        let status = plan.status.as_ref();
        let since = status.and_then(|status| Some(status.since.as_ref()?.at));
        let fired = status.and_then(|status| status.last_fire);
        let cancelled = status.and_then(|status| status.cancelled);
        cancelled == Some(at) || since.max(fired).is_some_and(|done| done >= at)
    });
    if is_known { Decision::Act(Effect::ReleaseFinalizer) } else { again }
}
