//! `ExperimentRun`: one execution; its status is the journal and the measurement.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    experiment::{Detection, DetectionUntil, Experiment, ExperimentSpec},
    value::{Duration, Moment, Name},
};

/// One execution of an experiment, never resumed and never reused.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "firedrill.dev",
    version = "v1alpha1",
    kind = "ExperimentRun",
    namespaced,
    status = "ExperimentRunStatus",
    shortname = "fdrun",
    category = "firedrill",
    derive = "PartialEq",
    cel,
    doc = "One execution of an Experiment; its status is the journal and the measurement.",
    validation = Rule::new("self.metadata.name.size() <= 63").message("a run's name has at most 63 characters"),
    validation = Rule::new("!has(oldSelf.status) || !has(oldSelf.status.facts) || (has(self.status) && has(self.status.facts) && oldSelf.status.facts.all(f, self.status.facts.exists(g, g.name == f.name && g.at == f.at)))")
        .message("facts are written once and never changed or removed"),
    printcolumn(name = "Experiment", type_ = "string", json_path = ".spec.experiment"),
    printcolumn(name = "Verdict", type_ = "string", json_path = ".status.verdict"),
    printcolumn(name = "Noticed", type_ = "string", json_path = ".status.detection.headline"),
    printcolumn(name = "Back", type_ = "string", json_path = ".status.recovery.headline"),
    printcolumn(name = "Debrief", type_ = "string", json_path = ".status.debrief"),
    printcolumn(name = "Summary", type_ = "string", priority = 1, json_path = ".status.summary"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.experiment == oldSelf.experiment && self.startWithin == oldSelf.startWithin && self.dryRun == oldSelf.dryRun && has(self.template) == has(oldSelf.template) && (!has(self.template) || self.template == oldSelf.template)").message("a run's spec cannot be changed, only stop can be set; create a new run"))]
#[x_kube(validation = Rule::new("!oldSelf.stop || self.stop").message("stop cannot be taken back; create a new run").field_path(".stop"))]
pub struct ExperimentRunSpec {
    /// Name of the Experiment in this namespace.
    pub experiment: Name,
    /// An Experiment spec that runs in its place; the Experiment need not exist then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<ExperimentSpec>,
    /// How long guards that time can open are waited for; default 10m, at most 24h.
    #[serde(default = "ten_minutes")]
    #[x_kube(validation = Rule::new("duration(self) <= duration('24h')").message("startWithin is at most 24h"))]
    pub start_within: Duration,
    /// Plan only: every guard and the victims in `status.plan`, nothing is touched; default false.
    #[serde(default)]
    pub dry_run: bool,
    /// Revert now; cannot be taken back; default false.
    #[serde(default)]
    pub stop: bool,
}

const fn ten_minutes() -> Duration {
    Duration::minutes(10)
}

/// The journal and the measurement of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentRunStatus {
    /// Generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// What was decided before anything was broken; each field is written once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Journal>,
    /// Every instant that was seen, each written once, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 24))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub facts: Vec<Fact>,
    /// Whether an alarm noticed in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection: Option<DetectionResult>,
    /// Whether the service was back in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<RecoveryResult>,
    /// Whether users noticed nothing, where that was the hypothesis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<ToleranceResult>,
    /// What a user of the service would have noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<Impact>,
    /// Why the revert does not succeed, in the API server's words; absent when nothing is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub revert_problem: Option<String>,
    /// The outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why, in one CamelCase word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// One sentence with numbers that stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Name of the debrief that was opened or joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debrief: Option<String>,
    /// `Accepted, Injected, Detected, Recovered, Reverted, ObjectivesMet, Complete`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// What was decided before anything was broken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// Which experiment, at which generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<ExperimentRef>,
    /// The exact spec that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<ExperimentSpec>,
    /// Seed of every random choice, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// The exact objects that are broken; a later round appends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["uid".into()]))]
    pub victims: Vec<Victim>,
    /// The workloads that own the target's pods; runs that share one exclude each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["uid".into()]))]
    pub workloads: Vec<Workload>,
    /// How many pods the target should have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<i32>,
    /// The target as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<TargetRef>,
    /// The revisions that the target's pods had, by their labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 63)))]
    pub revisions: Vec<String>,
    /// Number of this fault in the run's marks on targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<i32>,
    /// The mark of the object that is armed, as it was; arming tests it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub previous_mark: Option<String>,
    /// The fields that are changed, as they were; absent for a fault that arms nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_image: Option<PreImage>,
    /// When the fault is reverted at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Moment>,
    /// Every guard with its numbers, as it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub guards: Vec<GuardResult>,
}

