//! The faults: what to send to break a target, and what to send to end that.
//!
//! A fault returns calls as data and sends nothing; sending them twice must equal sending them once.

pub mod call;
pub mod pod_kill;
pub mod rights;

pub use call::{Call, Outcome};

use crate::api::{experiment, run::Victim};

/// One kind of fault.
pub trait Fault {
    /// What to send to break these victims; sending it twice equals sending it once.
    fn inject(&self, victims: &[&Victim]) -> Vec<Call>;

    /// What to send so that no delayed injection can still land, also when none was ever sent.
    fn revoke(&self, survivors: &[&Victim], mark: &str) -> Vec<Call>;

    /// The injection in a few words, such as `evict pod`.
    fn verb(&self) -> &'static str;

    /// What reverting it means, for people.
    fn revert_note(&self) -> &'static str;
}

/// The fault that a spec names.
#[must_use]
pub fn of(spec: &experiment::Fault) -> &dyn Fault {
    match spec {
        experiment::Fault::PodKill(kill) => kill,
    }
}
