//! What is wrong with a plan of a game day, in the exact words that people read; and what the API server holds a plan
//! and a day to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use firedrill::{
    api::{GameDaySpec, definitions, go_no_go::GoNoGo},
    cli::files::read,
};
use kube::core::cel::Validator;
use serde_json::{Value, json};

/// A valid plan; each row of a table changes one place.
const VALID: &str = "\
apiVersion: firedrill.dev/v1alpha1
kind: GameDay
metadata: {name: monthly, namespace: shop}
spec:
  schedule: 0 10 * * TUE#1
  timeZone: Europe/London
  window: {days: [Tue, Wed], hours: 10:00-16:00}
  blackouts:
  - {from: 2026-12-20, to: 2027-01-03, reason: peak sales}
  startingDeadline: 30m
  suspend: false
  roles: {owner: payments lead, observers: [support]}
  announce: {before: 24h}
  steps:
  - {name: kill, experiment: checkout-survives-pod-loss}
  - {name: outage, experiment: storefront-without-checkout, after: [kill], gap: 10m, when: Passed}
  - {name: both, experiment: storefront-without-checkout, after: [kill, outage]}
  concurrency: 1
  endBy: 2h
  stopOn: [Aborted, NotRecovered]
  goNoGo:
    steadyFor: 10m
    noFiring: ['{severity=\"critical\"}']
    errorBudgetAbove: 20
    approvals: 2
    passedBefore: {within: 336h}
";

/// What is told of the plan where `right` is replaced by `wrong`: one line per problem.
#[track_caller]
fn told(right: &str, wrong: &str) -> Vec<String> {
    assert!(VALID.contains(right), "{right:?} is not in the file");
    let Err(report) = read("file.yaml", &VALID.replacen(right, wrong, 1)) else {
        panic!("{wrong:?} was accepted");
    };
    let line = |problem: &Value| {
        let text = |key: &str| problem[key].as_str().unwrap_or_default().to_owned();
        format!("{}: {}", text("path"), text("help"))
    };
    report.json().as_array().unwrap().iter().map(line).collect()
}

#[track_caller]
fn check(right: &str, wrong: &str, expected: &str) {
    assert_eq!(told(right, wrong), [expected], "{wrong:?}");
}

#[test]
fn the_plan_that_all_rows_are_made_of_is_valid() {
    if let Err(report) = read("file.yaml", VALID) {
        panic!("{report}");
    }
    let once = VALID.replacen("schedule: 0 10 * * TUE#1", "startAt: 2999-01-01T10:00:00Z", 1);
    assert!(read("file.yaml", &once.replacen("days: [Tue, Wed], ", "", 1)).is_ok());
}

#[test]
fn schedules() {
    let check = |wrong: &str, expected: &str| {
        self::check(
            "schedule: 0 10 * * TUE#1",
            &format!("schedule: {wrong}"),
            &format!("spec.schedule: {expected}"),
        );
    };
    check(
        "0 10 1-7 * 2",
        "cron reads it as day 1–7 *or* Tuesday; for the first Tuesday write TUE#1, for days that are both \"0 10 1-7 * +2\"",
    );
    check(
        "'*/5 10 * * 2'",
        "minute \"*/5\" is not one number, and a plan fires at most once a day: write one, such as \"5 10 * * 2\", and another GameDay for another time",
    );
    check(
        "0 9,15 * * 2",
        "hour \"9,15\" is not one number, and a plan fires at most once a day: write one, such as \"0 9 * * 2\", and another GameDay for another time",
    );
    check(
        "0 0 10 * * 2",
        "\"0 0 10 * * 2\" has 6 fields, and a schedule has five: minute, hour, day of the month, month and day of the week; without seconds it is \"0 10 * * 2\"",
    );
    check(
        "'@daily'",
        "\"@daily\" is no schedule: write its five fields, \"0 0 * * *\", with the hour that you mean",
    );
    check(
        "TZ=Europe/London 0 10 * * 2",
        "TZ=Europe/London is no part of a schedule: write \"0 10 * * 2\" here, and timeZone: Europe/London",
    );
    check(
        "0 10 30 2 *",
        "\"0 10 30 2 *\" never fires: no year has such a day; write L for the last day of a month",
    );
    let never = told("schedule: 0 10 * * TUE#1", "schedule: 0 10 * * FRI");
    assert_eq!(never.len(), 1);
    assert!(
        never[0].starts_with("spec.schedule: \"0 10 * * FRI\" never fires: the first time, Fri "),
        "{never:?}"
    );
    assert!(never[0].ends_with("10:00, is outside of the window (Tue, Wed 10:00-16:00), and every later one is closed too; change the schedule, the window or the blackouts"), "{never:?}");
}

