//! The gates that ask the alert sources.

use super::{
    gates::{Closed, Judged},
    observed::{Firing, GateReads},
};
use crate::{
    api::{
        ExperimentRun,
        game_day::{GoNoGo, Step},
    },
    core::{
        alerts::matcher::Labels,
        gameday::plan::NO_FIRING,
        plan::{Plan, read_matchers},
        words::{self, count},
    },
};

/// Whether an alerting rule can fire each alert that the experiment expects.
pub(super) fn alerts_exist(asked: &GoNoGo, step: &Step, reads: &GateReads) -> Judged {
    if !asked.alerts_exist {
        return Ok("not asked for".to_owned());
    }
    match reads.expected.get(&*step.experiment).map(Vec::as_slice) {
        None => Err(Closed::Now("there is no valid Experiment that expects any".to_owned())),
        Some([]) => Ok("the alert sources know a rule for each alert that is expected".to_owned()),
        Some([first, ..]) if first.about.starts_with("config.") => {
            Err(Closed::Waits(first.to_string()))
        }
        Some([first, ..]) => Err(Closed::Now(first.to_string())),
    }
}

/// Whether no alert fires that one of these matches, those apart that a run of this day expects.
pub(super) fn quiet(matchers: &[String], firing: &Firing, own: &[&ExperimentRun]) -> Judged {
    if matchers.is_empty() {
        return Ok("not asked for".to_owned());
    }
    let alerts = match firing {
        Firing::Known(alerts) => alerts,
        Firing::Unknown(error) => return Err(Closed::Waits(error.clone())),
        Firing::NoSource(keys) => {
            return Err(Closed::Now(format!(
                "the operator has no alert source to ask: configure {keys}, or set {NO_FIRING} to []"
            )));
        }
    };
    let read = read_matchers(NO_FIRING, matchers).map_err(|problems| {
        let first =
            problems.first().map(|problem| format!("{}: {}", problem.path, problem.message));
        Closed::Now(first.unwrap_or_default())
    })?;
    let plans = own.iter().filter_map(|run| Plan::parse(run.effective_spec(None)?).ok());
    let plans: Vec<Plan> = plans.collect();
    let counts = |labels: &&Labels| {
        read.iter().any(|matchers| matchers.matches(labels))
            && !plans.iter().any(|plan| plan.expects(labels))
    };
    let told = matchers.join(" or ");
    let mut names: Vec<&str> = alerts.iter().filter(counts).map(words::alert).collect();
    names.sort_unstable();
    match names.as_slice() {
        [] => Ok(format!("no alert fires that {told} matches")),
        [first, ..] => {
            Err(Closed::Waits(format!("{} of {told}: {first}", count(names.len(), "alert"))))
        }
    }
}

/// Whether enough of the error budget is left.
pub(super) fn error_budget(asked: &GoNoGo, reads: &GateReads) -> Judged {
    let Some(above) = asked.error_budget_above else { return Ok("not asked for".to_owned()) };
    match &reads.error_budget {
        Some(Ok(left)) if *left > f64::from(above) => {
            Ok(format!("{left:.1} % of the error budget are left, more than {above} %"))
        }
        Some(Ok(left)) => Err(Closed::Now(format!(
            "{left:.1} % of the error budget are left, and errorBudgetAbove is {above} %"
        ))),
        Some(Err(error)) => Err(Closed::Waits(error.clone())),
        None => Err(Closed::Now("the error budget was not asked for".to_owned())),
    }
}
