//! What must be so in every state, and what must be so in some.

use firedrill::api::{ExperimentRun, mark::Mark, run::FactName};

use super::{
    cluster::{RUN, Target},
    mixer::Memo,
    model::Model,
    operator::{Move, has},
    state::{Operator, State},
    table::Id,
};

/// A healthy operator is done after so many steps.
const STEPS: usize = 32;
/// A run is over after so many hours.
const HOURS: u8 = 4;

/// Something that must not be in any state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The run is gone or says that nothing is left, and the fault or its leftovers are there.
    Leak,
    /// When failures stop, the fault does not go away.
    Stuck,
}

/// What must be so in some state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seldom {
    /// The fault is there and recorded.
    pub injected: bool,
    /// A run is complete whose fault was there.
    pub complete: bool,
    /// The same, and it is gone.
    pub gone: bool,
}

/// Judges states; what a pair of run and target leads to is worked out once.
#[derive(Default)]
pub struct Judge {
    drains: Memo<(Option<Id>, Id), bool>,
    pub seldom: Seldom,
}

impl Judge {
    /// What is wrong with a state, if something is.
    pub fn judge(&mut self, model: &mut Model, state: &State) -> Option<Broken> {
        let run = state.run.map(|run| model.product.runs.get(run));
        let target = model.product.targets.get(state.target);
        self.note(run, target);
        let forced = model.bounds.forced;
        if !is_kept(run, target, forced) {
            return Some(Broken::Leak);
        }
        let mut arrived = (state.run, state.target);
        for message in state.messages() {
            let applied = model.product.apply(message.write, arrived.0, arrived.1);
            arrived = (applied.run, applied.target);
        }
        let drained = self.drains(model, (state.run, state.target)) && self.drains(model, arrived);
        (!drained).then_some(Broken::Stuck)
    }

    fn note(&mut self, run: Option<&ExperimentRun>, target: &Target) {
        let has = |fact| run.is_some_and(|run| has(run, fact));
        let injected = has(FactName::Injected);
        self.seldom.injected |= injected && target.is_broken();
        self.seldom.complete |= injected && has(FactName::Completed);
        self.seldom.gone |= run.is_none() && is_revoked(target);
    }

    /// Whether everything ends well when failures stop: nothing is on its way any more, the deadline
    /// passes, and one healthy operator, and the reaper, do what they do. With and without deletion.
    fn drains(&mut self, model: &mut Model, begin: (Option<Id>, Id)) -> bool {
        if let Some(known) = self.drains.get(&begin) {
            return *known;
        }
        let ends = [false, true].into_iter().all(|delete| ends_well(model, begin, delete));
        self.drains.insert(begin, ends);
        ends
    }
}

fn is_revoked(target: &Target) -> bool {
    target.mark() == Some(Mark::revoked(RUN, 1).to_string().as_str())
}

fn is_clean(target: &Target) -> bool {
    let armed = target.mark() == Some(Mark::armed(RUN, 1).to_string().as_str());
    !target.is_broken() && !armed
}

/// No fault and nothing of it once the run says so, or is gone; where an admin has made it gone, the
/// fault may stay until the reaper comes.
fn is_kept(run: Option<&ExperimentRun>, target: &Target, forced: bool) -> bool {
    match run {
        None => forced || is_clean(target),
        Some(run) if has(run, FactName::Reverted) => is_clean(target) && !target.has_faulty_set,
        Some(run) => !has(run, FactName::Completed) || is_clean(target),
    }
}

fn ends_well(model: &mut Model, (run, target): (Option<Id>, Id), delete: bool) -> bool {
    let mut state = State { run, hours: 1, ..State::new(target, target) };
    if delete && let Some(run) = run {
        state.run = model.product.apply(model.delete, Some(run), target).run;
    }
    run_alone(model, &mut state);
    if model.bounds.forced {
        sweep(model, &mut state);
    }
    let target = model.product.targets.get(state.target);
    let over = state.run.is_none_or(|run| {
        let run = model.product.runs.get(run);
        let held = run.metadata.finalizers.as_ref().is_some_and(|names| !names.is_empty());
        has(run, FactName::Completed) && !held
    });
    let left = target.has_faulty_set && !model.bounds.forced;
    over && (!delete || state.run.is_none()) && is_clean(target) && !left
}

/// One healthy operator, whose writes arrive at once.
fn run_alone(model: &mut Model, state: &mut State) {
    let mut operator = Operator { run: state.run, ..Operator::default() };
    for _ in 0..STEPS {
        let Some(view) = model.view(state, &operator) else {
            return;
        };
        match model.product.next(view) {
            Move::Rest if state.hours < HOURS => state.hours += 1,
            Move::Rest => return,
            Move::Look => {
                operator = model.look(state.target, view, operator);
            }
            Move::Write(write) => {
                let applied = model.product.apply(write, state.run, state.target);
                (state.run, state.target) = (applied.run, applied.target);
                let of_run = model.product.writes.get(write).is_of_run();
                operator.hear(of_run, applied.answer, applied.run);
            }
        }
    }
}

/// One sweep of the reaper.
fn sweep(model: &mut Model, state: &mut State) {
    let clock = model.clock(state);
    let Some(write) = model.product.sweep(state.target, state.run.is_some(), clock) else {
        return;
    };
    state.target = model.product.apply(write, state.run, state.target).target;
}
