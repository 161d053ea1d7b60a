//! The promises, judged by what happens in the world and never by what a run says of itself.

use std::collections::{BTreeMap, BTreeSet};

use firedrill::api::{ExperimentRun, Moment, run::FactName};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    call::Call,
    days::Days,
    server::is_ending,
    store::Key,
    world::{World, moment},
};

/// A read may be so old when something harmful is decided on it; milliseconds.
pub const FRESH: u64 = 1000;
/// So long after `stop` and deletion a process that hears late may still send; milliseconds.
const HEARD: u64 = 20_000;

/// What the promises remember.
#[derive(Default)]
pub struct Judge {
    /// The first promise that did not hold.
    pub broken: Option<String>,
    /// When each run was told to stop.
    stopped: BTreeMap<Key, u64>,
    /// When the lever was engaged, and when the namespace opted out.
    closed: BTreeMap<&'static str, u64>,
    /// The pods that each run has struck.
    struck: BTreeMap<Key, BTreeSet<String>>,
    /// Pods that were struck and are victims of several runs: which of them it was shows when one writes that it has
    /// injected, as a call does not say which run it is for.
    doubtful: Vec<(String, BTreeSet<Key>)>,
    /// What is gone: since when, and as it was last.
    gone: BTreeMap<Key, (u64, Value)>,
    debriefs: Vec<String>,
    pub days: Days,
}

impl Judge {
    pub fn complain(&mut self, what: impl Into<String>) {
        self.broken.get_or_insert_with(|| what.into());
    }

    pub fn stopped(&mut self, run: &Key, now: u64) {
        self.stopped.entry(run.clone()).or_insert(now);
    }

    /// The lever was engaged, or the namespace opted out.
    pub fn closed(&mut self, what: &'static str, now: u64) {
        self.closed.entry(what).or_insert(now);
    }

    pub fn is_stopped(&self, run: &Key) -> bool {
        self.stopped.contains_key(run)
    }

    /// Whether neither the lever was engaged nor the namespace opted out.
    pub fn is_open(&self) -> bool {
        self.closed.is_empty()
    }

    pub fn created(&mut self, key: &Key) {
        if key.resource == "debriefs.firedrill.dev" {
            self.debriefs.push(key.name.clone());
        }
    }

    pub fn gone(&mut self, key: &Key, object: &Value, now: u64) {
        self.gone.insert(key.clone(), (now, object.clone()));
    }

    /// Since when an object is gone.
    pub fn gone_at(&self, key: &Key) -> Option<u64> {
        self.gone.get(key).map(|(at, _)| *at)
    }

    /// An object that is gone, as it was last.
    pub fn last(&self, key: &Key) -> Option<&Value> {
        self.gone.get(key).map(|(_, object)| object)
    }

    /// What is gone of a resource, as it was last.
    pub fn departed(&self, resource: &str) -> impl Iterator<Item = &Value> {
        self.gone.iter().filter(move |(key, _)| key.resource == resource).map(|(_, (_, last))| last)
    }

    /// The runs that have struck.
    pub fn struck_runs(&self) -> impl Iterator<Item = &Key> {
        self.struck.keys()
    }

    /// Each miss has one debrief, by the name that its run says.
    pub fn count_debriefs(&mut self, missed: &BTreeSet<String>) {
        let mut opened = self.debriefs.clone();
        opened.sort();
        if !opened.iter().eq(missed) {
            self.complain(format!("debriefs {opened:?} were opened, the misses are {missed:?}"));
        }
    }
}

impl World {
    /// Judges what an operator is about to write.
    pub fn judge_write(&mut self, call: &Call, old: &Value, new: &Value) {
        let wrong = match call.key.resource.as_str() {
            Key::RUNS if is_stop(old, new) => {
                self.judge.stopped(&call.key, self.millis());
                None
            }
            Key::RUNS | Key::DAYS => self.wrong_with_write(call, old, new),
            _ => None,
        };
        if call.key.resource == Key::RUNS {
            if has(new, FactName::Injected) {
                self.settle(&call.key, new);
            }
            self.judge_turn(&call.key, old, new);
        }
        if let Some(what) = wrong {
            self.judge.complain(format!("{} {what}", call.key.name));
        }
    }

