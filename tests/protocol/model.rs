//! Everything that can happen next in a state.

use std::fmt;

use firedrill::api::run::FactName;

use super::{
    cluster::{self, Answer, Write},
    operator::{Clock, Move, Product, Seen, View, has},
    state::{Message, Operator, Sender, State},
    table::Id,
    variant::Variant,
};

/// How often things may happen.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Writes of the operators.
    pub writes: u8,
    /// Crashes, and writes that are given up while they are on their way.
    pub losses: u8,
    /// Writes that arrive twice.
    pub repeats: u8,
    /// Writes of somebody else to the target.
    pub others: u8,
    /// Whether an admin may strip the finalizer, and a reaper lives.
    pub forced: bool,
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { writes, losses, repeats, others, .. } = self;
        let forced = if self.forced { "finalizer stripped, reaper" } else { "" };
        write!(
            f,
            "<={writes} writes, <={losses} lost, <={repeats} twice, <={others} foreign {forced:<26}"
        )
    }
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    ReadRun(usize),
    ReadTarget(usize),
    Wake(usize),
    Arrive(Message),
    ArriveAndStay(Message),
    Lose(Message),
    Crash(usize),
    GiveUp(usize),
    Deadline,
    Delete,
    Strip,
    Sweep(Id),
    Touch,
    Mend,
}

/// The model: the product in its surroundings.
pub struct Model {
    pub product: Product,
    pub bounds: Bounds,
    pub delete: Id,
    touch: Id,
    mend: Id,
}

impl Model {
    pub fn new(variant: Variant, bounds: Bounds) -> Self {
        let mut product = Product::new(variant);
        let [delete, touch, mend] =
            [Write::Delete, Write::Touch, Write::Mend].map(|write| product.writes.id(write));
        Self { product, bounds, delete, touch, mend }
    }

    pub fn beginning(&mut self) -> State {
        let run = self.product.runs.id(cluster::run());
        State::new(run, self.product.targets.id(cluster::Target::new()))
    }

    /// Every act that is possible, and the state after it.
    pub fn successors(&mut self, state: &State, found: &mut Vec<(Act, State)>) {
        found.clear();
        for place in 0..2 {
            self.operator(state, place, found);
        }
        let mut last = None;
        for message in state.messages() {
            if last.replace(message) != Some(message) {
                self.network(state, message, found);
            }
        }
        self.people(state, found);
        if self.bounds.forced {
            self.reaper(state, found);
        }
    }

    /// What an operator decides on.
    pub fn view(&self, state: &State, operator: &Operator) -> Option<View> {
        let clock = self.clock(state);
        Some(View { run: operator.run?, world: operator.world, answer: operator.answer, clock })
    }

    pub fn clock(&self, state: &State) -> Clock {
        state.clock(state.run.map(|run| cluster::version(self.product.runs.get(run))))
    }

    fn operator(&mut self, state: &State, place: usize, found: &mut Vec<(Act, State)>) {
        let operator = state.operators[place];
        if operator != Operator::default() && state.losses < self.bounds.losses {
            let mut next = State { losses: state.losses + 1, ..*state };
            next.orphan(place);
            next.operators[place] = Operator::default();
            found.push((Act::Crash(place), next));
            let message = state.messages().find(|message| message.from.place() == Some(place));
            if let Some(message) = message {
                let mut next = State { losses: state.losses + 1, ..*state };
                next.orphan(place);
                self.hear(&mut next, message, Answer::Unknown);
                found.push((Act::GiveUp(place), next));
            }
        }
        if operator.waits || state.writes >= self.bounds.writes {
            return;
        }
        if operator.run != state.run {
            let mut next = *state;
            next.operators[place] = match state.run {
                Some(_) => Operator { run: state.run, ..operator },
                None => Operator::default(),
            };
            self.go_on(&mut next, place);
            found.push((Act::ReadRun(place), next));
        }
        let mut next = *state;
        match self.view(state, &operator).map(|view| (view, self.product.next(view))) {
            Some((view, Move::Look)) => {
                next.operators[place] = self.look(state.target, view, operator);
                self.go_on(&mut next, place);
                found.push((Act::ReadTarget(place), next));
            }
            Some((_, Move::Write(_))) => {
                self.go_on(&mut next, place);
                found.push((Act::Wake(place), next));
            }
            Some((_, Move::Rest)) | None => {}
        }
    }

    /// The operator after it has read the target.
    pub fn look(&self, target: Id, view: View, operator: Operator) -> Operator {
        let remains = has(self.product.runs.get(view.run), FactName::RevertStarted);
        let seen = Seen { target, clock: view.clock, remains };
        Operator { world: Some(seen), answer: None, ..operator }
    }

    /// Sends what the operator at `place` has to send: how long it takes to do so is the network's.
    fn go_on(&mut self, state: &mut State, place: usize) {
        let operator = state.operators[place];
        let view = self.view(state, &operator).filter(|_| state.writes < self.bounds.writes);
        let Some(Move::Write(write)) = view.map(|view| self.product.next(view)) else {
            return;
        };
        let from = if place == 0 { Sender::First } else { Sender::Second };
        if state.has_room() {
            state.send(Message { from, write });
            state.operators[place].waits = true;
            state.writes += 1;
        }
    }