#[test]
fn one_time_or_many() {
    let schedule = "schedule: 0 10 * * TUE#1";
    let both = format!("{schedule}\n  startAt: 2999-01-01T11:00:00Z");
    check(schedule, &both, "spec: keep schedule or startAt, not both");
    check(schedule, "notes: x", "spec: name one: schedule or startAt");
    check(
        schedule,
        "startAt: 2020-02-01T10:00:00Z",
        "spec.startAt: 2020-02-01T10:00:00Z is over: write an instant that is still to come",
    );
    check(
        schedule,
        "startAt: 2999-01-05T10:00:00Z",
        "spec.startAt: 2999-01-05T10:00:00Z never fires: Sat 2999-01-05 10:00 is outside of the window (Tue, Wed 10:00-16:00); write another instant",
    );
    check(
        schedule,
        "startAt: 2999-01-01 10:00",
        "spec.startAt: \"2999-01-01 10:00\" is no moment in UTC such as 2026-11-24T10:00:00Z",
    );
}

#[test]
fn zones_windows_and_blackouts() {
    check(
        "Europe/London",
        "Europe/Lodnon",
        "spec.timeZone: \"Europe/Lodnon\" is no time zone of the IANA database: did you mean Europe/London?",
    );
    check(
        "10:00-16:00",
        "22:00-06:00",
        "spec.window.hours: hours end after they begin: a window does not go over midnight",
    );
    check(
        "10:00-16:00",
        "9-17",
        "spec.window.hours: \"9-17\" is no range of hours such as 10:00-16:00",
    );
    check(
        "[Tue, Wed]",
        "[Tuesday]",
        "spec.window.days[0]: \"Tuesday\" is not one of its values; known are Fri, Mon, Sat, Sun, Thu, Tue, Wed",
    );
    check(
        "{days: [Tue, Wed], hours: 10:00-16:00}",
        "{}",
        "spec.window: a window has days, hours or both",
    );
    check(
        "to: 2027-01-03",
        "to: 2026-12-03",
        "spec.blackouts[0].from: from lies after to; both days are part of the blackout",
    );
    check(
        "to: 2027-01-03",
        "to: 2027-02-29",
        "spec.blackouts[0].to: \"2027-02-29\" is no day of the calendar; write one such as 2026-12-20",
    );
    check(
        "to: 2027-01-03",
        "to: 3.1.2027",
        "spec.blackouts[0].to: \"3.1.2027\" is no date such as 2026-12-20",
    );
}

#[test]
fn steps() {
    check(
        "after: [kill], gap",
        "after: [both], gap",
        "spec.steps[1].after[0]: \"both\" is a later step, and a step waits for earlier ones: move it before this one",
    );
    check(
        "after: [kill], gap",
        "after: [outage], gap",
        "spec.steps[1].after[0]: \"outage\" is this step itself; name an earlier one, or none: []",
    );
    check(
        "[kill, outage]",
        "[kill, outtage]",
        "spec.steps[2].after[1]: \"outtage\" is no step of this plan: did you mean outage?",
    );
    check(
        "[kill, outage]",
        "[kill, zzz-zzz]",
        "spec.steps[2].after[1]: \"zzz-zzz\" is no step of this plan: name an earlier one, or none: []",
    );
    check(
        "name: outage",
        "name: kill",
        "spec.steps[1].name: another entry has the same name; each needs its own",
    );
    check("gap: 10m", "gap: 5h", "spec.steps[1].gap: gap is at most 4h");
    check(
        "when: Passed",
        "when: passed",
        "spec.steps[1].when: \"passed\" is not one of its values; did you mean `Passed`?",
    );
}

#[test]
fn an_experiment_is_named_as_the_file_names_it() {
    let experiment = "\
---
apiVersion: firedrill.dev/v1alpha1
kind: Experiment
metadata: {name: checkout-survives-pod-loss, namespace: shop}
spec:
  hypothesis: h
  owner: o
  target: {deployment: web}
  fault: {podKill: {count: 1}}
  duration: 10m
  steadyState:
  - {name: answers, http: {service: web, port: 80}}
  detection: {alerts: ['{alertname=\"X\"}']}
";
    // The other experiment may be in the cluster.
    assert!(read("file.yaml", &format!("{VALID}{experiment}")).is_ok());
    let wrong = VALID.replacen("checkout-survives-pod-loss", "checkout-survives-pod-los", 1);
    let report = read("file.yaml", &format!("{wrong}{experiment}")).unwrap_err().json();
    assert_eq!(report[0]["path"], "spec.steps[0].experiment");
    let told = "\"checkout-survives-pod-los\" is not in this file: did you mean checkout-survives-pod-loss?";
    assert_eq!((report.as_array().unwrap().len(), &report[0]["help"]), (1, &json!(told)));
}

