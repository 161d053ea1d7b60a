//! The clock on a team's wall: how it shows instants, and how people write them.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use super::phrase::is_whole;
use crate::{
    api::{Duration, Moment, debrief::Policy},
    core::calendar::Calendar,
};

/// The clock on a team's wall.
#[derive(Clone, Debug)]
pub struct Clock(Calendar);

impl Clock {
    /// That of the policy's time zone; UTC where nobody knows the zone, which a condition tells.
    #[must_use]
    pub fn of(policy: &Policy) -> Option<Self> {
        Calendar::of(policy).or_else(|_| Calendar::of(&Policy::default())).ok().map(Self)
    }

    fn zone(&self) -> TimeZone {
        self.0.shown(Moment::new(Timestamp::UNIX_EPOCH)).time_zone().clone()
    }

    /// Name of its time zone.
    #[must_use]
    pub fn name(&self) -> String {
        self.zone().iana_name().unwrap_or("UTC").to_owned()
    }

    fn shown(&self, at: Moment, format: &str) -> String {
        self.0.shown(at).strftime(format).to_string()
    }

    /// Time of day, with the date where it is not that of `day`.
    #[must_use]
    pub fn instant(&self, at: Moment, day: Moment) -> String {
        let format = if is_whole(at) { "%H:%M:%S" } else { "%H:%M:%S%.3f" };
        let (time, date) = (self.shown(at, format), self.shown(at, "%d %b"));
        if date == self.shown(day, "%d %b") { time } else { format!("{date} {time}") }
    }

    /// The day: `24 Nov 2026`.
    #[must_use]
    pub fn day(&self, at: Moment) -> String {
        self.shown(at, "%d %b %Y")
    }

    /// Day and minute: `Wed 25 Nov 10:41`.
    #[must_use]
    pub fn minute(&self, at: Moment) -> String {
        self.shown(at, "%a %d %b %H:%M")
    }

    /// The instant as people write it, so that [`Self::read`] gives the same one.
    #[must_use]
    pub fn written(&self, at: Moment) -> String {
        let minute = self.shown(at, "%Y-%m-%d %H:%M");
        let is_same = self.civil(&minute).is_ok_and(|read| read == at);
        if is_same { minute } else { at.to_string() }
    }

    /// The instant that people wrote: RFC 3339, day and minute by this clock, or so long before or after `now`.
    ///
    /// # Errors
    /// With what is wrong with it and what to write.
    pub fn read(&self, text: &str, now: Moment) -> Result<Moment, String> {
        let text = text.trim();
        if text == "now" {
            return Ok(now);
        }
        if let Some(ago) = text.strip_prefix('-').and_then(length) {
            return Ok(now.minus(ago));
        }
        if let Some(ahead) = text.strip_prefix('+').and_then(length) {
            return Ok(now + ahead);
        }
        match text.parse::<Timestamp>() {
            Ok(at) => Ok(Moment::new(at)),
            Err(_) => self.civil(text),
        }
    }

    fn civil(&self, text: &str) -> Result<Moment, String> {
        let Ok(read) = text.parse::<DateTime>() else { return Err(self.no_instant(text)) };
        if !text.contains(':') {
            return Err(format!("\"{text}\" has no time of day; write {text} 18:00"));
        }
        let at = self.zone().into_ambiguous_zoned(read);
        if at.is_ambiguous() {
            return Err(format!(
                "at {text} the clock of {} is changed, so it is that time twice or not at all; write it in UTC, such as 2026-12-01T10:00:00Z",
                self.name()
            ));
        }
        at.unambiguous().map(|at| Moment::new(at.timestamp())).map_err(|error| error.to_string())
    }

    fn no_instant(&self, text: &str) -> String {
        format!(
            "\"{}\" is no instant; write 2026-12-01 10:00 (in {}), 2026-12-01T10:00:00Z, now, -2h or +30d",
            text.escape_debug(),
            self.name()
        )
    }
}

/// A length of time, in days too: `30d`, `2h30m`.
#[must_use]
pub fn length(text: &str) -> Option<Duration> {
    match text.strip_suffix('d') {
        Some(days) => {
            let days = days.parse::<u64>().ok().filter(|days| *days <= 36_500)?;
            Some(Duration::minutes(days * 24 * 60))
        }
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment::new(text.parse().unwrap())
    }

    fn clock(zone: &str) -> Clock {
        Clock::of(&Policy { time_zone: zone.to_owned(), ..Policy::default() }).unwrap()
    }

    #[test]
    fn instants_of_another_day_carry_their_date() {
        let (utc, day) = (clock("UTC"), at("2026-11-24T10:40:31.204Z"));
        assert_eq!(utc.instant(at("2026-11-24T10:40:36.310Z"), day), "10:40:36.310");
        assert_eq!(utc.instant(at("2026-11-23T16:02:11Z"), day), "23 Nov 16:02:11");
        let berlin = clock("Europe/Berlin");
        assert_eq!(berlin.instant(at("2026-11-23T23:30:00Z"), day), "00:30:00");
        assert_eq!(clock("Mars/Olympus").name(), "UTC");
    }

    #[test]
    fn an_instant_is_read_as_people_write_it() {
        let (berlin, now) = (clock("Europe/Berlin"), at("2026-12-02T10:00:00Z"));
        for (text, read) in [
            ("2026-12-01 10:00", "2026-12-01T09:00:00Z"),
            ("2026-07-01 10:00", "2026-07-01T08:00:00Z"),
            (" 2026-12-01T10:00:00Z ", "2026-12-01T10:00:00Z"),
            ("2026-12-01T10:00:00+02:00", "2026-12-01T08:00:00Z"),
            ("now", "2026-12-02T10:00:00Z"),
            ("-2h", "2026-12-02T08:00:00Z"),
            ("+30d", "2027-01-01T10:00:00Z"),
        ] {
            assert_eq!(berlin.read(text, now), Ok(at(read)), "{text}");
        }
        for (text, why) in [
            ("2026-12-01", "has no time of day; write 2026-12-01 18:00"),
            ("yesterday", "write 2026-12-01 10:00 (in Europe/Berlin)"),
            ("2026-02-30 10:00", "is no instant"),
            ("2026-10-25 02:30", "twice or not at all; write it in UTC"),
            ("2027-03-28 02:30", "twice or not at all; write it in UTC"),
            ("-2 hours", "is no instant"),
            ("", "is no instant"),
        ] {
            let refused = berlin.read(text, now).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same_instant() {
        let (berlin, now) = (clock("Europe/Berlin"), at("2026-12-02T10:00:00Z"));
        for (instant, written) in [
            ("2026-12-01T09:00:00Z", "2026-12-01 10:00"),
            ("2026-12-01T09:00:01Z", "2026-12-01T09:00:01.000000Z"),
            // 02:30 is twice on that day.
            ("2026-10-25T00:30:00Z", "2026-10-25T00:30:00.000000Z"),
        ] {
            assert_eq!(berlin.written(at(instant)), written);
            assert_eq!(berlin.read(written, now), Ok(at(instant)));
        }
    }
}
