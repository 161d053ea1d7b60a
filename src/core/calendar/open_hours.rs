//! When a plan may break something: its window and its blackouts, by the clock on the wall of its time zone.

use std::fmt;

use jiff::{
    Zoned,
    civil::{self, Date},
};

use crate::{
    api::game_day::{Blackout, Weekday, Window},
    config::ClosedDays,
    core::plan::Problem,
};

/// The window and the blackouts of a plan.
#[derive(Clone, Debug, Default)]
pub struct OpenHours {
    window: Option<Window>,
    blackouts: Vec<Closure>,
}

/// A blackout, with its days as such.
#[derive(Clone, Debug)]
struct Closure {
    from: Date,
    to: Date,
    blackout: Blackout,
}

/// Why nothing may start at an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The day lies in a blackout.
    Blackout(Blackout),
    /// It lies outside of the window.
    OutsideWindow(Window),
}

impl OpenHours {
    /// Reads a window and blackouts that the schema has accepted.
    ///
    /// # Errors
    /// With every day that no calendar has, by its path.
    pub fn parse(window: Option<&Window>, blackouts: &[Blackout]) -> Result<Self, Vec<Problem>> {
        let (mut read, mut problems) = (Vec::new(), Vec::new());
        for (index, blackout) in blackouts.iter().enumerate() {
            let mut date = |field: &str, text: &str| {
                let refused = || Problem {
                    path: format!("spec.blackouts[{index}].{field}"),
                    message: format!(
                        "{text:?} is no day of the calendar; write one such as 2026-12-20"
                    ),
                };
                text.parse::<Date>().map_err(|_| problems.push(refused())).ok()
            };
            let days = (date("from", &blackout.from), date("to", &blackout.to));
            if let (Some(from), Some(to)) = days {
                read.push(Closure { from, to, blackout: blackout.clone() });
            }
        }
        if problems.is_empty() {
            Ok(Self { window: window.cloned(), blackouts: read })
        } else {
            Err(problems)
        }
    }

    /// The same, closed on these days too.
    #[must_use]
    pub fn and_closed(mut self, days: &[ClosedDays]) -> Self {
        self.blackouts.extend(days.iter().map(|days| Closure {
            from: days.from,
            to: days.to,
            blackout: days.shown(),
        }));
        self
    }

    /// Why nothing may start then; absent where it may.
    #[must_use]
    pub fn closed(&self, at: &Zoned) -> Option<Closed> {
        if let Some(closure) = self.blackout(at) {
            return Some(Closed::Blackout(closure.blackout.clone()));
        }
        let window = self.window.as_ref().filter(|window| !is_in(window, at))?;
        Some(Closed::OutsideWindow(window.clone()))
    }

    /// The day after the blackout that `at` lies in.
    #[must_use]
    pub fn blackout_ends(&self, at: &Zoned) -> Option<Date> {
        self.blackout(at)?.to.tomorrow().ok()
    }

    fn blackout(&self, at: &Zoned) -> Option<&Closure> {
        let date = at.date();
        self.blackouts.iter().find(|closure| (closure.from..=closure.to).contains(&date))
    }
}

fn is_in(window: &Window, at: &Zoned) -> bool {
    let is_day = window.days.is_empty() || window.days.contains(&weekday(at.weekday()));
    let time = at.strftime("%H:%M").to_string();
    let hours = window.hours.as_deref().and_then(|hours| hours.split_once('-'));
    is_day && hours.is_none_or(|(from, to)| from <= time.as_str() && time.as_str() < to)
}

