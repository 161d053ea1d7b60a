//! An instant that is only known within bounds, and how long it is from one to another.

use crate::api::{
    Duration, Moment,
    run::{Fact, FactName, Since, Took},
};

/// The truth lies in `[not_before, at]`: the last time known false, the first time known true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The last instant at which it was known not to be so.
    pub not_before: Moment,
    /// The earliest instant at which it was known to be so.
    pub at: Moment,
}

impl Span {
    /// Bounds in either order; the earlier one comes first.
    #[must_use]
    pub fn new(not_before: Moment, at: Moment) -> Self {
        Self { not_before: not_before.min(at), at }
    }

    /// The later of both, bound by bound.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        Self { not_before: self.not_before.max(other.not_before), at: self.at.max(other.at) }
    }

    /// How long it is from `start` to this, never negative.
    #[must_use]
    pub fn since(self, start: Self) -> Took {
        Took {
            min: Duration::between(start.at, self.not_before),
            max: Duration::between(start.not_before, self.at),
        }
    }

    /// The fact `name` with these bounds.
    #[must_use]
    pub fn fact(self, name: FactName, source: &str, detail: impl Into<String>) -> Fact {
        Fact {
            name,
            at: self.at,
            not_before: self.not_before,
            source: source.to_owned(),
            reason: None,
            partial: false,
            labels: std::collections::BTreeMap::new(),
            detail: crop(detail.into(), 512),
        }
    }
}

impl From<&Fact> for Span {
    fn from(fact: &Fact) -> Self {
        Self { not_before: fact.not_before, at: fact.at }
    }
}

impl From<Since> for Span {
    fn from(since: Since) -> Self {
        Self { not_before: since.not_before, at: since.at }
    }
}

impl From<Span> for Since {
    fn from(span: Span) -> Self {
        Self { not_before: span.not_before, at: span.at }
    }
}

/// The first `max` characters of `text`; the schema bounds every string.
#[must_use]
pub fn crop(text: String, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}
