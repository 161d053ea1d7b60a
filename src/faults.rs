//! The faults: what to send to break a target, and what to send to end that.
//!
//! A fault returns calls as data and sends nothing; sending them twice must equal sending them once.
//! Whatever differs from one fault to another is in its [`Behaviour`]: nobody else asks which fault it is.

pub mod arming;
mod bad_rollout;
pub mod behaviour;
pub mod call;
mod dependency_outage;
pub mod field;
pub mod isolation;
pub mod object;
mod pod_kill;
pub mod record;
pub mod rights;
pub mod taking;

pub use arming::Arming;
pub use behaviour::{Behaviour, Harm, Means, Sign};
pub use call::{Call, Outcome};
pub use object::{Kind, Object};
pub use taking::Taking;

use crate::api::fault::Fault;

/// What the fault of a spec says of itself.
#[must_use]
pub fn behaviour(fault: &Fault) -> Behaviour<'_> {
    match fault {
        Fault::PodKill(kill) => pod_kill::behaviour(kill),
        Fault::BadRollout(rollout) => bad_rollout::behaviour(rollout),
        Fault::DependencyOutage(outage) => dependency_outage::behaviour(outage),
    }
}
