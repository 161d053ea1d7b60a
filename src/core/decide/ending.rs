//! The end of a run: when it is over, what the answers are, and the debrief before the last write.

use super::{
    concluding::{complete_unless_debrief, conclude},
    observed::{AGAIN, Decision, Need, Observed},
    writing::{note, start_revert},
};
use crate::{
    api::{
        Duration, Moment,
        run::{Answer, ExperimentRunStatus, FactName, Gap, Reason, ToleranceResult, Victim},
    },
    core::{
        alerts::AlertFilter,
        cluster::ClusterState,
        outcome::{
            absence, attribution,
            measure::{self, Basis},
            verdict,
        },
        span::Span,
    },
    faults::{self, Harm},
};

/// How long to wait for an alert source that is alive but has not spoken of the whole time yet.
const LAST_WORD: Duration = Duration::seconds(5);

/// Ends the run if it is over; `status` has every fact that is seen by now.
pub(super) fn decide(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    alert_filter: &AlertFilter<'_>,
) -> Decision {
    let Some(over) = over(observed, status) else {
        return Decision::Rest;
    };
    if let Some(deadline) = pending_revert(status, &over) {
        return if observed.now < deadline {
            Decision::WaitUntil(deadline.min(observed.now + AGAIN))
        } else {
            start_revert(observed, status, Reason::Duration, "")
        };
    }
    if observed.now < over.at {
        return Decision::WaitUntil(over.at.min(observed.now + AGAIN));
    }
    // After an absence nothing was seen yet that could say whether it is back, and a sample under way may be the first
    // of an impact. What cannot be sampled stays a gap.
    let signals = observed.signals;
    let is_told = match status.fact(FactName::ImpactStarted) {
        Some(_) => signals.is_fresh(observed.now),
        None => signals.tells_of(over.at),
    };
    if over.recovered.is_none() && !is_told && observed.now <= signals.tell_by(over.at) {
        return Decision::WaitUntil(observed.now + Duration::millis(200));
    }
    if awaits_alerts(observed, status, over.at) {
        return Decision::WaitUntil(observed.now + Duration::millis(200));
    }
    // What brought it back is judged by the target as it is then.
    let cluster = observed.cluster.filter(|cluster| cluster.target_read_at >= over.at);
    if over.recovered.is_some() && cluster.is_none() {
        return Decision::Look(Need::Target);
    }
    let mut status = status.clone();
    if let Some((mitigated, restored)) = over.recovered {
        note(&mut status, mitigated.fact(FactName::Mitigated, "probe", ""));
        note(&mut status, restored.fact(FactName::Restored, "watch", ""));
        let recovered = mitigated.later(restored);
        note(&mut status, recovered.fact(FactName::Recovered, "operator", ""));
    } else if let Some(restored) = over.restored {
        note(&mut status, restored.fact(FactName::Restored, "watch", ""));
    }
    measured(observed, &mut status, alert_filter, cluster);
    end(observed, status)
}

/// When the run is over and what was back by then.
struct Over {
    at: Moment,
    recovered: Option<(Span, Span)>,
    restored: Option<Span>,
}

/// The deadline of a fault that is there and outlasts it: then it is reverted, and measured on.
fn pending_revert(status: &ExperimentRunStatus, over: &Over) -> Option<Moment> {
    let deadline = status.journal.as_ref()?.deadline?;
    let changes = changes(status) && status.fact(FactName::RevertStarted).is_none();
    (changes && over.at > deadline).then_some(deadline)
}

/// Whether the fault changes fields, and so must be reverted.
fn changes(status: &ExperimentRunStatus) -> bool {
    status.journal.as_ref().is_some_and(|plan| plan.pre_image.is_some())
}

