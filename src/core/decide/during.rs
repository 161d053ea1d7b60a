//! From the journal to the end: inject exactly what was journaled, then observe.

use super::{
    AGAIN, Cause, Decision, Effect, Need, Observed, Report, Subject, aborting, arming, before,
    ending, rounds,
};
use crate::{
    api::{
        Moment,
        run::{Ending as FaultEnding, ExperimentRunStatus, Fact, FactName, Journal, Since, Victim},
    },
    core::{
        absence,
        alarms::{Sighting, Watcher},
        guards, matcher,
        plan::Plan,
        pods::Pod,
        span::Span,
        world::{Namespace, Target, World},
    },
    faults::{self, Means, Outcome, Sign, Taking},
};

/// The intent is written down, the fault not known to be there.
pub(super) fn intended(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Decision {
    let Some((journaled, journal)) = status.fact(FactName::Journaled).zip(status.plan.as_ref())
    else {
        return Decision::Rest;
    };
    if let Some(cause) = observed.stop() {
        // What was accepted is said also where the run must end.
        let broken = observed.report.and_then(|report| accepted(status, report));
        return broken.map_or_else(
            || start_revert(observed, status, cause, ""),
            |status| observed.record(status),
        );
    }
    if let Some(report) = observed.report {
        return read_report(observed, status, report);
    }
    if journal.deadline.is_some_and(|deadline| observed.now >= deadline) {
        return start_revert(observed, status, Cause::DeadlinePassed, "");
    }
    let Subject::Valid { plan, .. } = observed.subject else {
        return start_revert(observed, status, Cause::Guard, "the journaled spec cannot be read");
    };
    aborting::unless_due(observed, status, plan, || {
        strike(observed, status, plan, (journaled, journal))
    })
}

/// Sends what was journaled once nobody and nothing stands in the way.
fn strike(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    plan: &Plan,
    (journaled, journal): (&Fact, &Journal),
) -> Decision {
    if aborting::is_blind(observed, plan) {
        return Decision::WaitUntil(observed.now + AGAIN);
    }
    let Some(world) = observed.world.filter(|world| world.is_fresh(observed.now)) else {
        return Decision::Look(Need::World);
    };
    if world.is_unreadable() {
        return observed.look_again(world);
    }
    if world.rivals_read_at.is_none_or(|read_at| read_at <= journaled.at) {
        return Decision::Look(Need::Rivals);
    }
    if let Some((cause, detail)) = closed_since(observed, world) {
        return start_revert(observed, status, cause, &detail);
    }
    let scene = before::scene(observed, plan, world, 1);
    if let Some(rival) = guards::holders(&scene).first() {
        // Both have journaled: the one with the higher UID gives way, the other waits for that.
        return if rival.injected || rival.uid.as_str() < observed.run.uid() {
            let detail = format!("run {} has the same target", rival.name);
            start_revert(observed, status, Cause::TargetFree, &detail)
        } else {
            Decision::WaitUntil(observed.now + AGAIN)
        };
    }
    match faults::of(&plan.spec.fault).means {
        Means::Take(taking) => send(observed, status, (taking, &journal.victims), world),
        Means::Arm(_) => arming::strike(observed, status, journal, world),
    }
}

/// Sends the journaled calls for the victims that are still there, exactly as they were journaled.
pub(super) fn send(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    (taking, victims): (Taking, &[Victim]),
    world: &World,
) -> Decision {
    let alive =
        |victim: &Victim| world.pods.iter().find(|pod| pod.uid == victim.uid && !pod.ending);
    let pending: Vec<(&Victim, &Pod)> =
        victims.iter().filter_map(|victim| Some((victim, alive(victim)?))).collect();
    if pending.is_empty() && status.fact(FactName::Injected).is_none() {
        return found_gone(observed, status);
    }
    if pending.iter().any(|(victim, pod)| victim.resource_version != pod.resource_version) {
        return journal_again(observed, status, &pending);
    }
    let pending: Vec<&Victim> = pending.into_iter().map(|(victim, _)| victim).collect();
    Decision::Act(Effect::Send(taking.inject(&pending)))
}

/// Every victim is gone although no answer is recorded: an earlier process sent the calls.
fn found_gone(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Decision {
    let from = status.fact(FactName::Journaled).map_or(observed.now, |fact| fact.at);
    let mut status = status.clone();
    let detail = "the victims were gone when this operator looked";
    status.facts.push(Span::new(from, observed.now).fact(FactName::Injected, "api", detail));
    observed.record(status)
}

/// The victims have changed since: journal their present versions, the same objects.
fn journal_again(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    pending: &[(&Victim, &Pod)],
) -> Decision {
    let mut status = status.clone();
    for victim in status.plan.iter_mut().flat_map(|plan| &mut plan.victims) {
        if let Some((_, pod)) = pending.iter().find(|(_, pod)| pod.uid == victim.uid) {
            victim.resource_version.clone_from(&pod.resource_version);
        }
    }
    observed.record(status)
}

/// The guards that are read live before each batch of harmful calls.
pub(super) fn closed_since(observed: &Observed<'_>, world: &World) -> Option<(Cause, String)> {
    if let Some(why) = world.lever.refusal() {
        return Some((Cause::Lever, why));
    }
    match &world.namespace {
        Namespace::Found { terminating: true, .. } => {
            Some((Cause::Deleted, "the namespace is being deleted".to_owned()))
        }
        Namespace::Found { enabled: false, .. } if observed.config.opt_in => {
            Some((Cause::Guard, "the namespace has opted out".to_owned()))
        }
        Namespace::Found { protected: true, .. } => {
            Some((Cause::Guard, "the namespace is protected".to_owned()))
        }
        Namespace::Unreadable(error) => {
            Some((Cause::Guard, format!("the namespace cannot be read: {error}")))
        }
        Namespace::Found { .. } => None,
    }
}

/// What became of the injection.
fn read_report(observed: &Observed<'_>, status: &ExperimentRunStatus, report: &Report) -> Decision {
    // What became of these is read anew: one that has changed may be ending by the same call of another operator.
    let is_open = |(_, outcome): &(String, Outcome)| {
        matches!(outcome, Outcome::Unknown(_) | Outcome::Changed)
    };
    let settled = !report.outcomes.iter().any(is_open);
    if let Some(broken) = accepted(status, report).filter(|_| settled) {
        return observed.record(broken);
    }
    let denied = report.outcomes.iter().find_map(|(_, outcome)| match outcome {
        Outcome::Denied(words) => Some((Cause::InjectionDenied, words)),
        Outcome::Refused(words) if observed.now >= start_deadline(observed, status) => {
            Some((Cause::DisruptionBudget, words))
        }
        _ => None,
    });
    match denied {
        Some((cause, words)) => start_revert(observed, status, cause, words),
        None => Decision::Look(Need::World),
    }
}

/// The status with the injection, where a call of it was accepted.
fn accepted(status: &ExperimentRunStatus, report: &Report) -> Option<ExperimentRunStatus> {
    let outcomes = report.outcomes.iter().map(|(_, outcome)| outcome);
    let accepted = outcomes.filter(|outcome| matches!(outcome, Outcome::Accepted)).count();
    if accepted == 0 {
        return None;
    }
    let mut status = status.clone();
    let of = report.outcomes.len();
    let verb = status.plan.as_ref().and_then(|plan| plan.spec.as_ref());
    let verb = verb.map_or("call", |spec| faults::of(&spec.fault).means.verb());
    let mut detail = format!("{accepted} of {of} × {verb} accepted");
    if let Some(refusal) = report.outcomes.iter().find_map(|(_, outcome)| words(outcome)) {
        detail = format!("{PARTIAL}{detail}; {refusal}");
    }
    let span = injection(&status, report.span, accepted);
    status.facts.push(span.fact(FactName::Injected, "api", detail));
    Some(status)
}

/// From the first call to the last answer: victims that these calls did not take were taken by
/// earlier ones, of this operator or of another.
fn injection(status: &ExperimentRunStatus, answered: Span, accepted: usize) -> Span {
    let victims = status.plan.as_ref().map_or(0, |plan| plan.victims.len());
    match status.fact(FactName::Journaled) {
        Some(journaled) if accepted < victims => Span::new(journaled.at, answered.at),
        _ => answered,
    }
}

/// How the detail of `injected` begins when some victims were refused.
pub(super) const PARTIAL: &str = "partial: ";

/// Why a victim is still there; one that is gone is broken, whoever did it.
fn words(outcome: &Outcome) -> Option<&str> {
    match outcome {
        Outcome::Refused(words) | Outcome::Denied(words) => Some(words),
        Outcome::Accepted | Outcome::Gone | Outcome::Changed | Outcome::Unknown(_) => None,
    }
}

fn start_deadline(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Moment {
    let accepted = status.fact(FactName::Accepted).map_or(observed.now, |fact| fact.at);
    accepted + observed.run.spec.start_within
}

pub(super) fn start_revert(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    cause: Cause,
    detail: &str,
) -> Decision {
    let mut status = status.clone();
    let detail = match detail {
        "" => cause.reason().to_owned(),
        detail => format!("{}: {detail}", cause.reason()),
    };
    status.facts.push(observed.now_fact(FactName::RevertStarted, detail));
    observed.record(status)
}

/// The fault was accepted: write down what is seen, until the run ends.
pub(super) fn injected(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Decision {
    if let Some(cause) = observed.stop() {
        return start_revert(observed, status, cause, "");
    }
    let Subject::Valid { plan, .. } = observed.subject else {
        return start_revert(observed, status, Cause::Guard, "the journaled spec cannot be read");
    };
    aborting::unless_due(observed, status, plan, || follow(observed, status, plan))
}

/// Writes down what is seen, breaks what is to be broken again, and ends the run when it is over.
fn follow(observed: &Observed<'_>, status: &ExperimentRunStatus, plan: &Plan) -> Decision {
    // A process that continues the run has not seen the target's pods yet.
    let Some(world) = observed.world else {
        return Decision::Look(Need::World);
    };
    if world.is_unreadable() {
        return observed.look_again(world);
    }
    let watcher = observed.watcher(plan);
    let seen = see(observed, status, &watcher);
    if let Some(decision) = arming::ended_elsewhere(observed, &seen) {
        return decision;
    }
    if worth_writing(status, &seen) {
        return observed.record(seen);
    }
    rounds::decide(observed, &seen, plan)
        .or_else(|| arming::follow(observed, &seen))
        .unwrap_or_else(|| ending::decide(observed, &seen, &watcher))
}

/// The fault is reverted, what it broke may not be back yet: write down what is seen, until the end.
pub(super) fn aftermath(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Decision {
    if let Some(cause) = observed.stop() {
        return ending::cut_short(observed, status, cause);
    }
    let Subject::Valid { plan, .. } = observed.subject else {
        return ending::cut_short(observed, status, Cause::Guard);
    };
    if observed.world.is_none() {
        return Decision::Look(Need::World);
    }
    let watcher = observed.watcher(plan);
    let seen = see(observed, status, &watcher);
    if worth_writing(status, &seen) {
        return observed.record(seen);
    }
    ending::decide(observed, &seen, &watcher)
}

/// A fact, or the tentative good window: what must not be lost. Counters alone wait for the next one.
fn worth_writing(old: &ExperimentRunStatus, new: &ExperimentRunStatus) -> bool {
    let window =
        |status: &ExperimentRunStatus| status.impact.as_ref().and_then(|impact| impact.good_since);
    let ended = |status: &ExperimentRunStatus| {
        status.impact.as_ref().is_some_and(|impact| impact.ended_by.is_some())
    };
    old.facts.len() != new.facts.len()
        || !is_same(window(old), window(new))
        || ended(old) != ended(new)
        || absence::recorded(old).len() != absence::recorded(new).len()
}

/// Whether both may be the same instant, as two operators see it.
fn is_same(one: Option<Since>, other: Option<Since>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.not_before <= other.at && other.not_before <= one.at,
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// The status with every fact that is seen by now.
pub(super) fn see(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    watcher: &Watcher<'_>,
) -> ExperimentRunStatus {
    let mut status = status.clone();
    let Some(injected) = status.fact(FactName::Injected).map(Span::from) else {
        return status;
    };
    let sight = observed.sight;
    let spec = status.plan.as_ref().and_then(|plan| plan.spec.as_ref());
    let takes_pods = spec.and_then(|spec| faults::of(&spec.fault).sign) == Some(Sign::PodEnding);
    let victims = status.plan.iter().filter(|_| takes_pods).flat_map(|plan| plan.victims.clone());
    let victims: Vec<Victim> = victims.collect();
    let after = |span: Span| Span::new(span.not_before.max(injected.not_before), span.at);
    if let Some(gone) = sight.pods.first_gone(&victims).or_else(|| absent(observed, &victims)) {
        note(
            &mut status,
            after(gone).fact(FactName::EffectObserved, "watch", "a victim is ending"),
        );
    }
    if status.fact(FactName::EffectObserved).is_none() {
        status.facts.extend(arming::effect(observed, &status, injected));
    }
    if let Some(impact) = sight.impact_since().filter(|impact| impact.at > injected.not_before) {
        let detail = sight.impact(observed.now).probes.last_failure.unwrap_or_default();
        note(&mut status, after(impact).fact(FactName::ImpactStarted, "probe", detail));
    }
    let book = &sight.book;
    let alert = |(span, sighting): (Span, &Sighting), name| {
        after(span).fact(name, sighting.channel.name, matcher::print(&sighting.labels))
    };
    if let Some(seen) = book.condition_true(watcher, injected.not_before) {
        note(&mut status, alert(seen, FactName::ConditionTrue));
    }
    let noticed = book.noticed(watcher, injected.not_before);
    if let Some(seen) = noticed.and_then(|sighting| Some((sighting.firing?, sighting))) {
        note(&mut status, alert(seen, FactName::Firing));
    }
    if let Some(seen) = book.notified(watcher, injected.not_before) {
        note(&mut status, alert(seen, FactName::Notified));
    }
    let mut impact = sight.impact(observed.now);
    impact.ended_by = ended_by(&status, observed);
    impact.gaps.extend(absence::gaps(observed, &status));
    let started = status.fact(FactName::ImpactStarted);
    impact.good_since =
        started.and_then(|started| sight.good_after(started.into())).map(Since::from);
    status.impact = Some(impact);
    status
}

/// How somebody else ended the fault: as it was written down, else as it is seen now.
fn ended_by(status: &ExperimentRunStatus, observed: &Observed<'_>) -> Option<FaultEnding> {
    let seen = observed.sight.changes.ended().cloned();
    match status.fact(FactName::RevertStarted) {
        None => seen,
        Some(_) => status.impact.as_ref().and_then(|impact| impact.ended_by.clone()),
    }
}

/// Victims that had ended before this operator looked.
fn absent(observed: &Observed<'_>, victims: &[Victim]) -> Option<Span> {
    let journaled = Span::from(observed.run.status.as_ref()?.fact(FactName::Journaled)?);
    let world = observed.world.filter(|world| matches!(world.target, Target::Found { .. }))?;
    let is_there = |victim: &Victim| world.pods.iter().any(|pod| pod.uid == victim.uid);
    let is_gone = world.read_at > journaled.at && !victims.iter().all(is_there);
    is_gone.then(|| Span::new(journaled.at, world.read_at))
}

/// Adds a fact unless one of that name is there: facts are written once.
pub(super) fn note(status: &mut ExperimentRunStatus, fact: Fact) {
    if status.fact(fact.name).is_none() {
        status.facts.push(fact);
    }
}
