//! The gates: each says with numbers whether a day may begin, and what to do if not. A source that cannot be reached
//! closes its gate.

use super::{
    announce::{breaks, was_told},
    approval, earlier, firing,
    observed::{Clocks, Found, GateReads, NotStarted, Observed, Rollout, run_name},
    rehearsal,
};
use crate::{
    api::{
        Duration, ExperimentRun, ExperimentRunSpec, ExperimentSpec, GameDay, GameDayRunStatus,
        Moment,
        game_day::{GoNoGo, Step},
        game_day_run::{DayFactName, DayPlan, Gate, GateResult, PlannedExperiment},
        go_no_go::PassedBefore,
    },
    core::{gameday::plan, hash, outcome::measure::tenths, plan::Plan, words::count},
};

/// How far the API server's clock and ours may differ.
const CLOCKS: Duration = Duration::seconds(5);
/// How long a day waits where its plan cannot be read.
const WITHOUT_PLAN: Duration = Duration::minutes(30);

/// Why a gate is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// For good.
    Now(String),
    /// Until something else is over: it is waited for until the deadline.
    Waits(String),
}

/// What a gate says: with the numbers by which it is open, or why it is not.
pub(super) type Judged = Result<String, Closed>;

/// What all gates say.
pub(super) struct Table {
    /// Each in the order in which people read them.
    pub results: Vec<GateResult>,
    /// The first that is closed for good, else the first that is waited for.
    pub closed: Option<GateResult>,
    /// Whether none is closed for good.
    pub waits: bool,
    /// What runs, where plan and experiments are there.
    pub plan: Option<DayPlan>,
}

/// Judges every gate.
pub(super) fn judge(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
    reads: &GateReads,
) -> Table {
    let plan = planned(reads);
    let judged = every_gate(observed, status, reads, plan.as_ref());
    let first = |wanted: fn(&Closed) -> bool| {
        judged.iter().position(|(_, _, judged)| judged.as_ref().is_err_and(wanted))
    };
    let for_good = first(|closed| matches!(closed, Closed::Now(_)));
    let closed = for_good.or_else(|| first(|_| true));
    let results: Vec<_> =
        judged.into_iter().map(|(name, step, judged)| result(name, &step, judged)).collect();
    Table {
        closed: closed.map(|index| results[index].clone()),
        waits: for_good.is_none(),
        results,
        plan,
    }
}

/// Every gate in the order in which people read them, with the step that it is about.
fn every_gate(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
    reads: &GateReads,
    plan: Option<&DayPlan>,
) -> Vec<(Gate, String, Judged)> {
    let whole = |name, judged| (name, String::new(), judged);
    let mut judged = vec![
        whole(Gate::Plan, plan_is_there(observed, reads)),
        whole(Gate::OnTime, on_time(observed, status, reads).map_err(Closed::Now)),
        whole(Gate::Announced, was_told(observed, status).map_err(Closed::Waits)),
        whole(Gate::Lever, lever(reads).map_err(Closed::Now)),
    ];
    let (steps, asked) = match &reads.plan {
        Found::There(plan) => (plan.spec.steps.as_slice(), Some(plan.spec.gates())),
        Found::Missing | Found::Unreadable(_) => (&[][..], None),
    };
    let unasked = || {
        let words = "nobody knows what is asked for, as the plan was not read".to_owned();
        let is_unread = matches!(reads.plan, Found::Unreadable(_));
        Err(if is_unread { Closed::Waits(words) } else { Closed::Now(words) })
    };
    let asking = |name, judge: &dyn Fn(&GoNoGo) -> Judged| {
        whole(name, asked.as_ref().map_or_else(unasked, judge))
    };
    for step in steps {
        let mut of_step = |name, of| judged.push((name, step.name.clone(), of));
        of_step(Gate::Experiments, experiment(step, reads));
        of_step(Gate::Starter, starter(step, reads));
        let asked = asked.as_ref();
        let exist = asked.map_or_else(unasked, |asked| firing::alerts_exist(asked, step, reads));
        of_step(Gate::AlertsExist, exist);
        of_step(Gate::Rehearsal, rehearsal::judge(observed, step, reads));
    }
    judged.push(whole(Gate::Clock, clock(reads)));
    judged.push(asking(Gate::ErrorBudget, &|asked| firing::error_budget(asked, reads)));
    let quiet = |asked: &GoNoGo| firing::quiet(&asked.no_firing, &reads.firing, &[]);
    judged.push(asking(Gate::NoFiring, &quiet));
    judged.push(whole(Gate::NoRollout, no_rollout(&reads.rollouts, &[])));
    judged.push(whole(Gate::NoOtherRun, no_other_run(reads)));
    match asked.as_ref().and_then(|asked| asked.passed_before.as_ref()) {
        Some(PassedBefore { within }) => {
            judged.extend(passed_before(observed, reads, steps, *within));
        }
        None => judged.push(asking(Gate::PassedBefore, &|_| Ok("not asked for".to_owned()))),
    }
    let approved = |asked: &GoNoGo| {
        let approved = approval::judge(observed.day, asked.approvals, plan);
        approved.map_err(Closed::Waits)
    };
    judged.push(asking(Gate::Approval, &approved));
    judged
}

