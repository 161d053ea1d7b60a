//! What is wrong with a plan that the schema has accepted.

use super::schedule::Schedule;
use crate::{
    api::{GameDaySpec, Moment, game_day::Step},
    core::{
        nearest::nearest,
        plan::{Problem, read_matchers},
    },
};

/// Where the matchers of alerts stand that may not fire.
pub const NO_FIRING: &str = "spec.goNoGo.noFiring";

/// Every problem of a plan at once; `now` tells which times are over.
#[must_use]
pub fn problems(spec: &GameDaySpec, now: Moment) -> Vec<Problem> {
    let never = Schedule::parse(spec).ok().and_then(|schedule| never(spec, &schedule, now));
    broken_rules(spec).into_iter().chain(never).collect()
}

/// Every rule that it breaks, whatever the time.
#[must_use]
pub fn broken_rules(spec: &GameDaySpec) -> Vec<Problem> {
    let times = Schedule::parse(spec).err().unwrap_or_default();
    let matchers = read_matchers(NO_FIRING, &spec.gates().no_firing).err().unwrap_or_default();
    times.into_iter().chain(order(&spec.steps)).chain(matchers).collect()
}

/// Says so of a plan of which nothing will ever start.
#[must_use]
pub fn never(spec: &GameDaySpec, schedule: &Schedule, now: Moment) -> Option<Problem> {
    let (path, given) = match (&spec.schedule, spec.start_at) {
        (Some(text), _) => ("spec.schedule", format!("{text:?}")),
        (None, at) => ("spec.startAt", at?.timestamp().to_string()),
    };
    let problem = |message| Some(Problem { path: path.to_owned(), message });
    if schedule.opens(now).is_some() {
        return None;
    }
    let first = schedule.fires(now).next();
    let closed = first.and_then(|fire| Some((fire.at, schedule.closed(fire.at)?)));
    let Some((at, closed)) = closed else {
        return problem(if spec.schedule.is_some() {
            format!(
                "{given} never fires: no year has such a day; write L for the last day of a month"
            )
        } else {
            format!("{given} is over: write an instant that is still to come")
        });
    };
    let local = schedule.local(at).strftime("%a %Y-%m-%d %H:%M");
    problem(if spec.schedule.is_some() {
        format!(
            "{given} never fires: the first time, {local}, is {closed}, and every later one is closed too; change \
             the schedule, the window or the blackouts"
        )
    } else {
        format!("{given} never fires: {local} is {closed}; write another instant")
    })
}

/// A step waits for earlier ones alone, so that no two wait for each other.
fn order(steps: &[Step]) -> impl Iterator<Item = Problem> + '_ {
    steps.iter().enumerate().flat_map(move |(index, step)| {
        let after = step.after.iter().flatten().enumerate();
        after.filter_map(move |(place, name)| {
            let path = format!("spec.steps[{index}].after[{place}]");
            let message = not_earlier(steps, index, name)?;
            Some(Problem { path, message })
        })
    })
}

fn not_earlier(steps: &[Step], index: usize, name: &str) -> Option<String> {
    let place = steps.iter().position(|step| step.name == name);
    let earlier = || steps[..index].iter().map(|step| step.name.as_str());
    match place {
        Some(place) if place < index => None,
        Some(place) if place == index => {
            Some(format!("{name:?} is this step itself; name an earlier one, or none: []"))
        }
        Some(_) => Some(format!(
            "{name:?} is a later step, and a step waits for earlier ones: move it before this one"
        )),
        None => Some(match nearest(name, earlier()) {
            Some(known) => format!("{name:?} is no step of this plan: did you mean {known}?"),
            None => format!("{name:?} is no step of this plan: name an earlier one, or none: []"),
        }),
    }
}
