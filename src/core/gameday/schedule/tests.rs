use std::cell::Cell;

use serde_json::{Value, json};

use super::*;

fn moment(text: &str) -> Moment {
    serde_json::from_value(json!(text)).unwrap()
}

/// The times of a plan with these fields.
fn schedule(fields: &Value) -> Schedule {
    let mut spec = json!({"steps": [{"name": "kill", "experiment": "kill"}]});
    for (key, value) in fields.as_object().unwrap() {
        spec[key] = value.clone();
    }
    Schedule::parse(&serde_json::from_value(spec).unwrap()).unwrap()
}

fn daily(zone: &str, time: &str) -> Schedule {
    schedule(&json!({"schedule": format!("{time} * * *"), "timeZone": zone}))
}

fn missed(at: &str, reason: MissedReason) -> Due {
    Due { fire: None, missed: Some(Missed { at: moment(at), reason }) }
}

fn fire(at: &str) -> Due {
    Due { fire: Some(moment(at)), missed: None }
}

const DEADLINE: Duration = Duration::minutes(30);

#[test]
fn a_time_is_due_from_its_instant_until_its_deadline_and_is_missed_after_that() {
    let plan = daily("UTC", "0 10");
    let since = moment("2026-12-01T09:00:00Z");
    let ten = "2026-12-01T10:00:00Z";
    for (now, expected) in [
        ("2026-12-01T09:59:59.999999Z", Due::default()),
        ("2026-12-01T10:00:00Z", fire(ten)),
        ("2026-12-01T10:29:59.999999Z", fire(ten)),
        ("2026-12-01T10:30:00Z", missed(ten, MissedReason::DeadlinePassed)),
        ("2026-12-02T09:59:00Z", missed(ten, MissedReason::DeadlinePassed)),
    ] {
        assert_eq!(plan.due(since, None, moment(now), DEADLINE), expected, "{now}");
    }
    let late = plan.due(since, None, moment("2026-12-03T10:00:00Z"), DEADLINE);
    let older = Missed { at: moment("2026-12-02T10:00:00Z"), reason: MissedReason::DeadlinePassed };
    let expected = Due { fire: Some(moment("2026-12-03T10:00:00Z")), missed: Some(older) };
    assert_eq!(late, expected);
}

#[test]
fn nothing_fires_twice_nor_what_lies_before_the_plan_counts() {
    let plan = daily("UTC", "0 10");
    let ten = moment("2026-12-01T10:00:00Z");
    let before = moment("2026-12-01T09:00:00Z");
    let now = moment("2026-12-01T10:05:00Z");
    assert_eq!(plan.due(before, Some(ten), now, DEADLINE), Due::default());
    // An edit or a resume at the same second, or later.
    assert_eq!(plan.due(ten, None, now, DEADLINE), Due::default());
    assert_eq!(plan.due(now, None, now, DEADLINE), Due::default());
    // A clock that was put back.
    assert_eq!(
        plan.due(before, Some(ten), moment("2026-11-30T10:00:00Z"), DEADLINE),
        Due::default()
    );
}

#[test]
fn what_is_skipped_is_missed_with_its_reason_at_once_and_later_too() {
    let since = moment("2026-12-01T00:00:00Z");
    let at = "2026-12-01T10:00:00Z";
    let blackouts = json!([{"from": "2026-12-01", "to": "2026-12-01", "reason": "x"}]);
    for (fields, reason) in [
        (json!({"suspend": true}), MissedReason::Suspended),
        (json!({"suspend": true, "blackouts": blackouts}), MissedReason::Suspended),
        (json!({"blackouts": blackouts}), MissedReason::Blackout),
        (json!({"window": {"days": ["Wed"]}, "blackouts": blackouts}), MissedReason::Blackout),
        (json!({"window": {"days": ["Wed"]}}), MissedReason::OutsideWindow),
        (json!({"window": {"hours": "11:00-12:00"}}), MissedReason::OutsideWindow),
    ] {
        let mut all = fields.clone();
        all["schedule"] = json!("0 10 * * *");
        for now in ["2026-12-01T10:00:00Z", "2026-12-01T10:10:00Z", "2026-12-01T20:00:00Z"] {
            let due = schedule(&all).due(since, None, moment(now), DEADLINE);
            assert_eq!(due, missed(at, reason), "{fields} at {now}");
        }
    }
}

#[test]
fn a_plan_that_starts_once_fires_once() {
    let plan = schedule(&json!({"startAt": "2026-12-01T11:00:00+01:00"}));
    let (since, now) = (moment("2026-11-01T00:00:00Z"), moment("2026-12-01T10:00:00Z"));
    assert_eq!(plan.due(since, None, now, DEADLINE), fire("2026-12-01T10:00:00Z"));
    assert_eq!(plan.due(since, Some(now), now, DEADLINE), Due::default());
    assert_eq!(plan.due(now, None, now, DEADLINE), Due::default());
    assert_eq!(plan.fires(since).count(), 1);
    assert_eq!(plan.opens(now), None);
}

