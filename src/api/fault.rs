//! The faults: what can be broken, each with its own parameters.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    experiment::Probe,
    pattern, union,
    value::{Duration, Name},
};

/// What is broken; each fault with its own parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = union::rewrite)]
pub enum Fault {
    /// Evicts or deletes chosen pods of the target.
    PodKill(PodKill),
    /// Rolls a broken template out to the target.
    BadRollout(BadRollout),
    /// Makes something that the target depends on unreachable.
    DependencyOutage(DependencyOutage),
}

impl Fault {
    /// The fault's key in the spec.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PodKill(_) => "podKill",
            Self::BadRollout(_) => "badRollout",
            Self::DependencyOutage(_) => "dependencyOutage",
        }
    }
}

/// Evicts or deletes chosen pods of the target, each by its UID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = union::exactly_one(&["count", "percent"]))]
#[x_kube(validation = Rule::new("!has(self.gracePeriod) || duration(self.gracePeriod) <= duration('1h')").message("gracePeriod is at most 1h").field_path(".gracePeriod"))]
#[x_kube(validation = Rule::new("!has(self.every) || (duration(self.every) >= duration('1s') && duration(self.every) <= duration('1h'))").message("every is between 1s and 1h").field_path(".every"))]
pub struct PodKill {
    /// How many pods; 1 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub count: Option<i32>,
    /// How many percent of the target's pods, rounded down; 0 pods are refused; 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub percent: Option<i32>,
    /// `Evict` respects disruption budgets, `Delete` does not; default `Evict`.
    #[serde(default)]
    pub method: KillMethod,
    /// How long a pod has to end, at most 1h; default the pod's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_period: Option<Duration>,
    /// Which pods: `Random` (the seed is recorded), `Oldest` or `Newest`; default `Random`.
    #[serde(default)]
    pub order: KillOrder,
    /// Again after each such period of 1s to 1h, with new victims, until `duration`; default once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
}

/// How a pod is taken away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KillMethod {
    /// By the eviction API, which respects disruption budgets.
    #[default]
    Evict,
    /// By deletion, which does not.
    Delete,
}

/// Which pods are taken first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KillOrder {
    /// Any, by the run's recorded seed.
    #[default]
    Random,
    /// The ones created first.
    Oldest,
    /// The ones created last.
    Newest,
}

/// Rolls a broken template out to the target: exactly one of image, command, env, configMapKey,
/// readinessProbe, resources.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = union::exactly_one(&["image", "command", "env", "configMapKey", "readinessProbe", "resources"]))]
pub struct BadRollout {
    /// An image that cannot be pulled, such as `firedrill.invalid/none`, which fails fast, or a broken one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 512),
        regex(pattern = pattern::IMAGE)
    )]
    pub image: Option<String>,
    /// A command that crashes, in place of the container's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 256)))]
    pub command: Option<Vec<String>>,
    /// A variable that is set, changed or removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<EnvChange>,
    /// A variable that is read from a key that its ConfigMap does not have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map_key: Option<ConfigMapKey>,
    /// A readiness probe that fails; it has no settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<FailingProbe>,
    /// A request that no node can meet; it has no settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ImpossibleRequest>,
    /// Name of the container; default the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<Name>,
}

/// A variable that is set, changed or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EnvChange {
    /// Name of the variable.
    #[schemars(length(min = 1, max = 128), regex(pattern = pattern::VARIABLE))]
    pub name: String,
    /// Its value; without one the variable is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub value: Option<String>,
}

/// A variable that is read from a key that its `ConfigMap` does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigMapKey {
    /// Name of the variable, whose value comes from a ConfigMap.
    #[schemars(length(min = 1, max = 128), regex(pattern = pattern::VARIABLE))]
    pub env: String,
}

/// A readiness probe that fails; it has no settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailingProbe {}

/// A request that no node can meet; it has no settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImpossibleRequest {}

/// Makes something that the target depends on unreachable: exactly one of egress, blackhole,
/// externalName, scaleToZero, which name the dependency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = union::exactly_one(&["egress", "blackhole", "externalName", "scaleToZero"]))]
#[x_kube(validation = Rule::new("has(self.observe) || !(has(self.egress) || has(self.externalName))").message("egress and externalName need observe: a probe that the target answers and that fails while the outage is real").field_path(".observe"))]
#[x_kube(validation = Rule::new("!has(self.observe) || !has(self.observe.workload)").message("observe is an http or a tcp probe").field_path(".observe"))]
pub struct DependencyOutage {
    /// The target's connections to a Service or an address range are blocked by a `NetworkPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<Egress>,
    /// A Service selects nothing any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blackhole: Option<ServiceName>,
    /// A Service of type `ExternalName` points to a name that never resolves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_name: Option<ServiceName>,
    /// A workload is scaled to zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_to_zero: Option<Scalable>,
    /// A probe that the target answers and that fails while the outage is real.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observe: Option<Probe>,
}

/// What connections are blocked to: exactly one of service, cidr.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = union::rewrite)]
pub enum Egress {
    /// Name of a Service of this namespace.
    Service(Name),
    /// A range of addresses, such as `203.0.113.0/24`.
    Cidr(Cidr),
}

/// A range of IPv4 addresses, such as `203.0.113.0/24`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Cidr(
    #[schemars(
        length(min = 9, max = 18),
        regex(pattern = pattern::CIDR)
    )]
    pub String,
);

/// A Service of this namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServiceName {
    /// Name of the Service.
    pub service: Name,
}

/// A workload that can be scaled: exactly one of deployment, statefulSet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = union::rewrite)]
pub enum Scalable {
    /// Name of a Deployment.
    Deployment(Name),
    /// Name of a StatefulSet.
    StatefulSet(Name),
}
