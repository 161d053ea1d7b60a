//! What a fault says of itself, so that nobody else asks which fault it is.

use super::{arming::Arming, object::Kind, taking::Taking};
use crate::api::{Duration, experiment::Probe};

/// What a fault says of itself.
#[derive(Clone, Copy)]
pub struct Behaviour<'a> {
    /// How it breaks the target.
    pub means: Means<'a>,
    /// Whom it harms.
    pub harm: Harm<'a>,
    /// What shows that it took effect; nothing where only a probe could and none is named.
    pub sign: Option<Sign<'a>>,
}

/// How a fault breaks the target: each way has its own protocol in `core::decide`.
#[derive(Clone, Copy)]
pub enum Means<'a> {
    /// Pods are taken away; nothing is left to restore.
    Take(Taking),
    /// Fields of one object are changed, and restored in the end.
    Arm(&'a dyn Arming),
}

/// Whom a fault harms: whose state must be as before for it to be over, and what people call it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm<'a> {
    /// Pods of the target.
    Pods,
    /// The target itself: what happens to it, such as `a broken rollout`.
    Target(&'static str),
    /// Something that the target depends on.
    Dependency {
        /// Its name, or a range of addresses.
        name: &'a str,
        /// Its kind; absent for addresses.
        kind: Option<Kind>,
    },
}

/// What shows that a fault took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign<'a> {
    /// A victim is ending.
    PodEnding,
    /// There is a pod of a revision that the target did not have before.
    NewRevision,
    /// This probe fails.
    ProbeFails(&'a Probe),
    /// The Service of this name has no ready endpoint.
    NoEndpoints(&'a str),
    /// The object that is changed reports no ready replica.
    NoReplicas,
}

impl<'a> Means<'a> {
    /// The injection in a few words, such as `evict pod`.
    #[must_use]
    pub fn verb(self) -> &'static str {
        match self {
            Self::Take(taking) => taking.verb(),
            Self::Arm(arming) => arming.verb(),
        }
    }

    /// What reverting it means, for people.
    #[must_use]
    pub const fn revert_note(self) -> &'static str {
        match self {
            Self::Take(_) => "nothing to restore",
            Self::Arm(_) => "the fields are restored where they still hold our value",
        }
    }

    /// After how long it is injected again, if it is.
    #[must_use]
    pub fn every(self) -> Option<Duration> {
        self.taking()?.every
    }

    /// How pods are taken away, for a fault that does that.
    #[must_use]
    pub const fn taking(self) -> Option<Taking> {
        match self {
            Self::Take(taking) => Some(taking),
            Self::Arm(_) => None,
        }
    }

    /// What is changed, for a fault that arms an object.
    #[must_use]
    pub const fn arming(self) -> Option<&'a dyn Arming> {
        match self {
            Self::Take(_) => None,
            Self::Arm(arming) => Some(arming),
        }
    }
}
