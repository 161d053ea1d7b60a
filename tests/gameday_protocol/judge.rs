//! What must be so in every state, and what must be so in some.

use firedrill::api::{
    GameDay, GameDayRun,
    game_day_run::{DayFactName, Outcome},
};

use super::{
    mixer::Memo,
    model::Model,
    objects::{END, FIRE, has, moment},
    state::{Controller, Doing, Message, Operator, Past, Sender, Spent, State},
};

/// A healthy operator is done with everything after so many steps.
const STEPS: usize = 200;

/// Something that must not be in any state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Broken {
    /// A run has struck before its day has begun.
    StruckBeforeTheGo,
    /// A run has struck when its day, or the step, was over, stopped, deleted or gone.
    StruckAfterTheEnd,
    /// A step has struck twice.
    StruckTwice,
    /// A run was created that no day has written down.
    Unwritten,
    /// Two days have begun for the same time.
    BegunTwice,
    /// A day has begun for a time whose day somebody has deleted.
    BornAgain,
    /// A day was asked for, or begun, for a time before which the plan does not count as it is, or while it is suspended.
    NotToFire,
    /// A day was asked for of which the plan says that it has been.
    AskedAgain,
    /// A day went on although the lever was seen to be engaged.
    Lever,
    /// The plan's last time, or its day, was another one before.
    Backwards,
    /// When failures stop, the plan's time has neither its day nor a word on why not.
    Lost,
    /// When failures stop, a day does not end, or does not go away.
    Stuck,
}

/// What must be so in some state.
#[allow(clippy::struct_excessive_bools, reason = "each is a thing of its own that was seen")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seldom {
    /// Every step has struck, and the day is done.
    pub done: bool,
    /// A day is halted after something has struck.
    pub halted: bool,
    /// A gate was closed.
    pub refused: bool,
    /// A day is gone that somebody has deleted, and the plan says that it has fired.
    pub gone: bool,
    /// A write that came too late has created a second day.
    pub second: bool,
}

/// Judges states; what the objects of one lead to is worked out once.
#[derive(Default)]
pub struct Judge {
    ends: Memo<State, Option<Broken>>,
    pub seldom: Seldom,
}

impl Judge {
    /// What is wrong with a state, if something is.
    pub fn judge(&mut self, model: &mut Model, state: &State) -> Option<Broken> {
        self.note(model, state);
        if state.past.broken.is_some() {
            return state.past.broken;
        }
        self.ends(model, state)
    }

    fn note(&mut self, model: &Model, state: &State) {
        let plan = state.plan.map(|plan| model.product.plans.get(plan));
        let has_fired = plan.and_then(|plan| plan.status.as_ref()?.last_fire) == Some(moment(FIRE));
        self.seldom.gone |= state.day.is_none() && state.past.deleted && has_fired;
        self.seldom.second |= state.past.days > 1;
        let Some(day) = state.day.map(|day| model.product.days.get(day)) else { return };
        let outcome = day.status.as_ref().and_then(|status| status.outcome);
        let struck = state.past.struck[..model.bounds.steps].iter();
        let has_struck = struck.clone().any(|times| *times > 0);
        self.seldom.done |=
            outcome == Some(Outcome::Done) && struck.clone().all(|times| *times > 0);
        self.seldom.halted |= outcome == Some(Outcome::Halted) && has_struck;
        self.seldom.refused |= outcome == Some(Outcome::NoGo);
    }

    /// What does not end well when failures stop: nothing is on its way any more (what would have arrived is a state of
    /// its own), and one healthy operator does what it does, until long after the last thing that is waited for.
    fn ends(&mut self, model: &mut Model, state: &State) -> Option<Broken> {
        let Past { days, runs, named, .. } = state.past;
        let past = Past { days, runs, named, ..Past::default() };
        let begin = State {
            operators: [Operator::default(); 2],
            network: [None; 5],
            past,
            spent: Spent::default(),
            ..*state
        };
        if let Some(known) = self.ends.get(&begin) {
            return *known;
        }
        let broken = badly(model, begin);
        self.ends.insert(begin, broken);
        broken
    }
}

/// What is wrong with how it ends.
fn badly(model: &mut Model, mut state: State) -> Option<Broken> {
    for _ in 0..STEPS {
        let before = state;
        alone(model, &mut state);
        for place in 0..state.runs.len() {
            model.run_goes_on(&mut state, place);
        }
        if state == before {
            if state.time == END {
                return is_over(model, &state);
            }
            state.pass_time();
        }
    }
    Some(Broken::Stuck)
}

/// One healthy operator looks with each of its controllers; its writes arrive at once.
fn alone(model: &mut Model, state: &mut State) {
    for controller in [Controller::Plans, Controller::Days] {
        let sender = Sender { place: 0, controller };
        for _ in 0..STEPS {
            model.look(state, sender);
            let sent: Vec<Message> = state.messages().collect();
            for message in sent {
                let answer = model.arrives(state, message.write);
                state.take(message);
                model.answer(state, message, Some(answer));
            }
            if state.task(sender).stage == Doing::Nothing {
                break;
            }
        }
    }
}

fn is_over(model: &Model, state: &State) -> Option<Broken> {
    let day = state.day.map(|day| model.product.days.get(day));
    let plan = state.plan.map(|plan| model.product.plans.get(plan));
    let is_busy = state.runs.iter().flatten().any(|run| !run.stage.is_over());
    if is_busy || day.is_some_and(|day| !is_let_go(day)) {
        return Some(Broken::Stuck);
    }
    let is_lost = plan.is_some_and(|plan| !is_told(plan, state.past.days > 0));
    is_lost.then_some(Broken::Lost)
}

fn is_let_go(day: &GameDayRun) -> bool {
    let is_held = day.metadata.finalizers.as_ref().is_some_and(|names| !names.is_empty());
    has(day, DayFactName::Reported) && !is_held && day.metadata.deletion_timestamp.is_none()
}

/// Whether the plan says what became of its time: that it had a day, was missed, or lies before what counts.
fn is_told(plan: &GameDay, has_had_day: bool) -> bool {
    let (status, at) = (plan.status.clone().unwrap_or_default(), moment(FIRE));
    let is_before = status.since.is_some_and(|since| since.at >= at);
    let is_missed = status.missed.is_some_and(|missed| missed.at == at);
    let has_fired = status.last_fire == Some(at);
    if has_fired { has_had_day } else { is_missed || is_before }
}
