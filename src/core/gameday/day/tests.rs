use serde_json::{Value, json};

mod announcements;
mod approval;
mod earlier;
mod ends;
mod gates;
mod start;

use super::{gates::run_of, *};
use crate::{
    api::{
        Duration, ExperimentRun, ExperimentSpec, GameDay, GameDayRun, Moment,
        game_day_run::{DayFactName, DayReason, Gate, Outcome, StepResult},
        names,
    },
    config::ClosedDays,
    core::{
        cluster::{Intent, Lever},
        guards::abort::tests::plan as experiment,
        hash,
        signals::pods::tests::at,
    },
};

/// A day of a plan with two steps of the same experiment, whose fault lasts a minute.
struct World {
    now: f64,
    day: GameDayRun,
    plan: GameDay,
    blackouts: Vec<ClosedDays>,
    lever: Lever,
    gates: Option<GateReads>,
    steps: Option<StepReads>,
    start: Option<StartReads>,
    rehearsals: Vec<String>,
    refused: Option<String>,
    chat: bool,
    attempt: Option<Attempt>,
    /// Why no announcement is delivered.
    deaf: Option<crate::core::undelivered::Undelivered>,
    /// What people were told.
    told: Vec<Message>,
}

fn spec() -> ExperimentSpec {
    experiment(&json!({"steadyFor": "10s"})).spec
}

