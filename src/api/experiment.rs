//! `Experiment`: a reusable definition of what is broken, where, and what should happen then.

use k8s_openapi::{
    apimachinery::pkg::{apis::meta::v1::Condition, util::intstr::IntOrString},
    schemars as _,
};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    fault::Fault,
    pattern, union,
    value::{Duration, Moment, Name},
};

/// The longest that a fault may last; the schema takes no longer `duration`.
pub const LONGEST_FAULT: Duration = Duration::minutes(60);

/// One reusable fault experiment: the hypothesis, what is broken, and how fast the response must be.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "firedrill.dev",
    version = "v1alpha1",
    kind = "Experiment",
    namespaced,
    status = "ExperimentStatus",
    shortname = "fdexp",
    category = "firedrill",
    derive = "PartialEq",
    cel,
    doc = "A reusable definition: hypothesis, target, fault, steady state, objectives, guards.",
    validation = Rule::new("self.metadata.name.size() <= 50")
        .message("an Experiment's name has at most 50 characters, so that its runs' names fit 63")
        .field_path(".metadata.name"),
    printcolumn(name = "Fault", type_ = "string", json_path = ".status.fault"),
    printcolumn(name = "Target", type_ = "string", json_path = ".status.target"),
    printcolumn(name = "Last", type_ = "string", json_path = ".status.lastRun.verdict"),
    printcolumn(name = "Noticed", type_ = "string", json_path = ".status.answers.detected"),
    printcolumn(name = "Back", type_ = "string", json_path = ".status.answers.recovered"),
    printcolumn(name = "Debrief", type_ = "string", json_path = ".status.openDebrief"),
    printcolumn(name = "Ready", type_ = "string", priority = 1, json_path = ".status.conditions[?(@.type==\"Ready\")].message"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.fault.badRollout) || !has(self.target.service)").message("badRollout needs a deployment, statefulSet or daemonSet as target: a Service has no template").field_path(".target"))]
#[x_kube(validation = Rule::new("!has(self.guards.abortWhenProbeFailsFor) || self.steadyState.all(p, (!has(p.http) || duration(p.http.interval) < duration(self.guards.abortWhenProbeFailsFor)) && (!has(p.tcp) || duration(p.tcp.interval) < duration(self.guards.abortWhenProbeFailsFor)))").message("abortWhenProbeFailsFor is longer than the interval of every probe: one failed sample alone must not end the run").field_path(".guards.abortWhenProbeFailsFor"))]
pub struct ExperimentSpec {
    /// One sentence: what people expect to happen.
    #[schemars(length(min = 1, max = 512))]
    pub hypothesis: String,
    /// The team that answers for the target; a role, never a person.
    #[schemars(length(min = 1, max = 63))]
    pub owner: String,
    /// The workload that is broken: exactly one of deployment, statefulSet, daemonSet, service.
    pub target: Target,
    /// What is broken: exactly one fault.
    pub fault: Fault,
    /// When the fault is reverted at the latest, counted from the journal; 1s to 1h.
    #[x_kube(validation = Rule::new("duration(self) >= duration('1s') && duration(self) <= duration('1h')").message("duration is between 1s and 1h"))]
    pub duration: Duration,
    /// Whether the hypothesis is that users notice nothing; a visible impact is then a miss.
    #[serde(default)]
    pub tolerates: bool,
    /// What a user of the service would notice: 1 to 8 probes, all good when the service is healthy.
    #[schemars(length(min = 1, max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub steady_state: Vec<Probe>,
    /// How fast an alarm must notice.
    pub detection: Detection,
    /// How fast the service must be completely back.
    #[serde(default)]
    pub recovery: Recovery,
    /// What must hold before anything is broken, and what ends the run early.
    #[serde(default)]
    pub guards: Guards,
}

/// The workload named in the spec, in the experiment's own namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(transform = union::rewrite)]
pub enum Target {
    /// Name of a Deployment.
    Deployment(Name),
    /// Name of a StatefulSet.
    StatefulSet(Name),
    /// Name of a DaemonSet.
    DaemonSet(Name),
    /// Name of a Service: the pods that it selects.
    Service(Name),
}

