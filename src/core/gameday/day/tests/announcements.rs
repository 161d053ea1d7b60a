//! What people are told of a day: each thing once, in order, with words; and what a day does that nobody hears of.

use super::*;
use crate::{api::game_day_run::Notice, core::undelivered::Undelivered};

/// Writes down that it is tried, tries it, and writes down what became of it.
pub(super) fn tell(world: &mut World, claim: GameDayRunStatus, message: Message) {
    world.day.status = Some(claim);
    let (what, step, problem) = (message.what, message.step.clone(), world.deaf.clone());
    world.attempt = Some(Attempt { what, step, at: at(world.now), problem });
    if world.deaf.is_none() {
        world.told.push(message);
    }
    if let Decision::Record(status) = world.decide_at_once() {
        world.day.status = Some(*status);
    }
}

/// What people were told, by its key.
fn keys(world: &World) -> Vec<&str> {
    world.told.iter().map(|message| message.key.as_str()).collect()
}

fn text(world: &World, key: &str) -> String {
    let told = world.told.iter().find(|message| message.key == key);
    told.unwrap_or_else(|| panic!("{key} is not among {:?}", keys(world))).text.clone()
}

/// A day of one step that has run to its end.
fn over(plan: &Value) -> World {
    let mut world = World::gone(plan);
    world.pass("one", "Passed");
    world.settle();
    world
}

const ONE: &str = "one";

fn one_step() -> Value {
    json!({"timeZone": "Asia/Tokyo", "roles": {"owner": "payments <lead>"},
        "steps": [{"name": ONE, "experiment": "x"}]})
}

#[test]
fn everything_is_told_once_in_order_and_says_what_breaks_until_when_and_how_to_stop_it() {
    let mut world = over(&one_step());
    assert_eq!(keys(&world), ["day/Before", "day/Go", "day/Injection/one", "day/End"]);
    let stop = "Stop it: firedrill gameday abort p-day -n shop --reason WHY";
    let begins = at(0.0).timestamp().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let tokyo = at(0.0).timestamp().in_tz("Asia/Tokyo").unwrap();
    let tokyo = tokyo.strftime("%a %Y-%m-%d %H:%M JST").to_string();
    let before = format!(
        "Game day p-day of plan p in namespace shop begins at {tokyo}, {begins}.\nSteps: one (x).\n\
         Owner: payments (lead).\n{stop}"
    );
    assert_eq!(text(&world, "day/Before"), before);
    let go = text(&world, "day/Go");
    assert!(go.contains("is a go: every gate is open. Its last fault is over by "), "{go}");
    let injection = text(&world, "day/Injection/one");
    for words in [
        "Game day p-day of plan p in namespace shop: step one, experiment x: deployment/web loses 1 pod.",
        &format!("It may break from {begins} on, and is over by "),
        stop,
    ] {
        assert!(injection.contains(words), "{words:?} is not in\n{injection}");
    }
    let end = "Game day p-day of plan p in namespace shop is over, Done: 1 of 1 step ran: 1 Passed.\n\
               Its report: firedrill gameday report p-day -n shop";
    assert_eq!(text(&world, "day/End"), end);
    let last: Vec<bool> = world.told.iter().map(|message| message.is_last).collect();
    assert_eq!(last, [false, false, false, true]);
    assert_eq!(world.decide(), Decision::Act(Effect::ReleaseFinalizer));
    let status = world.day.status.unwrap();
    assert!(status.announcements.iter().all(|one| one.tries == 1 && one.delivered.is_some()));
    let condition = status.conditions.iter().find(|one| one.type_ == "Announced").unwrap();
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("True", "Delivered"));
}

#[test]
fn a_no_go_says_which_gate_and_what_to_do() {
    let mut world = World::new(&one_step());
    world.record();
    world.plan.spec.suspend = true;
    world.open_gates();
    world.settle();
    assert_eq!(keys(&world), ["day/Before", "day/NoGo"]);
    let told = text(&world, "day/NoGo");
    assert!(
        told.contains("no-go by Plan: GameDay p is suspended; set spec.suspend to false"),
        "{told}"
    );
}

