//! What the API server said in answer to live reads, just before something is decided.

pub mod reach;

use serde_json::Value;

use crate::{
    api::{
        Duration, Moment,
        run::{
            ExperimentRun, ExperimentRunStatus, FactName, Guard, TargetRef, TargetState, Workload,
        },
    },
    core::{revert::leftovers::Revision, signals::pods::Pod},
    faults::Object,
};

/// The cluster as it was at `read_at`.
#[derive(Clone, Debug)]
pub struct ClusterState {
    /// When the reads began.
    pub read_at: Moment,
    /// When the target was read.
    pub target_read_at: Moment,
    /// When the other runs of the namespace were read live; absent where they are as last heard.
    pub rivals_read_at: Option<Moment>,
    /// The safety lever.
    pub lever: Lever,
    /// The namespace of the run.
    pub namespace: Namespace,
    /// What is said now of the run by the day that it is a step of, or by the debrief that schedules it, with the guard that
    /// asks; absent for a run that somebody has started.
    pub intent: Option<(Guard, Intent)>,
    /// The target.
    pub target: Target,
    /// Its pods.
    pub pods: Vec<Pod>,
    /// The workloads that own them.
    pub workloads: Vec<Workload>,
    /// The disruption budgets of the namespace, or why they cannot be listed.
    pub budgets: Result<Vec<Budget>, String>,
    /// The other runs, of this namespace live, of others as last heard.
    pub rivals: Vec<Rival>,
    /// What a fault that changes fields looks at; absent for one that takes pods away.
    pub fault_reads: Option<FaultReads>,
    /// What the target was like, and when that was read; absent once the intent is written down.
    pub state: Option<(Moment, TargetState)>,
}

/// What a fault that changes fields of an object looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultReads {
    /// The object that is changed.
    pub object: Changeable,
    /// The revisions of the object whose template holds the fault; absent where they were not read,
    /// because the revert had not begun as far as was known then.
    pub faulty_revisions: Option<Vec<Revision>>,
    /// The spec of the policy that blocks the target's egress, or why there can be none.
    pub policy: Option<Result<Value, String>>,
    /// How many ready pods the dependency has, where endpoints tell of it.
    pub dependency_ready: Option<usize>,
    /// When a reaper was last heard of.
    pub reaper_seen: Option<Moment>,
}

/// What is read for a fault that changes fields, beside its object, by where the run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    /// The revisions that hold the fault, which our revert removes; until then the policy that blocks an egress.
    pub faulty_revisions: bool,
    /// What shows the effect: once the fault is known to be there.
    pub sign: bool,
    /// When a reaper was last heard of: until the journal, which a guard holds up without one.
    pub reaper: bool,
}

impl Reads {
    /// What is read for a run of that status.
    #[must_use]
    pub fn of(status: Option<&ExperimentRunStatus>) -> Self {
        let seen = |fact| status.is_some_and(|status| status.fact(fact).is_some());
        Self {
            faulty_revisions: seen(FactName::RevertStarted),
            sign: seen(FactName::Injected),
            reaper: !seen(FactName::Journaled),
        }
    }
}

/// An object that is to be changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Changeable {
    /// It was read.
    Found(Object),
    /// There is none of that name.
    Missing,
    /// It could not be read.
    Unreadable(String),
}

/// How old a read may be when something harmful is decided on it.
pub const FRESH: Duration = Duration::seconds(1);

/// How old what the target was like may be when the intent is written down.
const STATE_FRESH: Duration = Duration::seconds(10);

impl ClusterState {
    /// What the target was like, where that is new enough not to be read once more.
    #[must_use]
    pub fn state_at(&self, now: Moment) -> Option<(Moment, TargetState)> {
        let is_new = |(at, _): &&(Moment, TargetState)| Duration::between(*at, now) < STATE_FRESH;
        self.state.as_ref().filter(is_new).cloned()
    }

    /// The object that the fault changes, where it could be read.
    #[must_use]
    pub fn object(&self) -> Option<&Object> {
        match &self.fault_reads.as_ref()?.object {
            Changeable::Found(object) => Some(object),
            Changeable::Missing | Changeable::Unreadable(_) => None,
        }
    }

    /// The revisions of the target's pods, each once. One that is ending may be what a fault of the same
    /// template has left.
    #[must_use]
    pub fn revisions(&self) -> Vec<String> {
        let pods = self.pods.iter().filter(|pod| !pod.ending);
        let mut revisions: Vec<String> = pods.filter_map(|pod| pod.revision().cloned()).collect();
        revisions.sort();
        revisions.dedup();
        revisions.truncate(16);
        revisions
    }

    /// Whether something harmful may be decided on this.
    #[must_use]
    pub fn is_fresh(&self, now: Moment) -> bool {
        Duration::between(self.read_at, now) <= FRESH
    }

