//! When a step starts of which nobody is told before: chosen by the day's UID, alike by every operator.

use super::{
    announce::intend,
    observed::{Observed, needs},
};
use crate::{
    api::{
        Duration, GameDayRunStatus, Moment,
        game_day::Step,
        game_day_run::{DayPlan, Notice},
    },
    core::{gameday::schedule::Schedule, hash},
};

/// Writes down that people are to be told of such steps that are over.
pub(super) fn tell(observed: &Observed<'_>, status: &mut GameDayRunStatus, plan: &DayPlan) {
    let over = |step: &&Step| {
        let mut known = status.steps.iter().filter(|known| known.name == step.name);
        known.any(|known| known.run.is_some() && known.over_at.is_some())
    };
    let steps = plan.spec.steps.iter().filter(|step| step.unannounced).filter(over);
    for step in steps.map(|step| step.name.clone()).collect::<Vec<_>>() {
        intend(observed, status, Notice::Injection, &step);
    }
}

/// When such a step of that day starts whose turn comes then: where it fits at all, early enough for the steps behind it
/// to be over by `end`, and while the plan is open.
pub(super) fn starts(
    observed: &Observed<'_>,
    plan: &DayPlan,
    index: usize,
    turn: Moment,
    end: Moment,
) -> Moment {
    let step = &plan.spec.steps[index];
    let behind = plan.spec.steps[index + 1..].iter();
    let room = behind.fold(needs(plan, step), |room, step| room + step.gap + needs(plan, step));
    let schedule = observed.schedule(&plan.spec);
    let day = observed.day.uid();
    chosen(&format!("{day}/{}", step.name), schedule.as_ref(), turn, end.minus(room))
}

/// One instant between `turn` and the last one, not after `latest`, up to which the plan is open without a break.
fn chosen(seed: &str, schedule: Option<&Schedule>, turn: Moment, latest: Moment) -> Moment {
    let latest = schedule.map_or(latest, |schedule| open_until(schedule, turn, latest));
    let room = Duration::between(turn, latest).std().as_millis();
    let room = u64::try_from(room).unwrap_or(u64::MAX);
    let number = u64::from_str_radix(&hash::digest(seed.as_bytes()), 16).unwrap_or_default();
    turn + Duration::millis(number % room.saturating_add(1))
}

/// Windows and blackouts begin and end with a minute.
fn open_until(schedule: &Schedule, turn: Moment, latest: Moment) -> Moment {
    let next = |at: &Moment| Some(*at + Duration::minutes(1));
    let minutes = std::iter::successors(Some(turn), next).take_while(|at| *at <= latest);
    let mut last = turn;
    for at in minutes.chain([latest]) {
        if schedule.closed(at).is_some() {
            break;
        }
        last = last.max(at);
    }
    last
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;

    fn moment(text: &str) -> Moment {
        serde_json::from_value(json!(text)).unwrap()
    }

    fn schedule(window: &Value) -> Schedule {
        let mut spec =
            json!({"schedule": "0 10 * * *", "steps": [{"name": "one", "experiment": "x"}]});
        if !window.is_null() {
            spec["window"] = window.clone();
        }
        Schedule::parse(&serde_json::from_value(spec).unwrap()).unwrap()
    }

    #[test]
    fn it_lies_between_its_turn_and_the_last_instant_that_is_open_and_differs_from_day_to_day() {
        let (turn, latest) = (moment("2026-12-01T10:00:30Z"), moment("2026-12-01T12:00:00Z"));
        for (window, last) in [
            (Value::Null, "2026-12-01T12:00:00Z"),
            (json!({"hours": "10:00-11:00"}), "2026-12-01T10:59:30Z"),
            (json!({"hours": "11:00-12:00"}), "2026-12-01T10:00:30Z"),
            (json!({"hours": "10:00-12:00"}), "2026-12-01T11:59:30Z"),
        ] {
            let (schedule, last) = (schedule(&window), moment(last));
            let at = |uid: usize| chosen(&uid.to_string(), Some(&schedule), turn, latest);
            let all: BTreeSet<Moment> = (0..500).map(at).collect();
            assert!(all.iter().all(|at| turn <= *at && *at <= last), "{window}");
            assert_eq!(at(7), at(7));
            let room = Duration::between(turn, last);
            let is_wide = room > Duration::minutes(1);
            assert_eq!(all.len() > 400, is_wide, "{window}: {}", all.len());
            let middle = turn + Duration::seconds(room.std().as_secs() / 2);
            assert_eq!(all.iter().any(|at| *at > middle), is_wide);
        }
    }

    #[test]
    fn where_there_is_no_room_it_is_its_turn() {
        let turn = moment("2026-12-01T10:00:00Z");
        let earlier = moment("2026-12-01T09:00:00Z");
        assert_eq!(chosen("a", None, turn, earlier), turn);
        assert_eq!(chosen("a", None, turn, turn), turn);
    }
}
