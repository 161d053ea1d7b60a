//! What a decision about a run may depend on, and what it can be.

use std::sync::Arc;

use crate::{
    api::{
        Duration, Moment,
        mark::Mark,
        run::{ExperimentRun, ExperimentRunStatus, Fact, FactName, Journal, Reason},
    },
    config::Config,
    core::{
        alerts::AlertFilter,
        cluster::{ClusterState, Lever, Rank},
        plan::{Plan, Problem},
        signals::Signals,
        span::Span,
    },
    faults::{Call, Object, Outcome},
};

/// Everything that a decision may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// The present instant.
    pub now: Moment,
    /// The run as last read or written.
    pub run: &'a ExperimentRun,
    /// The experiment that runs, or what is wrong with it; see [`Subject`].
    pub subject: &'a Subject,
    /// The operator's configuration.
    pub config: &'a Config,
    /// Whether the namespace is the operator's own, which is always protected.
    pub own_namespace: bool,
    /// Whether the operator runs inside the cluster, where Services can be reached.
    pub inside: bool,
    /// The lever as last heard by watch.
    pub lever: &'a Lever,
    /// Whether the day that the run is a step of is gone, as last heard by watch.
    pub is_day_gone: bool,
    /// What comes before the run, where it has yet to start.
    pub ahead: Rank,
    /// Live reads, once they were asked for.
    pub cluster: Option<&'a ClusterState>,
    /// What was seen so far.
    pub signals: &'a Signals,
    /// What became of the calls that this process sent last.
    pub report: Option<&'a Report>,
    /// What became of opening the debrief, once that was tried to the end.
    pub debrief: Option<&'a Debriefing>,
    /// What carries the mark of this run's fault, once that was asked for.
    pub marked: Option<&'a Marked>,
}

/// The experiment that a run executes.
#[derive(Clone, Debug)]
pub enum Subject {
    /// It is valid.
    Valid {
        /// The experiment.
        plan: Arc<Plan>,
        /// Generation of the Experiment; absent for a template.
        generation: Option<i64>,
    },
    /// There is no Experiment of that name.
    Missing(String),
    /// The Experiment of that name is another version than the run asks for.
    Changed(String),
    /// It is not valid.
    Invalid(Vec<Problem>),
    /// Whatever it is, nobody can judge the run: it cannot be read, or its status cannot be written; why, in words.
    Unjudgeable(String),
}

/// What carries the armed mark of a run's fault, whatever else is known of the run.
#[derive(Clone, Debug, PartialEq)]
pub struct Marked {
    /// When it was looked for.
    pub read_at: Moment,
    /// One such object of the run's namespace, or that there is none; else why nobody knows.
    pub found: Result<Option<Object>, String>,
}

/// What became of the calls that were sent together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// From the first call sent to the last one answered.
    pub span: Span,
    /// By UID of the object.
    pub outcomes: Vec<(String, Outcome)>,
}

/// What became of opening the debrief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Debriefing {
    /// The debrief of that name was opened or joined.
    Recorded(String),
    /// None was opened: none is due, or none could be.
    Failed,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Write the status.
    Record(Box<ExperimentRunStatus>),
    /// Do something to the cluster.
    Act(Effect),
    /// Read something anew.
    Look(Need),
    /// Nothing to do before that instant, unless something is seen.
    WaitUntil(Moment),
    /// Nothing to do at all.
    Rest,
}

impl Decision {
    /// Whether it writes the journal of a run that has none yet.
    #[must_use]
    pub fn begins(&self) -> bool {
        matches!(self, Self::Record(status) if status.fact(FactName::Journaled).is_some())
    }

    /// Its kind in a word, for logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Record(_) => "record",
            Self::Act(Effect::AddFinalizer) => "add finalizer",
            Self::Act(Effect::Send(_)) => "send calls",
            Self::Act(Effect::OpenDebrief) => "open debrief",
            Self::Act(Effect::ReleaseFinalizer) => "release finalizer",
            Self::Look(_) => "look",
            Self::WaitUntil(_) => "wait",
            Self::Rest => "rest",
        }
    }
}

/// What a live read is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Everything that guards look at.
    Cluster,
    /// The other runs of the namespace.
    Rivals,
    /// The target alone.
    Target,
    /// An object that carries the mark of this run's fault.
    Marked,
}

/// Something done to the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Put our finalizer on the run.
    AddFinalizer,
    /// Send the calls of the fault.
    Send(Vec<Call>),
    /// Open or join the debrief.
    OpenDebrief,
    /// Take our finalizer off the run.
    ReleaseFinalizer,
}

/// How soon to look again where only time or somebody else can change something.
pub(super) const AGAIN: Duration = Duration::seconds(1);

/// Why the revert began; the API server takes none that lacks its reason.
pub(super) fn cause(started: &Fact) -> Reason {
    started.reason.unwrap_or(Reason::Stopped)
}

impl<'a> Observed<'a> {
    pub(super) fn namespace(&self) -> &'a str {
        self.run.metadata.namespace.as_deref().unwrap_or_default()
    }

    pub(super) fn alert_filter(&self, plan: &'a Plan) -> AlertFilter<'a> {
        AlertFilter { plan, namespace: self.namespace(), labels: self.config.alert_labels() }
    }

    pub(super) fn generation(&self) -> Option<i64> {
        self.run.metadata.generation
    }

    /// Why the run must end now, if it must: deletion, `spec.stop` and the lever are one input.
    pub(super) fn stop(&self) -> Option<Reason> {
        if self.run.metadata.deletion_timestamp.is_some() {
            Some(Reason::Deleted)
        } else if self.run.spec.stop || self.is_day_gone {
            Some(Reason::Stopped)
        } else if self.lever.refusal().is_some() {
            Some(Reason::Lever)
        } else {
            None
        }
    }

    /// Reads once more, a little later, what could not be read: its absence proves nothing.
    pub(super) fn look_again(&self, cluster: &ClusterState) -> Decision {
        let again = cluster.read_at + AGAIN;
        if self.now < again { Decision::WaitUntil(again) } else { Decision::Look(Need::Cluster) }
    }

    /// The mark of this run's fault.
    pub(super) fn mark(&self, journal: &Journal) -> Mark {
        Mark::armed(self.run.uid(), journal.epoch.unwrap_or(1))
    }
}
