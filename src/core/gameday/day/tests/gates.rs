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

pub fn critical(name: &str) -> crate::core::alerts::matcher::Labels {
    let labels = [("alertname", name), ("severity", "critical")];
    labels.map(|(label, value)| (label.to_owned(), value.to_owned())).into()
}

pub fn rollout(name: &str) -> Rollout {
    let progress = "a rollout is under way".to_owned();
    Rollout { uid: name.to_owned(), workload: format!("Deployment {name}"), progress }
}

#[test]
fn each_gate_alone_makes_a_day_a_no_go_with_its_words() {
    type Change = fn(&mut GateReads);
    let plan_missing: Change = |reads| reads.plan = Found::Missing;
    let suspended: Change = |reads| {
        if let Found::There(plan) = &mut reads.plan {
            plan.spec.suspend = true;
        }
    };
    let lever: Change = |reads| reads.lever = Lever::Unreadable("refused".to_owned());
    let no_experiment: Change = |reads| reads.experiments = BTreeMap::new();
    let no_starter: Change = |reads| {
        let refused = NotStarted::Refused("no right".to_owned());
        reads.starter.insert("two".to_owned(), Err(refused));
    };
    let clock: Change = |reads| {
        for answer in reads.starter.values_mut() {
            *answer = Ok(Clocks { theirs: at(7.0), ours: at(0.0) });
        }
    };
    let no_rule: Change = |reads| {
        let warning =
            json!({"about": "spec.detection.alerts[0]", "message": "no rule can fire it"});
        reads.expected.insert("x".to_owned(), vec![serde_json::from_value(warning).unwrap()]);
    };
    let no_source: Change = |reads| reads.firing = Firing::NoSource("a.url or b.url".to_owned());
    for (change, gate, words) in [
        (no_rule, Gate::AlertsExist, "spec.detection.alerts[0]: no rule can fire it"),
        (
            no_source,
            Gate::NoFiring,
            "the operator has no alert source to ask: configure a.url or b.url, or set \
             spec.goNoGo.noFiring to []",
        ),
        (plan_missing, Gate::Plan, "there is no GameDay p in this namespace"),
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
fn what_time_can_open_is_waited_for_until_the_deadline() {
    type Change = fn(&mut GateReads);
    let fires: Change =
        |reads| reads.firing = Firing::Known(vec![critical("Up"), critical("Down")]);
    let unknown: Change = |reads| reads.firing = Firing::Unknown("a: refused".to_owned());
    let rolls: Change = |reads| reads.rollouts = Ok(vec![rollout("w")]);
    let unread: Change = |reads| reads.rollouts = Err("refused".to_owned());
    let plan_unread: Change = |reads| reads.plan = Found::Unreadable("refused".to_owned());
    let experiment_unread: Change = |reads| {
        reads.experiments.insert("x".to_owned(), Found::Unreadable("refused".to_owned()));
    };
    let unanswered: Change = |reads| {
        let late = NotStarted::Unanswered("timed out".to_owned());
        reads.starter.insert("two".to_owned(), Err(late));
    };
    let no_source: Change = |reads| {
        let warning = json!({"about": "config.a", "message": "A cannot be reached"});
        reads.expected.insert("x".to_owned(), vec![serde_json::from_value(warning).unwrap()]);
    };
    for (change, gate, words) in [
        (plan_unread, Gate::Plan, "GameDay p cannot be read: refused"),
        (experiment_unread, Gate::Experiments, "Experiment x cannot be read: refused"),
        (unanswered, Gate::Starter, "timed out"),
        (fires, Gate::NoFiring, "2 alerts of {severity=\"critical\"}: Down"),
        (unknown, Gate::NoFiring, "a: refused"),
        (rolls, Gate::NoRollout, "Deployment w: a rollout is under way"),
        (unread, Gate::NoRollout, "the workloads cannot be listed: refused"),
        (no_source, Gate::AlertsExist, "config.a: A cannot be reached"),
    ] {
        let mut world = judged(|world| change(world.gates.as_mut().unwrap()));
        let status = world.day.status.as_ref().unwrap();
        assert_eq!(status.outcome, None, "{gate}");
        let closed = status.gates.iter().find(|result| !result.passed).unwrap();
        assert_eq!((closed.name, closed.detail.as_str()), (gate, words));
        world.now = 1800.0;
        world.open_gates();
        change(world.gates.as_mut().unwrap());
        world.settle();
        let status = world.day.status.as_ref().unwrap();
        assert_eq!((status.outcome, status.reason), (Some(Outcome::NoGo), Some(gate.into())));
    }
}

#[test]
fn a_plan_that_asks_for_no_alerts_and_no_budget_is_held_up_by_neither() {
    for (asked, budget, reason) in [
        (json!({"noFiring": [], "alertsExist": false}), None, None),
        (json!({"errorBudgetAbove": 20}), Some(Ok(20.1)), None),
        (json!({"errorBudgetAbove": 20}), Some(Ok(20.0)), Some(DayReason::ErrorBudget)),
        (json!({"errorBudgetAbove": 20}), None, Some(DayReason::ErrorBudget)),
    ] {
        let mut world = World::new(&json!({"goNoGo": asked}));
        world.record();
        world.open_gates();
        let reads = world.gates.as_mut().unwrap();
        if reason.is_none() && budget.is_none() {
            reads.firing = Firing::NoSource("a.url or b.url".to_owned());
            reads.expected = BTreeMap::new();
        }
        reads.error_budget = budget;
        world.settle();
        let status = world.day.status.as_ref().unwrap();
        assert_eq!(
            (status.reason, status.fact(DayFactName::Go).is_some()),
            (reason, reason.is_none())
        );
    }
}

#[test]
fn each_experiment_is_rehearsed_once_waited_for_and_taken_away_again() {
    let mut world = World::new(&json!({"goNoGo": {"steadyFor": "1m"}}));
    world.record();
    world.open_gates();
    world.gates.as_mut().unwrap().rehearsals = [("x".to_owned(), Found::Missing)].into();
    let Decision::Act(Effect::Create { name, spec }) = world.decide() else { panic!("it begins") };
    assert_eq!(name, rehearsal_name("day", "x"));
    assert!(spec.dry_run && spec.game_day.as_deref() == Some("p-day"));
    assert_eq!(
        (spec.steady_for, spec.start_within),
        (Some(Duration::minutes(1)), Duration::minutes(30))
    );
    let rehearsed = world.rehearsed(None);
    world.gates.as_mut().unwrap().rehearsals = [("x".to_owned(), rehearsed)].into();
    assert_eq!(world.settle(), Decision::WaitUntil(at(5.0)));
    let closed = |world: &World| {
        let gates = &world.day.status.as_ref().unwrap().gates;
        gates.iter().find(|gate| !gate.passed).map(|gate| gate.detail.clone()).unwrap()
    };
    assert_eq!(closed(&world), "its rehearsal is not over: probe a good for 3s of 10s");
    world.open_gates();
    world.record();
    assert!(world.day.fact(DayFactName::Go).is_some());
    world.rehearsals = vec![name.clone()];
    assert_eq!(world.decide(), Decision::Act(Effect::Delete(name)));

    let mut world = World::new(&json!({}));
    world.record();
    world.open_gates();
    let refused = world.rehearsed(Some(&["Steady"]));
    world.gates.as_mut().unwrap().rehearsals = [("x".to_owned(), refused)].into();
    world.settle();
    let summary = "no-go by Rehearsal for step one: a dry run is refused by Steady: Steady said so; nothing was broken";
    world.ended(Outcome::NoGo, DayReason::Rehearsal, summary);

    let mut world = World::new(&json!({}));
    world.record();
    world.open_gates();
    world.gates.as_mut().unwrap().rehearsals = [("x".to_owned(), Found::Missing)].into();
    world.refused = Some("no right".to_owned());
    world.settle();
    let summary =
        "no-go by Rehearsal for step one: its rehearsal was refused: no right; nothing was broken";
    world.ended(Outcome::NoGo, DayReason::Rehearsal, summary);
}

#[test]
fn gates_that_took_seconds_to_read_are_judged_and_old_reads_are_not() {
    let mut world = World::new(&json!({}));
    world.record();
    world.open_gates();
    world.now = 10.5;
    assert_eq!(world.decide(), Decision::Look(Need::Gates));
    world.now = 9.5;
    world.record();
    assert!(
        world.day.fact(DayFactName::Go).is_some(),
        "a slow API server is no reason to ask on and on"
    );
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
