//! People, who begin runs, stop and delete them, engage the lever, opt out and touch things, at any
//! moment and above all at the wrong one.

use firedrill::api::{names, run::FactName};
use rand::RngExt;
use serde_json::{Value, json};

use super::{
    cluster::{Nature, app},
    game_day, judge,
    store::Key,
    world::World,
};

/// Something that people do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    Stop,
    Delete,
    EngageLever,
    OptOut,
    TouchPod,
    TouchRun,
    KillPod,
    StopDay,
    DeleteDay,
    DeletePlan,
    SuspendPlan,
    ChangePlan,
}

impl Act {
    pub const ALL: [(Self, f64); 12] = [
        (Self::Stop, 0.08),
        (Self::Delete, 0.08),
        (Self::EngageLever, 0.08),
        (Self::OptOut, 0.05),
        (Self::TouchPod, 0.15),
        (Self::TouchRun, 0.1),
        (Self::KillPod, 0.05),
        (Self::StopDay, 0.1),
        (Self::DeleteDay, 0.15),
        (Self::DeletePlan, 0.06),
        (Self::SuspendPlan, 0.06),
        (Self::ChangePlan, 0.06),
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop => "stopped",
            Self::Delete => "deleted",
            Self::EngageLever => "lever",
            Self::OptOut => "opted out",
            Self::TouchPod => "pod touched",
            Self::TouchRun => "run touched",
            Self::KillPod => "pod killed by people",
            Self::StopDay => "day stopped",
            Self::DeleteDay => "day deleted",
            Self::DeletePlan => "plan deleted",
            Self::SuspendPlan => "plan suspended",
            Self::ChangePlan => "plan changed",
        }
    }

    /// Whether it is done to a day, or to its plan.
    const fn is_about_day(self) -> bool {
        matches!(
            self,
            Self::StopDay
                | Self::DeleteDay
                | Self::DeletePlan
                | Self::SuspendPlan
                | Self::ChangePlan
        )
    }
}

/// The moments of a run at which it hurts most.
fn aims() -> [Value; 4] {
    [FactName::Accepted, FactName::Journaled, FactName::Injected, FactName::RevertStarted]
        .map(|fact| json!(fact))
}

impl World {
    /// Puts down what people will do in this world.
    pub fn invite(&mut self) {
        let mut random = self.dice.about("people");
        if !self.plan() {
            self.after(random.random_range(1..1500), 0, |world| world.begin_run("sim-1"));
            self.runs_awaited = 1;
        }
        if random.random_bool(0.2) {
            self.runs_awaited += 1;
            let planned = self.fires.is_some();
            self.tally.count(if planned { "run beside a day" } else { "two runs" });
            let latest = if planned { 30_000 } else { 9000 };
            self.after(random.random_range(1..latest), 1, |world| world.begin_run("sim-2"));
        }
        for (act, probability) in Act::ALL {
            if act.is_about_day() && self.fires.is_none() || !random.random_bool(probability) {
                continue;
            }
            if random.random_bool(0.6) {
                let aims = if act.is_about_day() { &game_day::aims()[..] } else { &aims() };
                let aim = aims[random.random_range(0..aims.len())].clone();
                self.aims.push((aim, act, random.random_range(1..60)));
            } else {
                let at = random.random_range(1..self.rough_until);
                self.after(at, self.dice.number(act), move |world| world.act(act));
            }
        }
    }

    /// A fact was written down for the first time: who waited for it acts.
    pub fn provoke(&mut self, old: &Value, new: &Value) {
        let aims = std::mem::take(&mut self.aims);
        for (fact, act, wait) in aims {
            if judge::has(new, &fact) && !judge::has(old, &fact) {
                self.after(wait, self.dice.number(act), move |world| world.act(act));
            } else {
                self.aims.push((fact, act, wait));
            }
        }
    }

    fn begin_run(&mut self, name: &str) {
        let mut spec =
            json!({"experiment": "sim", "startWithin": "20s", "dryRun": false, "stop": false});
        if self.from_experiment {
            self.keep_experiment();
        } else {
            spec["template"] = self.experiment.clone();
        }
        self.begin(&Key::run(name), &spec);
    }

