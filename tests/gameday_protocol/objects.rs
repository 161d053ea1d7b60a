//! The plan, its day and the runs as the API server keeps them, and what it makes of each write.

use firedrill::{
    api::{
        Duration, Experiment, ExperimentRun, ExperimentRunSpec, ExperimentSpec, GameDay,
        GameDayRun, GameDayRunSpec, GameDayRunStatus, GameDayStatus, Moment,
        game_day_run::{self, DayFactName},
        names,
    },
    core::{gameday::day::gates::run_of, hash},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use super::{
    judge::Broken,
    state::{Run, Stage},
};

/// The instants, in seconds after the time at which the plan fires: before, at it, in its deadline, behind that, and
/// two at which everything must be over.
const INSTANTS: [i32; 6] = [-5, 0, 70, 4_000, 20_000, 40_000];
/// The time at which the plan fires.
pub const FIRE: u8 = 1;
/// The last instant at which something is still done that is not to be expected.
pub const LATE: u8 = 3;
/// The last instant.
pub const END: u8 = 5;

/// The names of the steps, of which a plan has the first or both.
const STEPS: [&str; 2] = ["one", "two"];
/// Annotation on the plan, which no rule reads: the instant at which somebody has changed it last.
const CHANGED: &str = "changed";

/// One write of an operator.
#[derive(Clone, Debug)]
pub enum Write {
    /// The status of the plan that has that version.
    PlanStatus(String, Box<GameDayStatus>),
    /// The day, with or without our finalizer.
    CreateDay(Box<GameDayRunSpec>, bool),
    /// The status of the day that has that UID and version.
    DayStatus(String, String, Box<GameDayRunStatus>),
    /// Whether that day has our finalizer.
    Finalizer(String, String, bool),
    /// The run of a step.
    CreateRun(u8),
    /// The run of a step is to stop.
    StopRun(u8),
}

/// What the API server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    /// One of that name is there.
    Known,
    /// It is another version by now, or gone.
    Changed,
}

impl Write {
    /// It in a few words.
    pub fn name(&self) -> String {
        match self {
            Self::PlanStatus(_, status) => {
                let fired = if status.last_fire.is_some() { ", which has fired" } else { "" };
                format!("status of the plan{fired}")
            }
            Self::CreateDay(..) => "create the day".to_owned(),
            Self::DayStatus(uid, _, status) => {
                let facts = status.facts.iter().map(|fact| format!("{:?}", fact.name));
                let facts = facts.collect::<Vec<_>>().join(" ");
                let runs = status.steps.iter().filter_map(|step| step.run.as_deref());
                let runs = runs.collect::<Vec<_>>().join(" ");
                format!("status of {uid}: {facts} {runs}")
            }
            Self::Finalizer(uid, _, true) => format!("finalizer on {uid}"),
            Self::Finalizer(uid, _, false) => format!("finalizer off {uid}"),
            Self::CreateRun(step) => {
                format!("create the run of step {}", STEPS[usize::from(*step)])
            }
            Self::StopRun(step) => format!("stop the run of step {}", STEPS[usize::from(*step)]),
        }
    }
}

/// An instant as the clock shows it.
pub fn moment(time: u8) -> Moment {
    let beginning = Moment::from_unix_seconds(1_796_119_200.0).unwrap();
    let seconds = INSTANTS[usize::from(time)];
    let apart = Duration::seconds(seconds.unsigned_abs().into());
    if seconds < 0 { beginning.minus(apart) } else { beginning + apart }
}

/// The name of the one day of the plan.
pub fn day_name() -> String {
    game_day_run::name("p", moment(FIRE))
}

/// The name of the run of a step.
pub fn run_name(step: u8) -> String {
    format!("{}-{}", day_name(), STEPS[usize::from(step)])
}

/// The step whose run has that name.
pub fn step_of(run: &str) -> u8 {
    (0..2).find(|step| run_name(*step) == run).expect("no run has another name")
}

/// The step of that name.
pub fn step(name: &str) -> u8 {
    u8::try_from(STEPS.iter().position(|step| *step == name).unwrap()).unwrap()
}