/// The fields that a fault changes, as they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct PreImage {
    /// SHA-256 of the fields, 16 hexadecimal digits.
    pub hash: String,
    /// The fields.
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub fields: Vec<FieldChange>,
}

/// One field that a fault changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// Name of the field, such as `image`; its annotations on the target end with it.
    #[schemars(length(max = 32))]
    pub name: String,
    /// Where it is: a JSON Pointer in which `name=X` picks the element of that name.
    #[schemars(length(max = 1024))]
    pub at: String,
    /// Its value before, as JSON; `null` where it was absent.
    #[schemars(length(max = 16384))]
    pub was: String,
    /// The faulty value, as JSON; `null` where the fault removes it.
    #[schemars(length(max = 16384))]
    pub set: String,
}

impl FieldChange {
    /// A field that goes from one value to another; `null` stands for absent.
    #[must_use]
    pub fn new(name: &str, at: impl Into<String>, was: &Value, set: &Value) -> Self {
        Self { name: name.to_owned(), at: at.into(), was: was.to_string(), set: set.to_string() }
    }

    /// The value before.
    #[must_use]
    pub fn was(&self) -> Value {
        serde_json::from_str(&self.was).unwrap_or_default()
    }

    /// The faulty value.
    #[must_use]
    pub fn set(&self) -> Value {
        serde_json::from_str(&self.set).unwrap_or_default()
    }
}

/// The experiment that runs, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentRef {
    /// Generation of the Experiment; absent for a run with a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// SHA-256 of the whole spec, 16 hexadecimal digits.
    pub spec_hash: String,
    /// SHA-256 of target and fault alone, 16 hexadecimal digits.
    pub fault_hash: String,
}

/// The target as it was before anything was broken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetRef {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Its generation; absent for a Service, which has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// SHA-256 of its pod template, 16 hexadecimal digits; absent for a Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_hash: Option<String>,
    /// Its `restartedAt` annotation, by which `kubectl rollout restart` works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<String>,
}

/// One exact object that is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Victim {
    /// Kind of the object.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its UID; nothing else of that name is ever touched.
    pub uid: String,
    /// Its version when it was journaled; a changed object is looked at again.
    pub resource_version: String,
    /// Node that it ran on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Whether it was ready.
    #[serde(default)]
    pub ready: bool,
    /// When it was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Moment>,
    /// Round of a repeated fault, from 1 on.
    pub round: i32,
}

/// A workload that owns pods of the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Workload {
    /// Kind of the workload.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// One guard with its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuardResult {
    /// Name of the guard.
    pub name: Guard,
    /// Whether it let the run pass.
    pub passed: bool,
    /// The numbers, and what to do where it refused.
    pub detail: String,
}

/// Everything that can refuse a run before anything is broken.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub enum Guard {
    /// The namespace has opted in.
    Enabled,
    /// The namespace is not protected.
    NotProtected,
    /// The safety lever is not engaged.
    Lever,
    /// Count, percent and duration lie within the operator's limits.
    Caps,
    /// The target exists and has pods.
    TargetFound,
    /// Enough ready pods are left.
    MinReady,
    /// Not too many pods are unavailable.
    MaxUnavailable,
    /// The disruption budgets allow every eviction.
    DisruptionBudget,
    /// No rollout of the target is under way.
    NoRollout,
    /// Every probe has been good for `steadyFor`.
    Steady,
    /// No matching alert is pending or firing.
    AlertsQuiet,
    /// No other run has broken one of the same workloads.
    TargetFree,
    /// A reaper lives that would end the fault if the operator could not.
    Reaper,
    /// The operator's limit of simultaneous runs is not reached.
    Concurrency,
}

