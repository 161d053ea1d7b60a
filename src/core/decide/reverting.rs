//! The revert: revoke what may still be on its way, read back, record.

use super::{Cause, Decision, Effect, Need, Observed, arming, ending};
use crate::{
    api::{
        mark::Mark,
        names,
        run::{ExperimentRunStatus, FactName, Victim},
    },
    core::{pods::Pod, world::World},
    faults::{self, Means, pod_kill},
};

pub(super) fn decide(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Decision {
    let Some((started, journal)) = status.fact(FactName::RevertStarted).zip(status.plan.as_ref())
    else {
        return Decision::Rest;
    };
    let Some(world) = observed.world.filter(|world| world.read_at > started.at) else {
        return Decision::Look(Need::World);
    };
    let changes = journal.spec.as_ref().map(|spec| faults::of(&spec.fault));
    if let Some(Means::Change(_)) = changes {
        return arming::revert(observed, status, (journal, started), world);
    }
    let mark = Mark::revoked(observed.run.uid(), journal.epoch.unwrap_or(1)).to_string();
    let survivors = unmarked(&journal.victims, world, &mark);
    match journal.spec.as_ref() {
        Some(_) if !survivors.is_empty() && observed.report.is_none() => {
            Decision::Act(Effect::Send(pod_kill::revoke(&survivors, &mark)))
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
