//! One sentence with numbers that stands alone, for chats, lists and last lines.

use crate::{
    api::{
        Duration, ExperimentSpec,
        run::{Answer, ExperimentRunStatus, FactName, Reason, Verdict},
    },
    core::{
        outcome::{
            absence,
            measure::{back_after, tenths},
        },
        words,
    },
};

/// The sentence for a run that was injected.
#[must_use]
pub fn one_sentence(
    spec: &ExperimentSpec,
    status: &ExperimentRunStatus,
    verdict: Verdict,
    reason: Reason,
) -> String {
    let mut parts = Vec::new();
    match verdict {
        Verdict::Aborted => parts.push(format!("ended early ({})", why(status, reason))),
        Verdict::Inconclusive => {
            let over = gone(status).filter(|_| reason == Reason::FaultNotObserved);
            parts.push(over.unwrap_or_else(|| explain(reason)));
        }
        _ => {}
    }
    if status.fact(FactName::ImpactStarted).is_none() {
        if parts.is_empty() {
            parts.push("no visible impact".to_owned());
        }
    } else {
        parts.extend(noticed(spec, status));
        parts.extend(back(spec, status));
    }
    parts.join(", ")
}

/// The reason, with what was written down at the revert where that was for it.
fn why(status: &ExperimentRunStatus, reason: Reason) -> String {
    let revert = status.fact(FactName::RevertStarted).filter(|fact| fact.reason == Some(reason));
    revert.map_or_else(|| reason.to_string(), words::said)
}

fn noticed(spec: &ExperimentSpec, status: &ExperimentRunStatus) -> Option<String> {
    let detection = status.detection.as_ref()?;
    let objective = spec.detection.within;
    Some(match (detection.took, detection.answer) {
        (Some(took), _) => {
            let name = detection.alert.as_ref().and_then(|alert| alert.labels.get("alertname"));
            let by = name.map(|name| format!(", by {name}")).unwrap_or_default();
            format!("noticed after {} (objective {objective}{by})", tenths(took.max))
        }
        (None, Answer::NotExercised) => {
            format!("over before anybody had to notice (objective {objective})")
        }
        (None, Answer::Inconclusive) => {
            format!("not known whether it was noticed in time (objective {objective})")
        }
        (None, _) => format!("not noticed (objective {objective})"),
    })
}

fn back(spec: &ExperimentSpec, status: &ExperimentRunStatus) -> Option<String> {
    let recovery = status.recovery.as_ref()?;
    let objective = spec.recovery.within;
    let how = recovery.by.map(|by| format!(" {}", words::recovered(by))).unwrap_or_default();
    Some(match recovery.took {
        Some(took) => {
            format!("back{how} after {} (objective {objective})", back_after(status, took))
        }
        None => format!("not back (objective {objective})"),
    })
}

/// When the fault was over although nobody had ended it, if that was so.
fn gone(status: &ExperimentRunStatus) -> Option<String> {
    let gap = absence::recorded(status).into_iter().next()?;
    let injected = status.fact(FactName::Injected)?.not_before;
    let after = |moment| tenths(Duration::between(injected, moment));
    let (from, to) = (after(gap.from), after(gap.to));
    Some(format!(
        "the fault was not there from {from} to {to} after the injection, although nobody had ended it"
    ))
}

