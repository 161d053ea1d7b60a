//! What the product does about what it sees. Everything is asked of the product itself, each question once: the
//! answers are kept.

use firedrill::{
    api::{GameDay, GameDayRun, GameDayRunStatus, game_day_run::DayFactName},
    core::{
        cluster::{Intent, Lever},
        gameday::{
            day::{
                self, Clocks, Effect, Firing, Found, GateReads, Need, NotStarted, Others,
                StartReads, StepReads,
            },
            firing,
        },
    },
};

use super::{
    judge::Broken,
    mixer::Memo,
    objects::{self, Answer, Write, experiment, has, moment, named, step},
    state::{Run, State},
    table::{Id, Table},
    variant::Variant,
};

/// Everything that a look at the plan decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PlanView {
    pub time: u8,
    pub plan: Id,
    pub day: Option<Id>,
    /// Whether this look has written the plan as it is.
    pub has_written: bool,
}

/// Everything that a look at the day decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DayView {
    pub time: u8,
    pub day: Id,
    pub plan: Option<Id>,
    pub lever: bool,
    pub reads: Option<Id>,
}

/// What a look does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    Write(Id),
    /// Create the day, when the plan is seen to be the one that was decided on.
    Create(Id),
    Read(Need),
    Rest,
}

/// What a run does once it has read its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It breaks something, and with it the promise, if there is one.
    Strikes(Option<Broken>),
    /// It reads its day again later.
    Waits,
    /// It breaks nothing, and ends.
    Refuses,
}

/// What became of a write: the object as it is then, what the API server says, and the promise that is broken by it.
#[derive(Clone, Copy, Debug)]
pub struct Applied {
    pub object: Option<Id>,
    pub answer: Answer,
    pub broken: Option<Broken>,
}

/// What was read for a day, when.
#[derive(Clone, Debug)]
enum Reads {
    Gates(Box<GateReads>),
    Steps(StepReads),
    Start(Box<StartReads>, StepReads),
}

/// What there is to be read for a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Sight {
    need: Need,
    time: u8,
    day: Id,
    plan: Option<Id>,
    lever: bool,
    runs: [Option<Run>; 2],
}

/// The product, asked about numbered values.
pub struct Product {
    pub variant: Variant,
    pub plans: Table<GameDay>,
    pub days: Table<GameDayRun>,
    pub writes: Table<Write>,
    reads: Table<Reads>,
    /// The plan with every step.
    template: GameDay,
    plan_moves: Memo<PlanView, Move>,
    day_moves: Memo<DayView, (Move, Option<Broken>)>,
    sights: Memo<Sight, Id>,
    admissions: Memo<(Option<Id>, Run), Admission>,
    of_plan: Memo<(Id, Option<Id>), Applied>,
    of_day: Memo<(Id, Option<Id>, u8, u8), Applied>,
}

impl Product {
    pub fn new(variant: Variant) -> Self {
        Self {
            variant,
            plans: Table::new(),
            days: Table::new(),
            writes: Table::new(),
            reads: Table::new(),
            template: objects::plan(2),
            plan_moves: Memo::default(),
            day_moves: Memo::default(),
            sights: Memo::default(),
            admissions: Memo::default(),
            of_plan: Memo::default(),
            of_day: Memo::default(),
        }
    }

    /// How many different questions were asked of the product.
    pub fn questions(&self) -> usize {
        self.plan_moves.len() + self.day_moves.len()
    }

    /// What the API server makes of a write of the plan.
    pub fn write_plan(&mut self, write: Id, plan: Option<Id>) -> Applied {
        if let Some(known) = self.of_plan.get(&(write, plan)) {
            return *known;
        }
        let old = plan.map(|plan| self.plans.get(plan));
        let (new, answer, broken) = objects::to_plan(self.writes.get(write), old);
        let applied = Applied { object: new.map(|new| self.plans.id(new)), answer, broken };
        self.of_plan.insert((write, plan), applied);
        applied
    }

    /// What the API server makes of a write of the day, which would be the one of that number.
    pub fn write_day(&mut self, write: Id, day: Option<Id>, number: u8, time: u8) -> Applied {
        let question = (write, day, number, time);
        if let Some(known) = self.of_day.get(&question) {
            return *known;
        }
        let old = day.map(|day| self.days.get(day));
        let (new, answer) = objects::to_day(self.writes.get(write), old, (number, time));
        let object = new.map(|new| self.days.id(new));
        let applied = Applied { object, answer, broken: None };
        self.of_day.insert(question, applied);
        applied
    }

