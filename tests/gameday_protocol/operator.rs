//! What an operator does with the product's decisions, as `shell/gameday` does it, and what becomes of its writes.

use firedrill::api::game_day_run::DayFactName;

use super::{
    judge::Broken,
    model::Model,
    objects::{self, Answer, Write, has, named},
    product::{DayView, Move, PlanView},
    state::{Controller, Doing, Message, Sender, State, Task},
    table::Id,
    variant::Variant,
};

/// A look reads so often at most before it sends something.
const READS: usize = 8;

impl Model {
    /// A controller begins its look, or goes on with it, until it waits for an answer or is done.
    pub fn look(&mut self, state: &mut State, sender: Sender) {
        for _ in 0..READS {
            self.step(state, sender);
            if matches!(state.task(sender).stage, Doing::Waiting | Doing::Nothing) {
                break;
            }
        }
    }

    /// A controller begins its look, or goes on with it, until it has to read something or waits for an answer.
    pub fn step(&mut self, state: &mut State, sender: Sender) {
        match sender.controller {
            Controller::Plans => self.look_at_plan(state, sender),
            Controller::Days => self.look_at_day(state, sender),
        }
    }

    fn look_at_plan(&mut self, state: &mut State, sender: Sender) {
        let task = state.task(sender);
        match task.stage {
            Doing::Waiting => {}
            // One that is not there any more is an error, after which it is looked again.
            Doing::FindingDay => {
                let found = Task { stage: Doing::Deciding, beside: state.day, ..task };
                state.put(sender, if state.day.is_some() { found } else { Task::default() });
                self.settle(state, sender);
            }
            _ => {
                let Some(view) = self.plan_view(state, sender) else { return };
                match self.product.next_of_plan(view) {
                    Move::Write(write) => send(state, sender, write, (view.plan, view.day)),
                    Move::Create(write) => self.create_day(state, sender, write, view),
                    _ => state.put(sender, Task::default()),
                }
            }
        }
    }

    /// Asks for the day where the plan, read live, is the one that was decided on.
    fn create_day(&mut self, state: &mut State, sender: Sender, write: Id, view: PlanView) {
        let is_read = self.product.variant != Variant::NoLiveRead;
        match state.plan {
            None if is_read => state.put(sender, Task::default()),
            Some(live) if is_read && live != view.plan => {
                let object = Some(live);
                state.put(sender, Task { stage: Doing::DecidingAnew, object, beside: view.day });
                self.settle(state, sender);
            }
            live => {
                let broken = live.and_then(|live| {
                    let plan = self.product.plans.get(live);
                    let has_fired =
                        plan.status.as_ref().is_some_and(|status| status.last_day_uid.is_some());
                    if has_fired {
                        return Some(Broken::AskedAgain);
                    }
                    objects::is_not_to_fire(plan).then_some(Broken::NotToFire)
                });
                state.breaks(broken);
                send(state, sender, write, (view.plan, view.day));
            }
        }
    }

    fn look_at_day(&mut self, state: &mut State, sender: Sender) {
        let task = state.task(sender);
        if let (Doing::Reading(need), Some(day)) = (task.stage, task.object) {
            let reads = self.product.read(state, day, need);
            state.put(sender, Task { stage: Doing::Deciding, beside: Some(reads), ..task });
        }
        if state.task(sender).stage == Doing::Waiting {
            return;
        }
        let Some(view) = self.day_view(state, sender) else { return };
        let (next, broken) = self.product.next_of_day(view);
        let read = |stage| match state.day {
            Some(day) => Task { stage, object: Some(day), beside: None },
            None => Task::default(),
        };
        match next {
            Move::Write(write) => {
                state.breaks(broken);
                send(state, sender, write, (view.day, view.reads));
            }
            Move::Read(need) => state.put(sender, read(Doing::Reading(need))),
            Move::Create(_) | Move::Rest => state.put(sender, Task::default()),
        }
    }

    /// What a look at the plan decides on: what the watches have brought, or what it has read and written since.
    fn plan_view(&self, state: &State, sender: Sender) -> Option<PlanView> {
        let (task, time) = (state.task(sender), state.time);
        let (plan, day) = match task.stage {
            Doing::Nothing => (self.heard_plan(state, sender), self.heard_day(state, sender)),
            _ => (task.object, task.beside),
        };
        let has_written =
            task.stage == Doing::Deciding && self.product.variant == Variant::LastFireFirst;
        Some(PlanView { time, plan: plan?, day, has_written })
    }

    fn day_view(&self, state: &State, sender: Sender) -> Option<DayView> {
        let (task, time) = (state.task(sender), state.time);
        let (day, reads) = match task.stage {
            Doing::Nothing => (self.heard_day(state, sender), None),
            _ => (task.object, task.beside),
        };
        let lever = state.lever && !state.operators[usize::from(sender.place)].late_lever;
        Some(DayView { time, day: day?, plan: self.heard_plan(state, sender), lever, reads })
    }