impl World {
    fn new(plan: &Value) -> Self {
        let mut spec = json!({
            "schedule": "0 0 * * *",
            "steps": [{"name": "one", "experiment": "x"}, {"name": "two", "experiment": "x"}],
        });
        for (key, value) in plan.as_object().unwrap() {
            spec[key] = value.clone();
        }
        let begins = at(0.0).to_string();
        let plan = json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "GameDay",
            "metadata": {"name": "p", "namespace": "shop", "uid": "plan", "generation": 1},
            "spec": spec,
            "status": {
                "since": {"generation": 1, "at": at(-1000.0).to_string()},
                "lastFire": begins, "lastDay": "p-day", "lastDayUid": "day",
            },
        });
        let day = json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "GameDayRun",
            "metadata": {
                "name": "p-day", "namespace": "shop", "uid": "day", "resourceVersion": "100", "generation": 1,
                "creationTimestamp": "2026-01-01T00:00:00Z", "finalizers": [names::DAY_FINALIZER],
            },
            "spec": {"gameDay": "p"},
        });
        let mut day: GameDayRun = serde_json::from_value(day).unwrap();
        let created = day.metadata.creation_timestamp.as_mut().unwrap();
        created.0 = at(0.0).timestamp();
        Self {
            now: 0.0,
            day,
            plan: serde_json::from_value(plan).unwrap(),
            blackouts: Vec::new(),
            lever: Lever::Open,
            gates: None,
            steps: None,
            start: None,
            rehearsals: Vec::new(),
            refused: None,
            chat: false,
            attempt: None,
            deaf: None,
            told: Vec::new(),
        }
    }

    /// What is decided once people were told what is to be told then.
    fn decide(&mut self) -> Decision {
        while let Decision::Act(Effect::Announce { claim, message }) = self.decide_at_once() {
            announcements::tell(self, *claim, *message);
        }
        self.decide_at_once()
    }

    fn decide_at_once(&self) -> Decision {
        decide(&self.observed())
    }

    fn observed(&self) -> Observed<'_> {
        Observed {
            now: at(self.now),
            day: &self.day,
            plan: Some(&self.plan),
            blackouts: &self.blackouts,
            lever: &self.lever,
            gates: self.gates.as_ref(),
            steps: self.steps.as_ref(),
            start: self.start.as_ref(),
            rehearsals: &self.rehearsals,
            refused: self.refused.as_deref(),
            chat: self.chat,
            attempt: self.attempt.as_ref(),
        }
    }

    fn open_gates(&mut self) {
        let starter = ["one", "two"]
            .map(|step| (step.to_owned(), Ok(Clocks { theirs: at(self.now), ours: at(self.now) })));
        self.gates = Some(GateReads {
            read_at: at(self.now),
            plan: Found::There(self.plan.clone()),
            lever: Lever::Open,
            experiments: [("x".to_owned(), Found::There(spec()))].into(),
            starter: starter.into(),
            expected: [("x".to_owned(), Vec::new())].into(),
            rehearsals: [("x".to_owned(), self.rehearsed(Some(&[])))].into(),
            firing: Firing::Known(Vec::new()),
            rollouts: Ok(Vec::new()),
            error_budget: None,
            others: Ok(Others::default()),
            predecessor: None,
        });
    }

    fn look(&mut self, runs: &[(&str, Found<ExperimentRun>)]) {
        self.steps = Some(StepReads {
            read_at: at(self.now),
            runs: runs.iter().map(|(step, run)| ((*step).to_owned(), run.clone())).collect(),
        });
        self.start = Some(StartReads {
            read_at: at(self.now),
            plan: Found::There(self.plan.clone()),
            days: Ok(Vec::new()),
            firing: Firing::Known(Vec::new()),
            rollouts: Ok(Vec::new()),
        });
    }

    /// The rehearsal of the experiment, over with these guards closed; absent while it is not over.
    fn rehearsed(&self, closed: Option<&[&str]>) -> Found<ExperimentRun> {
        let mut spec = crate::api::ExperimentRunSpec::of("x");
        (spec.dry_run, spec.game_day) = (true, Some("p-day".into()));
        let mut run = ExperimentRun::new(&rehearsal_name("day", "x"), spec);
        run.metadata.creation_timestamp.clone_from(&self.day.metadata.creation_timestamp);
        let guard = |name: &str| {
            let passed = closed.is_some_and(|closed| !closed.contains(&name));
            json!({"name": name, "passed": passed, "detail": format!("{name} said so")})
        };
        let over = at(self.now).to_string();
        let completed =
            json!([{"name": "completed", "at": over, "notBefore": over, "source": "operator"}]);
        let status = if closed.is_some() {
            json!({"facts": completed, "reason": "DryRun", "summary": "told",
                "plan": {"guards": [guard("Enabled"), guard("Steady")]}})
        } else {
            json!({"conditions": [{"type": "Injected", "status": "False", "reason": "Steady",
                "message": "probe a good for 3s of 10s", "lastTransitionTime": "2026-01-01T00:00:00Z"}]})
        };
        run.status = Some(serde_json::from_value(status).unwrap());
        Found::There(run)
    }

    /// Writes what is decided, which is to be written.
    #[track_caller]
    fn record(&mut self) {
        match self.decide() {
            Decision::Record(status) => self.day.status = Some(*status),
            other => panic!("{other:?}"),
        }
    }

    /// Writes as long as something is to be written, and gives what is decided then.
    fn settle(&mut self) -> Decision {
        for _ in 0..50 {
            match self.decide() {
                Decision::Record(status) => self.day.status = Some(*status),
                other => return other,
            }
        }
        panic!("it never ends")
    }

    /// A day that is a go.
    fn gone(plan: &Value) -> Self {
        let mut world = Self::new(plan);
        world.record();
        world.open_gates();
        world.record();
        assert!(world.day.fact(DayFactName::Go).is_some(), "{:?}", world.day.status);
        world
    }

    /// The run of a step, created at that second, over with that verdict.
    fn run(&self, step: &str, created: f64, over: Option<(f64, &str)>) -> Found<ExperimentRun> {
        let planned = self.plan.spec.steps.iter().find(|known| known.name == step).unwrap();
        let (name, spec) =
            run_of("p-day", planned, Some(hash::short(&self::spec())), Duration::minutes(10));
        let mut run = ExperimentRun::new(&name, spec);
        let created = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(created).timestamp());
        run.metadata.creation_timestamp = Some(created);
        run.metadata.uid = Some(name);
        if let Some((over, verdict)) = over {
            let over = at(over).to_string();
            let status = json!({
                "facts": [{"name": "completed", "at": over, "notBefore": over, "source": "operator"}],
                "verdict": verdict, "summary": format!("{verdict}: told"),
            });
            run.status = Some(serde_json::from_value(status).unwrap());
        }
        Found::There(run)
    }

    fn step(&self, index: usize) -> &StepResult {
        &self.day.status.as_ref().unwrap().steps[index]
    }

    #[track_caller]
    fn ended(&self, outcome: Outcome, reason: DayReason, summary: &str) {
        let status = self.day.status.as_ref().unwrap();
        assert_eq!((status.outcome, status.reason), (Some(outcome), Some(reason)), "{status:?}");
        assert_eq!(status.summary.as_deref(), Some(summary));
        assert!(status.fact(DayFactName::Reported).is_some());
    }

    /// Goes on until the run of that step is over with that verdict.
    #[track_caller]
    fn pass(&mut self, step: &str, verdict: &str) {
        self.look(&[]);
        assert_eq!(self.settle(), Decision::Look(Need::Steps), "its intent is written");
        self.look(&[(step, Found::Missing)]);
        assert!(matches!(self.decide(), Decision::Act(Effect::Create { .. })));
        let began = self.now;
        self.look(&[(step, self.run(step, began, None))]);
        assert!(matches!(self.settle(), Decision::WaitUntil(_)));
        self.now += 60.0;
        self.look(&[(step, self.run(step, began, Some((self.now, verdict))))]);
    }
}

