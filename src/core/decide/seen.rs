//! What is seen by now, as facts of the run.

use super::{observed::Observed, writing::note};
use crate::{
    api::{
        Duration, Moment,
        run::{Ending as FaultEnding, ExperimentRunStatus, Fact, FactName, Since, Victim},
    },
    core::{
        alerts::{AlertFilter, AlertReport},
        cluster::{ClusterState, Target},
        outcome::absence,
        signals::{Signals, series::Series},
        span::Span,
    },
    faults::{self, Sign},
};

/// The status with every fact that is seen by now.
pub(super) fn see(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    alert_filter: &AlertFilter<'_>,
) -> ExperimentRunStatus {
    let mut status = status.clone();
    let Some(injected) = status.fact(FactName::Injected).map(Span::from) else {
        return status;
    };
    let signals = observed.signals;
    let spec = status.journal.as_ref().and_then(|plan| plan.spec.as_ref());
    let takes_pods =
        spec.and_then(|spec| faults::behaviour(&spec.fault).sign) == Some(Sign::PodEnding);
    let victims =
        status.journal.iter().filter(|_| takes_pods).flat_map(|plan| plan.victims.clone());
    let victims: Vec<Victim> = victims.collect();
    let after = |span: Span| Span::new(span.not_before.max(injected.not_before), span.at);
    if let Some(gone) = signals.pods.first_gone(&victims).or_else(|| absent(observed, &victims)) {
        note(
            &mut status,
            after(gone).fact(FactName::EffectObserved, "watch", "a victim is ending"),
        );
    }
    if status.fact(FactName::EffectObserved).is_none() {
        status.facts.extend(effect(observed, &status, injected));
    }
    if let Some(impact) = signals.impact_since().filter(|impact| impact.at > injected.not_before) {
        let detail = signals.impact(observed.now).probes.last_failure.unwrap_or_default();
        note(&mut status, after(impact).fact(FactName::ImpactStarted, "probe", detail));
    }
    let alerts = &signals.alerts;
    let alert = |(span, report): (Span, &AlertReport), name| {
        let fact = after(span).fact(name, report.channel.name, "");
        Fact { labels: alert_filter.shown(report), ..fact }
    };
    if let Some(seen) = alerts.condition_true(alert_filter, injected.not_before) {
        note(&mut status, alert(seen, FactName::ConditionTrue));
    }
    let noticed = alerts.noticed(alert_filter, injected.not_before);
    if let Some(seen) = noticed.and_then(|report| Some((report.firing?, report))) {
        note(&mut status, alert(seen, FactName::Firing));
    }
    if let Some(seen) = alerts.notified(alert_filter, injected.not_before) {
        note(&mut status, alert(seen, FactName::Notified));
    }
    let mut impact = signals.impact(observed.now);
    impact.ended_by = ended_by(&status, observed);
    impact.gaps.extend(absence::gaps(observed, &status));
    let started = status.fact(FactName::ImpactStarted);
    impact.good_since =
        started.and_then(|started| signals.good_after(started.into())).map(Since::from);
    status.impact = Some(impact);
    status
}

/// How somebody else ended the fault: as it was written down, else as it is seen now.
fn ended_by(status: &ExperimentRunStatus, observed: &Observed<'_>) -> Option<FaultEnding> {
    let seen = observed.signals.changes.ended().cloned();
    match status.fact(FactName::RevertStarted) {
        None => seen,
        Some(_) => status.impact.as_ref().and_then(|impact| impact.ended_by.clone()),
    }
}

/// Victims that had ended before this operator looked.
fn absent(observed: &Observed<'_>, victims: &[Victim]) -> Option<Span> {
    let journaled = Span::from(observed.run.status.as_ref()?.fact(FactName::Journaled)?);
    let cluster =
        observed.cluster.filter(|cluster| matches!(cluster.target, Target::Found { .. }))?;
    let is_there = |victim: &Victim| cluster.pods.iter().any(|pod| pod.uid == victim.uid);
    let is_gone = cluster.read_at > journaled.at && !victims.iter().all(is_there);
    is_gone.then(|| Span::new(journaled.at, cluster.read_at))
}

/// The first sign that the fault is real.
fn effect(observed: &Observed<'_>, status: &ExperimentRunStatus, injected: Span) -> Option<Fact> {
    let name = FactName::EffectObserved;
    let after = |span: Span| span.at > injected.not_before;
    let signals = observed.signals;
    if let Some(span) = signals.pods.newcomer().filter(|span| after(*span)) {
        return Some(span.fact(name, "watch", "a pod with the broken template"));
    }
    let observe = signals.observe.as_ref().and_then(Series::impact_since);
    if let Some(span) = observe.filter(|span| after(*span)) {
        let said =
            signals.observe.as_ref().and_then(|series| series.last()).map(|last| &last.detail);
        return Some(span.fact(name, "probe", said.cloned().unwrap_or_default()));
    }
    let cluster = observed.cluster.filter(|cluster| tells_of_effect(cluster, injected.at))?;
    let silent =
        cluster.fault_reads.as_ref()?.dependency_ready == Some(0) && signals.observe.is_none();
    let before = status.fact(FactName::Injected).map_or(cluster.read_at, |fact| fact.not_before);
    silent.then(|| {
        Span::new(before, cluster.read_at).fact(name, "api", "the dependency has no ready endpoint")
    })
}

