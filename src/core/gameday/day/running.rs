//! From the go to the end: each step starts in its turn, and its result is read once its run is over.

use super::{
    announce::intend,
    ending::report,
    firing,
    gates::{self, Closed, run_of},
    observed::{
        Decision, Effect, Found, Need, Observed, START_WITHIN, StartReads, StepReads, run_name,
    },
    seen::{note, record, words},
    turn::{Turn, is_live, must_be_over, turn},
    unannounced,
};
use crate::api::{
    Duration, ExperimentRun, GameDayRunStatus, Moment,
    game_day::Step,
    game_day_run::{
        DayFactName, DayPlan, DayReason, Gate, Notice, Outcome, StepDetection, StepRecovery,
        StepResult,
    },
    run::FactName,
};

/// How soon is looked again where something could not be read, or where nobody may tell that a run is over.
const AGAIN: Duration = Duration::seconds(10);

pub(super) fn decide(observed: &Observed<'_>, status: &GameDayRunStatus) -> Decision {
    let Some(plan) = &status.plan else {
        let why = "its plan is not in its status any more";
        return report(observed, status, (Outcome::Halted, DayReason::Plan), why);
    };
    let asked = status.fact(DayFactName::StopRequested);
    if asked.is_none()
        && let Some((reason, why)) = observed.stop().or_else(|| bad_verdict(status, plan))
    {
        return halt(observed, status.clone(), reason, &why);
    }
    let is_whole = |reads: &&StepReads| {
        let mut live = status.steps.iter().filter(|step| is_live(step));
        observed.is_fresh(reads.read_at) && live.all(|step| reads.runs.contains_key(&step.name))
    };
    let reads = observed.steps.filter(is_whole);
    if status.steps.iter().any(is_live) {
        let Some(reads) = reads else { return Decision::Look(Need::Steps) };
        if let Some(decision) = follow(observed, status, plan, reads) {
            return decision;
        }
    }
    if let Some(asked) = asked {
        if status.steps.iter().any(is_live) {
            return Decision::WaitUntil(observed.now + AGAIN);
        }
        let reason = status.reason.unwrap_or(DayReason::Stopped);
        return report(observed, status, (Outcome::Halted, reason), &asked.detail);
    }
    go_on(observed, status, plan, reads)
}

/// Whether nothing was decided about it yet.
fn is_to_come(step: &StepResult) -> bool {
    step.run.is_none() && step.over_at.is_none()
}

/// Writes down that no further step starts, and why.
fn halt(
    observed: &Observed<'_>,
    mut status: GameDayRunStatus,
    reason: DayReason,
    why: &str,
) -> Decision {
    status.reason = Some(reason);
    note(observed, &mut status, DayFactName::StopRequested, why);
    record(observed, status)
}

/// A run that ended so that no further step is to start.
fn bad_verdict(status: &GameDayRunStatus, plan: &DayPlan) -> Option<(DayReason, String)> {
    status.steps.iter().find_map(|step| {
        let verdict = step.verdict.filter(|verdict| plan.spec.stop_on.contains(verdict))?;
        let why = format!("step {} ended with {verdict}, which stopOn names", step.name);
        Some((DayReason::Verdict, why))
    })
}