#[test]
fn nothing_is_created_before_the_go_and_each_run_is_written_down_before_it_is_created() {
    let mut world = World::new(&json!({}));
    world.record();
    assert_eq!(world.decide(), Decision::Look(Need::Gates));
    world.open_gates();
    world.record();
    let plan = world.day.status.as_ref().unwrap().plan.clone().unwrap();
    assert_eq!(plan.experiments[0].hash, hash::short(&spec()));
    assert_eq!(world.decide(), Decision::Look(Need::Start));
    world.look(&[]);
    world.record();
    assert_eq!(world.step(0).run.as_deref(), Some("p-day-one"));
    assert_eq!(world.decide(), Decision::Look(Need::Steps), "what was read knows no such run");
    world.look(&[("one", Found::Missing)]);
    let Decision::Act(Effect::Create { name, spec }) = world.decide() else { panic!("it starts") };
    assert_eq!((name.as_str(), spec.game_day.as_deref()), ("p-day-one", Some("p-day")));
    assert_eq!(spec.experiment_hash, Some(hash::short(&self::spec())));
    world.look(&[("one", world.run("one", 1.0, None))]);
    world.record();
    assert_eq!(world.step(0).started_at, Some(at(1.0)));
    assert!(matches!(world.decide(), Decision::WaitUntil(_)));
}

#[test]
fn steps_run_in_order_with_their_gap_and_the_day_reports() {
    let mut world = World::gone(&json!({}));
    world.pass("one", "Passed");
    assert_eq!(world.settle(), Decision::WaitUntil(at(60.0 + 300.0)), "the gap");
    assert_eq!(world.step(0).summary.as_deref(), Some("Passed: told"));
    world.now = 360.0;
    world.pass("two", "ObjectiveMissed");
    world.settle();
    world.ended(
        Outcome::Done,
        DayReason::StepsOver,
        "2 of 2 steps ran: 1 Passed, 1 ObjectiveMissed",
    );
    assert_eq!(world.decide(), Decision::Act(Effect::ReleaseFinalizer));
}

#[test]
fn of_two_runs_of_a_name_the_one_that_was_read_first_alone_may_break_something() {
    let mut world = World::gone(&json!({}));
    let says = |world: &World, run: &str, uid: &str| intent(&world.day, run, uid);
    assert!(matches!(says(&world, "p-day-one", "p-day-one"), Intent::Refused(_)), "no intent yet");
    world.look(&[]);
    world.record();
    assert!(matches!(says(&world, "p-day-one", "p-day-one"), Intent::Unsettled(_)));
    world.look(&[("one", world.run("one", 1.0, None))]);
    world.record();
    assert!(matches!(says(&world, "p-day-one", "p-day-one"), Intent::Written(_)));
    for (run, uid) in [("p-day-one", "another"), ("p-day-two", "p-day-one")] {
        assert!(matches!(says(&world, run, uid), Intent::Refused(_)), "{run} {uid}");
    }
    // It was deleted, and one that was created too late has taken its name.
    let Found::There(mut late) = world.run("one", 1.0, None) else { panic!("it is there") };
    late.metadata.uid = Some("another".to_owned());
    world.look(&[("one", Found::There(late))]);
    world.settle();
    world.ended(
        Outcome::Halted,
        DayReason::RunGone,
        "halted, as run p-day-one of step one is gone, and another of its name is there; 0 of 2 steps ran",
    );
    assert!(matches!(says(&world, "p-day-one", "p-day-one"), Intent::Refused(_)), "it is over");
}
