//! The revert: revoke what may still be on its way, read back, record.

use super::{Cause, Decision, Effect, Need, Observed, ending};
use crate::{
    api::{
        names,
        run::{ExperimentRunStatus, FactName, Victim},
    },
    core::{pods::Pod, world::World},
    faults,
};

pub(super) fn decide(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Decision {
    let Some((started, journal)) = status.fact(FactName::RevertStarted).zip(status.plan.as_ref())
    else {
        return Decision::Rest;
    };
    let Some(world) = observed.world.filter(|world| world.read_at > started.at) else {
        return Decision::Look(Need::World);
    };
    if world.is_unreadable() {
        return observed.look_again(world);
    }
    let mark = names::revoked_mark(observed.run.uid(), journal.epoch.unwrap_or(1));
    let survivors = unmarked(&journal.victims, world, &mark);
    match journal.spec.as_ref() {
        Some(spec) if !survivors.is_empty() && observed.report.is_none() => {
            Decision::Act(Effect::Send(faults::of(&spec.fault).revoke(&survivors, &mark)))
        }
        // Read back what the revocation left, until nothing unmarked is there.
        Some(_) if !survivors.is_empty() => Decision::Look(Need::World),
        _ => ending::reverted(observed, status, Cause::read(&started.detail)),
    }
}

/// The victims that are still there and do not carry the mark.
fn unmarked<'a>(victims: &'a [Victim], world: &World, mark: &str) -> Vec<&'a Victim> {
    let is_unmarked =
        |pod: &Pod| !pod.ending && pod.labels.get(names::FAULT).is_none_or(|label| label != mark);
    let survives =
        |victim: &&Victim| world.pods.iter().any(|pod| pod.uid == victim.uid && is_unmarked(pod));
    victims.iter().filter(survives).collect()
}
