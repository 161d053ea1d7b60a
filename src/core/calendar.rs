//! When people work, and when plans may break something: hours and days by the clock on the wall of a time zone.

pub mod open_hours;
pub mod zone;

use jiff::{
    Zoned,
    civil::{Date, Time},
    tz::TimeZone,
};

use self::open_hours::OpenHours;
use crate::{
    api::{Duration, Moment, debrief::Policy, game_day::Window},
    core::plan::Problem,
};

/// Within so many days some day must be one on which people work.
const LOOKED_AT: usize = 400;
/// Whoever has worked between these hours sleeps before the meeting.
const NIGHT: (i8, i8) = (22, 7);
/// So much longer.
const SLEEP: Duration = Duration::minutes(8 * 60);

/// The hours at which a team works.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    open: OpenHours,
    hours: (Time, Time),
}

impl Calendar {
    /// The hours of a policy that the schema has accepted.
    ///
    /// # Errors
    /// With everything that no calendar has, by its path.
    pub fn of(policy: &Policy) -> Result<Self, Vec<Problem>> {
        let refused = |field: &str, message: String| Problem {
            path: format!("spec.policy.{field}"),
            message,
        };
        let zone =
            zone::find(&policy.time_zone).map_err(|message| vec![refused("timeZone", message)])?;
        let hours = hours(&policy.hours).ok_or_else(|| {
            vec![refused("hours", format!("{:?} are no hours; write 09:00-18:00", policy.hours))]
        })?;
        let window = Window { days: policy.days.clone(), hours: None };
        let open = OpenHours::parse(Some(&window), &policy.closed).map_err(|problems| {
            let renamed = problems.into_iter().map(|Problem { path, message }| Problem {
                path: path.replace("spec.blackouts", "spec.policy.closed"),
                message,
            });
            renamed.collect::<Vec<_>>()
        })?;
        Ok(Self { zone, open, hours })
    }

    /// The instant as the clock on the team's wall shows it.
    #[must_use]
    pub fn shown(&self, at: Moment) -> Zoned {
        at.timestamp().to_zoned(self.zone.clone())
    }

    /// The instant itself where people work then, else when they begin to; itself too where they never do.
    #[must_use]
    pub fn opens(&self, at: Moment) -> Moment {
        self.working(at).map_or(at, |(opens, _)| opens.max(at))
    }

    /// The instant itself where people work then and go on for so long, else when they begin to work after it; absent where
    /// they never do.
    #[must_use]
    pub fn opens_for(&self, at: Moment, needed: Duration) -> Option<Moment> {
        let (opens, closes) = self.working(at)?;
        if opens.max(at) + needed <= closes {
            return Some(opens.max(at));
        }
        self.working(closes).map(|(opens, _)| opens)
    }

    /// When people begin to work next, where they do not work now or once they have stopped.
    #[must_use]
    pub fn next_morning(&self, now: Moment) -> Moment {
        if self.opens(now) == now { self.opens(self.closes(now)) } else { self.opens(now) }
    }

    /// The day on which people work at that instant; absent where they do not work then.
    #[must_use]
    pub fn working_day(&self, at: Moment) -> Option<Date> {
        self.working(at).filter(|(opens, _)| *opens <= at).map(|_| self.shown(at).date())
    }

    /// When people stop to work on the day that [`Self::opens`] gives.
    fn closes(&self, at: Moment) -> Moment {
        self.working(at).map_or(at, |(_, closes)| closes)
    }

    /// When the meeting is to be, for people who worked from `from` until the resolution: each edge that lies outside of the
    /// hours is rolled to the next ones, the late one to their end.
    #[must_use]
    pub fn meeting(
        &self,
        policy: &Policy,
        (from, resolved): (Moment, Moment),
        by_hand: bool,
    ) -> (Moment, Moment) {
        let at_night = by_hand && self.is_night(from, resolved);
        let sleep = if at_night { SLEEP } else { Duration::ZERO };
        let (early, late) =
            (resolved + policy.meeting_after + sleep, resolved + policy.meeting_within + sleep);
        let late = if self.opens(late) == late { late } else { self.closes(late) };
        (self.opens(early), late)
    }

    /// Whether some of that time was at night.
    fn is_night(&self, from: Moment, to: Moment) -> bool {
        let is_dark = |at: Moment| {
            let hour = self.shown(at).hour();
            hour >= NIGHT.0 || hour < NIGHT.1
        };
        let noon_to_noon = Duration::minutes(12 * 60);
        is_dark(from) || is_dark(to) || Duration::between(from, to) > noon_to_noon
    }

    /// The working time that `at` lies in, or the next one.
    fn working(&self, at: Moment) -> Option<(Moment, Moment)> {
        let mut date = self.shown(at).date();
        for _ in 0..LOOKED_AT {
            let edge = |time: Time| date.to_datetime(time).to_zoned(self.zone.clone()).ok();
            // What the clock skips is when it is put forward.
            let (opens, closes) = (edge(self.hours.0)?, edge(self.hours.1)?);
            let closes_at = Moment::new(closes.timestamp());
            if self.open.closed(&opens).is_none() && at < closes_at {
                return Some((Moment::new(opens.timestamp()), closes_at));
            }
            date = date.tomorrow().ok()?;
        }
        None
    }
}

