//! What the reaper has to do about a marked object.

use std::collections::BTreeSet;

use crate::{
    api::{Duration, Moment, SafetyLever, experiment::LONGEST_FAULT, mark::Mark, names},
    faults::{Kind, Object, arming},
};

/// How long a policy that we created outlives its revocation, so that a delayed arming fails on it.
const TOMBSTONE: Duration = Duration::minutes(10);
/// How far the clocks of two processes are apart at most.
pub const AHEAD: Duration = Duration::minutes(60);

/// The runs that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runs {
    /// Their UIDs; a fault of another run has lost it.
    Known(BTreeSet<String>),
    /// Nobody knows, so no fault has lost its run.
    Unknown,
}

impl Runs {
    /// Whether it is known that there is no run of that UID.
    #[must_use]
    pub fn lack(&self, run: &str) -> bool {
        matches!(self, Self::Known(uids) if !uids.contains(run))
    }
}

/// What the reaper has to do about a marked object; the most urgent comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// End its fault, which is due whatever runs there are.
    End,
    /// End its fault, because its run was not among those that were listed before.
    EndLost,
    /// Remove what a rollout left behind after the revert.
    Tidy,
    /// Delete the policy, which we created and which was revoked long ago.
    Bury,
    /// Say that its mark cannot be read.
    Tell,
}

/// What a marked object needs now, if anything, by its metadata.
#[must_use]
pub fn need(
    object: &Object,
    (runs, lever): (&Runs, Option<&SafetyLever>),
    now: Moment,
) -> Option<Need> {
    let Some(mark) = object.mark() else { return Some(Need::Tell) };
    if !mark.armed {
        return Some(if is_over(object, now) { Need::Bury } else { Need::Tidy });
    }
    if is_due(object, &mark, (&Runs::Unknown, lever), now) {
        return Some(Need::End);
    }
    runs.lack(&mark.run).then_some(Need::EndLost)
}

/// Whether the fault of `mark` on `object` is to be ended: it is past its deadline, has lost its run,
/// or the lever is engaged. A deadline that no fault has is none.
#[must_use]
pub fn is_due(
    object: &Object,
    mark: &Mark,
    (runs, lever): (&Runs, Option<&SafetyLever>),
    now: Moment,
) -> bool {
    let lasts = |deadline| now < deadline && deadline <= now + LONGEST_FAULT + AHEAD;
    let overdue = !arming::deadline(object).is_some_and(lasts);
    let stopped = lever.is_some_and(|lever| lever.spec.stops(object.namespace()));
    overdue || runs.lack(&mark.run) || stopped
}

/// Whether a revoked object is a policy that we created and that no delayed arming can meet any more.
fn is_over(object: &Object, now: Moment) -> bool {
    let ours = object.value["metadata"]["labels"][names::RUN].is_string();
    let since = object
        .annotation(names::REVOKED_AT)
        .or_else(|| object.value["metadata"]["creationTimestamp"].as_str())
        .and_then(|text| serde_json::from_value::<Moment>(text.into()).ok());
    let long_ago = |since| Duration::between(since, now) >= TOMBSTONE;
    object.kind == Kind::NetworkPolicy && ours && since.is_some_and(long_ago)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{api::SafetyLeverSpec, core::signals::pods::tests::at};

    /// What an object with that label, and with that beside it in its metadata, needs after so many seconds,
    /// where one run is known.
    fn needs(label: &str, more: &Value, seconds: f64, lever: bool) -> Option<Need> {
        let mut metadata = json!({"labels": {names::FAULT: label, names::RUN: "known"}, "annotations": {names::DEADLINE: at(60.0)}});
        let more: Vec<_> = more.as_object().unwrap().clone().into_iter().collect();
        metadata.as_object_mut().unwrap().extend(more);
        let object = Object { kind: Kind::NetworkPolicy, value: json!({"metadata": metadata}) };
        let runs = Runs::Known(BTreeSet::from(["known".to_owned()]));
        let spec = SafetyLeverSpec { engaged: lever, ..SafetyLeverSpec::default() };
        need(&object, (&runs, Some(&SafetyLever::new(names::LEVER, spec))), at(seconds))
    }

    #[test]
    fn what_an_object_needs_is_read_off_its_mark_and_three_more_texts() {
        let nothing = || json!({});
        let due = |deadline: &str| json!({"annotations": {names::DEADLINE: deadline}});
        for (label, more, seconds, lever, need) in [
            ("known.1.armed", nothing(), 59.0, false, None),
            ("known.1.armed", nothing(), 60.0, false, Some(Need::End)),
            ("known.1.armed", due(&at(7260.0).to_string()), 60.0, false, None),
            ("known.1.armed", due(&at(7260.1).to_string()), 60.0, false, Some(Need::End)),
            ("known.1.armed", due("9999-12-31T23:59:59Z"), 0.0, false, Some(Need::End)),
            ("known.1.armed", due("-009999-01-01T00:00:00Z"), 0.0, false, Some(Need::End)),
            ("known.1.armed", due("never"), 0.0, false, Some(Need::End)),
            ("known.1.armed", nothing(), 59.0, true, Some(Need::End)),
            ("known.1.armed", json!({"annotations": null}), 0.0, false, Some(Need::End)),
            ("other.1.armed", nothing(), 59.0, false, Some(Need::EndLost)),
            ("other.1.armed", nothing(), 60.0, false, Some(Need::End)),
            ("broken", nothing(), 0.0, false, Some(Need::Tell)),
            ("known.1.revoked", nothing(), 0.0, true, Some(Need::Tidy)),
            (
                "known.1.revoked",
                json!({"annotations": {names::REVOKED_AT: at(0.0)}}),
                599.0,
                false,
                Some(Need::Tidy),
            ),
            (
                "known.1.revoked",
                json!({"annotations": {names::REVOKED_AT: at(0.0)}}),
                600.0,
                false,
                Some(Need::Bury),
            ),
            (
                "known.1.revoked",
                json!({"creationTimestamp": at(0.0)}),
                600.0,
                false,
                Some(Need::Bury),
            ),
            (
                "known.1.revoked",
                json!({"creationTimestamp": at(0.0), "labels": {names::FAULT: "known.1.revoked"}}),
                600.0,
                false,
                Some(Need::Tidy),
            ),
        ] {
            assert_eq!(needs(label, &more, seconds, lever), need, "{label} {more} {seconds}");
        }
    }

    #[test]
    fn where_nobody_knows_the_runs_no_fault_has_lost_its_own() {
        assert!(!Runs::Unknown.lack("other"));
    }
}