#[test]
fn gates() {
    check(
        "startingDeadline: 30m",
        "startingDeadline: 10m",
        "spec.startingDeadline: startingDeadline must be longer than goNoGo.steadyFor (10m by default), which the steady state is looked at before the first step",
    );
    check(
        "steadyFor: 10m",
        "steadyFor: 5s",
        "spec.goNoGo.steadyFor: steadyFor is between 10s and 1h",
    );
    check(
        "errorBudgetAbove: 20",
        "errorBudgetAbove: 100",
        "spec.goNoGo.errorBudgetAbove: 100 is given, allowed are 0 to 99",
    );
    check(
        "severity=\"critical\"",
        "severity=~\"a(\"",
        "spec.goNoGo.noFiring[0]: \"a(\" is no regular expression (unclosed group); write = in place of =~ to compare the text itself",
    );
}

#[test]
fn numbers_and_lengths() {
    check(
        "startingDeadline: 30m",
        "startingDeadline: 5h",
        "spec.startingDeadline: startingDeadline is between 1m and 4h",
    );
    check("before: 24h", "before: 169h", "spec.announce.before: before is at most 168h, a week");
    check("before: 24h", "before: 7d", "spec.announce.before: \"7d\" is no duration: write 168h");
    check("endBy: 2h", "endBy: 13h", "spec.endBy: endBy is between 10m and 12h");
    check("approvals: 2", "approvals: 4", "spec.goNoGo.approvals: 4 is given, allowed are 0 to 3");
    for within in ["59m", "2161h"] {
        check(
            "within: 336h",
            &format!("within: {within}"),
            "spec.goNoGo.passedBefore.within: within is between 1h and 2160h, which is 90 days",
        );
    }
    check("concurrency: 1", "concurrency: 5", "spec.concurrency: 5 is given, allowed are 1 to 4");
    check(
        "[Aborted, NotRecovered]",
        "[Passed]",
        "spec.stopOn: stopOn names verdicts of a run that went wrong; a day does not stop because a run passed",
    );
    check(
        "name: monthly",
        "name: a-name-of-thirty-one-characters",
        "metadata.name: a GameDay's name has at most 30 characters, so that the names of its days and of their runs fit 63",
    );
}

/// What the API server says of a change, by the schema of that kind.
fn judged(kind: &str, old: &Value, new: &Value) -> Vec<String> {
    let definition = definitions().iter().find(|one| one.spec.names.kind == kind).unwrap();
    let schema = json!(definition.spec.versions[0].schema)["openAPIV3Schema"].clone();
    match Validator::new().validate(&schema, new, Some(old)) {
        Ok(()) => Vec::new(),
        Err(errors) => errors.as_slice().iter().map(|error| error.message.clone()).collect(),
    }
}

#[test]
fn what_a_day_was_created_with_stays_and_its_stop_is_not_taken_back() {
    let day = |spec: &Value| json!({"metadata": {"name": "monthly-20261201t1000"}, "spec": spec});
    let old = json!({
        "gameDay": "monthly", "at": "2026-12-01T10:00:00Z", "dryRun": false, "startedBy": "ann",
        "stop": false,
    });
    let change = |key: &str, value: Value| {
        let mut new = old.clone();
        match value {
            Value::Null => drop(new.as_object_mut().unwrap().remove(key)),
            value => new[key] = value,
        }
        judged("GameDayRun", &day(&old), &day(&new))
    };
    let fixed = "gameDay, at, dryRun and startedBy cannot be changed; create a new day";
    for (key, value, expected) in [
        ("gameDay", json!("weekly"), Some(fixed)),
        ("at", json!("2026-12-01T11:00:00Z"), Some(fixed)),
        ("at", Value::Null, Some(fixed)),
        ("dryRun", json!(true), Some(fixed)),
        ("startedBy", json!("bob"), Some(fixed)),
        ("startedBy", Value::Null, Some(fixed)),
        ("stop", json!(true), None),
        ("stopReason", json!("because"), Some("stopReason says why stop is set")),
        ("improvements", json!(["ask sooner"]), None),
    ] {
        let expected: Vec<&str> = expected.into_iter().collect();
        assert_eq!(change(key, value.clone()), expected, "{key}: {value}");
    }
    let mut stopped = old.clone();
    stopped["stop"] = json!(true);
    stopped["stopReason"] = json!("customers notice");
    assert!(judged("GameDayRun", &day(&old), &day(&stopped)).is_empty());
    let back = judged("GameDayRun", &day(&stopped), &day(&old));
    assert_eq!(back, ["stop cannot be taken back; create a new day"]);
}

