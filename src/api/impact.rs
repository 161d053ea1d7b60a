//! What a run has measured of its impact: samples, cost, and the times during which nobody looked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::Moment;

/// What a user of the service would have noticed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Impact {
    /// The samples of the probes since the injection.
    pub probes: ProbeCounts,
    /// Seconds during which a desired pod was not ready, added up over the pods; what lies in a gap is not in it.
    pub unavailable_pod_seconds: f64,
    /// Since when every probe is good again, not yet proven by `stableFor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_since: Option<Since>,
    /// How somebody else ended the fault, before we did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<Ending>,
    /// Times during which something was not observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub gaps: Vec<Gap>,
}

/// How somebody else ended a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// The last instant at which the object was known to hold the fault.
    pub not_before: Moment,
    /// The earliest instant at which it was known to hold it no longer.
    pub at: Moment,
    /// The fields that hold something else.
    #[schemars(length(max = 4), inner(length(max = 32)))]
    pub fields: Vec<String>,
    /// Whether they are as they were before, rather than something new.
    pub restored: bool,
    /// Who did that, by the field manager.
    #[schemars(length(max = 256))]
    pub by: String,
}

/// The samples of the probes since the injection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProbeCounts {
    /// All samples.
    pub total: i64,
    /// The failed ones.
    pub failed: i64,
    /// When the first failed sample ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_failure_at: Option<Moment>,
    /// When the last failed sample ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure_at: Option<Moment>,
    /// What the last failed sample said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// When these numbers were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Moment>,
}

/// The start of something that lasts: it lies in `[notBefore, at]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Since {
    /// The last instant at which it was known not to be so.
    pub not_before: Moment,
    /// The earliest instant at which it was known to be so.
    pub at: Moment,
}

/// A time during which something was not observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Gap {
    /// The last observation before.
    pub from: Moment,
    /// The first observation after.
    pub to: Moment,
    /// What was not observed.
    pub of: Unobserved,
}

/// What was not observed for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Unobserved {
    /// The service: no probe was sampled.
    Probes,
    /// The fault itself: it was not there although nobody had ended it.
    Fault,
}

impl std::fmt::Display for Unobserved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

impl Gap {
    /// Whether the fault was not there, rather than somebody who looks.
    #[must_use]
    pub fn is_of_fault(&self) -> bool {
        self.of == Unobserved::Fault
    }
}

impl Impact {
    /// The times during which nobody looked.
    pub fn unseen(&self) -> impl Iterator<Item = &Gap> {
        self.gaps.iter().filter(|gap| !gap.is_of_fault())
    }

    /// Whether nobody looked for some time, so that what was counted is the least that it was.
    #[must_use]
    pub fn is_partly_unseen(&self) -> bool {
        self.unseen().next().is_some()
    }
}
