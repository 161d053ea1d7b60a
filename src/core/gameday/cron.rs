//! The five cron fields of a plan, read strictly: a plan fires at most once a day, and says which days it means.

use croner::{Cron, parser::CronParser};
use jiff::civil::DateTime;

/// The days and the time of day of a plan, without a time zone.
#[derive(Clone, Debug)]
pub struct Times(Cron);

/// What one of the five fields is called, and what may stand in it.
struct Field {
    name: &'static str,
    allowed: &'static str,
    /// The words that may stand in it.
    words: &'static [&'static str],
}

const DAYS: Field = Field {
    name: "day of the month",
    allowed: "1 to 31, ranges and lists of them, or L for the last one",
    words: &["L", "W", "LW"],
};
const MONTHS: Field = Field {
    name: "month",
    allowed: "1 to 12 or JAN to DEC, ranges and lists of them",
    words: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
const WEEKDAYS: Field = Field {
    name: "day of the week",
    allowed: "0 to 7 or SUN to SAT, ranges and lists of them, TUE#1 for the first Tuesday, TUE#L for the last",
    words: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "L"],
};

impl Times {
    /// Reads minute, hour, day of the month, month and day of the week.
    ///
    /// # Errors
    /// With what is wrong and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        if let Some(told) = other_notation(text, &fields) {
            return Err(told);
        }
        let &[minute, hour, days, months, weekdays] = fields.as_slice() else {
            return Err(not_five(text, &fields));
        };
        let rest = format!("{days} {months} {weekdays}");
        one_number("minute", minute, 59, |minute| format!("{minute} {hour} {rest}"))?;
        one_number("hour", hour, 23, |hour| format!("{minute} {hour} {rest}"))?;
        accepted(&DAYS, days, &format!("0 0 {days} * *"))?;
        accepted(&MONTHS, months, &format!("0 0 1 {months} *"))?;
        accepted(&WEEKDAYS, weekdays.trim_start_matches('+'), &format!("0 0 * * {weekdays}"))?;
        either_day(minute, hour, days, months, weekdays)?;
        CronParser::new().parse(text).map(Self).map_err(|error| format!("{text:?}: {error}"))
    }

    /// The first time after `at`; absent where there is none.
    #[must_use]
    pub fn after(&self, at: DateTime) -> Option<DateTime> {
        self.0.find_next_occurrence(&at, false).ok()
    }

    /// The last time before `at`; absent where there is none.
    #[must_use]
    pub fn before(&self, at: DateTime) -> Option<DateTime> {
        self.0.find_previous_occurrence(&at, false).ok()
    }
}

/// What other programs take for a schedule.
fn other_notation(text: &str, fields: &[&str]) -> Option<String> {
    let first = *fields.first()?;
    if let Some((_, zone)) =
        first.split_once('=').filter(|(key, _)| ["TZ", "CRON_TZ"].contains(key))
    {
        let rest = fields[1..].join(" ");
        return Some(format!(
            "{first} is no part of a schedule: write {rest:?} here, and timeZone: {zone}"
        ));
    }
    let nickname = first.strip_prefix('@')?;
    let known = match nickname.to_lowercase().as_str() {
        "yearly" | "annually" => "0 0 1 1 *",
        "monthly" => "0 0 1 * *",
        "weekly" => "0 0 * * SUN",
        "daily" | "midnight" => "0 0 * * *",
        _ => {
            return Some(format!(
                "{text:?} is no schedule: write five fields, such as \"0 10 * * TUE#1\""
            ));
        }
    };
    Some(format!(
        "{text:?} is no schedule: write its five fields, {known:?}, with the hour that you mean"
    ))
}

fn not_five(text: &str, fields: &[&str]) -> String {
    let count = fields.len();
    let names = "minute, hour, day of the month, month and day of the week";
    let remedy = match count {
        6 => format!("; without seconds it is {:?}", fields[1..].join(" ")),
        7 => format!("; without seconds and year it is {:?}", fields[1..6].join(" ")),
        _ => ", such as \"0 10 * * TUE#1\"".to_owned(),
    };
    format!("{text:?} has {count} fields, and a schedule has five: {names}{remedy}")
}

/// Refuses more than one number: with lists a gap of daylight saving loses times, and a fold repeats them.
fn one_number(
    name: &str,
    field: &str,
    most: u32,
    whole: impl Fn(u32) -> String,
) -> Result<(), String> {
    let number = |text: &str| text.parse().ok().filter(|number| *number <= most);
    if field.chars().all(|c| c.is_ascii_digit()) {
        let allowed = || format!("{name} {field} is not allowed: write 0 to {most}");
        return number(field).map(drop).ok_or_else(allowed);
    }
    let first = field.split(|c: char| !c.is_ascii_digit()).find_map(number);
    let example = whole(first.unwrap_or(0));
    Err(format!(
        "{name} {field:?} is not one number, and a plan fires at most once a day: write one, such as {example:?}, \
         and another GameDay for another time"
    ))
}

