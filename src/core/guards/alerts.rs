//! The guards that ask the alert sources.

use super::{Scene, result};
use crate::{
    api::run::{Guard, GuardResult},
    core::abort,
};

pub(super) fn quiet(scene: &Scene<'_>) -> GuardResult {
    let book = &scene.sight.book;
    let sources = book.configured();
    let noisy = book.noisy(&scene.watcher, scene.now).map(|sighting| {
        let state = if sighting.firing.is_some() { "firing" } else { "pending" };
        let name = sighting.name();
        let field = if scene.watcher.expects(sighting) { "" } else { " (guards.abortOn)" };
        let until = sighting.channel.holds.map(|holds| {
            let source = sighting.channel.source;
            format!(
                ", by {source}'s notification: that holds until it says resolved, at most {holds}"
            )
        });
        format!("{name} is already {state}{field}{}", until.unwrap_or_default())
    });
    let unasked =
        (book.asked() < sources).then(|| "the alert sources have not answered yet".to_owned());
    let unreachable = abort::unreachable(book);
    let watched = !scene.watcher.plan.spec.guards.abort_on.is_empty();
    let blind = (watched && sources > 0 && book.failures().count() == sources)
        .then(|| format!("{unreachable}, so nobody would see the alerts of guards.abortOn"));
    let refusal = noisy.or(unasked).or(blind);
    result(Guard::AlertsQuiet, refusal, || match (sources, unreachable.as_str()) {
        (0, _) => "no alert source is configured to be asked".to_owned(),
        (_, "") => "no matching alert pending or firing".to_owned(),
        (_, unreachable) => format!("{unreachable}; a miss may be Inconclusive"),
    })
}

/// A guard that cannot see is no guard.
pub(super) fn abort_conditions(scene: &Scene<'_>) -> Option<GuardResult> {
    let words = abort::words(&scene.watcher.plan.spec.guards)?;
    let book = &scene.sight.book;
    let blind = !scene.watcher.plan.spec.guards.abort_on.is_empty() && book.configured() == 0;
    let refusal = blind.then(|| {
        let urls: Vec<String> =
            book.sources().map(|channel| format!("{}.url", channel.name)).collect();
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
            abort::tests::{alert, plan, watcher},
            alarms::{
                Sighting,
                tests::{ALERTMANAGER, PROMETHEUS, WEBHOOK},
            },
            pods::tests::at,
            sight::Sight,
            world::tests::world,
        },
        detectors,
    };

    const BOTH: &str = "{prometheus: {url: 'http://p'}, alertmanager: {url: 'http://a'}}";

    /// Judges a plan with `abortOn` by what the sources of `config` have said.
    fn judged(
        config: &str,
        guard: impl Fn(&Scene<'_>) -> Option<GuardResult>,
        say: impl Fn(&mut Sight),
    ) -> Option<GuardResult> {
        let plan = plan(&json!({"abortOn": ["{alertname=\"Bad\"}"]}));
        let config = serde_yaml::from_str(config).unwrap();
        let mut sight = Sight::new(Some(&plan.spec), at(0.0));
        sight.book = detectors::book(&config);
        say(&mut sight);
        guard(&Scene {
            now: at(1.0),
            uid: "u",
            watcher: watcher(&plan),
            config: &config,
            inside: true,
            protected: false,
            world: &world(),
            sight: &sight,
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
    fn check(say: impl Fn(&mut Sight), expected: bool, says: &str) {
        let result = judged(BOTH, |scene| Some(quiet(scene)), say).unwrap();
        assert_eq!((result.passed, result.detail.as_str()), (expected, says));
    }

    fn both_answer(sight: &mut Sight) {
        sight.book.answered(PROMETHEUS, at(0.0), at(1.0));
        sight.book.answered(ALERTMANAGER, at(1.0), at(1.0));
    }

    #[test]
    fn an_alert_of_abort_on_that_is_on_already_keeps_the_run_waiting() {
        for (fired, state) in [(None, "pending"), (Some(0.5), "firing")] {
            let on = |sight: &mut Sight| {
                both_answer(sight);
                sight.book.report(alert(PROMETHEUS, "Bad", fired));
            };
            check(on, false, &format!("Bad is already {state} (guards.abortOn)"));
        }
        let over = |sight: &mut Sight| {
            both_answer(sight);
            let over = alert(PROMETHEUS, "Bad", Some(0.5));
            sight.book.report(Sighting { active: false, ..over });
        };
        check(over, true, "no matching alert pending or firing");
    }

    #[test]
    fn what_only_a_notification_tells_is_said_with_how_long_that_holds() {
        let notified = |sight: &mut Sight| {
            sight.book.failed(PROMETHEUS, "refused".to_owned());
            sight.book.failed(ALERTMANAGER, "refused".to_owned());
            sight.book.report(alert(WEBHOOK, "Expected", Some(0.5)));
        };
        let says = "Expected is already firing, by Alertmanager's notification: that holds until it says resolved, at most 5m";
        check(notified, false, says);
        let asked = |sight: &mut Sight| {
            sight.book.report(alert(WEBHOOK, "Expected", Some(0.5)));
            both_answer(sight);
        };
        check(asked, true, "no matching alert pending or firing");
    }

    #[test]
    fn a_silenced_alert_of_abort_on_keeps_nobody_waiting() {
        let silenced = |sight: &mut Sight| {
            both_answer(sight);
            sight.book.report(alert(PROMETHEUS, "Bad", Some(0.5)));
            let silenced = alert(ALERTMANAGER, "Bad", Some(0.5));
            sight.book.report(Sighting { suppressed: true, ..silenced });
        };
        check(silenced, true, "no matching alert pending or firing");
    }

    #[test]
    fn one_source_that_answers_is_enough_and_none_is_not() {
        let one = |sight: &mut Sight| {
            sight.book.answered(PROMETHEUS, at(0.0), at(1.0));
            sight.book.failed(ALERTMANAGER, "refused".to_owned());
        };
        check(one, true, "alertmanager cannot be reached: refused; a miss may be Inconclusive");
        let none = |sight: &mut Sight| {
            sight.book.failed(PROMETHEUS, "refused".to_owned());
            sight.book.failed(ALERTMANAGER, "refused".to_owned());
        };
        let says = "prometheus cannot be reached: refused; alertmanager cannot be reached: refused, so nobody would see the alerts of guards.abortOn";
        check(none, false, says);
    }
}