/// The experiment of every step.
pub fn experiment() -> ExperimentSpec {
    let experiment: Experiment = serde_json::from_value(json!({
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "Experiment", "metadata": {"name": "x"},
        "spec": {
            "hypothesis": "a pod that is gone is not missed", "owner": "team",
            "target": {"deployment": "web"}, "fault": {"podKill": {"count": 1}}, "duration": "5m",
            "steadyState": [{"name": "self", "workload": {}}],
            "detection": {"alerts": ["alertname=\"Down\""]}, "guards": {"steadyFor": "10s"},
        },
    }))
    .unwrap();
    experiment.spec
}

/// The plan as somebody has created it an hour before it fires; its next time is a year later.
pub fn plan(steps: usize) -> GameDay {
    let steps: Vec<_> = STEPS[..steps]
        .iter()
        .map(|step| json!({"name": step, "experiment": "x", "gap": "0s"}))
        .collect();
    let created = moment(FIRE).minus(Duration::minutes(60));
    serde_json::from_value(json!({
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "GameDay",
        "metadata": {
            "name": "p", "namespace": "shop", "uid": "plan", "generation": 1, "resourceVersion": "1",
            "creationTimestamp": created.to_string(), "annotations": {},
        },
        "spec": {
            "schedule": "0 10 1 12 *", "steps": steps, "announce": {"before": "0s"},
            "goNoGo": {"noFiring": [], "alertsExist": false},
        },
    }))
    .unwrap()
}

/// The dry run of the experiment, which has passed every guard.
pub fn rehearsal() -> ExperimentRun {
    let mut spec = ExperimentRunSpec::of("x");
    (spec.dry_run, spec.game_day) = (true, Some(day_name().as_str().into()));
    let mut run = ExperimentRun::new("rehearsal", spec);
    run.metadata.creation_timestamp = Some(Time(moment(END).timestamp()));
    let at = moment(FIRE).to_string();
    let completed = json!({"name": "completed", "at": at, "notBefore": at, "source": "operator"});
    let guard = json!({"name": "Enabled", "passed": true, "detail": ""});
    let status = json!({"facts": [completed], "reason": "DryRun", "plan": {"guards": [guard]}});
    run.status = Some(serde_json::from_value(status).unwrap());
    run
}

/// Somebody changes the plan's spec at that instant.
pub fn change(plan: &GameDay, time: u8, how: impl FnOnce(&mut GameDay)) -> GameDay {
    let mut changed = plan.clone();
    how(&mut changed);
    count(&mut changed.metadata.resource_version);
    changed.metadata.generation = changed.metadata.generation.map(|generation| generation + 1);
    let annotations = changed.metadata.annotations.as_mut().unwrap();
    annotations.insert(CHANGED.to_owned(), time.to_string());
    changed
}

/// Why no day may be for the plan's time as the plan is, whatever its status says.
pub fn is_not_to_fire(plan: &GameDay) -> bool {
    let changed = plan.metadata.annotations.as_ref().and_then(|known| known.get(CHANGED));
    let changed = changed.map(|time| time.parse::<u8>().unwrap());
    plan.spec.suspend || changed.is_some_and(|time| time >= FIRE)
}

fn count(version: &mut Option<String>) {
    let number: u32 = version.as_ref().unwrap().parse().unwrap();
    *version = Some((number + 1).to_string());
}

/// What the API server makes of a write of the plan.
pub fn to_plan(write: &Write, plan: Option<&GameDay>) -> (Option<GameDay>, Answer, Option<Broken>) {
    let (Some(plan), Write::PlanStatus(version, status)) = (plan, write) else {
        return (plan.cloned(), Answer::Changed, None);
    };
    if plan.metadata.resource_version.as_ref() != Some(version) {
        return (Some(plan.clone()), Answer::Changed, None);
    }
    let mut changed = plan.clone();
    changed.status = Some(GameDayStatus::clone(status));
    // What changes nothing is no new version.
    if changed != *plan {
        count(&mut changed.metadata.resource_version);
    }
    let old = plan.status.clone().unwrap_or_default();
    let is_other = old.last_fire == status.last_fire
        && old.last_day_uid.is_some()
        && old.last_day_uid != status.last_day_uid;
    let is_back = status.last_fire < old.last_fire || is_other;
    (Some(changed), Answer::Accepted, is_back.then_some(Broken::Backwards))
}

