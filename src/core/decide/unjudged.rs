//! A run that nobody can judge: its spec or status cannot be read, or says what no operator writes. Whatever it says,
//! its fault carries its mark, so what carries that is reverted; then the run is over and let go, and says why.

use super::{
    arming::{by_hand, problem, trouble},
    observed::{Decision, Effect, Marked, Need, Observed, Subject},
    writing::{finish, note},
};
use crate::{
    api::{
        Duration, Moment,
        experiment::LONGEST_FAULT,
        run::{ExperimentRunStatus, Fact, FactName, Impact, Journal, Reason, Verdict},
    },
    core::{
        plan::{Plan, Problem},
        revert::reaping::AHEAD,
        stage::Stage,
        words,
    },
    faults::{self, Call, Object, Outcome, arming, call::Change, record},
};

/// No run was begun longer ago.
const LONG_AGO: Duration = Duration::minutes(366 * 24 * 60);

/// What every stage from the journal to the end of the measurement goes by.
#[derive(Clone, Copy)]
pub(super) struct Journaled<'a> {
    pub plan: &'a Plan,
    pub journal: &'a Journal,
    pub fact: &'a Fact,
}

/// What the stage goes by, where there is more than the run's spec: from the journal to the last answer.
///
/// # Errors
/// Why nobody can judge the run, in words.
pub(super) fn judge<'a>(
    observed: &Observed<'a>,
    status: &'a ExperimentRunStatus,
    stage: Stage,
) -> Result<Option<Journaled<'a>>, String> {
    if let Subject::Unjudgeable(why) = observed.subject {
        return Err(why.clone());
    }
    if stage == Stage::Measured {
        return Ok(None);
    }
    if let Some((path, at)) = strange(status, observed.now) {
        return Err(format!("status.{path}: {at} is no instant of a run that is looked at now"));
    }
    let missing = |path: &str| Err(format!("status.{path} is missing"));
    let journal = status.journal.as_ref();
    let Some(fact) = status.fact(FactName::Journaled) else {
        let is_taken_up = status.fact(FactName::Accepted).is_some();
        return match (stage, journal.and_then(|journal| journal.spec.as_ref())) {
            (Stage::Waiting, None) if is_taken_up => missing("plan.spec"),
            (Stage::Waiting, _) => Ok(None),
            _ => missing("facts[journaled]"),
        };
    };
    let Some((journal, spec)) = journal.and_then(|journal| Some((journal, journal.spec.as_ref()?)))
    else {
        return missing("plan.spec");
    };
    let plan = match observed.subject {
        Subject::Valid { plan, .. } => plan,
        Subject::Invalid(problems) => {
            return Err(format!("status.plan.spec is not valid: {}", list(problems)));
        }
        Subject::Missing(_) | Subject::Changed(_) | Subject::Unjudgeable(_) => {
            return missing("plan.spec");
        }
    };
    let means = faults::behaviour(&spec.fault).means;
    let lasts = means.arming().is_some() || means.every().is_some() || journal.pre_image.is_some();
    match journal.epoch {
        _ if lasts && journal.deadline.is_none() => missing("plan.deadline"),
        _ if means.arming().is_some() && journal.victims.is_empty() => missing("plan.victims"),
        Some(epoch) if epoch != 1 => {
            Err(format!("status.plan.epoch: {epoch}; a run has one fault, with the number 1"))
        }
        _ => Ok(Some(Journaled { plan, journal, fact })),
    }
}

/// Every problem of a spec, with its path.
pub(super) fn list(problems: &[Problem]) -> String {
    let lines = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
    lines.collect::<Vec<_>>().join("; ")
}

