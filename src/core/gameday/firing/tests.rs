use serde_json::{Value, json};

use super::*;
use crate::api::game_day::MissedReason;

fn moment(text: &str) -> Moment {
    serde_json::from_value(json!(text)).unwrap()
}

/// A plan for ten o'clock on each day, created at nine.
fn plan(spec: &Value) -> GameDay {
    let mut plan = json!({
        "apiVersion": "firedrill.dev/v1alpha1", "kind": "GameDay",
        "metadata": {"name": "p", "namespace": "shop", "uid": "p", "generation": 1,
            "creationTimestamp": "2026-12-01T09:00:00Z"},
        "spec": {"schedule": "0 10 * * *", "announce": {"before": "0s"},
            "steps": [{"name": "one", "experiment": "x"}]},
    });
    for (key, value) in spec.as_object().unwrap() {
        plan["spec"][key] = value.clone();
    }
    serde_json::from_value(plan).unwrap()
}

/// Everything that one operator does at that instant: it writes, and creates days, of which it gives the names.
fn look(plan: &mut GameDay, days: &mut Vec<GameDayRun>, now: &str) -> Vec<String> {
    let mut created = Vec::new();
    for _ in 0..10 {
        let now = moment(now);
        let observed = Observed { now, plan, days, blackouts: &[], refused: None };
        match decide(&observed) {
            Decision::Record(status) => plan.status = Some(*status),
            Decision::Create { name, spec } => {
                let mut day = GameDayRun::new(&name, *spec);
                day.metadata.uid = Some(format!("{name}, {}", days.len()));
                created.push(name);
                days.push(day);
            }
            Decision::WaitUntil(until) => {
                assert!(until > now && until <= now + AT_LEAST);
                return created;
            }
        }
    }
    panic!("it never waits")
}

fn status(plan: &GameDay) -> &GameDayStatus {
    plan.status.as_ref().unwrap()
}

#[test]
fn a_plan_fires_once_for_each_time_and_never_before() {
    let (mut plan, mut days) = (plan(&json!({})), Vec::new());
    assert!(look(&mut plan, &mut days, "2026-12-01T09:59:59.999Z").is_empty());
    assert_eq!(status(&plan).next, Some(moment("2026-12-01T10:00:00Z")));
    assert_eq!(look(&mut plan, &mut days, "2026-12-01T10:00:00Z"), ["p-20261201t1000"]);
    let taken_up = status(&plan);
    assert_eq!(taken_up.last_fire, Some(moment("2026-12-01T10:00:00Z")));
    assert_eq!(taken_up.last_day_uid.as_deref(), Some("p-20261201t1000, 0"));
    for now in ["2026-12-01T10:00:00.1Z", "2026-12-01T10:29:00Z", "2026-12-02T09:59:59Z"] {
        assert!(look(&mut plan, &mut days, now).is_empty(), "{now}");
    }
    days.clear();
    assert!(look(&mut plan, &mut days, "2026-12-01T10:05:00Z").is_empty(), "it was deleted");
    assert_eq!(look(&mut plan, &mut days, "2026-12-02T10:00:30Z"), ["p-20261202t1000"]);
}

#[test]
fn a_day_that_is_there_is_taken_up_and_not_created_again() {
    let (mut first, mut days) = (plan(&json!({})), Vec::new());
    let mut second = first.clone();
    look(&mut first, &mut days, "2026-12-01T10:00:00Z");
    // The other operator has heard of the day, and not of what the plan says of it.
    assert!(look(&mut second, &mut days, "2026-12-01T10:00:01Z").is_empty());
    assert_eq!(status(&second).last_day_uid, status(&first).last_day_uid);
    assert_eq!(days.len(), 1);
}

