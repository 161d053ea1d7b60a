//! Ten years of days, counted one by one, and the changes of clocks in them. No library counts them.

use std::collections::BTreeSet;

use jiff::{Timestamp, tz::TimeZone};

/// Midnight of 1 January 2020 in UTC, a Wednesday, in seconds after 1970.
const FROM: i64 = 1_577_836_800;
const YEARS: std::ops::Range<i64> = 2020..2030;
const DAY: i64 = 86_400;

/// A day.
pub struct Day {
    /// Month, from 1 on.
    pub month: i64,
    /// Day of the month, from 1 on.
    pub of_month: i64,
    /// How many days the month has.
    pub length: i64,
    /// Day of the week, from Sunday, 0, on.
    pub weekday: i64,
    /// When it would begin if the clock showed UTC, in seconds after 1970.
    pub start: i64,
}

/// A change of a clock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// When, in seconds after 1970.
    pub at: i64,
    /// The offset from UTC before, in seconds.
    pub before: i64,
    /// The offset after.
    pub after: i64,
}

/// Which days a plan means.
#[derive(Clone, Copy, Debug)]
pub enum Days {
    /// Every day.
    Every,
    /// One day of the week, from Sunday, 0, on.
    Weekday(i64),
    /// One day of the year: month and day.
    Date(i64, i64),
}

/// Ten years.
pub struct Almanac(Vec<Day>);

impl Almanac {
    pub fn new() -> Self {
        let mut days = Vec::new();
        let (mut start, mut weekday) = (FROM, 3);
        for year in YEARS {
            let is_leap = year % 4 == 0;
            let february = if is_leap { 29 } else { 28 };
            let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            for (month, length) in (1..).zip(lengths) {
                for day in 1..=length {
                    days.push(Day { month, of_month: day, length, weekday, start });
                    start += DAY;
                    weekday = (weekday + 1) % 7;
                }
            }
        }
        Self(days)
    }

    /// Every day, in order.
    pub fn days(&self) -> impl Iterator<Item = &Day> {
        self.0.iter()
    }

    /// The day that a clock shows at this reading of it.
    pub fn day(&self, reading: i64) -> &Day {
        &self.0[usize::try_from((reading - FROM).div_euclid(DAY)).unwrap()]
    }

    /// When the years begin and end, in seconds after 1970.
    pub fn bounds(&self) -> (i64, i64) {
        (FROM, FROM + DAY * i64::try_from(self.0.len()).unwrap())
    }

    /// The changes of a clock; one that never changes is looked at where it would.
    pub fn changes(&self, zone: &TimeZone) -> Vec<Change> {
        let offset =
            |at: i64| i64::from(zone.to_offset(Timestamp::from_second(at).unwrap()).seconds());
        // Days around a change are looked at too.
        let (from, until) = (FROM + 4 * DAY, self.bounds().1 - 4 * DAY);
        let all = zone.following(Timestamp::from_second(from).unwrap());
        let times = all.map(|change| change.timestamp().as_second()).take_while(|at| *at < until);
        let change = |at| Change { at, before: offset(at - 1), after: offset(at) };
        let mut changes: Vec<Change> =
            times.map(change).filter(|change| change.before != change.after).collect();
        for Change { at, before, after } in &changes {
            let (earlier, later) = (offset(at - 2 * DAY), offset(at + 2 * DAY));
            assert_eq!((earlier, later), (*before, *after), "two changes within two days");
        }
        if changes.is_empty() {
            changes.push(change(FROM + 2000 * DAY));
        }
        changes
    }

    /// When a plan fires around a change, in seconds after 1970: each day that it means, when the clock first shows
    /// the minute; where it never does, at the change.
    pub fn fires(&self, change: &Change, days: Days, minute: i64) -> BTreeSet<i64> {
        let Change { at, before, after } = *change;
        let near = self.days().skip_while(|day| day.start < at - 3 * DAY);
        let near = near.take_while(|day| day.start < at + 3 * DAY);
        let instant = |day: &Day| {
            let reading = day.start + minute * 60;
            let (old, new) = (reading - before, reading - after);
            if old < at {
                old
            } else if new >= at {
                new
            } else {
                at
            }
        };
        near.filter(|day| days.mean(day)).map(instant).collect()
    }
}

impl Days {
    fn mean(self, day: &Day) -> bool {
        match self {
            Self::Every => true,
            Self::Weekday(weekday) => day.weekday == weekday,
            Self::Date(month, of_month) => (day.month, day.of_month) == (month, of_month),
        }
    }

    /// The last three fields of the schedule.
    pub fn fields(self) -> String {
        match self {
            Self::Every => "* * *".to_owned(),
            Self::Weekday(weekday) => format!("* * {weekday}"),
            Self::Date(month, day) => format!("{day} {month} *"),
        }
    }
}
