//! The promises about days and their runs, judged by what happens in the world and never by what a day
//! says of itself.

use std::collections::{BTreeMap, BTreeSet};

use firedrill::api::{game_day_run::DayFactName, names};
use serde_json::Value;

use super::{
    call::Call,
    judge::{FRESH, has},
    server::is_ending,
    store::Key,
    world::World,
};

/// What somebody has read before something was gone he may still act on, so many milliseconds later.
const HEARD: u64 = 10_000;
/// What of a day's status may change once it is reported: whether people were told of that, and which
/// generation this is about.
const AFTERWARDS: [&str; 3] = ["announcements", "conditions", "observedGeneration"];

/// What the promises about days remember.
#[derive(Default)]
pub struct Days {
    /// Every day that ever was, by its name.
    names: BTreeSet<String>,
    /// The days that people have deleted, by their names.
    deleted: BTreeSet<String>,
    /// Since when a day is not under way any more, by its UID.
    ended: BTreeMap<String, u64>,
    /// The run that has struck for a step, by the name of both.
    struck: BTreeMap<String, String>,
}

impl Days {
    pub fn deleted(&mut self, day: &Key) {
        self.deleted.insert(day.name.clone());
    }

    /// A day is kept like that from now on.
    pub fn seen(&mut self, day: &Value, now: u64) {
        if has(day, DayFactName::Go) && !is_under_way(day) {
            self.ended.entry(text(&day["metadata"]["uid"]).to_owned()).or_insert(now);
        }
    }

    /// The day that a run of that name is a step of.
    fn of_run(&self, run: &str) -> Option<&str> {
        let is_of = |day: &&String| {
            run.strip_prefix(day.as_str()).is_some_and(|step| step.starts_with('-'))
        };
        self.names.iter().find(is_of).map(String::as_str)
    }
}

impl World {
    /// Judges the creation of something by an operator.
    pub fn judge_creation(&mut self, call: &Call, key: &Key, object: &Value) {
        let wrong = match key.resource.as_str() {
            Key::DAYS => self.wrong_with_birth(call, key),
            Key::RUNS => self.wrong_with_run(call, key, object),
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.judge.complain(format!("{} was created {wrong}", key.name));
        }
        self.judge.created(key);
        if key.resource == Key::DAYS && self.judge.days.names.insert(key.name.clone()) {
            self.tally.count("a day");
        }
        if key.resource == Key::RUNS {
            if is_rehearsal(object) {
                self.tally.count("rehearsal");
            }
            if !self.runs.contains(key) {
                self.runs.push(key.clone());
            }
        }
    }

    fn wrong_with_birth(&self, call: &Call, key: &Key) -> Option<String> {
        if self.day().as_ref() != Some(key) {
            return Some("and is no day of the plan".to_owned());
        }
        wrong_with_creator(call, key).or_else(|| self.is_again(call, key))
    }

    /// A rehearsal that people have deleted is created anew, as is a run whose day has not seen it.
    fn wrong_with_run(&self, call: &Call, key: &Key, run: &Value) -> Option<String> {
        let name = self.judge.days.of_run(&key.name);
        let Some(name) = name.or_else(|| run["spec"]["gameDay"].as_str()) else {
            return Some("for no day".to_owned());
        };
        if is_rehearsal(run) {
            return wrong_with_creator(call, key);
        }
        let day = self.last(&Key::day(name));
        let Some(step) = day.and_then(|day| steps(day).find(|step| step["run"] == key.name)) else {
            return Some("before its day had written it down".to_owned());
        };
        let again = || self.is_again(call, key).filter(|_| step["runUid"].is_string());
        wrong_with_creator(call, key).or_else(again)
    }

    /// Says so of an object that was there before, and has been gone for long enough that everybody knows.
    fn is_again(&self, call: &Call, key: &Key) -> Option<String> {
        let gone = self.judge.gone_at(key)?;
        (call.sent > gone + HEARD).then(|| "again".to_owned())
    }

    /// The object as it is, or as it was when it went.
    fn last(&self, key: &Key) -> Option<&Value> {
        self.store.get(key).or_else(|| self.judge.last(key))
    }

