//! Proof runs that the operator starts by itself: when, how often, and what keeps it from it.

use firedrill::{
    api::{
        Debrief, ExperimentRun, ExperimentRunSpec, ExperimentSpec, Moment, conditions,
        debrief::{ScheduledRun, Stage, condition},
        run::FactName,
    },
    core::cluster::Intent,
    debrief::{
        self,
        decide::{Candidate, Decision, Delivery, Observed, Started, Told, decide, intent},
    },
};
use serde_json::{Value, json};

use super::{
    proving::{fixed, missed, passed},
    runs::{moment, slow_alert, with},
};

/// What the API server makes of a run that is to be created.
#[derive(Clone, Copy, PartialEq)]
enum Server {
    Creates,
    /// It is created, and nobody hears of it.
    LosesAnswers,
    Refuses,
    Silent,
}

/// A debrief, its runs, and the operator that looks at it.
struct World {
    debrief: Debrief,
    runs: Vec<ExperimentRun>,
    experiment: Option<ExperimentSpec>,
    server: Server,
    /// Each time that it asked for a run, by its name.
    asked: Vec<String>,
}

impl World {
    /// Everything was done on Thursday at noon, and people ask for scheduled runs.
    fn new() -> Self {
        let mut debrief = fixed();
        debrief.spec.schedule_proof = true;
        debrief.metadata.uid = Some("debrief".to_owned());
        let experiment = debrief.spec.evidence.as_ref().map(|evidence| evidence.spec.clone());
        Self { debrief, runs: Vec::new(), experiment, server: Server::Creates, asked: Vec::new() }
    }

    /// Looks until nothing is to be done, and gives until when.
    fn look(&mut self, now: &str) -> Option<Moment> {
        let now = moment(now);
        let (mut read, mut told, mut started) = (None::<ExperimentRun>, None, None);
        let mut passed_over = Vec::new();
        for _ in 0..50 {
            let candidates: Vec<_> =
                self.runs.iter().filter_map(|run| Candidate::of(&self.debrief, run)).collect();
            let decision = decide(&Observed {
                now,
                debrief: &self.debrief,
                runs: &candidates,
                run: read.as_ref(),
                passed_over: &passed_over,
                peers: &Vec::new,
                told: told.as_ref(),
                experiment: self.experiment.as_ref(),
                started: started.as_ref(),
            });
            match decision {
                Decision::Record(status) => {
                    self.debrief.status = Some(*status);
                    (read, told, started) = (None, None, None);
                }
                Decision::Tell { claim, what, .. } => {
                    self.debrief.status = Some(*claim);
                    told = Some(Told { what, at: now, delivery: Delivery::Delivered });
                }
                Decision::Look { uid, .. } => {
                    read = self.runs.iter().find(|run| run.uid() == uid).cloned();
                }
                Decision::PassOver(uid) => {
                    read = None;
                    passed_over.push(uid);
                }
                Decision::Start { name, spec } => {
                    self.asked.push(name.clone());
                    let is_there = |run: &&ExperimentRun| run.metadata.name == Some(name.clone());
                    let there = self.runs.iter().find(is_there).map(|run| run.uid().to_owned());
                    started = match (there, self.server) {
                        (Some(uid), _) => Some(Started::There(uid)),
                        (None, Server::Refuses) => {
                            Some(Started::Refused("may not create experimentruns".to_owned()))
                        }
                        (None, Server::Silent) => return None,
                        (None, server) => {
                            let mut run = ExperimentRun::new(&name, *spec);
                            let uid = format!("uid of {name}");
                            run.metadata.uid = Some(uid.clone());
                            run.metadata.namespace.clone_from(&self.debrief.metadata.namespace);
                            run.metadata.creation_timestamp =
                                Some(serde_json::from_value(json!(now)).unwrap());
                            self.runs.push(run);
                            if server == Server::LosesAnswers {
                                return None;
                            }
                            Some(Started::There(uid))
                        }
                    };
                }
                Decision::WaitUntil(until) => return Some(until),
                Decision::Rest => return None,
            }
        }
        panic!("it never rests")
    }

    /// The run that the operator has created last ends like that, injected at that instant.
    fn ends(&mut self, at: &str, changes: &[(&str, Value)]) {
        let run = self.runs.last_mut().unwrap();
        let status = passed(at, changes).status;
        run.status = status;
    }

    fn scheduled(&self) -> ScheduledRun {
        self.debrief.status.as_ref().unwrap().scheduled.clone().unwrap()
    }

