//! Everything of a debrief that people write.

use crate::api::{
    DebriefSpec, Moment,
    debrief::{
        AcceptedRisk, ActionItem, Amendment, Checkpoint, Dismissal, Findings, Meeting,
        PeopleImpact, Severity,
    },
};

/// People's part of a debrief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// See [`DebriefSpec::title`].
    pub title: String,
    /// See [`DebriefSpec::severity`].
    pub severity: Severity,
    /// See [`DebriefSpec::resolved_at`].
    pub resolved_at: Option<Moment>,
    /// See [`DebriefSpec::impact`].
    pub impact: Option<PeopleImpact>,
    /// See [`DebriefSpec::meeting`].
    pub meeting: Option<Meeting>,
    /// See [`DebriefSpec::findings`].
    pub findings: Option<Findings>,
    /// See [`DebriefSpec::action_items`].
    pub action_items: Vec<ActionItem>,
    /// See [`DebriefSpec::checkpoints`].
    pub checkpoints: Vec<Checkpoint>,
    /// See [`DebriefSpec::accepted_risk`].
    pub accepted_risk: Option<AcceptedRisk>,
    /// See [`DebriefSpec::dismissal`].
    pub dismissal: Option<Dismissal>,
    /// See [`DebriefSpec::amendments`].
    pub amendments: Vec<Amendment>,
}

impl People {
    /// What people wrote into `spec`.
    #[must_use]
    pub fn of(spec: &DebriefSpec) -> Self {
        let spec = spec.clone();
        Self {
            title: spec.title,
            severity: spec.severity,
            resolved_at: spec.resolved_at,
            impact: spec.impact,
            meeting: spec.meeting,
            findings: spec.findings,
            action_items: spec.action_items,
            checkpoints: spec.checkpoints,
            accepted_risk: spec.accepted_risk,
            dismissal: spec.dismissal,
            amendments: spec.amendments,
        }
    }

    /// Puts it in the place of what people wrote before.
    pub fn write_into(self, spec: &mut DebriefSpec) {
        spec.title = self.title;
        spec.severity = self.severity;
        spec.resolved_at = self.resolved_at;
        spec.impact = self.impact;
        spec.meeting = self.meeting;
        spec.findings = self.findings;
        spec.action_items = self.action_items;
        spec.checkpoints = self.checkpoints;
        spec.accepted_risk = self.accepted_risk;
        spec.dismissal = self.dismissal;
        spec.amendments = self.amendments;
    }
}
