//! What an experiment's runs add up to: its last verdict, its answers, and which runs are kept.

use std::collections::BTreeMap;

use crate::api::{
    ExperimentRun, ExperimentStatus, Moment,
    experiment::{AnswerCounts, LastRun},
    run::{Answer, DetectionResult, ExperimentRunStatus, Fact, FactName, RecoveryResult},
};

/// Brings `status` up to date from the experiment's runs, in any order, by which debriefs are open.
pub fn add_up(
    status: &mut ExperimentStatus,
    runs: &[&ExperimentRun],
    is_open: impl Fn(&str) -> bool,
) {
    let mut finished: Vec<(&ExperimentRun, &ExperimentRunStatus)> =
        runs.iter().filter_map(|run| Some((*run, finished(run)?))).collect();
    finished.sort_by_key(|(run, _)| completed(run));
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
    let named = finished.iter().rev().filter_map(|(_, status)| status.debrief.clone());
    status.open_debrief = named.into_iter().find(|debrief| is_open(debrief));
}

/// The finished runs beyond the newest `keep`; one that an open debrief names is always kept.
#[must_use]
pub fn superfluous<'a>(
    runs: &[&'a ExperimentRun],
    keep: usize,
    is_open: impl Fn(&str) -> bool,
) -> Vec<&'a ExperimentRun> {
    let mut finished: Vec<&ExperimentRun> =
        runs.iter().copied().filter(|run| run.is_complete()).collect();
    // Creation is known to the second only.
    finished.sort_by_key(|run| std::cmp::Reverse(completed(run)));
    let named = |run: &&ExperimentRun| {
        run.status.as_ref().and_then(|status| status.debrief.as_deref()).is_some_and(&is_open)
    };
    finished.into_iter().skip(keep).filter(|run| !named(run)).collect()
}

fn completed(run: &ExperimentRun) -> Option<Moment> {
    Some(run.status.as_ref()?.fact(FactName::Completed)?.at)
}

/// Forgets of a run that is over and let go all but what it adds to its experiment: there may be thousands of those.
pub fn forget_details(run: &mut ExperimentRun) {
    if !run.is_released() {
        return;
    }
    run.spec.template = None;
    let Some(whole) = run.status.take() else { return };
    run.status = Some(ExperimentRunStatus {
        facts: whole.facts.into_iter().filter_map(kept).collect(),
        detection: whole.detection.map(|result| DetectionResult {
            alert: None,
            chain: None,
            also_fired: Vec::new(),
            ..result
        }),
        recovery: whole.recovery.map(|result| RecoveryResult { evidence: None, ..result }),
        verdict: whole.verdict,
        debrief: whole.debrief,
        ..ExperimentRunStatus::default()
    });
}

/// A fact of which somebody asks later whether it is there.
fn kept(fact: Fact) -> Option<Fact> {
    let asked = matches!(fact.name, FactName::Injected | FactName::Completed);
    asked.then(|| Fact { labels: BTreeMap::new(), detail: String::new(), ..fact })
}

fn finished(run: &ExperimentRun) -> Option<&ExperimentRunStatus> {
    run.status.as_ref().filter(|status| status.verdict.is_some() && run.is_complete())
}

fn last(run: &ExperimentRun, status: &ExperimentRunStatus) -> Option<LastRun> {
    Some(LastRun {
        name: run.metadata.name.clone()?,
        verdict: status.verdict?.to_string(),
        at: completed(run)?,
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
    use serde_json::json;

    #[test]
    fn only_yes_and_no_are_counted() {
        let answers =
            [Answer::Yes, Answer::No, Answer::NotExercised, Answer::Inconclusive, Answer::Yes];
        assert_eq!(share(answers.into_iter()), "2/3");
    }

    #[test]
    fn a_run_that_is_over_adds_up_to_the_same_without_its_details() {
        let at = |second| format!("2026-11-24T10:00:{second:02}.000000Z");
        let fact = |name, second| json!({"name": name, "at": at(second), "notBefore": at(second), "source": "api", "detail": "d"});
        let mut run: ExperimentRun = serde_json::from_value(json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
            "metadata": {"name": "r", "namespace": "shop", "finalizers": [crate::api::names::FINALIZER]},
            "spec": {"experiment": "e"},
            "status": {
                "facts": [fact("accepted", 1), fact("journaled", 2), fact("injected", 3), fact("reverted", 4), fact("completed", 5)],
                "verdict": "ObjectiveMissed", "debrief": "e-1", "summary": "noticed late",
                "detection": {"answer": "No", "tier": "None", "headline": "No"},
                "recovery": {"answer": "Yes", "tier": "Within1m", "automatic": true, "headline": "4s"},
            },
        }))
        .unwrap();
        let sum = |run: &ExperimentRun| {
            let mut status = ExperimentStatus::default();
            add_up(&mut status, &[run], |_| true);
            status
        };
        let (whole, before) = (sum(&run), run.clone());
        forget_details(&mut run);
        assert_eq!(run, before, "it is not let go yet");
        run.metadata.finalizers = None;
        forget_details(&mut run);
        assert_eq!(sum(&run), whole);
        let status = run.status.unwrap();
        assert!(status.facts.len() == 2 && status.summary.is_none());
    }
}
