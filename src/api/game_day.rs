//! `GameDay`: a plan that runs experiments at a time of the wall clock, where its gates let it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::go_no_go::GoNoGo;

use super::{
    pattern,
    run::Verdict,
    union,
    value::{Duration, Moment, Name},
};

/// When experiments run, in which order, and what must hold before.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "firedrill.dev",
    version = "v1alpha1",
    kind = "GameDay",
    namespaced,
    status = "GameDayStatus",
    shortname = "fdday",
    category = "firedrill",
    derive = "PartialEq",
    cel,
    doc = "A plan: which experiments run, when, in which order, and what must hold before.",
    validation = Rule::new("self.metadata.name.size() <= 30")
        .message("a GameDay's name has at most 30 characters, so that the names of its days and of their runs fit 63").field_path(".metadata.name"),
    printcolumn(name = "Schedule", type_ = "string", json_path = ".spec.schedule"),
    printcolumn(name = "Zone", type_ = "string", json_path = ".spec.timeZone"),
    printcolumn(name = "Suspended", type_ = "boolean", json_path = ".spec.suspend"),
    printcolumn(name = "Next", type_ = "string", json_path = ".status.next"),
    printcolumn(name = "Last", type_ = "string", json_path = ".status.lastDay"),
    printcolumn(name = "Ready", type_ = "string", priority = 1, json_path = ".status.conditions[?(@.type==\"Ready\")].message"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = union::exactly_one(&["schedule", "startAt"]))]
#[x_kube(validation = Rule::new("duration(self.startingDeadline) >= duration('1m') && duration(self.startingDeadline) <= duration('4h')").message("startingDeadline is between 1m and 4h").field_path(".startingDeadline"))]
#[x_kube(validation = Rule::new("duration(self.endBy) >= duration('10m') && duration(self.endBy) <= duration('12h')").message("endBy is between 10m and 12h").field_path(".endBy"))]
#[x_kube(validation = Rule::new("duration(self.startingDeadline) > duration(has(self.goNoGo) ? self.goNoGo.steadyFor : '10m')").message("startingDeadline must be longer than goNoGo.steadyFor (10m by default), which the steady state is looked at before the first step").field_path(".startingDeadline"))]
#[x_kube(validation = Rule::new("self.stopOn.all(v, v != 'Passed')").message("stopOn names verdicts of a run that went wrong; a day does not stop because a run passed").field_path(".stopOn"))]
pub struct GameDaySpec {
    /// When it fires: five cron fields (minute, hour, day of the month, month, day of the week), such as
    /// `0 10 * * TUE#1` for the first Tuesday of each month at 10:00. Minute and hour are one number each. Days
    /// of the month and of the week together need `+`, as in `0 10 13 * +FRI`. What the clock skips in spring
    /// fires when it is put forward; what comes twice in autumn fires the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub schedule: Option<String>,
    /// When it fires, where it does so once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Moment>,
    /// The time zone of schedule, window and blackouts, by its IANA name; default `UTC`.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
    /// When a day may fire, and its steps may start; default at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Days on which nothing fires and no step starts; at most 32.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub blackouts: Vec<Blackout>,
    /// How long after its time the first step starts at the latest, else the day is a NoGo; default 30m, 1m to 4h.
    #[serde(default = "thirty_minutes")]
    pub starting_deadline: Duration,
    /// Whether nothing fires; default false.
    #[serde(default)]
    pub suspend: bool,
    /// What people should know, in their own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub notes: Option<String>,
    /// Who does what on the day, in words; rights are given by RBAC alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Roles>,
    /// How people are told of a day before it begins.
    #[serde(default)]
    pub announce: Announce,
    /// What runs, in order; 1 to 12.
    #[schemars(length(min = 1, max = 12))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub steps: Vec<Step>,
    /// How many steps run side by side at most; default 1, at most 4.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 4))]
    pub concurrency: i32,
    /// How long after its start the last fault of the day must be over; default 2h, 10m to 12h.
    #[serde(default = "two_hours")]
    pub end_by: Duration,
    /// The verdicts of a step's run after which no further step starts; default `Aborted` and `NotRecovered`.
    #[serde(default = "stop_on")]
    #[schemars(length(max = 5))]
    pub stop_on: Vec<Verdict>,
    /// What must hold before a day begins, beyond what holds for every day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub go_no_go: Option<GoNoGo>,
}

impl GameDaySpec {
    /// What must hold before a day begins; the defaults where the plan says nothing.
    #[must_use]
    pub fn gates(&self) -> GoNoGo {
        self.go_no_go.clone().unwrap_or_default()
    }
}

