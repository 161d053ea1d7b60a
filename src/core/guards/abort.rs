//! The conditions that end a run early while it is under way: an alert that fires, a probe that keeps
//! failing, and alerts that nobody sees where one is watched for: their sources have fallen silent, or there are too
//! many.

use crate::{
    api::{Duration, Moment, experiment::Guards},
    core::{
        alerts::{AlertFilter, AlertHistory, KEPT_MAX, matcher},
        outcome::measure::tenths,
        signals::Signals,
    },
};

/// What the conditions are judged by.
#[derive(Clone, Copy, Debug)]
pub struct AbortConditions<'a> {
    /// The plan and how alerts are judged.
    pub alert_filter: AlertFilter<'a>,
    /// When the intent was written down.
    pub journaled: Moment,
    /// What was seen so far.
    pub signals: &'a Signals,
}

/// A condition that holds from an instant on unless something else is seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// When the run must end.
    pub at: Moment,
    /// Why, with numbers.
    pub why: String,
}

/// How long every alert source may be silent where one is to end the run.
const SILENCE_MAX: Duration = Duration::seconds(30);

impl AbortConditions<'_> {
    /// The condition that holds, or is the next to hold; `now` is what its words speak of.
    #[must_use]
    pub fn due(&self, now: Moment) -> Option<Due> {
        let conditions = [self.alert(now), self.probe(now), self.silence(now), self.flood(now)];
        conditions.into_iter().flatten().min_by_key(|due| due.at)
    }

    fn alert(&self, now: Moment) -> Option<Due> {
        let (at, alert) = self.signals.alerts.aborting(&self.alert_filter, self.journaled, now)?;
        let (name, labels) = (alert.name(), matcher::print(&self.alert_filter.shown(alert)));
        Some(Due { at, why: format!("{name} fired, which guards.abortOn names: {labels}") })
    }

    /// The probe that has failed longest; a failure counts from its own beginning, whenever that was.
    fn probe(&self, now: Moment) -> Option<Due> {
        let spec = &self.alert_filter.plan.spec;
        let limit = spec.guards.abort_when_probe_fails_for?;
        let sampled = self.signals.probes.iter().filter_map(|series| {
            let said = series.last().map(|last| last.detail.clone()).unwrap_or_default();
            Some((series.impact_since()?.at, series.name.as_str(), said))
        });
        let whole = spec.steady_state.iter().find(|probe| probe.workload.is_some());
        let workload = whole.and_then(|probe| {
            let said = format!("{} pods are ready", self.signals.pods.ready());
            Some((self.signals.pods.broken_since()?, probe.name.as_str(), said))
        });
        let (since, name, said) = sampled.chain(workload).min_by_key(|(since, ..)| *since)?;
        let lasted = tenths(Duration::between(since, now));
        let why = format!(
            "probe {name} has failed for {lasted}, guards.abortWhenProbeFailsFor is {limit}: {said}"
        );
        Some(Due { at: since + limit, why })
    }

    fn silence(&self, now: Moment) -> Option<Due> {
        let (alerts, guards) = (&self.signals.alerts, &self.alert_filter.plan.spec.guards);
        if guards.abort_on.is_empty() {
            return None;
        }
        let heard = alerts.last_answer().unwrap_or(self.signals.since);
        let lasted = tenths(Duration::between(heard, now));
        let why = format!(
            "no alert source has answered for {lasted}, so nobody sees the alerts of guards.abortOn: {}",
            unreachable(alerts)
        );
        Some(Due { at: heard + SILENCE_MAX, why })
    }

    fn flood(&self, now: Moment) -> Option<Due> {
        let watched = !self.alert_filter.plan.spec.guards.abort_on.is_empty();
        let why = format!(
            "more than {KEPT_MAX} alerts concern this run, so nobody sees which of the others guards.abortOn names: \
             let detection.alerts and guards.abortOn name fewer"
        );
        (watched && self.signals.alerts.has_overlooked()).then_some(Due { at: now, why })
    }
}