    /// Somebody creates the run that was awaited.
    pub fn begin(&mut self, key: &Key, spec: &Value) {
        let run = json!({"apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
            "metadata": {}, "spec": spec});
        self.runs.push(key.clone());
        self.runs_awaited -= 1;
        self.bear(key, run);
    }

    /// Writes down the Experiment, unless it is there.
    pub fn keep_experiment(&mut self) {
        let key = Key::new("experiments.firedrill.dev", "shop", "sim");
        if self.store.get(&key).is_none() {
            let experiment = json!({"apiVersion": "firedrill.dev/v1alpha1", "kind": "Experiment",
                "metadata": {}, "spec": self.experiment});
            self.bear(&key, experiment);
        }
    }

    fn act(&mut self, act: Act) {
        if act.is_about_day() {
            return self.act_on_day(act);
        }
        let now = self.millis();
        // Of a day it is the newest run.
        let run = if self.fires.is_some() { self.runs.last() } else { self.runs.first() };
        let Some(run) = run.cloned() else { return };
        let pods = self.store.list("pods", "shop");
        let of_web = pods.iter().find(|(_, pod)| app(&pod.value) == "web");
        let pod = of_web.map(|(key, _)| (*key).clone());
        match act {
            Act::Stop => {
                self.judge.stopped(&run, now);
                self.change(&run, |run| run["spec"]["stop"] = json!(true));
            }
            Act::Delete => {
                self.judge.stopped(&run, now);
                self.begin_deletion(&run);
            }
            Act::EngageLever => {
                self.judge.closed("the lever was engaged", now);
                let lever = json!({"apiVersion": "firedrill.dev/v1alpha1", "kind": "SafetyLever",
                    "metadata": {}, "spec": {"engaged": true, "by": "people", "reason": "enough"}});
                self.bear(&Key::lever(), lever);
            }
            Act::OptOut => {
                self.judge.closed("the namespace opted out", now);
                self.change(&Key::namespace(), |namespace| {
                    namespace["metadata"]["labels"][names::ENABLED] = json!("false");
                });
            }
            Act::TouchRun => self.change(&run, touch),
            Act::TouchPod => pod.iter().for_each(|pod| self.change(pod, touch)),
            Act::KillPod => pod.iter().for_each(|pod| self.end_pod(pod)),
            _ => {}
        }
        self.tally.count(act.name());
    }
}

fn touch(object: &mut Value) {
    object["metadata"]["annotations"]["example.com/touched"] = json!("by people");
}

/// The experiment of this world.
pub fn experiment(mut random: impl RngExt, nature: &Nature) -> Value {
    let mut one_of = |choices: &[&'static str]| choices[random.random_range(0..choices.len())];
    let rounds = one_of(&["no", "no", "no", "no", "yes"]) == "yes";
    let mut kill = json!({"method": one_of(&["Evict", "Evict", "Delete"]),
        "order": one_of(&["Random", "Oldest", "Newest"])});
    kill["count"] = if rounds || one_of(&["1", "2", "2"]) == "1" { json!(1) } else { json!(2) };
    if rounds {
        kill["every"] = json!("4s");
    }
    let mut spec = json!({
        "hypothesis": "h", "owner": "o", "target": {nature.target(): "web"},
        "fault": {"podKill": kill}, "duration": if rounds { "10s" } else { "30s" },
        "tolerates": one_of(&["no", "no", "no", "yes"]) == "yes",
        "steadyState": [{"name": "answers", "tcp": {"service": "web", "port": 80, "interval": "200ms"}}],
        "detection": {"within": one_of(&["3s", "20s"]), "alerts": ["{alertname=\"Down\"}"]},
        "recovery": {"within": one_of(&["5s", "60s"]), "stableFor": "2s"},
        "guards": {"minReady": 0, "steadyFor": "1s"},
    });
    if one_of(&["no", "no", "no", "no", "no", "no", "no", "yes"]) == "yes" {
        spec["guards"]["abortWhenProbeFailsFor"] = json!("1s");
    }
    spec
}