    fn wrong_with_write(&self, call: &Call, old: &Value, new: &Value) -> Option<String> {
        if !call.body["metadata"]["resourceVersion"].is_string() {
            return Some("was written without a version".to_owned());
        }
        if let Some(name) = lost_fact(old, new) {
            return Some(format!("lost the fact {name}, or it was changed"));
        }
        if call.key.resource == Key::DAYS {
            return self.wrong_with_day(&call.key, old, new);
        }
        if has(old, FactName::Completed) && old["status"] != new["status"] {
            return Some("was changed after it was complete".to_owned());
        }
        wrong_with_victims(old, new).or_else(|| self.wrong_with_end(old, new))
    }

    /// What is wrong with the facts that end a run.
    fn wrong_with_end(&self, old: &Value, new: &Value) -> Option<String> {
        let is_new = |fact| has(new, fact) && !has(old, fact);
        if is_new(FactName::Reverted) {
            let free = |victim: &&Value| {
                let pod = victim["uid"].as_str().and_then(|uid| self.pod(uid));
                pod.is_some_and(|pod| {
                    !is_ending(pod)
                        && pod["metadata"]["resourceVersion"] == victim["resourceVersion"]
                })
            };
            if let Some(victim) = journaled(new).find(free) {
                return Some(format!("is reverted, and {} could still be killed", victim["uid"]));
            }
        }
        let intact = |uid: &str| self.pod(uid).is_some_and(|pod| !is_ending(pod));
        if is_new(FactName::Injected) && victims(new).all(|(uid, _)| intact(uid)) {
            return Some("says that it has injected, and every victim is there".to_owned());
        }
        let open = has(new, FactName::Journaled) && !has(new, FactName::Reverted);
        (is_new(FactName::Completed) && open).then(|| "is complete without a revert".to_owned())
    }

    /// Judges the end of a pod that a call brought about.
    pub fn judge_kill(&mut self, call: &Call, uid: &str) {
        let runs = self.store.list(Key::RUNS, "");
        let wanted = |run: &Value| victims(run).any(|(victim, _)| victim == uid);
        let blamed: Vec<(Key, Option<String>)> = runs
            .into_iter()
            .filter(|(_, run)| wanted(&run.value))
            .map(|(key, run)| (key.clone(), self.wrong_with_kill(call, key, &run.value)))
            .collect();
        let free: BTreeSet<Key> = blamed
            .iter()
            .filter(|(_, wrong)| wrong.is_none())
            .map(|(run, _)| run.clone())
            .collect();
        match (free.len(), blamed.first()) {
            (0, Some((run, Some(wrong)))) => {
                self.judge.complain(format!("{uid} was killed for {} {wrong}", run.name));
            }
            (0, _) => self.judge.complain(format!("{uid} was killed and is in no journal")),
            (1, _) => free.iter().for_each(|run| self.strike(run, uid)),
            _ => self.judge.doubtful.push((uid.to_owned(), free)),
        }
    }

    fn strike(&mut self, run: &Key, uid: &str) {
        self.judge.struck.entry(run.clone()).or_default().insert(uid.to_owned());
        self.note_strike(run);
    }

    /// A run says that it has injected: so it was its call that struck a victim that others have too.
    fn settle(&mut self, key: &Key, run: &Value) {
        let is_its = |(uid, runs): &mut (String, BTreeSet<Key>)| {
            runs.contains(key) && victims(run).any(|(victim, _)| victim == uid)
        };
        let its: Vec<_> = self.judge.doubtful.extract_if(.., is_its).collect();
        for (uid, _) in &its {
            self.strike(key, uid);
        }
    }

