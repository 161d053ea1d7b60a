//! How far each missed objective is proven: the runs in a row that answered it with Yes, after what was to be done for it.

use super::super::{phrase::second, stage};
use crate::{
    api::{
        DebriefSpec, DebriefStatus, Moment,
        debrief::{Attempt, ItemState, Objective, Occurrence, Question, SourceKind},
        run::Answer,
    },
    core::{span::crop, words},
};

/// How far the proof of `objective` is.
#[must_use]
pub fn count(spec: &DebriefSpec, status: &DebriefStatus, objective: Objective) -> Question {
    let policy = &spec.policy;
    let (passes, unannounced) =
        if objective == Objective::Conclusion && is_about_experiment(spec, &status.occurrences) {
            // That the experiment tells something at all.
            (1, 0)
        } else {
            (policy.passes, policy.unannounced)
        };
    let after = fixed_at(spec, status, objective);
    let reset = status.occurrences.iter().filter(|miss| miss.missed.contains(&objective));
    let reset = reset.map(|miss| miss.at).max();
    // They stand in the order of their instants.
    let since = status.attempts.iter().filter(|attempt| reset.is_none_or(|at| attempt.at > at));
    let last = since.clone().next_back();
    let mut counted: Vec<&Attempt> = Vec::new();
    for attempt in since.filter(|attempt| is_pass(attempt, objective)) {
        let is_after = after.as_ref().is_ok_and(|after| attempt.at > *after);
        let is_spaced =
            counted.last().is_none_or(|earlier| attempt.at >= earlier.at + policy.spacing);
        if is_after && is_spaced {
            counted.push(attempt);
        }
    }
    let is_seen = spec.evidence.is_none()
        || is_about_experiment(spec, &status.occurrences)
        || counted.iter().all(|attempt| !attempt.changed.is_empty());
    let needed = if is_seen { passes } else { passes.saturating_mul(2) };
    let passes = number(counted.len());
    let known = number(counted.iter().filter(|attempt| attempt.unannounced).count());
    let unannounced_needed = unannounced.saturating_sub(known).max(0);
    let is_proven = passes >= needed && unannounced_needed == 0;
    let not_before = counted.last().map(|last| last.at + policy.spacing).filter(|_| !is_proven);
    let lacks = match (&after, last) {
        _ if is_proven => String::new(),
        (Err(lacks), _) => lacks.clone(),
        (Ok(_), last) => missing(
            objective,
            (needed.saturating_sub(passes).max(0), unannounced_needed, is_seen),
            not_before,
            last.filter(|last| counted.last().is_none_or(|counted| counted.uid != last.uid)),
        ),
    };
    let proven_by = counted.iter().rev().take(40).map(|attempt| attempt.run.clone()).collect();
    Question {
        objective,
        passes,
        needed,
        unannounced_needed,
        proven_by,
        lacks: crop(lacks, 512),
        not_before,
    }
}

/// Whether the question is proven.
#[must_use]
pub const fn is_proven(question: &Question) -> bool {
    question.passes >= question.needed && question.unannounced_needed == 0
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// Whether the debrief is about an experiment that told nothing, and about nothing that was missed since.
#[must_use]
pub fn is_about_experiment(spec: &DebriefSpec, occurrences: &[Occurrence]) -> bool {
    spec.source.kind == SourceKind::Inconclusive && occurrences.is_empty()
}

/// Whether the run asked the question, and answered it with Yes.
fn is_pass(attempt: &Attempt, objective: Objective) -> bool {
    attempt.refused.is_empty() && attempt.answers.of(objective) == Answer::Yes
}

/// When the last item was done that turns the objective to Yes; what lacks, where one is not. That a run comes to an answer
/// needs none: then it counts from the beginning.
fn fixed_at(
    spec: &DebriefSpec,
    status: &DebriefStatus,
    objective: Objective,
) -> Result<Moment, String> {
    let items = spec.action_items.iter().filter(|item| item.turns_yes.contains(&objective));
    let mut done = None;
    for item in items.filter(|item| item.state != ItemState::Dropped) {
        let known = status.items.iter().find(|known| known.id == item.id);
        match known.and_then(|known| known.done_at).filter(|_| item.state == ItemState::Done) {
            Some(at) => done = done.max(Some(at)),
            None => return Err(format!("item {} is to be done first", item.id)),
        }
    }
    let needs_none = objective == Objective::Conclusion;
    done.or_else(|| stage::began(spec).filter(|_| needs_none))
        .ok_or_else(|| format!("no item that is done turns {objective} to Yes"))
}

/// What is still to be done, and why the last run did not bring it forward.
fn missing(
    objective: Objective,
    (passes, unannounced, is_seen): (i32, i32, bool),
    not_before: Option<Moment>,
    last: Option<&Attempt>,
) -> String {
    let mut parts = vec![format!("{} to go", words::count(passes.max(unannounced), "run"))];
    if unannounced > 0 {
        parts.push(format!("{unannounced} of them unannounced"));
    }
    if let Some(at) = not_before {
        parts.push(format!("the next one counts from {} on", second(at)));
    }
    if !is_seen {
        parts.push("twice as many, as nothing has changed that can be seen".to_owned());
    }
    if let Some(last) = last {
        let why = match (last.refused.first(), last.answers.of(objective)) {
            (Some(refused), _) => refused.clone(),
            (None, Answer::NotExercised) => {
                "it did not ask this question, as nothing was broken for users: a larger fault would".to_owned()
            }
            (None, Answer::Inconclusive) => "its measurement does not tell".to_owned(),
            (None, Answer::Yes) => "it came too early to count".to_owned(),
            (None, Answer::No) => "it missed".to_owned(),
        };
        parts.push(format!("{} does not count: {why}", last.run));
    }
    parts.join("; ")
}
