//! `Debrief`: the learning record of one missed objective. It outlives the run that it is about.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    experiment::{DetectionFrom, DetectionUntil},
    facts,
    run::{AlertRef, Answer, Chain, ExperimentRef, Fact, Impact, RecoveredBy, Took, Victim},
    value::{Duration, Moment},
};

/// The learning record of one missed objective.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "firedrill.dev",
    version = "v1alpha1",
    kind = "Debrief",
    namespaced,
    status = "DebriefStatus",
    shortname = "fddeb",
    category = "firedrill",
    derive = "PartialEq",
    cel,
    doc = "The learning record of one missed objective: what was measured, and what must change.",
    validation = facts::written_once(),
    selectable = ".spec.fingerprint",
    printcolumn(name = "Stage", type_ = "string", json_path = ".status.stage"),
    printcolumn(name = "Missed", type_ = "string", json_path = ".status.missed"),
    printcolumn(name = "Severity", type_ = "string", json_path = ".spec.severity"),
    printcolumn(name = "Repeats", type_ = "integer", json_path = ".status.repeats"),
    printcolumn(name = "Title", type_ = "string", priority = 1, json_path = ".spec.title"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.fingerprint == oldSelf.fingerprint").message("the fingerprint is written once").field_path(".fingerprint"))]
#[x_kube(validation = Rule::new("self.evidence == oldSelf.evidence").message("the evidence is written once; what people add lies beside it").field_path(".evidence"))]
#[x_kube(validation = Rule::new("self.source == oldSelf.source").message("the source is written once").field_path(".source"))]
pub struct DebriefSpec {
    /// What happened, in one line.
    #[schemars(length(min = 1, max = 120))]
    pub title: String,
    /// How bad it was.
    pub severity: Severity,
    /// What opened it.
    pub source: Source,
    /// Hash of fault kind, target, missed objectives and experiment: the same miss has the same one.
    #[schemars(length(min = 8, max = 8))]
    pub fingerprint: String,
    /// What was measured; written once.
    pub evidence: Evidence,
}

impl Evidence {
    /// Whether pods were taken away; else something was changed, and changed back in the end.
    #[must_use]
    pub fn took_pods(&self) -> bool {
        self.victims.iter().all(|victim| victim.kind == "Pod")
    }
}

/// How bad a miss was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Severity {
    /// One objective was missed.
    Minor,
    /// Several objectives were missed.
    Moderate,
    /// The service did not come back.
    Major,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// What opened a debrief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// What kind of source it is.
    pub kind: SourceKind,
    /// The run.
    pub run_ref: RunRef,
}

/// What kind of source opened a debrief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SourceKind {
    /// A run that missed an objective.
    ExperimentRun,
}

/// A run by name and UID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunRef {
    /// Name of the run, in the debrief's namespace.
    pub name: String,
    /// UID of the run.
    pub uid: String,
}

/// An objective that can be missed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Objective {
    /// Noticed in time.
    Detection,
    /// Completely back in time.
    Recovery,
    /// Users notice nothing.
    Tolerance,
}

impl std::fmt::Display for Objective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// What was measured; a copy of the run's own facts and numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The objectives that were missed.
    #[schemars(length(max = 3))]
    pub missed: Vec<Objective>,
    /// Name of the experiment.
    pub experiment_name: String,
    /// Which generation and hashes ran.
    pub experiment: ExperimentRef,
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

/// What the operator concludes about a debrief.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DebriefStatus {
    /// Generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where the record stands, for people who list. Read off the facts at each write; the facts count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// What happened to the record, each written once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub facts: Vec<DebriefFact>,
    /// The missed objectives in one word, such as `Detection,Recovery`; for people who list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<String>,
    /// When the meeting should be: 24 to 72 hours after the resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Repeats of the same miss while this one is open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["uid".into()]))]
    pub occurrences: Vec<Occurrence>,
    /// How many repeats, for people who list.
    #[serde(default)]
    pub repeats: i32,
    /// Conditions of the record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

impl DebriefStatus {
    /// The fact of that name, if it is written down.
    #[must_use]
    pub fn fact(&self, name: DebriefFactName) -> Option<&DebriefFact> {
        self.facts.iter().find(|fact| fact.name == name)
    }
}

/// Something that happened to a debrief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DebriefFact {
    /// What happened.
    pub name: DebriefFactName,
    /// When it happened.
    pub at: Moment,
}

/// What can happen to a debrief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DebriefFactName {
    /// The impact was over: the service was completely back.
    Resolved,
}

/// Where a debrief stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Stage {
    /// The impact is not over.
    AwaitingResolution,
    /// The meeting has not been held.
    AwaitingDebrief,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// When the meeting should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Not before.
    pub not_before: Moment,
    /// Not after.
    pub not_after: Moment,
}

/// The same miss again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Occurrence {
    /// Name of the run.
    pub run: String,
    /// UID of the run.
    pub uid: String,
    /// When the fault was injected.
    pub at: Moment,
    /// Until it was noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_detect: Option<Took>,
    /// Until it was completely back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_recover: Option<Took>,
}
