//! The intent is written down, the fault not known to be there: inject exactly what was journaled.

use super::{
    arming, early,
    observed::{AGAIN, Decision, Need, Observed, Report},
    seen::see,
    taking,
    unjudged::Journaled,
    writing::start_revert,
};
use crate::{
    api::{
        Duration, Moment,
        run::{ExperimentRunStatus, Fact, FactName, Reason},
    },
    core::{
        cluster::Intent,
        decide::preconditions::{closed_since, guard_input},
        guards,
        plan::Plan,
        span::Span,
    },
    faults::{self, Means, Outcome, Sign},
};

/// So long what was accepted is not written down without the sign that pods are ending, which mostly comes with the
/// answer: one write of the status has both then. An operator that ends meanwhile leaves pods that are gone, and the next
/// one writes that down.
const SIGN_WITHIN: Duration = Duration::millis(500);

/// The intent is written down, the fault not known to be there.
pub(super) fn decide(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    journaled: Journaled<'_>,
) -> Decision {
    if let Some(cause) = observed.stop() {
        // What was accepted is said also where the run must end.
        let broken = observed.report.and_then(|report| accepted(status, report));
        return broken.map_or_else(
            || start_revert(observed, status, cause, ""),
            |status| observed.record(status),
        );
    }
    if let Some(report) = observed.report {
        return read_report(observed, status, report, journaled.plan);
    }
    if journaled.journal.deadline.is_some_and(|deadline| observed.now >= deadline) {
        return start_revert(observed, status, Reason::DeadlinePassed, "");
    }
    early::unless_due(observed, status, journaled.plan, || inject(observed, status, journaled))
}

/// Sends what was journaled once nobody and nothing stands in the way.
fn inject(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    Journaled { plan, journal, fact: journaled }: Journaled<'_>,
) -> Decision {
    if early::is_blind(observed, plan) {
        return Decision::WaitUntil(observed.now + AGAIN);
    }
    let Some(cluster) = observed.cluster.filter(|cluster| cluster.is_fresh(observed.now)) else {
        return Decision::Look(Need::Cluster);
    };
    if cluster.is_unreadable() {
        return observed.look_again(cluster);
    }
    if cluster.rivals_read_at.is_none_or(|read_at| read_at <= journaled.at) {
        return Decision::Look(Need::Rivals);
    }
    if let Some((cause, detail)) = closed_since(observed, cluster) {
        return start_revert(observed, status, cause, &detail);
    }
    if matches!(cluster.intent, Some((_, Intent::Unsettled(_)))) {
        return observed.look_again(cluster);
    }
    let guard_input = guard_input(observed, plan, cluster, 1);
    if let Some(rival) = guards::holders(&guard_input).first() {
        // Both have journaled: the one with the higher UID gives way, the other waits for that.
        return if rival.injected || rival.uid.as_str() < observed.run.uid() {
            let detail = format!("run {} has the same target", rival.name);
            start_revert(observed, status, Reason::TargetFree, &detail)
        } else {
            Decision::WaitUntil(observed.now + AGAIN)
        };
    }
    match faults::behaviour(&plan.spec.fault).means {
        Means::Take(taking) => taking::send(observed, status, (taking, &journal.victims), cluster),
        Means::Arm(_) => arming::arm(observed, status, journal, cluster),
    }
}

/// What became of the injection.
fn read_report(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    report: &Report,
    plan: &Plan,
) -> Decision {
    // What became of these is read anew: one that has changed may be ending by the same call of another operator.
    let is_open = |(_, outcome): &(String, Outcome)| {
        matches!(outcome, Outcome::Unknown(_) | Outcome::Changed)
    };
    let settled = !report.outcomes.iter().any(is_open);
    if let Some(broken) = accepted(status, report).filter(|_| settled) {
        let (seen, until) =
            (see(observed, &broken, &observed.alert_filter(plan)), report.span.at + SIGN_WITHIN);
        let takes_pods = faults::behaviour(&plan.spec.fault).sign == Some(Sign::PodEnding);
        let is_signless = takes_pods && seen.fact(FactName::EffectObserved).is_none();
        return if is_signless && observed.now < until {
            Decision::WaitUntil(until)
        } else {
            observed.record(seen)
        };
    }
    let denied = report.outcomes.iter().find_map(|(_, outcome)| match outcome {
        Outcome::Denied(words) => Some((Reason::InjectionDenied, words)),
        Outcome::Refused(words) if observed.now >= start_deadline(observed, status) => {
            Some((Reason::DisruptionBudget, words))
        }
        _ => None,
    });
    match denied {
        Some((cause, words)) => start_revert(observed, status, cause, words),
        None => Decision::Look(Need::Cluster),
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
    let verb = status.journal.as_ref().and_then(|plan| plan.spec.as_ref());
    let verb = verb.map_or("call", |spec| faults::behaviour(&spec.fault).means.verb());
    let refusal = report.outcomes.iter().find_map(|(_, outcome)| words(outcome));
    let refused = refusal.map(|words| format!("; {words}")).unwrap_or_default();
    let detail = format!("{accepted} of {of} × {verb} accepted{refused}");
    let fact = injection(&status, report.span, accepted).fact(FactName::Injected, "api", detail);
    status.facts.push(Fact { partial: refusal.is_some(), ..fact });
    Some(status)
}

/// From the first call to the last answer: victims that these calls did not take were taken by
/// earlier ones, of this operator or of another.
fn injection(status: &ExperimentRunStatus, answered: Span, accepted: usize) -> Span {
    let victims = status.journal.as_ref().map_or(0, |plan| plan.victims.len());
    match status.fact(FactName::Journaled) {
        Some(journaled) if accepted < victims => Span::new(journaled.at, answered.at),
        _ => answered,
    }
}

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::run::Guard,
        core::{
            cluster::{ClusterState, tests::healthy},
            decide::tests::{self, status},
            guards::abort::tests::plan,
            signals::{Signals, pods::tests::at},
        },
    };

    /// What is decided about a run that has journaled, of which its day says that.
    fn decided(intent: Intent, now: f64) -> Decision {
        let plan = plan(&json!({}));
        let status = status(&plan, &[(FactName::Accepted, 1.0), (FactName::Journaled, 2.0)]);
        let (read_at, intent) = (at(3.0), Some((Guard::GameDay, intent)));
        let cluster = ClusterState { read_at, rivals_read_at: Some(read_at), intent, ..healthy() };
        let signals = Signals::new(Some(&plan.spec), at(0.0));
        tests::decided(&plan, Some(status), Some(&cluster), &signals, now)
    }

    #[test]
    fn nothing_is_sent_until_the_day_says_which_run_of_that_name_is_its_own() {
        let words = String::new;
        assert_eq!(decided(Intent::Unsettled(words()), 3.5), Decision::WaitUntil(at(4.0)));
        assert_eq!(decided(Intent::Unsettled(words()), 4.0), Decision::Look(Need::Cluster));
        let Decision::Record(refused) = decided(Intent::Refused(words()), 3.5) else {
            panic!("it is reverted")
        };
        assert!(refused.fact(FactName::RevertStarted).is_some());
        // It has no victim that is still to be taken.
        let Decision::Record(goes_on) = decided(Intent::Written(words()), 3.5) else {
            panic!("it goes on")
        };
        assert!(goes_on.fact(FactName::Injected).is_some());
    }
}
