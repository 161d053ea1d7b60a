//! A run's conditions, read off its facts and answers.

use crate::api::{
    Moment,
    conditions::{Status, set},
    run::{Answer, ExperimentRunStatus, FactName, GuardResult, condition},
};

/// Brings every condition and the completion time up to date; `waiting` is the guard that is waited for.
pub fn update(
    status: &mut ExperimentRunStatus,
    waiting: Option<&GuardResult>,
    generation: Option<i64>,
    now: Moment,
) {
    let mut conditions = std::mem::take(&mut status.conditions);
    let mut put = |type_, value| set(&mut conditions, type_, value, generation, now);
    put(condition::ACCEPTED, (Status::True, "Accepted", "the run was taken up"));
    let guard = waiting.map(|guard| (guard.name.to_string(), guard.detail.clone()));
    put(condition::INJECTED, injected(status, guard.as_ref()));
    let detected =
        status.detection.as_ref().map(|detection| (detection.answer, &detection.headline));
    put(condition::DETECTED, answer(detected));
    let recovered = status.recovery.as_ref().map(|recovery| (recovery.answer, &recovery.headline));
    put(condition::RECOVERED, answer(recovered));
    put(condition::REVERTED, reverted(status));
    let (verdict, summary) = (
        status.verdict.map(|verdict| verdict.to_string()),
        status.summary.clone().unwrap_or_default(),
    );
    put(condition::OBJECTIVES_MET, objectives(status, verdict.as_deref(), &summary));
    let completed = status.fact(FactName::Completed).map(|fact| fact.at);
    let reason = verdict.as_deref().or(status.reason.as_deref()).unwrap_or("UnderWay");
    put(
        condition::COMPLETE,
        if completed.is_some() {
            (Status::True, reason, &summary)
        } else {
            (Status::False, "UnderWay", "the run is under way")
        },
    );
    status.conditions = conditions;
    status.completion_time = completed;
    status.observed_generation = generation;
}

fn injected<'a>(
    status: &'a ExperimentRunStatus,
    guard: Option<&'a (String, String)>,
) -> (Status, &'a str, &'a str) {
    match (status.fact(FactName::Injected), guard) {
        (Some(fact), _) => (Status::True, "Accepted", &fact.detail),
        (None, Some((name, detail))) => (Status::False, name, detail),
        (None, None) if status.fact(FactName::Completed).is_some() => {
            (Status::False, "NotInjected", "nothing was broken")
        }
        (None, None) => (Status::Unknown, "NotYet", "the fault is not injected yet"),
    }
}

fn answer(answer: Option<(Answer, &String)>) -> (Status, &'static str, &str) {
    match answer {
        Some((Answer::Yes, headline)) => (Status::True, "Yes", headline),
        Some((Answer::No, headline)) => (Status::False, "No", headline),
        Some((Answer::NotExercised, headline)) => (Status::Unknown, "NotExercised", headline),
        Some((Answer::Inconclusive, headline)) => (Status::Unknown, "Inconclusive", headline),
        None => (Status::Unknown, "NotYet", "not measured yet"),
    }
}

fn reverted(status: &ExperimentRunStatus) -> (Status, &'static str, &str) {
    if let (None, Some(problem)) = (status.fact(FactName::Reverted), &status.revert_problem) {
        return (Status::False, "RevertFails", problem);
    }
    match (status.fact(FactName::Reverted), status.fact(FactName::Journaled)) {
        (Some(_), _) => (Status::True, "Reverted", "nothing of the fault is left"),
        (None, Some(_)) => (Status::False, "NotYet", "the fault is not reverted yet"),
        (None, None) => (Status::Unknown, "NothingJournaled", "nothing was broken"),
    }
}

fn objectives<'a>(
    status: &ExperimentRunStatus,
    verdict: Option<&'a str>,
    summary: &'a str,
) -> (Status, &'a str, &'a str) {
    use crate::api::run::Verdict::{NotRecovered, ObjectiveMissed, Passed};
    match (status.verdict, verdict) {
        (Some(Passed), _) => (Status::True, "Passed", summary),
        (Some(ObjectiveMissed | NotRecovered), Some(name)) => (Status::False, name, summary),
        (Some(_), Some(name)) => (Status::Unknown, name, summary),
        _ => (Status::Unknown, "NotYet", "not measured yet"),
    }
}