fn over(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Option<Over> {
    let plan = status.journal.as_ref()?;
    let (spec, injected) = (plan.spec.as_ref()?, status.fact(FactName::Injected)?);
    let repeated = faults::behaviour(&spec.fault).means.every().is_some();
    let earliest = if repeated { plan.deadline? } else { injected.at };
    let stable = spec.recovery.stable_for;
    let since = |span: Option<Span>| span.filter(|span| span.at > injected.not_before);
    let restored = restored(observed, status, Span::from(injected));
    let reverted = status.fact(FactName::Reverted);
    let within = spec.recovery.within;
    // Once more the time allowed, so that what comes too late is measured too.
    let limit = match (changes(status), reverted) {
        // Not before our own revert.
        (true, None) => (injected.at + within).max(plan.deadline? + AGAIN),
        (true, Some(reverted)) if spec.recovery.count_fault_ended => reverted.at + within + within,
        (true, Some(reverted)) => reverted.at + within,
        (false, _) => injected.at + within + within,
    };
    let Some(impact) = status.fact(FactName::ImpactStarted) else {
        let at = if changes(status) {
            reverted.map_or(plan.deadline?, |fact| fact.at)
        } else {
            undisturbed(observed, &plan.victims, restored)
                .map_or(injected.at + within, |since| (since + stable).max(earliest))
        };
        return Some(Over { at, recovered: None, restored });
    };
    let recovered = since(observed.signals.good_after(impact.into())).zip(restored);
    let back = recovered.map(|(mitigated, restored)| mitigated.later(restored));
    Some(match back.filter(|back| back.not_before <= limit || observed.now < limit) {
        Some(back) => Over { at: (back.at + stable).max(earliest), recovered, restored },
        None => Over { at: limit.max(earliest), recovered: None, restored: None },
    })
}

/// Since when pods that were taken are replaced and could no longer be missed: a pod serves on while it ends, and what
/// its loss does to users shows only then.
fn undisturbed(
    observed: &Observed<'_>,
    victims: &[Victim],
    restored: Option<Span>,
) -> Option<Moment> {
    let pods = &observed.signals.pods;
    let lasts = victims.iter().any(|victim| pods.is_there(&victim.uid));
    restored
        .filter(|_| !lasts)
        .map(|span| span.at.max(pods.last_vanished(victims).unwrap_or(span.at)))
}

/// Since when the target's desired state is as it was. The pods alone tell where some were taken; where the
/// target itself was changed, that must be over too; a dependency's state does not count.
fn restored(observed: &Observed<'_>, status: &ExperimentRunStatus, injected: Span) -> Option<Span> {
    let whole = observed.signals.pods.whole_since()?;
    let spec = status.journal.as_ref()?.spec.as_ref()?;
    match faults::behaviour(&spec.fault).harm {
        Harm::Pods => (whole.at > injected.not_before)
            .then(|| Span::new(whole.not_before.max(injected.not_before), whole.at)),
        Harm::Dependency { .. } => Some(whole.later(injected)),
        Harm::Target(_) => {
            let ended = status.impact.as_ref().and_then(|impact| impact.ended_by.as_ref());
            let ended = ended.map(|ending| Span::new(ending.not_before, ending.at));
            let reverted = status.fact(FactName::Reverted).map(Span::from);
            Some(whole.later(ended.or(reverted)?))
        }
    }
}

/// Whether a source that is alive may still tell of an alert in time.
fn awaits_alerts(observed: &Observed<'_>, status: &ExperimentRunStatus, over: Moment) -> bool {
    let Some(plan) = status.journal.as_ref().and_then(|plan| plan.spec.as_ref()) else {
        return false;
    };
    let Some((from, to)) = measure::window(plan, status) else {
        return false;
    };
    let alerts = &observed.signals.alerts;
    status.fact(plan.detection.until.fact()).is_none()
        && status.fact(FactName::ImpactStarted).is_some()
        && alerts.configured() > 0
        && !alerts.covers(from, to.min(over))
        && Duration::between(over, observed.now) < LAST_WORD
}

/// Adds the answers, the verdict and the sentence.
fn measured(
    observed: &Observed<'_>,
    status: &mut ExperimentRunStatus,
    alert_filter: &AlertFilter<'_>,
    cluster: Option<&ClusterState>,
) {
    let spec = &alert_filter.plan.spec;
    let injected = status.fact(FactName::Injected).map_or(observed.now, |fact| fact.not_before);
    let window = measure::window(spec, status);
    let alerts = &observed.signals.alerts;
    let recovered = status.fact(FactName::Recovered);
    let end_unseen = recovered.is_none() && observed.signals.is_unknown(observed.now);
    let basis = Basis {
        spec,
        status,
        covered: window.is_some_and(|(from, to)| alerts.covers(from, to.min(observed.now))),
        watched_until: observed.now,
        end_unseen,
        alert: measure::counted_alert(alerts, alert_filter, injected),
        also_fired: alerts.also_fired(alert_filter, injected),
    };
    let attributed =
        recovered.and(cluster).map(|cluster| attribution::recovered_by(status, cluster));
    let (detection, detection_reason) = measure::detection(&basis);
    let (recovery, recovery_reason) = measure::recovery(&basis, attributed);
    let impact = status.fact(FactName::ImpactStarted).is_some();
    let case = verdict::Case {
        partial: is_partial(status),
        effect_observed: status.fact(FactName::EffectObserved).is_some()
            && absence::recorded(status).is_empty(),
        changes: changes(status),
        impact,
        blind: blind(&observed.signals.gaps(observed.now), injected),
        tolerates: spec.tolerates,
        back: recovered.is_some() || end_unseen,
        detection: Some((detection.answer, detection_reason)),
        recovery: Some((recovery.answer, recovery_reason)),
    };
    status.tolerance = spec
        .tolerates
        .then_some(ToleranceResult { answer: if impact { Answer::No } else { Answer::Yes } });
    (status.detection, status.recovery) = (Some(detection), Some(recovery));
    let (verdict, reason) = verdict::decide(&case);
    conclude(status, verdict, reason);
}

fn is_partial(status: &ExperimentRunStatus) -> bool {
    status.fact(FactName::Injected).is_some_and(|fact| fact.partial)
}

fn blind(gaps: &[Gap], injected: Moment) -> bool {
    gaps.iter().any(|gap| gap.to > injected)
}

/// Writes the end: a kill has nothing to restore unless a call may still be on its way.
fn end(observed: &Observed<'_>, mut status: ExperimentRunStatus) -> Decision {
    if status.fact(FactName::Reverted).is_some() {
        return complete_unless_debrief(observed, status);
    }
    let all_gone = status.journal.as_ref().is_some_and(|plan| {
        plan.victims.iter().all(|victim| observed.signals.pods.is_gone(&victim.uid))
    });
    status.facts.push(observed.now_fact(FactName::RevertStarted, "").because(Reason::Ended));
    if !all_gone || changes(&status) {
        return observed.record(status);
    }
    status.facts.push(observed.now_fact(FactName::Reverted, "nothing to restore"));
    complete_unless_debrief(observed, status)
}

#[cfg(test)]
mod examples;
#[cfg(test)]
mod tests;
