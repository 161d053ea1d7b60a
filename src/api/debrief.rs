//! `Debrief`: the learning record of one missed objective. It outlives the run that it is about.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::{
    evidence::{Answers, Evidence, Measured, Objectives, TimelineEntry},
    lesson::{
        AcceptedRisk, ActionItem, Amendment, Checkpoint, ContributingFactor, Cost, Dismissal,
        FactorCategory, Findings, Horizon, Incident, ItemState, ItemType, Meeting, NoticedBy,
        PeopleImpact, Steps,
    },
    message::{DebriefMessage, Notice},
    proof::{
        Acceptance, Attempt, CHANGED, ItemStatus, NOTES, Policy, Question, REFUSED, ScheduledRun,
    },
};
use super::{run::Took, value::Moment};

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
    validation = Rule::new("self.metadata.name.size() <= 63").message("a debrief's name has at most 63 characters").field_path(".metadata.name"),
    selectable = ".spec.fingerprint",
    selectable = ".status.endedAt",
    printcolumn(name = "Stage", type_ = "string", json_path = ".status.stage"),
    printcolumn(name = "Missed", type_ = "string", json_path = ".status.missed"),
    printcolumn(name = "Severity", type_ = "string", json_path = ".spec.severity"),
    printcolumn(name = "Items", type_ = "string", json_path = ".status.itemsFinished"),
    printcolumn(name = "Due", type_ = "string", format = "date-time", json_path = ".status.due"),
    printcolumn(name = "Repeats", type_ = "integer", json_path = ".status.repeats"),
    printcolumn(name = "Title", type_ = "string", priority = 1, json_path = ".spec.title"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.fingerprint) == has(oldSelf.fingerprint) && (!has(self.fingerprint) || self.fingerprint == oldSelf.fingerprint)").message("the fingerprint is written once").field_path(".fingerprint"))]
#[x_kube(validation = Rule::new("has(self.evidence) == has(oldSelf.evidence) && (!has(self.evidence) || self.evidence == oldSelf.evidence)").message("the evidence is written once, when the debrief opens; what people add lies beside it").field_path(".evidence"))]
#[x_kube(validation = Rule::new("has(self.incident) == has(oldSelf.incident) && (!has(self.incident) || (self.incident.startedAt == oldSelf.incident.startedAt && self.incident.noticedBy == oldSelf.incident.noticedBy && has(self.incident.noticedAt) == has(oldSelf.incident.noticedAt) && (!has(self.incident.noticedAt) || self.incident.noticedAt == oldSelf.incident.noticedAt)))").message("when an incident began and who noticed is written once, when the debrief opens; correct it in words, in amendments").field_path(".incident"))]
#[x_kube(validation = Rule::new("has(self.evidence) != has(self.incident)").message("exactly one of evidence (of a run) and incident (of something real)"))]
#[x_kube(validation = Rule::new("has(self.evidence) == has(self.fingerprint) && has(self.evidence) == has(self.source.runRef)").message("evidence comes with the fingerprint and source.runRef of its run").field_path(".evidence"))]
#[x_kube(validation = Rule::new("self.source == oldSelf.source").message("the source is written once").field_path(".source"))]
#[x_kube(validation = Rule::new("self.policy == oldSelf.policy").message("the policy was settled when the debrief opened; the operator's configuration says it for the next ones").field_path(".policy"))]
#[x_kube(validation = Rule::new("has(self.recurrenceOf) == has(oldSelf.recurrenceOf) && (!has(self.recurrenceOf) || self.recurrenceOf == oldSelf.recurrenceOf)").message("what this repeats is written once").field_path(".recurrenceOf"))]
#[x_kube(validation = Rule::new("oldSelf.actionItems.all(o, self.actionItems.exists(n, n.id == o.id))").message("an item is never removed: set its state to Dropped, with a dropReason").field_path(".actionItems"))]
pub struct DebriefSpec {
    /// What happened, in one line.
    #[schemars(length(min = 1, max = 120))]
    pub title: String,
    /// How bad it was.
    pub severity: Severity,
    /// What opened it.
    pub source: Source,
    /// Hash of experiment, fault kind and target: a miss of the same kind has the same one. Absent for an incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 8))]
    pub fingerprint: Option<String>,
    /// What was measured; written once. Absent for an incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Box<Evidence>>,
    /// When it really started and who noticed; of an incident that no run of ours has made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Incident>,
    /// The earlier debrief of the same miss, which had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence_of: Option<Recurrence>,
    /// By which hours and which proof this debrief is held; settled when it opens.
    #[serde(default)]
    #[x_kube(validation = Rule::new("duration(self.spacing) <= duration('744h')").message("spacing is at most 744h").field_path(".spacing"))]
    #[x_kube(validation = Rule::new("duration(self.meetingAfter) <= duration(self.meetingWithin) && duration(self.meetingWithin) <= duration('744h')").message("meetingAfter is at most meetingWithin, and that at most 744h").field_path(".meetingWithin"))]
    #[x_kube(validation = Rule::new("self.unannounced <= self.passes").message("unannounced is at most passes").field_path(".unannounced"))]
    #[x_kube(validation = Rule::new("self.hours.split('-')[0] < self.hours.split('-')[1]").message("hours end after they begin").field_path(".hours"))]
    pub policy: Policy,
    /// Whether the operator runs the experiment by itself, in working hours, where a run would bring the proof forward;
    /// default false.
    #[serde(default)]
    pub schedule_proof: bool,
    /// When the service was completely back, where no run has measured that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Moment>,
    /// What it meant for people; required before the meeting counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<PeopleImpact>,
    /// The debrief meeting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meeting: Option<Meeting>,
    /// What the meeting found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Findings>,
    /// What must change, so that each answer is Yes the next time.
    #[serde(default)]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub action_items: Vec<ActionItem>,
    /// The checkpoints that were held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub checkpoints: Vec<Checkpoint>,
    /// The risk is accepted for a while: nothing is proven until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted_risk: Option<AcceptedRisk>,
    /// There is nothing to learn here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dismissal: Option<Dismissal>,
    /// What is wrong with the evidence, in words: the evidence itself is never changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub amendments: Vec<Amendment>,
}

