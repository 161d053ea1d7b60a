//! For whom alerts are judged.

use crate::core::{alerts::AlertReport, plan::Plan};

/// For whom alerts are judged: the plan, its namespace, and the label that names namespaces.
#[derive(Clone, Copy, Debug)]
pub struct AlertFilter<'a> {
    /// The experiment.
    pub plan: &'a Plan,
    /// Its namespace.
    pub namespace: &'a str,
    /// `alertmanager.namespaceLabel` of the configuration.
    pub namespace_label: &'a str,
}

impl AlertFilter<'_> {
    /// Whether the experiment expects this alert.
    #[must_use]
    pub fn expects(&self, report: &AlertReport) -> bool {
        self.is_here(report) && self.plan.expects(&report.labels)
    }

    /// Whether this alert ends the run.
    #[must_use]
    pub fn aborts_on(&self, report: &AlertReport) -> bool {
        self.is_here(report) && self.plan.aborts_on(&report.labels)
    }

    /// Whether this alert means anything to the experiment.
    #[must_use]
    pub fn concerns(&self, report: &AlertReport) -> bool {
        self.expects(report) || self.aborts_on(report)
    }

    /// An alert that carries the label counts only for runs of that namespace; an empty label
    /// switches that off.
    pub(super) fn is_here(&self, report: &AlertReport) -> bool {
        let named = report.labels.get(self.namespace_label);
        self.namespace_label.is_empty() || named.is_none_or(|named| named == self.namespace)
    }
}