#[test]
fn an_injection_is_written_down_with_the_run_that_it_is_about_and_is_told_at_once() {
    let mut world = World::gone(&one_step());
    world.settle();
    world.look(&[]);
    let Decision::Record(status) = world.decide() else { panic!("the run is written down") };
    let last = status.announcements.last().unwrap();
    assert_eq!(
        (status.steps[0].run.is_some(), last.what, last.step.as_str()),
        (true, Notice::Injection, ONE)
    );
    world.day.status = Some(*status);
    world.look(&[(ONE, world.run(ONE, 0.0, None))]);
    world.settle();
    assert_eq!(keys(&world).last(), Some(&"day/Injection/one"));
}

#[test]
fn what_is_not_delivered_is_tried_again_ever_more_rarely_and_holds_nothing_up() {
    let mut world = World::gone(&one_step());
    world.deaf = Some("HTTP 500".to_owned().into());
    let mut tried = Vec::new();
    world.look(&[]);
    world.settle();
    world.look(&[(ONE, Found::Missing)]);
    assert!(matches!(world.decide(), Decision::Act(Effect::Create { .. })), "the step starts");
    let run = world.run(ONE, 0.0, None);
    while world.now < 200.0 {
        world.look(&[(ONE, run.clone())]);
        let before = world.day.status.clone().unwrap().announcements[0].tries;
        world.settle();
        let first = world.day.status.clone().unwrap().announcements[0].clone();
        assert_eq!((first.what, first.delivered), (Notice::Before, None));
        if first.tries > before {
            tried.push(world.now);
            let tried = (first.tried, first.error.as_deref());
            assert_eq!(tried, (Some(at(world.now)), Some("HTTP 500")));
        }
        world.now += 1.0;
    }
    assert_eq!(tried, [0.0, 5.0, 15.0, 35.0, 75.0, 135.0, 195.0]);
    // Something new is a reason to try at once, and what it waits for comes first.
    world.deaf = None;
    world.day.spec.stop = true;
    world.look(&[(ONE, run)]);
    assert_eq!(
        world.settle(),
        Decision::Act(Effect::Stop("p-day-one".to_owned())),
        "it is stopped first"
    );
    world.look(&[(ONE, world.run(ONE, 0.0, Some((200.0, "Aborted"))))]);
    world.settle();
    assert_eq!(keys(&world), ["day/Before", "day/Go", "day/Injection/one", "day/End"]);
}

#[test]
fn a_chat_is_left_alone_for_as_long_as_it_asks_also_where_there_is_news() {
    let mut world = World::gone(&one_step());
    let asks = |seconds| {
        Some(Undelivered {
            problem: "HTTP 429".to_owned(),
            retry_after: Some(Duration::seconds(seconds)),
        })
    };
    world.deaf = asks(90);
    world.look(&[]);
    world.settle();
    world.look(&[(ONE, world.run(ONE, 0.0, None))]);
    world.settle();
    let tries = |world: &World| world.day.status.clone().unwrap().announcements[0].tries;
    (world.now, world.deaf) = (89.0, None);
    world.look(&[(ONE, world.run(ONE, 0.0, Some((80.0, "Passed"))))]);
    world.settle();
    assert_eq!((world.day.is_over(), tries(&world), keys(&world)), (true, 1, Vec::new()));
    world.now = 90.0;
    world.settle();
    assert_eq!(keys(&world), ["day/Before", "day/Go", "day/Injection/one", "day/End"]);
    assert_eq!(asks(86_400).unwrap().not_before(at(0.0)), Some(at(3_600.0)), "an hour at most");
}

#[test]
fn what_nobody_hears_of_holds_a_day_for_ten_minutes_and_a_deleted_one_for_half_one() {
    for (is_deleted, seconds) in [(false, 600.0), (true, 30.0)] {
        let mut world = World::gone(&one_step());
        world.deaf = Some("timed out".to_owned().into());
        world.day.spec.stop = true;
        if is_deleted {
            let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(0.0).timestamp());
            world.day.metadata.deletion_timestamp = Some(now);
        }
        world.settle();
        assert!(world.day.is_over());
        world.now = seconds - 1.0;
        assert!(matches!(world.settle(), Decision::WaitUntil(_)), "after {} s", world.now);
        world.now = seconds;
        assert_eq!(world.settle(), Decision::Act(Effect::ReleaseFinalizer));
        let error = world.day.status.unwrap().announcements.last().unwrap().clone();
        assert_eq!((error.what, error.delivered, error.tries), (Notice::End, None, 0));
    }
}

