//! Why a message did not arrive, and when its receiver wants it again.

use crate::api::{Duration, Moment};

/// The longest that a receiver is left alone by its own wish.
const RETRY_AFTER_MAX: Duration = Duration::minutes(60);

/// Why a message did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// In the receiver's words, or those of what lay between.
    pub problem: String,
    /// How long its receiver asks to be left alone (RFC 9110, 10.2.3, `Retry-After`).
    pub retry_after: Option<Duration>,
}

impl Undelivered {
    /// Until when it is not sent again, if that was known at `at`.
    #[must_use]
    pub fn not_before(&self, at: Moment) -> Option<Moment> {
        self.retry_after.map(|after| at + after.min(RETRY_AFTER_MAX))
    }
}

/// How long after so many tries that failed the next one is made: `first` after one, each pause twice the last one, and
/// none longer than `longest`.
#[must_use]
pub fn pause(tries: i32, first: Duration, longest: Duration) -> Duration {
    let doubled = u32::try_from(tries - 1).unwrap_or(0).min(10);
    first.times(1 << doubled).min(longest)
}

impl From<String> for Undelivered {
    fn from(problem: String) -> Self {
        Self { problem, retry_after: None }
    }
}
