//! How much is kept of what the alert sources say: of alerts there can be more than any memory holds.

use crate::core::alerts::{AlertFilter, AlertHistory, AlertReport, matcher::Labels};

/// How many reports are kept before one must concern the experiment to be taken up.
const REPORTS_MAX: usize = 256;

/// How many reports are kept at all. An experiment that hundreds of alerts concern is told by the first of them, and
/// the rules compare each report with each other.
pub const KEPT_MAX: usize = 2 * REPORTS_MAX;

/// What one answer of a source tells one run: the alerts that concern it, and of the others that it may know of the
/// first few. Alerts of other namespaces are not among them.
#[derive(Debug, Default)]
pub struct Heard {
    /// Each with whether it concerns the experiment.
    pub(super) reports: Vec<(AlertReport, bool)>,
    /// Whether more of them concern it than are kept.
    pub(super) is_cut: bool,
    concerning: usize,
}

impl Heard {
    /// Takes up an alert with these labels. Its report is asked for only where it may be kept.
    pub fn take(
        &mut self,
        alert_filter: &AlertFilter<'_>,
        labels: &Labels,
        report: impl FnOnce() -> Option<AlertReport>,
    ) {
        let concerns = alert_filter.concerns(labels);
        let others = self.reports.len() - self.concerning;
        if !concerns && (others == REPORTS_MAX || !alert_filter.is_known(labels)) {
            return;
        }
        let Some(report) = report() else { return };
        if concerns && self.concerning == KEPT_MAX {
            self.is_cut = true;
            return;
        }
        self.concerning += usize::from(concerns);
        self.reports.push((report, concerns));
    }
}

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
        let others = (0..2 * REPORTS_MAX).map(|number| format!("Other{number}"));
        let all: Vec<String> = others.chain(["Bad", "Expected"].map(str::to_owned)).collect();
        let mut alerts = AlertHistory::default();
        for _ in 0..2 {
            alerts.replace(channel, told(&alert_filter, &all, "shop"));
            assert_eq!(alerts.reports.len(), REPORTS_MAX + 2);
            assert!(alerts.reports.iter().all(|report| report.active));
        }
        alerts.replace(channel, Heard::default());
        assert!(alerts.reports.iter().all(|report| !report.active));
    }

    #[test]
    fn a_run_is_told_what_concerns_it_up_to_a_bound_a_few_others_and_nothing_of_its_neighbours() {
        let plan = plan(&serde_json::json!({}));
        let alert_filter = alert_filter(&plan);
        let many = |name: &str, count: usize| vec![name.to_owned(); count];
        for (names, namespace, kept, is_cut) in [
            (many("Other", 3), "shop", 3, false),
            (many("Other", 3), "", 3, false),
            (many("Other", 5_000), "shop", REPORTS_MAX, false),
            (many("Expected", KEPT_MAX), "shop", KEPT_MAX, false),
            (many("Expected", KEPT_MAX + 1), "shop", KEPT_MAX, true),
            (many("Expected", 5_000), "edge", 0, false),
            (many("Other", 5_000), "edge", 0, false),
        ] {
            let heard = told(&alert_filter, &names, namespace);
            let seen = (heard.reports.len(), heard.is_cut);
            assert_eq!(seen, (kept, is_cut), "{} of {} in {namespace:?}", names[0], names.len());
            let mut alerts = AlertHistory::default();
            alerts.replace(ALERTMANAGER, heard);
            assert_eq!(alerts.has_overlooked(), is_cut);
        }
    }

    /// What an answer with alerts of these names in that namespace tells a run.
    fn told(alert_filter: &AlertFilter<'_>, names: &[String], namespace: &str) -> Heard {
        let mut heard = Heard::default();
        for name in names {
            let mut report = alert(ALERTMANAGER, name, Some(1.0));
            report.labels.insert("namespace".to_owned(), namespace.to_owned());
            heard.take(alert_filter, &report.labels.clone(), || Some(report));
        }
        heard
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
