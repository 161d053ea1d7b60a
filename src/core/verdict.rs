//! From the answers to the outcome of a run.

use crate::api::run::{Answer, Verdict};

/// What a verdict depends on.
#[expect(clippy::struct_excessive_bools, reason = "each is one row of the table")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Case {
    /// Why the run was ended early, if it was.
    pub aborted: Option<&'static str>,
    /// Whether some victims were refused after the first was accepted.
    pub partial: bool,
    /// Whether a sign of the fault was seen on the target, and stayed until the fault was ended.
    pub effect_observed: bool,
    /// Whether the fault changes fields, so that an impact alone does not show that it took effect.
    pub changes: bool,
    /// Whether users would have noticed.
    pub impact: bool,
    /// Whether a time without samples may hide an impact.
    pub blind: bool,
    /// Whether the hypothesis was that users notice nothing.
    pub tolerates: bool,
    /// Whether the service was back at the end.
    pub back: bool,
    /// The answers, each with its reason where it is inconclusive.
    pub detection: Option<(Answer, Option<&'static str>)>,
    /// See `detection`.
    pub recovery: Option<(Answer, Option<&'static str>)>,
}

/// The verdict and its reason.
#[must_use]
pub fn of(case: &Case) -> (Verdict, &'static str) {
    if let Some(reason) = case.aborted {
        return (Verdict::Aborted, reason);
    }
    if case.partial {
        return (Verdict::Inconclusive, "FaultPartial");
    }
    if !case.effect_observed && (case.changes || !case.impact) {
        return (Verdict::Inconclusive, "FaultNotObserved");
    }
    if !case.impact {
        return without_impact(case);
    }
    if !case.back {
        return (Verdict::NotRecovered, "StillBroken");
    }
    with_impact(case)
}

fn without_impact(case: &Case) -> (Verdict, &'static str) {
    if case.blind {
        (Verdict::Inconclusive, "ObservationGap")
    } else if case.tolerates {
        (Verdict::Passed, "Tolerated")
    } else {
        (Verdict::Inconclusive, "NoImpact")
    }
}

fn with_impact(case: &Case) -> (Verdict, &'static str) {
    let no = |answer: Option<(Answer, _)>| answer.is_some_and(|(answer, _)| answer == Answer::No);
    match (no(case.detection), no(case.recovery)) {
        _ if case.tolerates => return (Verdict::ObjectiveMissed, "NotTolerated"),
        (true, true) => return (Verdict::ObjectiveMissed, "DetectionAndRecoveryMissed"),
        (true, false) => return (Verdict::ObjectiveMissed, "DetectionMissed"),
        (false, true) => return (Verdict::ObjectiveMissed, "RecoveryMissed"),
        (false, false) => {}
    }
    let doubt =
        [case.detection, case.recovery].into_iter().flatten().find_map(|(answer, reason)| {
            (answer == Answer::Inconclusive).then(|| reason.unwrap_or("WithinError"))
        });
    match (doubt, case.detection) {
        (Some(reason), _) => (Verdict::Inconclusive, reason),
        (None, Some((Answer::NotExercised, _))) => (Verdict::Passed, "HealedBeforeObjective"),
        (None, _) => (Verdict::Passed, "ObjectivesMet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Answer::{Inconclusive, No, NotExercised, Yes};

    const HEALTHY: Case = Case {
        aborted: None,
        partial: false,
        effect_observed: true,
        changes: false,
        impact: true,
        blind: false,
        tolerates: false,
        back: true,
        detection: Some((Yes, None)),
        recovery: Some((Yes, None)),
    };

    #[track_caller]
    fn check(case: Case, verdict: Verdict, reason: &str) {
        assert_eq!(of(&case), (verdict, reason));
    }

    #[test]
    fn every_row_of_the_table() {
        check(HEALTHY, Verdict::Passed, "ObjectivesMet");
        let detection = |answer, reason| Case { detection: Some((answer, reason)), ..HEALTHY };
        let recovery = |answer, reason| Case { recovery: Some((answer, reason)), ..HEALTHY };
        check(detection(NotExercised, None), Verdict::Passed, "HealedBeforeObjective");
        check(detection(No, None), Verdict::ObjectiveMissed, "DetectionMissed");
        check(recovery(No, None), Verdict::ObjectiveMissed, "RecoveryMissed");
        let both = Case { recovery: Some((No, None)), ..detection(No, None) };
        check(both, Verdict::ObjectiveMissed, "DetectionAndRecoveryMissed");
        check(Case { back: false, ..HEALTHY }, Verdict::NotRecovered, "StillBroken");
        check(detection(Inconclusive, Some("SourceLost")), Verdict::Inconclusive, "SourceLost");
        check(recovery(Inconclusive, Some("WithinError")), Verdict::Inconclusive, "WithinError");
        check(Case { aborted: Some("Lever"), ..HEALTHY }, Verdict::Aborted, "Lever");
        check(Case { partial: true, ..HEALTHY }, Verdict::Inconclusive, "FaultPartial");
    }

    #[test]
    fn no_visible_impact_passes_only_where_that_was_the_hypothesis() {
        let quiet = Case { impact: false, ..HEALTHY };
        check(quiet, Verdict::Inconclusive, "NoImpact");
        check(Case { tolerates: true, ..quiet }, Verdict::Passed, "Tolerated");
        check(
            Case { tolerates: true, blind: true, ..quiet },
            Verdict::Inconclusive,
            "ObservationGap",
        );
        check(Case { tolerates: true, ..HEALTHY }, Verdict::ObjectiveMissed, "NotTolerated");
        let unseen = Case { effect_observed: false, tolerates: true, ..quiet };
        check(unseen, Verdict::Inconclusive, "FaultNotObserved");
    }

    #[test]
    fn an_impact_alone_does_not_show_that_a_change_of_fields_took_effect() {
        let unseen = Case { effect_observed: false, ..HEALTHY };
        check(unseen, Verdict::Passed, "ObjectivesMet");
        check(Case { changes: true, ..unseen }, Verdict::Inconclusive, "FaultNotObserved");
        check(Case { changes: true, ..HEALTHY }, Verdict::Passed, "ObjectivesMet");
    }

    #[test]
    fn what_ended_the_run_outweighs_what_it_measured() {
        let bad = Case { back: false, detection: Some((No, None)), ..HEALTHY };
        check(bad, Verdict::NotRecovered, "StillBroken");
        check(Case { tolerates: true, ..bad }, Verdict::NotRecovered, "StillBroken");
        let unseen = Case { effect_observed: false, changes: true, ..bad };
        check(unseen, Verdict::Inconclusive, "FaultNotObserved");
        let partial = Case { partial: true, ..unseen };
        check(partial, Verdict::Inconclusive, "FaultPartial");
        check(Case { aborted: Some("Guard"), ..partial }, Verdict::Aborted, "Guard");
    }

    #[test]
    fn a_doubt_outweighs_every_yes_and_the_first_one_is_the_reason() {
        let doubt = |reason| Some((Inconclusive, Some(reason)));
        let detection = Case { detection: doubt("SourceLost"), ..HEALTHY };
        let both = Case { recovery: doubt("WithinError"), ..detection };
        check(both, Verdict::Inconclusive, "SourceLost");
        let healed = Case { detection: Some((NotExercised, None)), ..both };
        check(healed, Verdict::Inconclusive, "WithinError");
    }

    #[test]
    fn a_no_outweighs_a_doubt() {
        let case = Case {
            recovery: Some((Inconclusive, Some("WithinError"))),
            detection: Some((No, None)),
            ..HEALTHY
        };
        check(case, Verdict::ObjectiveMissed, "DetectionMissed");
    }
}
