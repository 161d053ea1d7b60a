//! How much is kept of what the alert sources say: of alerts there can be more than any memory holds.

use crate::core::alerts::{AlertHistory, AlertReport};

/// How many reports are kept before one must concern the experiment to be taken up.
const REPORTS_MAX: usize = 256;

/// How many reports are kept at all. An experiment that hundreds of alerts concern is told by the first of them, and
/// the rules compare each report with each other.
pub const KEPT_MAX: usize = 2 * REPORTS_MAX;

impl AlertHistory {
    /// Whether there is room for a report that may not concern the experiment.
    pub(super) const fn has_room_for_any(&self) -> bool {
        self.reports.len() < REPORTS_MAX
    }

    /// Keeps a report of which there is none yet, where there is room.
    pub(super) fn keep(&mut self, report: AlertReport) {
        if self.reports.len() < KEPT_MAX {
            self.reports.push(report);
        } else {
            self.overlook();
        }
    }

    /// Notes that something concerns the experiment that is not kept: from now on silence proves nothing.
    pub const fn overlook(&mut self) {
        self.overlooked = true;
    }

    /// Whether something concerned the experiment that is not kept.
    #[must_use]
    pub const fn has_overlooked(&self) -> bool {
        self.overlooked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        alerts::tests::{ALERTMANAGER, PROMETHEUS, WEBHOOK, alerts},
        guards::abort::tests::{alert, alert_filter, plan},
        signals::pods::tests::at,
    };

    #[test]
    fn an_alert_that_concerns_the_experiment_is_never_crowded_out() {
        let plan = plan(&serde_json::json!({"abortOn": ["{alertname=\"Bad\"}"]}));
        let (alert_filter, channel) = (alert_filter(&plan), ALERTMANAGER);
        let mut all: Vec<AlertReport> = (0..2 * REPORTS_MAX)
            .map(|number| alert(channel, &format!("Other{number}"), Some(1.0)))
            .collect();
        all.extend(["Bad", "Expected"].map(|name| alert(channel, name, Some(1.0))));
        let mut alerts = AlertHistory::default();
        for _ in 0..2 {
            alerts.replace(channel, all.clone(), |report| alert_filter.concerns(report));
            assert_eq!(alerts.reports.len(), REPORTS_MAX + 2);
            assert!(alerts.reports.iter().all(|report| report.active));
        }
        alerts.replace(channel, Vec::new(), |report| alert_filter.concerns(report));
        assert!(alerts.reports.iter().all(|report| !report.active));
    }

    #[test]
    fn what_concerns_the_experiment_is_kept_up_to_a_bound_and_what_is_not_kept_is_no_silence() {
        let mut alerts = alerts();
        alerts.answered(PROMETHEUS, at(0.0), at(9.0));
        let told = |instance: usize| {
            let mut report = alert(WEBHOOK, "Expected", Some(1.0));
            report.labels.insert("instance".to_owned(), instance.to_string());
            report
        };
        (0..KEPT_MAX).for_each(|instance| alerts.report(told(instance)));
        (0..KEPT_MAX).for_each(|instance| alerts.report(told(instance)));
        assert!(!alerts.has_overlooked() && alerts.covers(at(0.0), at(9.0)));
        alerts.report(told(KEPT_MAX));
        assert_eq!(alerts.reports.len(), KEPT_MAX);
        assert!(alerts.has_overlooked() && !alerts.covers(at(0.0), at(9.0)));
        alerts.forget();
        assert!(!alerts.has_overlooked(), "what follows has room again");
    }
}