/// Refuses what is no such field; `alone` has it in its place beside fields that are fine.
fn accepted(field: &Field, text: &str, alone: &str) -> Result<(), String> {
    let upper = text.to_uppercase();
    let mut words = upper.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    // The library looks for the names of days and months in every field.
    let is_ours = words.all(|word| field.words.contains(&word));
    if is_ours && !text.is_empty() && CronParser::new().parse(alone).is_ok() {
        return Ok(());
    }
    Err(format!("{} {text:?} is not allowed: write {}", field.name, field.allowed))
}

/// Refuses days of the month beside days of the week, which cron takes for either, where hardly anybody means that.
fn either_day(
    minute: &str,
    hour: &str,
    days: &str,
    months: &str,
    weekdays: &str,
) -> Result<(), String> {
    let is_any = |field: &str| matches!(field, "*" | "?");
    if is_any(days) || is_any(weekdays) || weekdays.starts_with('+') {
        return Ok(());
    }
    let both = format!("{minute} {hour} {days} {months} +{weekdays}");
    let weekday = weekday(weekdays);
    let of_week =
        weekday.map_or_else(|| format!("weekday {weekdays}"), |(_, name)| name.to_owned());
    let nth = ["1-7", "8-14", "15-21", "22-28"].iter().position(|week| *week == days);
    let first = nth.zip(weekday).map(|(index, (short, name))| {
        let ordinal = ["first", "second", "third", "fourth"][index];
        format!("for the {ordinal} {name} write {short}#{}", index + 1)
    });
    let remedy = first.map_or_else(
        || format!("for days that are both write {both:?}"),
        |first| format!("{first}, for days that are both {both:?}"),
    );
    Err(format!("cron reads it as day {} *or* {of_week}; {remedy}", days.replace('-', "–")))
}

