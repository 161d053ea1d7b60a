//! One state of everything: the run and its target, two operators, and the writes on their way.

use std::hash::{Hash, Hasher};

use super::{
    cluster::Answer,
    mixer::Mixer,
    operator::{Clock, Seen},
    table::Id,
};

/// The time at which a run that is gone is thought of.
const AFTER: u8 = 99;
/// How many writes may be on their way at once.
const NETWORK: usize = 6;

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub run: Option<Id>,
    pub target: Id,
    pub operators: [Operator; 2],
    /// Sorted; `None` is an empty place.
    pub network: [Option<Message>; NETWORK],
    /// Hours that have passed.
    pub hours: u8,
    pub deleted: bool,
    /// How often each of these has happened.
    pub writes: u8,
    pub losses: u8,
    pub repeats: u8,
    pub others: u8,
}

/// One process, and what it keeps in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operator {
    pub run: Option<Id>,
    pub world: Option<Seen>,
    pub answer: Option<Answer>,
    pub waits: bool,
}

/// A write on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message {
    pub from: Sender,
    pub write: Id,
}

/// Who waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sender {
    First,
    Second,
    Reaper,
    /// It has crashed, or given up.
    Nobody,
}

impl Sender {
    /// The place of the operator that it is.
    pub const fn place(self) -> Option<usize> {
        match self {
            Self::First => Some(0),
            Self::Second => Some(1),
            Self::Reaper | Self::Nobody => None,
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
            other => other,
        }
    }
}

impl State {
    pub fn new(run: Id, target: Id) -> Self {
        Self {
            run: Some(run),
            target,
            operators: [Operator::default(); 2],
            network: [None; NETWORK],
            hours: 0,
            deleted: false,
            writes: 0,
            losses: 0,
            repeats: 0,
            others: 0,
        }
    }

    /// The present instant, where `version` is that of the run, if it is there.
    pub fn clock(&self, version: Option<u8>) -> Clock {
        Clock { ticks: version.unwrap_or(AFTER), hours: self.hours }
    }

    pub fn messages(&self) -> impl Iterator<Item = Message> + use<> {
        self.network.into_iter().flatten()
    }

    pub fn has_room(&self) -> bool {
        self.network[0].is_none()
    }

    pub fn send(&mut self, message: Message) {
        self.network[0] = Some(message);
        self.network.sort_unstable();
    }

    pub fn take(&mut self, message: Message) {
        if let Some(place) = self.network.iter_mut().find(|place| **place == Some(message)) {
            *place = None;
        }
        self.network.sort_unstable();
    }

    /// Nobody waits for what the operator at `place` has sent any more.
    pub fn orphan(&mut self, place: usize) {
        for message in self.network.iter_mut().flatten() {
            if message.from.place() == Some(place) {
                message.from = Sender::Nobody;
            }
        }
        self.network.sort_unstable();
    }

    /// The two operators are interchangeable: the same state with the smaller one first.
    pub fn canonical(self) -> Self {
        let mut swapped = self;
        swapped.operators.swap(0, 1);
        for message in swapped.network.iter_mut().flatten() {
            message.from = message.from.other();
        }
        swapped.network.sort_unstable();
        let order = |state: &Self| (state.operators, state.network);
        if order(&swapped) < order(&self) { swapped } else { self }
    }

    /// A number by which the state is known again.
    pub fn fingerprint(&self) -> u64 {
        let mut mixer = Mixer::default();
        self.hash(&mut mixer);
        mixer.finish()
    }
}
