//! `GameDayRun`: a day, one execution of a plan; its status tells it whole, also once its runs are gone.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema, core::Rule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::{
    announcement::{Announcement, Notice},
    gate::{DayReason, Gate, GateResult, Outcome},
    step::{StepDetection, StepRecovery, StepResult},
};

use super::{
    facts,
    game_day::{GameDaySpec, Step},
    names,
    value::{Duration, Moment, Name},
};

/// One execution of a plan, never resumed and never reused.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "firedrill.dev",
    version = "v1alpha1",
    kind = "GameDayRun",
    namespaced,
    status = "GameDayRunStatus",
    shortname = "fddayrun",
    category = "firedrill",
    derive = "PartialEq",
    cel,
    doc = "A day, one execution of a GameDay: gates, steps, outcome and report.",
    validation = Rule::new("self.metadata.name.size() <= 46").message("a day's name has at most 46 characters, so that its runs' names fit 63").field_path(".metadata.name"),
    validation = facts::written_once(),
    validation = frozen_at_go(),
    printcolumn(name = "Plan", type_ = "string", json_path = ".spec.gameDay"),
    printcolumn(name = "At", type_ = "string", json_path = ".spec.at"),
    printcolumn(name = "Stage", type_ = "string", json_path = ".status.stage"),
    printcolumn(name = "Outcome", type_ = "string", json_path = ".status.outcome"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.reason"),
    printcolumn(name = "Summary", type_ = "string", priority = 1, json_path = ".status.summary"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.gameDay == oldSelf.gameDay && self.dryRun == oldSelf.dryRun && has(self.at) == has(oldSelf.at) && (!has(self.at) || self.at == oldSelf.at) && has(self.startedBy) == has(oldSelf.startedBy) && (!has(self.startedBy) || self.startedBy == oldSelf.startedBy)").message("gameDay, at, dryRun and startedBy cannot be changed; create a new day"))]
#[x_kube(validation = Rule::new("!oldSelf.stop || self.stop").message("stop cannot be taken back; create a new day").field_path(".stop"))]
#[x_kube(validation = Rule::new("!has(oldSelf.approvals) || (has(self.approvals) && oldSelf.approvals.all(a, self.approvals.exists(b, b == a)))").message("approvals are added and never changed or removed; to take one back, stop the day").field_path(".approvals"))]
#[x_kube(validation = Rule::new("!has(self.stopReason) || self.stop").message("stopReason says why stop is set").field_path(".stopReason"))]
pub struct GameDayRunSpec {
    /// Name of the GameDay in this namespace.
    pub game_day: Name,
    /// The time that it was created for; absent for one that somebody starts by hand, which begins at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// Gates only, nothing is broken; default false.
    #[serde(default)]
    pub dry_run: bool,
    /// Who created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub started_by: Option<String>,
    /// No further step, and live runs are stopped; cannot be taken back; default false.
    #[serde(default)]
    pub stop: bool,
    /// Why it is stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub stop_reason: Option<String>,
    /// Who has approved what exactly; at most 16, and none is taken back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["by".into(), "planHash".into()]))]
    pub approvals: Vec<Approval>,
    /// What people will do better the next time; at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 512)))]
    pub improvements: Vec<String>,
}

/// Somebody's word for one version of a plan and its experiments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// Who, by the name that the API server knows.
    #[schemars(length(min = 1, max = 253))]
    pub by: String,
    /// What: the hash that the gate `Approval` names, 16 hexadecimal digits.
    #[schemars(length(min = 16, max = 16))]
    pub plan_hash: String,
}

impl GameDayRunSpec {
    /// A day of that plan that begins at once.
    #[must_use]
    pub fn of(plan: &str) -> Self {
        Self {
            game_day: plan.into(),
            at: None,
            dry_run: false,
            started_by: None,
            stop: false,
            stop_reason: None,
            approvals: Vec::new(),
            improvements: Vec::new(),
        }
    }

    /// The day of that plan for that time.
    #[must_use]
    pub fn at(plan: &str, at: Moment) -> Self {
        Self { at: Some(at), ..Self::of(plan) }
    }
}

/// The name of the day that a plan has for a time: `<plan>-<YYYYMMDD>t<HHMM>` in UTC.
#[must_use]
pub fn name(plan: &str, at: Moment) -> String {
    format!("{plan}-{}", at.timestamp().strftime("%Y%m%dt%H%M"))
}

/// Refuses another plan in the status of a day that has begun. It belongs at the root of the CRD: the API server
/// skips a rule on a field whose parent is removed.
fn frozen_at_go() -> Rule {
    let begun = "oldSelf.status.facts.exists(f, f.name == 'go')";
    let kept =
        "has(self.status) && has(self.status.plan) && self.status.plan == oldSelf.status.plan";
    Rule::new(format!(
        "!has(oldSelf.status) || !has(oldSelf.status.plan) || !has(oldSelf.status.facts) || !{begun} || ({kept})"
    ))
    .message("the plan of a day that has begun is never changed or removed")
}

/// What became of a day.
///
/// Its default tells tools that wait for any resource that no operator has taken the day up yet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("default" = {"observedGeneration": -1}))]
pub struct GameDayRunStatus {
    /// Generation of the spec that this status is about; -1 before an operator has taken the day up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where the day stands, for people who list: `Planned`, `Announced`, `Gating`, `Running`, `Cooling`,
    /// `Reported`. Read off the facts at each write; the facts count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub stage: Option<String>,
    /// Every instant of the day, each written once, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub facts: Vec<DayFact>,
    /// The plan that runs; not changed any more once the day is a go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<DayPlan>,
    /// Every gate with its numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 96))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into(), "step".into()]))]
    pub gates: Vec<GateResult>,
    /// What became of each step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub steps: Vec<StepResult>,
    /// What people are told of it, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["what".into(), "step".into()]))]
    pub announcements: Vec<Announcement>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why, in one word: the gate of a NoGo, or what halted the day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<DayReason>,
    /// One sentence with numbers that stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub summary: Option<String>,
    /// `Announced, Go, Running, Reported`; the last always comes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// An instant of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DayFact {
    /// What happened.
    pub name: DayFactName,
    /// When.
    pub at: Moment,
    /// What else is known of it, in a few words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 512))]
    pub detail: String,
}

/// The instants of a day, in the order in which they usually come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DayFactName {
    /// It was written down that people are to be told of it.
    Announced,
    /// Its time had come, and the gates were looked at.
    Gating,
    /// Every gate let it pass: from here on steps start.
    Go,
    /// A gate did not let it pass.
    NoGo,
    /// Something asked for its end: the lever, `stop`, a deletion, or a run with a verdict of `stopOn`.
    StopRequested,
    /// No step runs any more, and none will start.
    Cooling,
    /// Its outcome is written down.
    Reported,
}