/// Whether no workload is in the middle of a rollout, those apart that runs of this day may roll out.
pub(super) fn no_rollout(
    rollouts: &Result<Vec<Rollout>, String>,
    own: &[&ExperimentRun],
) -> Judged {
    let unread = |error| Closed::Waits(format!("the workloads cannot be listed: {error}"));
    let rollouts = rollouts.as_ref().map_err(unread)?;
    let is_own = |rollout: &&Rollout| {
        let journals = own.iter().filter_map(|run| run.status.as_ref()?.journal.as_ref());
        journals.flat_map(|journal| &journal.workloads).any(|known| known.uid == rollout.uid)
    };
    match rollouts.iter().find(|rollout| !is_own(rollout)) {
        Some(Rollout { workload, progress, .. }) => {
            Err(Closed::Waits(format!("{workload}: {progress}")))
        }
        None => Ok("no workload of this namespace is in the middle of a rollout".to_owned()),
    }
}

/// Until when gates that time can open are waited for.
#[must_use]
pub fn deadline(begins: Moment, reads: &GateReads) -> Moment {
    begins
        + match &reads.plan {
            Found::There(plan) => plan.spec.starting_deadline,
            Found::Missing | Found::Unreadable(_) => WITHOUT_PLAN,
        }
}

fn result(name: Gate, step: &str, judged: Judged) -> GateResult {
    let passed = judged.is_ok();
    let words = judged.unwrap_or_else(|closed| match closed {
        Closed::Now(why) | Closed::Waits(why) => why,
    });
    GateResult { name, step: step.to_owned(), passed, detail: super::seen::words(&words) }
}

fn plan_is_there(observed: &Observed<'_>, reads: &GateReads) -> Judged {
    let name = &observed.day.spec.game_day;
    match &reads.plan {
        Found::There(plan) => is_to_run(observed, plan).map_err(Closed::Now),
        Found::Missing => Err(Closed::Now(format!("there is no GameDay {name} in this namespace"))),
        Found::Unreadable(error) => {
            Err(Closed::Waits(format!("GameDay {name} cannot be read: {error}")))
        }
    }
}

fn is_to_run(observed: &Observed<'_>, plan: &GameDay) -> Result<String, String> {
    let name = &observed.day.spec.game_day;
    if plan.metadata.deletion_timestamp.is_some() {
        return Err(format!("GameDay {name} is being deleted"));
    }
    if let Some(problem) = plan::broken_rules(&plan.spec).first() {
        return Err(format!("GameDay {name} is not valid: {}: {}", problem.path, problem.message));
    }
    if plan.spec.suspend {
        return Err(format!("GameDay {name} is suspended; set spec.suspend to false"));
    }
    match observed.day.spec.at {
        None => Ok(format!("GameDay {name} is there; somebody started this day")),
        Some(at) => is_its_time(observed, plan, at).map(|()| format!("GameDay {name} fires then")),
    }
}

