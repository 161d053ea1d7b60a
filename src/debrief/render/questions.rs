//! The questions with their answers: first those that decide, then the stretch below each.

use super::super::{
    markdown::Table,
    phrase::{fact, is_near_miss, length, took, watched},
};
use crate::{
    api::{
        Duration,
        debrief::{Evidence, Objective},
        run::{Answer, FactName, RecoveredBy, Took},
    },
    core::{outcome::measure::within, words},
};

/// The faster marks that teams grow towards; asked where the objective allows more.
const DETECTION_STRETCH: [Duration; 1] = [Duration::seconds(30)];
/// See [`DETECTION_STRETCH`].
const RECOVERY_STRETCH: [Duration; 2] = [Duration::minutes(10), Duration::minutes(1)];

/// The table of questions.
pub fn table(evidence: &Evidence) -> String {
    let mut table = Table::new(["Question", "Goal", "Measured", "Answer"]);
    // Of a run that was ended nobody asked them.
    if !is_near_miss(evidence) {
        detection(evidence, &mut table);
        recovery(evidence, &mut table);
    }
    if let Some(answer) = evidence.answers.tolerance {
        table.row([
            "Did users notice nothing?".to_owned(),
            "no impact".to_owned(),
            words::probes(&evidence.impact.probes),
            gate(answer),
        ]);
    }
    if evidence.missed.contains(&Objective::Conclusion) {
        let told = match watched(evidence).filter(|_| is_near_miss(evidence)) {
            Some(watched) => format!("a guard ended the run after {}", length(watched)),
            None => "nothing, three times in a row".to_owned(),
        };
        let question = "Did the run come to an answer?".to_owned();
        table.row([question, "an answer".to_owned(), told, gate(Answer::No)]);
    }
    table.print()
}

fn detection(evidence: &Evidence, table: &mut Table<4>) {
    let (objectives, answer) = (&evidence.objectives, evidence.answers.detection);
    let measured = evidence.measured.time_to_detect;
    let told = measured.map_or_else(|| unnoticed(evidence, answer), took);
    let goal = format!(
        "{}, {} to {}",
        objectives.detection,
        objectives.detection_from.to_string().to_lowercase(),
        objectives.detection_until.to_string().to_lowercase()
    );
    table.row(["Was it noticed in time?".to_owned(), goal, told, gate(answer)]);
    stretch(table, &DETECTION_STRETCH, objectives.detection, measured);
}

fn unnoticed(evidence: &Evidence, answer: Answer) -> String {
    match (answer, watched(evidence)) {
        (Answer::NotExercised, _) if fact(evidence, FactName::ImpactStarted).is_none() => {
            "no impact".to_owned()
        }
        (Answer::NotExercised, _) => "over before that".to_owned(),
        (_, Some(watched)) => format!("no alert in {}", length(watched)),
        (_, None) => "no alert".to_owned(),
    }
}

fn recovery(evidence: &Evidence, table: &mut Table<4>) {
    let (objectives, answer) = (&evidence.objectives, evidence.answers.recovery);
    let measured = evidence.measured.time_to_recover;
    let told = match (measured, answer, watched(evidence)) {
        (Some(measured), ..) => took(measured),
        (None, Answer::NotExercised, _) => "nothing to recover from".to_owned(),
        (None, _, Some(watched)) => format!("not back after {}", length(watched)),
        (None, _, None) => "not back".to_owned(),
    };
    let ended = evidence.recovered_by == Some(RecoveredBy::FaultEnded);
    let from = if ended && objectives.count_fault_ended { " from the revert" } else { "" };
    let goal = format!("{}{from}, held for {}", objectives.recovery, objectives.stable_for);
    table.row(["Was it completely back in time?".to_owned(), goal, told, gate(answer)]);
    stretch(table, &RECOVERY_STRETCH, objectives.recovery, measured);
    if let Some(by) = evidence.recovered_by {
        let answer = if by == RecoveredBy::Automatic { Answer::Yes } else { Answer::No };
        let question = "Did it come back without us?".to_owned();
        table.row([question, STRETCH.to_owned(), words::recovered(by).to_owned(), plain(answer)]);
    }
}

const STRETCH: &str = "(stretch)";

fn stretch(table: &mut Table<4>, marks: &[Duration], objective: Duration, measured: Option<Took>) {
    let Some(measured) = measured else { return };
    for &mark in marks.iter().filter(|mark| **mark < objective) {
        let question = format!("…within {mark}?");
        table.row([question, STRETCH.to_owned(), took(measured), plain(within(measured, mark))]);
    }
}

/// A question that decides stands out where it is to be turned to yes.
fn gate(answer: Answer) -> String {
    if answer == Answer::No { "**No**".to_owned() } else { plain(answer) }
}

fn plain(answer: Answer) -> String {
    match answer {
        Answer::Yes => "Yes",
        Answer::No => "No",
        Answer::NotExercised => "Not exercised",
        Answer::Inconclusive => "Inconclusive",
    }
    .to_owned()
}
