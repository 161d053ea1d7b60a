//! What people do, and what becomes of runs.

use super::{
    judge::Broken,
    model::Model,
    objects::{self, END},
    product::Admission,
    state::{Doing, Run, Stage, State},
};

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    StopsTheDay,
    DeletesTheDay,
    DeletesTheRun,
    EngagesTheLever,
    SuspendsThePlan,
    ResumesThePlan,
    EditsThePlan,
    DeletesThePlan,
    CreatesARunOfThatName,
}

impl Person {
    pub const ALL: [Self; 9] = [
        Self::StopsTheDay,
        Self::DeletesTheDay,
        Self::DeletesTheRun,
        Self::EngagesTheLever,
        Self::SuspendsThePlan,
        Self::ResumesThePlan,
        Self::EditsThePlan,
        Self::DeletesThePlan,
        Self::CreatesARunOfThatName,
    ];
}

impl State {
    /// The next instant comes; what was read before is too old to be decided on.
    pub fn pass_time(&mut self) {
        if self.time < END {
            self.time += 1;
        }
        for operator in &mut self.operators {
            if matches!(operator.days.stage, Doing::Deciding | Doing::Waiting) {
                operator.days.beside = None;
            }
        }
    }
}

impl Model {
    /// Somebody does that; says whether there was anything to be done.
    pub fn people(&mut self, state: &mut State, person: Person) -> bool {
        match person {
            Person::StopsTheDay | Person::DeletesTheDay => self.end_day(state, person),
            Person::EngagesTheLever => !std::mem::replace(&mut state.lever, true),
            Person::DeletesThePlan => {
                let was_there = state.plan.is_some();
                self.set_plan(state, None);
                was_there
            }
            Person::SuspendsThePlan | Person::ResumesThePlan | Person::EditsThePlan => {
                self.change_plan(state, person)
            }
            Person::DeletesTheRun => {
                let place = state.runs.iter().position(|run| run.is_some_and(|run| !run.leaving));
                let Some(place) = place else { return false };
                let run = state.runs[place].map(|run| Run { leaving: true, ..run });
                state.set_run(place, run.filter(|run| run.stage == Stage::Struck));
                true
            }
            Person::CreatesARunOfThatName => {
                let is_free = state.run_of(0).is_none();
                if is_free {
                    state.add_run(0, true);
                }
                is_free
            }
        }
    }

    fn end_day(&mut self, state: &mut State, person: Person) -> bool {
        let Some(day) = state.day.map(|day| self.product.days.get(day)) else { return false };
        let ended = match person {
            Person::StopsTheDay if day.spec.stop => return false,
            Person::StopsTheDay => Some(objects::stop(day)),
            _ if day.metadata.deletion_timestamp.is_some() => return false,
            _ => objects::delete(day, state.time),
        };
        state.past.deleted |= person == Person::DeletesTheDay;
        let ended = ended.map(|day| self.product.days.id(day));
        self.set_day(state, ended);
        true
    }

    fn change_plan(&mut self, state: &mut State, person: Person) -> bool {
        let Some(plan) = state.plan.map(|plan| self.product.plans.get(plan)) else { return false };
        let changed = match person {
            Person::SuspendsThePlan if !plan.spec.suspend => {
                objects::change(plan, state.time, |plan| plan.spec.suspend = true)
            }
            Person::ResumesThePlan if plan.spec.suspend => {
                objects::change(plan, state.time, |plan| plan.spec.suspend = false)
            }
            Person::EditsThePlan if plan.spec.notes.is_none() => {
                objects::change(plan, state.time, |plan| {
                    plan.spec.notes = Some("call the shop first".to_owned());
                })
            }
            _ => return false,
        };
        let changed = self.product.plans.id(changed);
        self.set_plan(state, Some(changed));
        true
    }

    /// The run in that place goes on; says how.
    pub fn run_goes_on(&mut self, state: &mut State, place: usize) -> Option<&'static str> {
        let run = state.runs[place]?;
        let (stage, told) = match run.stage {
            Stage::Waiting if run.foreign => (Stage::Refused, "the other run ends"),
            Stage::Waiting if run.stop || state.lever => (Stage::Refused, "the run ends early"),
            Stage::Waiting => match self.product.admits(state.day, run) {
                Admission::Refuses => (Stage::Refused, "the run reads its day, and ends"),
                Admission::Waits => return None,
                Admission::Strikes(broken) => {
                    let struck = &mut state.past.struck[usize::from(run.step)];
                    *struck += 1;
                    let twice = (*struck > 1).then_some(Broken::StruckTwice);
                    state.breaks(broken.or(twice));
                    (Stage::Struck, "the run reads its day, and strikes")
                }
            },
            Stage::Struck if run.stop || run.leaving => (Stage::Aborted, "the run ends early"),
            Stage::Struck => (Stage::Passed, "the run passes"),
            Stage::Passed | Stage::Aborted | Stage::Refused => return None,
        };
        let next = Run { stage, ..run };
        state.set_run(place, Some(next).filter(|run| !(run.leaving && run.stage.is_over())));
        Some(told)
    }
}
