//! The protocol as it is, and the broken ones that must be caught: each changes what the operator is
//! shown or what it sends, and leaves every other decision to the product.

use firedrill::{
    api::{
        ExperimentRun,
        mark::Mark,
        names,
        run::{FactName, Journal},
    },
    core::decide::{Decision, Effect},
    faults::{Call, Object, arming, call::Change},
};
use serde_json::{Value, json};

use super::cluster::{Answer, RUN, Target};

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// The product's own.
    AsItIs,
    /// Armed first, journaled when that is answered.
    StatusAfterInject,
    /// Arming tests nothing; a revert without anything to be seen writes nothing.
    JournalBlindPatch,
    /// Arming tests the version that was read just before; the same revert.
    JournalRvPatch,
    /// Arming tests the mark that was read just before, and not the journaled one.
    JournalLateRv,
}

/// Where the mark is, in a JSON Patch.
const MARK: &str = "/metadata/labels/firedrill.dev~1fault";

impl Variant {
    pub const BROKEN: [Self; 4] = [
        Self::StatusAfterInject,
        Self::JournalBlindPatch,
        Self::JournalRvPatch,
        Self::JournalLateRv,
    ];

    /// The target as the operator of this protocol takes it.
    pub fn shows(self, run: &ExperimentRun, target: &Target) -> Target {
        let status = run.status.as_ref();
        let reverts = status.is_some_and(|status| status.fact(FactName::RevertStarted).is_some());
        let journal = status.and_then(|status| status.journal.as_ref());
        let mut shown = target.clone();
        let label = &mut shown.object["metadata"]["labels"][names::FAULT];
        match self {
            Self::JournalBlindPatch | Self::JournalRvPatch if reverts && label.is_null() => {
                *label = json!(Mark::revoked(RUN, 1).to_string());
            }
            Self::JournalLateRv if !reverts && *label == Mark::revoked(RUN, 1).to_string() => {
                *label = json!(journal.and_then(|journal| journal.previous_mark.as_ref()));
            }
            _ => {}
        }
        shown
    }

    /// What the operator of this protocol does in place of the product's `decision`.
    pub fn does(
        self,
        decision: Decision,
        run: &ExperimentRun,
        target: Option<&Target>,
        answer: Option<Answer>,
    ) -> Decision {
        let (Some(target), true) = (target, self != Self::AsItIs) else {
            return decision;
        };
        match decision {
            Decision::Record(status) if self == Self::StatusAfterInject => {
                let journaled = |status: &firedrill::api::run::ExperimentRunStatus| {
                    status.fact(FactName::Journaled).is_some()
                };
                let journals = journaled(&status) && !run.status.as_ref().is_some_and(journaled);
                match status.journal.as_ref().and_then(|journal| arm(journal, &target.object())) {
                    Some(call) if journals && answer != Some(Answer::Accepted) => {
                        Decision::Act(Effect::Send(vec![call]))
                    }
                    _ => Decision::Record(status),
                }
            }
            Decision::Act(Effect::Send(mut calls)) => {
                for call in &mut calls {
                    if let Call::Arm(Change { patch, .. }) = call {
                        self.loosens(patch, target);
                    }
                }
                Decision::Act(Effect::Send(calls))
            }
            other => other,
        }
    }

    /// Arms on another premise.
    fn loosens(self, patch: &mut Vec<Value>, target: &Target) {
        let is_test_of_mark =
            |operation: &Value| operation["op"] == "test" && operation["path"] == MARK;
        let premise = match self {
            Self::AsItIs | Self::StatusAfterInject => return,
            Self::JournalBlindPatch => {
                patch.retain(|operation| operation["op"] != "test");
                return;
            }
            Self::JournalRvPatch => {
                let version = &target.object["metadata"]["resourceVersion"];
                json!({"op": "test", "path": "/metadata/resourceVersion", "value": version})
            }
            Self::JournalLateRv => json!({"op": "test", "path": MARK, "value": target.mark()}),
        };
        for operation in patch.iter_mut().filter(|operation| is_test_of_mark(operation)) {
            operation.clone_from(&premise);
        }
    }
}

/// The call that arms as it would be journaled.
fn arm(journal: &Journal, object: &Object) -> Option<Call> {
    let (previous, mark) = (journal.previous_mark.as_deref(), Mark::armed(RUN, 1));
    let fields = &journal.pre_image.as_ref()?.fields;
    let patch = arming::arm(object, previous, &mark, journal.deadline?, fields).ok()?;
    Some(Call::Arm(Change::of(object, patch)))
}
