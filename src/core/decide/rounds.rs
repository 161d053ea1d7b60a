//! The later rounds of a repeated fault: new victims each time, journaled before they are touched.

use super::{AGAIN, Decision, Need, Observed, before, during};
use crate::{
    api::run::{ExperimentRunStatus, FactName, Victim},
    core::{guards, plan::Plan, world::World},
    faults::{self, Taking},
};

/// What the next round needs now; `None` when there is none, or it is not time.
pub(super) fn decide(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    plan: &Plan,
) -> Option<Decision> {
    let taking = faults::of(&plan.spec.fault).means.taking()?;
    let (every, journal) = (taking.every?, status.plan.as_ref()?);
    let injected = status.fact(FactName::Injected)?;
    if journal.deadline.is_none_or(|deadline| observed.now >= deadline) {
        return None;
    }
    let round = journal.victims.iter().map(|victim| victim.round).max().unwrap_or(1);
    let latest: Vec<Victim> =
        journal.victims.iter().filter(|victim| victim.round == round).cloned().collect();
    let alive = |victim: &Victim| observed.sight.pods.is_alive(&victim.uid);
    if round > 1 && latest.iter().any(alive) {
        return Some(strike(observed, status, (taking, &latest)));
    }
    let due = (0..round).fold(injected.at, |at, _| at + every);
    if observed.now < due {
        return None;
    }
    Some(journal_next(observed, status, plan, round + 1))
}

/// Sends the calls of a journaled round, once a second until its victims are ending.
fn strike(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    broken: (Taking, &[Victim]),
) -> Decision {
    if let Some(report) = observed.report.filter(|report| report.span.at + AGAIN > observed.now) {
        return Decision::WaitUntil(report.span.at + AGAIN);
    }
    let fresh = |world: &&World| world.is_fresh(observed.now);
    let Some(world) = observed.world.filter(fresh).filter(|_| observed.report.is_none()) else {
        return Decision::Look(Need::World);
    };
    match during::closed_since(observed, world) {
        Some((cause, detail)) => during::start_revert(observed, status, cause, &detail),
        None => during::send(observed, status, broken, world),
    }
}

/// Journals new victims once every guard of a round is open; until then it is tried again.
fn journal_next(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    plan: &Plan,
    round: i32,
) -> Decision {
    let Some(world) = observed.world.filter(|world| world.is_fresh(observed.now)) else {
        return Decision::Look(Need::World);
    };
    let (results, aim) = guards::judge_round(&before::scene(observed, plan, world, round));
    if guards::first_closed(&results).is_some() || aim.victims.is_empty() {
        return Decision::WaitUntil(observed.now + AGAIN);
    }
    let mut status = status.clone();
    if let Some(plan) = &mut status.plan {
        let room = 1000_usize.saturating_sub(plan.victims.len());
        plan.victims.extend(aim.victims.iter().take(room).cloned());
    }
    observed.record(status)
}
