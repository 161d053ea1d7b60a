//! The fault is reverted, and what it broke may not be back yet.

use super::{
    concluding, ending,
    observed::{Decision, Need, Observed},
    seen::{see, worth_writing},
};
use crate::{api::run::ExperimentRunStatus, core::plan::Plan};

/// The fault is reverted, what it broke may not be back yet: write down what is seen, until the end.
pub(super) fn decide(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    plan: &Plan,
) -> Decision {
    if let Some(cause) = observed.stop() {
        return concluding::cut_short(observed, status, cause);
    }
    if observed.cluster.is_none() {
        return Decision::Look(Need::Cluster);
    }
    let alert_filter = observed.alert_filter(plan);
    let seen = see(observed, status, &alert_filter);
    if worth_writing(observed.signals, status, &seen) {
        return observed.record(seen);
    }
    ending::decide(observed, &seen, &alert_filter)
}
