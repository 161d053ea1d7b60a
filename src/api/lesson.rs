//! What people write into a debrief: what it meant, what the meeting found, and what must change. Nobody but people
//! write any of it.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    debrief::Objective,
    pattern,
    value::{Moment, Name},
};

/// Something real that no run has made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.noticedAt) || timestamp(self.noticedAt) >= timestamp(self.startedAt)").message("noticedAt is not before startedAt: it counts from when it really started, not from when somebody complained").field_path(".noticedAt"))]
pub struct Incident {
    /// When it really started.
    pub started_at: Moment,
    /// When somebody or something noticed; absent where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noticed_at: Option<Moment>,
    /// Who noticed: `Alert`, `Team`, `Customer` or `Support`. Of the last two the answer to "noticed in time?" is No.
    pub noticed_by: NoticedBy,
    /// Name of the Experiment of this namespace whose runs prove that it cannot happen again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experiment: Option<Name>,
}

/// Who noticed an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NoticedBy {
    /// An alert.
    Alert,
    /// Somebody of the team.
    Team,
    /// A customer.
    Customer,
    /// The people whom customers complain to.
    Support,
}

/// What it meant for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.none != (has(self.narrative) || has(self.customersAffected) || has(self.complaints) || has(self.estimatedCost))").message("say what it meant (narrative, customersAffected, complaints, estimatedCost), or set none: true where nobody noticed"))]
pub struct PeopleImpact {
    /// Nobody noticed anything; default false.
    #[serde(default)]
    pub none: bool,
    /// What it was like, in a few sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub narrative: Option<String>,
    /// How many customers were affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_000_000_000_000_i64))]
    pub customers_affected: Option<i64>,
    /// How many complained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 9_000_000_000_000_i64))]
    pub complaints: Option<i64>,
    /// What it cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_cost: Option<Cost>,
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// How much, in whole units.
    #[schemars(range(min = 0, max = 9_000_000_000_000_i64))]
    pub amount: i64,
    /// Of what, by its ISO 4217 code, such as `EUR`.
    #[schemars(length(min = 3, max = 3), regex(pattern = pattern::CURRENCY))]
    pub currency: String,
}

/// The debrief meeting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Meeting {
    /// When it is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Moment>,
    /// When it was held; counts when it is past and after the resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_at: Option<Moment>,
    /// Who leads it; a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub facilitator: Option<String>,
}

/// What the meeting found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// What happened, in a few sentences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 8192))]
    pub summary: Option<String>,
    /// What made it possible: systems and processes, never people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub contributing_factors: Vec<ContributingFactor>,
    /// Why it was a surprise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub why_surprised: Option<String>,
    /// What went well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 512)))]
    pub went_well: Vec<String>,
    /// Where luck helped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 512)))]
    pub got_lucky: Vec<String>,
}

/// One of the things that made it possible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContributingFactor {
    /// Of which kind it is.
    pub category: FactorCategory,
    /// What it is.
    #[schemars(length(min = 1, max = 512))]
    pub text: String,
}

/// Of which kind a contributing factor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum FactorCategory {
    /// A change of code.
    CodeChange,
    /// A change of configuration.
    ConfigChange,
    /// Somebody else's service.
    ThirdParty,
    /// Machines, networks, the cluster.
    Infrastructure,
    /// Too little of something.
    Capacity,
    /// How work is done.
    Process,
    /// What work is done with.
    Tooling,
    /// What is written down.
    Documentation,
    /// What can be seen.
    Observability,
}

impl std::fmt::Display for FactorCategory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// Something that must change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.state == 'Dropped') == has(self.dropReason)").message("an item that is Dropped has a dropReason, and no other has one").field_path(".dropReason"))]
#[x_kube(validation = Rule::new("self.state != 'Done' || !has(self.steps) || self.steps.subtract").message("its steps add, verify and subtract are not all done").field_path(".state"))]
pub struct ActionItem {
    /// Its name in this debrief, such as `a1`.
    #[schemars(length(min = 1, max = 16), regex(pattern = pattern::ENTRY))]
    pub id: String,
    /// What is to change.
    #[schemars(length(min = 1, max = 256))]
    pub title: String,
    /// The missed objectives that it turns to Yes; none for what only helps.
    #[serde(default)]
    #[schemars(length(max = 4))]
    pub turns_yes: Vec<Objective>,
    /// What kind of change it is.
    #[serde(rename = "type")]
    pub type_: ItemType,
    /// How soon: `Immediate` (due 14 days after the meeting), `Short` (30) or `Long` (90).
    pub horizon: Horizon,
    /// The team that does it.
    #[schemars(length(min = 1, max = 63))]
    pub owner_team: String,
    /// When it is due, where that is not what its horizon says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Moment>,
    /// Whether it is done; default `Open`.
    #[serde(default)]
    pub state: ItemState,
    /// Why it is not needed any more, of one that is Dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 10, max = 512))]
    pub drop_reason: Option<String>,
    /// The new beside the old, shown to work, then the old taken away: where something is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Steps>,
    /// Where its ticket is, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub ticket: Option<String>,
}

/// The three steps by which something is replaced, each done after the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("(!self.verify || self.add) && (!self.subtract || self.verify)").message("the steps come in order: add, verify, subtract"))]
pub struct Steps {
    /// The new stands beside the old; default false.
    #[serde(default)]
    pub add: bool,
    /// The new was shown to work; default false.
    #[serde(default)]
    pub verify: bool,
    /// The old is gone; default false.
    #[serde(default)]
    pub subtract: bool,
}

/// What kind of change an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ItemType {
    /// It cannot happen any more.
    Prevent,
    /// It is noticed sooner.
    Detect,
    /// It hurts less.
    Mitigate,
    /// It is over sooner.
    Recover,
    /// Work is done in another way.
    Process,
    /// Something is found out.
    Investigate,
}

impl std::fmt::Display for ItemType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// How soon an item is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Horizon {
    /// 14 days after the meeting.
    Immediate,
    /// 30 days after the meeting.
    Short,
    /// 90 days after the meeting.
    Long,
}

impl std::fmt::Display for Horizon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// Whether an item is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ItemState {
    /// It is to be done.
    #[default]
    Open,
    /// It is done.
    Done,
    /// It is not needed any more.
    Dropped,
}

impl std::fmt::Display for ItemState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// A checkpoint that was held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// When.
    pub held_at: Moment,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub notes: Option<String>,
}

/// The risk is accepted for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedRisk {
    /// Why.
    #[schemars(length(min = 20, max = 2048))]
    pub reason: String,
    /// When that is looked at again, at most 90 days ahead.
    pub review_at: Moment,
}

/// There is nothing to learn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dismissal {
    /// Why.
    #[schemars(length(min = 20, max = 2048))]
    pub reason: String,
}

/// What is wrong with the evidence, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Amendment {
    /// When it was written.
    pub at: Moment,
    /// What is so.
    #[schemars(length(min = 1, max = 2048))]
    pub text: String,
}