/// When a day may fire, and its steps may start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.days) || has(self.hours)").message("a window has days, hours or both"))]
#[x_kube(validation = Rule::new("!has(self.hours) || self.hours.split('-')[0] < self.hours.split('-')[1]").message("hours end after they begin: a window does not go over midnight").field_path(".hours"))]
pub struct Window {
    /// Days of the week, of the plan's time zone; default every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 7))]
    pub days: Vec<Weekday>,
    /// From when to when, such as `10:00-16:00`: the first minute is in it and the last is not; default all day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 11), regex(pattern = pattern::HOURS))]
    pub hours: Option<String>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// Days on which nothing fires and no step starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.from <= self.to").message("from lies after to; both days are part of the blackout").field_path(".from"))]
pub struct Blackout {
    /// The first day, such as `2026-12-20`.
    #[schemars(length(max = 10), regex(pattern = pattern::DATE))]
    pub from: String,
    /// The last day, such as `2027-01-03`.
    #[schemars(length(max = 10), regex(pattern = pattern::DATE))]
    pub to: String,
    /// Why, in a few words.
    #[schemars(length(min = 1, max = 128))]
    pub reason: String,
}

/// Who does what on the day: roles, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Roles {
    /// Who plans the day and decides to halt it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub owner: Option<String>,
    /// Who prepares and starts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub coordinator: Option<String>,
    /// Who writes down what happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub reporter: Option<String>,
    /// Who watches; at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = 63)))]
    pub observers: Vec<String>,
}

/// How people are told of a day before it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("duration(self.before) <= duration('168h')").message("before is at most 168h, a week").field_path(".before"))]
pub struct Announce {
    /// How long before its time the day is created and announced; `0s` with its start; default 24h, at most 168h.
    #[serde(default = "one_day")]
    pub before: Duration,
}

impl Default for Announce {
    fn default() -> Self {
        Self { before: one_day() }
    }
}

/// One experiment of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("duration(self.gap) <= duration('4h')").message("gap is at most 4h").field_path(".gap"))]
pub struct Step {
    /// Name of the step, one of a kind in this plan; the name of its run ends with it.
    #[schemars(length(min = 1, max = 16), regex(pattern = pattern::ENTRY))]
    pub name: String,
    /// Name of the Experiment in this namespace.
    pub experiment: Name,
    /// The earlier steps that must be over before; default the previous one, `[]` to start at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 11), inner(length(min = 1, max = 16), regex(pattern = pattern::ENTRY)))]
    pub after: Option<Vec<String>>,
    /// How long to wait once they are over; default 5m, at most 4h.
    #[serde(default = "five_minutes")]
    pub gap: Duration,
    /// Which end of them lets it start: `Always`, `Passed` (every one has passed) or `Missed` (one has missed an
    /// objective); default `Always`.
    #[serde(default)]
    pub when: When,
    /// Whether nobody is told of it before it is over: it starts at an instant that nobody chooses, between its turn and
    /// the last one at which it, and the steps after it, still fit into `endBy` and the window; default false.
    #[serde(default)]
    pub unannounced: bool,
}

/// Which end of the steps before lets a step start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum When {
    /// Any.
    #[default]
    Always,
    /// Every one of them has passed.
    Passed,
    /// One of them has missed an objective.
    Missed,
}

/// What the operator concludes about a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GameDayStatus {
    /// Generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Since when this spec counts: nothing that lies before fires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<SeenSince>,
    /// When it fires next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Moment>,
    /// The last time for which a day was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_fire: Option<Moment>,
    /// A time whose day was over before it came, stopped or deleted after its announcement: nothing fires then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled: Option<Moment>,
    /// The last time for which none was created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed: Option<Missed>,
    /// Name of the day that was created last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub last_day: Option<String>,
    /// Its UID: of all days for that time, this one alone may begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub last_day_uid: Option<String>,
    /// `Ready`: the plan is valid and fires, is `Suspended`, or `Cancelled` where its one time was; else its reason is `Invalid`,
    /// `NeverFires`, or `Refused` where the API server did not let `firedrill-starter` create the day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// When a version of a plan was seen first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SeenSince {
    /// Generation of the plan.
    pub generation: i64,
    /// When it was seen first; of the first generation, when the plan was created.
    pub at: Moment,
}

/// A time for which no day was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Missed {
    /// The time.
    pub at: Moment,
    /// Why.
    pub reason: MissedReason,
}

/// Why no day was created for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MissedReason {
    /// The plan was suspended.
    Suspended,
    /// It lies in a blackout.
    Blackout,
    /// It lies outside of the window.
    OutsideWindow,
    /// Nobody looked until its deadline had passed.
    DeadlinePassed,
}

fn utc() -> String {
    "UTC".to_owned()
}
fn stop_on() -> Vec<Verdict> {
    vec![Verdict::Aborted, Verdict::NotRecovered]
}
const fn one() -> i32 {
    1
}
const fn one_day() -> Duration {
    Duration::minutes(24 * 60)
}
const fn five_minutes() -> Duration {
    Duration::minutes(5)
}
const fn thirty_minutes() -> Duration {
    Duration::minutes(30)
}
const fn two_hours() -> Duration {
    Duration::minutes(120)
}
