//! The scalar values that the resources are made of: durations, instants and names.

use std::{borrow::Cow, fmt, str::FromStr};

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::pattern;

/// A length of time in Go's syntax (`250ms`, `35.1s`, `1h30m`), whole microseconds, never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Duration(std::time::Duration);

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(std::time::Duration::ZERO);

    /// `seconds` whole seconds.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }

    /// `minutes` whole minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        Self::seconds(minutes * 60)
    }

    /// `millis` whole milliseconds.
    #[must_use]
    pub const fn millis(millis: u64) -> Self {
        Self(std::time::Duration::from_millis(millis))
    }

    /// `micros` whole microseconds.
    #[must_use]
    pub const fn micros(micros: u64) -> Self {
        Self(std::time::Duration::from_micros(micros))
    }

    /// The time from `from` to `to`; zero when `to` lies before `from`.
    #[must_use]
    pub fn between(from: Moment, to: Moment) -> Self {
        Self::micros(u64::try_from(to.0.as_microsecond() - from.0.as_microsecond()).unwrap_or(0))
    }

    /// The same length for the standard library.
    #[must_use]
    pub const fn std(self) -> std::time::Duration {
        self.0
    }

    /// So many times this length; none for a negative number.
    #[must_use]
    pub fn times(self, number: i32) -> Self {
        Self(self.0.saturating_mul(u32::try_from(number).unwrap_or(0)))
    }

    /// The length in seconds, with fractions.
    #[must_use]
    pub const fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }
}

impl From<std::time::Duration> for Duration {
    fn from(value: std::time::Duration) -> Self {
        Self::micros(u64::try_from(value.as_micros()).unwrap_or(u64::MAX))
    }
}

impl std::ops::Add for Duration {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        if micros == 0 {
            return f.write_str("0s");
        }
        if micros < 1_000 {
            return write!(f, "{micros}us");
        }
        if micros < 1_000_000 {
            return write!(f, "{}ms", trim_fraction(micros, 1_000));
        }
        let (hours, minutes) = (micros / 3_600_000_000, micros / 60_000_000 % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        let rest = micros % 60_000_000;
        if rest > 0 { write!(f, "{}s", trim_fraction(rest, 1_000_000)) } else { Ok(()) }
    }
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn trim_fraction(value: u128, unit: u128) -> String {
    let digits = unit.ilog10() as usize;
    let text = format!("{}.{:0digits$}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Why a text is not a [`Duration`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a duration such as 250ms, 30s, 5m or 1h30m")]
pub struct ParseDurationError(String);

impl FromStr for Duration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseDurationError(text.to_owned());
        let (mut rest, mut micros) = (text, 0.0_f64);
        if rest == "0" {
            return Ok(Self::ZERO);
        }
        if rest.is_empty() {
            return Err(refuse());
        }
        while !rest.is_empty() {
            let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(refuse)?;
            let number: f64 = rest[..end].parse().map_err(|_| refuse())?;
            rest = &rest[end..];
            let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
            let unit = match &rest[..end] {
                "us" | "µs" => 1.0,
                "ms" => 1e3,
                "s" => 1e6,
                "m" => 6e7,
                "h" => 3.6e9,
                _ => return Err(refuse()),
            };
            micros += number * unit;
            rest = &rest[end..];
        }
        // More than any text that fits the schema.
        if micros > 2e16 {
            return Err(refuse());
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "bounded above"
        )]
        Ok(Self::micros(micros.round() as u64))
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 24,
            "pattern": pattern::DURATION,
        })
    }
}

/// An instant in UTC with microseconds, written as RFC 3339 with six digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Timestamp);

impl Moment {
    /// The instant without what lies below a microsecond.
    #[must_use]
    pub fn new(timestamp: Timestamp) -> Self {
        Self(Timestamp::from_microsecond(timestamp.as_microsecond()).unwrap_or(timestamp))
    }

    /// The instant that many seconds after 1970, as Prometheus writes it.
    #[must_use]
    pub fn from_unix_seconds(seconds: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "jiff refuses what is out of range")]
        Timestamp::from_microsecond((seconds * 1e6).round() as i64).ok().map(Self)
    }

    /// The instant as the time library has it.
    #[must_use]
    pub const fn timestamp(self) -> Timestamp {
        self.0
    }

    /// This instant less `duration`.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.checked_sub(duration.std()).unwrap_or(Timestamp::MIN))
    }

    /// Time of day in UTC with milliseconds, as timelines show it.
    #[must_use]
    pub fn time_of_day(self) -> String {
        self.0.strftime("%H:%M:%S%.3f").to_string()
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.checked_add(duration.std()).unwrap_or(Timestamp::MAX))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::deserialize(deserializer).map(Self::new)
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Not the format `date-time`, by which the API server takes a list and the 31st of February.
        json_schema!({ "type": "string", "maxLength": 32, "pattern": pattern::MOMENT })
    }
}

/// Name of an object of this namespace: lower-case letters, digits, `-` and `.`, at most 63.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(pub String);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::ops::Deref for Name {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl JsonSchema for Name {
    fn schema_name() -> Cow<'static, str> {
        "Name".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": 63,
            "pattern": pattern::NAME,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, printed: &str) {
        assert_eq!(text.parse::<Duration>().map(|d| d.to_string()).as_deref(), Ok(printed));
    }

    #[test]
    fn durations_are_read_and_printed_as_go_does() {
        check("0", "0s");
        check("250ms", "250ms");
        check("1500ms", "1.5s");
        check("90s", "1m30s");
        check("5m", "5m");
        check("1h30m", "1h30m");
        check("35.123456s", "35.123456s");
    }

    #[test]
    fn the_longest_duration_that_fits_the_schema_is_read() {
        let longest = "999999h999999h999999h99h";
        let schema = regex::Regex::new(pattern::DURATION).unwrap();
        assert!(longest.len() == 24 && schema.is_match(longest));
        assert_eq!(longest.parse::<Duration>(), Ok(Duration::minutes(3_000_096 * 60)));
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_text() {
        for text in ["", "5", "-5m", "5 m", "5x", "m", "1e9s"] {
            assert!(text.parse::<Duration>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn instants_keep_microseconds_and_always_show_six_digits() {
        let moment: Moment = serde_json::from_str("\"2026-11-24T10:00:00.1234567Z\"").unwrap();
        assert_eq!(moment.to_string(), "2026-11-24T10:00:00.123456Z");
    }

    #[test]
    fn the_pattern_of_an_instant_holds_for_those_that_there_are() {
        let is_instant = |text: &str| regex::Regex::new(pattern::MOMENT).unwrap().is_match(text);
        for year in (1000..9000).step_by(100).chain(1999..2030) {
            for (month, day) in (1..=12).flat_map(|month| (27..=32).map(move |day| (month, day))) {
                let text = format!("{year}-{month:02}-{day:02}T23:59:59.123456Z");
                assert_eq!(is_instant(&text), text.parse::<Timestamp>().is_ok(), "{text}");
            }
        }
        assert!(is_instant(&Moment::from_unix_seconds(0.0).unwrap().to_string()));
        for text in ["2026-11-24T24:00:00Z", "2026-11-24T10:00:60Z", "2026-11-24T10:00:00+01:00"] {
            assert!(!is_instant(text), "{text}");
        }
    }
}
