//! Everything that can happen next in a state, and what an operator does: everything is asked of the product itself, each
//! question once.

use std::fmt;

use firedrill::{
    api::{
        Debrief, DebriefStatus, ExperimentRun, Moment,
        debrief::{Notice, Stage},
    },
    core::cluster::Intent,
    debrief::{
        decide::{
            Candidate, Decision, Delivery, Observed, Started, Told, decide, intent, is_unfinished,
        },
        has_ended, is_open,
        remind::Peer,
    },
};

use super::{
    judge,
    mixer::Memo,
    objects::{self, Act, INSTANTS, moment},
    state::{Doing, KEYS, Operator, Outcome, RUNS, Run, State, What},
    table::{Id, Table},
};

/// How often things may happen.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub operators: usize,
    pub runs: usize,
    /// What people do.
    pub people: u32,
    /// Whether people may also accept the risk, and dismiss it.
    pub exits: bool,
    /// How many runs must pass.
    pub passes: i32,
    /// Crashes, messages that are refused, and answers that are lost.
    pub losses: u8,
    /// Looks at the version before the present one.
    pub stale: u8,
    /// Whether people have done everything, and have the operator start runs until they ask for none any more.
    pub schedules: bool,
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operators, runs, people, exits, passes, losses, stale, schedules } = self;
        let exits = if *exits { "exits" } else { "work" };
        let schedules = if *schedules { ", scheduled" } else { "" };
        write!(
            f,
            "{operators} operators, {runs} runs ({passes} to pass), <={people} by people ({exits}), <={losses} lost, <={stale} stale{schedules}"
        )
    }
}

/// The product's own protocol, and such as look right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    AsItIs,
    /// A message leaves, and is then written down.
    SentBeforeClaimed,
    /// A run that was judged is kept over a conflict.
    JudgedTwice,
    /// When an item was done is what people say.
    DoneAtBelieved,
    /// Runs that are under way are not looked for.
    ClosedOverARun,
    /// What was told is remembered, and not written down.
    TimerInMemory,
    /// What became of a message is forgotten where somebody else has written meanwhile.
    AnswerForgotten,
    /// A scheduled run is created, and is then written down.
    CreatedBeforeIntended,
}

/// Everything that an operator decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View {
    pub time: u8,
    pub debrief: Id,
    pub runs: [Run; RUNS],
    pub names: [u8; RUNS],
    pub run: Option<u8>,
    pub told: Option<(What, bool)>,
    pub started: Option<u8>,
}

/// What it does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    Write(Id),
    Read(u8),
    Tell(Id, What, u8),
    Start(u8),
    Wait(Option<Moment>),
}

/// The product in its surroundings.
pub struct Model {
    pub bounds: Bounds,
    variant: Variant,
    pub debriefs: Table<Debrief>,
    keys: Vec<String>,
    /// The names of scheduled runs.
    names: Vec<String>,
    moves: Memo<View, Move>,
    acts: Memo<(Id, u8, u8), Id>,
    runs: Memo<(u8, Run, u8), ExperimentRun>,
}

