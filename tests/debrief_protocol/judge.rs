//! The promises, judged by what has happened and not by what the debrief says of it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use firedrill::{
    api::{
        Debrief, DebriefStatus, Duration,
        debrief::{DebriefMessage, Stage},
    },
    debrief::{decide::is_unfinished, has_ended},
};

use super::{
    mixer::Mixer,
    model::{Model, Move, started, view_of},
    objects::{Act, INSTANTS, moment},
    state::{Doing, Operator, Outcome, RUNS, Run, State, What},
    table::Id,
};

/// No operator that is alone needs more steps.
const STEPS: usize = 64;

/// What one operator makes of that was looked at: an instant, the debrief, its runs and their names.
type Settled = HashSet<(u8, Id, [Run; RUNS], [u8; RUNS]), std::hash::BuildHasherDefault<Mixer>>;

/// What the promises remember.
#[derive(Default)]
pub struct Judge {
    pub seldom: BTreeSet<&'static str>,
    seen: HashSet<(Id, Id), std::hash::BuildHasherDefault<Mixer>>,
    settled: Settled,
}

impl Judge {
    /// The promise that does not hold in a state.
    pub fn wrong_with(&mut self, model: &mut Model, state: &State) -> Option<String> {
        let messages = wrong_with_messages(state);
        if state.arrived.iter().any(|arrived| *arrived > 1) {
            self.seldom.insert("told twice");
        }
        let messages = messages.or_else(|| wrong_with_scheduled(model, state));
        for (run, _) in state.runs.iter().zip(state.names).filter(|(_, name)| *name != 0) {
            match run {
                Run::UnderWay(_) => drop(self.seldom.insert("scheduled")),
                Run::Refused => drop(self.seldom.insert("scheduled in vain")),
                _ => {}
            }
        }
        if !self.seen.insert((state.before, state.debrief)) {
            return messages.or_else(|| self.wrong_with_rest(model, state));
        }
        let debrief = model.debriefs.get(state.debrief);
        self.note(model.debriefs.get(state.before), debrief);
        messages
            .or_else(|| wrong_with_judgements(debrief))
            .or_else(|| self.wrong_with_rest(model, state))
    }

    fn note(&mut self, before: &Debrief, debrief: &Debrief) {
        let Some(status) = &debrief.status else { return };
        let reminded =
            |message: &DebriefMessage| message.day.is_some() && message.delivered.is_some();
        for (what, came_up) in [
            ("closed", status.stage == Some(Stage::Closed)),
            ("dismissed", status.stage == Some(Stage::Dismissed)),
            ("accepted", status.stage == Some(Stage::ClosedUnverified)),
            ("missed again", status.repeats > 0),
            ("retried", status.messages.iter().any(|message| message.tries > 1)),
            ("reminded", status.messages.iter().any(reminded)),
            ("reopened", has_ended(before) && !has_ended(debrief)),
        ] {
            if came_up {
                self.seldom.insert(what);
            }
        }
    }

    /// What one operator, which hears everything and loses nothing, makes of the state: nothing may be left undone, and
    /// it must wake up before the next thing is to be done.
    fn wrong_with_rest(&mut self, model: &mut Model, state: &State) -> Option<String> {
        // One that is at something has its next step.
        let is_at_rest = |operator: &Operator| operator.doing == Doing::Nothing;
        if !state.operators.iter().all(is_at_rest) {
            return None;
        }
        if !self.settled.insert((state.time, state.debrief, state.runs, state.names)) {
            return None;
        }
        let (mut state, mut debrief, mut operator) = (*state, state.debrief, Operator::default());
        let mut steps = 0;
        let is_asleep = |model: &Model, state: &State, debrief| {
            let debrief = model.debriefs.get(debrief);
            let candidates = model.candidates(state.runs, state.names);
            has_ended(debrief) && !is_unfinished(debrief, &candidates)
        };
        let until = loop {
            operator.view = Some(debrief);
            let is_idle = operator.run.is_none() && operator.told.is_none();
            if is_idle && is_asleep(model, &state, debrief) {
                break None;
            }
            steps += 1;
            if steps > STEPS {
                return Some("an operator that is alone never comes to rest".to_owned());
            }
            match model.decide(view_of(&state, operator)) {
                Move::Read(place) => operator.run = Some(place),
                Move::Write(version) => (debrief, operator) = (version, Operator::default()),
                Move::Tell(claim, what, key) => {
                    let told = Some((what, true, key));
                    (debrief, operator) = (claim, Operator { told, ..Operator::default() });
                }
                Move::Start(name) => match started(&state, name, model.bounds.runs) {
                    Some((next, place)) => {
                        (state, operator.started) = (next, Some(place));
                    }
                    None => return None,
                },
                Move::Wait(until) => break until,
            }
        };
        let state = &state;
        if let Some(left) = left_undone(model.debriefs.get(debrief), state) {
            return Some(left);
        }
        let next = INSTANTS.get(usize::from(state.time) + 1).map(|_| moment(state.time + 1));
        if until.zip(next).is_some_and(|(until, next)| until <= next) {
            return None;
        }
        for time in state.time + 1..u8::try_from(INSTANTS.len()).unwrap() {
            let view = Operator { view: Some(debrief), ..Operator::default() };
            let acts = !is_asleep(model, state, debrief)
                && !matches!(model.decide(view_of(&State { time, ..*state }, view)), Move::Wait(_));
            if acts && until.is_none_or(|until| until > moment(time)) {
                return Some(format!(
                    "it sleeps until {until:?}, and something is due at {}",
                    moment(time)
                ));
            }
        }
        None
    }
}