#[test]
fn a_day_is_taken_up_however_late_that_is() {
    let (mut plan, mut days) = (plan(&json!({})), Vec::new());
    let at = moment("2026-12-01T10:00:00Z");
    days.push(GameDayRun::new("p-20261201t1000", GameDayRunSpec::at("p", at)));
    assert!(look(&mut plan, &mut days, "2026-12-01T18:00:00Z").is_empty());
    assert_eq!((status(&plan).last_fire, &status(&plan).missed), (Some(at), &None));
}

#[test]
fn what_lies_before_a_change_or_a_resumption_is_never_made_up_for() {
    let (mut plan, mut days) = (plan(&json!({"suspend": true})), Vec::new());
    assert!(look(&mut plan, &mut days, "2026-12-01T10:00:00Z").is_empty());
    let missed = status(&plan).missed.clone().unwrap();
    assert_eq!(
        (missed.at, missed.reason),
        (moment("2026-12-01T10:00:00Z"), MissedReason::Suspended)
    );
    plan.spec.suspend = false;
    plan.metadata.generation = Some(2);
    assert!(look(&mut plan, &mut days, "2026-12-01T10:05:00Z").is_empty());
    assert_eq!(status(&plan).since.as_ref().unwrap().at, moment("2026-12-01T10:05:00Z"));
    plan.spec.schedule = Some("4 10 * * *".to_owned());
    plan.metadata.generation = Some(3);
    assert!(look(&mut plan, &mut days, "2026-12-01T10:06:00Z").is_empty());
    assert_eq!(look(&mut plan, &mut days, "2026-12-02T10:04:00Z"), ["p-20261202t1004"]);
}

#[test]
fn what_nobody_looked_at_in_time_is_missed_once_however_much_it_was() {
    let (mut plan, mut days) = (plan(&json!({})), Vec::new());
    look(&mut plan, &mut days, "2026-12-01T09:00:00Z");
    assert!(look(&mut plan, &mut days, "2036-12-01T10:31:00Z").is_empty());
    let missed = status(&plan).missed.clone().unwrap();
    assert_eq!(
        (missed.at, missed.reason),
        (moment("2036-12-01T10:00:00Z"), MissedReason::DeadlinePassed)
    );
    assert_eq!(look(&mut plan, &mut days, "2036-12-02T10:29:59Z"), ["p-20361202t1000"]);
}

#[test]
fn a_day_for_a_time_that_is_none_of_the_plan_changes_nothing() {
    let (mut plan, mut days) = (plan(&json!({})), Vec::new());
    for at in ["2030-01-01T10:00:00Z", "2026-12-01T09:30:00Z"] {
        let at = moment(at);
        let name = game_day_run::name("p", at);
        days.push(GameDayRun::new(&name, GameDayRunSpec::at("p", at)));
    }
    assert_eq!(look(&mut plan, &mut days, "2026-12-01T10:00:00Z"), ["p-20261201t1000"]);
}

#[test]
fn what_is_wrong_is_told_in_the_condition_and_fires_nothing() {
    let ready = |spec: &Value, refused: Option<&str>| {
        let plan = plan(spec);
        let now = moment("2026-12-01T10:00:00Z");
        let observed = Observed { now, plan: &plan, days: &[], blackouts: &[], refused };
        let Decision::Record(status) = decide(&observed) else { panic!("it is written") };
        let ready = conditions::get(&status.conditions, "Ready").unwrap();
        format!("{} {}: {}", ready.status, ready.reason, ready.message)
    };
    for (spec, refused, told) in [
        (json!({"schedule": "*/5 10 * * *"}), None, "False Invalid: spec.schedule: minute "),
        (json!({"schedule": "0 10 30 2 *"}), None, "False NeverFires: spec.schedule: "),
        (json!({"suspend": true}), None, "True Suspended: suspended: nothing fires"),
        (json!({}), Some("no right"), "False Refused: no right"),
        (json!({}), None, "True Fires: fires next at 2026-12-02T10:00:00"),
    ] {
        let ready = ready(&spec, refused);
        assert!(ready.starts_with(told), "{ready}");
    }
}