    /// What a look at the plan does next.
    pub fn next_of_plan(&mut self, view: PlanView) -> Move {
        if let Some(known) = self.plan_moves.get(&view) {
            return *known;
        }
        let plan = self.plans.get(view.plan).clone();
        let day = view.day.map(|day| self.days.get(day).clone());
        let shown = self.variant.shows_plan(&plan, day.as_ref(), view.has_written);
        let observed = firing::Observed {
            now: moment(view.time),
            plan: &shown,
            days: day.as_slice(),
            blackouts: &[],
            refused: None,
        };
        let version = plan.metadata.resource_version.clone().unwrap();
        let next =
            match self.variant.does_to_plan(firing::decide(&observed), &plan, view.has_written) {
                firing::Decision::Record(status) => {
                    Move::Write(self.writes.id(Write::PlanStatus(version, status)))
                }
                firing::Decision::Create { name, spec } => {
                    assert_eq!(name, objects::day_name(), "no other time comes");
                    let held = self.variant != Variant::NoFinalizer;
                    Move::Create(self.writes.id(Write::CreateDay(spec, held)))
                }
                firing::Decision::WaitUntil(_) => Move::Rest,
            };
        self.plan_moves.insert(view, next);
        next
    }

    /// What a look at the day does next, and the promise that this breaks.
    pub fn next_of_day(&mut self, view: DayView) -> (Move, Option<Broken>) {
        if let Some(known) = self.day_moves.get(&view) {
            return *known;
        }
        let day = self.variant.shows_day(self.days.get(view.day));
        let plan = view.plan.map(|plan| self.plans.get(plan));
        let reads = view.reads.map(|reads| self.reads.get(reads));
        let (gates, steps, start) = match reads {
            None => (None, None, None),
            Some(Reads::Gates(gates)) => (Some(&**gates), None, None),
            Some(Reads::Steps(steps)) => (None, Some(steps), None),
            Some(Reads::Start(start, steps)) => (None, Some(steps), Some(&**start)),
        };
        let decision = day::decide(&day::Observed {
            now: moment(view.time),
            day: &day,
            plan,
            blackouts: &[],
            lever: &lever(view.lever),
            gates,
            steps,
            start,
            rehearsals: &[],
            refused: None,
            chat: false,
            attempt: None,
        });
        let decision = self.variant.does_to_day(decision, &day, steps);
        let broken = overlooked(&decision, &day, view.lever, gates);
        let next = self.performs(decision, &day);
        self.day_moves.insert(view, (next, broken));
        (next, broken)
    }

    /// What becomes of a decision about a day. One that changes nothing that a promise goes by is a rest.
    fn performs(&mut self, decision: day::Decision, day: &GameDayRun) -> Move {
        let (uid, version) = (day.uid().to_owned(), day.metadata.resource_version.clone().unwrap());
        let write = match decision {
            // People are told with the write that causes it: how they are told is no part of this protocol.
            day::Decision::Record(mut status) => {
                for told in &mut status.announcements {
                    told.delivered = told.delivered.or(Some(told.at));
                }
                Write::DayStatus(uid, version, status)
            }
            day::Decision::Act(Effect::AddFinalizer) => Write::Finalizer(uid, version, true),
            day::Decision::Act(Effect::ReleaseFinalizer) => Write::Finalizer(uid, version, false),
            day::Decision::Act(Effect::Create { name, .. }) => {
                Write::CreateRun(objects::step_of(&name))
            }
            day::Decision::Act(Effect::Stop(name)) => Write::StopRun(objects::step_of(&name)),
            day::Decision::Look(need) => return Move::Read(need),
            day::Decision::Act(effect @ (Effect::Announce { .. } | Effect::Delete(_))) => {
                panic!("nothing is left to be told or taken away: {effect:?}")
            }
            day::Decision::WaitUntil(_) | day::Decision::Rest => return Move::Rest,
        };
        Move::Write(self.writes.id(write))
    }

    /// What is read for that day, which was read before, beside it.
    pub fn read(&mut self, state: &State, day: Id, need: Need) -> Id {
        let State { time, plan, lever, runs, .. } = *state;
        let sight = Sight { need, time, day, plan, lever, runs };
        if let Some(known) = self.sights.get(&sight) {
            return *known;
        }
        let steps = self.steps(state, self.days.get(day));
        let reads = match need {
            Need::Gates => Reads::Gates(Box::new(self.gates(state))),
            Need::Steps => Reads::Steps(steps),
            Need::Start => Reads::Start(Box::new(self.start(state)), steps),
        };
        let reads = self.reads.id(reads);
        self.sights.insert(sight, reads);
        reads
    }

    /// What a run does once it has read its day.
    pub fn admits(&mut self, day: Option<Id>, run: Run) -> Admission {
        if let Some(known) = self.admissions.get(&(day, run)) {
            return *known;
        }
        let read = day.map(|day| self.days.get(day));
        let admission = match self.variant.admits(read, run) {
            Intent::Written(_) => Admission::Strikes(strikes_wrongly(read, run)),
            Intent::Unsettled(_) => Admission::Waits,
            Intent::Refused(_) => Admission::Refuses,
        };
        self.admissions.insert((day, run), admission);
        admission
    }

