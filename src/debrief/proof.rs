//! Whether a run that is over proves anything: it is judged once, by itself, and what all of them add up to is counted
//! anew at each look.

mod changed;
mod count;
mod weaker;

pub use changed::changed;
pub use count::{count, is_about_experiment, is_proven};
pub use weaker::weaker;

use crate::{
    api::{
        Debrief, DebriefStatus, ExperimentRun,
        debrief::{Answers, Attempt, CHANGED, NOTES, Objective, Occurrence, Question, REFUSED},
        run::{Answer, ExperimentRunStatus, FactName, Reason, Verdict},
    },
    core::{
        outcome::about::{About, about},
        span::crop,
    },
    debrief::evidence::{measured, missed_by},
};

/// What a finished run is to a debrief.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// It missed an objective once more, or a guard ended it.
    Missed(Occurrence),
    /// It may prove something, or says why it does not.
    Tried(Attempt),
    /// Nothing was broken, so it says nothing.
    Nothing,
}

/// Judges a run that is over.
#[must_use]
pub fn judge(debrief: &Debrief, run: &ExperimentRun) -> Judged {
    let Some(status) = run.status.as_ref() else { return Judged::Nothing };
    let known = debrief.status.as_ref().map_or(&[][..], |known| &known.occurrences);
    let (Some(injected), Some(name)) = (status.fact(FactName::Injected), &run.metadata.name) else {
        return Judged::Nothing;
    };
    let (at, uid, name) = (injected.at, run.uid().to_owned(), name.clone());
    if matches!(about(status), Some(About::Miss | About::NearMiss)) {
        let measured = measured(status);
        return Judged::Missed(Occurrence {
            run: name,
            uid,
            at,
            missed: missed_by(status),
            time_to_detect: measured.time_to_detect,
            time_to_recover: measured.time_to_recover,
        });
    }
    let (mut refused, mut notes) = (inconclusive(status), Vec::new());
    let journal = status.journal.as_ref();
    let mut differences = Vec::new();
    if let (Some(evidence), Some(journal)) = (&debrief.spec.evidence, journal) {
        match &journal.spec {
            // Where no objective of the experiment was missed, it is the experiment that is to change.
            Some(_) if is_about_experiment(&debrief.spec, known) => {}
            Some(spec) => {
                let compared = weaker(evidence, spec, &journal.victims, journal.count);
                refused.extend(compared.refused);
                notes.extend(compared.notes);
            }
            None => refused.push("its journal does not say what ran".to_owned()),
        }
        if let (Some(before), Some(after)) = (&evidence.state, &journal.state) {
            differences = changed(before, after);
        }
    }
    let bounded = |texts: Vec<String>, (many, long): (usize, usize)| {
        texts.into_iter().take(many).map(|text| crop(text, long)).collect()
    };
    Judged::Tried(Attempt {
        run: name,
        uid,
        at,
        answers: answers(status),
        // One that no day intends ends before it breaks anything.
        unannounced: run.spec.unannounced && run.spec.game_day.is_some(),
        refused: bounded(refused, REFUSED),
        changed: bounded(differences, CHANGED),
        notes: bounded(notes, NOTES),
    })
}

/// The last run, and what of what is still to be proven it did not ask, where a fault that takes every pod would.
#[must_use]
pub fn unasked<'a>(
    debrief: &Debrief,
    status: &'a DebriefStatus,
) -> Option<(&'a Attempt, Objective)> {
    let last = status.attempts.last().filter(|last| last.refused.is_empty())?;
    let is_unasked = |question: &&Question| {
        !is_proven(question) && last.answers.of(question.objective) == Answer::NotExercised
    };
    let question = status.questions.iter().find(is_unasked)?;
    debrief.spec.evidence.as_ref().filter(|evidence| evidence.took_pods())?;
    Some((last, question.objective))
}

/// Why the outcome itself proves nothing. Where the fault had no impact and no question was answered, the answers tell
/// that: they were not asked, which a larger fault would.
fn inconclusive(status: &ExperimentRunStatus) -> Vec<String> {
    let given = answers(status);
    let objectives = [Objective::Detection, Objective::Recovery, Objective::Tolerance];
    let is_unasked = !objectives.iter().any(|objective| given.of(*objective) == Answer::Yes);
    if status.reason == Some(Reason::NoImpact) && is_unasked {
        return Vec::new();
    }
    let reason = status.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    match status.verdict {
        Some(Verdict::Passed) => Vec::new(),
        Some(verdict) => vec![format!("it ended as {verdict}{reason}, which tells nothing")],
        None => vec!["it has no verdict".to_owned()],
    }
}

pub(super) fn answers(status: &ExperimentRunStatus) -> Answers {
    let (detection, recovery) = (status.detection.as_ref(), status.recovery.as_ref());
    Answers {
        detection: detection.map_or(Answer::Inconclusive, |detection| detection.answer),
        recovery: recovery.map_or(Answer::Inconclusive, |recovery| recovery.answer),
        tolerance: status.tolerance.as_ref().map(|tolerance| tolerance.answer),
        conclusion: Some(match (status.verdict, about(status)) {
            (Some(Verdict::Passed), _) | (_, Some(About::Miss)) => Answer::Yes,
            (_, Some(About::NearMiss | About::Inconclusive)) => Answer::No,
            (_, None) => Answer::NotExercised,
        }),
    }
}

impl Answers {
    /// The answer to one question.
    #[must_use]
    pub fn of(&self, objective: Objective) -> Answer {
        match objective {
            Objective::Detection => self.detection,
            Objective::Recovery => self.recovery,
            Objective::Tolerance => self.tolerance.unwrap_or(Answer::NotExercised),
            Objective::Conclusion => self.conclusion.unwrap_or(Answer::NotExercised),
        }
    }
}
