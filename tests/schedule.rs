//! No time of a plan is missed, fired twice or fired early, at any change of any clock: every time zone that is built
//! in, over ten years. What is right is found without the product's calendar: days are counted one by one, and the
//! offsets of the zones are asked.
//!
//! `make check` looks at a sample of the times and questions around every change; `SCHEDULE=all` at all of them, and
//! writes `target/evidence/schedule.json`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "schedule/almanac.rs"]
mod almanac;
#[path = "schedule/trial.rs"]
mod trial;

use std::collections::{BTreeMap, BTreeSet};

use almanac::{Almanac, Change, Day, Days};
use firedrill::{
    api::{GameDaySpec, Moment},
    core::{calendar::zone, gameday::schedule::Schedule},
};
use serde_json::json;
use trial::Tally;

/// The plan of a schedule in a time zone.
fn plan(schedule: &str, zone: &str) -> Schedule {
    let spec = json!({
        "schedule": schedule, "timeZone": zone,
        "steps": [{"name": "kill", "experiment": "kill"}],
    });
    let spec: GameDaySpec = serde_json::from_value(spec).unwrap();
    Schedule::parse(&spec).unwrap_or_else(|problems| panic!("{schedule} in {zone}: {problems:?}"))
}

/// The instant that many microseconds after 1970.
fn moment(micros: i64) -> Moment {
    Moment::new(jiff::Timestamp::from_microsecond(micros).unwrap())
}

/// The changes of every clock, each with a zone that has it; zones with the same ten years are one clock.
fn changes(almanac: &Almanac) -> (usize, usize, Vec<(String, Change)>) {
    let mut clocks: BTreeMap<Vec<Change>, String> = BTreeMap::new();
    let names: Vec<String> = zone::names().collect();
    for name in &names {
        let changes = almanac.changes(&zone::find(name).unwrap());
        clocks.entry(changes).or_insert_with(|| name.clone());
    }
    let count = clocks.len();
    let each = clocks
        .into_iter()
        .flat_map(|(changes, name)| changes.into_iter().map(move |change| (name.clone(), change)));
    (names.len(), count, each.collect())
}

#[test]
fn nothing_is_missed_fired_twice_or_early_around_any_change_of_any_clock() {
    let all = std::env::var("SCHEDULE").is_ok_and(|which| which == "all");
    let almanac = Almanac::new();
    let (zones, clocks, changes) = changes(&almanac);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = changes.len().div_ceil(cores);
    let tally = std::thread::scope(|scope| {
        let judge = |part: &[(String, Change)]| {
            let mut tally = Tally::default();
            for (name, change) in part {
                trial::around(&almanac, name, change, all, &mut tally);
            }
            tally
        };
        let parts: Vec<_> =
            changes.chunks(share).map(|part| scope.spawn(move || judge(part))).collect();
        parts.into_iter().map(|part| part.join().unwrap()).fold(Tally::default(), Tally::plus)
    });
    let Tally { plans, questions, missed, double, early, wrong } = &tally;
    let line = format!(
        "{zones} zones, {clocks} clocks, {} changes, {plans} plans, {questions} questions: missed {missed}, double \
         {double}, early {early}, wrong answers {}",
        changes.len(),
        wrong.len(),
    );
    println!("{line}");
    if all {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/target/evidence");
        std::fs::create_dir_all(folder).unwrap();
        let evidence = json!({
            "zones": zones, "clocks": clocks, "changes": changes.len(), "plans": plans,
            "questions": questions, "missed": missed, "double": double, "early": early,
            "wrong": wrong.len(),
        });
        std::fs::write(format!("{folder}/schedule.json"), evidence.to_string()).unwrap();
    }
    assert_eq!((*missed, *double, *early), (0, 0, 0), "{line}\n{wrong:#?}");
    assert!(wrong.is_empty(), "{line}\n{wrong:#?}");
    assert!(zones > 400 && *questions > 100_000, "too little was looked at: {line}");
}

/// Days in a schedule, and which days they mean.
type Row<'a> = (&'a str, &'a dyn Fn(&Day) -> bool);

#[test]
fn the_days_of_a_schedule_are_those_that_are_counted_one_by_one() {
    let almanac = Almanac::new();
    let last_of_week = |day: &Day, weekday| day.weekday == weekday && day.of_month + 7 > day.length;
    let rows: [Row<'_>; 12] = [
        ("* * *", &|_| true),
        ("* * TUE#1", &|day| day.weekday == 2 && day.of_month <= 7),
        ("* * 2#5", &|day| day.weekday == 2 && day.of_month > 28),
        ("* * FRI#L", &|day| last_of_week(day, 5)),
        ("* * MON-FRI", &|day| (1..=5).contains(&day.weekday)),
        ("1-7 * +TUE", &|day| day.weekday == 2 && day.of_month <= 7),
        ("13 * +FRI", &|day| day.weekday == 5 && day.of_month == 13),
        ("L * *", &|day| day.of_month == day.length),
        ("*/10 1-3,12 *", &|day| day.of_month % 10 == 1 && matches!(day.month, 1..=3 | 12)),
        ("31 * *", &|day| day.of_month == 31),
        ("29 2 *", &|day| day.month == 2 && day.of_month == 29),
        ("* JUL 0,7", &|day| day.month == 7 && day.weekday == 0),
    ];
    for (days, is_meant) in rows {
        let plan = plan(&format!("30 12 {days}"), "UTC");
        let expected: BTreeSet<i64> = almanac
            .days()
            .filter(|day| is_meant(day))
            .map(|day| day.start + 12 * 3600 + 30 * 60)
            .collect();
        let (from, until) = almanac.bounds();
        let fires = plan.fires(moment(from * 1_000_000 - 1)).map(|fire| fire.at);
        let seconds = fires.map(|at| at.timestamp().as_second()).take_while(|at| *at < until);
        assert_eq!(seconds.collect::<BTreeSet<_>>(), expected, "{days}");
        assert!(!expected.is_empty(), "{days}");
    }
}

#[test]
fn a_day_that_is_counted_wrongly_would_be_seen() {
    let almanac = Almanac::new();
    let days: Vec<&Day> = almanac.days().collect();
    assert_eq!(days.len(), 3653);
    let day = |index: usize| (days[index].month, days[index].of_month, days[index].weekday);
    // 1 January 2020 was a Wednesday, 29 February a Saturday, 31 December 2029 will be a Monday.
    assert_eq!([day(0), day(59), day(3652)], [(1, 1, 3), (2, 29, 6), (12, 31, 1)]);
    let berlin = almanac.changes(&zone::find("Europe/Berlin").unwrap());
    let autumn = berlin.iter().find(|change| change.at == 1_792_890_000);
    let Change { before, after, .. } = autumn.expect("the clock is put back on 25 October 2026");
    assert_eq!((*before, *after), (7200, 3600));
    let at = |days: Days, minute| almanac.fires(autumn.unwrap(), days, minute);
    // Half past two comes twice, and counts the first time.
    assert!(at(Days::Date(10, 25), 150).contains(&(1_792_890_000 - 1800)));
    assert_eq!(at(Days::Date(10, 25), 150).len(), 1);
    assert_eq!(at(Days::Weekday(0), 150), at(Days::Date(10, 25), 150));
}
