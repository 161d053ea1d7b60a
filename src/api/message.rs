//! What people are told of a debrief, and whether it was delivered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{pattern, value::Moment};

/// One thing that people are told of a debrief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DebriefMessage {
    /// What it is about.
    pub what: Notice,
    /// The working day that a reminder is of, in the team's zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), regex(pattern = pattern::DATE))]
    pub day: Option<String>,
    /// How often it was tried.
    #[schemars(range(min = 0, max = i32::MAX))]
    pub tries: i32,
    /// When the last try began.
    pub tried: Moment,
    /// When it was delivered; absent where it was not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered: Option<Moment>,
    /// When its receiver wants it again at the earliest, where it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Moment>,
    /// Why the last try failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub error: Option<String>,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Notice {
    /// The debrief has opened.
    Opened,
    /// What is to be done about all debriefs of a team, on a working morning.
    Reminder,
    /// The debrief is over.
    Ended,
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}
