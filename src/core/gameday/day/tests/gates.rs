//! Each gate alone, and what a day does about it.

use std::collections::BTreeMap;

use super::*;

/// What is concluded where one thing about the gates is changed.
fn judged(change: impl Fn(&mut World)) -> World {
    let mut world = World::new(&json!({}));
    world.record();
    world.open_gates();
    change(&mut world);
    world.settle();
    world
}

#[test]
fn each_gate_alone_makes_a_day_a_no_go_with_its_words() {
    type Change = fn(&mut GateReads);
    let plan_missing: Change = |reads| reads.plan = Found::Missing;
    let plan_unread: Change = |reads| reads.plan = Found::Unreadable("refused".to_owned());
    let suspended: Change = |reads| {
        if let Found::There(plan) = &mut reads.plan {
            plan.spec.suspend = true;
        }
    };
    let lever: Change = |reads| reads.lever = Lever::Unreadable("refused".to_owned());
    let no_experiment: Change = |reads| reads.experiments = BTreeMap::new();
    let no_starter: Change = |reads| {
        reads.starter.insert("two".to_owned(), Err("no right".to_owned()));
    };
    let clock: Change = |reads| {
        for answer in reads.starter.values_mut() {
            *answer = Ok(at(7.0));
        }
    };
    for (change, gate, words) in [
        (plan_missing, Gate::Plan, "there is no GameDay p in this namespace"),
        (plan_unread, Gate::Plan, "GameDay p cannot be read: refused"),
        (suspended, Gate::Plan, "GameDay p is suspended; set spec.suspend to false"),
        (
            lever,
            Gate::Lever,
            "unreadable, which counts as engaged: refused; firedrill resume releases it",
        ),
        (no_experiment, Gate::Experiments, "there is no Experiment x in this namespace"),
        (no_starter, Gate::Starter, "no right"),
        (clock, Gate::Clock, "the API server's clock and the operator's are 7s apart, at most 5s"),
    ] {
        let world = judged(|world| change(world.gates.as_mut().unwrap()));
        let status = world.day.status.as_ref().unwrap();
        assert_eq!(status.outcome, Some(Outcome::NoGo), "{gate}");
        assert_eq!(status.reason, Some(gate.into()));
        let closed = status.gates.iter().find(|result| !result.passed).unwrap();
        assert_eq!((closed.name, closed.detail.as_str()), (gate, words));
        assert!(status.steps.is_empty() && status.fact(DayFactName::Go).is_none());
    }
}

#[test]
fn another_run_or_day_is_waited_for_until_the_deadline() {
    let busy = |world: &mut World| {
        let day = OtherDay { name: "q-day".to_owned(), version: 1, has_started: true };
        let others = Others { runs: Vec::new(), days: vec![day] };
        world.gates.as_mut().unwrap().others = Ok(others);
    };
    let mut world = judged(busy);
    assert_eq!(world.decide(), Decision::WaitUntil(at(5.0)));
    assert_eq!(world.day.status.as_ref().unwrap().outcome, None);
    world.now = 1800.0;
    world.open_gates();
    busy(&mut world);
    world.settle();
    let summary =
        "no-go by NoOtherRun: game day q-day is under way in this namespace; nothing was broken";
    world.ended(Outcome::NoGo, DayReason::NoOtherRun, summary);
    let mut open = judged(busy);
    open.now = 1799.0;
    open.open_gates();
    open.record();
    assert!(open.day.fact(DayFactName::Go).is_some(), "it waited, and began in time");
}

#[test]
fn a_day_of_a_schedule_is_a_go_only_at_one_of_its_times_and_as_the_one_that_was_taken_up() {
    let midnight: Moment = serde_json::from_value(json!("2027-01-16T00:00:00Z")).unwrap();
    let scheduled = |change: &dyn Fn(&mut World)| {
        let mut world = World::new(&json!({}));
        world.day.spec.at = Some(midnight);
        let status = world.plan.status.as_mut().unwrap();
        status.last_fire = Some(midnight);
        status.since.as_mut().unwrap().at = midnight.minus(Duration::minutes(60));
        world.now = Duration::between(at(0.0), midnight).as_secs_f64() + 1.0;
        change(&mut world);
        world.record();
        world.open_gates();
        world.settle();
        let status = world.day.status.unwrap();
        let closed = status.gates.iter().find(|gate| !gate.passed);
        closed.map(|closed| (closed.name, closed.detail.clone()))
    };
    assert_eq!(scheduled(&|_| {}), None);
    let told = |change: &dyn Fn(&mut World)| {
        let (gate, words) = scheduled(change).unwrap();
        assert_eq!(gate, Gate::Plan);
        words
    };
    let other_day = told(&|world| {
        world.plan.status.as_mut().unwrap().last_day_uid = Some("another".to_owned());
    });
    assert_eq!(other_day, "GameDay p has had its day for this time: p-day");
    let no_time = told(&|world| world.plan.spec.schedule = Some("0 1 * * *".to_owned()));
    assert_eq!(no_time, format!("{midnight} is no time of GameDay p (any more)"));
    let changed = told(&|world| world.plan.metadata.generation = Some(2));
    assert_eq!(changed, "GameDay p was changed just now");
    let later = told(&|world| {
        let since = world.plan.status.as_mut().unwrap().since.as_mut().unwrap();
        since.at = midnight;
    });
    assert_eq!(later, format!("GameDay p counts since {midnight}, which is later"));
}

#[test]
fn a_day_that_is_over_is_let_go_only_once_its_plan_knows_of_its_time() {
    let mut world = World::new(&json!({}));
    world.day.spec.stop = true;
    world.settle();
    world.day.spec.at = Some(at(10.0));
    assert!(matches!(world.decide(), Decision::WaitUntil(_)));
    world.plan.status.as_mut().unwrap().last_fire = Some(at(10.0));
    assert_eq!(world.decide(), Decision::Act(Effect::ReleaseFinalizer));
}