impl DebriefSpec {
    /// One that has opened with nothing in it, and is held by the usual hours and proof.
    #[must_use]
    pub fn new(title: String, severity: Severity, source: Source) -> Self {
        Self {
            title,
            severity,
            source,
            fingerprint: None,
            evidence: None,
            incident: None,
            recurrence_of: None,
            policy: Policy::default(),
            schedule_proof: false,
            resolved_at: None,
            impact: None,
            meeting: None,
            findings: None,
            action_items: Vec::new(),
            checkpoints: Vec::new(),
            accepted_risk: None,
            dismissal: None,
            amendments: Vec::new(),
        }
    }

    /// When the meeting was held, as people say.
    #[must_use]
    pub fn held_at(&self) -> Option<Moment> {
        self.meeting.as_ref()?.held_at
    }

    /// Name of the experiment whose runs prove it; absent where nobody has named one.
    #[must_use]
    pub fn experiment(&self) -> Option<&str> {
        let named = || self.incident.as_ref()?.experiment.as_ref().map(|name| name.0.as_str());
        self.evidence.as_ref().map(|evidence| evidence.experiment_name.as_str()).or_else(named)
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
    /// The run; absent for an incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_ref: Option<RunRef>,
}

/// What kind of source opened a debrief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SourceKind {
    /// A run that missed an objective.
    ExperimentRun,
    /// A run that a guard ended after its fault was there.
    NearMiss,
    /// The third run in a row that told nothing: it is about the experiment.
    Inconclusive,
    /// Something real that no run has made, also a minor one that is worth learning from.
    Incident,
}

/// A run by name and UID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunRef {
    /// Name of the run, in the debrief's namespace.
    pub name: String,
    /// UID of the run.
    pub uid: String,
}

/// An objective that can be missed: what a run asks of the service, and that it comes to an answer at all.
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
    /// The run comes to an answer: no guard ends it, and what was measured tells.
    Conclusion,
}

impl std::fmt::Display for Objective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// What the operator concludes about a debrief.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DebriefStatus {
    /// Generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Where the record stands, for people who list. Read off what was done at each write; that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The missed objectives in one word, such as `Detection,Recovery`, of all runs that it is about; for people who list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<String>,
    /// Each missed objective, and how far its proof is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["objective".into()]))]
    pub questions: Vec<Question>,
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
    /// Every finished run that was judged as proof, oldest first, with why it does not count where it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["uid".into()]))]
    pub attempts: Vec<Attempt>,
    /// Runs that were injected then or before are not judged any more: there were too many to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged_until: Option<Moment>,
    /// What the operator knows of each item.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub items: Vec<ItemStatus>,
    /// Items that are finished, of all, such as `1/3`; for people who list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items_finished: Option<String>,
    /// What is to be done next, and by when; for people who list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Moment>,
    /// The command that would bring the proof forward; absent where no run would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub next_command: Option<String>,
    /// When the operator runs it by itself; absent where it does not, or nobody can tell yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_run: Option<Moment>,
    /// The last proof run that the operator was to create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<ScheduledRun>,
    /// When it ended, by proof or by a dismissal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Moment>,
    /// The acceptance of the risk as it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<Acceptance>,
    /// What people are told: each is written down before it leaves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["what".into()]))]
    pub messages: Vec<DebriefMessage>,
    /// `Resolved`, `Held`, `ItemsFinished`, `Proven` and `Closed`: each says what lacks; `Told`, and
    /// `Scheduled` where `scheduleProof` is set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// The earlier debrief of the same miss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recurrence {
    /// Its name.
    pub name: String,
    /// When it had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Moment>,
    /// What was dropped then, or left unproven.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 512)))]
    pub left: Vec<String>,
}

/// The types of a debrief's conditions.
pub mod condition {
    /// The service was completely back.
    pub const RESOLVED: &str = "Resolved";
    /// The meeting was held, with all that it needs.
    pub const HELD: &str = "Held";
    /// Every item is done or dropped.
    pub const ITEMS_FINISHED: &str = "ItemsFinished";
    /// Every missed question was answered with Yes, often enough.
    pub const PROVEN: &str = "Proven";
    /// The debrief is over.
    pub const CLOSED: &str = "Closed";
    /// People were told of it, or why not.
    pub const TOLD: &str = "Told";
    /// The operator runs the experiment by itself, or why not.
    pub const SCHEDULED: &str = "Scheduled";
}

/// Where a debrief stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Stage {
    /// The impact is not over.
    AwaitingResolution,
    /// The meeting has not been held, or lacks something.
    AwaitingDebrief,
    /// The meeting was held; items are open.
    Acting,
    /// Every item is finished; runs are to prove it.
    Verifying,
    /// Every answer was proven to be Yes.
    Closed,
    /// The risk is accepted until its review.
    ClosedUnverified,
    /// There was nothing to learn.
    Dismissed,
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
    /// What it missed.
    #[schemars(length(max = 4))]
    pub missed: Vec<Objective>,
    /// Until it was noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_detect: Option<Took>,
    /// Until it was completely back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_to_recover: Option<Took>,
}