    fn next_run(&self) -> Option<String> {
        let next = self.debrief.status.as_ref().unwrap().next_run;
        next.map(|at| at.timestamp().strftime("%a %H:%M").to_string())
    }

    /// What the condition says, with its reason.
    fn says(&self) -> (String, String) {
        let status = self.debrief.status.as_ref().unwrap();
        let said = conditions::get(&status.conditions, condition::SCHEDULED).unwrap();
        (said.reason.clone(), said.message.clone())
    }

    fn stage(&self) -> Stage {
        self.debrief.status.as_ref().unwrap().stage.unwrap()
    }

    #[track_caller]
    fn waits(&mut self, now: &str, reason: &str, words: &str) {
        self.look(now);
        let said = self.says();
        assert!(said.0 == reason && said.1.contains(words), "{said:?}");
    }
}

/// A run of that name and UID that has not begun.
fn run(name: &str, uid: &str) -> ExperimentRun {
    let mut run = ExperimentRun::new(name, ExperimentRunSpec::of("slow-alert"));
    run.metadata.uid = Some(uid.to_owned());
    run
}

/// A run that a guard refused: nothing was broken.
fn refused_by_a_guard() -> Value {
    json!([{"name": "completed", "at": "2026-11-26T12:10:00Z", "notBefore": "2026-11-26T12:10:00Z", "source": "operator"}])
}

#[test]
fn each_run_comes_as_soon_as_it_counts_and_the_last_one_closes_it() {
    let mut world = World::new();
    world.look("2026-11-26T12:00:30Z");
    assert_eq!(world.asked.len(), 1);
    let run = &world.runs[0];
    assert_eq!(run.spec.verifies, world.debrief.metadata.name.clone().map(firedrill::api::Name));
    assert!(run.spec.scheduled && run.spec.template.is_none());
    assert_eq!(world.scheduled().uid.as_deref(), Some(run.uid()));
    let running = (
        "Running".to_owned(),
        format!("run {} is to prove it", run.metadata.name.as_ref().unwrap()),
    );
    assert_eq!(world.says(), running);
    // It is under way: nothing is created beside it.
    world.look("2026-11-26T12:20:00Z");
    assert_eq!((world.asked.len(), world.says()), (1, running));
    world.ends("2026-11-26T12:01:00Z", &[]);
    world.look("2026-11-26T12:21:00Z");
    assert_eq!(world.next_run().as_deref(), Some("Fri 12:01"));
    assert_eq!(
        world.says(),
        ("Planned".to_owned(), "the operator runs it at 2026-11-27 12:01:00 UTC".to_owned())
    );
    let until = world.look("2026-11-27T11:50:00Z");
    assert_eq!((until, world.asked.len()), (Some(moment("2026-11-27T12:01:00Z")), 1));
    world.look("2026-11-27T12:01:00Z");
    assert_eq!(world.asked.len(), 2);
    assert_ne!(world.asked[0], world.asked[1]);
    world.ends("2026-11-27T12:02:00Z", &[("/metadata/uid", json!("u2"))]);
    world.look("2026-11-27T12:10:00Z");
    assert_eq!((world.stage(), world.next_run()), (Stage::Closed, None));
    let status = world.debrief.status.as_ref().unwrap();
    assert!(conditions::get(&status.conditions, condition::SCHEDULED).is_none());
}

#[test]
fn the_page_says_when_the_operator_runs_it_and_why_not() {
    let mut world = World::new();
    let says = |world: &World, words: &str| {
        let page = debrief::render(&world.debrief).replace('\n', " ");
        let forward = page.split("The path forward").nth(1).unwrap_or(&page);
        assert!(forward.contains(words), "{forward}");
    };
    world.look("2026-11-26T12:00:30Z");
    says(&world, &format!("The operator's run `{}` is to prove it.", world.asked[0]));
    world.ends("2026-11-26T12:01:00Z", &[]);
    world.look("2026-11-26T12:21:00Z");
    says(&world, "The operator runs it Fri 27 Nov 12:01.");
    world.experiment = None;
    world.look("2026-11-26T12:22:00Z");
    says(
        &world,
        "The operator does not run it: there is no Experiment slow-alert in this namespace.",
    );
    let mut world = World::new();
    world.server = Server::Refuses;
    world.look("2026-11-26T12:00:30Z");
    says(
        &world,
        "The operator could not run it, and tries again Fri 27 Nov 09:00: may not create experimentruns.",
    );
}