/// The conditions in words; absent where there are none.
#[must_use]
pub fn words(guards: &Guards) -> Option<String> {
    let alerts = guards.abort_on.join(" or ");
    let alerts = (!alerts.is_empty()).then(|| format!("when {alerts} fires"));
    let probe = guards.abort_when_probe_fails_for;
    let probe = probe.map(|limit| format!("when a probe has failed for {limit}"));
    let conditions: Vec<String> = alerts.into_iter().chain(probe).collect();
    (!conditions.is_empty()).then(|| format!("ends early {}", conditions.join(", or ")))
}

/// The sources that did not answer last time, each with its error.
#[must_use]
pub fn unreachable(alerts: &AlertHistory) -> String {
    let words: Vec<String> = alerts
        .failures()
        .map(|(channel, error)| format!("{} cannot be reached: {error}", channel.name))
        .collect();
    words.join("; ")
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        config::AlertLabels,
        core::{
            alerts::{
                AlertReport, Channel,
                tests::{ALERTMANAGER, PROMETHEUS, WEBHOOK, alerts},
            },
            plan::Plan,
            signals::{
                pods::tests::{at, pod},
                series::Sample,
            },
            span::Span,
        },
    };

    /// A plan with a sampled probe, the target itself as another, and these guards.
    pub fn plan(guards: &Value) -> Plan {
        let spec = json!({
            "hypothesis": "h", "owner": "o", "target": {"deployment": "web"},
            "fault": {"podKill": {"count": 1}}, "duration": "1m",
            "steadyState": [
                {"name": "answers", "http": {"service": "web", "port": 80}},
                {"name": "whole", "workload": {}},
            ],
            "detection": {"alerts": ["{alertname=\"Expected\"}"]},
            "guards": guards,
        });
        Plan::parse(&serde_json::from_value(spec).unwrap()).unwrap()
    }

    pub fn alert_filter(plan: &Plan) -> AlertFilter<'_> {
        let labels = AlertLabels { namespace: "namespace", cluster: &[] };
        AlertFilter { plan, namespace: "shop", labels }
    }

    pub fn alert(channel: Channel, name: &str, fired: Option<f64>) -> AlertReport {
        let labels = [("alertname", name), ("namespace", "shop")];
        AlertReport {
            channel,
            labels: labels.map(|(label, value)| (label.to_owned(), value.to_owned())).into(),
            fingerprint: None,
            suppressed: false,
            active: true,
            condition_true: None,
            firing: fired.map(|fired| Span::new(at(fired), at(fired))),
            notified: None,
            pushed: fired.map(at).filter(|_| channel.holds.is_some()),
        }
    }

    /// Signals whose alert sources have answered at `answered`.
    pub fn signals(plan: &Plan, answered: f64) -> Signals {
        let mut signals = Signals::new(Some(&plan.spec), at(0.0));
        signals.alerts = alerts();
        signals.alerts.answered(ALERTMANAGER, at(answered), at(answered));
        signals
    }

    /// One sample per second from `from` on, `-` for a failed one.
    pub fn sample(signals: &mut Signals, from: f64, pattern: &str) {
        for (second, c) in pattern.chars().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "a handful of samples")]
            let started = from + second as f64;
            let (started, ended) = (at(started), at(started + 0.1));
            let detail = "HTTP 503".to_owned();
            signals.probes[0].push(Sample { started, ended, good: c == '+', detail });
        }
    }

    /// The condition that is due for a run that was journaled at 10.
    fn due(plan: &Plan, signals: &Signals, now: f64) -> Option<Due> {
        AbortConditions { alert_filter: alert_filter(plan), journaled: at(10.0), signals }
            .due(at(now))
    }

    fn on_alert() -> Plan {
        plan(&json!({"abortOn": ["{alertname=\"Bad\"}"]}))
    }

    /// Whether the run must have ended at 20 by what was said about the alert.
    #[track_caller]
    fn ends(reports: &[AlertReport], expected: bool) {
        let plan = on_alert();
        let mut signals = signals(&plan, 19.0);
        for report in reports {
            signals.alerts.report(report.clone());
        }
        let due = due(&plan, &signals, 20.0).unwrap();
        assert_eq!(due.at <= at(20.0), expected, "{due:?} by {reports:?}");
    }

    #[test]
    fn an_alert_that_fires_ends_the_run_and_is_named_with_its_labels() {
        let plan = on_alert();
        let mut signals = signals(&plan, 19.0);
        signals.alerts.report(alert(ALERTMANAGER, "Bad", Some(15.0)));
        let expected =
            "Bad fired, which guards.abortOn names: {alertname=\"Bad\",namespace=\"shop\"}";
        assert_eq!(
            due(&plan, &signals, 20.0),
            Some(Due { at: at(15.0), why: expected.to_owned() })
        );
    }

    #[test]
    fn an_alert_of_the_cluster_ends_the_run_and_its_name_alone_is_told() {
        let plan = on_alert();
        let mut signals = signals(&plan, 19.0);
        let mut report = alert(ALERTMANAGER, "Bad", Some(15.0));
        report.labels.remove("namespace");
        report.labels.insert("customer".to_owned(), "acme-corp".to_owned());
        signals.alerts.report(report);
        let why = due(&plan, &signals, 20.0).unwrap().why;
        assert_eq!(why, "Bad fired, which guards.abortOn names: {alertname=\"Bad\"}");
    }

    #[test]
    fn an_alert_ends_the_run_whether_it_fired_at_the_journal_before_or_after_it() {
        for fired in [5.0, 10.0, 15.0] {
            let pushed = Some(at(19.5));
            ends(&[AlertReport { pushed, ..alert(WEBHOOK, "Bad", Some(fired)) }], true);
        }
    }

    #[test]
    fn an_alert_that_is_over_ends_the_run_only_if_it_fired_during_it() {
        for (fired, expected) in [(9.9, false), (10.0, true)] {
            let over = AlertReport { active: false, ..alert(ALERTMANAGER, "Bad", Some(fired)) };
            ends(&[over], expected);
        }
    }

    #[test]
    fn a_pending_a_suppressed_an_unnamed_and_a_foreign_alert_end_nothing() {
        let bad = || alert(ALERTMANAGER, "Bad", Some(15.0));
        ends(&[alert(PROMETHEUS, "Bad", None)], false);
        ends(&[AlertReport { suppressed: true, ..bad() }], false);
        ends(&[alert(ALERTMANAGER, "Expected", Some(15.0))], false);
        let mut foreign = bad();
        foreign.labels.insert("namespace".to_owned(), "elsewhere".to_owned());
        ends(&[foreign], false);
        let mut unlabelled = bad();
        unlabelled.labels.remove("namespace");
        ends(&[unlabelled], true);
    }

    #[test]
    fn what_alertmanager_suppresses_ends_nothing_although_prometheus_says_that_it_fires() {
        let mut silenced = alert(ALERTMANAGER, "Bad", Some(15.0));
        silenced.suppressed = true;
        silenced.labels.insert("cluster".to_owned(), "east".to_owned());
        ends(&[alert(PROMETHEUS, "Bad", Some(15.0)), silenced], false);
    }

    #[test]
    fn prometheus_alone_is_believed_once_alertmanager_must_have_heard() {
        ends(&[alert(PROMETHEUS, "Bad", Some(17.0))], true);
        ends(&[alert(PROMETHEUS, "Bad", Some(17.1))], false);
        let plan = on_alert();
        let mut signals = Signals::new(Some(&plan.spec), at(0.0));
        signals.alerts = alerts();
        signals.alerts.answered(PROMETHEUS, at(10.0), at(19.0));
        signals.alerts.failed(ALERTMANAGER, "refused".to_owned());
        signals.alerts.report(alert(PROMETHEUS, "Bad", Some(19.0)));
        assert_eq!(due(&plan, &signals, 20.0).unwrap().at, at(19.0), "there is no other word");
    }

    #[test]
    fn silence_of_every_source_ends_the_run_after_thirty_seconds() {
        let plan = on_alert();
        let mut signals = signals(&plan, 19.0);
        signals.alerts.failed(ALERTMANAGER, "refused".to_owned());
        let due_at = due(&plan, &signals, 49.0).unwrap();
        assert_eq!(due_at.at, at(49.0));
        assert_eq!(
            due_at.why,
            "no alert source has answered for 30s, so nobody sees the alerts of guards.abortOn: alertmanager cannot be reached: refused"
        );
        signals.alerts.answered(PROMETHEUS, at(0.0), at(40.0));
        assert_eq!(due(&plan, &signals, 49.0).unwrap().at, at(70.0), "one is enough");
        let nobody = Signals::new(Some(&plan.spec), at(12.0));
        assert_eq!(due(&plan, &nobody, 20.0).unwrap().at, at(42.0), "from the first look on");
    }

    #[test]
    fn more_alerts_than_are_kept_end_a_run_that_one_of_them_might_end() {
        for (plan, expected) in [(on_alert(), true), (plan(&json!({})), false)] {
            let mut signals = signals(&plan, 19.0);
            signals.alerts.overlook();
            let due = due(&plan, &signals, 20.0).filter(|due| due.at <= at(20.0));
            assert_eq!(due.is_some_and(|due| due.why.starts_with("more than 512 ")), expected);
        }
    }

    #[test]
    fn without_conditions_nothing_is_ever_due() {
        let plan = plan(&json!({}));
        let mut signals = Signals::new(Some(&plan.spec), at(0.0));
        sample(&mut signals, 0.0, "-----");
        signals.alerts.report(alert(WEBHOOK, "Bad", Some(15.0)));
        assert_eq!(due(&plan, &signals, 900.0), None);
        assert_eq!(words(&plan.spec.guards), None);
    }

    fn on_probe() -> Plan {
        plan(&json!({"abortWhenProbeFailsFor": "5s"}))
    }

    #[test]
    fn a_probe_that_keeps_failing_is_due_at_a_known_instant_and_told_with_numbers() {
        let plan = on_probe();
        let mut signals = signals(&plan, 0.0);
        sample(&mut signals, 11.0, "+--");
        let due = due(&plan, &signals, 17.1).unwrap();
        assert_eq!(due.at, at(17.1), "5s after the first failed sample ended");
        assert_eq!(
            due.why,
            "probe answers has failed for 5s, guards.abortWhenProbeFailsFor is 5s: HTTP 503"
        );
    }

    #[test]
    fn one_good_sample_in_between_begins_anew() {
        let plan = on_probe();
        let mut signals = signals(&plan, 0.0);
        sample(&mut signals, 11.0, "-----+");
        assert_eq!(due(&plan, &signals, 17.0), None);
        sample(&mut signals, 17.0, "-");
        assert_eq!(due(&plan, &signals, 17.2).unwrap().at, at(22.1));
    }

    #[test]
    fn a_failure_that_began_before_the_injection_counts_from_its_beginning() {
        let plan = on_probe();
        let mut signals = signals(&plan, 0.0);
        sample(&mut signals, 8.0, "---");
        assert_eq!(due(&plan, &signals, 11.0).unwrap().at, at(13.1));
    }

    #[test]
    fn the_target_itself_is_a_probe_and_the_longest_failure_counts() {
        let plan = on_probe();
        let mut signals = signals(&plan, 0.0);
        signals.pods.reset([pod(0, true)], at(10.0));
        signals.pods.expect(1, at(10.0));
        assert_eq!(due(&plan, &signals, 11.0), None);
        signals.pods.remove("uid-0", at(12.0));
        signals.pods.apply(pod(1, false), at(13.0));
        sample(&mut signals, 13.0, "-");
        let due_at = due(&plan, &signals, 17.0).unwrap();
        assert_eq!(due_at.at, at(17.0));
        assert!(due_at.why.starts_with("probe whole has failed for 5s"), "{}", due_at.why);
        signals.pods.apply(pod(1, true), at(16.0));
        assert_eq!(due(&plan, &signals, 17.0).unwrap().at, at(18.1), "only the other one fails");
    }

    #[test]
    fn the_conditions_read_as_one_sentence() {
        let guards = json!({"abortOn": ["{a=\"b\"}", "c=\"d\""], "abortWhenProbeFailsFor": "30s"});
        let expected =
            "ends early when {a=\"b\"} or c=\"d\" fires, or when a probe has failed for 30s";
        assert_eq!(words(&plan(&guards).spec.guards).as_deref(), Some(expected));
    }
}
