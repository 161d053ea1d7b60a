//! A fault that takes pods away: the journaled calls, the later rounds, and what keeps a late call from taking
//! one more.

use super::{
    concluding,
    observed::{AGAIN, Decision, Effect, Need, Observed, cause},
    writing::{found_injected, start_revert},
};
use crate::{
    api::{
        names,
        run::{ExperimentRunStatus, Fact, FactName, Journal, Victim},
    },
    core::{
        cluster::ClusterState,
        decide::preconditions::{closed_since, guard_input},
        guards,
        plan::Plan,
        signals::pods::Pod,
    },
    faults::{self, Taking, taking},
};

/// Sends the journaled calls for the victims that are still there, exactly as they were journaled.
pub(super) fn send(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    (taking, victims): (Taking, &[Victim]),
    cluster: &ClusterState,
) -> Decision {
    let alive =
        |victim: &Victim| cluster.pods.iter().find(|pod| pod.uid == victim.uid && !pod.ending);
    let pending: Vec<(&Victim, &Pod)> =
        victims.iter().filter_map(|victim| Some((victim, alive(victim)?))).collect();
    if pending.is_empty() && status.fact(FactName::Injected).is_none() {
        return found_injected(observed, status, "the victims were gone when this operator looked");
    }
    if pending.iter().any(|(victim, pod)| victim.resource_version != pod.resource_version) {
        return journal_again(observed, status, &pending);
    }
    let pending: Vec<&Victim> = pending.into_iter().map(|(victim, _)| victim).collect();
    Decision::Act(Effect::Send(taking.inject(&pending)))
}

/// The victims have changed since: journal their present versions, the same objects.
fn journal_again(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    pending: &[(&Victim, &Pod)],
) -> Decision {
    let mut status = status.clone();
    for victim in status.journal.iter_mut().flat_map(|plan| &mut plan.victims) {
        if let Some((_, pod)) = pending.iter().find(|(_, pod)| pod.uid == victim.uid) {
            victim.resource_version.clone_from(&pod.resource_version);
        }
    }
    observed.record(status)
}

/// What the next round needs now; `None` when there is none, or it is not time.
pub(super) fn next_round(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    plan: &Plan,
) -> Option<Decision> {
    let taking = faults::behaviour(&plan.spec.fault).means.taking()?;
    let (every, journal) = (taking.every?, status.journal.as_ref()?);
    let injected = status.fact(FactName::Injected)?;
    if journal.deadline.is_none_or(|deadline| observed.now >= deadline) {
        return None;
    }
    let round = journal.victims.iter().map(|victim| victim.round).max().unwrap_or(1);
    let latest: Vec<Victim> =
        journal.victims.iter().filter(|victim| victim.round == round).cloned().collect();
    let alive = |victim: &Victim| observed.signals.pods.is_alive(&victim.uid);
    if round > 1 && latest.iter().any(alive) {
        return Some(send_round(observed, status, (taking, &latest)));
    }
    if observed.now < injected.at + every.times(round) {
        return None;
    }
    Some(journal_next(observed, status, plan, round.saturating_add(1)))
}

/// Sends the calls of a journaled round, once a second until its victims are ending.
fn send_round(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    broken: (Taking, &[Victim]),
) -> Decision {
    if let Some(report) = observed.report.filter(|report| report.span.at + AGAIN > observed.now) {
        return Decision::WaitUntil(report.span.at + AGAIN);
    }
    let fresh = |cluster: &&ClusterState| cluster.is_fresh(observed.now);
    let Some(cluster) = observed.cluster.filter(fresh).filter(|_| observed.report.is_none()) else {
        return Decision::Look(Need::Cluster);
    };
    match closed_since(observed, cluster) {
        Some((cause, detail)) => start_revert(observed, status, cause, &detail),
        None => send(observed, status, broken, cluster),
    }
}

/// Journals new victims once every guard of a round is open; until then it is tried again.
fn journal_next(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    plan: &Plan,
    round: i32,
) -> Decision {
    let Some(cluster) = observed.cluster.filter(|cluster| cluster.is_fresh(observed.now)) else {
        return Decision::Look(Need::Cluster);
    };
    let (results, blast_radius) = guards::judge_round(&guard_input(observed, plan, cluster, round));
    if guards::first_closed(&results).is_some() || blast_radius.victims.is_empty() {
        return Decision::WaitUntil(observed.now + AGAIN);
    }
    let mut status = status.clone();
    if let Some(plan) = &mut status.journal {
        let room = 1000_usize.saturating_sub(plan.victims.len());
        plan.victims.extend(blast_radius.victims.iter().take(room).cloned());
    }
    observed.record(status)
}

/// Marks what survived, so that a call that is still on its way fails; reads back, records.
pub(super) fn revert(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    (journal, started): (&Journal, &Fact),
    cluster: &ClusterState,
) -> Decision {
    if cluster.is_unreadable() {
        return observed.look_again(cluster);
    }
    let mark = observed.mark(journal).revocation().to_string();
    let survivors = unmarked(&journal.victims, cluster, &mark);
    match journal.spec.as_ref() {
        Some(_) if !survivors.is_empty() && observed.report.is_none() => {
            Decision::Act(Effect::Send(taking::revoke(&survivors, &mark)))
        }
        // Read back what the revocation left, until nothing unmarked is there.
        Some(_) if !survivors.is_empty() => Decision::Look(Need::Cluster),
        _ => concluding::reverted(observed, status, cause(started)),
    }
}

/// The victims that are still there and that a late call could still take. A changed pod with the mark
/// of another run is as good: two runs that end at once would take the mark from each other for ever.
fn unmarked<'a>(victims: &'a [Victim], cluster: &ClusterState, mark: &str) -> Vec<&'a Victim> {
    let is_unmarked = |victim: &Victim, pod: &Pod| match pod.labels.get(names::FAULT) {
        Some(label) if label == mark => false,
        Some(label) if names::is_revoked(label) => pod.resource_version == victim.resource_version,
        _ => true,
    };
    let survives = |victim: &&Victim| {
        let same = |pod: &&Pod| pod.uid == victim.uid && !pod.ending;
        cluster.pods.iter().find(same).is_some_and(|pod| is_unmarked(victim, pod))
    };
    victims.iter().filter(survives).collect()
}
