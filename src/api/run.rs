//! `ExperimentRun`: one execution; its status is the journal and the measurement.

#![expect(clippy::struct_excessive_bools, reason = "each is a field by itself")]

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    experiment::{DetectionFrom, DetectionUntil, Experiment, ExperimentSpec},
    facts, names, reason,
    value::{Duration, Moment, Name},
};

pub use super::{
    impact::{Ending, Gap, Impact, ProbeCounts, Since, Unobserved},
    journal::{
        ContentState, ExperimentRef, FieldChange, Guard, GuardResult, Journal, PreImage, TargetRef,
        TargetState, Victim, Warning, Workload, WorkloadState,
    },
    reason::Reason,
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
    validation = Rule::new("self.metadata.name.size() <= 63").message("a run's name has at most 63 characters").field_path(".metadata.name"),
    validation = facts::written_once(),
    selectable = ".status.completionTime",
    printcolumn(name = "Experiment", type_ = "string", json_path = ".spec.experiment"),
    printcolumn(name = "Stage", type_ = "string", json_path = ".status.stage"),
    printcolumn(name = "Verdict", type_ = "string", json_path = ".status.verdict"),
    printcolumn(name = "Noticed", type_ = "string", json_path = ".status.detection.headline"),
    printcolumn(name = "Back", type_ = "string", json_path = ".status.recovery.headline"),
    printcolumn(name = "Debrief", type_ = "string", json_path = ".status.debrief"),
    printcolumn(name = "Summary", type_ = "string", priority = 1, json_path = ".status.summary"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.experiment == oldSelf.experiment && self.startWithin == oldSelf.startWithin && self.dryRun == oldSelf.dryRun && has(self.gameDay) == has(oldSelf.gameDay) && (!has(self.gameDay) || self.gameDay == oldSelf.gameDay) && has(self.verifies) == has(oldSelf.verifies) && (!has(self.verifies) || self.verifies == oldSelf.verifies) && has(self.steadyFor) == has(oldSelf.steadyFor) && (!has(self.steadyFor) || self.steadyFor == oldSelf.steadyFor) && has(self.experimentHash) == has(oldSelf.experimentHash) && (!has(self.experimentHash) || self.experimentHash == oldSelf.experimentHash) && self.unannounced == oldSelf.unannounced && self.scheduled == oldSelf.scheduled && has(self.template) == has(oldSelf.template) && (!has(self.template) || self.template == oldSelf.template)").message("a run's spec cannot be changed, only stop can be set; create a new run"))]
#[x_kube(validation = Rule::new("!oldSelf.stop || self.stop").message("stop cannot be taken back; create a new run").field_path(".stop"))]
#[x_kube(validation = Rule::new("!self.unannounced || has(self.gameDay)").message("unannounced is for a step of a game day; leave it out").field_path(".unannounced"))]
#[x_kube(validation = Rule::new("!self.scheduled || (has(self.verifies) && !has(self.template) && !has(self.gameDay) && !self.dryRun)").message("scheduled is for a proof run that the operator creates: with verifies, and without template, gameDay and dryRun").field_path(".scheduled"))]
pub struct ExperimentRunSpec {
    /// Name of the Experiment in this namespace.
    pub experiment: Name,
    /// An Experiment spec that runs in its place; the Experiment need not exist then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Box<ExperimentSpec>>,
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
    /// Name of the GameDayRun of this namespace that it is a step of; it breaks nothing unless that day intends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub game_day: Option<Name>,
    /// Whether nobody is told of it before it is over: its events come then. Of a step of a game day alone; default false.
    #[serde(default)]
    pub unannounced: bool,
    /// Name of the Debrief of this namespace that it is to prove; a run of that debrief's experiment needs not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifies: Option<Name>,
    /// Whether the operator has created it because the debrief that it verifies asks for that; it breaks nothing unless the
    /// debrief's status intends it by name. Default false.
    #[serde(default)]
    pub scheduled: bool,
    /// SHA-256 of the experiment's spec, 16 hexadecimal digits: another version is not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 16, max = 16))]
    pub experiment_hash: Option<String>,
    /// How long the steady state is looked at, where that is longer than the experiment says; at most 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("duration(self) <= duration('1h')").message("steadyFor is at most 1h"))]
    pub steady_for: Option<Duration>,
}

const fn ten_minutes() -> Duration {
    Duration::minutes(10)
}

/// The journal and the measurement of a run.
///
/// Its default tells tools that wait for any resource that no operator has taken the run up yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = {"observedGeneration": -1}))]
pub struct ExperimentRunStatus {
    /// Generation of the spec that this status is about; -1 before an operator has taken the run up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where the run stands, for people who list runs: `Waiting` or `Waiting:<guard>`, `Injecting`, `Injected`,
    /// `Reverting`, `Measuring`, `Measured`, `Complete`. Read off the facts at each write; the facts count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub stage: Option<String>,
    /// What was decided before anything was broken; each field is written once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "plan")]
    pub journal: Option<Box<Journal>>,
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
    /// Why the revert does not succeed, in the API server's words, and where that helps the command
    /// that ends the fault by hand; absent when nothing is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub revert_problem: Option<String>,
    /// The outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<reason::Reason>,
    /// One sentence with numbers that stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Name of the debrief that was opened or joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debrief: Option<String>,
    /// When the run was over; the field selector `status.completionTime=` chooses the runs that are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Moment>,
    /// `Accepted, Injected, Detected, Recovered, Reverted, ObjectivesMet, Complete`; and while the run is under
    /// way `Reconciling`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// An instant that was seen: the truth lies in `[notBefore, at]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.name != 'revertStarted' || has(self.reason)").message("the fact revertStarted has its reason"))]
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
    /// Why: of a revert, and of the end of a run that broke nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<reason::Reason>,
    /// Whether some victims were refused while others were taken; of `injected`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// The labels of the alert that this is about.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// What else is known of it, in a few words.
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
    /// The start of the first good window of the probes, from the last failed sample to where the sample after
    /// the first good one ends.
    Mitigated,
    /// The target's desired state was as before.
    Restored,
    /// Both, held for `stableFor`.
    Recovered,
    /// The revert began.
    RevertStarted,
    /// The API server accepted what ended the fault; written down once nothing of it is left, as read back.
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
        self.serialize(f)
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
    pub labels: BTreeMap<String, String>,
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
    /// Refused or failed before anything was broken, or nobody can judge the run.
    Error,
}

impl Verdict {
    /// Whether nobody needs to be warned of it.
    #[must_use]
    pub const fn is_passed(self) -> bool {
        matches!(self, Self::Passed)
    }

    /// Whether it says that an objective was missed or the service did not come back.
    #[must_use]
    pub const fn is_missed(self) -> bool {
        matches!(self, Self::ObjectiveMissed | Self::NotRecovered)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
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
    /// The operator still has something to do; absent once the run is over.
    pub const RECONCILING: &str = "Reconciling";
}

impl ExperimentRunSpec {
    /// A run of the Experiment of that name.
    #[must_use]
    pub fn of(experiment: &str) -> Self {
        Self {
            experiment: experiment.into(),
            template: None,
            start_within: Duration::minutes(10),
            dry_run: false,
            stop: false,
            game_day: None,
            unannounced: false,
            verifies: None,
            scheduled: false,
            experiment_hash: None,
            steady_for: None,
        }
    }
}

impl ExperimentRun {
    /// Whether the run is over.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.fact(FactName::Completed).is_some())
    }

    /// Whether an operator has taken the run up: its first write records a fact.
    #[must_use]
    pub fn is_taken_up(&self) -> bool {
        self.status.as_ref().is_some_and(|status| !status.facts.is_empty())
    }

    /// Whether its intent was written down, so that only a revert ends it.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.status.as_ref().is_some_and(|status| status.fact(FactName::Journaled).is_some())
    }

    /// Whether our finalizer is on it: the fault may still be there.
    #[must_use]
    pub fn is_held(&self) -> bool {
        names::is_held(&self.metadata, names::FINALIZER)
    }

    /// Whether the run is over and let go: nobody has anything left to do with it.
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.is_complete() && !self.is_held()
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
            .and_then(|status| status.journal.as_ref()?.spec.as_ref())
            .or(self.spec.template.as_deref())
            .or_else(|| experiment.map(|experiment| &experiment.spec))
    }
}

impl Fact {
    /// The same, with its reason.
    #[must_use]
    pub fn because(self, reason: Reason) -> Self {
        Self { reason: Some(reason), ..self }
    }
}

impl ExperimentRunStatus {
    /// The fact of that name, if it was seen.
    #[must_use]
    pub fn fact(&self, name: FactName) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.name == name)
    }

    /// The fact of that name, if it was seen and is not in the `earlier` status.
    #[must_use]
    pub fn new_fact(&self, earlier: Option<&Self>, name: FactName) -> Option<&Fact> {
        self.fact(name).filter(|_| earlier.is_none_or(|earlier| earlier.fact(name).is_none()))
    }
}

impl DetectionFrom {
    /// The fact at which the detection clock starts.
    #[must_use]
    pub const fn fact(self) -> FactName {
        match self {
            Self::Injection => FactName::Injected,
            Self::Impact => FactName::ImpactStarted,
        }
    }
}

impl DetectionUntil {
    /// The fact at which the detection clock stops.
    #[must_use]
    pub const fn fact(self) -> FactName {
        match self {
            Self::Firing => FactName::Firing,
            Self::Notified => FactName::Notified,
        }
    }
}