/// A message arrives once, and once more for each time that nobody heard whether it did.
fn wrong_with_messages(state: &State) -> Option<String> {
    let mut messages = state.arrived.iter().zip(&state.unheard);
    let place = messages.position(|(arrived, unheard)| *arrived > 1 + unheard)?;
    let (arrived, unheard) = (state.arrived[place], state.unheard[place]);
    Some(format!("message {place} arrived {arrived} times, {unheard} answers were lost"))
}

/// A scheduled run is written down before it is there, strikes while people ask for it and everything is done, on a
/// working day, and beside no other one.
fn wrong_with_scheduled(model: &mut Model, state: &State) -> Option<String> {
    let status = model.debriefs.get(state.debrief).status.as_ref();
    let intended = status.and_then(|status| status.scheduled.clone());
    let numbers = intended.map_or(0, |run| run.number);
    let is_there = |name: &&u8| **name != 0;
    let there = state.names.iter().filter(is_there).count();
    if there > usize::try_from(numbers).unwrap() {
        return Some("a run is there that nobody has written down".to_owned());
    }
    let scheduled = state.runs.iter().zip(state.names).filter(|(_, name)| *name != 0);
    let mut striking = scheduled.filter_map(|(run, _)| match run {
        Run::UnderWay(at) => Some(*at),
        _ => None,
    });
    let at = striking.next()?;
    if striking.next().is_some() {
        return Some("two scheduled runs strike side by side".to_owned());
    }
    if moment(at) == moment(4) {
        return Some("a scheduled run strikes on a Saturday".to_owned());
    }
    state.done.is_none().then(|| "a scheduled run strikes before everything is done".to_owned())
}

/// Each run is judged once.
fn wrong_with_judgements(debrief: &Debrief) -> Option<String> {
    let status = debrief.status.as_ref()?;
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    judged(status).for_each(|uid| *counted.entry(uid).or_default() += 1);
    let (uid, count) = counted.into_iter().find(|(_, count)| *count > 1)?;
    Some(format!("run {uid} was judged {count} times"))
}

fn judged(status: &DebriefStatus) -> impl Iterator<Item = &str> {
    let attempts = status.attempts.iter().map(|attempt| attempt.uid.as_str());
    attempts.chain(status.occurrences.iter().map(|miss| miss.uid.as_str()))
}

/// What an operator that came to rest has not done.
fn left_undone(debrief: &Debrief, state: &State) -> Option<String> {
    let status = debrief.status.as_ref()?;
    let known: Vec<_> = judged(status).collect();
    for (place, run) in state.runs.iter().enumerate() {
        let Run::Over { joins, .. } = run else { continue };
        let counts = *joins || status.ended_at.is_none();
        if counts && !known.contains(&format!("u{place}").as_str()) {
            return Some(format!("run r{place} was never judged"));
        }
    }
    let told = |what: What| {
        let what = what.into();
        let mut messages = status.messages.iter();
        messages.any(|message| {
            message.what == what
                && (message.delivered.is_some() || message.tried == moment(state.time))
        })
    };
    if !told(What::Opened) && status.ended_at.is_none() {
        return Some("nobody was told that it has opened".to_owned());
    }
    if status.ended_at.is_some() && told(What::Opened) && !told(What::Ended) {
        return Some("nobody was told that it is over".to_owned());
    }
    let is_dismissed = state.acts & Act::Dismiss.bit() != 0;
    (is_dismissed && status.ended_at.is_none())
        .then(|| "it is dismissed, and does not end".to_owned())
}

/// Whether it may close now: people have met, the item was done, no run is under way, and of the runs that struck after the
/// item was done so many have passed, two of them a day apart, with no miss among or behind them.
pub fn wrong_with_close(state: &State, needed: i32) -> Option<String> {
    if let Some(place) = state.runs.iter().position(|run| matches!(run, Run::UnderWay(_))) {
        return Some(format!("it closes while r{place} is under way"));
    }
    let Some(done) = state.done.filter(|_| state.acts & Act::Meet.bit() != 0) else {
        return Some("it closes, and nothing was done".to_owned());
    };
    let over = |wanted: Outcome| {
        let runs = state.runs.iter().filter_map(move |run| match run {
            Run::Over { at, outcome, .. } if *outcome == wanted => Some(*at),
            _ => None,
        });
        runs.collect::<Vec<_>>()
    };
    let since = over(Outcome::Missed).into_iter().max().unwrap_or(0).max(done);
    let passes: Vec<_> = over(Outcome::Passed).into_iter().filter(|at| *at > since).collect();
    let apart = |a: &u8, b: &u8| moment(*b) >= moment(*a) + Duration::minutes(24 * 60);
    let are_apart = || passes.iter().any(|first| passes.iter().any(|second| apart(first, second)));
    let is_proven = if needed == 1 { !passes.is_empty() } else { are_apart() };
    (!is_proven).then(|| format!("it closes unproven: done at {done}, {:?}", state.runs))
}
