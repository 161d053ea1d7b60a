//! What else fired: alerts that began with the fault, or were expected, and did not count.

use crate::{
    api::{Moment, run::AlertRef},
    core::alerts::{AlertFilter, AlertHistory, AlertReport},
};

/// The note on an alert that would have noticed the fault and is not expected: it may be let count.
pub const UNEXPECTED: &str = "not among detection.alerts";

/// How many of them are told.
const TOLD_MAX: usize = 16;

impl AlertHistory {
    /// Alerts that fired since the injection and do not count, at most 16, each with the reason. One that was
    /// on before says nothing of the fault: it is told only where it was expected.
    #[must_use]
    pub fn also_fired(&self, alert_filter: &AlertFilter<'_>, injected: Moment) -> Vec<AlertRef> {
        let mut told: Vec<AlertRef> = Vec::new();
        for report in &self.reports {
            let note = self.aside(report, alert_filter, injected);
            let alert = note.map(|note| alert_filter.reference(report, Some(note)));
            let is_new = |alert: &AlertRef| told.iter().all(|old| old.labels != alert.labels);
            if let Some(alert) = alert.filter(is_new) {
                told.push(alert);
            }
        }
        told.truncate(TOLD_MAX);
        told
    }

    /// Why the alert did not count; absent where it did, or has nothing to do with this run.
    fn aside(
        &self,
        report: &AlertReport,
        alert_filter: &AlertFilter<'_>,
        injected: Moment,
    ) -> Option<&'static str> {
        let fired = report.firing.is_some_and(|firing| firing.at >= injected);
        if !fired
            || !alert_filter.is_known(&report.labels)
            || self.counts(report, alert_filter, injected)
        {
            return None;
        }
        let silenced = report.suppressed || self.is_silenced(report);
        match (alert_filter.expects(report), self.is_new(report, injected)) {
            (true, false) => Some("began before the injection"),
            (false, false) => None,
            (_, true) if silenced => Some("silenced or inhibited"),
            (_, true) => Some(UNEXPECTED),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::{
        alerts::tests::{ALERTMANAGER, PROMETHEUS},
        guards::abort::tests::{alert, alert_filter, plan},
        signals::pods::tests::at,
        span::Span,
    };

    /// What is told beside the noticing of a fault that was injected at 10: names and notes.
    #[track_caller]
    fn told(reports: &[AlertReport], expected: &[(&str, &str)]) {
        let plan = plan(&json!({"abortOn": ["{alertname=\"Bad\"}"]}));
        let mut alerts = AlertHistory::default();
        reports.iter().cloned().for_each(|report| alerts.report(report));
        let told = alerts.also_fired(&alert_filter(&plan), at(10.0));
        let told: Vec<_> = told
            .iter()
            .map(|alert| (alert.labels["alertname"].as_str(), alert.note.as_deref().unwrap()))
            .collect();
        assert_eq!(told, expected, "{reports:?}");
    }

    fn fired(name: &str) -> AlertReport {
        alert(PROMETHEUS, name, Some(15.0))
    }

    /// Its first sample that was asked for lies after the injection, its beginning long before.
    fn older(name: &str) -> AlertReport {
        AlertReport { condition_true: Some(Span::new(at(1.0), at(1.0))), ..fired(name) }
    }

    fn of(namespace: Option<&str>, mut report: AlertReport) -> AlertReport {
        report.labels.remove("namespace");
        let label = namespace.map(|name| ("namespace".to_owned(), name.to_owned()));
        report.labels.extend(label);
        report
    }

    #[test]
    fn what_began_with_the_fault_is_told_and_what_counted_is_not() {
        told(&[fired("Other")], &[("Other", UNEXPECTED)]);
        told(&[fired("Bad")], &[("Bad", UNEXPECTED)]);
        told(&[of(None, fired("NodeDown"))], &[("NodeDown", UNEXPECTED)]);
        told(&[fired("Expected")], &[]);
        told(&[alert(PROMETHEUS, "Other", None)], &[]);
    }

    #[test]
    fn an_alert_of_another_namespace_is_never_told() {
        for name in ["Other", "Expected", "Bad"] {
            told(&[of(Some("edge"), fired(name))], &[]);
            told(&[of(Some("edge"), older(name))], &[]);
        }
    }

    #[test]
    fn an_alert_that_was_on_before_in_any_channel_is_told_only_where_it_was_expected() {
        told(&[older("Other")], &[]);
        told(&[fired("Other"), alert(ALERTMANAGER, "Other", Some(1.0))], &[]);
        told(&[older("Expected")], &[("Expected", "began before the injection")]);
    }

    #[test]
    fn a_silenced_alert_is_told_as_such_by_whichever_channel() {
        let silenced =
            |name: &str| AlertReport { suppressed: true, ..alert(ALERTMANAGER, name, Some(15.0)) };
        told(&[silenced("Expected")], &[("Expected", "silenced or inhibited")]);
        told(&[fired("Other"), silenced("Other")], &[("Other", "silenced or inhibited")]);
    }
}
