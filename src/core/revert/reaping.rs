//! Which faults the reaper ends.

use std::collections::BTreeSet;

use crate::{
    api::{Moment, SafetyLever, mark::Mark},
    faults::{Object, arming},
};

/// The runs that there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runs {
    /// Their UIDs; a fault of another run has lost it.
    Known(BTreeSet<String>),
    /// Nobody knows, so no fault has lost its run.
    Unknown,
}

/// Whether the fault of `mark` on `object` is to be ended: it is past its deadline, has lost its run,
/// or the lever is engaged.
#[must_use]
pub fn is_due(
    object: &Object,
    mark: &Mark,
    (runs, lever): (&Runs, Option<&SafetyLever>),
    now: Moment,
) -> bool {
    let overdue = arming::deadline(object).is_none_or(|deadline| now >= deadline);
    let lost = matches!(runs, Runs::Known(uids) if !uids.contains(&mark.run));
    overdue || lost || lever.is_some_and(|lever| lever.spec.stops(object.namespace()))
}
