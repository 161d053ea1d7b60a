//! `goNoGo`: what must hold before a day of a plan begins, beyond what holds for every day.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{pattern, value::Duration};

/// What must hold before a day begins, beyond what holds for every day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.steadyFor) >= duration('10s') && duration(self.steadyFor) <= duration('1h')").message("steadyFor is between 10s and 1h").field_path(".steadyFor"))]
pub struct GoNoGo {
    /// How long the steady state of every step's experiment is looked at before the day begins, all side by side;
    /// default 10m, 10s to 1h.
    #[serde(default = "ten_minutes")]
    pub steady_for: Duration,
    /// No alert of this namespace, or of none, may fire that one of these matches, in Alertmanager's matcher
    /// syntax, before the day begins and before each step; default `{severity="critical"}`, `[]` for none.
    #[serde(default = "critical")]
    #[schemars(length(max = 8), inner(length(min = 1, max = 512), regex(pattern = pattern::MATCHERS)))]
    pub no_firing: Vec<String>,
    /// Whether an alerting rule must be there for each alert that the experiments expect; default true.
    #[serde(default = "yes")]
    pub alerts_exist: bool,
    /// The error budget of which more than so many percent must be left, by the query of the operator's
    /// configuration; absent means that it is not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 99))]
    pub error_budget_above: Option<i32>,
    /// How many people must approve a day, each by `firedrill gameday approve`; whoever started it by hand is none of
    /// them. A change of the plan or of an experiment voids what was approved; default 0, at most 3.
    #[serde(default)]
    #[schemars(range(min = 0, max = 3))]
    pub approvals: i32,
    /// Each experiment must have passed before, with the same target and fault, in the namespace that the operator's
    /// configuration names as the predecessor of this one (`predecessors`); default not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_before: Option<PassedBefore>,
}

impl Default for GoNoGo {
    fn default() -> Self {
        Self {
            steady_for: ten_minutes(),
            no_firing: critical(),
            alerts_exist: true,
            error_budget_above: None,
            approvals: 0,
            passed_before: None,
        }
    }
}

const fn ten_minutes() -> Duration {
    Duration::minutes(10)
}
const fn yes() -> bool {
    true
}
fn critical() -> Vec<String> {
    vec!["{severity=\"critical\"}".to_owned()]
}

/// How long ago an experiment may have passed in the namespace before this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("duration(self.within) >= duration('1h') && duration(self.within) <= duration('2160h')").message("within is between 1h and 2160h, which is 90 days").field_path(".within"))]
pub struct PassedBefore {
    /// How long ago its run may be over at most; default 336h, which is 14 days; 1h to 2160h.
    #[serde(default = "fourteen_days")]
    pub within: Duration,
}

const fn fourteen_days() -> Duration {
    Duration::minutes(14 * 24 * 60)
}
