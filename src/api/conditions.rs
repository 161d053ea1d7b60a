//! Sets one condition of a list and keeps its transition time.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::value::Moment;

/// The three values of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is so.
    True,
    /// It is not so.
    False,
    /// Nobody knows.
    Unknown,
}

impl Status {
    const fn text(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// Sets the condition `type_`; `lastTransitionTime` moves only when its status does.
pub fn set(
    conditions: &mut Vec<Condition>,
    type_: &str,
    (status, reason, message): (Status, &str, &str),
    generation: Option<i64>,
    now: Moment,
) {
    let since = conditions
        .iter()
        .find(|condition| condition.type_ == type_ && condition.status == status.text())
        .map_or_else(|| Time(now.timestamp()), |condition| condition.last_transition_time.clone());
    let condition = Condition {
        type_: type_.to_owned(),
        status: status.text().to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: generation,
        last_transition_time: since,
    };
    match conditions.iter_mut().find(|old| old.type_ == type_) {
        Some(old) => *old = condition,
        None => conditions.push(condition),
    }
}

/// The condition `type_`, if it was ever set.
#[must_use]
pub fn get<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}
