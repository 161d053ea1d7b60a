//! From the answers to the outcome of a run.

use crate::api::run::{Answer, Reason, Verdict};

/// What a verdict depends on.
#[expect(clippy::struct_excessive_bools, reason = "each is one row of the table")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Case {
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
    /// Whether the service was back at the end, or nobody could see whether it was.
    pub back: bool,
    /// The answers, each with its reason where it is inconclusive.
    pub detection: Option<(Answer, Option<Reason>)>,
    /// See `detection`.
    pub recovery: Option<(Answer, Option<Reason>)>,
}

/// The verdict and its reason.
#[must_use]
pub fn decide(case: &Case) -> (Verdict, Reason) {
    if case.partial {
        return (Verdict::Inconclusive, Reason::FaultPartial);
    }
    if !case.effect_observed && (case.changes || !case.impact) {
        return (Verdict::Inconclusive, Reason::FaultNotObserved);
    }
    if !case.impact {
        return without_impact(case);
    }
    if !case.back {
        return (Verdict::NotRecovered, Reason::StillBroken);
    }
    with_impact(case)
}

fn without_impact(case: &Case) -> (Verdict, Reason) {
    if case.blind {
        (Verdict::Inconclusive, Reason::ObservationGap)
    } else if case.tolerates {
        (Verdict::Passed, Reason::Tolerated)
    } else {
        (Verdict::Inconclusive, Reason::NoImpact)
    }
}

fn with_impact(case: &Case) -> (Verdict, Reason) {
    let no = |answer: Option<(Answer, _)>| answer.is_some_and(|(answer, _)| answer == Answer::No);
    match (no(case.detection), no(case.recovery)) {
        _ if case.tolerates => return (Verdict::ObjectiveMissed, Reason::NotTolerated),
        (true, true) => return (Verdict::ObjectiveMissed, Reason::DetectionAndRecoveryMissed),
        (true, false) => return (Verdict::ObjectiveMissed, Reason::DetectionMissed),
        (false, true) => return (Verdict::ObjectiveMissed, Reason::RecoveryMissed),
        (false, false) => {}
    }
    let doubt =
        [case.detection, case.recovery].into_iter().flatten().find_map(|(answer, reason)| {
            (answer == Answer::Inconclusive).then(|| reason.unwrap_or(Reason::WithinError))
        });
    match (doubt, case.detection) {
        (Some(reason), _) => (Verdict::Inconclusive, reason),
        (None, Some((Answer::NotExercised, _))) => (Verdict::Passed, Reason::HealedBeforeObjective),
        (None, _) => (Verdict::Passed, Reason::ObjectivesMet),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Answer::{Inconclusive, No, NotExercised, Yes};

    const HEALTHY: Case = Case {
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
    fn check(case: Case, verdict: Verdict, reason: Reason) {
        assert_eq!(decide(&case), (verdict, reason));
    }

    #[test]
    fn every_row_of_the_table() {
        check(HEALTHY, Verdict::Passed, Reason::ObjectivesMet);
        let detection = |answer, reason| Case { detection: Some((answer, reason)), ..HEALTHY };
        let recovery = |answer, reason| Case { recovery: Some((answer, reason)), ..HEALTHY };
        check(detection(NotExercised, None), Verdict::Passed, Reason::HealedBeforeObjective);
        check(detection(No, None), Verdict::ObjectiveMissed, Reason::DetectionMissed);
        check(recovery(No, None), Verdict::ObjectiveMissed, Reason::RecoveryMissed);
        let both = Case { recovery: Some((No, None)), ..detection(No, None) };
        check(both, Verdict::ObjectiveMissed, Reason::DetectionAndRecoveryMissed);
        check(Case { back: false, ..HEALTHY }, Verdict::NotRecovered, Reason::StillBroken);
        check(
            detection(Inconclusive, Some(Reason::SourceLost)),
            Verdict::Inconclusive,
            Reason::SourceLost,
        );
        check(
            recovery(Inconclusive, Some(Reason::WithinError)),
            Verdict::Inconclusive,
            Reason::WithinError,
        );
        check(Case { partial: true, ..HEALTHY }, Verdict::Inconclusive, Reason::FaultPartial);
    }

    #[test]
    fn no_visible_impact_passes_only_where_that_was_the_hypothesis() {
        let quiet = Case { impact: false, ..HEALTHY };
        check(quiet, Verdict::Inconclusive, Reason::NoImpact);
        check(Case { tolerates: true, ..quiet }, Verdict::Passed, Reason::Tolerated);
        check(
            Case { tolerates: true, blind: true, ..quiet },
            Verdict::Inconclusive,
            Reason::ObservationGap,
        );
        check(Case { tolerates: true, ..HEALTHY }, Verdict::ObjectiveMissed, Reason::NotTolerated);
        let unseen = Case { effect_observed: false, tolerates: true, ..quiet };
        check(unseen, Verdict::Inconclusive, Reason::FaultNotObserved);
    }

    #[test]
    fn an_impact_alone_does_not_show_that_a_change_of_fields_took_effect() {
        let unseen = Case { effect_observed: false, ..HEALTHY };
        check(unseen, Verdict::Passed, Reason::ObjectivesMet);
        check(Case { changes: true, ..unseen }, Verdict::Inconclusive, Reason::FaultNotObserved);
        check(Case { changes: true, ..HEALTHY }, Verdict::Passed, Reason::ObjectivesMet);
    }

    #[test]
    fn a_fault_that_was_not_there_outweighs_what_was_measured() {
        let bad = Case { back: false, detection: Some((No, None)), ..HEALTHY };
        check(bad, Verdict::NotRecovered, Reason::StillBroken);
        check(Case { tolerates: true, ..bad }, Verdict::NotRecovered, Reason::StillBroken);
        let unseen = Case { effect_observed: false, changes: true, ..bad };
        check(unseen, Verdict::Inconclusive, Reason::FaultNotObserved);
        let partial = Case { partial: true, ..unseen };
        check(partial, Verdict::Inconclusive, Reason::FaultPartial);
    }

    #[test]
    fn a_doubt_outweighs_every_yes_and_the_first_one_is_the_reason() {
        let doubt = |reason| Some((Inconclusive, Some(reason)));
        let detection = Case { detection: doubt(Reason::SourceLost), ..HEALTHY };
        let both = Case { recovery: doubt(Reason::WithinError), ..detection };
        check(both, Verdict::Inconclusive, Reason::SourceLost);
        let healed = Case { detection: Some((NotExercised, None)), ..both };
        check(healed, Verdict::Inconclusive, Reason::WithinError);
    }

    #[test]
    fn a_no_outweighs_a_doubt() {
        let case = Case {
            recovery: Some((Inconclusive, Some(Reason::WithinError))),
            detection: Some((No, None)),
            ..HEALTHY
        };
        check(case, Verdict::ObjectiveMissed, Reason::DetectionMissed);
    }
}
