//! Which alerts are on: those that keep a run from starting, and those that end it.

use crate::{
    api::{Duration, Moment},
    core::alerts::{AlertFilter, AlertHistory, AlertReport, Polled, is_part_of, matcher::Labels},
};

/// After so long a source that knows silences has an alert that fires in another one, and was asked for it.
const DELIVERY: Duration = Duration::seconds(3);

/// The labels of the alerts that fire by these reports of sources that were asked, and are silenced in none of them; of
/// one that two sources tell of, once.
#[must_use]
pub fn firing(reports: &[AlertReport]) -> Vec<Labels> {
    let silenced = |report: &AlertReport| {
        reports.iter().any(|other| other.suppressed && is_part_of(&report.labels, &other.labels))
    };
    let on = reports.iter().filter(|report| report.active && report.firing.is_some());
    let mut firing: Vec<Labels> = Vec::new();
    for report in on.filter(|report| !silenced(report)) {
        if !firing.iter().any(|known| is_part_of(known, &report.labels)) {
            firing.push(report.labels.clone());
        }
    }
    firing
}

impl AlertHistory {
    /// The first alert that the experiment expects or ends at and that is on at `now`, suppressed ones apart;
    /// a firing one before a pending one.
    #[must_use]
    pub fn noisy(&self, alert_filter: &AlertFilter<'_>, now: Moment) -> Option<&AlertReport> {
        let matters = |report: &&AlertReport| {
            let aborts = alert_filter.aborts_on(report) && !self.is_silenced(report);
            alert_filter.expects(report) || aborts
        };
        let on = |report: &&AlertReport| !report.suppressed && self.is_on(report, now);
        let noisy = self.reports.iter().filter(on).filter(matters);
        noisy.min_by_key(|report| report.firing.is_none())
    }

    /// The first alert that ends a run which was journaled at `since`, and from when on it does: it
    /// is firing at `now`, or fired since then.
    #[must_use]
    pub fn aborting(
        &self,
        alert_filter: &AlertFilter<'_>,
        since: Moment,
        now: Moment,
    ) -> Option<(Moment, &AlertReport)> {
        let aborts = |report: &&AlertReport| {
            alert_filter.aborts_on(report) && !report.suppressed && !self.is_silenced(report)
        };
        let counted = self.reports.iter().filter(aborts).filter_map(|report| {
            let fired = report.firing?.at;
            let counts = fired >= since || self.is_on(report, now);
            counts.then(|| (fired + self.delivery(report), report))
        });
        counted.min_by_key(|(at, _)| *at)
    }

    /// Whether the alert is pending or firing at `now`. A source that is asked says so itself. A notification speaks of
    /// the moment in which it was sent. It is the last word until its alert is resolved, until a source that
    /// would name the alert was asked after it and so speaks for itself, or for as long as its channel's word
    /// holds: the source that notifies names every alert that it notifies, another one those that it has named
    /// before.
    fn is_on(&self, report: &AlertReport, now: Moment) -> bool {
        let Some(arrived) = report.pushed else { return report.active };
        let names = |polled: &Polled| {
            let named = |other: &AlertReport| {
                other.channel == polled.channel && is_part_of(&other.labels, &report.labels)
            };
            polled.channel.source == report.channel.source || self.reports.iter().any(named)
        };
        let later = |polled: &&Polled| polled.coverage.is_some_and(|told| told.until > arrived);
        let overruled = self.polled.iter().filter(later).any(names);
        let age = Duration::between(arrived, now);
        report.active && !overruled && report.channel.holds.is_none_or(|holds| age <= holds)
    }

    /// How long to wait for the word of a source that knows what is silenced on an alert of one that does not.
    fn delivery(&self, report: &AlertReport) -> Duration {
        let knows = |polled: &Polled| {
            polled.channel.knows_silences && polled.coverage.is_some() && polled.failure.is_none()
        };
        let waits = !report.channel.knows_silences && self.polled.iter().any(knows);
        if waits { DELIVERY } else { Duration::ZERO }
    }

