//! Goes through every state that can be reached, breadth first, so that the way to a broken one is the
//! shortest.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasherDefault, Hasher},
    time::{Duration, Instant},
};

use super::{
    judge::{Broken, Judge, Seldom},
    model::Model,
    state::State,
};

/// What was found.
pub struct Explored {
    pub states: usize,
    /// The longest way from the beginning.
    pub depth: usize,
    /// Questions to the product that differ.
    pub questions: usize,
    pub took: Duration,
    pub seldom: Seldom,
    /// The first promise that is broken, and the way there in words.
    pub broken: Option<(Broken, Vec<String>)>,
}

/// The states that were seen, by their fingerprints, each with the one before it.
type Known = HashMap<u64, u64, BuildHasherDefault<Same>>;

/// Goes through all states, or until a promise is broken.
pub fn explore(model: &mut Model) -> Explored {
    let (began, mut judge, mut known) = (Instant::now(), Judge::default(), Known::default());
    let (mut depth, mut broken, mut successors) = (0, None, Vec::new());
    let beginning = model.beginning().canonical();
    known.insert(beginning.fingerprint(), 0);
    let mut layer = vec![beginning];
    while !layer.is_empty() && broken.is_none() {
        depth += 1;
        let mut next_layer = Vec::new();
        'layer: for state in &layer {
            let parent = state.fingerprint();
            model.successors(state, &mut successors);
            for (_, next) in &successors {
                let next = next.canonical();
                let fingerprint = next.fingerprint();
                if let Entry::Vacant(place) = known.entry(fingerprint) {
                    place.insert(parent);
                    if let Some(what) = judge.judge(model, &next) {
                        broken = Some((what, fingerprint));
                        break 'layer;
                    }
                    next_layer.push(next);
                }
            }
        }
        layer = next_layer;
    }
    Explored {
        states: known.len(),
        depth,
        questions: model.product.questions(),
        took: began.elapsed(),
        seldom: judge.seldom,
        broken: broken.map(|(what, fingerprint)| (what, story(model, &known, fingerprint))),
    }
}

/// The way to a state, told from the beginning.
fn story(model: &mut Model, known: &Known, end: u64) -> Vec<String> {
    let mut way = vec![end];
    while let Some(&parent) = known.get(&way[way.len() - 1]).filter(|parent| **parent != 0) {
        way.push(parent);
    }
    let (mut state, mut told, mut successors) = (model.beginning(), Vec::new(), Vec::new());
    for fingerprint in way.into_iter().rev().skip(1) {
        model.successors(&state, &mut successors);
        let is_next = |next: &State| next.canonical().fingerprint() == fingerprint;
        let (act, next) = successors.iter().find(|(_, next)| is_next(next)).copied().unwrap();
        told.push(model.tell(&state, act, &next));
        state = next;
    }
    told
}

/// Fingerprints are hashes already.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
