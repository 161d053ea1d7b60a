//! What a decision about a day may depend on, and what it can be.

use std::collections::BTreeMap;

use super::earlier::Predecessor;
use crate::{
    api::{
        Duration, ExperimentRun, ExperimentRunSpec, ExperimentSpec, GameDay, GameDayRun,
        GameDayRunStatus, GameDaySpec, Moment,
        game_day::Step,
        game_day_run::{DayFactName, DayPlan, DayReason, Notice},
        run::Warning,
    },
    config::ClosedDays,
    core::{
        alerts::matcher::Labels,
        cluster::{Intent, Lever},
        gameday::schedule::Schedule,
        undelivered::Undelivered,
    },
};

/// How long the guards of a step's run are waited for at most.
pub(super) const START_WITHIN: Duration = Duration::minutes(10);
/// How old a read may be when something is decided on it. What a day looks at takes several questions one after
/// another, and an API server that is slow to answer them must not be asked all of them again for as long as it is slow.
/// Whatever breaks something is a run, whose own guards look anew just before.
const FRESH: Duration = Duration::seconds(10);

/// Everything that a decision about a day may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The present instant, of the wall clock.
    pub now: Moment,
    /// The day as last read or written.
    pub day: &'a GameDayRun,
    /// Its plan as last heard.
    pub plan: Option<&'a GameDay>,
    /// The days on which the configuration lets nothing start.
    pub blackouts: &'a [ClosedDays],
    /// The lever as last heard by watch.
    pub lever: &'a Lever,
    /// What the gates look at, once that was asked for.
    pub gates: Option<&'a GateReads>,
    /// The runs of the steps, once that was asked for.
    pub steps: Option<&'a StepReads>,
    /// What a step looks at before it starts, once that was asked for.
    pub start: Option<&'a StartReads>,
    /// Names of the rehearsals of this day that are there, as last heard.
    pub rehearsals: &'a [String],
    /// Why the API server did not create the run that this process asked for last.
    pub refused: Option<&'a str>,
    /// Whether people are told in a chat, beside Events.
    pub chat: bool,
    /// What became of the announcement that this process made last.
    pub attempt: Option<&'a Attempt>,
}

/// What a live read has found.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<T> {
    /// It was read.
    There(T),
    /// There is none of that name.
    Missing,
    /// It could not be read; why.
    Unreadable(String),
}

/// What the gates look at, read live.
#[derive(Clone, Debug)]
pub struct GateReads {
    /// When the reads began.
    pub read_at: Moment,
    /// The plan.
    pub plan: Found<GameDay>,
    /// The lever.
    pub lever: Lever,
    /// The experiments of its steps, by name.
    pub experiments: BTreeMap<String, Found<ExperimentSpec>>,
    /// What the API server says to the starter that would create the run of a step, by the step's name: what its
    /// clock shows, or why not.
    pub starter: BTreeMap<String, Result<Clocks, NotStarted>>,
    /// What is wrong with the alerts that an experiment expects, by its name.
    pub expected: BTreeMap<String, Vec<Warning>>,
    /// The rehearsal of an experiment, by its name.
    pub rehearsals: BTreeMap<String, Found<ExperimentRun>>,
    /// The alerts that fire, where the plan asks for any.
    pub firing: Firing,
    /// The workloads of the namespace in the middle of a rollout, or why nobody knows.
    pub rollouts: Result<Vec<Rollout>, String>,
    /// How many percent of the error budget are left, where the plan asks for that, or why nobody knows.
    pub error_budget: Option<Result<f64, String>>,
    /// What else is live in the namespace, or why nobody knows.
    pub others: Result<Others, String>,
    /// What the namespace before this one shows; absent where none is configured, or the plan does not ask for it.
    pub predecessor: Option<Predecessor>,
}

/// Why the starter would not create a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotStarted {
    /// The API server refuses it, in these words.
    Refused(String),
    /// The API server did not answer, or could not.
    Unanswered(String),
}

/// What two clocks show at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// The API server's, as it answered.
    pub theirs: Moment,
    /// The operator's, when it had the answer.
    pub ours: Moment,
}

/// The alerts that fire in a namespace, or in none.
#[derive(Clone, Debug, PartialEq)]
pub enum Firing {
    /// Every source has answered; the labels of each.
    Known(Vec<Labels>),
    /// A source did not answer.
    Unknown(String),
    /// There is no source that could be asked; the keys of the configuration by which there would be one.
    NoSource(String),
}

/// A workload in the middle of a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// UID of the workload.
    pub uid: String,
    /// Its kind and name.
    pub workload: String,
    /// How far the rollout is.
    pub progress: String,
}

/// Other runs and days of a namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// Names of the runs that are not over, this day's own apart.
    pub runs: Vec<String>,
    /// The days that have begun and are not over.
    pub days: Vec<OtherDay>,
}

/// Another day that has begun and is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherDay {
    /// Its name.
    pub name: String,
    /// Its resource version; of one without a step that is the one of its go.
    pub version: u64,
    /// Whether it has written down a step's run.
    pub has_started: bool,
}

/// The runs of the steps, read live.
#[derive(Clone, Debug)]
pub struct StepReads {
    /// When the reads began.
    pub read_at: Moment,
    /// The runs of the steps that have one and are not over, by the step's name.
    pub runs: BTreeMap<String, Found<ExperimentRun>>,
}