#[test]
fn nothing_is_created_outside_of_working_hours_or_shortly_before_their_end() {
    for (now, next) in [
        ("2026-11-26T17:50:00Z", "Fri 09:00"),
        ("2026-11-26T22:00:00Z", "Fri 09:00"),
        ("2026-11-27T08:59:59Z", "Fri 09:00"),
        ("2026-11-27T17:44:00Z", "Mon 09:00"),
        ("2026-11-28T12:00:00Z", "Mon 09:00"),
    ] {
        let mut world = World::new();
        let until = world.look(now);
        assert_eq!((world.next_run().as_deref(), world.asked.len()), (Some(next), 0), "{now}");
        assert!(until.is_some_and(|until| until > moment(now)), "{now}");
    }
    // What counts from Saturday on runs on Monday.
    let mut world = World::new();
    world.look("2026-11-27T12:00:00Z");
    world.ends("2026-11-27T12:01:00Z", &[]);
    world.look("2026-11-27T12:20:00Z");
    assert_eq!(world.next_run().as_deref(), Some("Mon 09:00"));
    world.look("2026-11-30T09:00:00Z");
    assert_eq!(world.asked.len(), 2);
}

#[test]
fn what_is_refused_is_said_and_tried_again_on_the_next_working_day() {
    let mut world = World::new();
    world.server = Server::Refuses;
    for now in ["2026-11-26T12:00:30Z", "2026-11-26T12:01:00Z", "2026-11-26T16:00:00Z"] {
        world.look(now);
    }
    assert_eq!(world.asked.len(), 1);
    let (reason, words) = world.says();
    assert_eq!(reason, "NotCreated");
    assert_eq!(
        words,
        "may not create experimentruns; it is tried again at 2026-11-27 09:00:00 UTC"
    );
    world.server = Server::Creates;
    world.look("2026-11-27T09:00:00Z");
    assert_eq!((world.asked.len(), world.runs.len()), (2, 1));
    assert_eq!(world.says().0, "Running");
}

#[test]
fn a_run_of_which_nobody_heard_whether_it_was_created_is_created_once() {
    let mut world = World::new();
    world.server = Server::LosesAnswers;
    world.look("2026-11-26T12:00:30Z");
    assert_eq!((world.runs.len(), world.scheduled().uid), (1, None));
    world.look("2026-11-26T12:00:35Z");
    assert_eq!((world.asked.len(), world.runs.len()), (2, 1));
    assert_eq!(world.asked[0], world.asked[1]);
    assert_eq!(world.scheduled().uid.as_deref(), Some(world.runs[0].uid()));
    // Where nobody answers at all, it is given up, and what is created late breaks nothing.
    let mut world = World::new();
    world.server = Server::Silent;
    for now in ["2026-11-26T12:00:30Z", "2026-11-26T12:02:00Z", "2026-11-26T12:02:30Z"] {
        world.look(now);
    }
    world.look("2026-11-26T12:02:31Z");
    assert_eq!((world.asked.len(), world.next_run().as_deref()), (2, Some("Fri 09:00")));
    assert!(world.says().1.contains("was not created in time"), "{:?}", world.says());
    let late = intent(&world.debrief, &run(&world.asked[0], "u"), moment("2026-11-26T12:02:31Z"));
    assert!(matches!(late, Intent::Refused(_)), "{late:?}");
}

#[test]
fn who_takes_it_back_before_the_run_is_created_gets_none() {
    let mut world = World::new();
    world.server = Server::Silent;
    world.look("2026-11-26T12:00:30Z");
    world.debrief.spec.schedule_proof = false;
    world.server = Server::Creates;
    world.look("2026-11-26T12:00:35Z");
    assert_eq!((world.asked.len(), world.runs.len()), (1, 0));
    assert_eq!(world.scheduled().over_at, Some(moment("2026-11-26T12:00:35Z")));
    // Asked for again, it comes at once, under another name.
    world.debrief.spec.schedule_proof = true;
    world.look("2026-11-26T12:00:40Z");
    assert_eq!(world.runs.len(), 1);
    assert_ne!(world.asked[0], world.asked[1]);
}

