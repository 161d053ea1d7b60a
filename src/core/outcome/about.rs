//! What of a run's outcome there is to be learned: what its debrief is about.

use crate::api::run::{ExperimentRunStatus, FactName, Reason, Verdict};

/// What a debrief of a run is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// An objective was missed.
    Miss,
    /// A guard ended the run after its fault was there.
    NearMiss,
    /// What was measured does not tell, which opens a debrief for the third time in a row.
    Inconclusive,
}

impl About {
    /// Whether there is a debrief for each such run.
    #[must_use]
    pub const fn is_always_debriefed(self) -> bool {
        !matches!(self, Self::Inconclusive)
    }
}

/// What there is to be learned; nothing of a run that has broken nothing.
#[must_use]
pub fn about(status: &ExperimentRunStatus) -> Option<About> {
    let has_struck = status.fact(FactName::Injected).is_some();
    match (status.verdict?, status.reason) {
        (verdict, _) if verdict.is_missed() => Some(About::Miss),
        (Verdict::Aborted, Some(Reason::Guard)) if has_struck => Some(About::NearMiss),
        (Verdict::Inconclusive, _) if has_struck => Some(About::Inconclusive),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{signals::pods::tests::at, span::Span};

    #[test]
    fn what_is_to_be_learned_follows_from_verdict_and_reason_where_something_was_broken() {
        use About::{Inconclusive, Miss, NearMiss};
        for (verdict, reason, struck, unstruck) in [
            (Verdict::Passed, Reason::ObjectivesMet, None, None),
            (Verdict::ObjectiveMissed, Reason::DetectionMissed, Some(Miss), Some(Miss)),
            (Verdict::NotRecovered, Reason::StillBroken, Some(Miss), Some(Miss)),
            (Verdict::Aborted, Reason::Guard, Some(NearMiss), None),
            (Verdict::Aborted, Reason::Stopped, None, None),
            (Verdict::Aborted, Reason::Lever, None, None),
            (Verdict::Aborted, Reason::Deleted, None, None),
            (Verdict::Inconclusive, Reason::NoImpact, Some(Inconclusive), None),
            (Verdict::Inconclusive, Reason::BaselineNotSteady, Some(Inconclusive), None),
            (Verdict::Error, Reason::MinReady, None, None),
        ] {
            let mut status = ExperimentRunStatus {
                verdict: Some(verdict),
                reason: Some(reason),
                ..ExperimentRunStatus::default()
            };
            assert_eq!(about(&status), unstruck, "{verdict} ({reason})");
            status.facts.push(Span::new(at(0.0), at(0.0)).fact(FactName::Injected, "api", ""));
            assert_eq!(about(&status), struck, "{verdict} ({reason})");
        }
        assert_eq!(about(&ExperimentRunStatus::default()), None);
    }
}