/// What a step looks at before it starts, read live.
#[derive(Clone, Debug)]
pub struct StartReads {
    /// When the reads began.
    pub read_at: Moment,
    /// The plan.
    pub plan: Found<GameDay>,
    /// The other days that have begun; read until this one has started a step.
    pub days: Result<Vec<OtherDay>, String>,
    /// The alerts that fire, where the plan asks for any.
    pub firing: Firing,
    /// The workloads of the namespace in the middle of a rollout, or why nobody knows.
    pub rollouts: Result<Vec<Rollout>, String>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Write the status.
    Record(Box<GameDayRunStatus>),
    /// Do something to the cluster.
    Act(Effect),
    /// Read something anew.
    Look(Need),
    /// Nothing to do before that instant, unless something is heard.
    WaitUntil(Moment),
    /// Nothing to do at all.
    Rest,
}

/// What a live read is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// What the gates look at.
    Gates,
    /// The runs of the steps.
    Steps,
    /// What a step looks at before it starts.
    Start,
}

/// Something done to the cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Put our finalizer on the day.
    AddFinalizer,
    /// Take it off.
    ReleaseFinalizer,
    /// Create the run of a step, or a rehearsal, as the starter.
    Create {
        /// Name of the run.
        name: String,
        /// What it runs.
        spec: Box<ExperimentRunSpec>,
    },
    /// Ask the run of that name to stop.
    Stop(String),
    /// Delete the rehearsal of that name.
    Delete(String),
    /// Tell people something.
    Announce {
        /// The status that says so, written before.
        claim: Box<GameDayRunStatus>,
        /// What to tell them.
        message: Box<Message>,
    },
}

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it is about.
    pub what: Notice,
    /// The step that it is about; empty where it is about the day.
    pub step: String,
    /// The same for each try, and for nothing else.
    pub key: String,
    /// The words.
    pub text: String,
    /// Whether it is the last one of its day.
    pub is_last: bool,
    /// Whether it is for people who look for what is wrong.
    pub warns: bool,
}

/// What became of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What it was about.
    pub what: Notice,
    /// The step that it was about; empty where it was about the day.
    pub step: String,
    /// When it was known.
    pub at: Moment,
    /// Why it was not delivered.
    pub problem: Option<Undelivered>,
}

/// Where a day stands, read off its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nobody was told of it.
    Planned,
    /// Its time has not come.
    Announced,
    /// The gates are looked at.
    Gating,
    /// Steps run, or will.
    Running,
    /// No further step starts; some may still run.
    Cooling,
    /// Over.
    Reported,
}

impl Stage {
    /// Reads the stage off the facts.
    #[must_use]
    pub fn of(status: &GameDayRunStatus) -> Self {
        let seen = |name| status.fact(name).is_some();
        if seen(DayFactName::Reported) {
            Self::Reported
        } else if seen(DayFactName::Cooling) || seen(DayFactName::StopRequested) {
            Self::Cooling
        } else if seen(DayFactName::Go) {
            Self::Running
        } else if seen(DayFactName::Gating) {
            Self::Gating
        } else if seen(DayFactName::Announced) {
            Self::Announced
        } else {
            Self::Planned
        }
    }

    /// The stage in a word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Planned => "Planned",
            Self::Announced => "Announced",
            Self::Gating => "Gating",
            Self::Running => "Running",
            Self::Cooling => "Cooling",
            Self::Reported => "Reported",
        }
    }
}

/// How long the run of a step needs until its fault is over.
pub(super) fn needs(plan: &DayPlan, step: &Step) -> Duration {
    let planned = plan.experiment_of(step);
    planned.map_or_else(Duration::default, |known| known.steady_for + known.duration)
}

/// The name of the run of a step.
#[must_use]
pub fn run_name(day: &str, step: &str) -> String {
    format!("{day}-{step}")
}

/// What the day, read live, says of the run of that name and UID.
#[must_use]
pub fn intent(day: &GameDayRun, run: &str, uid: &str) -> Intent {
    let name = day.metadata.name.as_deref().unwrap_or_default();
    if !day.is_under_way() {
        return Intent::Refused(format!("game day {name} is not under way"));
    }
    match day.step_of(run).map(|step| step.run_uid.as_deref()) {
        Some(Some(known)) if known == uid => {
            Intent::Written(format!("game day {name} has this run among its steps"))
        }
        Some(None) => Intent::Unsettled(format!("game day {name} has a run of this name")),
        Some(Some(_)) => {
            Intent::Refused(format!("game day {name} has had another run of this name"))
        }
        None => Intent::Refused(format!("game day {name} has no step with this run")),
    }
}

impl Observed<'_> {
    /// What asks for the end of the day from outside, if anything does, and in which words.
    pub(super) fn stop(&self) -> Option<(DayReason, String)> {
        if self.day.metadata.deletion_timestamp.is_some() {
            return Some((DayReason::Deleted, "the day was deleted".to_owned()));
        }
        if self.day.spec.stop {
            let why = self.day.spec.stop_reason.as_deref().unwrap_or("no reason given");
            return Some((DayReason::Stopped, format!("somebody stopped it: {why}")));
        }
        self.lever.refusal().map(|why| (DayReason::Lever, format!("the safety lever is {why}")))
    }

    /// Whether what was read then may still be decided on.
    pub(super) fn is_fresh(&self, read_at: Moment) -> bool {
        Duration::between(read_at, self.now) <= FRESH
    }

    /// When that plan fires and is open, also by the configuration; absent where it cannot be read.
    pub(super) fn schedule(&self, spec: &GameDaySpec) -> Option<Schedule> {
        Schedule::parse(spec).ok().map(|schedule| schedule.and_closed(self.blackouts))
    }

    pub(super) fn name(&self) -> &str {
        self.day.metadata.name.as_deref().unwrap_or_default()
    }
}
