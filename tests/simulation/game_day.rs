//! A plan, which some worlds have: when it fires, what people do to it and to its day, and when that is
//! over.

use firedrill::api::{
    game_day_run::{self, DayFactName},
    run::FactName,
};
use rand::{RngExt, rngs::ChaCha8Rng};
use serde_json::{Value, json};

use super::{
    days::is_rehearsal,
    judge::has,
    people::Act,
    server::finalizers,
    store::Key,
    world::{World, moment},
};

/// How many of the worlds have a plan.
const SHARE: f64 = 0.2;
/// So many milliseconds after the disturbances nothing is on its way any more that could create a day.
const SETTLED: u64 = 10_000;

impl World {
    /// Puts down in some worlds that a plan comes to be; says whether this is one of them.
    pub fn plan(&mut self) -> bool {
        let mut random = self.dice.about("game day");
        if !random.random_bool(SHARE) {
            return false;
        }
        let fires = random.random_range(4..22) * 1000;
        self.fires = Some(fires);
        let spec = spec(&mut random, fires);
        self.after(random.random_range(1..3000), 0, move |world| {
            world.keep_experiment();
            let plan = json!({"apiVersion": "firedrill.dev/v1alpha1", "kind": "GameDay",
                "metadata": {}, "spec": spec});
            world.bear(&Key::plan(), plan);
        });
        true
    }

    /// The one day of the plan, where there is a plan.
    pub fn day(&self) -> Option<Key> {
        Some(Key::day(&game_day_run::name("plan", moment(self.fires?))))
    }

    /// People do something to the day or to its plan.
    pub fn act_on_day(&mut self, act: Act) {
        let Some(day) = self.day() else { return };
        let target = if matches!(act, Act::StopDay | Act::DeleteDay) { day } else { Key::plan() };
        if self.store.get(&target).is_none() {
            return;
        }
        match act {
            Act::DeleteDay => {
                self.judge.days.deleted(&target);
                self.begin_deletion(&target);
            }
            Act::DeletePlan => self.begin_deletion(&target),
            Act::StopDay => self.change_spec(&target, "stop", json!(true)),
            Act::SuspendPlan => self.change_spec(&target, "suspend", json!(true)),
            _ => self.change_spec(&target, "notes", json!("by people")),
        }
        self.tally.count(act.name());
    }

    fn change_spec(&mut self, key: &Key, field: &str, value: Value) {
        self.change(key, |object| {
            if object["spec"][field] != value {
                object["spec"][field] = value;
                let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
                object["metadata"]["generation"] = json!(generation + 1);
            }
        });
    }

    /// The name of what is left of the day, if anything is: a plan that has still to fire, a day that is not
    /// over and let go, or a rehearsal of a day that is there.
    pub fn unfinished_day(&self) -> Option<&str> {
        let fires = self.fires?;
        if self.millis() < self.rough_until + SETTLED {
            return Some("the time in which a day may come to be");
        }
        if self.store.get(&Key::plan()).is_some_and(|plan| !is_told(plan, fires)) {
            return Some("plan");
        }
        let is_let_go = |day: &Value| has(day, DayFactName::Reported) && finalizers(day).is_empty();
        let is_left = |run: &Value| {
            let day = run["spec"]["gameDay"].as_str();
            is_rehearsal(run) && day.is_some_and(|day| self.store.get(&Key::day(day)).is_some())
        };
        let days = self.store.list(Key::DAYS, "").into_iter();
        let days = days.filter(|(_, day)| !is_let_go(&day.value));
        let runs = self.store.list(Key::RUNS, "").into_iter();
        let mut left = days.chain(runs.filter(|(_, run)| is_left(&run.value)));
        left.next().map(|(key, _)| key.name.as_str())
    }

    /// Counts how the days have ended, and by which gates those that did not begin.
    pub fn count_days(&mut self) {
        let stored = self.store.list(Key::DAYS, "").into_iter().map(|(_, day)| &*day.value);
        for day in stored.chain(self.judge.departed(Key::DAYS)) {
            let told = |field: &str| day["status"][field].as_str().unwrap_or("none");
            self.tally.count(format!("day {}", told("outcome")));
            if has(day, DayFactName::NoGo) {
                self.tally.count(format!("no-go by {}", told("reason")));
            }
        }
    }
}

/// Whether the plan says what became of its time: that it had a day, was missed, or does not count.
fn is_told(plan: &Value, fires: u64) -> bool {
    let (status, at) = (&plan["status"], json!(moment(fires)));
    let is = |value: &Value| *value == at;
    let since = serde_json::from_value(status["since"]["at"].clone());
    is(&status["lastFire"])
        || is(&status["cancelled"])
        || is(&status["missed"]["at"])
        || since.is_ok_and(|since| moment(fires) <= since)
}

/// The moments of a day at which it hurts most.
pub fn aims() -> [Value; 7] {
    let of_day = [DayFactName::Announced, DayFactName::Gating, DayFactName::Go];
    let of_day = of_day.map(|fact| json!(fact));
    let [announced, gating, go] = of_day;
    let reported = json!(DayFactName::Reported);
    let of_run = [FactName::Accepted, FactName::Journaled, FactName::Injected];
    let [accepted, journaled, injected] = of_run.map(|fact| json!(fact));
    [announced, gating, go, reported, accepted, journaled, injected]
}

fn spec(random: &mut ChaCha8Rng, fires: u64) -> Value {
    let mut one_of = |choices: &[&'static str]| choices[random.random_range(0..choices.len())];
    let gap = one_of(&["0s", "0s", "3s"]);
    let before = one_of(&["0s", "0s", "5s", "15s"]);
    let when = one_of(&["Always", "Always", "Always", "Passed"]);
    let beside = one_of(&["no", "no", "yes"]) == "yes";
    let unannounced = one_of(&["no", "no", "no", "no", "no", "yes"]) == "yes";
    let mut steps = vec![json!({"name": "one", "experiment": "sim", "gap": gap})];
    if one_of(&["one", "one", "two"]) == "two" {
        let mut step = json!({"name": "two", "experiment": "sim", "gap": gap, "when": when,
            "unannounced": unannounced});
        if beside {
            step["after"] = json!([]);
        }
        steps.push(step);
    }
    json!({
        "startAt": moment(fires), "announce": {"before": before}, "steps": steps,
        "concurrency": if beside { 2 } else { 1 }, "startingDeadline": "1m", "endBy": "10m",
        "goNoGo": {"steadyFor": "10s", "noFiring": [], "alertsExist": false},
    })
}
