//! The journal of a run: what was decided before anything was broken. Victims are added by each round, and their
//! versions renewed where they have changed before the call; all else is written once.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{experiment::ExperimentSpec, value::Moment};

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
    /// What the target was like, by hashes: a debrief tells by it what has changed since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TargetState>,
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
    /// What is worth knowing before anything is broken, as it was when the run was taken up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["about".into()]))]
    pub warnings: Vec<Warning>,
}

/// Something that refuses nothing and is worth knowing before anything is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// What it is about: a field of the experiment or of the operator's configuration, or the reaper.
    #[schemars(length(max = 64))]
    pub about: String,
    /// What is so, and what to do.
    #[schemars(length(max = 1024))]
    pub message: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.about, self.message)
    }
}

/// How many characters the place of such a field has at most.
pub const LONGEST_PLACE: usize = 1024;
/// How many characters its value has at most, as JSON.
pub const LONGEST_VALUE: usize = 16384;

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
    #[schemars(length(max = LONGEST_PLACE))]
    pub at: String,
    /// Its value before, as JSON; `null` where it was absent.
    #[schemars(length(max = LONGEST_VALUE))]
    pub was: String,
    /// The faulty value, as JSON; `null` where the fault removes it.
    #[schemars(length(max = LONGEST_VALUE))]
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

/// What a target was like before anything was broken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetState {
    /// The workloads that own its pods.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub workloads: Vec<WorkloadState>,
    /// The images of its pods, as their nodes have them, by digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 512)))]
    pub images: Vec<String>,
    /// The `ConfigMap`s that its pods read; absent where it is not known which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub config_maps: Option<Vec<ContentState>>,
    /// The rules that can fire the alerts that count, by the names of these; absent where no source told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub rules: Option<Vec<ContentState>>,
}

/// A workload as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadState {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// How many pods it should have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = i32::MAX))]
    pub replicas: Option<i32>,
    /// SHA-256 of its pod template without `restartedAt` and firedrill's own marks, 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_hash: Option<String>,
}

/// Something by its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContentState {
    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// SHA-256 of its content, 16 hexadecimal digits; absent where it is not there or could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
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
    #[schemars(range(min = 0, max = i32::MAX))]
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
    /// The Services that are probed exist and have the ports that are asked.
    ServicesFound,
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
    /// What ends the run early can be seen.
    AbortConditions,
    /// A reaper lives that would end the fault if the operator could not.
    Reaper,
    /// The operator's limit of simultaneous runs is not reached.
    Concurrency,
    /// The game day that the run is a step of is under way, and has it among its steps.
    GameDay,
    /// The debrief that the run is to prove has asked for it, and intends it by name.
    Debrief,
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
        self.serialize(f)
    }
}
