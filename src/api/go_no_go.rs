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
    /// The error budget of which more than so many percent must be left, by the query of the operator's
    /// configuration; absent means that it is not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 99))]
    pub error_budget_above: Option<i32>,
}

impl Default for GoNoGo {
    fn default() -> Self {
        Self { steady_for: ten_minutes(), no_firing: critical(), error_budget_above: None }
    }
}

const fn ten_minutes() -> Duration {
    Duration::minutes(10)
}
fn critical() -> Vec<String> {
    vec!["{severity=\"critical\"}".to_owned()]
}