/// What is to be done about the runs that are live, if anything is.
fn follow(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
    plan: &DayPlan,
    reads: &StepReads,
) -> Option<Decision> {
    let is_stopping = status.fact(DayFactName::StopRequested).is_some();
    let mut next = status.clone();
    let (mut halted, mut effect) = (None, None);
    for (step, planned) in next.steps.iter_mut().zip(&plan.spec.steps) {
        let Some(run) = step.run.clone().filter(|_| step.over_at.is_none()) else { continue };
        let over = |step: &mut StepResult, why: String| {
            step.over_at = Some(observed.now);
            step.skipped = Some(words(&why));
        };
        match reads.runs.get(&step.name) {
            Some(Found::There(found)) if !is_ours(observed, planned, found) => {
                let why = format!("run {run} is there and not of this day");
                step.run = None;
                over(step, why.clone());
                halted = Some((DayReason::NameTaken, why));
            }
            Some(Found::There(found)) if is_another(step, found) => {
                let why = format!(
                    "run {run} of step {} is gone, and another of its name is there",
                    step.name
                );
                over(step, why.clone());
                halted = Some((DayReason::RunGone, why));
            }
            Some(Found::There(found)) => {
                read_result(step, found);
                let live = !found.is_complete() && !found.spec.stop;
                if is_stopping && live {
                    effect = Some(Effect::Stop(run.to_string()));
                }
            }
            Some(Found::Missing) if step.started_at.is_some() => {
                let why = format!("run {run} of step {} is gone, without a verdict", step.name);
                over(step, why.clone());
                halted = Some((DayReason::RunGone, why));
            }
            Some(Found::Missing) if is_stopping => {
                over(step, "the day was stopped before its run was created".to_owned());
            }
            Some(Found::Missing) => match observed.refused {
                Some(refused) => {
                    let why = format!("the run of step {} was refused: {refused}", step.name);
                    over(step, why.clone());
                    halted = Some((DayReason::Starter, why));
                }
                None => effect = Some(create(observed, status, plan, planned)),
            },
            Some(Found::Unreadable(_)) | None => {}
        }
    }
    unannounced::tell(observed, &mut next, plan);
    if let Some((reason, why)) = halted {
        return Some(if is_stopping {
            record(observed, next)
        } else {
            halt(observed, next, reason, &why)
        });
    }
    if next != *status {
        return Some(record(observed, next));
    }
    effect.map(Decision::Act)
}

/// Whether that run is the one that this step wrote down: created for this day, and after it.
fn is_ours(observed: &Observed<'_>, step: &Step, run: &ExperimentRun) -> bool {
    run.spec.game_day.as_deref() == Some(observed.name())
        && run.spec.experiment == step.experiment
        && run.spec.template.is_none()
        && !run.spec.dry_run
        && run.metadata.creation_timestamp >= observed.day.metadata.creation_timestamp
}

/// Whether that is not the run that the step has had until now.
fn is_another(step: &StepResult, run: &ExperimentRun) -> bool {
    step.run_uid.as_ref().is_some_and(|known| *known != run.uid())
}

/// What is known of the step's run: when it was created, and once it is over its result.
fn read_result(step: &mut StepResult, run: &ExperimentRun) {
    if step.run_uid.is_none() {
        step.run_uid.clone_from(&run.metadata.uid);
    }
    if step.started_at.is_none() {
        let created = run.metadata.creation_timestamp.as_ref();
        step.started_at = created.map(|time| Moment::new(time.0));
    }
    let Some(status) = run.status.as_ref().filter(|_| run.is_complete()) else { return };
    step.over_at = status.fact(FactName::Completed).map(|fact| fact.at);
    step.verdict = status.verdict;
    step.detection = status.detection.as_ref().map(|result| StepDetection {
        answer: result.answer,
        tier: result.tier,
        took: result.took,
    });
    step.recovery = status.recovery.as_ref().map(|result| StepRecovery {
        answer: result.answer,
        tier: result.tier,
        took: result.took,
        by: result.by,
    });
    step.debrief = status.debrief.as_deref().map(Into::into);
    step.summary.clone_from(&status.summary);
}

fn create(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
    plan: &DayPlan,
    step: &Step,
) -> Effect {
    let planned = plan.experiment_of(step);
    let lasts = planned.map_or_else(Duration::default, |planned| planned.duration);
    let left = Duration::between(observed.now, must_be_over(observed, status, plan).minus(lasts));
    let hash = planned.map(|planned| planned.hash.clone());
    let (name, spec) = run_of(observed.name(), step, hash, left.min(START_WITHIN));
    Effect::Create { name, spec: Box::new(spec) }
}

