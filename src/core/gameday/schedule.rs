//! When a plan fires. Every operator, and the command line, gets the same answer from the same plan and the same
//! instant; nobody has to be the leader for that.

use std::fmt;

use jiff::{
    SignedDuration, Zoned,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

use super::cron::Times;
use crate::{
    api::{
        Duration, GameDaySpec, Moment,
        game_day::{Missed, MissedReason},
    },
    config::ClosedDays,
    core::{
        calendar::{
            open_hours::{Closed, OpenHours},
            zone,
        },
        plan::Problem,
    },
};

/// How many times are looked at for one that is in the window. The calendar repeats itself soon enough: a
/// window that has none of so many has none at all.
const LOOKED_AT: usize = 100;

/// A plan's times, as read.
#[derive(Clone, Debug)]
pub struct Schedule {
    fires: Fires,
    zone: TimeZone,
    open: OpenHours,
    suspended: bool,
    cancelled: Option<Moment>,
}

#[derive(Clone, Debug)]
enum Fires {
    At(Box<Times>),
    Once(Moment),
}

/// A time of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fire {
    /// When.
    pub at: Moment,
    /// Why no day begins then; absent where one does.
    pub skipped: Option<Skipped>,
}

/// Why no day begins at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// The plan is suspended.
    Suspended,
    /// Nothing may start then.
    Closed(Closed),
}

/// What is to be done about a plan's times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The time for which a day is to be created now.
    pub fire: Option<Moment>,
    /// The last time, since this plan counts and after the last fire, for which none was created or will be. It
    /// is the same however often it is asked, so that it is recorded once.
    pub missed: Option<Missed>,
}

