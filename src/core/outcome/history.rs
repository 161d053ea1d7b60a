//! What an experiment's runs add up to: its last verdict, its answers, and which runs are kept.

use std::collections::BTreeMap;

use crate::api::{
    ExperimentRun, ExperimentStatus, Moment,
    experiment::{AnswerCounts, LastRun},
    run::{Answer, DetectionResult, ExperimentRunStatus, Fact, FactName, RecoveryResult, Verdict},
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

/// So many runs in a row that tell nothing open a debrief about their experiment.
pub const IN_A_ROW: usize = 3;

/// How many runs in a row have told nothing, with `run` as the last of them, by what is known of the runs of its
/// experiment. A run that answers ends the row, and so does one of which there is a debrief; what broke nothing and what
/// somebody ended counts for nothing.
#[must_use]
pub fn told_nothing_in_a_row<'a>(
    run: &ExperimentRun,
    known: impl Iterator<Item = &'a ExperimentRun>,
) -> usize {
    let is_earlier = |other: &&ExperimentRun| {
        other.metadata.namespace == run.metadata.namespace
            && other.spec.experiment == run.spec.experiment
            && other.metadata.uid != run.metadata.uid
    };
    let mut earlier: Vec<_> = known
        .filter(is_earlier)
        .filter_map(|other| Some((completed(other)?, other.status.as_ref()?)))
        .filter(|(_, status)| status.fact(FactName::Injected).is_some())
        .collect();
    earlier.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let row = earlier.iter().map(|(_, status)| status).filter(|status| {
        status.debrief.is_some()
            || !matches!(status.verdict, None | Some(Verdict::Aborted | Verdict::Error))
    });
    let tells_nothing = |status: &&&ExperimentRunStatus| {
        status.verdict == Some(Verdict::Inconclusive) && status.debrief.is_none()
    };
    1 + row.take_while(tells_nothing).count()
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
    let mut facts: Vec<Fact> = whole.facts.into_iter().filter_map(kept).collect();
    // Collected in place, they have the room of all of them.
    facts.shrink_to_fit();
    run.status = Some(ExperimentRunStatus {
        facts,
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

    /// A run of that experiment that is over, `second` after the first, by its verdict and its debrief; `-` has broken nothing.
    fn over(second: i32, experiment: &str, verdict: &str) -> ExperimentRun {
        let (verdict, rest) = verdict.split_once(' ').unwrap_or((verdict, ""));
        let fact = |name| {
            let at = format!("2026-11-24T10:00:{second:02}.000000Z");
            json!({"name": name, "at": at, "notBefore": at, "source": "api"})
        };
        let facts = if rest == "-" {
            vec![fact("completed")]
        } else {
            vec![fact("injected"), fact("completed")]
        };
        let mut run = json!({
            "apiVersion": "firedrill.dev/v1alpha1", "kind": "ExperimentRun",
            "metadata": {"name": "r", "namespace": "shop", "uid": format!("u{second}")},
            "spec": {"experiment": experiment}, "status": {"facts": facts, "verdict": verdict},
        });
        if rest == "debrief" {
            run["status"]["debrief"] = json!("d-1");
        }
        serde_json::from_value(run).unwrap()
    }

    #[test]
    fn the_row_ends_at_what_was_answered_or_debriefed_and_what_broke_nothing_is_none_of_it() {
        let last = over(50, "e", "Inconclusive");
        for (earlier, row) in [
            (&[] as &[&str], 1),
            (&["Inconclusive", "Inconclusive"], 3),
            (&["Inconclusive", "Inconclusive", "Inconclusive"], 4),
            (&["Inconclusive", "Passed", "Inconclusive"], 2),
            (&["Inconclusive", "ObjectiveMissed debrief"], 1),
            (&["Inconclusive", "Inconclusive debrief"], 1),
            (&["Inconclusive", "Aborted debrief", "Inconclusive"], 2),
            (&["Inconclusive", "Aborted", "Inconclusive", "Error -"], 3),
            (&["Inconclusive -", "Inconclusive", "Inconclusive -"], 2),
        ] {
            let mut known: Vec<_> =
                (10..).zip(earlier).map(|(second, verdict)| over(second, "e", verdict)).collect();
            known.extend([last.clone(), over(49, "other", "Passed")]);
            known.iter_mut().for_each(forget_details);
            assert_eq!(told_nothing_in_a_row(&last, known.iter()), row, "{earlier:?}");
            known.reverse();
            assert_eq!(told_nothing_in_a_row(&last, known.iter()), row, "{earlier:?}");
        }
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