const fn weekday(day: civil::Weekday) -> Weekday {
    match day {
        civil::Weekday::Monday => Weekday::Mon,
        civil::Weekday::Tuesday => Weekday::Tue,
        civil::Weekday::Wednesday => Weekday::Wed,
        civil::Weekday::Thursday => Weekday::Thu,
        civil::Weekday::Friday => Weekday::Fri,
        civil::Weekday::Saturday => Weekday::Sat,
        civil::Weekday::Sunday => Weekday::Sun,
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blackout(Blackout { from, to, reason }) => {
                write!(f, "in the blackout from {from} to {to} ({reason})")
            }
            Self::OutsideWindow(window) => {
                let days = window.days.iter().map(|day| format!("{day:?}")).collect::<Vec<_>>();
                let parts = [days.join(", "), window.hours.clone().unwrap_or_default()];
                let parts = parts.iter().filter(|part| !part.is_empty()).cloned();
                write!(f, "outside of the window ({})", parts.collect::<Vec<_>>().join(" "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::calendar::zone;

    fn open(window: Option<(&[Weekday], Option<&str>)>, blackouts: &[(&str, &str)]) -> OpenHours {
        let window = window
            .map(|(days, hours)| Window { days: days.to_vec(), hours: hours.map(str::to_owned) });
        let blackout = |(from, to): &(&str, &str)| Blackout {
            from: (*from).to_owned(),
            to: (*to).to_owned(),
            reason: "sales".to_owned(),
        };
        let blackouts: Vec<_> = blackouts.iter().map(blackout).collect();
        OpenHours::parse(window.as_ref(), &blackouts).unwrap()
    }

    #[track_caller]
    fn check(open: &OpenHours, at: &str, closed: Option<&str>) {
        let zone = zone::find("Europe/London").unwrap();
        let at = at.parse::<civil::DateTime>().unwrap().to_zoned(zone).unwrap();
        assert_eq!(open.closed(&at).map(|closed| closed.to_string()).as_deref(), closed, "{at}");
    }

    #[test]
    fn the_first_minute_of_a_window_is_in_it_and_the_last_is_not() {
        let days = [Weekday::Tue, Weekday::Wed];
        let both = open(Some((&days, Some("10:00-16:00"))), &[]);
        let outside = Some("outside of the window (Tue, Wed 10:00-16:00)");
        check(&both, "2026-12-01T09:59", outside);
        check(&both, "2026-12-01T10:00", None);
        check(&both, "2026-12-02T15:59", None);
        check(&both, "2026-12-02T16:00", outside);
        check(&both, "2026-12-03T12:00", outside);
        let hours = open(Some((&[], Some("20:00-24:00"))), &[]);
        check(&hours, "2026-12-03T23:59", None);
        check(&hours, "2026-12-04T00:00", Some("outside of the window (20:00-24:00)"));
        check(&open(Some((&days, None)), &[]), "2026-12-01T00:00", None);
        check(&open(None, &[]), "2026-12-06T03:00", None);
    }

    #[test]
    fn both_days_of_a_blackout_are_closed_whole() {
        let open = open(None, &[("2026-12-20", "2027-01-03"), ("2026-07-04", "2026-07-04")]);
        let winter = Some("in the blackout from 2026-12-20 to 2027-01-03 (sales)");
        check(&open, "2026-12-19T23:59", None);
        check(&open, "2026-12-20T00:00", winter);
        check(&open, "2027-01-03T23:59", winter);
        check(&open, "2027-01-04T00:00", None);
        check(
            &open,
            "2026-07-04T12:00",
            Some("in the blackout from 2026-07-04 to 2026-07-04 (sales)"),
        );
    }

    #[test]
    fn the_days_of_the_configuration_are_closed_beside_the_plans_own() {
        let days = |day: &str| ClosedDays {
            from: day.parse().unwrap(),
            to: day.parse().unwrap(),
            reason: "audit".to_owned(),
        };
        let open = open(None, &[("2026-12-20", "2026-12-20")]).and_closed(&[days("2026-12-24")]);
        check(
            &open,
            "2026-12-20T12:00",
            Some("in the blackout from 2026-12-20 to 2026-12-20 (sales)"),
        );
        check(
            &open,
            "2026-12-24T12:00",
            Some("in the blackout from 2026-12-24 to 2026-12-24 (audit)"),
        );
        check(&open, "2026-12-25T12:00", None);
    }

    #[test]
    fn a_day_that_no_calendar_has_is_refused_by_its_path() {
        let blackout = |from: &str, to: &str| Blackout {
            from: from.to_owned(),
            to: to.to_owned(),
            reason: "x".to_owned(),
        };
        let blackouts =
            [blackout("2026-02-28", "2026-02-28"), blackout("2026-02-01", "2026-02-29")];
        let problems = OpenHours::parse(None, &blackouts).unwrap_err();
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].path, "spec.blackouts[1].to");
        assert!(problems[0].message.starts_with("\"2026-02-29\" is no day of the calendar"));
    }
}