/// A day that is over, held until its plan knows.
fn end(day: &mut GameDayRun) {
    let reported = json!({"facts": [{"name": "reported", "at": "2026-12-01T09:30:00Z"}]});
    day.status = Some(serde_json::from_value(reported).unwrap());
    day.metadata.finalizers = Some(vec![crate::api::names::DAY_FINALIZER.to_owned()]);
}

#[test]
fn a_day_is_created_for_its_announcement_and_taken_up_at_its_time() {
    let (mut plan, mut days) = (plan(&json!({"announce": {"before": "2h"}})), Vec::new());
    let ten = Some(moment("2026-12-01T10:00:00Z"));
    assert_eq!(look(&mut plan, &mut days, "2026-12-01T09:00:00Z"), ["p-20261201t1000"]);
    assert_eq!((status(&plan).next, status(&plan).last_fire), (ten, None));
    for now in ["2026-12-01T09:59:59Z", "2026-12-01T10:00:00Z", "2026-12-02T07:59:59Z"] {
        assert!(look(&mut plan, &mut days, now).is_empty(), "{now}");
        let taken_up = (now > "2026-12-01T10").then_some(()).and(ten);
        assert_eq!(status(&plan).last_fire, taken_up, "{now}");
    }
    assert_eq!(status(&plan).last_day_uid.as_deref(), Some("p-20261201t1000, 0"));
    assert_eq!(look(&mut plan, &mut days, "2026-12-02T08:00:00Z"), ["p-20261202t1000"]);
    assert_eq!(status(&plan).last_fire, ten, "the next one's time has not come");
}

#[test]
fn nothing_is_announced_that_is_skipped_and_one_day_at_a_time() {
    let spec = json!({
        "announce": {"before": "72h"},
        "blackouts": [{"from": "2026-12-01", "to": "2026-12-02", "reason": "sales"}],
    });
    let (mut plan, mut days) = (plan(&spec), Vec::new());
    assert_eq!(look(&mut plan, &mut days, "2026-12-01T09:00:00Z"), ["p-20261203t1000"]);
    assert!(look(&mut plan, &mut days, "2026-12-02T10:00:00Z").is_empty());
    let mut suspended = self::plan(&json!({"announce": {"before": "72h"}, "suspend": true}));
    assert!(look(&mut suspended, &mut Vec::new(), "2026-12-01T09:00:00Z").is_empty());
}

#[test]
fn a_day_that_is_over_before_its_time_is_not_born_again() {
    for is_gone in [false, true] {
        let (mut plan, mut days) = (plan(&json!({"announce": {"before": "2h"}})), Vec::new());
        look(&mut plan, &mut days, "2026-12-01T09:00:00Z");
        end(&mut days[0]);
        assert!(look(&mut plan, &mut days, "2026-12-01T09:30:00Z").is_empty());
        let cancelled = Some(moment("2026-12-01T10:00:00Z"));
        assert_eq!(status(&plan).cancelled, cancelled);
        assert_eq!(status(&plan).next, Some(moment("2026-12-02T10:00:00Z")));
        if is_gone {
            days.clear();
        }
        // Neither an edit nor a resumption brings it back.
        plan.metadata.generation = Some(2);
        for now in ["2026-12-01T09:31:00Z", "2026-12-01T10:00:00Z", "2026-12-01T10:29:00Z"] {
            assert!(look(&mut plan, &mut days, now).is_empty(), "{now}, gone: {is_gone}");
        }
        assert_eq!((status(&plan).cancelled, &status(&plan).missed), (cancelled, &None));
        assert_eq!(look(&mut plan, &mut days, "2026-12-02T08:00:00Z"), ["p-20261202t1000"]);
    }
}