    /// Whoever waits for that answer takes it, and goes on.
    fn hear(&mut self, state: &mut State, message: Message, answer: Answer) {
        let Some(place) = message.from.place() else {
            return;
        };
        let of_run = self.product.writes.get(message.write).is_of_run();
        let run = state.run;
        state.operators[place].hear(of_run, answer, run);
        // Without an answer the run is looked at again, a while later.
        if answer != Answer::Unknown {
            self.go_on(state, place);
        }
    }

    fn network(&mut self, state: &State, message: Message, found: &mut Vec<(Act, State)>) {
        let applied = self.product.apply(message.write, state.run, state.target);
        let mut next = State { run: applied.run, target: applied.target, ..*state };
        if state.repeats < self.bounds.repeats {
            found.push((Act::ArriveAndStay(message), State { repeats: state.repeats + 1, ..next }));
        }
        next.take(message);
        self.hear(&mut next, message, applied.answer);
        found.push((Act::Arrive(message), next));
        // One that nobody waits for may as well be on its way for ever.
        if message.from != Sender::Nobody {
            let mut next = *state;
            next.take(message);
            self.hear(&mut next, message, Answer::Unknown);
            found.push((Act::Lose(message), next));
        }
    }

    fn people(&mut self, state: &State, found: &mut Vec<(Act, State)>) {
        if let Some(run) = state.run {
            if state.hours == 0 && has(self.product.runs.get(run), FactName::Journaled) {
                found.push((Act::Deadline, State { hours: 1, ..*state }));
            }
            if !state.deleted {
                let run = self.product.apply(self.delete, Some(run), state.target).run;
                found.push((Act::Delete, State { run, deleted: true, ..*state }));
            } else if self.bounds.forced {
                found.push((Act::Strip, State { run: None, ..*state }));
            }
        }
        if state.others < self.bounds.others {
            let others = state.others + 1;
            let target = self.product.apply(self.touch, state.run, state.target).target;
            found.push((Act::Touch, State { target, others, ..*state }));
            if self.product.targets.get(state.target).is_broken() {
                let target = self.product.apply(self.mend, state.run, state.target).target;
                found.push((Act::Mend, State { target, others, ..*state }));
            }
        }
    }

    fn reaper(&mut self, state: &State, found: &mut Vec<(Act, State)>) {
        let is_at_it = state.messages().any(|message| message.from == Sender::Reaper);
        let clock = self.clock(state);
        let write = self.product.sweep(state.target, state.run.is_some(), clock);
        if let Some(write) = write.filter(|_| !is_at_it && state.has_room()) {
            let mut next = *state;
            next.send(Message { from: Sender::Reaper, write });
            found.push((Act::Sweep(write), next));
        }
    }

    /// An act in words, and what an operator sends at once.
    pub fn tell(&self, state: &State, act: Act, next: &State) -> String {
        let is_new = |message: &Message| state.messages().all(|known| known != *message);
        let sent = next.messages().filter(is_new).find(|message| message.from.place().is_some());
        let sends = sent.map(|message| self.product.writes.get(message.write).name());
        let sends = sends.map_or(String::new(), |name| format!(" -> sends {name}"));
        format!("{}{sends}", self.tell_act(act))
    }

    fn tell_act(&self, act: Act) -> String {
        let name = |write: Id| self.product.writes.get(write).name();
        let who = |place: usize| ["operator A", "operator B"][place];
        match act {
            Act::ReadRun(place) => format!("{} reads the run", who(place)),
            Act::ReadTarget(place) => format!("{} reads the target", who(place)),
            Act::Wake(place) => format!("{} wakes up", who(place)),
            Act::Arrive(message) => format!("arrives, {}: {}", message, name(message.write)),
            Act::ArriveAndStay(message) => {
                format!("arrives and will once more, {}: {}", message, name(message.write))
            }
            Act::Lose(message) => format!("is lost, {}: {}", message, name(message.write)),
            Act::Crash(place) => format!("{} crashes", who(place)),
            Act::GiveUp(place) => format!("{} waits no longer for an answer", who(place)),
            Act::Deadline => "the deadline passes".to_owned(),
            Act::Delete => "a person deletes the run".to_owned(),
            Act::Strip => "an admin strips the finalizer".to_owned(),
            Act::Sweep(write) => format!("the reaper sends: {}", name(write)),
            Act::Touch => "somebody changes something else of the target".to_owned(),
            Act::Mend => "somebody restores the target's field".to_owned(),
        }
    }
}

impl Operator {
    /// Takes the answer to its write: a run as it was written, or as it is read anew after a conflict.
    pub fn hear(&mut self, of_run: bool, answer: Answer, run: Option<Id>) {
        self.waits = false;
        match (of_run, answer) {
            (false, answer) => self.answer = Some(answer),
            (true, Answer::Unknown) => {}
            (true, Answer::Accepted | Answer::Changed) if run.is_some() => {
                self.run = run;
                if answer == Answer::Accepted {
                    self.answer = None;
                }
            }
            (true, _) => *self = Self::default(),
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.from {
            Sender::First => "from A",
            Sender::Second => "from B",
            Sender::Reaper => "from the reaper",
            Sender::Nobody => "from nobody any more",
        })
    }
}
