//! From everything that was seen to one thing to do.
//!
//! Every harmful effect is legal only when the fact that announces it is already persisted, and
//! every path out of an intent leads through the revert.

mod aborting;
mod arming;
mod before;
mod during;
mod ending;
mod reverting;
mod rounds;
mod waiting;

use super::{
    alarms::Watcher,
    plan::{Plan, Problem},
    sight::Sight,
    span::Span,
    stage::{self, Stage},
    world::{Lever, World},
};
use crate::{
    api::{
        Duration, Moment,
        run::{ExperimentRun, ExperimentRunStatus, Fact, FactName, Reason},
    },
    config::Config,
    faults::{Call, Outcome},
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
    /// Live reads, once they were asked for.
    pub world: Option<&'a World>,
    /// What was seen so far.
    pub sight: &'a Sight,
    /// What became of the calls that this process sent last.
    pub report: Option<&'a Report>,
    /// What became of opening the debrief, once that was tried to the end.
    pub debrief: Option<&'a Debriefing>,
}

/// The experiment that a run executes.
#[derive(Clone, Debug)]
pub enum Subject {
    /// It is valid.
    Valid {
        /// The experiment.
        plan: Box<Plan>,
        /// Generation of the Experiment; absent for a template.
        generation: Option<i64>,
    },
    /// There is no Experiment of that name.
    Missing(String),
    /// It is not valid.
    Invalid(Vec<Problem>),
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
    /// No debrief could be opened.
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
    World,
    /// The other runs of the namespace.
    Rivals,
    /// The target alone.
    Target,
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

/// Why the revert began; the API server takes none that lacks its reason.
fn cause(started: &Fact) -> Reason {
    started.reason.unwrap_or(Reason::Stopped)
}

/// How soon to look again where only time or somebody else can change something.
const AGAIN: Duration = Duration::seconds(1);

/// Decides one thing.
#[must_use]
pub fn decide(observed: &Observed<'_>) -> Decision {
    let empty = ExperimentRunStatus::default();
    let status = observed.run.status.as_ref().unwrap_or(&empty);
    match stage::of(status) {
        Stage::Waiting => before::decide(observed, status),
        Stage::Intended => during::intended(observed, status),
        Stage::Injected => during::injected(observed, status),
        Stage::Reverting => reverting::decide(observed, status),
        Stage::Aftermath => during::aftermath(observed, status),
        Stage::Measured => ending::close(observed, status),
        Stage::Complete if observed.run.is_held() => Decision::Act(Effect::ReleaseFinalizer),
        Stage::Complete => Decision::Rest,
    }
}

impl<'a> Observed<'a> {
    fn namespace(&self) -> &'a str {
        self.run.metadata.namespace.as_deref().unwrap_or_default()
    }

    fn watcher(&self, plan: &'a Plan) -> Watcher<'a> {
        Watcher {
            plan,
            namespace: self.namespace(),
            namespace_label: self.config.namespace_label(),
        }
    }

    fn generation(&self) -> Option<i64> {
        self.run.metadata.generation
    }

    /// Why the run must end now, if it must: deletion, `spec.stop` and the lever are one input.
    fn stop(&self) -> Option<Reason> {
        if self.run.metadata.deletion_timestamp.is_some() {
            Some(Reason::Deleted)
        } else if self.run.spec.stop {
            Some(Reason::Stopped)
        } else if self.lever.refusal().is_some() {
            Some(Reason::Lever)
        } else {
            None
        }
    }

    /// Reads once more, a little later, what could not be read: its absence proves nothing.
    fn look_again(&self, world: &World) -> Decision {
        let again = world.read_at + AGAIN;
        if self.now < again { Decision::WaitUntil(again) } else { Decision::Look(Need::World) }
    }

    /// Writes that status with its facts in the order of their instants: one that is seen late stands where it
    /// belongs.
    fn record(&self, mut status: ExperimentRunStatus) -> Decision {
        status.facts.sort_by_key(|fact| (fact.at, fact.name));
        super::conditions::update(&mut status, None, self.generation(), self.now);
        Decision::Record(Box::new(status))
    }

    /// The fact that something is so as of now.
    fn now_fact(&self, name: FactName, detail: impl Into<String>) -> Fact {
        Span::new(self.now, self.now).fact(name, "operator", detail)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::{names, run::Journal},
        core::pods::tests::at,
    };

    /// What is known of a run that has these facts, in seconds; one that was journaled has its journal.
    pub fn status(plan: &Plan, facts: &[(FactName, f64)]) -> ExperimentRunStatus {
        let fact = |&(name, second)| Span::new(at(second), at(second)).fact(name, "x", "");
        let journaled = facts.iter().any(|(name, _)| *name == FactName::Journaled);
        let journal = || Journal { spec: Some(plan.spec.clone()), ..Journal::default() };
        ExperimentRunStatus {
            facts: facts.iter().map(fact).collect(),
            plan: journaled.then(journal),
            ..ExperimentRunStatus::default()
        }
    }

    /// What is decided at `now` about such a run of that plan.
    pub fn decided(
        plan: &Plan,
        status: Option<ExperimentRunStatus>,
        world: Option<&World>,
        sight: &Sight,
        now: f64,
    ) -> Decision {
        let subject = Subject::Valid { plan: Box::new(plan.clone()), generation: None };
        decided_of(&subject, status, world, sight, now)
    }

    /// The same of a run of that subject.
    pub fn decided_of(
        subject: &Subject,
        status: Option<ExperimentRunStatus>,
        world: Option<&World>,
        sight: &Sight,
        now: f64,
    ) -> Decision {
        let spec = serde_json::from_value(json!({"experiment": "x"})).unwrap();
        let mut run = ExperimentRun::new("x-1", spec);
        run.metadata.namespace = Some("shop".to_owned());
        run.metadata.uid = Some("run".to_owned());
        run.metadata.finalizers = Some(vec![names::FINALIZER.to_owned()]);
        run.status = status;
        decide(&Observed {
            now: at(now),
            run: &run,
            subject,
            config: &Config::default(),
            own_namespace: false,
            inside: true,
            lever: &Lever::Open,
            world,
            sight,
            report: None,
            debrief: None,
        })
    }
}