/// What the API server makes of a write of the day; of a new one the number and the instant are given.
pub fn to_day(
    write: &Write,
    day: Option<&GameDayRun>,
    (number, time): (u8, u8),
) -> (Option<GameDayRun>, Answer) {
    if let Write::CreateDay(spec, held) = write {
        let answer = if day.is_some() { Answer::Known } else { Answer::Accepted };
        let created = day.cloned().unwrap_or_else(|| new_day(spec, *held, number, time));
        return (Some(created), answer);
    }
    let Some(day) = day else { return (None, Answer::Changed) };
    let metadata = &day.metadata;
    let mut changed = day.clone();
    match write {
        Write::DayStatus(uid, version, _) | Write::Finalizer(uid, version, _)
            if metadata.uid.as_ref() != Some(uid)
                || metadata.resource_version.as_ref() != Some(version) =>
        {
            return (Some(day.clone()), Answer::Changed);
        }
        Write::DayStatus(_, _, status) => {
            changed.status = Some(GameDayRunStatus::clone(status));
        }
        Write::Finalizer(_, _, held) => changed.metadata.finalizers = finalizers(*held),
        other => panic!("no write of a day: {other:?}"),
    }
    if changed != *day {
        count(&mut changed.metadata.resource_version);
    }
    (if_there(changed), Answer::Accepted)
}

fn finalizers(held: bool) -> Option<Vec<String>> {
    held.then(|| vec![names::DAY_FINALIZER.to_owned()])
}

/// The day, if it is not gone by now.
fn if_there(day: GameDayRun) -> Option<GameDayRun> {
    Some(day).filter(|day| day.metadata.deletion_timestamp.is_none() || day.is_held())
}

fn new_day(spec: &GameDayRunSpec, held: bool, number: u8, time: u8) -> GameDayRun {
    assert_eq!(spec.at, Some(moment(FIRE)), "no other time comes");
    let mut day = GameDayRun::new(&day_name(), spec.clone());
    day.metadata.namespace = Some("shop".to_owned());
    day.metadata.uid = Some(format!("day {number}"));
    day.metadata.resource_version = Some("1".to_owned());
    day.metadata.generation = Some(1);
    day.metadata.creation_timestamp = Some(Time(moment(time).timestamp()));
    day.metadata.finalizers = finalizers(held);
    day
}

/// Somebody stops the day.
pub fn stop(day: &GameDayRun) -> GameDayRun {
    let mut changed = day.clone();
    changed.spec.stop = true;
    count(&mut changed.metadata.resource_version);
    changed.metadata.generation = changed.metadata.generation.map(|generation| generation + 1);
    changed
}

/// Somebody deletes the day at that instant.
pub fn delete(day: &GameDayRun, time: u8) -> Option<GameDayRun> {
    let mut changed = day.clone();
    changed.metadata.deletion_timestamp = Some(Time(moment(time).timestamp()));
    count(&mut changed.metadata.resource_version);
    if_there(changed)
}

/// The UID of a run.
pub fn run_uid(run: Run) -> String {
    format!("run {}", run.number)
}

/// The run as a day reads it.
pub fn run(run: Run, plan: &GameDay) -> ExperimentRun {
    let step = &plan.spec.steps[usize::from(run.step)];
    let hash = Some(hash::short(&experiment()));
    let (name, mut spec) = run_of(&day_name(), step, hash, Duration::minutes(10));
    spec.stop = run.stop;
    if run.foreign {
        spec.game_day = None;
    }
    let mut object = ExperimentRun::new(&name, spec);
    let created = moment(run.created);
    object.metadata.creation_timestamp = Some(Time(created.timestamp()));
    object.metadata.uid = Some(run_uid(run));
    let verdict = match run.stage {
        Stage::Waiting | Stage::Struck => return object,
        Stage::Passed => "Passed",
        Stage::Aborted => "Aborted",
        Stage::Refused => "Error",
    };
    let at = created.to_string();
    let completed = json!({"name": "completed", "at": at, "notBefore": at, "source": "operator"});
    let status = json!({"facts": [completed], "verdict": verdict});
    object.status = Some(serde_json::from_value(status).unwrap());
    object
}

/// Whether the day has that fact.
pub fn has(day: &GameDayRun, fact: DayFactName) -> bool {
    day.fact(fact).is_some()
}

/// The steps whose runs the day has in its status.
pub fn named(day: &GameDayRun) -> impl Iterator<Item = u8> + '_ {
    let steps = day.status.iter().flat_map(|status| &status.steps);
    steps.filter(|known| known.run.is_some()).map(|known| step(&known.name))
}