#[test]
fn what_is_left_out_of_go_no_go_has_its_defaults() {
    let asked = |text: &str| -> Option<GoNoGo> {
        let spec = json!({"steps": [], "schedule": "0 0 * * *", "goNoGo": serde_yaml::from_str::<Value>(text).unwrap()});
        serde_json::from_value::<GameDaySpec>(spec).unwrap().go_no_go
    };
    assert_eq!(asked("null"), None);
    assert_eq!(asked("{}"), Some(GoNoGo::default()));
    let passed_before = asked("{passedBefore: {}}").unwrap().passed_before.unwrap();
    assert_eq!(passed_before.within.to_string(), "336h");
}

#[test]
fn an_approval_is_added_and_never_changed_or_removed() {
    let approval = |by: &str, hash: &str| json!({"by": by, "planHash": hash.repeat(16)});
    let day = |approvals: &[&Value]| {
        let spec =
            json!({"gameDay": "monthly", "dryRun": false, "stop": false, "approvals": approvals});
        json!({"metadata": {"name": "x"}, "spec": spec})
    };
    let (ann, bob) = (approval("ann", "a"), approval("bob", "a"));
    let none = {
        let mut none = day(&[]);
        none["spec"].as_object_mut().unwrap().remove("approvals");
        none
    };
    let fixed =
        ["approvals are added and never changed or removed; to take one back, stop the day"];
    for (old, new, holds) in [
        (none.clone(), day(&[&ann]), true),
        (day(&[&ann]), day(&[&ann, &bob]), true),
        (day(&[&ann]), day(&[&ann, &approval("ann", "b")]), true),
        (day(&[&ann]), day(&[&ann]), true),
        (day(&[&ann]), day(&[]), false),
        (day(&[&ann]), none, false),
        (day(&[&ann]), day(&[&bob]), false),
        (day(&[&ann]), day(&[&approval("ann", "b")]), false),
        (day(&[&ann, &bob]), day(&[&ann, &approval("bob", "b")]), false),
    ] {
        let said = judged("GameDayRun", &old, &new);
        let expected: &[&str] = if holds { &[] } else { &fixed };
        assert_eq!(said, expected, "from {old} to {new}");
    }
    let whole = |text: &str| {
        let spec = format!("{{gameDay: monthly, approvals: [{text}]}}");
        let text = format!(
            "apiVersion: firedrill.dev/v1alpha1\nkind: GameDayRun\nmetadata: {{name: x}}\nspec: {spec}\n"
        );
        let report = read("file.yaml", &text).unwrap_err().json();
        report.as_array().unwrap().iter().map(|one| one["path"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(whole("{by: ann, planHash: short}"), ["spec.approvals[0].planHash"]);
    assert_eq!(whole("{by: '', planHash: 0123456789abcdef}"), ["spec.approvals[0].by"]);
}

#[test]
fn only_a_step_of_a_game_day_is_unannounced_and_stays_so() {
    let run = |change: &Value| {
        let mut spec = json!({
            "experiment": "kill", "startWithin": "10m", "dryRun": false, "stop": false, "unannounced": true,
            "gameDay": "monthly-20261201t1000",
        });
        for (key, value) in change.as_object().unwrap() {
            spec[key] = value.clone();
        }
        spec.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        json!({"metadata": {"name": "x"}, "spec": spec})
    };
    let step = run(&json!({}));
    assert!(judged("ExperimentRun", &step, &step).is_empty());
    let other = judged("ExperimentRun", &step, &run(&json!({"unannounced": false})));
    assert_eq!(other, ["a run's spec cannot be changed, only stop can be set; create a new run"]);
    let alone = run(&json!({"gameDay": null}));
    let refused = judged("ExperimentRun", &alone, &alone);
    assert_eq!(refused, ["unannounced is for a step of a game day; leave it out"]);
}

#[test]
fn the_plan_of_a_day_is_frozen_once_it_has_begun() {
    let day = |facts: &[&str], plan: Option<&str>| {
        let fact = |name: &&str| json!({"name": name, "at": "2026-12-01T10:00:00Z"});
        let facts: Vec<Value> = facts.iter().map(fact).collect();
        let mut status = json!({"facts": facts});
        if let Some(hash) = plan {
            status["plan"] = json!({"hash": hash});
        }
        json!({"metadata": {"name": "x"}, "status": status})
    };
    let frozen = ["the plan of a day that has begun is never changed or removed"];
    let gating = day(&["gating"], Some("a"));
    assert!(judged("GameDayRun", &gating, &day(&["gating"], Some("b"))).is_empty());
    assert!(judged("GameDayRun", &gating, &day(&["gating", "go"], Some("b"))).is_empty());
    let begun = day(&["gating", "go"], Some("a"));
    assert!(judged("GameDayRun", &begun, &begun).is_empty());
    for plan in [Some("b"), None] {
        assert_eq!(judged("GameDayRun", &begun, &day(&["gating", "go"], plan)), frozen);
    }
}
