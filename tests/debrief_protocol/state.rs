//! One state of everything: the debrief, its runs, and the operators.

use std::hash::{Hash, Hasher};

use firedrill::api::debrief::Notice;

use super::{mixer::Mixer, table::Id};

/// How many runs there may be, beside the one that missed.
pub const RUNS: usize = 3;
/// How many different messages there may be.
pub const KEYS: usize = 12;

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Which of the instants it is.
    pub time: u8,
    pub debrief: Id,
    /// The version before, which a watch may still show.
    pub before: Id,
    pub runs: [Run; RUNS],
    /// Of each run the name under which an operator has created it; 0 for one that somebody has started.
    pub names: [u8; RUNS],
    pub operators: [Operator; 2],
    /// The acts that people have done, and when the item was done.
    pub acts: u8,
    pub done: Option<u8>,
    /// By message: how often it arrived, and how often nobody heard whether it did.
    pub arrived: [u8; KEYS],
    pub unheard: [u8; KEYS],
    pub losses: u8,
    pub stale: u8,
}

/// A run of the experiment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Run {
    #[default]
    None,
    /// An operator has created it at that instant; it strikes once its debrief says so.
    Created(u8),
    /// It has broken nothing, and is over.
    Refused,
    /// It strikes at the instant at which it is created.
    UnderWay(u8),
    /// Whether it names the debrief, which was open when it ended.
    Over { at: u8, outcome: Outcome, joins: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    Passed,
    Missed,
    Inconclusive,
}

/// One process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operator {
    pub doing: Doing,
    /// The debrief as this look last read or wrote it.
    pub view: Option<Id>,
    /// The run that was read.
    pub run: Option<u8>,
    /// What became of the last message, whether it is known to have arrived, and which it was.
    pub told: Option<(What, bool, u8)>,
    /// The run that it was to create, and is there.
    pub started: Option<u8>,
    /// Messages that it remembers itself; nothing but a broken protocol needs that.
    pub remembers: u16,
}

/// What a look is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doing {
    #[default]
    Nothing,
    Deciding,
    /// A status is on its way, in this version of the debrief.
    Writing(Id),
    /// The claim of a message is on its way.
    Claiming(Id, What, u8),
    /// The message is about to leave; behind it comes its claim, where a broken protocol has it so.
    Sending(What, u8, Option<Id>),
    /// A run is created under that name; behind it comes what intends it, where a broken protocol has it so.
    Starting(u8, Option<Id>),
}

/// What a message is about, in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    Opened,
    Reminder,
    Ended,
}

impl From<Notice> for What {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Opened => Self::Opened,
            Notice::Reminder => Self::Reminder,
            Notice::Ended => Self::Ended,
        }
    }
}

impl From<What> for Notice {
    fn from(what: What) -> Self {
        match what {
            What::Opened => Self::Opened,
            What::Reminder => Self::Reminder,
            What::Ended => Self::Ended,
        }
    }
}

impl Operator {
    /// It is at nothing, and remembers what it remembers.
    pub fn idle(self) -> Self {
        Self { remembers: self.remembers, ..Self::default() }
    }
}

impl State {
    pub fn new(debrief: Id) -> Self {
        Self {
            time: 0,
            debrief,
            before: debrief,
            runs: [Run::None; RUNS],
            names: [0; RUNS],
            operators: [Operator::default(); 2],
            acts: 0,
            done: None,
            arrived: [0; KEYS],
            unheard: [0; KEYS],
            losses: 0,
            stale: 0,
        }
    }

    /// Somebody has written that version.
    pub fn put(&mut self, debrief: Id) {
        if debrief != self.debrief {
            (self.before, self.debrief) = (self.debrief, debrief);
        }
    }

    /// A number by which the state is known again.
    pub fn fingerprint(&self) -> u64 {
        let mut mixer = Mixer::default();
        self.hash(&mut mixer);
        mixer.finish()
    }

    /// The operators are interchangeable: the same state with the smaller one first.
    pub fn canonical(mut self) -> Self {
        self.operators.sort_unstable();
        self
    }
}
