//! Which runs may concern a debrief, and what is kept of a debrief in memory.

use super::Observed;
use crate::{
    api::{Debrief, DebriefStatus, ExperimentRun, Moment, debrief::Notice, run::FactName},
    debrief::stage,
};

/// A run that may concern a debrief, as heard by watch.
#[expect(clippy::struct_excessive_bools, reason = "each is asked by itself")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Name of the run.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// When it was created.
    pub created_at: Option<Moment>,
    /// Whether that was after the debrief was opened.
    pub is_later: bool,
    /// Whether it is over.
    pub is_over: bool,
    /// Whether it says that it missed an objective and belongs to this debrief.
    pub joins: bool,
    /// Whether anything was broken.
    pub has_struck: bool,
}

impl Candidate {
    /// What is known of the run, where it is one of the debrief's experiment, says that it verifies it, or joins it.
    #[must_use]
    pub fn of(debrief: &Debrief, run: &ExperimentRun) -> Option<Self> {
        let (name, status) = (debrief.metadata.name.as_deref(), run.status.as_ref());
        if run.spec.dry_run || run.metadata.namespace != debrief.metadata.namespace {
            return None;
        }
        let joins = status
            .is_some_and(|status| status.debrief.is_some() && status.debrief.as_deref() == name);
        let is_ours = match run.spec.verifies.as_deref() {
            Some(verified) => Some(verified) == name,
            None => debrief.spec.experiment() == Some(&*run.spec.experiment),
        };
        (joins || is_ours).then(|| Self {
            name: run.metadata.name.clone().unwrap_or_default(),
            uid: run.uid().to_owned(),
            created_at: run.metadata.creation_timestamp.as_ref().map(|time| Moment::new(time.0)),
            is_later: run.metadata.creation_timestamp >= debrief.metadata.creation_timestamp,
            is_over: run.is_complete(),
            joins,
            has_struck: status.is_some_and(|status| status.fact(FactName::Injected).is_some()),
        })
    }

    /// Whether it is over and something was broken, and it was neither judged nor tells nothing.
    pub(super) fn is_to_judge(&self, observed: &Observed<'_>, status: &DebriefStatus) -> bool {
        let is_known = self.is_known(observed.debrief, status);
        self.is_over && self.has_struck && !is_known && !observed.passed_over.contains(&self.uid)
    }

    /// Whether it opened the debrief, or was judged.
    pub(super) fn is_known(&self, debrief: &Debrief, status: &DebriefStatus) -> bool {
        let opened = debrief.spec.source.run_ref.as_ref();
        opened.is_some_and(|opened| opened.uid == self.uid)
            || status.attempts.iter().any(|attempt| attempt.uid == self.uid)
            || status.occurrences.iter().any(|miss| miss.uid == self.uid)
            || status.judged_until.is_some_and(|until| self.created_at <= Some(until))
    }
}

/// Whether something is still to be done about a debrief that has ended: a run that joins it is over and was not judged, or
/// its end is still to be told.
#[must_use]
pub fn is_unfinished(debrief: &Debrief, runs: &[Candidate]) -> bool {
    let Some(status) = &debrief.status else { return true };
    let has = |what| status.messages.iter().any(|message| message.what == what);
    let is_told = status.messages.iter().all(|message| message.delivered.is_some())
        && (has(Notice::Ended) || !has(Notice::Opened));
    let missed = |run: &Candidate| run.joins && run.is_over && !run.is_known(debrief, status);
    !is_told || runs.iter().any(missed)
}

/// Forgets what no rule reads: the story, and of a debrief that has ended nearly everything.
pub fn forget_details(debrief: &mut Debrief) {
    let has_ended = stage::has_ended(debrief);
    let spec = &mut debrief.spec;
    if let Some(evidence) = &mut spec.evidence {
        evidence.timeline = Vec::new();
        evidence.also_fired = Vec::new();
        evidence.facts.retain(|fact| {
            matches!(fact.name, FactName::Injected | FactName::Recovered | FactName::Reverted)
        });
        evidence.facts.shrink_to_fit();
        evidence.facts.iter_mut().for_each(|fact| fact.labels.clear());
    }
    (spec.findings, spec.amendments) = (None, Vec::new());
    if has_ended {
        spec.impact = None;
        (spec.evidence, spec.action_items, spec.checkpoints) = (None, Vec::new(), Vec::new());
        if let Some(status) = &mut debrief.status {
            (status.conditions, status.attempts, status.questions) =
                (Vec::new(), Vec::new(), Vec::new());
        }
    }
}

/// The stage in a word, where the status says another one than before.
#[must_use]
pub fn news(before: Option<&DebriefStatus>, status: &DebriefStatus) -> Option<String> {
    let was = before.and_then(|before| before.stage);
    status.stage.filter(|stage| Some(*stage) != was).map(|stage| stage.to_string())
}