#[test]
fn a_run_that_proves_nothing_is_repeated_on_the_next_working_day() {
    let nothing_broken = [
        ("/status/facts", refused_by_a_guard()),
        ("/status/verdict", json!("Error")),
        ("/status/reason", json!("MinReady")),
    ];
    let inconclusive =
        [("/status/verdict", json!("Inconclusive")), ("/status/reason", json!("SourceLost"))];
    for changes in [&nothing_broken[..], &inconclusive] {
        let mut world = World::new();
        world.look("2026-11-26T12:00:30Z");
        world.ends("2026-11-26T12:01:00Z", changes);
        world.look("2026-11-26T12:20:00Z");
        assert_eq!(world.next_run().as_deref(), Some("Fri 09:00"), "{changes:?}");
        world.look("2026-11-26T17:00:00Z");
        assert_eq!(world.asked.len(), 1);
        world.look("2026-11-27T09:00:00Z");
        assert_eq!(world.asked.len(), 2);
    }
    // One that somebody has deleted is gone once nobody has heard of it for long.
    let mut world = World::new();
    world.look("2026-11-26T12:00:30Z");
    world.runs.clear();
    world.look("2026-11-26T12:10:29Z");
    assert_eq!(world.scheduled().over_at, None);
    world.look("2026-11-26T12:10:30Z");
    assert_eq!(world.next_run().as_deref(), Some("Fri 09:00"));
}

#[test]
fn a_run_that_somebody_has_started_goes_first() {
    let mut by_hand = ExperimentRun::new("by-hand", missed().spec);
    by_hand.metadata.uid = Some("by-hand".to_owned());
    by_hand.metadata.namespace = Some("shop".to_owned());
    by_hand.metadata.creation_timestamp =
        Some(serde_json::from_value(json!("2026-11-26T12:00:10Z")).unwrap());
    let mut world = World::new();
    world.runs.push(by_hand);
    world.waits("2026-11-26T12:00:30Z", "RunUnderWay", "run by-hand is under way");
    assert!(world.asked.is_empty());
    world.ends("2026-11-26T12:00:20Z", &[]);
    world.look("2026-11-26T12:10:00Z");
    assert_eq!(world.next_run().as_deref(), Some("Fri 12:00"));
}

#[test]
fn nothing_is_broken_that_would_prove_nothing() {
    let now = "2026-11-26T13:00:00Z";
    let mut world = World::new();
    world.experiment = None;
    world.waits(now, "NoExperiment", "there is no Experiment slow-alert in this namespace");
    let mut world = World::new();
    let detection = &mut world.experiment.as_mut().unwrap().detection;
    detection.within = detection.within.times(2);
    world.waits(now, "Weaker", "Experiment slow-alert proves nothing now: detection.within: ");
    let mut world = World::new();
    world.debrief.spec.policy.unannounced = 1;
    world.debrief.spec.policy.passes = 1;
    world.look("2026-11-26T12:00:30Z");
    world.ends("2026-11-26T12:01:00Z", &[]);
    world.waits(now, "Unannounced", "as a step of a game day");
    let mut world = World::new();
    world.debrief.spec.action_items[0].state = serde_json::from_value(json!("Open")).unwrap();
    world.waits(now, "NotVerifying", "until everything is done");
    // The change has hidden the impact.
    let mut world = World::new();
    world.look("2026-11-26T12:00:30Z");
    world.ends("2026-11-26T12:01:00Z", &[("/status/detection/answer", json!("NotExercised"))]);
    world.waits("2026-11-27T12:30:00Z", "Larger", "firedrill debrief verify slow-alert-99c0ba9c-1");
    assert!(world.says().1.ends_with(" --larger"), "{:?}", world.says());
    assert_eq!(world.asked.len(), 1);
}

#[test]
fn after_another_miss_people_are_first_to_do_something() {
    let mut world = World::new();
    world.look("2026-11-26T12:00:30Z");
    let run = world.runs[0].metadata.name.clone().unwrap();
    let joins = json!(world.debrief.metadata.name);
    world.ends(
        "2026-11-26T12:01:00Z",
        &[
            ("/status/verdict", json!("ObjectiveMissed")),
            ("/status/reason", json!("DetectionMissed")),
            ("/status/detection/answer", json!("No")),
            ("/status/debrief", joins),
        ],
    );
    let words = format!("run {run} has missed again since everything was done");
    world.waits("2026-11-26T12:20:00Z", "MissedAgain", &words);
    world.waits("2026-11-27T12:30:00Z", "MissedAgain", &words);
    assert_eq!((world.asked.len(), world.next_run()), (1, None));
    let mut more = world.debrief.spec.action_items[0].clone();
    more.id = "a2".to_owned();
    world.debrief.spec.action_items.push(more);
    world.look("2026-11-27T12:40:00Z");
    assert_eq!(world.asked.len(), 2);
}

