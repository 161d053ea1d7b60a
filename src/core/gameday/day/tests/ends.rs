//! What ends a day early.

use super::*;

#[test]
fn a_verdict_of_stop_on_ends_the_day_and_another_does_not() {
    for (verdict, outcome) in [
        ("Aborted", Some(Outcome::Halted)),
        ("NotRecovered", Some(Outcome::Halted)),
        ("ObjectiveMissed", None),
        ("Error", None),
    ] {
        let mut world = World::gone(&json!({}));
        world.pass("one", verdict);
        world.settle();
        assert_eq!(world.day.status.as_ref().unwrap().outcome, outcome, "{verdict}");
    }
    let mut world = World::gone(&json!({}));
    world.pass("one", "Aborted");
    world.settle();
    let summary =
        "halted, as step one ended with Aborted, which stopOn names; 1 of 2 steps ran: 1 Aborted";
    world.ended(Outcome::Halted, DayReason::Verdict, summary);
    assert!(world.step(1).skipped.as_ref().unwrap().contains("stopOn names"));
}

#[test]
fn whatever_asks_for_the_end_stops_live_runs_first_and_reports_then() {
    type Ask = fn(&mut World);
    let stop: Ask = |world| world.day.spec.stop = true;
    let delete: Ask = |world| {
        let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(2.0).timestamp());
        world.day.metadata.deletion_timestamp = Some(now);
    };
    let lever: Ask = |world| {
        world.lever = Lever::Engaged { by: "ann".to_owned(), reason: "sale".to_owned() };
    };
    for (ask, reason) in
        [(stop, DayReason::Stopped), (delete, DayReason::Deleted), (lever, DayReason::Lever)]
    {
        let mut world = World::gone(&json!({}));
        world.look(&[]);
        world.record();
        world.look(&[("one", world.run("one", 1.0, None))]);
        world.record();
        ask(&mut world);
        world.record();
        assert_eq!(world.decide(), Decision::Act(Effect::Stop("p-day-one".to_owned())));
        world.look(&[("one", world.run("one", 1.0, Some((3.0, "Aborted"))))]);
        world.settle();
        let status = world.day.status.as_ref().unwrap();
        assert_eq!((status.outcome, status.reason), (Some(Outcome::Halted), Some(reason)));
        assert!(world.step(1).run.is_none());
    }
}

#[test]
fn a_stop_before_the_go_ends_a_day_that_has_broken_nothing() {
    let mut world = World::new(&json!({}));
    world.day.spec.stop = true;
    world.day.spec.stop_reason = Some("not today".to_owned());
    world.settle();
    world.ended(Outcome::Halted, DayReason::Stopped, "somebody stopped it: not today");
}

#[test]
fn a_run_of_somebody_else_one_that_is_gone_and_one_that_is_refused_halt_the_day() {
    let begun = || {
        let mut world = World::gone(&json!({}));
        world.look(&[]);
        world.record();
        world
    };
    let mut world = begun();
    let Found::There(mut run) = world.run("one", 1.0, None) else { panic!("it is there") };
    run.spec.game_day = None;
    world.look(&[("one", Found::There(run))]);
    world.settle();
    let summary = "halted, as run p-day-one is there and not of this day; 0 of 2 steps ran";
    world.ended(Outcome::Halted, DayReason::NameTaken, summary);

    let mut world = begun();
    world.look(&[("one", world.run("one", 1.0, None))]);
    world.record();
    world.look(&[("one", Found::Missing)]);
    world.settle();
    let summary =
        "halted, as run p-day-one of step one is gone, without a verdict; 0 of 2 steps ran";
    world.ended(Outcome::Halted, DayReason::RunGone, summary);

    let mut world = begun();
    world.look(&[("one", Found::Missing)]);
    world.refused = Some("no right".to_owned());
    world.settle();
    let summary = "halted, as the run of step one was refused: no right; 0 of 2 steps ran";
    world.ended(Outcome::Halted, DayReason::Starter, summary);
}