/// Only a look that begins after the injection tells of its effect.
pub(super) fn tells_of_effect(cluster: &ClusterState, injected: Moment) -> bool {
    cluster.read_at >= injected
}

/// A fact, the tentative good window, or that the impact has outlasted an objective: what must not be lost. Counters
/// alone wait for the next one.
pub(super) fn worth_writing(
    signals: &Signals,
    old: &ExperimentRunStatus,
    new: &ExperimentRunStatus,
) -> bool {
    let window =
        |status: &ExperimentRunStatus| status.impact.as_ref().and_then(|impact| impact.good_since);
    let ended = |status: &ExperimentRunStatus| {
        status.impact.as_ref().is_some_and(|impact| impact.ended_by.is_some())
    };
    old.facts.len() != new.facts.len()
        || !is_same(window(old), window(new))
        || ended(old) != ended(new)
        || absence::recorded(old).len() != absence::recorded(new).len()
        || outlasted(signals, old) != outlasted(signals, new)
}

/// How many objectives the impact is known to have outlasted. Whoever takes over after the service is back knows it by
/// the last failure that was written down, and by nothing else.
fn outlasted(signals: &Signals, status: &ExperimentRunStatus) -> usize {
    let spec = status.journal.as_ref().and_then(|journal| journal.spec.as_ref());
    let failed = status.impact.as_ref().and_then(|impact| impact.probes.last_failure_at);
    let (Some(spec), Some(failed)) = (spec, failed) else {
        return 0;
    };
    let failed = signals.sent_after(failed);
    let objectives = [
        (spec.detection.from.fact(), spec.detection.within),
        (FactName::Injected, spec.recovery.within),
    ];
    let is_outlasted = |(from, within): &(FactName, Duration)| {
        status.fact(*from).is_some_and(|from| failed > from.at + *within)
    };
    objectives.iter().filter(|objective| is_outlasted(objective)).count()
}

/// Whether both may be the same instant, as two operators see it.
fn is_same(one: Option<Since>, other: Option<Since>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.not_before <= other.at && other.not_before <= one.at,
        (one, other) => one.is_none() && other.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::impact::{Impact, ProbeCounts},
        core::{
            alerts::tests::WEBHOOK,
            cluster::tests::healthy,
            decide::{
                Decision,
                tests::{decided, status},
            },
            guards::abort::tests::{alert, plan, signals},
            signals::pods::tests::at,
        },
    };

    /// The labels of each fact of an alert that is expected and has these beside its name.
    fn told(labels: &[(&str, &str)]) -> Vec<Vec<String>> {
        let plan = plan(&json!({}));
        let mut signals = signals(&plan, 12.0);
        let fired = Span::new(at(12.0), at(12.0));
        let mut report = AlertReport {
            condition_true: Some(fired),
            notified: Some(fired),
            ..alert(WEBHOOK, "Expected", Some(12.0))
        };
        report.labels.remove("namespace");
        let owned = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned()));
        report.labels.extend(owned);
        signals.alerts.report(report);
        let known = [FactName::Accepted, FactName::Journaled, FactName::Injected];
        let before = status(&plan, &known.map(|name| (name, 10.0)));
        let cluster = ClusterState { read_at: at(12.5), ..healthy() };
        let decision = decided(&plan, Some(before), Some(&cluster), &signals, 13.0);
        let Decision::Record(status) = decision else { panic!("{decision:?}") };
        let names = [FactName::ConditionTrue, FactName::Firing, FactName::Notified];
        let facts = names.iter().filter_map(|name| status.fact(*name));
        facts.map(|fact| fact.labels.keys().cloned().collect()).collect()
    }

    #[test]
    fn facts_have_every_label_of_an_alert_of_their_namespace_and_the_name_alone_of_the_clusters() {
        let customer = ("customer", "acme-corp");
        let ours = told(&[("namespace", "shop"), customer]);
        assert_eq!(ours, vec![vec!["alertname", "customer", "namespace"]; 3]);
        assert_eq!(told(&[customer]), vec![vec!["alertname"]; 3]);
    }

    #[test]
    fn that_the_impact_outlasts_an_objective_is_written_and_other_failures_wait() {
        let mut plan = plan(&json!({}));
        (plan.spec.detection.within, plan.spec.recovery.within) =
            (Duration::seconds(10), Duration::seconds(60));
        // A sample takes no longer than its timeout of a second.
        let signals = Signals::new(Some(&plan.spec), at(0.0));
        let failed = |last: f64| {
            let known = [FactName::Journaled, FactName::Injected].map(|name| (name, 10.0));
            let probes = ProbeCounts { last_failure_at: Some(at(last)), ..ProbeCounts::default() };
            let impact = Some(Impact { probes, ..Impact::default() });
            ExperimentRunStatus { impact, ..status(&plan, &known) }
        };
        for (old, new, expected) in [
            (12.0, 21.0, false),
            (21.0, 21.1, true),
            (21.1, 71.0, false),
            (71.0, 71.1, true),
            (71.1, 500.0, false),
        ] {
            let written = worth_writing(&signals, &failed(old), &failed(new));
            assert_eq!(written, expected, "{old} {new}");
        }
    }
}
