//! What became of a day's steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    run::{Answer, DetectionTier, RecoveredBy, RecoveryTier, Took, Verdict},
    value::{Moment, Name},
};

/// What became of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepResult {
    /// Name of the step.
    #[schemars(length(max = 16))]
    pub name: String,
    /// Name of its run; written down before the run is created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Name>,
    /// Its UID, once it is there: of all runs of that name this one alone breaks something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub run_uid: Option<String>,
    /// When the API server created the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Moment>,
    /// When its run was over, or when it was known that it would not start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_at: Option<Moment>,
    /// The run's verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Whether an alarm noticed in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection: Option<StepDetection>,
    /// Whether the service was back in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<StepRecovery>,
    /// Name of the debrief that its run opened or joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debrief: Option<Name>,
    /// The run's summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub summary: Option<String>,
    /// Why it did not start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub skipped: Option<String>,
    /// The gate that it waits for in its turn, with its words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub waits_for: Option<String>,
}

/// Whether an alarm noticed a step in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepDetection {
    /// The answer to "was it noticed in time?".
    pub answer: Answer,
    /// How fast.
    pub tier: DetectionTier,
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<Took>,
}

/// Whether the service was back in time after a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecovery {
    /// The answer to "was it completely back in time?".
    pub answer: Answer,
    /// How fast.
    pub tier: RecoveryTier,
    /// How long it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<Took>,
    /// What brought it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<RecoveredBy>,
}