/// The plan of a day, as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct DayPlan {
    /// UID of the GameDay.
    #[schemars(length(max = 36))]
    pub uid: String,
    /// Its generation.
    pub generation: i64,
    /// Its spec.
    pub spec: GameDaySpec,
    /// The experiments of its steps.
    #[schemars(length(max = 12))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub experiments: Vec<PlannedExperiment>,
    /// SHA-256 of spec and experiments, 16 hexadecimal digits.
    #[schemars(length(min = 16, max = 16))]
    pub hash: String,
}

/// An experiment of a plan, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedExperiment {
    /// Its name.
    pub name: Name,
    /// SHA-256 of its spec, 16 hexadecimal digits.
    #[schemars(length(min = 16, max = 16))]
    pub hash: String,
    /// How long its steady state is looked at before the fault.
    pub steady_for: Duration,
    /// The longest that its fault lasts.
    pub duration: Duration,
    /// What is broken, in a few words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 512))]
    pub breaks: String,
}

/// The types of a day's conditions.
pub mod condition {
    /// Whether people were told of it.
    pub const ANNOUNCED: &str = "Announced";
    /// Whether every gate let it begin.
    pub const GO: &str = "Go";
    /// Whether steps run or may still start.
    pub const RUNNING: &str = "Running";
    /// The day is over; always comes.
    pub const REPORTED: &str = "Reported";
}

impl GameDayRun {
    /// When it is to begin: its time, or when somebody created it.
    #[must_use]
    pub fn begins(&self) -> Option<Moment> {
        let created = || self.metadata.creation_timestamp.as_ref().map(|time| Moment::new(time.0));
        self.spec.at.or_else(created)
    }

    /// Whether it was a go.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.fact(DayFactName::Go).is_some()
    }

    /// Whether the day is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.fact(DayFactName::Reported).is_some()
    }

    /// Whether its steps may run: it was a go, and nothing has asked for its end.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        let seen = |name| self.fact(name).is_some();
        self.has_begun()
            && !seen(DayFactName::StopRequested)
            && !self.is_over()
            && !self.spec.stop
            && self.metadata.deletion_timestamp.is_none()
    }

    /// The step that is not over and whose run has that name.
    #[must_use]
    pub fn step_of(&self, run: &str) -> Option<&StepResult> {
        let mut steps = self.status.iter().flat_map(|status| &status.steps);
        steps.find(|step| step.over_at.is_none() && step.run.as_deref() == Some(run))
    }

    /// Whether our finalizer is on it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        names::is_held(&self.metadata, names::DAY_FINALIZER)
    }

    /// The fact of that name, if there is one.
    #[must_use]
    pub fn fact(&self, name: DayFactName) -> Option<&DayFact> {
        self.status.as_ref()?.fact(name)
    }

    /// Its UID; empty only for an object that no API server has seen.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }
}

impl DayPlan {
    /// The experiment of a step, as it was at the go.
    #[must_use]
    pub fn experiment_of(&self, step: &Step) -> Option<&PlannedExperiment> {
        self.experiments.iter().find(|planned| planned.name == step.experiment)
    }
}

impl GameDayRunStatus {
    /// The fact of that name, if there is one.
    #[must_use]
    pub fn fact(&self, name: DayFactName) -> Option<&DayFact> {
        self.facts.iter().find(|fact| fact.name == name)
    }
}
