//! The faults: what to send to break a target, and what to send to end that.
//!
//! A fault returns calls as data and sends nothing; sending them twice must equal sending them once.

pub mod arming;
pub mod bad_rollout;
pub mod call;
pub mod dependency_outage;
pub mod field;
pub mod isolation;
pub mod object;
pub mod pod_kill;
pub mod rights;

pub use call::{Call, Outcome};
pub use object::{Kind, Object};

use crate::api::{
    experiment::Target,
    fault::{Fault, PodKill},
    run::FieldChange,
};

/// How a fault works: it takes pods away, or it changes fields of one object.
#[derive(Clone, Copy)]
pub enum Means<'a> {
    /// Pods are evicted or deleted; nothing is left to restore.
    Kill(&'a PodKill),
    /// Fields are changed and restored.
    Change(&'a dyn Change),
}

/// A fault that changes fields of one object.
pub trait Change {
    /// The object that is changed, where `target` is the experiment's.
    fn object(&self, target: &Target) -> (Kind, String);

    /// The fields that are changed on `object` by the run of that UID.
    ///
    /// # Errors
    /// In words for people, when the object has nothing to break in that way.
    fn fields(&self, object: &Object, run: &str) -> Result<Vec<FieldChange>, String>;

    /// How many of the target's `desired` pods Kubernetes itself would keep, and why.
    fn keeps(&self, object: &Object, desired: usize) -> (usize, String);

    /// The injection in a few words, such as `patch deployment`.
    fn verb(&self) -> &'static str;
}

/// How the fault of a spec works.
#[must_use]
pub fn of(fault: &Fault) -> Means<'_> {
    match fault {
        Fault::PodKill(kill) => Means::Kill(kill),
        Fault::BadRollout(rollout) => Means::Change(rollout),
        Fault::DependencyOutage(outage) => Means::Change(outage),
    }
}

impl<'a> Means<'a> {
    /// The injection in a few words, such as `evict pod`.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Kill(kill) => pod_kill::verb(kill),
            Self::Change(change) => change.verb(),
        }
    }

    /// What reverting it means, for people.
    #[must_use]
    pub const fn revert_note(self) -> &'static str {
        match self {
            Self::Kill(_) => "nothing to restore",
            Self::Change(_) => "the fields are restored where they still hold our value",
        }
    }

    /// The change, for a fault that arms an object.
    #[must_use]
    pub const fn change(self) -> Option<&'a dyn Change> {
        match self {
            Self::Kill(_) => None,
            Self::Change(change) => Some(change),
        }
    }
}