/// The two edges of `09:00-18:00`; the day's last minute stands for `24:00`.
fn hours(text: &str) -> Option<(Time, Time)> {
    let (from, to) = text.split_once('-')?;
    let read = |text: &str| match text {
        "24:00" => Time::new(23, 59, 59, 999_999_999).ok(),
        text => text.parse().ok(),
    };
    read(from).zip(read(to)).filter(|(from, to)| from < to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::game_day::Blackout;

    fn at(text: &str) -> Moment {
        Moment::new(text.parse().unwrap())
    }

    fn in_zone(zone: &str) -> (Policy, Calendar) {
        let policy = Policy { time_zone: zone.to_owned(), ..Policy::default() };
        let calendar = Calendar::of(&policy).unwrap();
        (policy, calendar)
    }

    #[track_caller]
    fn check(zone: &str, resolved: &str, by_hand: bool, window: [&str; 2]) {
        let (policy, calendar) = in_zone(zone);
        let resolved = at(resolved);
        let (early, late) = calendar.meeting(&policy, (resolved, resolved), by_hand);
        let shown =
            [early, late].map(|at| calendar.shown(at).strftime("%a %d %b %H:%M").to_string());
        assert_eq!(shown, window);
    }

    #[test]
    fn the_meeting_is_24_to_72_hours_later_and_in_working_hours() {
        check("UTC", "2026-12-04T23:00:00Z", false, ["Mon 07 Dec 09:00", "Tue 08 Dec 18:00"]);
        check("UTC", "2026-12-01T10:41:00Z", false, ["Wed 02 Dec 10:41", "Fri 04 Dec 10:41"]);
        check("UTC", "2026-12-01T07:00:00Z", false, ["Wed 02 Dec 09:00", "Fri 04 Dec 18:00"]);
        check("UTC", "2026-12-03T12:00:00Z", false, ["Fri 04 Dec 12:00", "Mon 07 Dec 18:00"]);
        // Its hours are those of the team: 10:41 in London is 05:41 in New York.
        check(
            "America/New_York",
            "2026-12-01T10:41:00Z",
            false,
            ["Wed 02 Dec 09:00", "Fri 04 Dec 18:00"],
        );
    }

    #[test]
    fn whoever_worked_at_night_sleeps_first() {
        check("UTC", "2026-12-01T03:00:00Z", true, ["Wed 02 Dec 11:00", "Fri 04 Dec 11:00"]);
        check("UTC", "2026-12-01T03:00:00Z", false, ["Wed 02 Dec 09:00", "Fri 04 Dec 18:00"]);
        check("UTC", "2026-12-01T10:41:00Z", true, ["Wed 02 Dec 10:41", "Fri 04 Dec 10:41"]);
    }

    #[test]
    fn elapsed_hours_count_also_where_the_clock_is_changed() {
        // 2026-10-25: the clock is put back in Berlin at 03:00; 24 hours later it shows one less.
        check(
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            false,
            ["Mon 26 Oct 09:00", "Tue 27 Oct 13:00"],
        );
        // 2027-03-28: it is put forward.
        check(
            "Europe/Berlin",
            "2027-03-26T12:00:00Z",
            false,
            ["Mon 29 Mar 09:00", "Mon 29 Mar 14:00"],
        );
    }

    #[test]
    fn days_on_which_nobody_works_are_left_out_and_a_policy_without_any_day_is_as_if_always_open() {
        let closed = |from: &str, to: &str| Blackout {
            from: from.to_owned(),
            to: to.to_owned(),
            reason: "x".to_owned(),
        };
        let mut policy =
            Policy { closed: vec![closed("2026-12-24", "2027-01-03")], ..Policy::default() };
        let calendar = Calendar::of(&policy).unwrap();
        assert_eq!(calendar.opens(at("2026-12-23T18:00:00Z")), at("2027-01-04T09:00:00Z"));
        assert_eq!(calendar.closes(at("2026-12-23T17:59:59Z")), at("2026-12-23T18:00:00Z"));
        policy.closed = vec![closed("2026-01-01", "2029-01-01")];
        let never = Calendar::of(&policy).unwrap();
        assert_eq!(never.opens(at("2026-12-23T18:00:00Z")), at("2026-12-23T18:00:00Z"));
    }

    #[test]
    fn what_no_calendar_has_is_refused_by_its_path() {
        let refused = |policy: Policy| Calendar::of(&policy).unwrap_err().remove(0).path;
        assert_eq!(
            refused(Policy { time_zone: "Europe/Lodnon".to_owned(), ..Policy::default() }),
            "spec.policy.timeZone"
        );
        assert_eq!(
            refused(Policy { hours: "18:00-09:00".to_owned(), ..Policy::default() }),
            "spec.policy.hours"
        );
        let day = Blackout {
            from: "2026-02-30".to_owned(),
            to: "2026-03-01".to_owned(),
            reason: "x".to_owned(),
        };
        assert_eq!(
            refused(Policy { closed: vec![day], ..Policy::default() }),
            "spec.policy.closed[0].from"
        );
    }
}
