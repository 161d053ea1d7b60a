//! Crowds: up to fifty runs that begin within half a minute, each of a target of its own, where few may be under way.

use std::collections::BTreeMap;

use firedrill::api::run::{FactName, Verdict};
use rand::RngExt;
use serde_json::{Value, json};

use super::{judge, store::Key, world::World};

/// In so many of the worlds without a plan there is one.
const SHARE: f64 = 0.005;
/// Within so many milliseconds they begin.
const WITHIN: u64 = 30_000;
/// Nobody begins to break something before one that was created so many milliseconds earlier.
const OVERTAKES: u64 = 10_000;

/// The runs of a crowd.
pub struct Crowd {
    /// How many runs may be under way at once.
    pub limit: usize,
    /// The millisecond in which each was created.
    born: BTreeMap<Key, u64>,
    /// Whether nothing goes wrong in this world.
    is_calm: bool,
}

impl World {
    /// Puts down the crowd of this world, if there is to be one.
    pub fn gather(&mut self) {
        let mut random = self.dice.about("crowd");
        if self.fires.is_some() || !random.random_bool(SHARE) {
            return;
        }
        let is_calm = random.random_bool(0.5);
        if is_calm {
            self.trouble = 0.0;
        }
        let limit = random.random_range(2..9);
        self.crowd = Some(Crowd { limit, born: BTreeMap::new(), is_calm });
        self.tally.count(if is_calm { "a crowd" } else { "a crowd in trouble" });
        let count = random.random_range(5..49);
        self.runs_awaited += count;
        for number in 0..count {
            let app = format!("crowd-{number}");
            self.install(&app, 1);
            let at = random.random_range(1..WITHIN);
            self.after(at, 2 + number as u64, move |world| world.join(&app));
        }
    }

    fn join(&mut self, app: &str) {
        let key = Key::run(app);
        let now = self.millis();
        if let Some(crowd) = &mut self.crowd {
            crowd.born.insert(key.clone(), now);
        }
        let template = json!({
            "hypothesis": "h", "owner": "o", "target": {self.nature.target(): app},
            "fault": {"podKill": {"method": "Evict", "order": "Random", "count": 1}}, "duration": "30s",
            "tolerates": true, "steadyState": [{"name": "whole", "workload": {}}],
            "detection": {"within": "20s", "alerts": ["{alertname=\"Down\"}"]},
            "recovery": {"within": "60s", "stableFor": "2s"}, "guards": {"minReady": 0, "steadyFor": "1s"},
        });
        let spec = json!({"experiment": app, "startWithin": "10m", "dryRun": false, "stop": false, "template": template});
        self.begin(&key, &spec);
    }

    /// A run journals, and will break something: there is room for it, and it overtakes nobody who was created long before.
    pub fn judge_turn(&mut self, run: &Key, old: &Value, new: &Value) {
        if judge::has(old, FactName::Journaled) || !judge::has(new, FactName::Journaled) {
            return;
        }
        let Some(crowd) = self.crowd.as_ref().filter(|crowd| crowd.is_calm) else { return };
        let has_journaled =
            |run: &Key| self.store.get(run).is_some_and(|run| judge::has(run, FactName::Journaled));
        let is_rival =
            |other: &&Key| *other != run && self.is_under_way(other) && has_journaled(other);
        let under_way = self.runs.iter().filter(is_rival).count();
        // Each of two operators counts those alone of the other's of which it has heard.
        if self.operators() == 1 && under_way >= crowd.limit {
            let what = format!("{} begins beside {under_way} others", run.name);
            return self.judge.complain(what);
        }
        let Some(own) = crowd.born.get(run) else { return };
        let waits = |other: &Key| {
            self.is_under_way(other) && !self.judge.is_stopped(other) && !has_journaled(other)
        };
        let mut earlier = crowd.born.iter().filter(|(_, born)| *born + OVERTAKES < *own);
        if let Some((other, born)) = earlier.find(|(other, _)| waits(other)) {
            let what =
                format!("{} overtakes {}, which waits since {born} ms", run.name, other.name);
            self.judge.complain(what);
        }
    }

    /// Nobody of a crowd comes too late because of the others.
    pub fn judge_crowd(&mut self) {
        let Some(crowd) = self.crowd.as_ref().filter(|crowd| crowd.is_calm) else { return };
        let is_late = |run: &&Key| {
            let run = self.store.get(run);
            run.is_some_and(|run| run["status"]["verdict"] == json!(Verdict::Error))
        };
        let late = crowd.born.keys().find(is_late).map(|run| run.name.clone());
        if let Some(name) = late.filter(|_| self.judge.is_open()) {
            self.judge.complain(format!("{name} ended as an error, and nothing went wrong"));
        }
    }
}