/// Starts the next step, waits for it, or ends the day where there is none.
fn go_on(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
    plan: &DayPlan,
    reads: Option<&StepReads>,
) -> Decision {
    let is_running = status.steps.iter().any(is_live);
    if !status.steps.iter().any(is_to_come) {
        if !is_running {
            let end = (Outcome::Done, DayReason::StepsOver);
            return report(observed, status, end, "every step is over");
        }
        if status.fact(DayFactName::Cooling).is_none() {
            let mut status = status.clone();
            note(observed, &mut status, DayFactName::Cooling, "the last step has started");
            return record(observed, status);
        }
        return Decision::WaitUntil(observed.now + AGAIN);
    }
    let mut until = is_running.then(|| observed.now + AGAIN);
    for index in 0..plan.spec.steps.len() {
        if !status.steps.get(index).is_some_and(is_to_come) {
            continue;
        }
        match turn(observed, status, plan, index) {
            Turn::Later => {}
            Turn::At(at) => until = Some(until.map_or(at, |until| until.min(at))),
            Turn::Never(why) => {
                let mut status = status.clone();
                status.steps[index].skipped = Some(words(&why));
                status.steps[index].over_at = Some(observed.now);
                return record(observed, status);
            }
            Turn::Now => return start(observed, status, plan, index, reads),
        }
    }
    Decision::WaitUntil(until.unwrap_or_else(|| observed.now + AGAIN))
}

/// Writes down the run of a step that starts, after a last look at the plan, at other days and at the gates that must be
/// open before each step.
fn start(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
    plan: &DayPlan,
    index: usize,
    runs: Option<&StepReads>,
) -> Decision {
    let Some(reads) = observed.start.filter(|reads| observed.is_fresh(reads.read_at)) else {
        return Decision::Look(Need::Start);
    };
    let name = &observed.day.spec.game_day;
    let gone = match &reads.plan {
        Found::There(live) if live.metadata.uid.as_deref() != Some(plan.uid.as_str()) => {
            Some(format!("GameDay {name} is another one by now"))
        }
        Found::There(live) if live.spec.suspend => Some(format!("GameDay {name} was suspended")),
        Found::There(_) => None,
        Found::Missing => Some(format!("GameDay {name} was deleted")),
        Found::Unreadable(_) => return Decision::WaitUntil(observed.now + AGAIN),
    };
    if let Some(why) = gone {
        return halt(observed, status.clone(), DayReason::Plan, &why);
    }
    if status.steps.iter().all(is_to_come) {
        let Ok(days) = &reads.days else { return Decision::WaitUntil(observed.now + AGAIN) };
        let own = observed.day.metadata.resource_version.as_deref();
        let own = own.and_then(|version| version.parse::<u64>().ok()).unwrap_or(u64::MAX);
        // Of two that began at the same time the one whose go was written first goes on: the API server gives
        // versions in the order of the writes.
        if let Some(day) = days.iter().find(|day| day.has_started || day.version < own) {
            let why = format!("game day {} began at the same time in this namespace", day.name);
            return halt(observed, status.clone(), DayReason::NoOtherRun, &why);
        }
    }
    let closed = closed_gate(plan, reads, runs);
    if closed.is_some() && status.steps[index].waits_for == closed {
        return Decision::WaitUntil(observed.now + AGAIN);
    }
    let mut status = status.clone();
    let run = run_name(observed.name(), &status.steps[index].name);
    let starts = closed.is_none();
    let step = &mut status.steps[index];
    step.run = starts.then(|| run.as_str().into());
    step.waits_for = closed;
    let step = &plan.spec.steps[index];
    if starts && !step.unannounced {
        intend(observed, &mut status, Notice::Injection, &step.name);
    }
    record(observed, status)
}

/// The first gate that must be open before a step and is not, what the day's own runs cause apart.
fn closed_gate(plan: &DayPlan, reads: &StartReads, runs: Option<&StepReads>) -> Option<String> {
    let runs = runs.iter().flat_map(|reads| reads.runs.values());
    let there = runs.filter_map(|run| match run {
        Found::There(run) => Some(run),
        Found::Missing | Found::Unreadable(_) => None,
    });
    let own: Vec<_> = there.collect();
    let gates = [
        (Gate::NoFiring, firing::quiet(&plan.spec.gates().no_firing, &reads.firing, &own)),
        (Gate::NoRollout, gates::no_rollout(&reads.rollouts, &own)),
    ];
    gates.into_iter().find_map(|(gate, judged)| match judged {
        Ok(_) => None,
        Err(Closed::Now(why) | Closed::Waits(why)) => Some(words(&format!("{gate}: {why}"))),
    })
}
