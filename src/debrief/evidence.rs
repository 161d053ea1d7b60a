//! What a debrief takes over from its run: a copy of facts and numbers, nothing computed anew but
//! differences between two facts.

use super::{leadup::LeadUp, proof};
use crate::{
    api::{
        ExperimentRun, ExperimentSpec,
        debrief::{Evidence, Measured, Objective, Objectives},
        run::{Answer, ExperimentRunStatus, FactName, Journal},
    },
    core::{
        outcome::about::{About, about},
        span::Span,
    },
    faults::{self, Harm},
};

/// A run of which there is something to be learned, with the parts that a debrief needs.
pub struct Miss<'a> {
    /// The run.
    pub run: &'a ExperimentRun,
    /// Its status.
    pub status: &'a ExperimentRunStatus,
    /// Its journal.
    pub journal: &'a Journal,
    /// The spec that ran.
    pub spec: &'a ExperimentSpec,
    /// What its debrief is about.
    pub about: About,
    /// What was missed, sorted.
    pub missed: Vec<Objective>,
}

impl<'a> Miss<'a> {
    /// The miss in `run`; absent where there is nothing to be learned.
    pub fn of(run: &'a ExperimentRun) -> Option<Self> {
        let status = run.status.as_ref()?;
        let about = about(status)?;
        let journal = status.journal.as_ref()?;
        let spec = journal.spec.as_ref()?;
        status.fact(FactName::Injected)?;
        let missed = missed_by(status);
        (!missed.is_empty()).then_some(Self { run, status, journal, spec, about, missed })
    }
}

/// The objectives that a run missed, sorted.
pub fn missed_by(status: &ExperimentRunStatus) -> Vec<Objective> {
    if matches!(about(status), Some(About::NearMiss | About::Inconclusive)) {
        return vec![Objective::Conclusion];
    }
    let detection = status.detection.as_ref().map(|detection| detection.answer);
    let recovery = status.recovery.as_ref().map(|recovery| recovery.answer);
    let tolerance = status.tolerance.as_ref().map(|tolerance| tolerance.answer);
    [
        (Objective::Detection, detection),
        (Objective::Recovery, recovery),
        (Objective::Tolerance, tolerance),
    ]
    .into_iter()
    .filter_map(|(objective, answer)| (answer == Some(Answer::No)).then_some(objective))
    .collect()
}

/// Everything that was measured, for the record; absent where the journal is not whole.
pub fn evidence(miss: &Miss<'_>, lead_up: LeadUp) -> Option<Evidence> {
    let (status, spec, journal) = (miss.status, miss.spec, miss.journal);
    let harm = faults::behaviour(&spec.fault).harm;
    let (detection, recovery) = (status.detection.as_ref(), status.recovery.as_ref());
    Some(Evidence {
        missed: miss.missed.clone(),
        experiment_name: miss.run.spec.experiment.to_string(),
        experiment: journal.experiment.clone()?,
        spec: spec.clone(),
        state: journal.state.clone(),
        hypothesis: spec.hypothesis.clone(),
        owner: spec.owner.clone(),
        fault_kind: spec.fault.name().to_owned(),
        dependency: match harm {
            Harm::Dependency { name, .. } => Some(name.to_owned()),
            Harm::Pods | Harm::Target(_) => None,
        },
        change: match harm {
            Harm::Target(change) => Some(change.to_owned()),
            Harm::Pods | Harm::Dependency { .. } => None,
        },
        target: spec.target.to_string(),
        target_state: lead_up.target_state,
        victims: journal.victims.clone(),
        pods: journal.count.unwrap_or_default(),
        objectives: objectives(spec),
        facts: status.facts.clone(),
        measured: measured(status),
        alert: detection.and_then(|detection| detection.alert.clone()),
        chain: detection.and_then(|detection| detection.chain.clone()),
        also_fired: detection.map(|detection| detection.also_fired.clone()).unwrap_or_default(),
        recovered_by: recovery.and_then(|recovery| recovery.by),
        recovery_evidence: recovery.and_then(|recovery| recovery.evidence.clone()),
        impact: status.impact.clone().unwrap_or_default(),
        timeline: lead_up.entries,
        lead_up_horizon: lead_up.horizon,
        answers: proof::answers(status),
        summary: status.summary.clone().unwrap_or_default(),
    })
}

fn objectives(spec: &ExperimentSpec) -> Objectives {
    Objectives {
        detection: spec.detection.within,
        detection_from: spec.detection.from,
        detection_until: spec.detection.until,
        alerts: spec.detection.alerts.clone(),
        recovery: spec.recovery.within,
        stable_for: spec.recovery.stable_for,
        count_fault_ended: spec.recovery.count_fault_ended,
    }
}

/// The run's own durations, and how long the impact lasted.
pub fn measured(status: &ExperimentRunStatus) -> Measured {
    let span = |name| status.fact(name).map(Span::from);
    Measured {
        time_to_detect: status.detection.as_ref().and_then(|detection| detection.took),
        time_to_recover: status.recovery.as_ref().and_then(|recovery| recovery.took),
        impact_duration: span(FactName::Mitigated)
            .zip(span(FactName::ImpactStarted))
            .map(|(over, began)| over.since(began)),
    }
}
