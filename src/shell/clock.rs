//! The one reader of the machine's clocks. The wall clock is right over weeks and may jump; the monotonic one
//! never jumps, and drifts away from the wall where that one is set. So what was measured in one run has a clock
//! of its own, set by the wall when the run is taken up, and whatever else is an instant is the wall's, asked anew.

use std::{fmt, sync::Arc};

use tokio::time::Instant;

use crate::api::{Duration, ExperimentRun, Moment};

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

/// The clock by which debriefs and game days are held: the wall's, or so far ahead of it, as tests have it.
#[derive(Clone, Debug)]
pub struct Ahead {
    wall: Wall,
    by: Duration,
}

impl Ahead {
    /// One that is so far ahead of `wall`.
    #[must_use]
    pub const fn of(wall: Wall, by: Duration) -> Self {
        Self { wall, by }
    }

    /// The present instant.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.wall.now() + self.by
    }

    /// The instant that this clock shows when the wall shows `at`.
    #[must_use]
    pub fn shown(&self, at: Moment) -> Moment {
        at + self.by
    }

    /// A run, which has the wall's instants, with those of this clock.
    #[must_use]
    pub fn of_run(&self, mut run: ExperimentRun) -> ExperimentRun {
        if self.by == Duration::ZERO {
            return run;
        }
        let move_on = |at: &mut Moment| *at = self.shown(*at);
        if let Some(created) = run.metadata.creation_timestamp.as_mut() {
            created.0 = self.shown(Moment::new(created.0)).timestamp();
        }
        for fact in run.status.iter_mut().flat_map(|status| &mut status.facts) {
            move_on(&mut fact.at);
            move_on(&mut fact.not_before);
        }
        for impact in run.status.iter_mut().filter_map(|status| status.impact.as_mut()) {
            let probes = [&mut impact.probes.first_failure_at, &mut impact.probes.last_failure_at];
            probes.into_iter().flatten().for_each(move_on);
            impact.gaps.iter_mut().flat_map(|gap| [&mut gap.from, &mut gap.to]).for_each(move_on);
        }
        run
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

    #[test]
    fn a_run_moves_by_as_much_as_the_calendar_is_ahead_and_nothing_else_of_it_changes() {
        let run = |second: u32| -> ExperimentRun {
            let at = format!("2026-11-24T10:00:{second:02}.000000Z");
            let gap = serde_json::json!({"from": at, "to": at, "of": "probes"});
            serde_json::from_value(serde_json::json!({
                "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
                "metadata": {"name": "r", "creationTimestamp": at}, "spec": {"experiment": "e"},
                "status": {
                    "facts": [{"name": "injected", "at": at, "notBefore": at, "source": "api"}],
                    "impact": {"probes": {"total": 2, "failed": 1, "firstFailureAt": at, "lastFailureAt": at},
                        "unavailablePodSeconds": 1.0, "gaps": [gap]},
                },
            }))
            .unwrap()
        };
        let wall = Wall::of(|| at(0.0));
        let ahead = Ahead::of(wall.clone(), Duration::seconds(20));
        assert_eq!(ahead.now(), at(20.0));
        assert_eq!(ahead.of_run(run(5)), run(25));
        assert_eq!(Ahead::of(wall, Duration::ZERO).of_run(run(5)), run(5));
    }

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