impl Guard {
    /// Whether waiting can open it.
    #[must_use]
    pub const fn opens_with_time(self) -> bool {
        matches!(
            self,
            Self::DisruptionBudget
                | Self::NoRollout
                | Self::Steady
                | Self::AlertsQuiet
                | Self::TargetFree
                | Self::Concurrency
        )
    }
}

impl std::fmt::Display for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

/// An instant that was seen: the truth lies in `[notBefore, at]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// What was seen.
    pub name: FactName,
    /// The earliest instant at which it was known to be so.
    pub at: Moment,
    /// The last instant at which it was known not to be so.
    pub not_before: Moment,
    /// Who saw it: `operator, api, probe, watch, prometheus, alertmanager, webhook`.
    #[schemars(length(max = 63))]
    pub source: String,
    /// What it was, in a few words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 512))]
    pub detail: String,
}

/// The instants of a run, in the order in which they usually come.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum FactName {
    /// The run was taken up.
    Accepted,
    /// The intent was written down; from here on only a revert ends the run.
    Journaled,
    /// The API server accepted the fault.
    Injected,
    /// The first sign of the fault on the target.
    EffectObserved,
    /// The first failed probe of an impact.
    ImpactStarted,
    /// The condition of a counted alert became true.
    ConditionTrue,
    /// A counted alert fired.
    Firing,
    /// Its notification was delivered.
    Notified,
    /// The start of the first good window of the probes.
    Mitigated,
    /// The target's desired state was as before.
    Restored,
    /// Both, held for `stableFor`.
    Recovered,
    /// The revert began.
    RevertStarted,
    /// Nothing of the fault is left, as read back.
    Reverted,
    /// The run is over.
    Completed,
}

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Answer {
    /// Within the objective.
    Yes,
    /// Not within the objective.
    No,
    /// The run did not ask.
    NotExercised,
    /// The run asked, and the measurement does not tell.
    Inconclusive,
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

/// A length of time that is known within bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Took {
    /// It was at least this long.
    pub min: Duration,
    /// It was at most this long.
    pub max: Duration,
}

/// Whether an alarm noticed in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DetectionResult {
    /// The answer to "was it noticed in time?".
    pub answer: Answer,
    /// `Within30s, Within5m, Over5m, None`.
    pub tier: DetectionTier,
    /// The measured time, or the answer where there is none; for people who list.
    pub headline: String,
    /// From `detection.from` to `detection.until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<Took>,
    /// The alert that counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertRef>,
    /// The instants of the alert, as durations from the injection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Chain>,
    /// Alerts that fired meanwhile and did not count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub also_fired: Vec<AlertRef>,
}

/// How fast an alarm noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DetectionTier {
    /// At most 30 seconds.
    Within30s,
    /// At most 5 minutes.
    Within5m,
    /// More than 5 minutes.
    Over5m,
    /// No counted alert.
    None,
}

/// An alert by its labels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertRef {
    /// Its labels.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Alertmanager's fingerprint, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Who reported it.
    pub source: String,
    /// Why it did not count, for one that did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The instants of an alert, as durations from the injection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Chain {
    /// The rule's expression was true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition_true: Option<Duration>,
    /// The alert fired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firing: Option<Duration>,
    /// The notification was delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notified: Option<Duration>,
}

/// Whether the service was back in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryResult {
    /// The answer to "was it completely back in time?".
    pub answer: Answer,
    /// `Within1m, Within10m, Within1h, Over1h, None`.
    pub tier: RecoveryTier,
    /// Whether it needed nobody.
    pub automatic: bool,
    /// The measured time, or the answer where there is none; for people who list.
    pub headline: String,
    /// From the injection (or our revert, with `countFaultEnded`) to `recovered`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<Took>,
    /// What brought it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<RecoveredBy>,
    /// What shows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

/// How fast the service was back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RecoveryTier {
    /// At most 1 minute.
    Within1m,
    /// At most 10 minutes.
    Within10m,
    /// At most 1 hour.
    Within1h,
    /// More than 1 hour.
    Over1h,
    /// Not back.
    None,
}

/// What brought the service back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RecoveredBy {
    /// Nobody had to do anything.
    Automatic,
    /// Somebody changed the target's template.
    Rollback,
    /// Somebody changed the number of replicas.
    Scale,
    /// Somebody restarted the target.
    Restart,
    /// Somebody changed something else of the target.
    Manual,
    /// It came back after our own revert.
    FaultEnded,
}