#[test]
fn a_run_breaks_nothing_unless_the_debrief_intends_it_now() {
    let mut world = World::new();
    world.look("2026-11-26T12:00:30Z");
    let intended = world.scheduled();
    let uid = intended.uid.clone().unwrap();
    let now = moment("2026-11-26T12:01:00Z");
    let said = |debrief: &Debrief, name: &str, uid: &str| intent(debrief, &run(name, uid), now);
    assert!(matches!(said(&world.debrief, &intended.run, &uid), Intent::Written(_)));
    // An operator that was away finds a run of last week, which has begun or not.
    let (mut late, monday) = (run(&intended.run, &uid), moment("2026-11-30T03:00:00Z"));
    let Intent::Refused(why) = intent(&world.debrief, &late, monday) else { panic!("it is late") };
    assert!(why.ends_with("intended it to begin until 2026-11-26 12:15:30 UTC"), "{why}");
    let mut status = slow_alert().status.unwrap();
    status.facts.iter_mut().for_each(|fact| fact.name = FactName::Journaled);
    late.status = Some(status);
    assert!(matches!(intent(&world.debrief, &late, monday), Intent::Written(_)));
    for (name, uid, change, words) in [
        (&*intended.run, "another", json!({}), "has had another run of this name"),
        ("another", &*uid, json!({}), "intends no such run"),
        (&*intended.run, &*uid, json!({"scheduleProof": false}), "asks for no scheduled runs"),
        (
            &*intended.run,
            &*uid,
            json!({"dismissal": {"reason": "nothing to learn here"}}),
            "is Dismissed, and not Verifying",
        ),
        (
            &*intended.run,
            &*uid,
            json!({"meeting": {"heldAt": "2026-12-25T13:00:00Z"}}),
            "is AwaitingDebrief",
        ),
    ] {
        let mut debrief = serde_json::to_value(&world.debrief).unwrap();
        for (field, value) in change.as_object().unwrap() {
            debrief["spec"][field] = value.clone();
        }
        let debrief: Debrief = serde_json::from_value(debrief).unwrap();
        let Intent::Refused(why) = said(&debrief, name, uid) else { panic!("{words}") };
        assert!(why.contains(words), "{why}");
    }
    let scheduled = world.debrief.status.as_mut().unwrap().scheduled.as_mut().unwrap();
    scheduled.uid = None;
    assert!(matches!(said(&world.debrief, &intended.run, &uid), Intent::Unsettled(_)));
    world.debrief.status.as_mut().unwrap().scheduled.as_mut().unwrap().over_at = Some(now);
    assert!(matches!(said(&world.debrief, &intended.run, &uid), Intent::Refused(_)));
    world.debrief.status = None;
    assert!(matches!(said(&world.debrief, &intended.run, &uid), Intent::Refused(_)));
}

#[test]
fn of_two_operators_that_lead_at_the_same_time_both_ask_for_the_same_run() {
    let mut world = World::new();
    world.server = Server::Silent;
    world.look("2026-11-26T12:00:30Z");
    let mut other = World { debrief: world.debrief.clone(), ..World::new() };
    (world.server, other.server) = (Server::Creates, Server::Creates);
    world.look("2026-11-26T12:00:35Z");
    other.runs.clone_from(&world.runs);
    other.look("2026-11-26T12:00:35Z");
    assert_eq!(other.asked, [world.asked[0].clone()]);
    assert_eq!((other.runs.len(), other.scheduled().uid), (1, world.scheduled().uid));
}

#[test]
fn the_name_of_a_run_fits_whatever_its_experiment_is_called() {
    let cut = format!("{}.-{}", "x".repeat(52), "y".repeat(9));
    for (experiment, length) in [("x".repeat(63), 63), (cut, 52 + 1 + 8)] {
        let run = with(&missed(), &[("/spec/experiment", json!(experiment))]);
        let mut world = World::new();
        let evidence = world.debrief.spec.evidence.as_mut().unwrap();
        evidence.experiment_name = run.spec.experiment.to_string();
        world.look("2026-11-26T12:00:30Z");
        assert_eq!(world.asked[0].len(), length, "{}", world.asked[0]);
        assert!(!world.asked[0].contains(".-"), "no name has an empty part");
    }
}
