//! Whose turn it is: what a step that has not started waits for.

use super::{
    observed::{Observed, needs},
    unannounced,
};
use crate::api::{
    GameDayRunStatus, Moment,
    game_day::When,
    game_day_run::{DayFactName, DayPlan, StepResult},
    run::Verdict,
};

/// What a step that has not started waits for.
pub(super) enum Turn {
    /// Others must be over first.
    Later,
    /// Its time comes then.
    At(Moment),
    /// It never starts; why.
    Never(String),
    /// It starts now.
    Now,
}

/// Whether its run was written down and is not known to be over.
pub(super) fn is_live(step: &StepResult) -> bool {
    step.run.is_some() && step.over_at.is_none()
}

/// When the last fault must be over.
pub(super) fn must_be_over(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
    plan: &DayPlan,
) -> Moment {
    status.fact(DayFactName::Go).map_or(observed.now, |go| go.at) + plan.spec.end_by
}

/// What that step waits for.
pub(super) fn turn(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
    plan: &DayPlan,
    index: usize,
) -> Turn {
    let step = &plan.spec.steps[index];
    let before: Vec<&StepResult> = match &step.after {
        Some(names) => status.steps.iter().filter(|known| names.contains(&known.name)).collect(),
        None => {
            index.checked_sub(1).and_then(|index| status.steps.get(index)).into_iter().collect()
        }
    };
    if before.iter().any(|step| step.over_at.is_none()) {
        return Turn::Later;
    }
    if let Some(why) = unwanted(step.when, &before) {
        return Turn::Never(why);
    }
    let over = before.iter().filter_map(|step| step.over_at).max();
    if let Some(at) = over.map(|over| over + step.gap).filter(|at| observed.now < *at) {
        return Turn::At(at);
    }
    let needs = needs(plan, step);
    let end = must_be_over(observed, status, plan);
    if step.unannounced {
        let go = status.fact(DayFactName::Go).map_or(observed.now, |go| go.at);
        let turn = over.map_or(go, |over| over + step.gap);
        let at = unannounced::starts(observed, plan, index, turn, end);
        if observed.now < at {
            return Turn::At(at);
        }
    }
    if observed.now + needs > end {
        let waited = status.steps[index].waits_for.as_ref();
        let waited = waited.map(|gate| format!(", as it waited for {gate}")).unwrap_or_default();
        return Turn::Never(format!(
            "its fault could last until {}, and endBy is {end}{waited}",
            observed.now + needs
        ));
    }
    let schedule = observed.schedule(&plan.spec);
    if let Some(closed) = schedule.and_then(|schedule| schedule.closed(observed.now)) {
        return Turn::Never(format!("{} is {closed}", observed.now));
    }
    let running = status.steps.iter().filter(|step| is_live(step)).count();
    if running >= usize::try_from(plan.spec.concurrency).unwrap_or(1) {
        return Turn::Later;
    }
    Turn::Now
}

/// Why a step does not start after these.
fn unwanted(when: When, before: &[&StepResult]) -> Option<String> {
    let has_missed = |step: &&StepResult| step.verdict.is_some_and(Verdict::is_missed);
    match when {
        When::Always => None,
        When::Passed => {
            let other = before.iter().find(|step| step.verdict != Some(Verdict::Passed))?;
            let ended = other.verdict.map_or_else(
                || "has not run".to_owned(),
                |verdict| format!("ended with {verdict}"),
            );
            Some(format!("it starts when Passed, and step {} {ended}", other.name))
        }
        When::Missed if before.iter().any(has_missed) => None,
        When::Missed => Some("it starts when Missed, and no step before it has missed".to_owned()),
    }
}
