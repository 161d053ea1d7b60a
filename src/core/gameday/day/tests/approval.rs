//! The gate `Approval`: who counts, for what, until when.

use super::*;
use crate::{
    api::game_day_run::Approval,
    core::gameday::day::gates::{day_plan, judge},
};

const NONE: &str = "no approvals are needed";

/// A day that `ann` has started, of a plan that needs so many approvals.
fn asking(approvals: i32) -> World {
    let mut world = World::new(&json!({"goNoGo": {"approvals": approvals}}));
    world.day.spec.started_by = Some("ann".to_owned());
    world
}

fn hash(plan: &GameDay, spec: &ExperimentSpec) -> String {
    day_plan(plan, |_| Some(spec)).unwrap().hash
}

fn approve(world: &mut World, by: &str, plan_hash: &str) {
    let approval = Approval { by: by.to_owned(), plan_hash: plan_hash.to_owned() };
    world.day.spec.approvals.push(approval);
}

/// What the gate says now.
fn said(world: &World) -> (bool, String) {
    let status = world.day.status.clone().unwrap_or_default();
    let table = judge(&world.observed(), &status, world.gates.as_ref().unwrap());
    let found = table.results.into_iter().find(|result| result.name == Gate::Approval).unwrap();
    (found.passed, found.detail)
}

#[test]
fn distinct_people_who_approved_this_version_count_and_the_starter_does_not() {
    let other = "0123456789abcdef";
    for (needed, given, passed, words) in [
        (0, vec![], true, NONE),
        (0, vec![("bob", "this")], true, NONE),
        (
            1,
            vec![],
            false,
            "0 of 1 approvals for plan HASH; firedrill gameday approve p-day -n shop",
        ),
        (1, vec![("bob", "this")], true, "1 of 1 approvals for plan HASH, by bob"),
        (
            1,
            vec![("bob", other), ("eve", other)],
            false,
            "0 of 1 approvals for plan HASH; firedrill gameday approve p-day -n shop; 2 approvals for another version",
        ),
        (
            1,
            vec![("ann", "this")],
            false,
            "0 of 1 approvals for plan HASH; firedrill gameday approve p-day -n shop; ann started the day and does not count",
        ),
        (
            2,
            vec![("bob", "this"), ("bob", "this")],
            false,
            "1 of 2 approvals for plan HASH; firedrill gameday approve p-day -n shop",
        ),
        (
            2,
            vec![("ann", "this"), ("bob", "this"), ("eve", "this")],
            true,
            "2 of 2 approvals for plan HASH, by bob, eve",
        ),
        (
            3,
            vec![("bob", "this"), ("eve", "this"), ("joe", other)],
            false,
            "2 of 3 approvals for plan HASH; firedrill gameday approve p-day -n shop; 1 approval for another version",
        ),
    ] {
        let mut world = asking(needed);
        let this = hash(&world.plan, &spec());
        for (by, version) in &given {
            approve(&mut world, by, if *version == "this" { &this } else { version });
        }
        world.open_gates();
        let expected = (passed, words.replace("HASH", &this));
        assert_eq!(said(&world), expected, "{needed} needed, {given:?}");
    }
}

#[test]
fn a_day_of_a_schedule_has_no_starter_and_one_by_hand_must_name_its_own() {
    let mut world = asking(1);
    world.day.spec.started_by = None;
    let this = hash(&world.plan, &spec());
    approve(&mut world, "bob", &this);
    world.open_gates();
    let words = "spec.startedBy does not say who started this day and so may not approve it; begin one with: firedrill gameday start p";
    assert_eq!(said(&world), (false, words.to_owned()));
    world.day.spec.at = Some(at(0.0));
    assert_eq!(said(&world), (true, format!("1 of 1 approvals for plan {this}, by bob")));
}

#[test]
fn any_change_of_the_plan_or_of_an_experiment_voids_what_was_approved() {
    type Change = fn(&mut GameDay, &mut ExperimentSpec);
    let changes: [(&str, Change); 8] = [
        ("notes", |plan, _| plan.spec.notes = Some("bring coffee".to_owned())),
        ("endBy", |plan, _| plan.spec.end_by = Duration::minutes(30)),
        ("a gap", |plan, _| plan.spec.steps[1].gap = Duration::seconds(1)),
        ("fewer steps", |plan, _| drop(plan.spec.steps.pop())),
        ("fewer approvals", |plan, _| plan.spec.go_no_go.as_mut().unwrap().approvals = 1),
        ("a hypothesis", |_, spec| spec.hypothesis.push('!')),
        ("a duration", |_, spec| spec.duration = Duration::minutes(59)),
        ("a guard", |_, spec| spec.guards.steady_for = Duration::seconds(11)),
    ];
    for (what, change) in changes {
        let mut world = asking(2);
        let before = hash(&world.plan, &spec());
        for by in ["bob", "eve"] {
            approve(&mut world, by, &before);
        }
        world.open_gates();
        assert!(said(&world).0, "{what}");
        let mut experiment = spec();
        change(&mut world.plan, &mut experiment);
        let after = hash(&world.plan, &experiment);
        world.open_gates();
        let experiments = [("x".to_owned(), Found::There(experiment))].into();
        world.gates.as_mut().unwrap().experiments = experiments;
        let (passed, words) = said(&world);
        assert!(!passed && words.contains(&after), "{what}: {words}");
        assert!(words.ends_with("; 2 approvals for another version"), "{what}: {words}");
    }
}

#[test]
fn approvals_are_waited_for_until_the_deadline_and_each_one_is_told() {
    let begun = || {
        let mut world = asking(2);
        world.record();
        world.open_gates();
        world
    };
    let mut world = begun();
    let this = hash(&world.plan, &spec());
    let told = |world: &World| {
        let gates = &world.day.status.as_ref().unwrap().gates;
        gates.iter().find(|gate| gate.name == Gate::Approval).unwrap().detail.clone()
    };
    assert_eq!(world.settle(), Decision::WaitUntil(at(5.0)));
    assert!(told(&world).starts_with("0 of 2"), "{}", told(&world));
    approve(&mut world, "bob", &this);
    assert_eq!(world.settle(), Decision::WaitUntil(at(5.0)));
    assert!(told(&world).starts_with("1 of 2"), "{}", told(&world));
    world.now = 1799.0;
    approve(&mut world, "eve", &this);
    world.open_gates();
    world.record();
    assert!(world.day.fact(DayFactName::Go).is_some(), "{:?}", world.day.status);

    let mut world = begun();
    world.now = 1800.0;
    world.open_gates();
    world.settle();
    let summary = format!(
        "no-go by Approval: 0 of 2 approvals for plan {this}; firedrill gameday approve p-day -n shop; nothing was broken"
    );
    world.ended(Outcome::NoGo, DayReason::Approval, &summary);
}

#[test]
fn where_nobody_knows_what_would_run_nothing_is_approved() {
    let mut world = asking(1);
    world.open_gates();
    world.gates.as_mut().unwrap().experiments = [("x".to_owned(), Found::Missing)].into();
    let words =
        "nobody knows which version is to be approved, as an Experiment of the plan was not read";
    assert_eq!(said(&world), (false, words.to_owned()));
    world.gates.as_mut().unwrap().plan = Found::Unreadable("refused".to_owned());
    let words = "nobody knows what is asked for, as the plan was not read";
    assert_eq!(said(&world), (false, words.to_owned()));
}