#[test]
fn each_try_is_written_down_before_it_is_made() {
    let mut world = World::new(&one_step());
    world.record();
    let Decision::Act(Effect::Announce { claim, message }) = world.decide_at_once() else {
        panic!("it is told")
    };
    assert_eq!((message.what, claim.announcements[0].tries), (Notice::Before, 1));
    // The other operator, and this one after a crash, read that it was tried just now.
    world.day.status = Some(*claim);
    assert_eq!(world.decide_at_once(), Decision::Look(Need::Gates));
    world.now = 5.0;
    let Decision::Act(Effect::Announce { message: again, .. }) = world.decide_at_once() else {
        panic!("it is told again")
    };
    assert_eq!(again, message);
}

#[test]
fn where_a_chat_is_configured_its_gate_waits_for_it_until_the_deadline() {
    let mut world = World::new(&one_step());
    world.chat = true;
    world.deaf = Some("HTTP 503".to_owned().into());
    world.record();
    world.decide();
    world.open_gates();
    assert!(matches!(world.settle(), Decision::WaitUntil(_)));
    let status = world.day.status.clone().unwrap();
    let closed = status.gates.iter().find(|gate| !gate.passed).unwrap();
    let words = "the chat was not told of the day by 1 attempt: HTTP 503; see where the configuration's chat.urlFile leads";
    assert_eq!((closed.name, closed.detail.as_str()), (Gate::Announced, words));
    let mut late = World {
        told: Vec::new(),
        day: world.day.clone(),
        plan: world.plan.clone(),
        ..World::new(&one_step())
    };
    (late.chat, late.now, late.deaf) = (true, 1800.0, world.deaf.clone());
    late.open_gates();
    late.settle();
    assert_eq!(late.day.status.unwrap().reason, Some(DayReason::Announced));
    world.deaf = None;
    world.now = 30.0;
    world.open_gates();
    world.settle();
    assert!(world.day.fact(DayFactName::Go).is_some());
    let passed = world.day.status.unwrap().gates;
    let gate = passed.iter().find(|gate| gate.name == Gate::Announced).unwrap();
    let words = &gate.detail;
    assert!(words.starts_with("the chat was told at "), "{words}");
}

/// A day ahead of its time, at midnight, which is an hour away.
fn ahead() -> (World, Moment) {
    let midnight: Moment = serde_json::from_value(json!("2027-01-16T00:00:00Z")).unwrap();
    let mut world = World::new(&one_step());
    world.plan.spec.time_zone = "UTC".to_owned();
    world.day.spec.at = Some(midnight);
    world.plan.status.as_mut().unwrap().last_fire = None;
    world.now = Duration::between(at(0.0), midnight).as_secs_f64() - 3600.0;
    (world, midnight)
}

#[test]
fn a_day_ahead_of_its_time_is_announced_and_waits() {
    let (mut world, midnight) = ahead();
    assert_eq!(
        world.settle(),
        Decision::WaitUntil(at(world.now + 60.0)),
        "the clock is asked anew"
    );
    assert_eq!(keys(&world), ["day/Before"]);
    let status = world.day.status.clone().unwrap();
    assert_eq!((status.stage.as_deref(), status.facts.len()), (Some("Announced"), 1));
    world.now += 3590.0;
    assert_eq!(world.settle(), Decision::WaitUntil(midnight));
    // It does not begin before its plan has taken it up.
    world.now += 10.0;
    assert_eq!(world.settle(), Decision::WaitUntil(at(world.now + 1.0)));
    let taken_up = world.plan.status.as_mut().unwrap();
    (taken_up.last_fire, taken_up.last_day_uid) = (Some(midnight), Some("day".to_owned()));
    world.settle();
    assert!(world.day.fact(DayFactName::Gating).is_some());
    assert_eq!(keys(&world), ["day/Before"]);
}