impl Schedule {
    /// Reads the times of a plan that the schema has accepted.
    ///
    /// # Errors
    /// With every problem at once.
    pub fn parse(spec: &GameDaySpec) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut refuse = |path: &str, message| {
            problems.push(Problem { path: path.to_owned(), message });
        };
        let zone = zone::find(&spec.time_zone).map_err(|error| refuse("spec.timeZone", error)).ok();
        let fires = match (&spec.schedule, spec.start_at) {
            (Some(text), None) => Times::parse(text)
                .map(|times| Fires::At(Box::new(times)))
                .map_err(|error| refuse("spec.schedule", error))
                .ok(),
            (None, Some(at)) => Some(Fires::Once(at)),
            _ => {
                refuse("spec", "exactly one of schedule, startAt".to_owned());
                None
            }
        };
        let open = OpenHours::parse(spec.window.as_ref(), &spec.blackouts);
        let open = open.map_err(|more| problems.extend(more)).ok();
        match (fires, zone, open) {
            (Some(fires), Some(zone), Some(open)) => {
                Ok(Self { fires, zone, open, suspended: spec.suspend, cancelled: None })
            }
            _ => Err(problems),
        }
    }

    /// The same, with nothing on these days either.
    #[must_use]
    pub fn and_closed(self, days: &[ClosedDays]) -> Self {
        Self { open: self.open.and_closed(days), ..self }
    }

    /// The same without that time.
    #[must_use]
    pub fn without(self, cancelled: Option<Moment>) -> Self {
        Self { cancelled, ..self }
    }

    /// The time that is exactly then, if one is.
    #[must_use]
    pub fn fire_at(&self, at: Moment) -> Option<Fire> {
        self.fires(at.minus(Duration::micros(1))).next().filter(|fire| fire.at == at)
    }

    /// What is to be done at `now` about a plan that counts `since` then and has fired for `last_fire`.
    ///
    /// A time is due from its instant until `starting_deadline` later; older ones are missed. However many those
    /// are, the calendar is asked for as few.
    #[must_use]
    pub fn due(
        &self,
        since: Moment,
        last_fire: Option<Moment>,
        now: Moment,
        starting_deadline: Duration,
    ) -> Due {
        let floor = last_fire.map_or(since, |last| last.max(since));
        let oldest = now.minus(starting_deadline);
        due(
            &|at| self.after(at),
            &|at| self.until(at),
            &|at| self.skipped(at),
            (floor, oldest, now),
        )
    }

    /// Every time after `at`, with those that are skipped.
    pub fn fires(&self, at: Moment) -> impl Iterator<Item = Fire> + '_ {
        let times = std::iter::successors(self.after(at), |at| self.after(*at));
        times.map(|at| Fire { at, skipped: self.skipped(at) })
    }

    /// The first time after `at` at which something may start, whether or not the plan is suspended; absent where
    /// there is none.
    #[must_use]
    pub fn opens(&self, at: Moment) -> Option<Moment> {
        let (mut at, mut left) = (at, LOOKED_AT);
        while left > 0 {
            let fire = self.after(at)?;
            let local = self.local(fire);
            if self.open.closed(&local).is_none() {
                return Some(fire);
            }
            if let Some(day) = self.open.blackout_ends(&local) {
                // From the last instant before that day, as a time of its first minute may be one.
                let day = self.instant(day.at(0, 0, 0, 0))?;
                at = fire.max(day.minus(Duration::micros(1)));
            } else {
                at = fire;
                left -= 1;
            }
        }
        None
    }

    /// The plan's time zone.
    #[must_use]
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The instant as the clock on the wall of the plan's time zone shows it.
    #[must_use]
    pub fn local(&self, at: Moment) -> Zoned {
        at.timestamp().to_zoned(self.zone.clone())
    }

    /// Why nothing may start then, whether or not the plan is suspended; absent where it may.
    #[must_use]
    pub fn closed(&self, at: Moment) -> Option<Closed> {
        self.open.closed(&self.local(at))
    }

    fn skipped(&self, at: Moment) -> Option<Skipped> {
        if self.suspended {
            return Some(Skipped::Suspended);
        }
        self.closed(at).map(Skipped::Closed)
    }

    /// The first time after `at`.
    fn after(&self, at: Moment) -> Option<Moment> {
        let fire = self.first_after(at)?;
        if self.cancelled == Some(fire) { self.first_after(fire) } else { Some(fire) }
    }

    fn first_after(&self, at: Moment) -> Option<Moment> {
        let times = match &self.fires {
            Fires::At(times) => times,
            Fires::Once(once) => return (*once > at).then_some(*once),
        };
        // Of two times the clock shows the earlier one first, so that none before this one comes after it; some
        // after it may have come before, where it shows the same hour again.
        let mut shown = self.local(at).datetime();
        loop {
            shown = times.after(shown)?;
            let fire = self.instant(shown)?;
            if fire > at {
                return Some(fire);
            }
        }
    }

    /// The last time that is not after `at`.
    fn until(&self, at: Moment) -> Option<Moment> {
        let fire = self.last_until(at)?;
        let before = || self.last_until(fire.minus(Duration::micros(1)));
        if self.cancelled == Some(fire) { before() } else { Some(fire) }
    }

    fn last_until(&self, at: Moment) -> Option<Moment> {
        let times = match &self.fires {
            Fires::At(times) => times,
            Fires::Once(once) => return (*once <= at).then_some(*once),
        };
        // No clock is put back by more than a day.
        let mut shown = self.local(at).datetime().saturating_add(SignedDuration::from_hours(26));
        loop {
            shown = times.before(shown)?;
            let fire = self.instant(shown)?;
            if fire <= at {
                return Some(fire);
            }
        }
    }

    /// When the clock shows this time first; for one that it skips, when it is put forward.
    fn instant(&self, shown: DateTime) -> Option<Moment> {
        let ambiguous = self.zone.to_ambiguous_timestamp(shown);
        let offset = ambiguous.offset();
        let earlier = ambiguous.earlier().ok()?;
        let at = match offset {
            AmbiguousOffset::Gap { after, .. } => {
                let change = self.zone.following(earlier).find(|change| change.offset() == after);
                change?.timestamp()
            }
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => earlier,
        };
        Some(Moment::new(at))
    }
}

/// The rule, for any calendar: `floor` is what is done with, `oldest` what is still in time.
fn due(
    after: &dyn Fn(Moment) -> Option<Moment>,
    until: &dyn Fn(Moment) -> Option<Moment>,
    skipped: &dyn Fn(Moment) -> Option<Skipped>,
    (floor, oldest, now): (Moment, Moment, Moment),
) -> Due {
    let missed = |at| Missed {
        at,
        reason: skipped(at).map_or(MissedReason::DeadlinePassed, |skipped| skipped.reason()),
    };
    let older = (oldest > floor).then(|| until(oldest)).flatten().filter(|at| *at > floor);
    let mut due = Due { fire: None, missed: older.map(missed) };
    let mut next = after(floor.max(oldest));
    while let Some(at) = next.filter(|at| *at <= now) {
        if skipped(at).is_none() {
            due.fire = Some(at);
            break;
        }
        due.missed = Some(missed(at));
        next = after(at);
    }
    due
}

impl Skipped {
    /// The same, as it is recorded.
    #[must_use]
    const fn reason(&self) -> MissedReason {
        match self {
            Self::Suspended => MissedReason::Suspended,
            Self::Closed(Closed::Blackout(_)) => MissedReason::Blackout,
            Self::Closed(Closed::OutsideWindow(_)) => MissedReason::OutsideWindow,
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Suspended => f.write_str("suspended"),
            Self::Closed(closed) => write!(f, "{closed}"),
        }
    }
}

#[cfg(test)]
mod tests;
