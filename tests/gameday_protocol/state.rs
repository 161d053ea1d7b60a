//! One state of everything: the plan, its day, the runs, two operators, and the writes on their way.

use std::hash::{Hash, Hasher};

use firedrill::core::gameday::day::Need;

use super::{judge::Broken, mixer::Mixer, table::Id};

/// How many writes may be on their way at once.
const NETWORK: usize = 5;
/// How many runs there may be at once.
const RUNS: usize = 2;

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Which of the instants it is.
    pub time: u8,
    pub plan: Option<Id>,
    pub day: Option<Id>,
    /// Sorted; `None` is an empty place.
    pub runs: [Option<Run>; RUNS],
    /// Whether the lever is engaged.
    pub lever: bool,
    pub operators: [Operator; 2],
    /// Sorted; `None` is an empty place.
    pub network: [Option<Message>; NETWORK],
    pub past: Past,
    pub spent: Spent,
}

/// The run of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Run {
    pub step: u8,
    pub stage: Stage,
    /// Whether somebody asked for its end.
    pub stop: bool,
    /// Whether somebody deleted it.
    pub leaving: bool,
    /// Whether it is somebody else's, of that name by chance.
    pub foreign: bool,
    /// The instant at which it was created.
    pub created: u8,
    /// Which of all runs that there have been it is.
    pub number: u8,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// It has broken nothing yet.
    Waiting,
    /// It has broken something.
    Struck,
    /// It is over after it has broken something.
    Passed,
    /// The same, but it was ended early.
    Aborted,
    /// It is over and has broken nothing.
    Refused,
}

/// One process: its two controllers, and what its watches have still to bring it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operator {
    pub plans: Task,
    pub days: Task,
    /// What the watch of plans has still to bring, behind what it brought last; absent where that is the present.
    pub late_plan: Option<Id>,
    /// The same of days.
    pub late_day: Option<Id>,
    /// Whether it has still to hear of the lever.
    pub late_lever: bool,
}

/// One look of a controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Task {
    pub stage: Doing,
    /// The object as this look last read or wrote it.
    pub object: Option<Id>,
    /// Of a plan the day that this look knows of; of a day what was read for it.
    pub beside: Option<Id>,
}

/// What a look is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doing {
    /// Nothing: the next look begins with what the watches have brought.
    #[default]
    Nothing,
    /// Its write was accepted, and it decides next.
    Deciding,
    /// It has read its object anew, and decides next.
    DecidingAnew,
    /// It waits for the answer to its write.
    Waiting,
    /// A day of that name is there, and is read next.
    FindingDay,
    /// The day was read, and what it needs is read next.
    Reading(Need),
}

/// A write on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message {
    /// Who waits for the answer; nobody where it has crashed or given up.
    pub from: Option<Sender>,
    pub write: Id,
}

/// A controller of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sender {
    pub place: u8,
    pub controller: Controller,
}

/// A controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Controller {
    Plans,
    Days,
}

/// What has happened, as far as a promise goes by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Past {
    /// How many days there have been.
    pub days: u8,
    /// How many runs there have been.
    pub runs: u8,
    /// How many of the days have begun.
    pub begun: u8,
    /// How often each step has struck.
    pub struck: [u8; RUNS],
    /// Whether a day had each step's run in its status.
    pub named: [bool; RUNS],
    /// Whether somebody has deleted a day.
    pub deleted: bool,
    /// The promise that was broken on the way here.
    pub broken: Option<Broken>,
}

/// How often each of these has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Spent {
    pub late: u8,
    pub losses: u8,
    pub repeats: u8,
    pub people: u8,
}

impl Stage {
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Passed | Self::Aborted | Self::Refused)
    }
}

impl State {
    pub fn new(plan: Id) -> Self {
        Self {
            time: 0,
            plan: Some(plan),
            day: None,
            runs: [None; RUNS],
            lever: false,
            operators: [Operator::default(); 2],
            network: [None; NETWORK],
            past: Past::default(),
            spent: Spent::default(),
        }
    }

    pub const fn task(&self, sender: Sender) -> Task {
        let operator = &self.operators[sender.place as usize];
        match sender.controller {
            Controller::Plans => operator.plans,
            Controller::Days => operator.days,
        }
    }

    pub fn put(&mut self, sender: Sender, task: Task) {
        let operator = &mut self.operators[usize::from(sender.place)];
        match sender.controller {
            Controller::Plans => operator.plans = task,
            Controller::Days => operator.days = task,
        }
    }

    pub fn messages(&self) -> impl Iterator<Item = Message> + use<> {
        self.network.into_iter().flatten()
    }

    pub const fn has_room(&self) -> bool {
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

    /// Nobody waits for what that operator, or that controller of it, has sent any more.
    pub fn orphan(&mut self, is_of: impl Fn(Sender) -> bool) {
        for message in self.network.iter_mut().flatten() {
            message.from = message.from.filter(|from| !is_of(*from));
        }
        self.network.sort_unstable();
    }

    /// The run in that place is this one now, or none.
    pub fn set_run(&mut self, place: usize, run: Option<Run>) {
        self.runs[place] = run;
        self.runs.sort_unstable();
    }

    /// Adds a run of a step where there is room for one more.
    pub fn add_run(&mut self, step: u8, foreign: bool) {
        if self.runs[0].is_none() {
            self.past.runs += 1;
            let (created, number) = (self.time, self.past.runs);
            let run = Run {
                step,
                stage: Stage::Waiting,
                stop: false,
                leaving: false,
                foreign,
                created,
                number,
            };
            self.set_run(0, Some(run));
        }
    }

    /// The run of a step; of two the one that the API server lists first.
    pub fn run_of(&self, step: u8) -> Option<Run> {
        self.runs.into_iter().flatten().find(|run| run.step == step)
    }

    pub fn breaks(&mut self, promise: Option<Broken>) {
        self.past.broken = self.past.broken.or(promise);
    }

    /// The two operators are interchangeable: the same state with the smaller one first.
    pub fn canonical(self) -> Self {
        let mut swapped = self;
        swapped.operators.swap(0, 1);
        for from in swapped.network.iter_mut().flatten().filter_map(|message| message.from.as_mut())
        {
            from.place = 1 - from.place;
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
