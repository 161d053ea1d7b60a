//! When a step starts, what it waits for, and why it never does.

use super::*;

#[test]
fn a_step_starts_only_when_it_is_wanted_and_can_be_over_in_time() {
    let steps = |when: &str| {
        json!({"steps": [{"name": "one", "experiment": "x"},
            {"name": "two", "experiment": "x", "when": when, "gap": "0s"}]})
    };
    for (when, verdict, starts) in [
        ("Always", "ObjectiveMissed", true),
        ("Passed", "Passed", true),
        ("Passed", "ObjectiveMissed", false),
        ("Missed", "ObjectiveMissed", true),
        ("Missed", "Passed", false),
    ] {
        let mut world = World::gone(&steps(when));
        world.pass("one", verdict);
        let then = world.settle();
        assert_eq!(world.step(1).run.is_some(), starts, "{when} after {verdict}: {then:?}");
    }
    let mut world = World::gone(&json!({"endBy": "10m"}));
    world.now = 590.0;
    world.look(&[]);
    world.settle();
    let skipped = world.step(0).skipped.clone().unwrap();
    assert!(skipped.starts_with("its fault could last until "), "{skipped}");
}

#[test]
fn no_step_starts_on_a_day_that_the_configuration_closes() {
    let mut world = World::gone(&json!({}));
    let today = at(0.0).timestamp().to_zoned(jiff::tz::TimeZone::UTC).date();
    world.blackouts = vec![ClosedDays { from: today, to: today, reason: "audit".to_owned() }];
    world.look(&[]);
    world.settle();
    let skipped = world.step(0).skipped.clone().unwrap();
    assert!(skipped.ends_with("(audit)"), "{skipped}");
}

#[test]
fn a_step_starts_only_under_the_plan_of_the_go() {
    type Change = fn(&mut GameDay);
    let other: Change = |plan| plan.metadata.uid = Some("another".to_owned());
    let suspended: Change = |plan| plan.spec.suspend = true;
    for (change, why) in [(other, "is another one by now"), (suspended, "was suspended")] {
        let mut world = World::gone(&json!({}));
        change(&mut world.plan);
        world.look(&[]);
        world.settle();
        let status = world.day.status.as_ref().unwrap();
        assert_eq!(status.reason, Some(DayReason::Plan));
        assert!(status.summary.as_ref().unwrap().contains(why), "{status:?}");
    }
}

#[test]
fn before_each_step_alerts_and_rollouts_are_looked_at_again_and_waited_for() {
    type Change = fn(&mut StartReads);
    let fires: Change = |reads| reads.firing = Firing::Known(vec![gates::critical("Down")]);
    let unread: Change = |reads| reads.firing = Firing::Unknown("a: refused".to_owned());
    let rolls: Change = |reads| reads.rollouts = Ok(vec![gates::rollout("w")]);
    for (change, words) in [
        (fires, "NoFiring: 1 alert of {severity=\"critical\"}: Down"),
        (unread, "NoFiring: a: refused"),
        (rolls, "NoRollout: Deployment w: a rollout is under way"),
    ] {
        let mut world = World::gone(&json!({"endBy": "10m"}));
        world.look(&[]);
        change(world.start.as_mut().unwrap());
        assert_eq!(world.settle(), Decision::WaitUntil(at(10.0)));
        assert_eq!((&world.step(0).run, world.step(0).waits_for.as_deref()), (&None, Some(words)));
        world.now = 10.5;
        assert_eq!(world.decide(), Decision::Look(Need::Start), "what was read is too old");
        world.look(&[]);
        world.record();
        assert!(world.step(0).run.is_some() && world.step(0).waits_for.is_none());
        let mut late = World::gone(&json!({"endBy": "10m"}));
        late.look(&[]);
        change(late.start.as_mut().unwrap());
        late.settle();
        late.now = 590.0;
        late.settle();
        let skipped = late.step(0).skipped.clone().unwrap();
        assert!(skipped.ends_with(&format!(", as it waited for {words}")), "{skipped}");
    }
}

#[test]
fn what_a_live_run_of_the_day_causes_holds_up_no_other_step_of_it() {
    let mut world = World::gone(&json!({"concurrency": 2, "goNoGo": {"noFiring": ["{a=\"b\"}"]},
        "steps": [{"name": "one", "experiment": "x"}, {"name": "two", "experiment": "x", "after": []}]}));
    world.look(&[]);
    world.record();
    let Found::There(mut run) = world.run("one", 1.0, None) else { panic!("it is there") };
    let journal = json!({"plan": {"spec": spec(), "workloads": [{"kind": "Deployment", "name": "w", "uid": "w"}]}});
    run.status = Some(serde_json::from_value(journal).unwrap());
    world.look(&[("one", Found::There(run))]);
    world.record();
    let expected = [("a", "b"), ("alertname", "Expected")];
    let expected = expected.map(|(label, value)| (label.to_owned(), value.to_owned())).into();
    let start = world.start.as_mut().unwrap();
    start.firing = Firing::Known(vec![expected]);
    start.rollouts = Ok(vec![gates::rollout("w")]);
    let mut other = StartReads { rollouts: Ok(vec![gates::rollout("v")]), ..start.clone() };
    world.record();
    assert!(world.step(1).run.is_some(), "{:?}", world.step(1));
    world.day.status.as_mut().unwrap().steps[1] =
        StepResult { name: "two".to_owned(), ..StepResult::default() };
    std::mem::swap(&mut other, world.start.as_mut().unwrap());
    world.record();
    assert_eq!(
        world.step(1).waits_for.as_deref(),
        Some("NoRollout: Deployment v: a rollout is under way")
    );
}

#[test]
fn of_two_days_that_began_at_once_the_one_whose_go_came_first_goes_on() {
    for (version, has_started, goes_on) in
        [(99, false, false), (101, false, true), (101, true, false)]
    {
        let mut world = World::gone(&json!({}));
        world.look(&[]);
        let other = OtherDay { name: "q-day".to_owned(), version, has_started };
        world.start.as_mut().unwrap().days = Ok(vec![other]);
        world.record();
        assert_eq!(world.step(0).run.is_some(), goes_on, "version {version}, {has_started}");
    }
}