    /// What is wrong with what an operator writes of a day.
    pub fn wrong_with_day(&self, key: &Key, old: &Value, new: &Value) -> Option<String> {
        let is_new = |fact| has(new, fact) && !has(old, fact);
        if has(old, DayFactName::Reported)
            && let Some(field) = changed_field(&old["status"], &new["status"])
        {
            return Some(format!("was reported, and its {field} was changed"));
        }
        if has(old, DayFactName::Go) && old["status"]["plan"] != new["status"]["plan"] {
            return Some("has another plan than at its go".to_owned());
        }
        if is_new(DayFactName::Go) && self.judge.days.deleted.contains(&key.name) {
            return Some("begins, and was deleted before".to_owned());
        }
        let changed = |(old, new): (&Value, &Value)| {
            !old["runUid"].is_null() && old["runUid"] != new["runUid"]
        };
        if steps(old).count() > steps(new).count() || steps(old).zip(steps(new)).any(changed) {
            return Some("has another run for a step than before".to_owned());
        }
        if is_new(DayFactName::Reported) {
            let busy = self.judge.struck_runs().find(|run| self.is_busy_for(run, &key.name));
            return busy.map(|run| format!("is reported, and {} is not over", run.name));
        }
        None
    }

    fn is_busy_for(&self, run: &Key, day: &str) -> bool {
        self.judge.days.of_run(&run.name) == Some(day) && self.is_under_way(run)
    }

    /// What is wrong with a strike for that run, as far as its day goes.
    pub fn wrong_with_strike(&self, call: &Call, key: &Key, run: &Value) -> Option<String> {
        if run["spec"]["dryRun"] == true {
            return Some("which breaks nothing".to_owned());
        }
        let day = self.judge.days.of_run(&key.name)?;
        let Some(day) = self.last(&Key::day(day)) else {
            return Some("without a day".to_owned());
        };
        let uid = &run["metadata"]["uid"];
        if !has(day, DayFactName::Go) {
            return Some("before the go of its day".to_owned());
        }
        if !steps(day).any(|step| step["run"] == key.name && step["runUid"] == *uid) {
            return Some("which its day does not intend".to_owned());
        }
        let ended = self.judge.days.ended.get(text(&day["metadata"]["uid"]));
        if ended.is_some_and(|ended| call.sent > ended + FRESH) {
            return Some("after its day had ended".to_owned());
        }
        let struck = self.judge.days.struck.get(&key.name);
        let other = struck.is_some_and(|known| known != uid);
        other.then(|| "whose step has struck before".to_owned())
    }

    /// A run has struck.
    pub fn note_strike(&mut self, key: &Key) {
        if self.judge.days.of_run(&key.name).is_some() {
            let uid = self.store.get(key).map_or("", |run| text(&run["metadata"]["uid"]));
            self.judge.days.struck.insert(key.name.clone(), uid.to_owned());
            self.tally.count("pod killed by a day");
        }
    }
}

fn wrong_with_creator(call: &Call, key: &Key) -> Option<String> {
    let is_starter = call.user == names::account_user(&key.namespace, names::STARTER);
    (!is_starter).then(|| "by somebody else than the starter".to_owned())
}

/// Whether the steps of a day may break something.
fn is_under_way(day: &Value) -> bool {
    let ends = [DayFactName::StopRequested, DayFactName::Reported];
    has(day, DayFactName::Go)
        && !ends.into_iter().any(|fact| has(day, fact))
        && day["spec"]["stop"] != true
        && !is_ending(day)
}

/// Whether a run is a dry run that a gate of a day asks for.
pub fn is_rehearsal(run: &Value) -> bool {
    run["spec"]["dryRun"] == true && run["spec"]["gameDay"].is_string()
}

/// The steps of a day.
pub fn steps(day: &Value) -> impl Iterator<Item = &Value> {
    day["status"]["steps"].as_array().into_iter().flatten()
}

/// A field of a status that is another one now, those apart that may be.
fn changed_field<'a>(old: &'a Value, new: &'a Value) -> Option<&'a str> {
    let fields = [old, new].into_iter().filter_map(Value::as_object).flatten();
    let mut fields = fields.map(|(field, _)| field.as_str());
    fields.find(|field| !AFTERWARDS.contains(field) && old[field] != new[field])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
