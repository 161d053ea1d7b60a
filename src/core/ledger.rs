//! What an experiment's runs add up to: its last verdict, its answers, and which runs are kept.

use crate::api::{
    ExperimentRun, ExperimentStatus,
    experiment::{AnswerCounts, LastRun},
    run::{Answer, ExperimentRunStatus, FactName},
};

/// Brings `status` up to date from the experiment's runs, in any order.
pub fn add_up(status: &mut ExperimentStatus, runs: &[&ExperimentRun]) {
    let mut finished: Vec<(&ExperimentRun, &ExperimentRunStatus)> =
        runs.iter().filter_map(|run| Some((*run, finished(run)?))).collect();
    finished.sort_by_key(|(_, status)| status.fact(FactName::Completed).map(|fact| fact.at));
    status.last_run = finished.last().and_then(|(run, status)| last(run, status));
    let detections = finished
        .iter()
        .filter_map(|(_, status)| status.detection.as_ref())
        .map(|result| result.answer);
    let recoveries = finished
        .iter()
        .filter_map(|(_, status)| status.recovery.as_ref())
        .map(|result| result.answer);
    status.answers = (!finished.is_empty())
        .then(|| AnswerCounts { detected: share(detections), recovered: share(recoveries) });
    status.open_debrief = finished.iter().rev().find_map(|(_, status)| status.debrief.clone());
}

/// The finished runs beyond the newest `keep`; one that a debrief names is always kept.
#[must_use]
pub fn superfluous<'a>(runs: &[&'a ExperimentRun], keep: usize) -> Vec<&'a ExperimentRun> {
    let mut finished: Vec<&ExperimentRun> =
        runs.iter().copied().filter(|run| run.is_complete()).collect();
    finished.sort_by_key(|run| std::cmp::Reverse(run.metadata.creation_timestamp.clone()));
    let named =
        |run: &&ExperimentRun| run.status.as_ref().is_some_and(|status| status.debrief.is_some());
    finished.into_iter().skip(keep).filter(|run| !named(run)).collect()
}

fn finished(run: &ExperimentRun) -> Option<&ExperimentRunStatus> {
    run.status.as_ref().filter(|status| status.verdict.is_some() && run.is_complete())
}

fn last(run: &ExperimentRun, status: &ExperimentRunStatus) -> Option<LastRun> {
    Some(LastRun {
        name: run.metadata.name.clone()?,
        verdict: status.verdict?.to_string(),
        at: status.fact(FactName::Completed)?.at,
    })
}

/// Yes of Yes and No.
fn share(answers: impl Iterator<Item = Answer>) -> String {
    let (mut yes, mut asked) = (0, 0);
    for answer in answers {
        yes += u32::from(answer == Answer::Yes);
        asked += u32::from(matches!(answer, Answer::Yes | Answer::No));
    }
    format!("{yes}/{asked}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_and_no_are_counted() {
        let answers =
            [Answer::Yes, Answer::No, Answer::NotExercised, Answer::Inconclusive, Answer::Yes];
        assert_eq!(share(answers.into_iter()), "2/3");
    }
}