    fn found_plan(&self, state: &State) -> Found<GameDay> {
        state.plan.map_or(Found::Missing, |plan| Found::There(self.plans.get(plan).clone()))
    }

    fn gates(&self, state: &State) -> GateReads {
        let plan = self.found_plan(state);
        let steps = match &plan {
            Found::There(plan) => plan.spec.steps.as_slice(),
            Found::Missing | Found::Unreadable(_) => &[],
        };
        let starter = steps.iter().map(|known| {
            let is_free = state.run_of(step(&known.name)).is_none();
            let answer =
                is_free.then(|| Clocks { theirs: moment(state.time), ours: moment(state.time) });
            (
                known.name.clone(),
                answer.ok_or_else(|| NotStarted::Refused("a run of that name is there".to_owned())),
            )
        });
        let starter = starter.collect();
        let foreign = state.runs.iter().flatten().filter(|run| run.foreign && !run.stage.is_over());
        let runs = foreign.map(|run| self.template.spec.steps[usize::from(run.step)].name.clone());
        GateReads {
            read_at: moment(state.time),
            lever: lever(state.lever),
            experiments: [("x".to_owned(), Found::There(experiment()))].into(),
            starter,
            expected: [("x".to_owned(), Vec::new())].into(),
            rehearsals: [("x".to_owned(), Found::There(objects::rehearsal()))].into(),
            firing: Firing::Known(Vec::new()),
            rollouts: Ok(Vec::new()),
            error_budget: None,
            predecessor: None,
            others: Ok(Others { runs: runs.collect(), days: Vec::new() }),
            plan,
        }
    }

    fn steps(&self, state: &State, day: &GameDayRun) -> StepReads {
        let status = day.status.as_ref();
        let is_read = |known: &&firedrill::api::game_day_run::StepResult| {
            known.run.is_some() && known.over_at.is_none()
                || self.variant == Variant::CreateBeforeIntent
        };
        let live = status.iter().flat_map(|status| &status.steps).filter(is_read);
        let runs = live.map(|known| {
            let run = state.run_of(step(&known.name));
            let run = run.map(|run| objects::run(run, &self.template));
            (known.name.clone(), run.map_or(Found::Missing, Found::There))
        });
        StepReads { read_at: moment(state.time), runs: runs.collect() }
    }

    fn start(&self, state: &State) -> StartReads {
        StartReads {
            read_at: moment(state.time),
            plan: self.found_plan(state),
            days: Ok(Vec::new()),
            firing: Firing::Known(Vec::new()),
            rollouts: Ok(Vec::new()),
        }
    }
}

fn lever(engaged: bool) -> Lever {
    if !engaged {
        return Lever::Open;
    }
    Lever::Engaged { by: "somebody".to_owned(), reason: "it burns".to_owned() }
}

/// The promise that is broken where a day goes on although what was seen speaks against it; `engaged` is the lever as
/// it was heard.
fn overlooked(
    decision: &day::Decision,
    day: &GameDayRun,
    engaged: bool,
    gates: Option<&GateReads>,
) -> Option<Broken> {
    let begins = |status: &GameDayRunStatus| status.fact(DayFactName::Go).is_some();
    match decision {
        day::Decision::Record(status) if begins(status) && !has(day, DayFactName::Go) => {
            let gates = gates.expect("a day that begins has looked at its gates");
            let Found::There(plan) = &gates.plan else { return Some(Broken::NotToFire) };
            if objects::is_not_to_fire(plan) {
                return Some(Broken::NotToFire);
            }
            (gates.lever != Lever::Open).then_some(Broken::Lever)
        }
        day::Decision::Record(status) => {
            let after = GameDayRun { status: Some(GameDayRunStatus::clone(status)), ..day.clone() };
            let starts = named(&after).count() > named(day).count();
            (engaged && starts).then_some(Broken::Lever)
        }
        day::Decision::Act(Effect::Create { .. }) => engaged.then_some(Broken::Lever),
        _ => None,
    }
}

/// The promise that is broken where a run strikes: its day, as it is then, must have begun and not be over.
fn strikes_wrongly(day: Option<&GameDayRun>, run: Run) -> Option<Broken> {
    let Some(day) = day else { return Some(Broken::StruckAfterTheEnd) };
    if !has(day, DayFactName::Go) {
        return Some(Broken::StruckBeforeTheGo);
    }
    let over = [DayFactName::StopRequested, DayFactName::Reported];
    let mut steps = day.status.iter().flat_map(|status| &status.steps);
    let is_over = day.spec.stop
        || day.metadata.deletion_timestamp.is_some()
        || over.iter().any(|fact| has(day, *fact))
        || steps.any(|known| step(&known.name) == run.step && known.over_at.is_some());
    is_over.then_some(Broken::StruckAfterTheEnd)
}
