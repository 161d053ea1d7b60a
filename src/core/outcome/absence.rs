//! Whether a fault that could be seen stayed for as long as nobody ended it. One that was over early proves
//! nothing about whoever should have noticed it.

use crate::{
    api::{
        Duration,
        run::{ExperimentRunStatus, Fact, FactName, Gap, Unobserved},
    },
    core::{decide::observed::Observed, span::Span},
};

/// How long it must be gone until that counts, as replicas do not take it up all at once; where the
/// run would be over sooner, half of what proves a recovery.
const PATIENCE: Duration = Duration::seconds(3);
/// How many gaps are written down.
const GAPS_MAX: usize = 8;

/// The times during which the fault was not there, with the one that is on now.
#[must_use]
pub fn gaps(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Vec<Gap> {
    let mut gaps = recorded(status);
    let Some(gone) = gone_since(observed, status) else {
        return gaps;
    };
    if let Some(on) = gaps.last_mut().filter(|gap| gap.to >= gone.not_before) {
        on.to = observed.now;
    } else if gaps.len() < GAPS_MAX {
        gaps.push(Gap { from: gone.not_before, to: observed.now, of: Unobserved::Fault });
    }
    gaps
}

/// The times during which the fault was not there, as they are written down.
#[must_use]
pub fn recorded(status: &ExperimentRunStatus) -> Vec<Gap> {
    let gaps = status.impact.iter().flat_map(|impact| &impact.gaps);
    gaps.filter(|gap| gap.is_of_fault()).cloned().collect()
}

/// Since when the sign of the fault is gone although neither we nor anybody else ended it.
fn gone_since(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Option<Span> {
    let effect = status.fact(FactName::EffectObserved)?;
    let ended = status.fact(FactName::RevertStarted).is_some()
        || observed.signals.changes.ended().is_some();
    let spec = status.journal.as_ref()?.spec.as_ref()?;
    if ended {
        return None;
    }
    let gone = match &observed.signals.observe {
        Some(series) => series.good_since(),
        None => endpoints_back(observed, effect),
    };
    let patience = PATIENCE.min(Duration::from(spec.recovery.stable_for.std() / 2));
    gone.filter(|gone| gone.at > effect.at && Duration::between(gone.at, observed.now) >= patience)
}

fn endpoints_back(observed: &Observed<'_>, effect: &Fact) -> Option<Span> {
    let cluster = observed.cluster?;
    let ready = cluster.fault_reads.as_ref()?.dependency_ready?;
    (ready > 0).then(|| Span::new(effect.at, cluster.read_at))
}