/// The first instant that no operator has written, with its path; alert sources have clocks of their own.
fn strange(status: &ExperimentRunStatus, now: Moment) -> Option<(String, Moment)> {
    let deadline = status.journal.as_ref().and_then(|journal| journal.deadline);
    let deadline = deadline.map(|at| ("plan.deadline".to_owned(), at, AHEAD + LONGEST_FAULT));
    let alert = [FactName::ConditionTrue, FactName::Firing, FactName::Notified];
    let facts = status.facts.iter().filter(|fact| !alert.contains(&fact.name));
    let seen = facts.flat_map(of_fact).chain(status.impact.iter().flat_map(of_impact));
    let mut all = seen.map(|(path, at)| (path, at, AHEAD)).chain(deadline);
    let is_strange = |at: Moment, ahead: Duration| at > now + ahead || at < now.minus(LONG_AGO);
    all.find(|(_, at, ahead)| is_strange(*at, *ahead)).map(|(path, at, _)| (path, at))
}

fn of_fact(fact: &Fact) -> [(String, Moment); 2] {
    let path = |field: &str| format!("facts[{}].{field}", words::fact(fact.name));
    [(path("at"), fact.at), (path("notBefore"), fact.not_before)]
}

fn of_impact(impact: &Impact) -> impl Iterator<Item = (String, Moment)> {
    let probes = &impact.probes;
    let since = impact.good_since.map(|since| [since.not_before, since.at]);
    let ended = impact.ended_by.as_ref().map(|ending| [ending.not_before, ending.at]);
    let gaps = impact.gaps.iter().flat_map(|gap| [gap.from, gap.to]);
    [
        ("probes.firstFailureAt", probes.first_failure_at),
        ("probes.lastFailureAt", probes.last_failure_at),
        ("probes.asOf", probes.as_of),
    ]
    .into_iter()
    .filter_map(|(path, at)| Some((path, at?)))
    .chain(since.into_iter().flatten().map(|at| ("goodSince", at)))
    .chain(ended.into_iter().flatten().map(|at| ("endedBy", at)))
    .chain(gaps.map(|at| ("gaps", at)))
    .map(|(path, at)| (format!("impact.{path}"), at))
}

/// Reverts what carries the mark of the run's fault; when nothing does any more, the run is over.
pub(super) fn end(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    stage: Stage,
    why: &str,
) -> Decision {
    let since = observed.signals.since;
    if let Some(report) = observed.report {
        let object = observed.marked.and_then(|marked| marked.found.as_ref().ok()?.as_ref());
        let is_denied = |(_, outcome): &(String, Outcome)| matches!(outcome, Outcome::Denied(_));
        let remedy = object
            .filter(|_| report.outcomes.iter().any(is_denied))
            .and_then(|object| by_hand(observed, object, &record::read(object).fields));
        return match problem(report) {
            Some(words) => {
                let words = format!("{words}{}", remedy.unwrap_or_default());
                trouble(observed, status, (since, report.span.at), &words, Need::Marked)
            }
            None => Decision::Look(Need::Marked),
        };
    }
    match observed.marked {
        None => Decision::Look(Need::Marked),
        Some(Marked { read_at, found: Err(words) }) => {
            trouble(observed, status, (since, *read_at), words, Need::Marked)
        }
        Some(Marked { found: Ok(Some(object)), .. }) => match disarm(object, observed.now) {
            Some(call) => Decision::Act(Effect::Send(vec![call])),
            None => Decision::Look(Need::Marked),
        },
        Some(Marked { found: Ok(None), .. }) => let_go(observed, status, stage, why),
    }
}

/// As the object says itself what it was before.
fn disarm(object: &Object, now: Moment) -> Option<Call> {
    let fields = record::read(object).fields;
    let patch = arming::disarm(object, &object.mark()?, &fields, now);
    Some(Call::Disarm(Change::of(object, patch)))
}

fn let_go(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    stage: Stage,
    why: &str,
) -> Decision {
    let mut status = status.clone();
    status.revert_problem = None;
    if stage > Stage::Waiting {
        let started = observed.now_fact(FactName::RevertStarted, why);
        note(&mut status, started.because(Reason::InvalidSpec));
        note(&mut status, observed.now_fact(FactName::Reverted, "nothing carries its mark"));
    }
    let summary = format!("cannot be judged: {why}; nothing carries the mark of its fault");
    finish(observed, &status, (Verdict::Error, Reason::InvalidSpec), summary)
}

#[cfg(test)]
mod tests;
