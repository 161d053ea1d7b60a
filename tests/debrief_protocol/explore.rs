//! Goes through every state that can be reached, breadth first, so that the way to a broken one is the shortest.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::{judge::Judge, mixer::Memo, model::Model};

/// What was found.
pub struct Explored {
    pub states: usize,
    /// The longest way from the beginning.
    pub depth: usize,
    /// Questions to the product that differ.
    pub questions: usize,
    pub took: Duration,
    /// What ever came up of what seldom does.
    pub seldom: BTreeSet<&'static str>,
    /// The first promise that is broken, and the way there in words.
    pub broken: Option<(String, Vec<String>)>,
}

/// Goes through all states, or until a promise is broken.
pub fn explore(model: &mut Model) -> Explored {
    let (began, mut judge) = (Instant::now(), Judge::default());
    let beginning = model.beginning();
    // By their fingerprints, each with the one before it.
    let mut known: Memo<u64, u64> = Memo::default();
    known.insert(beginning.fingerprint(), 0);
    let (mut layer, mut depth, mut broken) = (vec![beginning], 0, None);
    while !layer.is_empty() && broken.is_none() {
        depth += 1;
        let mut next_layer = Vec::new();
        'layer: for state in &layer {
            let parent = state.fingerprint();
            for (_, next, wrong) in model.successors(state) {
                let fingerprint = next.fingerprint();
                let is_new = !known.contains_key(&fingerprint);
                if is_new {
                    known.insert(fingerprint, parent);
                    next_layer.push(next);
                }
                let judged = || if is_new { judge.wrong_with(model, &next) } else { None };
                if let Some(wrong) = wrong.or_else(judged) {
                    broken = Some((wrong, parent, fingerprint));
                    break 'layer;
                }
            }
        }
        layer = next_layer;
    }
    Explored {
        states: known.len(),
        depth,
        questions: model.questions(),
        took: began.elapsed(),
        seldom: judge.seldom,
        broken: broken.map(|(wrong, parent, last)| (wrong, story(model, &known, (parent, last)))),
    }
}

/// The way to a state by the one before it, told from the beginning.
fn story(model: &mut Model, known: &Memo<u64, u64>, (parent, last): (u64, u64)) -> Vec<String> {
    let mut way = vec![last, parent];
    while let Some(&before) = known.get(&way[way.len() - 1]).filter(|before| **before != 0) {
        way.push(before);
    }
    let (mut state, mut told) = (model.beginning(), Vec::new());
    for fingerprint in way.into_iter().rev().skip(1) {
        let mut next = model.successors(&state).into_iter();
        let ((what, whom), next, _) =
            next.find(|(_, next, _)| next.fingerprint() == fingerprint).unwrap();
        told.push(format!("{what} {whom}"));
        state = next;
    }
    told
}
