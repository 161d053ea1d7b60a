//! The gate `Rehearsal`: a dry run of each experiment, all side by side, must pass every guard.

use super::{
    gates::{self, Closed, Judged},
    observed::{Effect, Found, GateReads, Observed},
};
use crate::{
    api::{
        Duration, ExperimentRun, ExperimentRunSpec, conditions,
        game_day::Step,
        run::{Reason, condition},
    },
    core::{guards, hash},
};

/// The name of the dry run of an experiment of a day: it follows from both, and leaves the names of the steps' runs free.
#[must_use]
pub fn name(day_uid: &str, experiment: &str) -> String {
    format!("rehearsal-{}", hash::short(&(day_uid, experiment)))
}

/// What the rehearsal of a step's experiment says.
pub(super) fn judge(observed: &Observed<'_>, step: &Step, reads: &GateReads) -> Judged {
    let run = match reads.rehearsals.get(&*step.experiment) {
        Some(Found::There(run)) if is_ours(observed, run) => run,
        Some(Found::There(_)) => {
            let name = name(observed.day.uid(), &step.experiment);
            return Err(Closed::Now(format!("run {name} is there and not of this day")));
        }
        Some(Found::Unreadable(error)) => {
            return Err(Closed::Waits(format!("its rehearsal cannot be read: {error}")));
        }
        Some(Found::Missing) | None => {
            return Err(observed.refused.map_or_else(
                || Closed::Waits("its rehearsal has not begun".to_owned()),
                |refused| Closed::Now(format!("its rehearsal was refused: {refused}")),
            ));
        }
    };
    let status = run.status.as_ref();
    if !run.is_complete() {
        let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
        let injected = conditions::get(conditions, condition::INJECTED);
        let waits = injected.map_or("it has not begun", |known| known.message.as_str());
        return Err(Closed::Waits(format!("its rehearsal is not over: {waits}")));
    }
    let results = status.and_then(|status| status.journal.as_ref()).map(|journal| &journal.guards);
    let is_judged = status.and_then(|status| status.reason) == Some(Reason::DryRun);
    let Some(results) = results.filter(|results| is_judged && !results.is_empty()) else {
        let summary = status.and_then(|status| status.summary.as_deref()).unwrap_or_default();
        return Err(Closed::Now(format!("a dry run ended early: {summary}")));
    };
    match guards::first_closed(results) {
        None => Ok(format!("a dry run has passed {} guards", results.len())),
        Some(closed) => {
            let (name, detail) = (closed.name, &closed.detail);
            Err(Closed::Now(format!("a dry run is refused by {name}: {detail}")))
        }
    }
}

/// Whether that run is the rehearsal that this day has created.
fn is_ours(observed: &Observed<'_>, run: &ExperimentRun) -> bool {
    run.spec.dry_run
        && run.spec.template.is_none()
        && run.spec.game_day.as_deref() == observed.day.metadata.name.as_deref()
        && run.metadata.creation_timestamp >= observed.day.metadata.creation_timestamp
}

/// The rehearsal to create, if one is not there.
pub(super) fn next(observed: &Observed<'_>, reads: &GateReads) -> Option<Effect> {
    let Found::There(plan) = &reads.plan else { return None };
    let missing = |step: &&Step| {
        matches!(reads.rehearsals.get(&*step.experiment), Some(Found::Missing) | None)
    };
    let step = plan.spec.steps.iter().find(missing)?;
    let Some(Found::There(experiment)) = reads.experiments.get(&*step.experiment) else {
        return None;
    };
    let deadline = gates::deadline(observed.day.begins()?, reads);
    let spec = ExperimentRunSpec {
        dry_run: true,
        game_day: Some(observed.name().into()),
        experiment_hash: Some(hash::short(experiment)),
        steady_for: Some(plan.spec.gates().steady_for),
        start_within: Duration::between(observed.now, deadline),
        ..ExperimentRunSpec::of(&step.experiment)
    };
    let name = name(observed.day.uid(), &step.experiment);
    Some(Effect::Create { name, spec: Box::new(spec) })
}