    /// Whether a source that knows silences suppresses what one that does not says is on.
    pub(super) fn is_silenced(&self, report: &AlertReport) -> bool {
        let silences = |other: &AlertReport| {
            other.suppressed && other.active && is_part_of(&report.labels, &other.labels)
        };
        !report.channel.knows_silences && self.reports.iter().any(silences)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::{
        alerts::tests::{ALERTMANAGER, PROMETHEUS, WEBHOOK, alerts},
        guards::abort::tests::{alert, alert_filter, plan},
        signals::pods::tests::at,
        span::Span,
    };

    /// A notification of an alert that is expected, fired at 10 and told at `told`.
    fn notification(told: f64) -> AlertReport {
        let notified = Some(Span::new(at(10.0), at(told)));
        AlertReport { pushed: Some(at(told)), notified, ..alert(WEBHOOK, "Expected", Some(10.0)) }
    }

    fn resolved(told: f64) -> AlertReport {
        AlertReport { active: false, notified: None, ..notification(told) }
    }

    fn ended(report: AlertReport) -> AlertReport {
        AlertReport { active: false, ..report }
    }

    /// Whether the alert of a notification at 12 keeps a run waiting at `now`, by what is said besides.
    #[track_caller]
    fn keeps_waiting(now: f64, expected: bool, say: impl Fn(&mut AlertHistory)) {
        let plan = plan(&json!({}));
        let mut alerts = alerts();
        alerts.report(notification(12.0));
        say(&mut alerts);
        let noisy = alerts.noisy(&alert_filter(&plan), at(now));
        assert_eq!(noisy.is_some(), expected, "{noisy:?} at {now}");
    }

    #[test]
    fn a_notification_holds_until_it_is_resolved_or_for_five_minutes_where_nobody_is_asked() {
        keeps_waiting(12.0, true, |_| {});
        keeps_waiting(312.0, true, |_| {});
        keeps_waiting(312.1, false, |_| {});
        keeps_waiting(14.0, false, |alerts| alerts.report(resolved(13.0)));
        keeps_waiting(400.0, true, |alerts| alerts.report(notification(399.0)));
        keeps_waiting(15.0, true, |alerts| {
            let again = Span::new(at(13.5), at(13.5));
            alerts.report(AlertReport { firing: Some(again), ..notification(14.0) });
            alerts.report(resolved(14.5));
        });
    }

    #[test]
    fn alertmanager_overrules_a_notification_once_it_was_asked_after_it() {
        let named = || alert(ALERTMANAGER, "Expected", Some(10.0));
        keeps_waiting(12.5, true, |alerts| alerts.answered(ALERTMANAGER, at(11.9), at(11.9)));
        keeps_waiting(13.0, false, |alerts| alerts.answered(ALERTMANAGER, at(12.5), at(12.5)));
        keeps_waiting(13.0, true, |alerts| {
            alerts.report(named());
            alerts.answered(ALERTMANAGER, at(12.5), at(12.5));
        });
        keeps_waiting(13.0, false, |alerts| {
            alerts.report(AlertReport { suppressed: true, ..named() });
            alerts.answered(ALERTMANAGER, at(12.5), at(12.5));
        });
        keeps_waiting(13.0, true, |alerts| alerts.failed(ALERTMANAGER, "refused".to_owned()));
    }

    #[test]
    fn prometheus_overrules_a_notification_of_an_alert_that_it_has_named() {
        let named = || alert(PROMETHEUS, "Expected", Some(10.0));
        keeps_waiting(13.0, false, |alerts| {
            alerts.report(ended(named()));
            alerts.answered(PROMETHEUS, at(0.0), at(12.5));
        });
        keeps_waiting(13.0, true, |alerts| {
            alerts.report(named());
            alerts.answered(PROMETHEUS, at(0.0), at(12.5));
        });
        keeps_waiting(13.0, true, |alerts| {
            alerts.report(ended(named()));
            alerts.answered(PROMETHEUS, at(0.0), at(11.5));
        });
        // It may be the alert of somebody else who sends to the same Alertmanager.
        keeps_waiting(13.0, true, |alerts| alerts.answered(PROMETHEUS, at(0.0), at(12.5)));
    }

    #[test]
    fn a_firing_alert_is_told_before_a_pending_one() {
        let plan = plan(&json!({}));
        let mut alerts = alerts();
        alerts.report(alert(PROMETHEUS, "Expected", None));
        alerts.report(alert(ALERTMANAGER, "Expected", Some(10.0)));
        let noisy = alerts.noisy(&alert_filter(&plan), at(11.0)).unwrap();
        assert_eq!(noisy.channel, ALERTMANAGER);
    }

    #[test]
    fn what_overrules_a_notification_takes_nothing_away_from_what_was_measured() {
        let plan = plan(&json!({}));
        let mut alerts = alerts();
        alerts.report(notification(12.0));
        alerts.answered(ALERTMANAGER, at(13.0), at(13.0));
        alerts.report(resolved(14.0));
        let (notified, _) = alerts.notified(&alert_filter(&plan), at(5.0)).unwrap();
        assert_eq!(notified.at, at(12.0));
        assert_eq!(
            alerts.noticed(&alert_filter(&plan), at(5.0)).unwrap().firing.unwrap().at,
            at(10.0)
        );
        let mut unknown = AlertHistory::default();
        unknown.report(resolved(14.0));
        assert_eq!(unknown.noticed(&alert_filter(&plan), at(5.0)), None);
    }

    #[test]
    fn a_notification_of_an_alert_that_fired_before_the_journal_ends_the_run_only_while_it_is_on() {
        let plan = plan(&json!({"abortOn": ["{alertname=\"Bad\"}"]}));
        let told =
            |fired| AlertReport { pushed: Some(at(21.0)), ..alert(WEBHOOK, "Bad", Some(fired)) };
        for (fired, asked, expected) in [
            (10.0, None, true),
            (10.0, Some(20.9), true),
            (10.0, Some(21.1), false),
            (20.5, Some(21.1), true),
        ] {
            let mut alerts = alerts();
            alerts.report(told(fired));
            if let Some(asked) = asked {
                alerts.answered(ALERTMANAGER, at(asked), at(asked));
            }
            let aborting = alerts.aborting(&alert_filter(&plan), at(20.0), at(22.0));
            assert_eq!(aborting.is_some(), expected, "fired {fired}, asked {asked:?}");
        }
    }
}
