//! What a day's gates say, and how a day ends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One gate with its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateResult {
    /// Name of the gate.
    pub name: Gate,
    /// The step that it is about; empty where it is about all of them.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub step: String,
    /// Whether it let the day pass.
    pub passed: bool,
    /// The numbers, and what to do where it did not.
    #[schemars(length(max = 512))]
    pub detail: String,
}

/// Everything that can make a day a NoGo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Gate {
    /// The plan is there, is valid and not suspended, this is one of its times, and it has no other day for it.
    Plan,
    /// The first step can still start within the deadline.
    OnTime,
    /// The API server's clock and the operator's show the same time.
    Clock,
    /// People were told of the day, where a chat is configured.
    Announced,
    /// The safety lever is not engaged.
    Lever,
    /// Each experiment is there and valid.
    Experiments,
    /// `firedrill-starter` of the namespace may create the runs.
    Starter,
    /// An alerting rule can fire each alert that the experiments expect, in time.
    AlertsExist,
    /// A dry run of each experiment passes every guard, its steady state looked at for `goNoGo.steadyFor`.
    Rehearsal,
    /// No alert fires in the namespace that one of `goNoGo.noFiring` matches.
    NoFiring,
    /// No workload of the namespace is in the middle of a rollout.
    NoRollout,
    /// More of the error budget is left than `goNoGo.errorBudgetAbove`.
    ErrorBudget,
    /// No other run or day is live in the namespace.
    NoOtherRun,
    /// Each experiment has passed before in the predecessor of the namespace.
    PassedBefore,
    /// Enough people have approved exactly this version of plan and experiments.
    Approval,
}

impl std::fmt::Display for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// Why a day ended as it did, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DayReason {
    /// Every step that was to start has run.
    StepsOver,
    /// Nothing was to be broken: the day was for its gates alone.
    DryRun,
    /// The gate `Plan` was closed, or closed before a step.
    Plan,
    /// The gate `OnTime` was closed.
    OnTime,
    /// The gate `Clock` was closed.
    Clock,
    /// The gate `Announced` was closed.
    Announced,
    /// The safety lever was engaged.
    Lever,
    /// The gate `Experiments` was closed.
    Experiments,
    /// The gate `Starter` was closed, or the API server refused a run later.
    Starter,
    /// The gate `AlertsExist` was closed.
    AlertsExist,
    /// The gate `Rehearsal` was closed.
    Rehearsal,
    /// The gate `NoFiring` was closed.
    NoFiring,
    /// The gate `NoRollout` was closed.
    NoRollout,
    /// The gate `ErrorBudget` was closed.
    ErrorBudget,
    /// The gate `NoOtherRun` was closed, or another day began at the same time.
    NoOtherRun,
    /// The gate `PassedBefore` was closed.
    PassedBefore,
    /// The gate `Approval` was closed.
    Approval,
    /// `spec.stop` was set.
    Stopped,
    /// The day was deleted.
    Deleted,
    /// A run ended with one of the verdicts of `stopOn`.
    Verdict,
    /// Somebody else's run has the name of a step's.
    NameTaken,
    /// A step's run was gone before its verdict was read.
    RunGone,
}

impl From<Gate> for DayReason {
    fn from(gate: Gate) -> Self {
        match gate {
            Gate::Plan => Self::Plan,
            Gate::OnTime => Self::OnTime,
            Gate::Clock => Self::Clock,
            Gate::Announced => Self::Announced,
            Gate::Lever => Self::Lever,
            Gate::Experiments => Self::Experiments,
            Gate::Starter => Self::Starter,
            Gate::AlertsExist => Self::AlertsExist,
            Gate::Rehearsal => Self::Rehearsal,
            Gate::NoFiring => Self::NoFiring,
            Gate::NoRollout => Self::NoRollout,
            Gate::ErrorBudget => Self::ErrorBudget,
            Gate::NoOtherRun => Self::NoOtherRun,
            Gate::PassedBefore => Self::PassedBefore,
            Gate::Approval => Self::Approval,
        }
    }
}

impl std::fmt::Display for DayReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// How a day ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Outcome {
    /// Every step that was to start has run.
    Done,
    /// A gate did not let it begin.
    NoGo,
    /// It was ended early.
    Halted,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}