impl Target {
    /// Kind and name as `kubectl` writes them, lower case: `deployment`, `checkout`.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &Name) {
        match self {
            Self::Deployment(name) => ("deployment", name),
            Self::StatefulSet(name) => ("statefulset", name),
            Self::DaemonSet(name) => ("daemonset", name),
            Self::Service(name) => ("service", name),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, name) = self.parts();
        write!(f, "{kind}/{name}")
    }
}

/// One way to sample what a user of the service would notice: exactly one of http, tcp, workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = union::exactly_one(&["http", "tcp", "workload"]))]
pub struct Probe {
    /// Name of the probe, one of a kind in this list.
    #[schemars(length(min = 1, max = 63), regex(pattern = pattern::ENTRY))]
    pub name: String,
    /// A GET through a Service; a status from 200 to 399 is good, redirects are not followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpProbe>,
    /// A connection through a Service; accepted is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpProbe>,
    /// The target itself: good while every desired replica is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadProbe>,
}

/// A GET to `http://<ClusterIP of the Service>:<port><path>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.interval) >= duration('100ms') && duration(self.interval) <= duration('1m')").message("interval is between 100ms and 1m").field_path(".interval"))]
#[x_kube(validation = Rule::new("!has(self.timeout) || (duration(self.timeout) >= duration('1ms') && duration(self.timeout) <= duration('1m'))").message("timeout is between 1ms and 1m").field_path(".timeout"))]
pub struct HttpProbe {
    /// Name of a Service of this namespace.
    pub service: Name,
    /// Number (1 to 65535) or name of one of the Service's ports, such as 80 or http.
    #[schemars(extend("minimum" = 1, "maximum" = 65535, "maxLength" = 15, "pattern" = pattern::PORT))]
    pub port: IntOrString,
    /// Path of the request; default `/`.
    #[serde(default = "root_path")]
    #[schemars(length(min = 1, max = 256), regex(pattern = pattern::PATH))]
    pub path: String,
    /// Time from one request to the next; default 1s, at least 100ms.
    #[serde(default = "one_second")]
    pub interval: Duration,
    /// How long an answer may take; default the smaller of the interval and 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How many failures in a row are an impact, which then began with the first; default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub failure_threshold: i32,
}

/// A TCP connection to `<ClusterIP of the Service>:<port>`, closed at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.interval) >= duration('100ms') && duration(self.interval) <= duration('1m')").message("interval is between 100ms and 1m").field_path(".interval"))]
#[x_kube(validation = Rule::new("!has(self.timeout) || (duration(self.timeout) >= duration('1ms') && duration(self.timeout) <= duration('1m'))").message("timeout is between 1ms and 1m").field_path(".timeout"))]
pub struct TcpProbe {
    /// Name of a Service of this namespace.
    pub service: Name,
    /// Number (1 to 65535) or name of one of the Service's ports, such as 80 or http.
    #[schemars(extend("minimum" = 1, "maximum" = 65535, "maxLength" = 15, "pattern" = pattern::PORT))]
    pub port: IntOrString,
    /// Time from one connection to the next; default 1s, at least 100ms.
    #[serde(default = "one_second")]
    pub interval: Duration,
    /// How long a connection may take; default the smaller of the interval and 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How many failures in a row are an impact, which then began with the first; default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub failure_threshold: i32,
}

/// The target wholly ready, by watch; it has no settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkloadProbe {}

/// How fast an alarm must notice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.within) >= duration('1s') && duration(self.within) <= duration('24h')").message("within is between 1s and 24h").field_path(".within"))]
pub struct Detection {
    /// The time allowed; default 5m.
    #[serde(default = "five_minutes")]
    pub within: Duration,
    /// Where the clock starts: `Injection`, or `Impact` for faults that bite later; default `Injection`.
    #[serde(default)]
    pub from: DetectionFrom,
    /// Where the clock stops: `Firing` or `Notified`; default `Firing`.
    #[serde(default)]
    pub until: DetectionUntil,
    /// The alerts that count, in Alertmanager's matcher syntax: any one of 1 to 16 is enough.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 512), regex(pattern = pattern::MATCHERS)))]
    pub alerts: Vec<String>,
}

/// Where the detection clock starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DetectionFrom {
    /// At the instant of the injection.
    #[default]
    Injection,
    /// At the first visible impact.
    Impact,
}

