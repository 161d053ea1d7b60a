//! The proof: how far each question is, and each run with why it counts or not.

use super::super::{
    clock::Clock,
    markdown::{Table, code, text},
    proof::is_proven,
};
use crate::api::{
    DebriefSpec, DebriefStatus,
    debrief::{Attempt, ItemState, Question},
    run::Answer,
};

/// The proof; absent until people have met or a run was judged.
pub fn section(spec: &DebriefSpec, status: &DebriefStatus, clock: &Clock) -> Option<String> {
    let has_met = spec.meeting.as_ref().is_some_and(|meeting| meeting.held_at.is_some());
    if status.questions.is_empty() || !has_met && status.attempts.is_empty() {
        return None;
    }
    let questions = status.questions.iter().map(|question| standing(spec, question, clock));
    let mut parts = vec![questions.collect::<Vec<_>>().join("\n")];
    let mut table = Table::new(["Run", "When", "Answers", "Changed since the miss", "Counts"]);
    let mut before: Option<&Attempt> = None;
    for attempt in &status.attempts {
        let unannounced = if attempt.unannounced { ", unannounced" } else { "" };
        let answers = status.questions.iter().map(|question| {
            let answer = attempt.answers.of(question.objective);
            format!("{} {}", question.objective, words(answer))
        });
        table.row([
            format!("{}{unannounced}", code(&attempt.run)),
            clock.minute(attempt.at),
            answers.collect::<Vec<_>>().join(", "),
            changed(spec, attempt, before),
            counts(&status.questions, attempt),
        ]);
        before = Some(attempt);
    }
    parts.extend(table.has_rows().then(|| table.print().trim_end().to_owned()));
    let notes = status.attempts.iter().flat_map(|attempt| {
        attempt.notes.iter().map(|note| format!("- {}: {}", code(&attempt.run), text(note)))
    });
    let notes: Vec<_> = notes.collect();
    parts.extend((!notes.is_empty()).then(|| notes.join("\n")));
    Some(parts.join("\n\n"))
}

/// `**Detection**: 1 of 2 passes`, and what lacks.
fn standing(spec: &DebriefSpec, question: &Question, clock: &Clock) -> String {
    let (passes, needed) = (question.passes, question.needed);
    let mut parts = vec![format!("{passes} of {}", count_of_passes(needed))];
    let items = spec.action_items.iter().filter(|item| {
        item.state == ItemState::Open && item.turns_yes.contains(&question.objective)
    });
    let items: Vec<_> = items.map(|item| text(&item.id)).collect();
    if is_proven(question) {
        parts.push("proven".to_owned());
    } else {
        if needed > spec.policy.passes {
            parts.push("twice as many, as nothing has changed that can be seen".to_owned());
        }
        if question.unannounced_needed > 0 {
            parts.push(format!("{} must still be unannounced", question.unannounced_needed));
        }
        if !items.is_empty() {
            parts.push(format!("after {} is done", items.join(", ")));
        }
        let not_before = question.not_before.map(|at| clock.minute(at));
        parts.extend(not_before.map(|at| format!("the next one counts from {at} on")));
    }
    format!("- **{}**: {}.", question.objective, parts.join("; "))
}

fn count_of_passes(needed: i32) -> String {
    if needed == 1 { "1 pass".to_owned() } else { format!("{needed} passes") }
}

const fn words(answer: Answer) -> &'static str {
    match answer {
        Answer::Yes => "yes",
        Answer::No => "no",
        Answer::NotExercised => "not exercised",
        Answer::Inconclusive => "inconclusive",
    }
}

/// What is not as it was; of an incident nobody has kept what was.
fn changed(spec: &DebriefSpec, attempt: &Attempt, before: Option<&Attempt>) -> String {
    if spec.evidence.is_none() {
        return "–".to_owned();
    }
    if attempt.changed.is_empty() {
        return "nothing that can be seen".to_owned();
    }
    if before.is_some_and(|before| before.changed == attempt.changed) {
        return "the same".to_owned();
    }
    attempt.changed.iter().map(|change| text(change)).collect::<Vec<_>>().join("; ")
}

/// For which questions it counts, and why not for the others.
fn counts(questions: &[Question], attempt: &Attempt) -> String {
    if !attempt.refused.is_empty() {
        let refused: Vec<_> = attempt.refused.iter().map(|why| text(why)).collect();
        return format!("no: {}", refused.join("; "));
    }
    let (mut yes, mut no) = (Vec::new(), Vec::new());
    for question in questions {
        let objective = question.objective;
        if question.proven_by.contains(&attempt.run) {
            yes.push(format!("**{objective}**"));
            continue;
        }
        no.push(match attempt.answers.of(objective) {
            Answer::Yes => format!("{objective}, which came too early or was missed again since"),
            Answer::No => format!("{objective}, which it missed"),
            Answer::NotExercised => format!("{objective}, which it did not ask"),
            Answer::Inconclusive => format!("{objective}, of which it does not tell"),
        });
    }
    let yes = (!yes.is_empty()).then(|| format!("for {}", yes.join(" and ")));
    let no = (!no.is_empty()).then(|| format!("not for {}", no.join(", nor for ")));
    yes.into_iter().chain(no).collect::<Vec<_>>().join("; ")
}
