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
mod unjudged;
mod waiting;
mod writing;

pub use observed::{Debriefing, Decision, Effect, Marked, Need, Observed, Report, Subject};

use super::stage::{self, Stage};
use crate::api::run::ExperimentRunStatus;

/// Decides one thing.
#[must_use]
pub fn decide(observed: &Observed<'_>) -> Decision {
    let empty = ExperimentRunStatus::default();
    let status = observed.run.status.as_ref().unwrap_or(&empty);
    let stage = stage::read(status);
    let journaled = match unjudged::judge(observed, status, stage) {
        _ if stage == Stage::Complete && observed.run.is_held() => {
            return Decision::Act(Effect::ReleaseFinalizer);
        }
        _ if stage == Stage::Complete => return Decision::Rest,
        Ok(journaled) => journaled,
        Err(why) => return unjudged::end(observed, status, stage, &why),
    };
    match (stage, journaled) {
        (Stage::Intended, Some(journaled)) => intended::decide(observed, status, journaled),
        (Stage::Injected, Some(journaled)) => injected::decide(observed, status, journaled.plan),
        (Stage::Reverting, Some(journaled)) => {
            reverting::decide(observed, status, journaled.journal)
        }
        (Stage::Aftermath, Some(journaled)) => aftermath::decide(observed, status, journaled.plan),
        (Stage::Measured, _) => concluding::close(observed, status),
        _ => waiting::decide(observed, status),
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
            cluster::{ClusterState, Lever, Rank},
            plan::Plan,
            signals::{Signals, pods::tests::at},
            span::Span,
        },
    };

    /// What is known of a run that has these facts, in seconds; one that was taken up has its plan.
    pub fn status(plan: &Plan, facts: &[(FactName, f64)]) -> ExperimentRunStatus {
        let fact = |&(name, second)| Span::new(at(second), at(second)).fact(name, "x", "");
        let journal = || Box::new(Journal { spec: Some(plan.spec.clone()), ..Journal::default() });
        ExperimentRunStatus {
            facts: facts.iter().map(fact).collect(),
            journal: (!facts.is_empty()).then(journal),
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
        decided_behind(Rank::default(), (subject, status, cluster, signals), now)
    }

    /// The same where that comes before it.
    pub fn decided_behind(
        ahead: Rank,
        (subject, status, cluster, signals): (
            &Subject,
            Option<ExperimentRunStatus>,
            Option<&ClusterState>,
            &Signals,
        ),
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
            is_day_gone: false,
            ahead,
            cluster,
            signals,
            report: None,
            debrief: None,
            marked: None,
        })
    }
}