#[test]
fn a_day_for_a_time_that_its_plan_has_no_more_is_let_go_too() {
    for spec in [json!({"schedule": "0 11 * * *"}), json!({"schedule": "*/5 11 * * *"})] {
        let (mut plan, mut days) = (plan(&json!({"announce": {"before": "2h"}})), Vec::new());
        look(&mut plan, &mut days, "2026-12-01T09:00:00Z");
        plan.spec.schedule = spec["schedule"].as_str().map(str::to_owned);
        plan.metadata.generation = Some(2);
        look(&mut plan, &mut days, "2026-12-01T09:30:00Z");
        end(&mut days[0]);
        look(&mut plan, &mut days, "2026-12-01T10:05:00Z");
        assert_eq!(status(&plan).cancelled, Some(moment("2026-12-01T10:00:00Z")), "{spec}");
    }
}

#[test]
fn the_one_time_of_a_plan_that_is_cancelled_is_told() {
    let spec =
        json!({"schedule": null, "startAt": "2026-12-01T10:00:00Z", "announce": {"before": "2h"}});
    let (mut plan, mut days) = (plan(&spec), Vec::new());
    assert_eq!(look(&mut plan, &mut days, "2026-12-01T09:00:00Z"), ["p-20261201t1000"]);
    end(&mut days[0]);
    look(&mut plan, &mut days, "2026-12-01T09:30:00Z");
    let ready = conditions::get(&status(&plan).conditions, "Ready").unwrap();
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("True", "Cancelled"));
    assert_eq!(status(&plan).next, None);
}

#[test]
fn of_two_days_whose_times_have_come_the_older_one_is_taken_up_first() {
    let (mut plan, mut days) = (plan(&json!({})), Vec::new());
    for at in ["2026-12-02T10:00:00Z", "2026-12-01T10:00:00Z"] {
        let at = moment(at);
        days.push(GameDayRun::new(&game_day_run::name("p", at), GameDayRunSpec::at("p", at)));
    }
    let now = moment("2026-12-02T10:05:00Z");
    let observed = Observed { now, plan: &plan, days: &days, blackouts: &[], refused: None };
    let Decision::Record(first) = decide(&observed) else { panic!("it is written") };
    assert_eq!(first.last_day.as_deref(), Some("p-20261201t1000"));
    assert!(look(&mut plan, &mut days, "2026-12-02T10:05:00Z").is_empty());
    assert_eq!(status(&plan).last_day.as_deref(), Some("p-20261202t1000"));
}

#[test]
fn whoever_was_refused_asks_anew_and_only_the_answer_changes_what_is_told() {
    let mut plan = plan(&json!({"announce": {"before": "2h"}}));
    let now = moment("2026-12-01T09:00:00Z");
    let decide = |plan: &GameDay, refused| {
        decide(&Observed { now, plan, days: &[], blackouts: &[], refused })
    };
    let Decision::Record(known) = decide(&plan, None) else { panic!("it is written") };
    plan.status = Some(*known);
    assert!(matches!(decide(&plan, None), Decision::Create { .. }));
    let Decision::Record(refused) = decide(&plan, Some("no right")) else { panic!("it is told") };
    plan.status = Some(*refused);
    assert_eq!(decide(&plan, Some("no right")), Decision::WaitUntil(now + AT_LEAST));
    assert!(matches!(decide(&plan, None), Decision::Create { .. }));
}

#[test]
fn a_name_that_is_taken_by_another_day_is_missed_in_the_end() {
    let (mut plan, mut days) = (plan(&json!({})), Vec::new());
    days.push(GameDayRun::new("p-20261201t1000", GameDayRunSpec::of("p")));
    assert!(look(&mut plan, &mut days, "2026-12-01T10:00:00Z").is_empty());
    assert!(look(&mut plan, &mut days, "2026-12-01T10:31:00Z").is_empty());
    let missed = status(&plan).missed.clone().unwrap();
    assert_eq!(missed.reason, MissedReason::DeadlinePassed);
}
