//! For whom alerts are judged.

use super::Sighting;
use crate::core::plan::Plan;

/// For whom alerts are judged: the plan, its namespace, and the label that names namespaces.
#[derive(Clone, Copy, Debug)]
pub struct Watcher<'a> {
    /// The experiment.
    pub plan: &'a Plan,
    /// Its namespace.
    pub namespace: &'a str,
    /// `alertmanager.namespaceLabel` of the configuration.
    pub namespace_label: &'a str,
}

impl Watcher<'_> {
    /// Whether the experiment expects this alert.
    #[must_use]
    pub fn expects(&self, sighting: &Sighting) -> bool {
        self.is_here(sighting) && self.plan.expects(&sighting.labels)
    }

    /// Whether this alert ends the run.
    #[must_use]
    pub fn aborts_on(&self, sighting: &Sighting) -> bool {
        self.is_here(sighting) && self.plan.aborts_on(&sighting.labels)
    }

    /// Whether this alert means anything to the experiment.
    #[must_use]
    pub fn concerns(&self, sighting: &Sighting) -> bool {
        self.expects(sighting) || self.aborts_on(sighting)
    }

    /// An alert that carries the label counts only for runs of that namespace; an empty label
    /// switches that off.
    pub(super) fn is_here(&self, sighting: &Sighting) -> bool {
        let named = sighting.labels.get(self.namespace_label);
        self.namespace_label.is_empty() || named.is_none_or(|named| named == self.namespace)
    }
}