impl std::fmt::Display for DetectionFrom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// Where the detection clock stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DetectionUntil {
    /// When the alert fires.
    #[default]
    Firing,
    /// When its notification is delivered.
    Notified,
}

impl std::fmt::Display for DetectionUntil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// How fast the service must be completely back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.within) >= duration('1s') && duration(self.within) <= duration('24h')").message("within is between 1s and 24h").field_path(".within"))]
#[x_kube(validation = Rule::new("duration(self.stableFor) >= duration('1s') && duration(self.stableFor) <= duration('1h')").message("stableFor is between 1s and 1h").field_path(".stableFor"))]
pub struct Recovery {
    /// The time allowed from the injection on; default 1h.
    #[serde(default = "one_hour")]
    pub within: Duration,
    /// How long the steady state must hold before it counts; default 1m.
    #[serde(default = "one_minute")]
    pub stable_for: Duration,
    /// Whether a recovery that began after our own revert counts, timed from the revert; default false.
    #[serde(default)]
    pub count_fault_ended: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { within: one_hour(), stable_for: one_minute(), count_fault_ended: false }
    }
}

/// What must hold before anything is broken, and what ends the run early.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.steadyFor) <= duration('1h')").message("steadyFor is at most 1h").field_path(".steadyFor"))]
#[x_kube(validation = Rule::new("!has(self.maxUnavailable) || string(self.maxUnavailable).matches('^([0-9]{1,3}|1000|(100|[1-9]?[0-9])%)$')").message("maxUnavailable is a number from 0 to 1000 or a percentage from 0% to 100%").field_path(".maxUnavailable"))]
#[x_kube(validation = Rule::new("!has(self.abortWhenProbeFailsFor) || (duration(self.abortWhenProbeFailsFor) >= duration('1s') && duration(self.abortWhenProbeFailsFor) <= duration('1h'))").message("abortWhenProbeFailsFor is between 1s and 1h").field_path(".abortWhenProbeFailsFor"))]
pub struct Guards {
    /// How many ready pods the fault must leave; default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1000))]
    pub min_ready: i32,
    /// How many pods, or percent of the desired ones, may be unavailable; default no limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,
    /// How long every probe must have been good; default 10s.
    #[serde(default = "ten_seconds")]
    pub steady_for: Duration,
    /// Alerts that the run must not go on with, in Alertmanager's matcher syntax: while any one of 1 to
    /// 16 is pending or firing it does not start, and when one fires it is ended at once. Silenced ones
    /// do not count. When no alert source answers for 30s nobody would see them: that ends it too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 512), regex(pattern = pattern::MATCHERS)))]
    pub abort_on: Vec<String>,
    /// The run is ended at once when a probe of the steady state has failed for so long without a
    /// break; 1s to 1h and longer than every probe's interval; default never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_when_probe_fails_for: Option<Duration>,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            min_ready: one(),
            max_unavailable: None,
            steady_for: ten_seconds(),
            abort_on: Vec::new(),
            abort_when_probe_fails_for: None,
        }
    }
}

/// What the operator concludes about an experiment from its runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExperimentStatus {
    /// Generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The fault's key, for people who list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// The target as `kind/name`, for people who list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The run that ended last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<LastRun>,
    /// Yes of Yes and No, over the runs that exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<AnswerCounts>,
    /// Name of the debrief that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_debrief: Option<String>,
    /// `Ready`: the spec is valid; its message warns of sources that cannot be reached, and of alerts that
    /// no rule can fire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// The run that ended last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastRun {
    /// Name of the run.
    pub name: String,
    /// Its verdict.
    pub verdict: String,
    /// When it was complete.
    pub at: Moment,
}

/// Yes of Yes and No per question, such as `4/5`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerCounts {
    /// Runs whose detection was in time, of those that asked.
    pub detected: String,
    /// Runs whose recovery was in time, of those that asked.
    pub recovered: String,
}

fn root_path() -> String {
    "/".to_owned()
}
const fn one() -> i32 {
    1
}
const fn one_second() -> Duration {
    Duration::seconds(1)
}
const fn ten_seconds() -> Duration {
    Duration::seconds(10)
}
const fn one_minute() -> Duration {
    Duration::minutes(1)
}
const fn five_minutes() -> Duration {
    Duration::minutes(5)
}
const fn one_hour() -> Duration {
    Duration::minutes(60)
}
