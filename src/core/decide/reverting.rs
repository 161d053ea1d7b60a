//! The revert: revoke what may still be on its way, read back, record.

use super::{
    arming,
    observed::{Decision, Need, Observed},
    taking,
};
use crate::{
    api::run::{ExperimentRunStatus, FactName, Journal},
    faults,
};

pub(super) fn decide(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    journal: &Journal,
) -> Decision {
    let Some(started) = status.fact(FactName::RevertStarted) else {
        return Decision::Rest;
    };
    let Some(cluster) = observed.cluster.filter(|cluster| cluster.read_at > started.at) else {
        return Decision::Look(Need::Cluster);
    };
    let means = journal.spec.as_ref().map(|spec| faults::behaviour(&spec.fault).means);
    if means.is_some_and(|means| means.arming().is_some()) {
        arming::revert(observed, status, (journal, started), cluster)
    } else {
        taking::revert(observed, status, (journal, started), cluster)
    }
}
