//! The guards that ask the alert sources.

use super::{GuardInput, result};
use crate::{
    api::run::{Guard, GuardResult},
    core::guards::abort,
};

pub(super) fn quiet(input: &GuardInput<'_>) -> GuardResult {
    let alerts = &input.signals.alerts;
    let sources = alerts.configured();
    let noisy = alerts.noisy(&input.alert_filter, input.now).map(|report| {
        let state = if report.firing.is_some() { "firing" } else { "pending" };
        let name = report.name();
        let field = if input.alert_filter.expects(report) { "" } else { " (guards.abortOn)" };
        let until = report.channel.holds.map(|holds| {
            let source = report.channel.source;
            format!(
                ", by {source}'s notification: that holds until it says resolved, at most {holds}"
            )
        });
        format!("{name} is already {state}{field}{}", until.unwrap_or_default())
    });
    let unasked =
        (alerts.asked() < sources).then(|| "the alert sources have not answered yet".to_owned());
    let unreachable = abort::unreachable(alerts);
    let watched = !input.alert_filter.plan.spec.guards.abort_on.is_empty();
    let blind = (watched && sources > 0 && alerts.failures().count() == sources)
        .then(|| format!("{unreachable}, so nobody would see the alerts of guards.abortOn"));
    let refusal = noisy.or(unasked).or(blind);
    result(Guard::AlertsQuiet, refusal, || match (sources, unreachable.as_str()) {
        (0, _) => "no alert source is configured to be asked".to_owned(),
        (_, "") => "no matching alert pending or firing".to_owned(),
        (_, unreachable) => format!("{unreachable}; a miss may be Inconclusive"),
    })
}

/// A guard that cannot see is no guard.
pub(super) fn abort_conditions(input: &GuardInput<'_>) -> Option<GuardResult> {
    let words = abort::words(&input.alert_filter.plan.spec.guards)?;
    let alerts = &input.signals.alerts;
    let blind =
        !input.alert_filter.plan.spec.guards.abort_on.is_empty() && alerts.configured() == 0;
    let refusal = blind.then(|| {
        let urls: Vec<String> =
            alerts.sources().map(|channel| format!("{}.url", channel.name)).collect();
        format!(
            "guards.abortOn needs an alert source and the operator has none: configure {}, or remove guards.abortOn",
            urls.join(" or ")
        )
    });
    Some(result(Guard::AbortConditions, refusal, || words))
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        core::{
            alerts::{
                AlertReport,
                tests::{ALERTMANAGER, PROMETHEUS, WEBHOOK},
            },
            cluster::tests::cluster,
            guards::abort::tests::{alert, alert_filter, plan},
            signals::{Signals, pods::tests::at},
        },
        detectors,
    };

    const BOTH: &str = "{prometheus: {url: 'http://p'}, alertmanager: {url: 'http://a'}}";

    /// Judges a plan with `abortOn` by what the sources of `config` have said.
    fn judged(
        config: &str,
        guard: impl Fn(&GuardInput<'_>) -> Option<GuardResult>,
        say: impl Fn(&mut Signals),
    ) -> Option<GuardResult> {
        let plan = plan(&json!({"abortOn": ["{alertname=\"Bad\"}"]}));
        let config = serde_yaml::from_str(config).unwrap();
        let mut signals = Signals::new(Some(&plan.spec), at(0.0));
        signals.alerts = detectors::history(&config);
        say(&mut signals);
        guard(&GuardInput {
            now: at(1.0),
            uid: "u",
            alert_filter: alert_filter(&plan),
            config: &config,
            inside: true,
            protected: false,
            cluster: &cluster(),
            signals: &signals,
            round: 1,
        })
    }

    #[test]
    fn without_an_alert_source_to_ask_abort_on_is_refused_with_the_remedy() {
        let result = judged("{}", abort_conditions, |_| {}).unwrap();
        assert_eq!((result.name, result.passed), (Guard::AbortConditions, false));
        assert!(
            result.detail.contains("configure prometheus.url or alertmanager.url"),
            "{}",
            result.detail
        );
        assert!(!result.name.opens_with_time(), "waiting does not configure one");
        for source in ["{prometheus: {url: 'http://p'}}", "{alertmanager: {url: 'http://a'}}"] {
            let result = judged(source, abort_conditions, |_| {}).unwrap();
            assert_eq!(
                (result.passed, result.detail.as_str()),
                (true, "ends early when {alertname=\"Bad\"} fires")
            );
        }
    }

    /// Whether the alerts are quiet, by what was said, and in which words.
    #[track_caller]
    fn check(say: impl Fn(&mut Signals), expected: bool, says: &str) {
        let result = judged(BOTH, |input| Some(quiet(input)), say).unwrap();
        assert_eq!((result.passed, result.detail.as_str()), (expected, says));
    }

    fn both_answer(signals: &mut Signals) {
        signals.alerts.answered(PROMETHEUS, at(0.0), at(1.0));
        signals.alerts.answered(ALERTMANAGER, at(1.0), at(1.0));
    }

    #[test]
    fn an_alert_of_abort_on_that_is_on_already_keeps_the_run_waiting() {
        for (fired, state) in [(None, "pending"), (Some(0.5), "firing")] {
            let on = |signals: &mut Signals| {
                both_answer(signals);
                signals.alerts.report(alert(PROMETHEUS, "Bad", fired));
            };
            check(on, false, &format!("Bad is already {state} (guards.abortOn)"));
        }
        let over = |signals: &mut Signals| {
            both_answer(signals);
            let over = alert(PROMETHEUS, "Bad", Some(0.5));
            signals.alerts.report(AlertReport { active: false, ..over });
        };
        check(over, true, "no matching alert pending or firing");
    }

    #[test]
    fn what_only_a_notification_tells_is_said_with_how_long_that_holds() {
        let notified = |signals: &mut Signals| {
            signals.alerts.failed(PROMETHEUS, "refused".to_owned());
            signals.alerts.failed(ALERTMANAGER, "refused".to_owned());
            signals.alerts.report(alert(WEBHOOK, "Expected", Some(0.5)));
        };
        let says = "Expected is already firing, by Alertmanager's notification: that holds until it says resolved, at most 5m";
        check(notified, false, says);
        let asked = |signals: &mut Signals| {
            signals.alerts.report(alert(WEBHOOK, "Expected", Some(0.5)));
            both_answer(signals);
        };
        check(asked, true, "no matching alert pending or firing");
    }

    #[test]
    fn a_silenced_alert_of_abort_on_keeps_nobody_waiting() {
        let silenced = |signals: &mut Signals| {
            both_answer(signals);
            signals.alerts.report(alert(PROMETHEUS, "Bad", Some(0.5)));
            let silenced = alert(ALERTMANAGER, "Bad", Some(0.5));
            signals.alerts.report(AlertReport { suppressed: true, ..silenced });
        };
        check(silenced, true, "no matching alert pending or firing");
    }

    #[test]
    fn one_source_that_answers_is_enough_and_none_is_not() {
        let one = |signals: &mut Signals| {
            signals.alerts.answered(PROMETHEUS, at(0.0), at(1.0));
            signals.alerts.failed(ALERTMANAGER, "refused".to_owned());
        };
        check(one, true, "alertmanager cannot be reached: refused; a miss may be Inconclusive");
        let none = |signals: &mut Signals| {
            signals.alerts.failed(PROMETHEUS, "refused".to_owned());
            signals.alerts.failed(ALERTMANAGER, "refused".to_owned());
        };
        let says = "prometheus cannot be reached: refused; alertmanager cannot be reached: refused, so nobody would see the alerts of guards.abortOn";
        check(none, false, says);
    }
}