    /// Whether the target or its pods could not be read: then their absence means nothing.
    #[must_use]
    pub const fn is_unreadable(&self) -> bool {
        matches!(self.target, Target::Unreadable(_))
    }
}

/// The safety lever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lever {
    /// Not engaged, or absent.
    Open,
    /// Engaged for this namespace.
    Engaged {
        /// Who engaged it.
        by: String,
        /// Why.
        reason: String,
    },
    /// Nobody knows; treated as engaged.
    Unreadable(String),
}

impl Lever {
    /// Why it stops everything, if it does.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        match self {
            Self::Open => None,
            Self::Engaged { by, reason } => Some(format!("engaged by {by}: {reason}")),
            Self::Unreadable(error) => {
                Some(format!("unreadable, which counts as engaged: {error}"))
            }
        }
    }
}

/// What a day says of a run that is created as a step of it, and a debrief of one that it schedules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// This is the run that was written down before it was created, and it may go on; in words.
    Written(String),
    /// The same, but it has still to write down which run of that name that is: two may have been created, one after
    /// the other, by calls that were late.
    Unsettled(String),
    /// It is none that was written down, or nothing may start any more; why.
    Refused(String),
}

/// The namespace of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// It was read.
    Found {
        /// It carries the label that opts in.
        enabled: bool,
        /// It carries the label that forbids everything.
        protected: bool,
        /// It is being deleted.
        terminating: bool,
    },
    /// It could not be read.
    Unreadable(String),
}

/// The target of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// It was read.
    Found {
        /// The target as it is.
        reference: TargetRef,
        /// How many pods it should have; for a Service how many it selects.
        desired: i32,
        /// Why a rollout is under way, if one is.
        rollout: Option<String>,
    },
    /// There is none of that name.
    Missing,
    /// It could not be read.
    Unreadable(String),
}

/// A disruption budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its name.
    pub name: String,
    /// How many pods it allows to be evicted now.
    pub allowed: i32,
    /// UIDs of the target's pods that it protects.
    pub pods: Vec<String>,
}

/// What comes before a run that is to start, as heard of by watch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rank {
    /// The runs that have journaled and are not over.
    pub under_way: usize,
    /// The runs that wait for their turn alone and come before this one.
    pub earlier: usize,
}

impl Rank {
    /// Whether it is not the run's turn where so many may be under way at once.
    #[must_use]
    pub fn is_full(self, limit: i32) -> bool {
        self.under_way + self.earlier >= usize::try_from(limit).unwrap_or(0)
    }
}

/// Another run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Whether it has injected.
    pub injected: bool,
    /// UIDs of the workloads that it has journaled; only journaled, incomplete runs are rivals.
    pub workloads: Vec<String>,
}

impl Rival {
    /// Whether the run has journaled and is not over.
    #[must_use]
    pub fn is(run: &ExperimentRun) -> bool {
        run.has_begun() && !run.is_complete()
    }

    /// The run as a rival, if it is one.
    #[must_use]
    pub fn of(run: &ExperimentRun) -> Option<Self> {
        let status = run.status.as_ref().filter(|_| Self::is(run))?;
        let journal = status.journal.as_ref()?;
        Some(Self {
            name: run.metadata.name.clone().unwrap_or_default(),
            uid: run.uid().to_owned(),
            injected: status.fact(FactName::Injected).is_some(),
            workloads: journal.workloads.iter().map(|workload| workload.uid.clone()).collect(),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::core::signals::pods::tests::{at, pod};

    /// A cluster in which nothing was found.
    pub fn cluster() -> ClusterState {
        ClusterState {
            read_at: at(0.0),
            target_read_at: at(0.0),
            rivals_read_at: None,
            lever: Lever::Open,
            namespace: Namespace::Unreadable(String::new()),
            intent: None,
            target: Target::Missing,
            pods: Vec::new(),
            workloads: Vec::new(),
            budgets: Ok(Vec::new()),
            rivals: Vec::new(),
            fault_reads: None,
            state: None,
        }
    }

    /// Nothing of what a fault that changes fields looks at.
    pub const fn fault_reads() -> FaultReads {
        FaultReads {
            object: Changeable::Missing,
            faulty_revisions: None,
            policy: None,
            dependency_ready: None,
            reaper_seen: None,
        }
    }

    /// A cluster in which no guard refuses to take one of two pods away.
    pub fn healthy() -> ClusterState {
        let reference =
            TargetRef { kind: "Deployment".into(), name: "web".into(), ..TargetRef::default() };
        ClusterState {
            namespace: Namespace::Found { enabled: true, protected: false, terminating: false },
            target: Target::Found { reference, desired: 2, rollout: None },
            pods: vec![pod(0, true), pod(1, true)],
            ..cluster()
        }
    }
}
