//! Why a run ended or its fault was reverted, in one word.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::journal::Guard;

/// Why a run ended, or its fault was reverted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Reason {
    /// The run was over.
    Ended,
    /// The duration of the fault was over; what it broke is still measured.
    Duration,
    /// `spec.stop` was set.
    Stopped,
    /// The run was deleted.
    Deleted,
    /// The safety lever was engaged.
    Lever,
    /// A guard closed after the journal, or a condition for an early end held.
    Guard,
    /// Another run has one of the same workloads.
    TargetFree,
    /// The disruption budgets refused the evictions.
    DisruptionBudget,
    /// The API server refused the fault for good.
    InjectionDenied,
    /// The deadline passed before anything was injected.
    DeadlinePassed,

    /// Nothing was to be broken: the run was a plan.
    DryRun,
    /// There is no Experiment of that name.
    ExperimentNotFound,
    /// The Experiment is another version than the run was created for.
    ExperimentChanged,
    /// The spec breaks a rule; or spec and status say what nobody can judge the run by.
    InvalidSpec,
    /// What the guards look at was too old once it was read.
    ReadsTooSlow,
    /// The guard `Enabled` refused the run.
    Enabled,
    /// The guard `NotProtected` refused the run.
    NotProtected,
    /// The guard `Caps` refused the run.
    Caps,
    /// The guard `TargetFound` refused the run.
    TargetFound,
    /// The guard `ServicesFound` refused the run.
    ServicesFound,
    /// The guard `MinReady` refused the run.
    MinReady,
    /// The guard `MaxUnavailable` refused the run.
    MaxUnavailable,
    /// The guard `NoRollout` refused the run.
    NoRollout,
    /// The guard `Steady` refused the run.
    BaselineNotSteady,
    /// The guard `AlertsQuiet` refused the run.
    AlertAlreadyFiring,
    /// The guard `AbortConditions` refused the run.
    AbortConditions,
    /// The guard `Reaper` refused the run.
    Reaper,
    /// The guard `Concurrency` refused the run.
    Concurrency,
    /// The guard `GameDay` refused the run.
    GameDay,
    /// The guard `Debrief` refused the run.
    Debrief,

    /// Every objective was met.
    ObjectivesMet,
    /// The service was back before anybody had to notice.
    HealedBeforeObjective,
    /// Users noticed nothing, as was expected.
    Tolerated,
    /// It was not noticed in time.
    DetectionMissed,
    /// The service was not back in time.
    RecoveryMissed,
    /// Neither was in time.
    DetectionAndRecoveryMissed,
    /// Users noticed, and were expected not to.
    NotTolerated,
    /// The service was not back at the end.
    StillBroken,
    /// Some victims were refused.
    FaultPartial,
    /// No sign of the fault was seen, or it was over too soon.
    FaultNotObserved,
    /// The fault had no visible impact.
    NoImpact,
    /// No alert source could be asked.
    SourceLost,
    /// Nobody looked for a time that matters.
    ObservationGap,
    /// An objective lies within the error of the measurement.
    WithinError,
}

impl Reason {
    /// Whether somebody or something outside the experiment ended the run early.
    #[must_use]
    pub const fn aborts(self) -> bool {
        matches!(self, Self::Stopped | Self::Deleted | Self::Lever | Self::Guard)
    }

    /// Whether this is the name of the guard that refused the run.
    #[must_use]
    pub const fn names_guard(self) -> bool {
        matches!(
            self,
            Self::Enabled
                | Self::NotProtected
                | Self::Lever
                | Self::Caps
                | Self::TargetFound
                | Self::ServicesFound
                | Self::MinReady
                | Self::MaxUnavailable
                | Self::DisruptionBudget
                | Self::NoRollout
                | Self::TargetFree
                | Self::AbortConditions
                | Self::Reaper
                | Self::Concurrency
                | Self::GameDay
                | Self::Debrief
        )
    }
}

impl From<Guard> for Reason {
    fn from(guard: Guard) -> Self {
        match guard {
            Guard::Enabled => Self::Enabled,
            Guard::NotProtected => Self::NotProtected,
            Guard::Lever => Self::Lever,
            Guard::Caps => Self::Caps,
            Guard::TargetFound => Self::TargetFound,
            Guard::ServicesFound => Self::ServicesFound,
            Guard::MinReady => Self::MinReady,
            Guard::MaxUnavailable => Self::MaxUnavailable,
            Guard::DisruptionBudget => Self::DisruptionBudget,
            Guard::NoRollout => Self::NoRollout,
            Guard::Steady => Self::BaselineNotSteady,
            Guard::AlertsQuiet => Self::AlertAlreadyFiring,
            Guard::TargetFree => Self::TargetFree,
            Guard::AbortConditions => Self::AbortConditions,
            Guard::Reaper => Self::Reaper,
            Guard::Concurrency => Self::Concurrency,
            Guard::GameDay => Self::GameDay,
            Guard::Debrief => Self::Debrief,
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}