/// The one weekday that a field names, in short and in full.
fn weekday(field: &str) -> Option<(&'static str, &'static str)> {
    const FULL: [&str; 7] =
        ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    let named = WEEKDAYS.words.iter().position(|word| field.eq_ignore_ascii_case(word));
    let index = named.or_else(|| field.parse::<usize>().ok().map(|number| number % 7))?;
    Some((*WEEKDAYS.words.get(index)?, *FULL.get(index)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, told: &str) {
        assert_eq!(Times::parse(text).err().as_deref(), Some(told), "{text:?}");
    }

    /// The first times after the last second of 2025.
    #[track_caller]
    fn fires(text: &str, times: &[&str]) {
        let read = Times::parse(text).unwrap();
        let mut at: DateTime = "2025-12-31T23:59:59".parse().unwrap();
        let mut all = Vec::new();
        for expected in times {
            at = read.after(at).unwrap();
            assert_eq!(at.strftime("%Y-%m-%d %H:%M").to_string(), *expected, "{text:?}");
            all.push(at);
        }
        for pair in all.windows(2).rev() {
            assert_eq!(read.before(pair[1]), Some(pair[0]), "{text:?}, backwards");
        }
    }

    #[test]
    fn the_days_that_are_written_are_the_days_that_are_read() {
        fires("0 10 * * *", &["2026-01-01 10:00", "2026-01-02 10:00"]);
        fires("5 0 * * TUE#1", &["2026-01-06 00:05", "2026-02-03 00:05", "2026-03-03 00:05"]);
        fires("0 10 * * tue#L", &["2026-01-27 10:00", "2026-02-24 10:00"]);
        fires("0 10 1-7 * +2", &["2026-01-06 10:00", "2026-02-03 10:00"]);
        fires("0 10 13 * +FRI", &["2026-02-13 10:00", "2026-03-13 10:00", "2026-11-13 10:00"]);
        fires("0 10 L * *", &["2026-01-31 10:00", "2026-02-28 10:00"]);
        fires("0 10 29 2 *", &["2028-02-29 10:00", "2032-02-29 10:00"]);
        fires("0 10 31 * ?", &["2026-01-31 10:00", "2026-03-31 10:00"]);
        fires("59 23 1 jan,JUL *", &["2026-01-01 23:59", "2026-07-01 23:59", "2027-01-01 23:59"]);
        fires("0 10 * * 7", &["2026-01-04 10:00", "2026-01-11 10:00"]);
        fires(
            "  0  10 * *  MON-FRI ",
            &["2026-01-01 10:00", "2026-01-02 10:00", "2026-01-05 10:00"],
        );
    }

    #[test]
    fn a_day_that_no_year_has_is_never_reached() {
        for text in ["0 10 30 2 *", "0 10 31 4,6,9,11 *", "0 10 8 * +MON#1"] {
            assert_eq!(
                Times::parse(text).unwrap().after(DateTime::constant(2026, 1, 1, 0, 0, 0, 0)),
                None
            );
        }
    }

    #[test]
    fn days_of_the_month_beside_days_of_the_week_are_told_apart() {
        refused(
            "0 10 1-7 * 2",
            "cron reads it as day 1–7 *or* Tuesday; for the first Tuesday write TUE#1, for days that are both \"0 10 1-7 * +2\"",
        );
        refused(
            "0 10 15-21 * fri",
            "cron reads it as day 15–21 *or* Friday; for the third Friday write FRI#3, for days that are both \"0 10 15-21 * +fri\"",
        );
        refused(
            "0 10 13 * FRI",
            "cron reads it as day 13 *or* Friday; for days that are both write \"0 10 13 * +FRI\"",
        );
        refused(
            "0 10 1,15 * MON-FRI",
            "cron reads it as day 1,15 *or* weekday MON-FRI; for days that are both write \"0 10 1,15 * +MON-FRI\"",
        );
    }

    #[test]
    fn minute_and_hour_are_one_number_each() {
        let once = "is not one number, and a plan fires at most once a day: write one, such as";
        let other = "and another GameDay for another time";
        refused("*/5 10 * * *", &format!("minute \"*/5\" {once} \"5 10 * * *\", {other}"));
        refused("0 9,15 * * 2", &format!("hour \"9,15\" {once} \"0 9 * * 2\", {other}"));
        refused("0 9-17 * * *", &format!("hour \"9-17\" {once} \"0 9 * * *\", {other}"));
        refused("0 * * * *", &format!("hour \"*\" {once} \"0 0 * * *\", {other}"));
        refused("+5 10 * * *", &format!("minute \"+5\" {once} \"5 10 * * *\", {other}"));
        refused("60 10 * * *", "minute 60 is not allowed: write 0 to 59");
        refused("0 24 * * *", "hour 24 is not allowed: write 0 to 23");
    }

    #[test]
    fn other_notations_are_told_what_they_are_here() {
        let names = "minute, hour, day of the month, month and day of the week";
        refused(
            "0 0 10 * * 2",
            &format!(
                "\"0 0 10 * * 2\" has 6 fields, and a schedule has five: {names}; without seconds it is \"0 10 * * 2\""
            ),
        );
        refused(
            "0 0 10 * * 2 2027",
            &format!(
                "\"0 0 10 * * 2 2027\" has 7 fields, and a schedule has five: {names}; without seconds and year it is \"0 10 * * 2\""
            ),
        );
        refused(
            "0 10",
            &format!(
                "\"0 10\" has 2 fields, and a schedule has five: {names}, such as \"0 10 * * TUE#1\""
            ),
        );
        refused(
            "TZ=Europe/London 0 10 * * 2",
            "TZ=Europe/London is no part of a schedule: write \"0 10 * * 2\" here, and timeZone: Europe/London",
        );
        refused(
            "CRON_TZ=UTC 0 10 * * 2",
            "CRON_TZ=UTC is no part of a schedule: write \"0 10 * * 2\" here, and timeZone: UTC",
        );
        refused(
            "@daily",
            "\"@daily\" is no schedule: write its five fields, \"0 0 * * *\", with the hour that you mean",
        );
        refused(
            "@reboot",
            "\"@reboot\" is no schedule: write five fields, such as \"0 10 * * TUE#1\"",
        );
    }

    #[test]
    fn a_field_that_is_none_is_named_with_what_may_stand_there() {
        for (text, field, given) in [
            ("0 10 32 * *", &DAYS, "32"),
            ("0 10 0 * *", &DAYS, "0"),
            ("0 10 MON * *", &DAYS, "MON"),
            ("0 10 * 13 *", &MONTHS, "13"),
            ("0 10 * TUE *", &MONTHS, "TUE"),
            ("0 10 * * JAN", &WEEKDAYS, "JAN"),
            ("0 10 * * 8", &WEEKDAYS, "8"),
            ("0 10 * * Tuesday", &WEEKDAYS, "Tuesday"),
            ("0 10 * * TUE#6", &WEEKDAYS, "TUE#6"),
            ("0 10 * * +", &WEEKDAYS, ""),
        ] {
            refused(
                text,
                &format!("{} {given:?} is not allowed: write {}", field.name, field.allowed),
            );
        }
    }
}
