//! What a decision about a day may depend on, and what it can be.

use std::collections::BTreeMap;

use crate::{
    api::{
        Duration, ExperimentRun, ExperimentRunSpec, ExperimentSpec, GameDay, GameDayRun,
        GameDayRunStatus, Moment,
        game_day_run::{DayFactName, DayReason},
    },
    core::cluster::{FRESH, Intent, Lever},
};

/// Everything that a decision about a day may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The present instant, of the wall clock.
    pub now: Moment,
    /// The day as last read or written.
    pub day: &'a GameDayRun,
    /// Its plan as last heard.
    pub plan: Option<&'a GameDay>,
    /// The lever as last heard by watch.
    pub lever: &'a Lever,
    /// What the gates look at, once that was asked for.
    pub gates: Option<&'a GateReads>,
    /// What steps look at, once that was asked for.
    pub steps: Option<&'a StepReads>,
    /// Why the API server did not create the run that this process asked for last.
    pub refused: Option<&'a str>,
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
    pub starter: BTreeMap<String, Result<Moment, String>>,
    /// What else is live in the namespace, or why nobody knows.
    pub others: Result<Others, String>,
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

/// What steps look at, read live.
#[derive(Clone, Debug)]
pub struct StepReads {
    /// When the reads began.
    pub read_at: Moment,
    /// The plan.
    pub plan: Found<GameDay>,
    /// The runs of the steps that have one and are not over, by the step's name.
    pub runs: BTreeMap<String, Found<ExperimentRun>>,
    /// The other days that have begun; read until this one has started a step.
    pub days: Result<Vec<OtherDay>, String>,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// What the gates look at.
    Gates,
    /// What steps look at.
    Steps,
}

/// Something done to the cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Put our finalizer on the day.
    AddFinalizer,
    /// Take it off.
    ReleaseFinalizer,
    /// Create the run of a step, as the starter.
    Create {
        /// Name of the run.
        name: String,
        /// What it runs.
        spec: Box<ExperimentRunSpec>,
    },
    /// Ask the run of that name to stop.
    Stop(String),
}

/// Where a day stands, read off its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Its time has not come.
    Planned,
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
        } else {
            Self::Planned
        }
    }

    /// The stage in a word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Planned => "Planned",
            Self::Gating => "Gating",
            Self::Running => "Running",
            Self::Cooling => "Cooling",
            Self::Reported => "Reported",
        }
    }
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

    pub(super) fn name(&self) -> &str {
        self.day.metadata.name.as_deref().unwrap_or_default()
    }
}
