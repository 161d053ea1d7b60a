//! A run's conditions, read off its facts and answers.

use crate::{
    api::{
        Moment,
        conditions::{Status, get, set},
        run::{Answer, ExperimentRunStatus, FactName, GuardResult, condition},
    },
    core::{stage, words},
};

/// Brings every condition, the stage and the completion time up to date; `waiting` is the guard that is
/// waited for.
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
    let accepted = status.fact(FactName::Injected).map(words::said);
    put(condition::INJECTED, injected(status, accepted.as_deref(), guard.as_ref()));
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
    let ended = status.reason.map(|reason| reason.to_string());
    let reason = verdict.as_deref().or(ended.as_deref()).unwrap_or("UnderWay");
    put(
        condition::COMPLETE,
        if completed.is_some() {
            (Status::True, reason, &summary)
        } else {
            (Status::False, "UnderWay", "the run is under way")
        },
    );
    let stage = stage::word(status, waiting.map(|guard| guard.name));
    // Tools that wait for any resource go by this one: true while something is still to come, else absent.
    if completed.is_none() {
        let at_work = (Status::True, "UnderWay", stage.as_str());
        set(&mut conditions, condition::RECONCILING, at_work, generation, now);
    } else {
        conditions.retain(|condition| condition.type_ != condition::RECONCILING);
    }
    status.conditions = conditions;
    status.stage = Some(stage);
    status.completion_time = completed;
    status.observed_generation = generation;
}

/// The guard that is waited for, and what it says; a run that is over waits for nothing.
#[must_use]
pub fn waited_for(status: &ExperimentRunStatus) -> Option<(&str, &str)> {
    let injected = get(&status.conditions, condition::INJECTED)?;
    let waits = injected.status == "False" && status.fact(FactName::Completed).is_none();
    waits.then_some((&injected.reason, &injected.message))
}

fn injected<'a>(
    status: &ExperimentRunStatus,
    accepted: Option<&'a str>,
    guard: Option<&'a (String, String)>,
) -> (Status, &'a str, &'a str) {
    match (accepted, guard) {
        (Some(words), _) => (Status::True, "Accepted", words),
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

#[cfg(test)]
mod tests {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        api::definitions,
        core::{
            decide::tests::{self, status},
            guards::abort::tests::plan,
            signals::pods::tests::at,
        },
    };

    /// What kstatus (sigs.k8s.io/cli-utils/pkg/kstatus) reads off a resource of a kind that it does not know.
    fn kstatus(object: &Value) -> &'static str {
        let status = &object["status"];
        let observed = &status["observedGeneration"];
        if !observed.is_null() && *observed != object["metadata"]["generation"] {
            return "InProgress";
        }
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let is = |type_: &str| {
            let one = conditions.iter().find(|condition| condition["type"] == type_);
            one.map(|condition| condition["status"] == "True")
        };
        match (is("Reconciling"), is("Stalled"), is("Ready")) {
            (Some(true), _, _) => "InProgress",
            (_, Some(true), _) => "Failed",
            (_, _, Some(false)) => "InProgress",
            _ => "Current",
        }
    }

    fn run(status: &Value) -> Value {
        json!({"metadata": {"generation": 3}, "status": status})
    }

    #[test]
    fn tools_that_wait_for_any_resource_wait_until_the_run_is_complete() {
        use FactName::{Accepted, Completed, Injected, Journaled, RevertStarted, Reverted};
        let plan = plan(&json!({}));
        let order = [Accepted, Journaled, Injected, RevertStarted, Reverted, Completed];
        let mut status = ExperimentRunStatus::default();
        for index in 0..order.len() {
            let facts: Vec<_> = order[..=index].iter().map(|name| (*name, 0.0)).collect();
            status.facts = tests::status(&plan, &facts).facts;
            update(&mut status, None, Some(3), at(1.0));
            let complete = index + 1 == order.len();
            let expected = if complete { "Current" } else { "InProgress" };
            assert_eq!(kstatus(&run(&json!(status))), expected, "{:?}", order[index]);
        }
        let refused = self::status(&plan, &[(Accepted, 0.0), (Completed, 1.0)]);
        let mut refused =
            ExperimentRunStatus { verdict: Some(crate::api::run::Verdict::Error), ..refused };
        update(&mut refused, None, Some(3), at(1.0));
        assert_eq!(kstatus(&run(&json!(refused))), "Current");
    }

    #[test]
    fn tools_wait_for_a_run_that_no_operator_has_taken_up() {
        let is_run = |one: &&CustomResourceDefinition| one.spec.names.kind == "ExperimentRun";
        let definition = definitions().iter().find(is_run).unwrap();
        let schema = json!(definition.spec.versions[0].schema);
        let status = &schema["openAPIV3Schema"]["properties"]["status"]["default"];
        assert_eq!(kstatus(&run(status)), "InProgress", "{status}");
    }
}