/// A day for a time is one that the schedule still has, after the plan was last changed, and the only one for it.
fn is_its_time(observed: &Observed<'_>, plan: &GameDay, at: Moment) -> Result<(), String> {
    let name = &observed.day.spec.game_day;
    match observed.schedule(&plan.spec).and_then(|schedule| schedule.fire_at(at)) {
        None => return Err(format!("{at} is no time of GameDay {name} (any more)")),
        Some(fire) => {
            if let Some(skipped) = fire.skipped {
                return Err(format!("{at} is skipped: {skipped}"));
            }
        }
    }
    let status = plan.status.clone().unwrap_or_default();
    let since = status.since.filter(|since| Some(since.generation) == plan.metadata.generation);
    match since {
        Some(since) if since.at < at => {}
        Some(since) => {
            return Err(format!("GameDay {name} counts since {}, which is later", since.at));
        }
        None => return Err(format!("GameDay {name} was changed just now")),
    }
    if status.last_fire == Some(at) && status.last_day_uid.as_deref() == Some(observed.day.uid()) {
        return Ok(());
    }
    match (status.last_fire, status.last_day) {
        (Some(fired), Some(day)) if fired >= at => {
            Err(format!("GameDay {name} has had its day for this time: {day}"))
        }
        _ => Err(format!("GameDay {name} has not taken this day up")),
    }
}

/// A day that waits for a gate is on time if it has begun to.
fn on_time(
    observed: &Observed<'_>,
    status: &GameDayRunStatus,
    reads: &GateReads,
) -> Result<String, String> {
    let begins = observed.day.begins().unwrap_or(observed.now);
    let began = status.fact(DayFactName::Gating).map_or(observed.now, |fact| fact.at);
    let late = Duration::between(begins, began);
    let limit = Duration::between(begins, deadline(begins, reads));
    let late_by = format!("{} after its time, startingDeadline is {limit}", tenths(late));
    if late > limit { Err(late_by) } else { Ok(late_by) }
}

fn lever(reads: &GateReads) -> Result<String, String> {
    match reads.lever.refusal() {
        Some(why) => Err(format!("{why}; firedrill resume releases it")),
        None => Ok("not engaged".to_owned()),
    }
}

fn experiment(step: &Step, reads: &GateReads) -> Judged {
    let name = &step.experiment;
    match reads.experiments.get(&**name) {
        Some(Found::There(spec)) => match Plan::parse(spec) {
            Ok(_) => Ok(format!("Experiment {name} is valid")),
            Err(problems) => {
                let first = problems.first();
                let told = first.map(|problem| format!(": {}: {}", problem.path, problem.message));
                let told = told.unwrap_or_default();
                Err(Closed::Now(format!("Experiment {name} is not valid{told}")))
            }
        },
        Some(Found::Unreadable(error)) => {
            Err(Closed::Waits(format!("Experiment {name} cannot be read: {error}")))
        }
        Some(Found::Missing) | None => {
            Err(Closed::Now(format!("there is no Experiment {name} in this namespace")))
        }
    }
}

fn starter(step: &Step, reads: &GateReads) -> Judged {
    match reads.starter.get(&step.name) {
        Some(Ok(_)) => Ok("firedrill-starter may create its run".to_owned()),
        Some(Err(NotStarted::Refused(words))) => Err(Closed::Now(words.clone())),
        Some(Err(NotStarted::Unanswered(words))) => Err(Closed::Waits(words.clone())),
        None => Err(Closed::Waits("it was not asked whether its run may be created".to_owned())),
    }
}

