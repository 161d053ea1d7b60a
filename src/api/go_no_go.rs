//! What else must hold before a day begins, as its plan asks for it.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::value::Duration;

/// What else must hold before a day begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GoNoGo {
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
