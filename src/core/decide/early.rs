//! The experiment's own conditions for an early end, from the journal to our revert.

use super::{
    observed::{Decision, Observed},
    seen::see,
    writing::start_revert,
};
use crate::{
    api::{
        Moment,
        run::{ExperimentRunStatus, FactName, Reason},
    },
    core::{guards::abort::AbortConditions, plan::Plan},
};

/// Begins the revert where a condition holds, with everything that was seen by then; else what
/// `go_on` says, no later than the next one is due.
pub(super) fn unless_due(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    plan: &Plan,
    go_on: impl FnOnce() -> Decision,
) -> Decision {
    let alert_filter = observed.alert_filter(plan);
    let due = status.fact(FactName::Journaled).and_then(|journaled| {
        AbortConditions { alert_filter, journaled: journaled.at, signals: observed.signals }
            .due(observed.now)
    });
    match due {
        None => go_on(),
        Some(due) if due.at <= observed.now => {
            let seen = see(observed, status, &alert_filter);
            start_revert(observed, &seen, Reason::Guard, &due.why)
        }
        Some(due) => no_later_than(go_on(), due.at),
    }
}

/// The same, with a wait that ends by `due`.
fn no_later_than(decision: Decision, due: Moment) -> Decision {
    match decision {
        Decision::WaitUntil(until) => Decision::WaitUntil(until.min(due)),
        Decision::Rest => Decision::WaitUntil(due),
        other => other,
    }
}

/// Whether no alert source has answered this process yet although an alert may end the run.
pub(super) fn is_blind(observed: &Observed<'_>, plan: &Plan) -> bool {
    !plan.spec.guards.abort_on.is_empty() && observed.signals.alerts.last_answer().is_none()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::{
        alerts::tests::ALERTMANAGER,
        decide::{
            Need,
            tests::{self, status},
        },
        guards::abort::tests::{alert, plan, sample, signals},
        signals::{Signals, pods::tests::at},
        words,
    };

    /// What is decided at `now` about a run that was journaled at 10, with these facts since then.
    fn decided(plan: &Plan, signals: &Signals, facts: &[FactName], now: f64) -> Decision {
        let facts: Vec<_> = facts.iter().map(|name| (*name, 10.0)).collect();
        tests::decided(plan, Some(status(plan, &facts)), None, signals, now)
    }

    const INTENDED: [FactName; 1] = [FactName::Journaled];
    const INJECTED: [FactName; 2] = [FactName::Journaled, FactName::Injected];

    /// The facts that the decision adds, by name and words.
    fn added(decision: Decision, known: usize) -> Vec<(FactName, String)> {
        let Decision::Record(status) = decision else { panic!("{decision:?}") };
        status.facts.iter().skip(known).map(|fact| (fact.name, words::said(fact))).collect()
    }

    #[test]
    fn an_alert_at_the_instant_of_the_journal_ends_the_run_before_anything_is_sent() {
        let plan = plan(&json!({"abortOn": ["{alertname=\"Bad\"}"]}));
        let mut signals = signals(&plan, 10.0);
        signals.alerts.report(alert(ALERTMANAGER, "Bad", Some(10.0)));
        let added = added(decided(&plan, &signals, &INTENDED, 10.0), 1);
        assert_eq!(added[0].0, FactName::RevertStarted);
        assert!(
            added[0].1.starts_with("Guard: Bad fired, which guards.abortOn names"),
            "{added:?}"
        );
    }

    #[test]
    fn an_alert_that_is_expected_too_is_measured_before_it_ends_the_run() {
        let plan = plan(&json!({"abortOn": ["{alertname=\"Expected\"}"]}));
        let mut signals = signals(&plan, 14.0);
        signals.alerts.report(alert(ALERTMANAGER, "Expected", Some(14.0)));
        let names: Vec<FactName> = added(decided(&plan, &signals, &INJECTED, 14.2), 2)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, [FactName::Firing, FactName::RevertStarted]);
    }

    #[test]
    fn the_end_of_a_probe_s_patience_is_waited_for_to_the_instant() {
        let plan = plan(&json!({"abortWhenProbeFailsFor": "5s"}));
        let mut signals = signals(&plan, 10.0);
        sample(&mut signals, 10.0, "+-");
        assert_eq!(decided(&plan, &signals, &INJECTED, 16.0), Decision::Look(Need::Cluster));
        let ended = added(decided(&plan, &signals, &INJECTED, 16.1), 2);
        assert_eq!(ended.last().map(|(name, _)| *name), Some(FactName::RevertStarted));
        let due = at(16.1);
        let later = no_later_than(Decision::WaitUntil(at(16.9)), due);
        assert_eq!(later, Decision::WaitUntil(due));
        let sooner = no_later_than(Decision::WaitUntil(at(16.0)), due);
        assert_eq!(sooner, Decision::WaitUntil(at(16.0)));
        assert_eq!(no_later_than(Decision::Rest, due), Decision::WaitUntil(due));
    }

    #[test]
    fn a_process_that_has_not_heard_of_alerts_sends_nothing_yet() {
        let plan = plan(&json!({"abortOn": ["{alertname=\"Bad\"}"]}));
        let deaf = Signals::new(Some(&plan.spec), at(11.0));
        assert_eq!(decided(&plan, &deaf, &INTENDED, 11.0), Decision::WaitUntil(at(12.0)));
        assert_eq!(
            decided(&plan, &signals(&plan, 11.0), &INTENDED, 11.0),
            Decision::Look(Need::Cluster)
        );
    }

    #[test]
    fn after_our_revert_nothing_is_ended_early() {
        let plan = plan(&json!({"abortOn": ["{alertname=\"Bad\"}"]}));
        let mut signals = signals(&plan, 14.0);
        signals.alerts.report(alert(ALERTMANAGER, "Bad", Some(14.0)));
        let facts = [INJECTED.as_slice(), &[FactName::RevertStarted, FactName::Reverted]].concat();
        assert_eq!(decided(&plan, &signals, &facts, 15.0), Decision::Look(Need::Cluster));
    }
}