/// What an operator does, in words: what becomes of everything, and of it, and the promise that it breaks.
type Step = (&'static str, State, Operator, Option<String>);

/// Something that happens, whom it concerns, what becomes of it, and the promise that it breaks.
type Next = ((&'static str, u8), State, Option<String>);

impl Model {
    pub fn new(variant: Variant, bounds: Bounds) -> Self {
        let (debriefs, keys, names) = (Table::new(), Vec::new(), Vec::new());
        let (moves, acts, runs) = (Memo::default(), Memo::default(), Memo::default());
        Self { bounds, variant, debriefs, keys, names, moves, acts, runs }
    }

    pub fn beginning(&mut self) -> State {
        let mut debrief = objects::opened(self.bounds.passes, self.bounds.schedules);
        let mut acts = 0;
        for act in [Act::Meet, Act::FinishItem].into_iter().filter(|_| self.bounds.schedules) {
            debrief.spec = act.write(&debrief.spec, 0);
            acts |= act.bit();
        }
        let mut state = State::new(self.debriefs.id(debrief));
        (state.acts, state.done) = (acts, (acts != 0).then_some(0));
        state
    }

    pub fn questions(&self) -> usize {
        self.moves.len()
    }

    /// What the product decides; whoever asks for a run is given it.
    pub fn decide(&mut self, view: View) -> Move {
        if let Some(known) = self.moves.get(&view) {
            return *known;
        }
        let debrief = self.debriefs.get(view.debrief).clone();
        let mut runs = self.candidates(view.runs, view.names);
        if self.variant == Variant::ClosedOverARun {
            runs.retain(|run| run.is_over);
        }
        let run = view.run.map(|place| self.read(place, view.runs, view.names));
        let now = moment(view.time);
        let told = view.told.map(|(what, arrived)| Told {
            what: what.into(),
            at: now,
            delivery: if arrived {
                Delivery::Delivered
            } else {
                Delivery::Undelivered("no answer".to_owned().into())
            },
        });
        let decision = decide(&Observed {
            now,
            debrief: &debrief,
            runs: &runs,
            run: run.as_ref(),
            passed_over: &[],
            peers: &|| vec![Peer::of(&debrief, now)],
            told: told.as_ref(),
            experiment: debrief.spec.evidence.as_ref().map(|evidence| &evidence.spec),
            started: view.started.map(|place| Started::There(format!("u{place}"))).as_ref(),
        });
        let next = match decision {
            Decision::Record(status) => Move::Write(self.version(&debrief, *status)),
            Decision::Look { uid, .. } => Move::Read(uid[1..].parse().unwrap()),
            Decision::PassOver(uid) => panic!("{uid} has struck"),
            Decision::Tell { claim, what, key, .. } => {
                let claim = self.version(&debrief, *claim);
                Move::Tell(claim, what.into(), self.key(key))
            }
            Decision::Start { name, .. } => Move::Start(self.name(name)),
            Decision::WaitUntil(at) => Move::Wait(Some(at)),
            Decision::Rest => Move::Wait(None),
        };
        self.moves.insert(view, next);
        next
    }

    /// The run as it is read once it is over.
    fn read(&mut self, place: u8, runs: [Run; RUNS], names: [u8; RUNS]) -> ExperimentRun {
        let (run, number) = (runs[usize::from(place)], names[usize::from(place)]);
        let Run::Over { at, outcome, joins } = run else { panic!("r{place} is not over") };
        let name = self.name_of(usize::from(place), number);
        let read = self
            .runs
            .entry((place, run, number))
            .or_insert_with(|| objects::run(place, &name, (at, outcome, joins)));
        read.clone()
    }

    /// The name of the run in that place.
    fn name_of(&self, place: usize, number: u8) -> String {
        match number.checked_sub(1) {
            Some(index) => self.names[usize::from(index)].clone(),
            None => format!("r{place}"),
        }
    }

    /// The number of the name of a scheduled run.
    pub fn name(&mut self, name: String) -> u8 {
        let place = self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        u8::try_from(place + 1).unwrap()
    }

    pub fn candidates(&self, runs: [Run; RUNS], names: [u8; RUNS]) -> Vec<Candidate> {
        let runs = runs.into_iter().zip(names).enumerate();
        runs.filter_map(|(place, (run, number))| {
            objects::candidate(place, self.name_of(place, number), run)
        })
        .collect()
    }

    fn version(&mut self, debrief: &Debrief, mut status: DebriefStatus) -> Id {
        if self.variant == Variant::DoneAtBelieved {
            let held = debrief.spec.held_at();
            status.items.iter_mut().for_each(|item| item.done_at = item.done_at.and(held));
        }
        // When a condition turned, and when what was delivered had left, is asked by nobody; of the opening alone it is.
        for condition in &mut status.conditions {
            condition.last_transition_time.0 = moment(0).timestamp();
        }
        for message in status.messages.iter_mut().filter(|message| message.delivered.is_some()) {
            message.delivered = Some(moment(0));
            if message.what != Notice::Opened {
                message.tried = moment(0);
            }
        }
        self.debriefs.id(Debrief { status: Some(status), ..debrief.clone() })
    }

    fn key(&mut self, key: String) -> u8 {
        let place = self.keys.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.keys.push(key);
            self.keys.len() - 1
        });
        assert!(place < KEYS, "there are more messages than the model has room for");
        u8::try_from(place).unwrap()
    }

    /// Everything that can happen next, in words, and the promise that it breaks.
    pub fn successors(&mut self, state: &State) -> Vec<Next> {
        let mut found = Vec::new();
        for place in 0..self.bounds.operators {
            self.operate(state, place, &mut found);
        }
        // The claim of a message, the message and the write of what became of it are bounded in time, together by less than
        // the pause before the next try.
        let is_telling = |operator: &Operator| {
            let claims = matches!(operator.doing, Doing::Claiming(..) | Doing::Sending(..));
            claims || operator.told.is_some()
        };
        if usize::from(state.time) + 1 < INSTANTS.len() && !state.operators.iter().any(is_telling) {
            let next = State { time: state.time + 1, ..*state };
            found.push((("time passes to instant", next.time), next, None));
        }
        self.run(state, &mut found);
        for act in Act::ALL {
            let may = state.acts & act.bit() == 0 && state.acts.count_ones() < self.bounds.people;
            let is_in_order = act != Act::FinishItem || state.acts & Act::Meet.bit() != 0;
            let is_in_order = is_in_order && (act != Act::StopAsking || self.bounds.schedules);
            let is_in_order =
                is_in_order && state.time <= act.until() && (self.bounds.exits || !act.is_exit());
            if may && is_in_order {
                let mut next = *state;
                next.put(self.write(state, act));
                next.acts |= act.bit();
                if act == Act::FinishItem {
                    next.done = Some(state.time);
                }
                found.push(((act.name(), state.time), next, None));
            }
        }
        if self.bounds.operators == 1 {
            return found;
        }
        found.into_iter().map(|(told, next, wrong)| (told, next.canonical(), wrong)).collect()
    }

    /// The debrief with what people write now.
    fn write(&mut self, state: &State, act: Act) -> Id {
        let asked = (state.debrief, act.bit(), state.time);
        if let Some(known) = self.acts.get(&asked) {
            return *known;
        }
        let mut debrief = self.debriefs.get(state.debrief).clone();
        debrief.spec = act.write(&debrief.spec, state.time);
        debrief.metadata.generation = debrief.metadata.generation.map(|number| number + 1);
        let written = self.debriefs.id(debrief);
        self.acts.insert(asked, written);
        written
    }

    /// Runs begin and end; one that misses names the debrief where it is open then.
    fn run(&self, state: &State, found: &mut Vec<Next>) {
        for (place, run) in state.runs.into_iter().enumerate().take(self.bounds.runs) {
            let mut put = |what, run| {
                let mut next = *state;
                next.runs[place] = run;
                found.push(((what, u8::try_from(place).unwrap()), next, None));
            };
            match run {
                Run::None if place == 0 || state.runs[place - 1] != Run::None => {
                    put("run begins:", Run::UnderWay(state.time));
                }
                Run::UnderWay(at) => {
                    for (told, outcome) in [
                        ("run passes:", Outcome::Passed),
                        ("run misses:", Outcome::Missed),
                        ("run tells nothing:", Outcome::Inconclusive),
                    ] {
                        // Of one run that is enough.
                        if outcome == Outcome::Inconclusive && place != 0 {
                            continue;
                        }
                        let joins =
                            outcome == Outcome::Missed && is_open(self.debriefs.get(state.debrief));
                        put(told, Run::Over { at, outcome, joins });
                    }
                }
                Run::Created(_) => {
                    let debrief = self.debriefs.get(state.debrief);
                    let name = self.name_of(place, state.names[place]);
                    let run = objects::created(place, &name);
                    match intent(debrief, &run, moment(state.time)) {
                        Intent::Written(_) => put("run strikes:", Run::UnderWay(state.time)),
                        Intent::Refused(_) => put("run is refused:", Run::Refused),
                        Intent::Unsettled(_) => {}
                    }
                }
                Run::None | Run::Refused | Run::Over { .. } => {}
            }
        }
    }

    fn operate(&mut self, state: &State, place: usize, found: &mut Vec<Next>) {
        let operator = state.operators[place];
        let mut steps = match operator.doing {
            Doing::Nothing => self.look(state, operator),
            Doing::Deciding => vec![self.take_up(state, operator)],
            Doing::Writing(version) | Doing::Claiming(version, ..) => {
                self.arrive(state, operator, version)
            }
            Doing::Sending(what, key, claim) => self.send(state, operator, (what, key, claim)),
            Doing::Starting(name, intent) => self.start(state, operator, (name, intent)),
        };
        if self.is_lossy(state) && operator.doing != Doing::Nothing {
            let mut lost = State { losses: state.losses + 1, ..*state };
            if let Some((_, true, key)) = operator.told {
                lost.unheard[usize::from(key)] += 1;
            }
            steps.push(("crashes: operator", lost, Operator::default(), None));
        }
        for (told, mut next, operator, wrong) in steps {
            next.operators[place] = operator;
            found.push(((told, u8::try_from(place).unwrap()), next, wrong));
        }
    }

    const fn is_lossy(&self, state: &State) -> bool {
        state.losses < self.bounds.losses
    }

    fn look(&self, state: &State, operator: Operator) -> Vec<Step> {
        let look = |state: State, heard: Id| {
            let debrief = self.debriefs.get(heard);
            let view = if !has_ended(debrief) {
                heard
            } else if is_unfinished(debrief, &self.candidates(state.runs, state.names)) {
                state.debrief
            } else {
                return None;
            };
            let deciding = Operator { doing: Doing::Deciding, view: Some(view), ..operator.idle() };
            Some(("looks: operator", state, deciding, None))
        };
        let is_behind = state.stale < self.bounds.stale && state.before != state.debrief;
        let late = State { stale: state.stale + 1, ..*state };
        let late = is_behind.then(|| look(late, state.before)).flatten();
        look(*state, state.debrief).into_iter().chain(late).collect()
    }

    fn take_up(&mut self, state: &State, operator: Operator) -> Step {
        let next = self.decide(view_of(state, operator));
        let wrong = self.wrong_with(state, next);
        let doing = match next {
            Move::Write(version) => match self.intends(state, version) {
                Some(name) => Doing::Starting(name, Some(version)),
                None => Doing::Writing(version),
            },
            Move::Start(name) => Doing::Starting(name, None),
            Move::Read(run) => {
                let reading = Operator { run: Some(run), ..operator };
                return ("reads a run: operator", *state, reading, None);
            }
            Move::Tell(_, what, key) if self.variant == Variant::TimerInMemory => {
                if operator.remembers & (1 << key) != 0 {
                    return ("waits: operator", *state, operator.idle(), None);
                }
                Doing::Sending(what, key, None)
            }
            Move::Tell(claim, what, key) if self.variant == Variant::SentBeforeClaimed => {
                Doing::Sending(what, key, Some(claim))
            }
            Move::Tell(claim, what, key) => Doing::Claiming(claim, what, key),
            Move::Wait(_) => return ("waits: operator", *state, operator.idle(), None),
        };
        ("decides: operator", *state, Operator { doing, ..operator }, wrong)
    }

    fn arrive(&self, state: &State, operator: Operator, version: Id) -> Vec<Step> {
        if operator.view != Some(state.debrief) {
            let is_kept = match self.variant {
                Variant::JudgedTwice => operator.run.is_some(),
                Variant::AnswerForgotten => false,
                _ => operator.told.is_some(),
            };
            let run = operator.run.filter(|_| self.variant == Variant::JudgedTwice);
            let (doing, view) = (Doing::Deciding, Some(state.debrief));
            let again = Operator { doing, view, run, ..operator };
            let next = if is_kept { again } else { operator.idle() };
            return vec![("meets a conflict: operator", *state, next, None)];
        }
        let mut written = *state;
        written.put(version);
        let doing = match operator.doing {
            Doing::Claiming(_, what, key) => Doing::Sending(what, key, None),
            _ => Doing::Deciding,
        };
        let next = Operator { doing, view: Some(version), ..operator.idle() };
        let mut steps = vec![("has written: operator", written, next, None)];
        if self.is_lossy(state) {
            let lost = State { losses: state.losses + 1, ..written };
            steps.push(("has written, and crashes: operator", lost, Operator::default(), None));
        }
        steps
    }

    fn send(
        &self,
        state: &State,
        operator: Operator,
        (what, key, claim): (What, u8, Option<Id>),
    ) -> Vec<Step> {
        let place = usize::from(key);
        let mut arrived = *state;
        arrived.arrived[place] += 1;
        let after = |arrived| Operator {
            doing: claim.map_or(Doing::Deciding, Doing::Writing),
            told: claim.is_none().then_some((what, arrived, key)),
            ..operator
        };
        let told = if self.variant == Variant::TimerInMemory {
            Operator { remembers: operator.remembers | 1 << key, ..operator.idle() }
        } else {
            after(true)
        };
        let mut steps = vec![("has told: operator", arrived, told, None)];
        if self.is_lossy(state) {
            let mut unheard = State { losses: state.losses + 1, ..arrived };
            unheard.unheard[place] += 1;
            let lost = State { losses: state.losses + 1, ..*state };
            steps.push(("has told, and hears no answer: operator", unheard, after(false), None));
            steps.push(("has told, and crashes: operator", unheard, Operator::default(), None));
            steps.push(("is refused: operator", lost, after(false), None));
        }
        steps
    }

    /// The run that this version is the first to intend, where a broken protocol creates it before.
    fn intends(&mut self, state: &State, version: Id) -> Option<u8> {
        let scheduled = |version| {
            let status = self.debriefs.get(version).status.as_ref();
            Some(status?.scheduled.as_ref()?.run.clone())
        };
        let (before, after) = (scheduled(state.debrief), scheduled(version));
        let is_new = self.variant == Variant::CreatedBeforeIntended && before != after;
        after.filter(|_| is_new).map(|name| self.name(name))
    }

    /// Creates a run, or finds the one of that name.
    fn start(
        &self,
        state: &State,
        operator: Operator,
        (name, intent): (u8, Option<Id>),
    ) -> Vec<Step> {
        let Some((next, place)) = started(state, name, self.bounds.runs) else {
            return vec![("is not answered: operator", *state, operator.idle(), None)];
        };
        let doing = intent.map_or(Doing::Deciding, Doing::Writing);
        let heard = Operator { doing, started: Some(place), ..operator };
        let mut steps = vec![("has created the run: operator", next, heard, None)];
        if self.is_lossy(state) {
            let lost = State { losses: state.losses + 1, ..next };
            steps.push((
                "has created the run, and hears no answer: operator",
                lost,
                operator.idle(),
                None,
            ));
        }
        steps
    }

    /// Whether what is decided ends the debrief although it must not.
    fn wrong_with(&self, state: &State, next: Move) -> Option<String> {
        let (Move::Write(version) | Move::Tell(version, ..)) = next else { return None };
        let stage_of = |version| self.debriefs.get(version).status.as_ref()?.stage;
        let closes = stage_of(version) == Some(Stage::Closed)
            && stage_of(state.debrief) != Some(Stage::Closed);
        if closes { judge::wrong_with_close(state, self.bounds.passes) } else { None }
    }
}

/// What an operator sees in a state.
pub fn view_of(state: &State, operator: Operator) -> View {
    let debrief = operator.view.unwrap_or(state.debrief);
    let told = operator.told.map(|(what, arrived, _)| (what, arrived));
    let State { time, runs, names, .. } = *state;
    View { time, debrief, runs, names, run: operator.run, told, started: operator.started }
}

/// What is there once a run of that name was created, and its place; none where there is no room.
pub fn started(state: &State, name: u8, room: usize) -> Option<(State, u8)> {
    let place = state.names.iter().position(|known| *known == name);
    let free = || state.runs.iter().take(room).position(|run| *run == Run::None);
    let at = place.or_else(free)?;
    let mut next = *state;
    if place.is_none() {
        (next.runs[at], next.names[at]) = (Run::Created(state.time), name);
    }
    Some((next, u8::try_from(at).unwrap()))
}
