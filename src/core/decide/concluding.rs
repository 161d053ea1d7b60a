//! The last writes of a run: its verdict, the revert that was read back, the debrief.

use super::observed::{Debriefing, Decision, Effect, Observed};
use crate::{
    api::run::{ExperimentRunStatus, FactName, Reason, Verdict},
    core::{
        cluster::ClusterState,
        outcome::{
            about::{About, about},
            summary,
        },
        signals::changes,
        span::{Span, crop},
        words,
    },
};

pub(super) fn conclude(status: &mut ExperimentRunStatus, verdict: Verdict, reason: Reason) {
    status.verdict = Some(verdict);
    status.reason = Some(reason);
    let spec = status.journal.as_ref().and_then(|plan| plan.spec.clone());
    let sentence = spec.map(|spec| summary::one_sentence(&spec, status, verdict, reason));
    status.summary = sentence.map(|sentence| crop(sentence, 1024));
}

/// The revert was read back.
pub(super) fn reverted(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    cause: Reason,
) -> Decision {
    let mut status = status.clone();
    let reverted = revoked(observed, &status);
    status.facts.push(reverted.fact(FactName::Reverted, "api", "read back, nothing is left"));
    status.revert_problem = None;
    if cause == Reason::Duration {
        return observed.record(status);
    }
    if status.verdict.is_none() {
        let verdict = if cause.aborts() { Verdict::Aborted } else { Verdict::Error };
        conclude(&mut status, verdict, cause);
        if status.fact(FactName::Injected).is_none() {
            let why = status.fact(FactName::RevertStarted).map(words::said).unwrap_or_default();
            status.summary = Some(crop(format!("nothing was broken ({why})"), 1024));
        }
    }
    complete_unless_debrief(observed, status)
}

/// When the API server accepted the revert: as this process was answered, else as it stands on the object;
/// where neither tells, some time since the revert began.
fn revoked(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Span {
    let started = status.fact(FactName::RevertStarted).map_or(observed.now, |fact| fact.not_before);
    let mark = status.journal.as_ref().map(|journal| observed.mark(journal));
    let object = observed.cluster.and_then(ClusterState::object);
    let on_object = || Some(changes::revocation(object?, &mark?)?.span);
    match observed.signals.revoked.or_else(on_object) {
        Some(span) => {
            Span::new(span.not_before.max(started), span.at.max(started).min(observed.now))
        }
        None => Span::new(started, observed.now),
    }
}

pub(super) fn complete_unless_debrief(
    observed: &Observed<'_>,
    mut status: ExperimentRunStatus,
) -> Decision {
    if !opens_debrief(&status) {
        status.facts.push(observed.now_fact(FactName::Completed, ""));
    }
    observed.record(status)
}

/// Whether the outcome may open a debrief.
fn opens_debrief(status: &ExperimentRunStatus) -> bool {
    about(status).is_some()
}

/// What was to be learned without a record is at least said in the run itself.
fn say_no_debrief(status: &mut ExperimentRunStatus) {
    let summary = status.summary.take().unwrap_or_default();
    let said = format!("{summary}; no debrief could be opened, see the operator's log");
    status.summary = Some(crop(said, 1024));
}

/// The end of a run whose fault is reverted already and that is not measured to its end.
pub(super) fn cut_short(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    cause: Reason,
) -> Decision {
    let mut status = status.clone();
    conclude(&mut status, Verdict::Aborted, cause);
    complete_unless_debrief(observed, status)
}

/// Reverted and measured: the debrief first, so that its name is in the last write.
pub(super) fn close(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Decision {
    let mut status = status.clone();
    match observed.debrief {
        None if opens_debrief(&status) => return Decision::Act(Effect::OpenDebrief),
        Some(Debriefing::Failed) if about(&status).is_some_and(About::is_always_debriefed) => {
            say_no_debrief(&mut status);
        }
        None | Some(Debriefing::Failed) => {}
        Some(Debriefing::Recorded(name)) => status.debrief = Some(name.clone()),
    }
    status.facts.push(observed.now_fact(FactName::Completed, ""));
    observed.record(status)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::{
        decide::tests::{decided, status},
        guards::abort::tests::plan,
        signals::Signals,
        signals::pods::tests::at,
    };

    /// What is done about a run that is reverted and ended so.
    fn done(verdict: Verdict, reason: Reason) -> Decision {
        let plan = plan(&json!({}));
        let facts =
            [FactName::Journaled, FactName::Injected, FactName::RevertStarted, FactName::Reverted];
        let mut status = status(&plan, &facts.map(|name| (name, 1.0)));
        (status.verdict, status.reason) = (Some(verdict), Some(reason));
        decided(&plan, Some(status), None, &Signals::new(Some(&plan.spec), at(0.0)), 2.0)
    }

    #[test]
    fn what_a_guard_ended_and_what_tells_nothing_asks_for_a_debrief_before_the_last_write() {
        for (verdict, reason, asks) in [
            (Verdict::ObjectiveMissed, Reason::DetectionMissed, true),
            (Verdict::Aborted, Reason::Guard, true),
            (Verdict::Inconclusive, Reason::NoImpact, true),
            (Verdict::Aborted, Reason::Stopped, false),
            (Verdict::Passed, Reason::ObjectivesMet, false),
        ] {
            let asked = done(verdict, reason) == Decision::Act(Effect::OpenDebrief);
            assert_eq!(asked, asks, "{verdict} ({reason})");
        }
    }
}
