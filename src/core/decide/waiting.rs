//! What is written down while a run waits for a guard.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::run::{Guard, GuardResult};

/// Whether the condition says what is waited for now. The steady state's words count seconds: those are not
/// written each second.
pub(super) fn says(condition: &Condition, closed: &GuardResult) -> bool {
    let counts = closed.name == Guard::Steady;
    condition.reason == closed.name.to_string() && (counts || condition.message == closed.detail)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::run::{ExperimentRunStatus, FactName, Warning, condition},
        core::{
            abort::tests::{alert, plan},
            alarms::tests::PROMETHEUS,
            conditions,
            decide::{
                Decision, Subject,
                tests::{self, status},
            },
            pods::tests::at,
            sight::Sight,
            world::{World, tests::healthy},
        },
    };

    #[test]
    fn while_it_waits_the_condition_says_what_is_so_now_and_no_seconds_are_written() {
        let plan = plan(&json!({"steadyFor": "0s"}));
        let mut sight = Sight::new(Some(&plan.spec), at(0.0));
        sight.book.report(alert(PROMETHEUS, "Expected", None));
        let world = |read| World { read_at: at(read), ..healthy() };
        let at_work = status(&plan, &[(FactName::Accepted, 0.0)]);
        let decide = |status, sight: &Sight, now| {
            tests::decided(&plan, Some(status), Some(&world(now)), sight, now)
        };
        let Decision::Record(waiting) = decide(at_work, &sight, 1.0) else { panic!("it waits") };
        let told = |status: &ExperimentRunStatus| {
            let injected = crate::api::conditions::get(&status.conditions, condition::INJECTED);
            injected.map(|condition| condition.message.clone()).unwrap()
        };
        assert_eq!(told(&waiting), "Expected is already pending");
        let same = decide(*waiting.clone(), &sight, 2.0);
        assert!(matches!(same, Decision::WaitUntil(_)), "{same:?}");
        sight.book.report(alert(PROMETHEUS, "Expected", Some(2.5)));
        let Decision::Record(fired) = decide(*waiting, &sight, 3.0) else { panic!("it has fired") };
        assert_eq!(told(&fired), "Expected is already firing");

        let steady = |now: f64| GuardResult {
            name: Guard::Steady,
            passed: false,
            detail: format!("good for {now}s of 10s"),
        };
        let mut status = ExperimentRunStatus::default();
        conditions::update(&mut status, Some(&steady(1.0)), None, at(1.0));
        let written = crate::api::conditions::get(&status.conditions, condition::INJECTED).unwrap();
        assert!(says(written, &steady(2.0)));
    }

    #[test]
    fn what_was_found_out_is_written_with_the_plan_and_told_where_there_is_no_experiment_too() {
        let warning = Warning { about: "reaper".to_owned(), message: "none".to_owned() };
        let plan = plan(&json!({"steadyFor": "0s"}));
        let mut sight = Sight::new(Some(&plan.spec), at(0.0));
        sight.warnings = vec![warning.clone()];
        let world = World { read_at: at(0.0), ..healthy() };
        let valid = Subject::Valid { plan: Box::new(plan.clone()), generation: None };
        for subject in [valid, Subject::Missing("doctor".to_owned())] {
            let decision = tests::decided_of(&subject, None, Some(&world), &sight, 0.5);
            let Decision::Record(status) = decision else { panic!("{decision:?}") };
            assert_eq!(status.plan.unwrap().warnings, std::slice::from_ref(&warning));
        }
    }
}
