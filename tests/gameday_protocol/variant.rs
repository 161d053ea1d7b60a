//! The protocol as it is, and the broken ones that must be caught: each changes what an operator is shown or what it
//! does, or what a run looks at, and leaves every other decision to the product.

use firedrill::{
    api::{GameDay, GameDayRun, names},
    core::{
        cluster::Intent,
        gameday::{
            day::{self, Effect, Found, StepReads, gates::run_of},
            firing,
        },
    },
};

use super::{
    objects::{self, FIRE, day_name, moment, named},
    state::Run,
};

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// The product's own.
    AsItIs,
    /// A run is created first, and written down once it is there.
    CreateBeforeIntent,
    /// Each attempt to create a run has a name of its own.
    RandomNames,
    /// A run goes by its name alone, whichever run of that name it is.
    NameAlone,
    /// A run does not read its day.
    BlindRun,
    /// The plan says that it has fired before it creates the day.
    LastFireFirst,
    /// Nothing holds a day that is deleted.
    NoFinalizer,
    /// A day is created on the plan as it was heard.
    NoLiveRead,
}

impl Variant {
    /// The plan as the operator of this protocol takes it.
    pub fn shows_plan(
        self,
        plan: &GameDay,
        day: Option<&GameDayRun>,
        has_written: bool,
    ) -> GameDay {
        let mut shown = plan.clone();
        if self == Self::LastFireFirst
            && let Some(status) = shown.status.as_mut().filter(|status| is_announced(status))
            && (day.is_some() || has_written)
        {
            status.last_fire = None;
        }
        shown
    }

    /// What it does in place of the product's decision about the plan.
    pub fn does_to_plan(
        self,
        decision: firing::Decision,
        plan: &GameDay,
        has_written: bool,
    ) -> firing::Decision {
        let status = plan.status.clone().unwrap_or_default();
        match decision {
            firing::Decision::Create { name, .. }
                if self == Self::LastFireFirst && !(has_written && is_announced(&status)) =>
            {
                let mut status = status;
                status.last_fire = Some(moment(FIRE));
                status.last_day = Some(name);
                firing::Decision::Record(Box::new(status))
            }
            other => other,
        }
    }

    /// The day as the operator of this protocol takes it.
    pub fn shows_day(self, day: &GameDayRun) -> GameDayRun {
        let mut shown = day.clone();
        if self == Self::NoFinalizer && !shown.is_over() {
            shown.metadata.finalizers = Some(vec![names::DAY_FINALIZER.to_owned()]);
        }
        shown
    }

    /// What it does in place of the product's decision about the day.
    pub fn does_to_day(
        self,
        decision: day::Decision,
        day: &GameDayRun,
        steps: Option<&StepReads>,
    ) -> day::Decision {
        let day::Decision::Record(status) = &decision else { return decision };
        let after = GameDayRun { status: Some(status.as_ref().clone()), ..day.clone() };
        let new = named(&after).find(|step| named(day).all(|known| known != *step));
        let (Some(new), Some(steps), Self::CreateBeforeIntent) = (new, steps, self) else {
            return decision;
        };
        let Some(plan) = &status.plan else { return decision };
        let step = &plan.spec.steps[usize::from(new)];
        if !matches!(steps.runs.get(&step.name), Some(Found::Missing)) {
            return decision;
        }
        let (name, spec) = run_of(&day_name(), step, None, firedrill::api::Duration::minutes(10));
        day::Decision::Act(Effect::Create { name, spec: Box::new(spec) })
    }

    /// What a run of this protocol takes its day to say.
    pub fn admits(self, day: Option<&GameDayRun>, run: Run) -> Intent {
        let words = String::new();
        let Some(day) = day.filter(|_| self != Self::BlindRun) else {
            return if self == Self::BlindRun {
                Intent::Written(words)
            } else {
                Intent::Refused(words)
            };
        };
        let name = objects::run_name(run.step);
        let is_named = day.is_under_way() && day.step_of(&name).is_some();
        match self {
            // One that has a name of its own goes by its step.
            Self::NameAlone | Self::RandomNames if is_named => Intent::Written(words),
            _ => day::intent(day, &name, &objects::run_uid(run)),
        }
    }
}

/// Whether the plan says that it has fired, and names no day that it has taken up.
fn is_announced(status: &firedrill::api::GameDayStatus) -> bool {
    status.last_fire == Some(moment(FIRE)) && status.last_day_uid.is_none()
}
