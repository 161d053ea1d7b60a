//! The revert: revoke what may still be on its way, read back, record.

use super::{Decision, Effect, Need, Observed, arming, ending};
use crate::{
    api::{
        mark::Mark,
        names,
        run::{ExperimentRunStatus, FactName, Victim},
    },
    core::{pods::Pod, world::World},
    faults::{self, taking},
};

pub(super) fn decide(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Decision {
    let Some((started, journal)) = status.fact(FactName::RevertStarted).zip(status.plan.as_ref())
    else {
        return Decision::Rest;
    };
    let Some(world) = observed.world.filter(|world| world.read_at > started.at) else {
        return Decision::Look(Need::World);
    };
    let means = journal.spec.as_ref().map(|spec| faults::of(&spec.fault).means);
    if means.is_some_and(|means| means.arming().is_some()) {
        return arming::revert(observed, status, (journal, started), world);
    }
    if world.is_unreadable() {
        return observed.look_again(world);
    }
    let mark = Mark::revoked(observed.run.uid(), journal.epoch.unwrap_or(1)).to_string();
    let survivors = unmarked(&journal.victims, world, &mark);
    match journal.spec.as_ref() {
        Some(_) if !survivors.is_empty() && observed.report.is_none() => {
            Decision::Act(Effect::Send(taking::revoke(&survivors, &mark)))
        }
        // Read back what the revocation left, until nothing unmarked is there.
        Some(_) if !survivors.is_empty() => Decision::Look(Need::World),
        _ => ending::reverted(observed, status, super::cause(started)),
    }
}

/// The victims that are still there and that a late call could still take. A changed pod with the mark
/// of another run is as good: two runs that end at once would take the mark from each other for ever.
fn unmarked<'a>(victims: &'a [Victim], world: &World, mark: &str) -> Vec<&'a Victim> {
    let is_unmarked = |victim: &Victim, pod: &Pod| match pod.labels.get(names::FAULT) {
        Some(label) if label == mark => false,
        Some(label) if names::is_revoked(label) => pod.resource_version == victim.resource_version,
        _ => true,
    };
    let survives = |victim: &&Victim| {
        let same = |pod: &&Pod| pod.uid == victim.uid && !pod.ending;
        world.pods.iter().find(same).is_some_and(|pod| is_unmarked(victim, pod))
    };
    victims.iter().filter(survives).collect()
}
