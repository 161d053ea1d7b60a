//! The one reader of the clock: wall time at the start, the monotonic clock from there on.

use tokio::time::Instant;

use crate::api::Moment;

/// Instants that never jump: differences between them are those of the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    started_at: Moment,
}

impl Clock {
    /// Reads the wall clock once.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the clock")]
    pub fn start() -> Self {
        Self { started: Instant::now(), started_at: Moment::new(jiff::Timestamp::now()) }
    }

    /// A clock that shows `at` now, for worlds with a time of their own.
    #[must_use]
    pub fn starting_at(at: Moment) -> Self {
        Self { started: Instant::now(), started_at: at }
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.started_at + self.started.elapsed().into()
    }
}
