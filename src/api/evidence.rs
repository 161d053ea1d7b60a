//! What a debrief keeps of its run: every number as the run had it, and the exact experiment and target, by which it is
//! told later whether another run proves anything.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    debrief::Objective,
    experiment::{DetectionFrom, DetectionUntil, ExperimentSpec},
    run::{
        AlertRef, Answer, Chain, ExperimentRef, Fact, Impact, RecoveredBy, TargetState, Took,
        Victim,
    },
    value::{Duration, Moment},
};

/// What was measured; a copy of the run's own facts and numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The objectives that were missed.
    #[schemars(length(max = 4))]
    pub missed: Vec<Objective>,
    /// Name of the experiment.
    pub experiment_name: String,
    /// Which generation and hashes ran.
    pub experiment: ExperimentRef,
    /// The exact spec that ran: a run that proves anything asks for no less.
    pub spec: ExperimentSpec,
    /// What people expected.
    pub hypothesis: String,
    /// The team that answers for the target.
    pub owner: String,
    /// Key of the fault, such as `podKill`.
    pub fault_kind: String,
    /// What became unreachable, where the fault was that: a name, or a range of addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub dependency: Option<String>,
    /// What happened to the target itself, where the fault was that, such as `a broken rollout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub change: Option<String>,
    /// The target as `kind/name`.
    pub target: String,
    /// Revision and images of the target when the run began, as far as they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 512)))]
    pub target_state: Vec<String>,
    /// Replicas, template, images, configuration and rules when the fault came, by their hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TargetState>,
    /// The exact objects that were broken.
    #[schemars(length(max = 1000))]
    pub victims: Vec<Victim>,
    /// How many pods the target had.
    #[schemars(range(min = 0, max = i32::MAX))]
    pub pods: i32,
    /// The times allowed.
    pub objectives: Objectives,
    /// Every instant of the run.
    #[schemars(length(max = 24))]
    pub facts: Vec<Fact>,
    /// How long things took.
    pub measured: Measured,
    /// The alert that counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertRef>,
    /// Its instants, as durations from the injection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Chain>,
    /// Alerts that fired meanwhile and did not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub also_fired: Vec<AlertRef>,
    /// What brought the service back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered_by: Option<RecoveredBy>,
    /// What shows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_evidence: Option<String>,
    /// What a user of the service would have noticed.
    pub impact: Impact,
    /// What led up to it and what else happened, from the cluster, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub timeline: Vec<TimelineEntry>,
    /// How far back the lead-up sees, and what it cannot see.
    #[schemars(length(max = 512))]
    pub lead_up_horizon: String,
    /// The answers.
    pub answers: Answers,
    /// The run's one-sentence summary.
    pub summary: String,
}

impl Evidence {
    /// Whether pods were taken away; else something was changed, and changed back in the end.
    #[must_use]
    pub fn took_pods(&self) -> bool {
        self.victims.iter().all(|victim| victim.kind == "Pod")
    }
}

/// The times allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Objectives {
    /// `detection.within`.
    pub detection: Duration,
    /// Where the detection clock started.
    pub detection_from: DetectionFrom,
    /// Where the detection clock stopped.
    pub detection_until: DetectionUntil,
    /// The alerts that count, as Alertmanager matchers.
    #[schemars(length(max = 16), inner(length(max = 512)))]
    pub alerts: Vec<String>,
    /// `recovery.within`.
    pub recovery: Duration,
    /// `recovery.stableFor`.
    pub stable_for: Duration,
    /// Whether a recovery after our own revert counted.
    pub count_fault_ended: bool,
}

/// How long things took, within bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// Until it was noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_detect: Option<Took>,
    /// Until it was completely back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_recover: Option<Took>,
    /// From the first failed probe to the first good one of the window that lasted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact_duration: Option<Took>,
}

/// The answers to the run's questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answers {
    /// Noticed in time?
    pub detection: Answer,
    /// Completely back in time?
    pub recovery: Answer,
    /// Did users notice nothing? Only where that was the hypothesis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Answer>,
    /// Did the run come to an answer?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conclusion: Option<Answer>,
}

/// Something that the cluster tells about the time before, during or after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineEntry {
    /// When it happened.
    pub at: Moment,
    /// What kind of entry: `rollout, config, scale, event`.
    #[schemars(length(max = 63))]
    pub kind: String,
    /// Who tells it, such as `replicaset/checkout-6c9f7d`.
    #[schemars(length(max = 320))]
    pub source: String,
    /// What it was.
    #[schemars(length(max = 512))]
    pub text: String,
}