#[test]
fn a_day_that_ends_before_its_time_is_cancelled_and_let_go_once_its_plan_knows() {
    type Change = fn(&mut World);
    let stopped: Change = |world| world.day.spec.stop = true;
    let deleted: Change = |world| {
        let now = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(world.now).timestamp());
        world.day.metadata.deletion_timestamp = Some(now);
    };
    let other_time: Change = |world| world.plan.spec.schedule = Some("0 1 * * *".to_owned());
    let closed: Change = |world| {
        let blackout = json!([{"from": "2027-01-16", "to": "2027-01-16", "reason": "sales"}]);
        world.plan.spec.blackouts = serde_json::from_value(blackout).unwrap();
    };
    for (change, reason, words) in [
        (stopped, DayReason::Stopped, "somebody stopped it"),
        (deleted, DayReason::Deleted, "the day was deleted"),
        (other_time, DayReason::Plan, "is no time of GameDay p any more"),
        (closed, DayReason::Plan, "is in the blackout from 2027-01-16 to 2027-01-16 (sales)"),
    ] {
        let (mut world, midnight) = ahead();
        world.settle();
        change(&mut world);
        assert!(matches!(world.settle(), Decision::WaitUntil(_)), "its plan does not know yet");
        assert_eq!(keys(&world), ["day/Before", "day/Cancelled"]);
        let told = text(&world, "day/Cancelled");
        assert!(told.contains(words) && told.ends_with("Nothing was broken."), "{told}");
        assert_eq!(world.day.status.as_ref().unwrap().reason, Some(reason));
        world.plan.status.as_mut().unwrap().cancelled = Some(midnight);
        assert_eq!(world.settle(), Decision::Act(Effect::ReleaseFinalizer));
    }
    let (mut world, _) = ahead();
    world.settle();
    world.plan.spec.suspend = true;
    assert!(matches!(world.settle(), Decision::WaitUntil(_)));
    assert!(!world.day.is_over(), "it may be resumed before");
    world.plan.spec.blackouts.clear();
    world.plan.metadata.generation = Some(2);
    world.plan.spec.schedule = Some("0 1 * * *".to_owned());
    world.settle();
    assert!(!world.day.is_over(), "its controller has not looked at that version yet");
}

#[test]
fn a_day_whose_plan_was_deleted_is_cancelled_once_that_was_read() {
    let (mut world, _) = ahead();
    world.settle();
    let decide = |world: &World| decide(&Observed { plan: None, ..world.observed() });
    assert_eq!(decide(&world), Decision::Look(Need::Start));
    world.look(&[]);
    assert!(matches!(decide(&world), Decision::WaitUntil(_)), "it was only not heard yet");
    world.start.as_mut().unwrap().plan = Found::Missing;
    let Decision::Record(status) = decide(&world) else { panic!("it is over") };
    assert_eq!(status.reason, Some(DayReason::Plan));
    assert_eq!(status.announcements.last().unwrap().what, Notice::Cancelled);
}

#[test]
fn nobody_is_told_of_an_unannounced_step_before_it_is_over() {
    let steps = json!({"endBy": "30m", "steps": [
        {"name": "one", "experiment": "x"},
        {"name": "two", "experiment": "secret", "unannounced": true, "gap": "10m", "after": []},
    ]});
    let mut world = World::new(&steps);
    world.record();
    world.open_gates();
    let gates = world.gates.as_mut().unwrap();
    gates.experiments.insert("secret".to_owned(), Found::There(spec()));
    gates.expected.insert("secret".to_owned(), Vec::new());
    let rehearsed = gates.rehearsals["x"].clone();
    gates.rehearsals.insert("secret".to_owned(), rehearsed);
    world.record();
    world.pass(ONE, "Passed");
    let then = world.settle();
    let Decision::WaitUntil(starts) = then else { panic!("it waits for its instant: {then:?}") };
    assert!(at(world.now) < starts && starts <= at(1800.0 - 70.0), "{starts}");
    world.now = Duration::between(at(0.0), starts).as_secs_f64();
    world.look(&[]);
    world.settle();
    world.look(&[("two", Found::Missing)]);
    let Decision::Act(Effect::Create { spec, .. }) = world.decide() else { panic!("it starts") };
    assert!(spec.unannounced);
    let began = world.now;
    world.look(&[("two", world.run("two", began, None))]);
    world.settle();
    let told = |world: &World| world.told.iter().map(|one| one.text.clone()).collect::<String>();
    assert!(!told(&world).contains("secret") && !told(&world).contains("two"), "{}", told(&world));
    world.now += 60.0;
    world.look(&[("two", world.run("two", began, Some((world.now, "Passed"))))]);
    world.settle();
    assert_eq!(keys(&world)[2..], ["day/Injection/one", "day/Injection/two", "day/End"]);
    let after = text(&world, "day/Injection/two");
    assert!(
        after.contains(
            ": unannounced step two, experiment secret: deployment/web loses 1 pod, from "
        ),
        "{after}"
    );
    assert!(after.ends_with(" UTC. Passed: told"), "{after}");
}
