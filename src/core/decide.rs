//! From everything that was seen to one thing to do.
//!
//! Every harmful effect is legal only when the fact that announces it is already persisted, and
//! every path out of an intent leads through the revert. Each stage of a run has a room of its own, and each way
//! of breaking (`taking`, `arming`).

mod aftermath;
mod arming;
mod concluding;
mod early;
mod ending;
mod injected;
mod intended;
mod journaling;
pub(in crate::core) mod observed;
pub mod pace;
mod preconditions;
pub mod probing;
mod reverting;
mod seen;
mod taking;
mod waiting;
mod writing;

pub use observed::{Debriefing, Decision, Effect, Need, Observed, Report, Subject};

use super::stage::{self, Stage};
use crate::api::run::ExperimentRunStatus;

/// Decides one thing.
#[must_use]
pub fn decide(observed: &Observed<'_>) -> Decision {
    let empty = ExperimentRunStatus::default();
    let status = observed.run.status.as_ref().unwrap_or(&empty);
    match stage::read(status) {
        Stage::Waiting => waiting::decide(observed, status),
        Stage::Intended => intended::decide(observed, status),
        Stage::Injected => injected::decide(observed, status),
        Stage::Reverting => reverting::decide(observed, status),
        Stage::Aftermath => aftermath::decide(observed, status),
        Stage::Measured => concluding::close(observed, status),
        Stage::Complete if observed.run.is_held() => Decision::Act(Effect::ReleaseFinalizer),
        Stage::Complete => Decision::Rest,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::{
        api::{
            names,
            run::{ExperimentRun, FactName, Journal},
        },
        config::Config,
        core::{
            cluster::{ClusterState, Lever},
            plan::Plan,
            signals::{Signals, pods::tests::at},
            span::Span,
        },
    };

    /// What is known of a run that has these facts, in seconds; one that was journaled has its journal.
    pub fn status(plan: &Plan, facts: &[(FactName, f64)]) -> ExperimentRunStatus {
        let fact = |&(name, second)| Span::new(at(second), at(second)).fact(name, "x", "");
        let journaled = facts.iter().any(|(name, _)| *name == FactName::Journaled);
        let journal = || Journal { spec: Some(plan.spec.clone()), ..Journal::default() };
        ExperimentRunStatus {
            facts: facts.iter().map(fact).collect(),
            journal: journaled.then(journal),
            ..ExperimentRunStatus::default()
        }
    }

    /// What is decided at `now` about such a run of that plan.
    pub fn decided(
        plan: &Plan,
        status: Option<ExperimentRunStatus>,
        cluster: Option<&ClusterState>,
        signals: &Signals,
        now: f64,
    ) -> Decision {
        let subject = Subject::Valid { plan: Arc::new(plan.clone()), generation: None };
        decided_of(&subject, status, cluster, signals, now)
    }

    /// The same of a run of that subject.
    pub fn decided_of(
        subject: &Subject,
        status: Option<ExperimentRunStatus>,
        cluster: Option<&ClusterState>,
        signals: &Signals,
        now: f64,
    ) -> Decision {
        let spec = serde_json::from_value(json!({"experiment": "x"})).unwrap();
        let mut run = ExperimentRun::new("x-1", spec);
        run.metadata.namespace = Some("shop".to_owned());
        run.metadata.uid = Some("run".to_owned());
        run.metadata.finalizers = Some(vec![names::FINALIZER.to_owned()]);
        run.status = status;
        decide(&Observed {
            now: at(now),
            run: &run,
            subject,
            config: &Config::default(),
            own_namespace: false,
            inside: true,
            lever: &Lever::Open,
            cluster,
            signals,
            report: None,
            debrief: None,
        })
    }
}