fn explain(reason: Reason) -> String {
    let words = match reason {
        Reason::NoImpact => "the fault had no visible impact, so nothing was exercised",
        Reason::FaultNotObserved => "no sign of the fault was seen on the target",
        Reason::FaultPartial => "some victims were refused",
        Reason::SourceLost => "no alert source told of the whole time, so silence proves nothing",
        Reason::ObservationGap => "the probes were not sampled all the time",
        Reason::WithinError => "an objective lies within the error of the measurement",
        other => return other.to_string(),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        api::run::{Fact, Gap, Impact, RecoveredBy, Unobserved},
        core::{
            guards::abort::tests::plan,
            outcome::{
                attribution::Attribution,
                measure::{self, Basis},
            },
            signals::pods::tests::at,
            span::Span,
        },
    };
    use FactName::{Firing, ImpactStarted, Injected, Mitigated, Recovered, RevertStarted};

    const IMPACT: (FactName, f64) = (ImpactStarted, 1.0);
    const NOTICED: (FactName, f64) = (Firing, 9.02);
    const BACK: (FactName, f64) = (Recovered, 20.0);

    /// The status of a run with these facts, in seconds after the injection, that may take 5m to notice and 1h
    /// to be back, as it is measured.
    fn measured(
        facts: &[(FactName, f64)],
        by: Option<RecoveredBy>,
    ) -> (ExperimentSpec, ExperimentRunStatus) {
        let spec = plan(&json!({})).spec;
        let fact = |&(name, second): &(FactName, f64)| {
            let fact = Span::new(at(second), at(second)).fact(name, "x", "");
            let down = ("alertname".to_owned(), "Down".to_owned());
            Fact { labels: (name == Firing).then_some(down).into_iter().collect(), ..fact }
        };
        let facts = [(Injected, 0.0)].iter().chain(facts).map(fact).collect();
        let mut status = ExperimentRunStatus { facts, ..ExperimentRunStatus::default() };
        let basis = Basis {
            spec: &spec,
            status: &status,
            covered: true,
            watched_until: at(300.0),
            end_unseen: false,
            alert: None,
            also_fired: Vec::new(),
        };
        let attributed = Attribution { by, evidence: String::new(), may_be_fault_ended: false };
        let results = (measure::detection(&basis).0, measure::recovery(&basis, Some(attributed)).0);
        (status.detection, status.recovery) = (Some(results.0), Some(results.1));
        (spec, status)
    }

    #[track_caller]
    fn check(
        facts: &[(FactName, f64)],
        by: Option<RecoveredBy>,
        (verdict, reason): (Verdict, Reason),
        sentence: &str,
    ) {
        let (spec, status) = measured(facts, by);
        assert_eq!(one_sentence(&spec, &status, verdict, reason), sentence);
    }

    #[test]
    #[rustfmt::skip]
    fn the_sentence_says_how_it_was_noticed_and_how_it_came_back() {
        use RecoveredBy::{Automatic, FaultEnded, Manual, Restart, Rollback, Scale};
        let met = (Verdict::Passed, Reason::ObjectivesMet);
        let missed = (Verdict::ObjectiveMissed, Reason::DetectionMissed);
        check(&[IMPACT, NOTICED, BACK], Some(Automatic), met, "noticed after 9.1s (objective 5m, by Down), back by itself after 20s (objective 1h)");
        check(&[IMPACT, NOTICED, BACK], Some(Rollback), met, "noticed after 9.1s (objective 5m, by Down), back by a rollback after 20s (objective 1h)");
        check(&[IMPACT, NOTICED, BACK], Some(Scale), met, "noticed after 9.1s (objective 5m, by Down), back by scaling after 20s (objective 1h)");
        check(&[IMPACT, NOTICED, BACK], Some(Restart), met, "noticed after 9.1s (objective 5m, by Down), back by a restart after 20s (objective 1h)");
        check(&[IMPACT, NOTICED, BACK], Some(Manual), met, "noticed after 9.1s (objective 5m, by Down), back by another change after 20s (objective 1h)");
        check(&[IMPACT, NOTICED, BACK], Some(FaultEnded), met, "noticed after 9.1s (objective 5m, by Down), back when the fault ended after 20s (objective 1h)");
        check(&[IMPACT, NOTICED, BACK], None, met, "noticed after 9.1s (objective 5m, by Down), back after 20s (objective 1h)");
        check(&[IMPACT, (Mitigated, 20.0), BACK], Some(Automatic), met, "over before anybody had to notice (objective 5m), back by itself after 20s (objective 1h)");
        check(&[IMPACT], None, missed, "not noticed (objective 5m), not back (objective 1h)");
        check(&[], None, (Verdict::Passed, Reason::Tolerated), "no visible impact");
    }

    #[test]
    #[rustfmt::skip]
    fn what_was_not_measured_is_said_first() {
        let because = |reason| (Verdict::Inconclusive, reason);
        let back = "noticed after 9.1s (objective 5m, by Down), back after 20s (objective 1h)";
        check(&[], None, because(Reason::NoImpact), "the fault had no visible impact, so nothing was exercised");
        check(&[], None, because(Reason::FaultNotObserved), "no sign of the fault was seen on the target");
        check(&[], None, because(Reason::ObservationGap), "the probes were not sampled all the time");
        check(&[IMPACT, NOTICED, BACK], None, because(Reason::FaultPartial), &format!("some victims were refused, {back}"));
        check(&[IMPACT, NOTICED, BACK], None, because(Reason::WithinError), &format!("an objective lies within the error of the measurement, {back}"));
        check(&[IMPACT, NOTICED, BACK], None, because(Reason::SourceLost), &format!("no alert source told of the whole time, so silence proves nothing, {back}"));
        check(&[], None, (Verdict::Aborted, Reason::Lever), "ended early (Lever)");
        check(&[IMPACT, NOTICED, BACK], None, (Verdict::Aborted, Reason::Stopped), &format!("ended early (Stopped), {back}"));
    }

    #[test]
    fn an_early_end_has_the_words_that_were_written_down_at_the_revert_where_they_are_about_it() {
        let (spec, mut status) = measured(&[(RevertStarted, 5.0)], None);
        for (reason, detail, told) in [
            (Reason::Guard, "the namespace has opted out", "Guard: the namespace has opted out"),
            (Reason::Duration, "", "Guard"),
        ] {
            status.facts[1] =
                Fact { detail: detail.to_owned(), ..status.facts[1].clone() }.because(reason);
            let sentence = one_sentence(&spec, &status, Verdict::Aborted, Reason::Guard);
            assert_eq!(sentence, format!("ended early ({told})"));
        }
    }

    #[test]
    fn a_fault_that_was_over_too_soon_is_told_with_its_gap() {
        let (spec, mut status) = measured(&[], None);
        let gap = Gap { from: at(3.0), to: at(8.52), of: Unobserved::Fault };
        status.impact = Some(Impact { gaps: vec![gap], ..Impact::default() });
        assert_eq!(
            one_sentence(&spec, &status, Verdict::Inconclusive, Reason::FaultNotObserved),
            "the fault was not there from 3s to 8.6s after the injection, although nobody had ended it"
        );
    }
}
