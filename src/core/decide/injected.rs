//! The fault was accepted: what is seen is written down, until the run is over.

use super::{
    arming, early, ending,
    observed::{Decision, Need, Observed},
    seen::{see, worth_writing},
    taking,
    writing::start_revert,
};
use crate::{api::run::ExperimentRunStatus, core::plan::Plan};

/// The fault was accepted: write down what is seen, until the run ends.
pub(super) fn decide(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    plan: &Plan,
) -> Decision {
    if let Some(cause) = observed.stop() {
        return start_revert(observed, status, cause, "");
    }
    early::unless_due(observed, status, plan, || follow(observed, status, plan))
}

/// Writes down what is seen, breaks what is to be broken again, and ends the run when it is over.
fn follow(observed: &Observed<'_>, status: &ExperimentRunStatus, plan: &Plan) -> Decision {
    // A process that continues the run has not seen the target's pods yet.
    let Some(cluster) = observed.cluster else {
        return Decision::Look(Need::Cluster);
    };
    if cluster.is_unreadable() {
        return observed.look_again(cluster);
    }
    let alert_filter = observed.alert_filter(plan);
    let seen = see(observed, status, &alert_filter);
    if let Some(decision) = arming::ended_elsewhere(observed, &seen) {
        return decision;
    }
    if worth_writing(observed.signals, status, &seen) {
        return observed.record(seen);
    }
    taking::next_round(observed, &seen, plan)
        .or_else(|| arming::follow(observed, &seen))
        .unwrap_or_else(|| ending::decide(observed, &seen, &alert_filter))
}
