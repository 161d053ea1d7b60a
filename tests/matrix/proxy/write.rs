//! How a write is told apart from the others of its run, so that it is found again in another run.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use serde_json::Value;

use super::ask::Ask;
use crate::judge::effects::MARK;

/// One write of a run: the first that brings a certain news, or the n-th of those that bring none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Write {
    pub verb: &'static str,
    pub resource: String,
    /// A fact, a reason, what becomes of the finalizer.
    pub news: Option<String>,
    pub nth: usize,
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, resource, news, nth } = self;
        let what = news.as_ref().map_or_else(|| format!("#{nth}"), |news| format!("({news})"));
        f.pad(&format!("{verb} {resource} {what}"))
    }
}

/// A request among those of its run; one write may bring several news at once.
#[derive(Clone, Debug)]
pub struct Told {
    ask: Ask,
    news: Vec<String>,
    nth: usize,
}

impl Told {
    /// By which it is found again.
    pub fn write(&self) -> Write {
        Write {
            verb: self.ask.verb,
            resource: self.ask.resource.clone(),
            news: self.news.first().cloned(),
            nth: self.nth,
        }
    }

    /// Whether it is that write.
    pub fn is(&self, write: &Write) -> bool {
        let brings = match &write.news {
            Some(news) => self.news.contains(news),
            None => self.news.is_empty() && self.nth == write.nth,
        };
        brings && self.ask.verb == write.verb && self.ask.resource == write.resource
    }
}

/// Tells the writes of one run apart, in the order in which they come.
#[derive(Default)]
pub struct Teller {
    known: HashSet<(String, String)>,
    without_news: HashMap<(&'static str, String), usize>,
}

impl Teller {
    pub fn tell(&mut self, ask: &Ask, body: &[u8]) -> Told {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut news = says((ask.verb, &ask.resource), &body);
        news.retain(|news| self.known.insert((ask.resource.clone(), news.clone())));
        let nth = if news.is_empty() {
            let count = self.without_news.entry((ask.verb, ask.resource.clone())).or_default();
            *count += 1;
            *count
        } else {
            1
        };
        Told { ask: ask.clone(), news, nth }
    }
}

/// What a write says that an earlier one may not have said.
fn says((verb, resource): (&str, &str), body: &Value) -> Vec<String> {
    let text = |pointer| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let list = |pointer| body.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    match resource {
        "deployments" | "services" | "networkpolicies" => mark(body).into_iter().collect(),
        "experimentruns/status" => {
            let facts = list("/status/facts").filter_map(|fact| fact["name"].as_str());
            let since = body.pointer("/status/impact/goodSince").map(|_| "goodSince");
            facts.chain(since).map(str::to_owned).collect()
        }
        // The name of such a run is another one in each case.
        "experimentruns" if verb == "create" && body["spec"]["scheduled"] == true => Vec::new(),
        "experimentruns" if verb == "create" => {
            let name = text("/metadata/name").unwrap_or_default();
            let is_rehearsal = body.pointer("/spec/dryRun") == Some(&Value::Bool(true));
            let of = if is_rehearsal { "rehearsal" } else { last_part(&name) };
            vec![format!("run {of}")]
        }
        "gamedayruns" if verb == "create" => vec!["the day".to_owned()],
        "experimentruns" | "gamedayruns" if verb == "patch" => {
            let held = list("/metadata/finalizers").next().is_some();
            vec![if held { "finalizer put on" } else { "finalizer taken off" }.to_owned()]
        }
        "gamedayruns/status" => {
            let facts = list("/status/facts").filter_map(|fact| fact["name"].as_str());
            facts.map(str::to_owned).chain(list("/status/steps").flat_map(of_step)).collect()
        }
        "gamedays/status" => {
            let ready = list("/status/conditions").find(|condition| condition["type"] == "Ready");
            let ready = ready.and_then(|ready| ready["reason"].as_str()).map(str::to_owned);
            let fired = text("/status/lastFire").map(|_| "lastFire".to_owned());
            ready.into_iter().chain(fired).collect()
        }
        "debriefs/status" => {
            let stage = text("/status/stage").into_iter();
            let attempts = list("/status/attempts").count();
            let attempts = (attempts > 0).then(|| format!("attempt {attempts}"));
            let scheduled = body.pointer("/status/scheduled").into_iter().flat_map(of_scheduled);
            let messages = list("/status/messages").flat_map(of_message);
            stage.chain(attempts).chain(scheduled).chain(messages).collect()
        }
        "chat" => text("/what").into_iter().collect(),
        "experiments/status" => {
            text("/status/lastRun/name").map(|_| "lastRun".to_owned()).into_iter().collect()
        }
        "events" => text("/reason").into_iter().collect(),
        _ => Vec::new(),
    }
}

/// What a debrief's status has of a message.
fn of_message(message: &Value) -> Vec<String> {
    let what = message["what"].as_str().unwrap_or_default();
    let delivered = message.get("delivered").map(|_| format!("{what} delivered"));
    std::iter::once(format!("{what} is tried")).chain(delivered).collect()
}

/// What a debrief's status has of the run that it schedules.
fn of_scheduled(run: &Value) -> Vec<String> {
    let words = [("run", "written down"), ("uid", "there"), ("overAt", "over")];
    known(run, &format!("run {}", run["number"]), words)
}

/// What a day's status has of a step, each of which comes once.
fn of_step(step: &Value) -> Vec<String> {
    let words = [("run", "written down"), ("startedAt", "started"), ("overAt", "over")];
    known(step, &format!("step {}", step["name"].as_str().unwrap_or_default()), words)
}

/// For each of these fields that there is, what is then so of what has that name.
fn known(object: &Value, name: &str, words: [(&str, &str); 3]) -> Vec<String> {
    let known = words.into_iter().filter(|(field, _)| !object[*field].is_null());
    known.map(|(_, words)| format!("{name} {words}")).collect()
}

/// The part of a name that is the same in every case: a day's contains its time.
fn last_part(name: &str) -> &str {
    name.rsplit('-').next().unwrap_or_default()
}

/// What a patch of a target makes of its mark: `armed` or `revoked`.
pub fn mark(patch: &Value) -> Option<String> {
    let steps = patch.as_array()?;
    let sets = |step: &&Value| step["op"] == "add" && step["path"] == MARK;
    let value = steps.iter().find(sets)?["value"].as_str()?;
    value.rsplit('.').next().map(str::to_owned)
}