fn clock(reads: &GateReads) -> Judged {
    let mut shown = reads.starter.values().filter_map(|answer| answer.as_ref().ok());
    let Some(Clocks { theirs, ours }) = shown.next() else {
        return Err(Closed::Waits("the API server's clock was not seen".to_owned()));
    };
    let apart = Duration::between(*theirs, *ours).max(Duration::between(*ours, *theirs));
    let told = format!(
        "the API server's clock and the operator's are {} apart, at most {CLOCKS}",
        tenths(apart)
    );
    // The API server tells seconds, and never rounds up.
    if apart > CLOCKS + Duration::seconds(1) { Err(Closed::Now(told)) } else { Ok(told) }
}

fn no_other_run(reads: &GateReads) -> Judged {
    let others = reads.others.as_ref().map_err(|error| {
        Closed::Waits(format!("the other runs and days of the namespace cannot be listed: {error}"))
    })?;
    if let Some(day) = others.days.first() {
        return Err(Closed::Waits(format!("game day {} is under way in this namespace", day.name)));
    }
    match others.runs.as_slice() {
        [] => Ok("no other run or day is under way in this namespace".to_owned()),
        [first, ..] => Err(Closed::Waits(format!(
            "{} under way in this namespace: {first}",
            count(others.runs.len(), "other run")
        ))),
    }
}

/// Whether each step's experiment has passed before, in the predecessor of the namespace.
fn passed_before<'a>(
    observed: &Observed<'a>,
    reads: &'a GateReads,
    steps: &'a [Step],
    within: Duration,
) -> impl Iterator<Item = (Gate, String, Judged)> + 'a {
    let here = observed.day.metadata.namespace.as_deref().unwrap_or_default();
    let now = observed.now;
    steps.iter().map(move |step| {
        let predecessor = reads.predecessor.as_ref();
        let judged = earlier::judge(&step.experiment, (within, now), here, predecessor);
        (Gate::PassedBefore, step.name.clone(), judged.map_err(Closed::Now))
    })
}

/// What runs, where the plan and every experiment of it are there.
fn planned(reads: &GateReads) -> Option<DayPlan> {
    let Found::There(plan) = &reads.plan else { return None };
    day_plan(plan, |name| match reads.experiments.get(name) {
        Some(Found::There(spec)) => Some(spec),
        _ => None,
    })
}

/// What a day of that plan runs, with the hash by which people approve it, where every experiment is there.
#[must_use]
pub fn day_plan<'a>(
    plan: &GameDay,
    experiment: impl Fn(&str) -> Option<&'a ExperimentSpec>,
) -> Option<DayPlan> {
    let mut experiments: Vec<PlannedExperiment> = Vec::new();
    for step in &plan.spec.steps {
        let spec = experiment(&step.experiment)?;
        if experiments.iter().all(|known| known.name != step.experiment) {
            experiments.push(PlannedExperiment {
                name: step.experiment.clone(),
                hash: hash::short(spec),
                steady_for: spec.guards.steady_for,
                duration: spec.duration,
                breaks: breaks(spec),
            });
        }
    }
    Some(DayPlan {
        uid: plan.metadata.uid.clone().unwrap_or_default(),
        generation: plan.metadata.generation.unwrap_or_default(),
        hash: hash::short(&(&plan.spec, &experiments)),
        spec: plan.spec.clone(),
        experiments,
    })
}

/// The run of a step as it is created, of that version of its experiment; `start_within` is how long its own guards
/// may be waited for.
#[must_use]
pub fn run_of(
    day: &str,
    step: &Step,
    experiment_hash: Option<String>,
    start_within: Duration,
) -> (String, ExperimentRunSpec) {
    let spec = ExperimentRunSpec {
        start_within,
        game_day: Some(day.into()),
        unannounced: step.unannounced,
        experiment_hash,
        ..ExperimentRunSpec::of(&step.experiment)
    };
    (run_name(day, &step.name), spec)
}