/// Whether users noticed nothing, where that was the hypothesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToleranceResult {
    /// The answer to "did users notice nothing?".
    pub answer: Answer,
}

/// What a user of the service would have noticed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Impact {
    /// The samples of the probes since the injection.
    pub probes: ProbeCounts,
    /// Seconds during which a desired pod was not ready, added up over the pods.
    pub unavailable_pod_seconds: f64,
    /// Since when every probe is good again, not yet proven by `stableFor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_since: Option<Since>,
    /// How somebody else ended the fault, before we did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<Ending>,
    /// Times during which something was not observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub gaps: Vec<Gap>,
}

/// How somebody else ended a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// The last instant at which the object was known to hold the fault.
    pub not_before: Moment,
    /// The earliest instant at which it was known to hold it no longer.
    pub at: Moment,
    /// The fields that hold something else.
    #[schemars(length(max = 4), inner(length(max = 32)))]
    pub fields: Vec<String>,
    /// Whether they are as they were before, rather than something new.
    pub restored: bool,
    /// Who did that, by the field manager.
    #[schemars(length(max = 256))]
    pub by: String,
}

/// The samples of the probes since the injection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProbeCounts {
    /// All samples.
    pub total: i64,
    /// The failed ones.
    pub failed: i64,
    /// When the first failed sample ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failure_at: Option<Moment>,
    /// When the last failed sample ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure_at: Option<Moment>,
    /// What the last failed sample said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// When these numbers were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Moment>,
}

/// The start of something that lasts: it lies in `[notBefore, at]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Since {
    /// The last instant at which it was known not to be so.
    pub not_before: Moment,
    /// The earliest instant at which it was known to be so.
    pub at: Moment,
}

/// A time during which something was not observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// The last observation before.
    pub from: Moment,
    /// The first observation after.
    pub to: Moment,
    /// What was not observed: `probes` or `alerts`.
    pub of: String,
}

/// The outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// Every gating question was answered with Yes.
    Passed,
    /// An objective was missed.
    ObjectiveMissed,
    /// Still broken after the objective and our revert.
    NotRecovered,
    /// Ended early.
    Aborted,
    /// The measurement does not tell.
    Inconclusive,
    /// Refused or failed before anything was broken.
    Error,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

/// The types of a run's conditions.
pub mod condition {
    /// The run was taken up.
    pub const ACCEPTED: &str = "Accepted";
    /// The fault was accepted by the API server.
    pub const INJECTED: &str = "Injected";
    /// The answer to "noticed in time?".
    pub const DETECTED: &str = "Detected";
    /// The answer to "back in time?".
    pub const RECOVERED: &str = "Recovered";
    /// Nothing of the fault is left.
    pub const REVERTED: &str = "Reverted";
    /// Whether every objective was met.
    pub const OBJECTIVES_MET: &str = "ObjectivesMet";
    /// The run is over; always comes.
    pub const COMPLETE: &str = "Complete";
}

impl ExperimentRun {
    /// Whether the run is over.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.fact(FactName::Completed).is_some())
    }

    /// The run's UID; empty only for an object that no API server has seen.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// The spec that runs: the journal's once there is one, else the template or the Experiment's.
    #[must_use]
    pub fn effective_spec<'a>(
        &'a self,
        experiment: Option<&'a Experiment>,
    ) -> Option<&'a ExperimentSpec> {
        self.status
            .as_ref()
            .and_then(|status| status.plan.as_ref()?.spec.as_ref())
            .or(self.spec.template.as_ref())
            .or_else(|| experiment.map(|experiment| &experiment.spec))
    }
}

impl ExperimentRunStatus {
    /// The fact of that name, if it was seen.
    #[must_use]
    pub fn fact(&self, name: FactName) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.name == name)
    }
}

impl Detection {
    /// The fact at which the detection clock stops.
    #[must_use]
    pub const fn until_fact(&self) -> FactName {
        match self.until {
            DetectionUntil::Firing => FactName::Firing,
            DetectionUntil::Notified => FactName::Notified,
        }
    }
}