    fn wrong_with_kill(&self, call: &Call, key: &Key, run: &Value) -> Option<String> {
        let judge = &self.judge;
        let late =
            |since: Option<&u64>, grace| since.is_some_and(|since| call.sent > since + grace);
        if has(run, FactName::Reverted) {
            return Some("after it was reverted".to_owned());
        }
        if !self.is_held(run) {
            return Some("while nothing held it".to_owned());
        }
        if late(judge.stopped.get(key), HEARD) {
            return Some("long after it was to stop".to_owned());
        }
        if let Some((what, _)) = judge.closed.iter().find(|(_, since)| late(Some(since), FRESH)) {
            return Some(format!("after {what}"));
        }
        let deadline = &run["status"]["plan"]["deadline"];
        if moment(call.sent) > serde_json::from_value::<Moment>(deadline.clone()).unwrap() {
            return Some("after its deadline".to_owned());
        }
        let is_rival = |other: &Key| {
            other != key
                && self.is_under_way(other)
                && self.store.get(other).is_some_and(|other| target(other) == target(run))
        };
        if let Some(rival) = judge.struck.keys().find(|other| is_rival(other)) {
            return Some(format!("while {} has the same target", rival.name));
        }
        let of_others =
            |(_, runs): &&(String, BTreeSet<Key>)| !runs.contains(key) && runs.iter().all(is_rival);
        if let Some((victim, _)) = judge.doubtful.iter().find(of_others) {
            return Some(format!("while another run that has struck {victim} has the same target"));
        }
        self.wrong_with_strike(call, key, run)
    }

    /// Whether that run is there and not over.
    pub fn is_under_way(&self, run: &Key) -> bool {
        self.store.get(run).is_some_and(|run| !has(run, FactName::Completed))
    }
}

/// Whether nothing was written but that the run is to stop.
fn is_stop(old: &Value, new: &Value) -> bool {
    let mut stopped = old.clone();
    stopped["spec"]["stop"] = json!(true);
    stopped["metadata"]["generation"] = new["metadata"]["generation"].clone();
    new["spec"]["stop"] == true && stopped == *new
}

/// The victims may only become more, and a round never takes more pods than were asked for.
fn wrong_with_victims(old: &Value, new: &Value) -> Option<String> {
    let (before, after): (Vec<_>, Vec<_>) = (victims(old).collect(), victims(new).collect());
    if !after.starts_with(&before) {
        return Some("has other victims than it had journaled".to_owned());
    }
    let wanted = new["status"]["plan"]["spec"]["fault"]["podKill"]["count"].as_u64()?;
    let in_round = |round| after.iter().filter(|(_, other)| *other == round).count() as u64;
    let (_, round) = after.iter().find(|(_, round)| in_round(*round) > wanted)?;
    Some(format!("takes more than {wanted} pods in round {round}"))
}

/// What a run that has a journal breaks.
fn target(run: &Value) -> &Value {
    &run["status"]["plan"]["spec"]["target"]
}

fn journaled(run: &Value) -> impl Iterator<Item = &Value> {
    run["status"]["plan"]["victims"].as_array().into_iter().flatten()
}

/// The victims of a run, each with its round.
pub fn victims(run: &Value) -> impl Iterator<Item = (&str, i64)> {
    journaled(run).filter_map(|victim| Some((victim["uid"].as_str()?, victim["round"].as_i64()?)))
}

/// Whether the run, or the day, has that fact.
pub fn has(object: &Value, name: impl Serialize) -> bool {
    let name = json!(name);
    facts(object).any(|fact| fact["name"] == name)
}

fn facts(object: &Value) -> impl Iterator<Item = &Value> {
    object["status"]["facts"].as_array().into_iter().flatten()
}

/// A fact that is there before and not after, or another one: what the rule of the definition refuses.
pub fn lost_fact(old: &Value, new: &Value) -> Option<String> {
    let kept = |fact: &&Value| facts(new).any(|other| other == *fact);
    facts(old).find(|fact| !kept(fact)).map(|fact| fact["name"].to_string())
}

/// The run, typed; what cannot be read is a broken world.
pub fn read_run(run: &Value) -> ExperimentRun {
    serde_json::from_value(run.clone()).unwrap()
}
