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
        let mut news = says(&ask.resource, &body);
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
fn says(resource: &str, body: &Value) -> Vec<String> {
    let text = |pointer| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let list = |pointer| body.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    match resource {
        "deployments" | "services" | "networkpolicies" => mark(body).into_iter().collect(),
        "experimentruns/status" => {
            let facts = list("/status/facts").filter_map(|fact| fact["name"].as_str());
            let since = body.pointer("/status/impact/goodSince").map(|_| "goodSince");
            facts.chain(since).map(str::to_owned).collect()
        }
        "experimentruns" => {
            let held = list("/metadata/finalizers").next().is_some();
            vec![if held { "finalizer put on" } else { "finalizer taken off" }.to_owned()]
        }
        "experiments/status" => {
            text("/status/lastRun/name").map(|_| "lastRun".to_owned()).into_iter().collect()
        }
        "events" => text("/reason").into_iter().collect(),
        _ => Vec::new(),
    }
}

/// What a patch of a target makes of its mark: `armed` or `revoked`.
pub fn mark(patch: &Value) -> Option<String> {
    let steps = patch.as_array()?;
    let sets = |step: &&Value| step["op"] == "add" && step["path"] == MARK;
    let value = steps.iter().find(sets)?["value"].as_str()?;
    value.rsplit('.').next().map(str::to_owned)
}
