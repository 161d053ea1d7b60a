//! What the operator keeps of a debrief on the way to its proof.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    debrief::{Answers, Objective},
    game_day::{Blackout, Weekday},
    pattern,
    value::{Duration, Moment},
};

/// By which hours and which proof a debrief is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// The time zone of its hours, by its IANA name; default `UTC`.
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
    /// The days on which people work; default Monday to Friday.
    #[schemars(length(min = 1, max = 7))]
    pub days: Vec<Weekday>,
    /// The hours at which people work; default `09:00-18:00`.
    #[schemars(length(min = 11, max = 11), regex(pattern = pattern::HOURS))]
    pub hours: String,
    /// Days on which nobody works; default none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub closed: Vec<Blackout>,
    /// The meeting is at the earliest so long after the resolution; default 24h.
    pub meeting_after: Duration,
    /// And at the latest so long after it; default 72h.
    pub meeting_within: Duration,
    /// How many runs in a row must answer a question with Yes; default 2.
    #[schemars(range(min = 1, max = 20))]
    pub passes: i32,
    /// How long one of them is after the one before; default 24h.
    pub spacing: Duration,
    /// How many of them must be unannounced; default 0.
    #[schemars(range(min = 0, max = 20))]
    pub unannounced: i32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            time_zone: "UTC".to_owned(),
            days: vec![Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri],
            hours: "09:00-18:00".to_owned(),
            closed: Vec::new(),
            meeting_after: Duration::minutes(24 * 60),
            meeting_within: Duration::minutes(72 * 60),
            passes: 2,
            spacing: Duration::minutes(24 * 60),
            unannounced: 0,
        }
    }
}

/// A missed objective, and how far its proof is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// The objective.
    pub objective: Objective,
    /// How many runs in a row have answered it with Yes and count.
    #[schemars(range(min = 0, max = i32::MAX))]
    pub passes: i32,
    /// How many are needed: twice as many where nothing has changed that can be seen.
    #[schemars(range(min = 1, max = i32::MAX))]
    pub needed: i32,
    /// How many of them must still be unannounced.
    #[schemars(range(min = 0, max = i32::MAX))]
    pub unannounced_needed: i32,
    /// Names of the runs that count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40))]
    pub proven_by: Vec<String>,
    /// What is still to be done for it.
    #[schemars(length(max = 512))]
    pub lacks: String,
    /// When a run may count next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Moment>,
}

/// So many reasons of so many characters are kept of one run: a hundred runs must fit one object.
pub const REFUSED: (usize, usize) = (8, 256);
/// See [`REFUSED`].
pub const CHANGED: (usize, usize) = (16, 160);
/// See [`REFUSED`].
pub const NOTES: (usize, usize) = (4, 256);

/// A finished run as it was judged, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Name of the run.
    pub run: String,
    /// UID of the run.
    pub uid: String,
    /// When the fault was injected.
    pub at: Moment,
    /// Its answers.
    pub answers: Answers,
    /// Whether nobody was told of it before it was over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unannounced: bool,
    /// Why it proves nothing; empty for one that may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = REFUSED.0), inner(length(max = REFUSED.1)))]
    pub refused: Vec<String>,
    /// What is not as it was when the objective was missed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = CHANGED.0), inner(length(max = CHANGED.1)))]
    pub changed: Vec<String>,
    /// What is worth knowing beside it, such as alerts that counted here and did not then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = NOTES.0), inner(length(max = NOTES.1)))]
    pub notes: Vec<String>,
}

/// A proof run that the operator creates: written down before that is tried, and kept until there is another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledRun {
    /// Name of the run, which follows from the debrief and the number.
    pub run: String,
    /// How many there were, this one among them.
    #[schemars(range(min = 1, max = i32::MAX))]
    pub number: i32,
    /// When it was written down.
    pub at: Moment,
    /// UID of the run, once it is known to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Since when it may break nothing more: it is over, or was not created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_at: Option<Moment>,
    /// Why it was not created, in the API server's words where it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub problem: Option<String>,
    /// The next one is created then at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Moment>,
}

/// What the operator knows of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemStatus {
    /// The item's name.
    pub id: String,
    /// When it was seen to be done; runs before prove nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<Moment>,
    /// When it was due at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_due: Option<Moment>,
}

/// The acceptance of a risk as the operator saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Acceptance {
    /// When it was seen with this review.
    pub since: Moment,
    /// When it must be reviewed: then the debrief is open again.
    pub review_at: Moment,
    /// How often it was renewed.
    #[schemars(range(min = 0, max = i32::MAX))]
    pub renewals: i32,
}
