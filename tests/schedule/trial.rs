//! One change of a clock: plans that fire around it, and operators that look at them around it.

use std::collections::BTreeSet;

use firedrill::{
    api::{
        Duration, Moment,
        game_day::{Missed, MissedReason},
    },
    core::gameday::schedule::{Due, Schedule},
};

use crate::{
    almanac::{Almanac, Change, Days},
    moment, plan,
};

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const MICROS: i64 = 1_000_000;
const REACH: i64 = 4 * HOUR;
const DEADLINE: i64 = 30 * MINUTE;

/// What was looked at, and what was wrong.
#[derive(Debug, Default)]
pub struct Tally {
    /// Plans.
    pub plans: usize,
    /// Instants at which one was looked at.
    pub questions: usize,
    /// Times for which nothing fired, or that were told as missed.
    pub missed: usize,
    /// Times that fired again.
    pub double: usize,
    /// Times that fired before they came, or are none.
    pub early: usize,
    /// Answers that are not the right one, each with its plan; the first few.
    pub wrong: BTreeSet<String>,
}

impl Tally {
    /// Both together.
    pub fn plus(mut self, other: Self) -> Self {
        self.plans += other.plans;
        self.questions += other.questions;
        self.missed += other.missed;
        self.double += other.double;
        self.early += other.early;
        self.wrong.extend(other.wrong);
        self
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        if self.wrong.len() < 10 {
            self.wrong.insert(text());
        }
    }
}

/// Judges plans that fire within four hours of a change.
pub fn around(almanac: &Almanac, zone: &str, change: &Change, all: bool, tally: &mut Tally) {
    let readings = [change.at + change.before, change.at + change.after];
    let (first, last) = (readings[0].min(readings[1]), readings[0].max(readings[1]));
    let step = if all { 15 * MINUTE } else { 2 * HOUR };
    let steps = (first - REACH..=last + REACH).step_by(usize::try_from(step).unwrap());
    // The minutes at both ends of what is skipped or comes twice, and one within.
    let edges =
        [first - MINUTE, first, first + MINUTE, i64::midpoint(first, last), last - MINUTE, last];
    let readings: BTreeSet<i64> = steps.chain(edges).map(|reading| reading / MINUTE).collect();
    for (index, reading) in readings.into_iter().enumerate() {
        let day = almanac.day(reading * MINUTE);
        let kinds = [Days::Every, Days::Weekday(day.weekday), Days::Date(day.month, day.of_month)];
        let minute = (reading * MINUTE - day.start) / MINUTE;
        for days in if all { &kinds[..] } else { &kinds[index % 3..=index % 3] } {
            let text = format!("{} {} {}", minute % 60, minute / 60, days.fields());
            let fires: Vec<i64> = almanac.fires(change, *days, minute).into_iter().collect();
            let name = || format!("{text:?} in {zone} around {}", moment(change.at * MICROS));
            judge(&plan(&text, zone), &fires, change.at, all, &name, tally);
        }
    }
}

fn judge(
    plan: &Schedule,
    fires: &[i64],
    change: i64,
    all: bool,
    name: &impl Fn() -> String,
    tally: &mut Tally,
) {
    tally.plans += 1;
    let step = if all { 5 * MINUTE } else { HOUR };
    let steps = (change - REACH..=change + REACH).step_by(usize::try_from(step).unwrap());
    let within = fires.iter().copied().filter(|at| (change - REACH..=change + REACH).contains(at));
    let exact =
        within.chain([change]).flat_map(|at| [at * MICROS - 1, at * MICROS, at * MICROS + 1]);
    let questions: BTreeSet<i64> = steps.map(|at| at * MICROS).chain(exact).collect();
    let since = (change - REACH) * MICROS - 1;
    watched(plan, fires, since, &questions, name, tally);
    for now in &questions {
        tally.questions += 1;
        let due = plan.due(moment(since), None, moment(*now), seconds(DEADLINE));
        let right = right(fires, since, *now);
        if due != right {
            tally.note(|| format!("{}, at {}: {due:?}, right is {right:?}", name(), moment(*now)));
        }
    }
}

/// An operator that looks at every question, and writes down what it has fired.
fn watched(
    plan: &Schedule,
    fires: &[i64],
    since: i64,
    questions: &BTreeSet<i64>,
    name: &impl Fn() -> String,
    tally: &mut Tally,
) {
    let mut done: Vec<Moment> = Vec::new();
    for question in questions {
        tally.questions += 1;
        let due = plan.due(moment(since), done.last().copied(), moment(*question), seconds(REACH));
        tally.missed += usize::from(due.missed.is_some());
        let Some(at) = due.fire else { continue };
        let is_right = fires.iter().any(|fire| moment(fire * MICROS) == at);
        tally.early += usize::from(!is_right || at > moment(*question));
        tally.double += usize::from(done.contains(&at));
        if !is_right || done.contains(&at) {
            tally.note(|| format!("{}: fires for {at} at {}", name(), moment(*question)));
        }
        done.push(at);
    }
    let last = *questions.last().unwrap();
    for fire in
        fires.iter().map(|fire| fire * MICROS).filter(|fire| (since + 1..=last).contains(fire))
    {
        if !done.contains(&moment(fire)) {
            tally.missed += 1;
            tally.note(|| format!("{}: {} did not fire", name(), moment(fire)));
        }
    }
}

/// What is to be done at `now` by somebody who has never looked before.
fn right(fires: &[i64], since: i64, now: i64) -> Due {
    let oldest = now - DEADLINE * MICROS;
    let times = || fires.iter().map(|fire| fire * MICROS).filter(|fire| *fire > since);
    let fire = times().find(|fire| *fire > oldest && *fire <= now).map(moment);
    let missed = times()
        .rfind(|fire| *fire <= oldest)
        .map(|fire| Missed { at: moment(fire), reason: MissedReason::DeadlinePassed });
    Due { fire, missed }
}

fn seconds(seconds: i64) -> Duration {
    Duration::seconds(u64::try_from(seconds).unwrap())
}