    fn heard_plan(&self, state: &State, sender: Sender) -> Option<Id> {
        let late = state.operators[usize::from(sender.place)].late_plan;
        late.map_or(state.plan, |queue| self.queues.get(queue)[0])
    }

    fn heard_day(&self, state: &State, sender: Sender) -> Option<Id> {
        let late = state.operators[usize::from(sender.place)].late_day;
        late.map_or(state.day, |queue| self.queues.get(queue)[0])
    }

    /// A look that has nothing to do is over.
    fn settle(&mut self, state: &mut State, sender: Sender) {
        let next = match sender.controller {
            Controller::Plans => {
                self.plan_view(state, sender).map(|view| self.product.next_of_plan(view))
            }
            Controller::Days => {
                self.day_view(state, sender).map(|view| self.product.next_of_day(view).0)
            }
        };
        if next.is_none_or(|next| next == Move::Rest) {
            state.put(sender, Task::default());
        }
    }

    /// Whoever waits for the answer to that write hears it, or that there is none.
    pub fn answer(&mut self, state: &mut State, message: Message, answer: Option<Answer>) {
        let Some(sender) = message.from else { return };
        let task = state.task(sender);
        let goes_on = |object, beside| Task { stage: Doing::Deciding, object, beside };
        let next = match (self.product.writes.get(message.write), answer) {
            (Write::CreateDay(..), Some(Answer::Known)) => {
                Task { stage: Doing::FindingDay, ..task }
            }
            (Write::CreateRun(_) | Write::StopRun(_), Some(Answer::Accepted | Answer::Known)) => {
                goes_on(task.object, None)
            }
            (Write::CreateDay(..), Some(Answer::Accepted)) => goes_on(task.object, state.day),
            (Write::PlanStatus(..), Some(Answer::Accepted)) => goes_on(state.plan, task.beside),
            (Write::DayStatus(..) | Write::Finalizer(..), Some(Answer::Accepted))
                if state.day.is_some() =>
            {
                goes_on(state.day, task.beside)
            }
            // Without an answer, and after a conflict, it is looked again.
            _ => Task::default(),
        };
        state.put(sender, next);
        if next.stage == Doing::Deciding {
            self.settle(state, sender);
        }
    }

    /// What the API server makes of a write, and what it says.
    pub fn arrives(&mut self, state: &mut State, write: Id) -> Answer {
        match *self.product.writes.get(write) {
            Write::PlanStatus(..) => {
                let applied = self.product.write_plan(write, state.plan);
                state.breaks(applied.broken);
                self.set_plan(state, applied.object);
                applied.answer
            }
            Write::CreateDay(..) => {
                let number = state.past.days + 1;
                let applied = self.product.write_day(write, state.day, number, state.time);
                if applied.answer == Answer::Accepted {
                    state.past.days = number;
                }
                self.set_day(state, applied.object);
                applied.answer
            }
            Write::DayStatus(..) | Write::Finalizer(..) => {
                let applied = self.product.write_day(write, state.day, 0, 0);
                if applied.answer == Answer::Accepted {
                    self.day_changes(state, applied.object);
                }
                self.set_day(state, applied.object);
                applied.answer
            }
            Write::CreateRun(step) => self.create_run(state, step),
            Write::StopRun(step) => {
                for run in state.runs.iter_mut().flatten().filter(|run| run.step == step) {
                    run.stop = true;
                }
                state.runs.sort_unstable();
                Answer::Accepted
            }
        }
    }

    /// Notes what a promise goes by.
    fn day_changes(&self, state: &mut State, day: Option<Id>) {
        let days = &self.product.days;
        let (Some(old), Some(new)) =
            (state.day.map(|day| days.get(day)), day.map(|day| days.get(day)))
        else {
            return;
        };
        for step in named(new) {
            state.past.named[usize::from(step)] = true;
        }
        if has(new, DayFactName::Go) && !has(old, DayFactName::Go) {
            state.past.begun += 1;
            let again = (state.past.begun > 1).then_some(Broken::BegunTwice);
            state.breaks(again.or_else(|| state.past.deleted.then_some(Broken::BornAgain)));
        }
    }

    fn create_run(&self, state: &mut State, step: u8) -> Answer {
        let is_random = self.product.variant == Variant::RandomNames;
        if state.run_of(step).is_some() && !is_random {
            return Answer::Known;
        }
        let named = state.past.named[usize::from(step)];
        state.breaks((!named).then_some(Broken::Unwritten));
        state.add_run(step, false);
        Answer::Accepted
    }
}

fn send(state: &mut State, sender: Sender, write: Id, (object, beside): (Id, Option<Id>)) {
    if state.has_room() {
        state.put(sender, Task { stage: Doing::Waiting, object: Some(object), beside });
        state.send(Message { from: Some(sender), write });
    }
}
