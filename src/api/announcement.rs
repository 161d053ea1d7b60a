//! What people are told of a day: what was to be told when, and whether it was.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::Moment;

/// One thing that people are told of a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Announcement {
    /// What it is about.
    pub what: Notice,
    /// The step that it is about; empty where it is about the day.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub step: String,
    /// When it was written down that this is to be told.
    pub at: Moment,
    /// How often it was tried.
    #[serde(default)]
    pub tries: i32,
    /// When the last try began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried: Option<Moment>,
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

/// What an announcement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Notice {
    /// The day will begin.
    Before,
    /// Every gate is open, and steps start.
    Go,
    /// A gate did not let the day pass.
    NoGo,
    /// The run of a step is created, which breaks something; of an unannounced step, that it has.
    Injection,
    /// The day is over.
    End,
    /// The day ended before it began.
    Cancelled,
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}
