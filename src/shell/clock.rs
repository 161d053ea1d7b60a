//! The one reader of the machine's clocks. The wall clock is right over weeks and may jump; the monotonic one
//! never jumps, and drifts away from the wall where that one is set. So what was measured in one run has a clock
//! of its own, set by the wall when the run is taken up, and whatever else is an instant is the wall's, asked anew.

use std::{fmt, sync::Arc};

use tokio::time::Instant;

use crate::api::Moment;

/// The wall clock.
#[derive(Clone)]
pub struct Wall(Arc<dyn Fn() -> Moment + Send + Sync>);

impl Wall {
    /// The machine's.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of the clock")]
    pub fn machine() -> Self {
        Self::of(|| Moment::new(jiff::Timestamp::now()))
    }

    /// One that shows what `read` gives, for worlds with a time of their own.
    #[must_use]
    pub fn of(read: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The present instant; it may lie before the one that was read last.
    #[must_use]
    pub fn now(&self) -> Moment {
        (self.0)()
    }

    /// A clock that is set by this one now.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock::starting_at(self.now())
    }
}

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wall({})", self.now())
    }
}

/// Instants that never jump: differences between them are those of the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
    started_at: Moment,
}

impl Clock {
    /// A clock that shows `at` now.
    #[must_use]
    pub fn starting_at(at: Moment) -> Self {
        Self { started: Instant::now(), started_at: at }
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.at(Instant::now())
    }

    /// What it showed, or shows, at that instant; one before its start counts as its start.
    #[must_use]
    pub fn at(&self, instant: Instant) -> Moment {
        self.started_at + instant.saturating_duration_since(self.started).into()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use crate::core::signals::pods::tests::at;

    #[tokio::test(start_paused = true)]
    async fn a_duration_knows_no_jump_of_the_wall_and_what_begins_after_it_does() {
        let shown = Arc::new(Mutex::new(at(0.0)));
        let reads = shown.clone();
        let wall = Wall::of(move || *reads.lock().unwrap_or_else(PoisonError::into_inner));
        let before = wall.clock();
        *shown.lock().unwrap() = at(3600.0);
        tokio::time::advance(std::time::Duration::from_secs(5)).await;
        assert_eq!(before.now(), at(5.0));
        assert_eq!(wall.now(), at(3600.0));
        assert_eq!(wall.clock().now(), at(3600.0));
    }
}