#[test]
fn what_the_clock_skips_fires_when_it_is_put_forward_and_what_comes_twice_fires_first() {
    for (zone, time, day, expected) in [
        ("Europe/London", "30 1", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
        ("Europe/London", "30 1", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
        ("Australia/Lord_Howe", "15 2", "2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z"),
        // The gap begins at midnight, so that its day begins at one.
        ("America/Santiago", "0 0", "2026-09-05T12:00:00Z", "2026-09-06T04:00:00Z"),
        // A whole day was skipped.
        ("Pacific/Apia", "0 10", "2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z"),
        // Three hours were.
        ("Antarctica/Casey", "30 1", "2020-10-03T12:00:00Z", "2020-10-03T16:01:00Z"),
    ] {
        let plan = daily(zone, time);
        let fires = plan.fires(moment(day)).next().unwrap().at;
        assert_eq!(fires, moment(expected), "{zone}, {time}");
    }
}

#[test]
fn in_the_hour_that_comes_again_nothing_fires_again() {
    let plan = daily("Europe/London", "30 1");
    let (first, again) = (moment("2026-10-25T00:30:00Z"), moment("2026-10-25T01:30:00Z"));
    let since = moment("2026-10-24T12:00:00Z");
    assert_eq!(plan.due(since, None, again, Duration::minutes(120)), fire("2026-10-25T00:30:00Z"));
    assert_eq!(plan.due(since, Some(first), again, Duration::minutes(120)), Due::default());
    // Who looks between both, where the clock shows what lies before.
    let between = moment("2026-10-25T01:10:00Z");
    assert_eq!(
        plan.due(since, None, between, DEADLINE),
        missed("2026-10-25T00:30:00Z", MissedReason::DeadlinePassed)
    );
}

#[test]
fn however_many_were_missed_the_calendar_is_asked_as_often() {
    let plan = daily("Europe/London", "0 10");
    let now = moment("2026-12-01T12:00:00Z");
    let asked = |days: i64| {
        let count = Cell::new(0);
        let counted = |at: Option<Moment>| {
            count.set(count.get() + 1);
            at
        };
        let since = Moment::new(now.timestamp() - SignedDuration::from_hours(24 * days));
        let (after, until) = (|at| counted(plan.after(at)), |at| counted(plan.until(at)));
        let due = due(&after, &until, &|at| plan.skipped(at), (since, now.minus(DEADLINE), now));
        assert_eq!(due, missed("2026-12-01T10:00:00Z", MissedReason::DeadlinePassed));
        count.get()
    };
    assert_eq!([asked(1_000), asked(1_000_000)], [2, 2]);
}

#[test]
fn the_next_opening_lies_behind_every_blackout_and_in_the_window() {
    let now = moment("2026-12-01T12:00:00Z");
    let opens = |fields: &Value| schedule(fields).opens(now);
    let centuries = json!([
        {"from": "2026-12-02", "to": "2526-06-30", "reason": "x"},
        {"from": "2526-06-01", "to": "2826-01-01", "reason": "y"},
    ]);
    for (fields, expected) in [
        (json!({"schedule": "0 10 * * *", "suspend": true}), Some("2026-12-02T10:00:00Z")),
        (json!({"schedule": "0 0 * * *", "blackouts": centuries}), Some("2826-01-02T00:00:00Z")),
        (
            json!({"schedule": "0 10 29 2 *", "window": {"days": ["Mon"]}}),
            Some("2044-02-29T10:00:00Z"),
        ),
        (json!({"schedule": "0 10 * * *", "window": {"hours": "11:00-12:00"}}), None),
        (json!({"schedule": "0 10 * * 1-5", "window": {"days": ["Sat", "Sun"]}}), None),
        (json!({"schedule": "0 10 30 2 *"}), None),
        (json!({"startAt": "2026-12-02T10:00:00Z", "window": {"days": ["Tue"]}}), None),
        (json!({"startAt": "2026-12-02T10:00:00Z", "blackouts": centuries}), None),
    ] {
        assert_eq!(opens(&fields), expected.map(moment), "{fields}");
    }
}

#[test]
fn every_problem_of_the_times_is_told_at_once() {
    let spec = json!({
        "schedule": "@daily", "timeZone": "Europe/Lodnon",
        "blackouts": [{"from": "2026-02-30", "to": "2026-03-01", "reason": "x"}],
        "steps": [{"name": "kill", "experiment": "kill"}],
    });
    let problems = Schedule::parse(&serde_json::from_value(spec).unwrap()).unwrap_err();
    let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["spec.timeZone", "spec.schedule", "spec.blackouts[0].from"]);
}
