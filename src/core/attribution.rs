//! What brought the service back: nobody, somebody's change of the target, or our own revert.

use super::world::{Target, World};
use crate::api::run::{ExperimentRunStatus, RecoveredBy, TargetRef};

/// Compares the target as it was journaled with the target as it is now.
#[must_use]
pub fn of(status: &ExperimentRunStatus, world: &World) -> (RecoveredBy, String) {
    let before = status.plan.as_ref().and_then(|plan| plan.target.as_ref());
    match (before, &world.target) {
        (Some(before), Target::Found { reference, desired, .. }) => {
            let wanted = status.plan.as_ref().and_then(|plan| plan.count);
            compare(before, reference, wanted.is_some_and(|wanted| wanted != *desired))
        }
        _ => (RecoveredBy::Manual, "the target could not be read afterwards".to_owned()),
    }
}

fn compare(before: &TargetRef, after: &TargetRef, scaled: bool) -> (RecoveredBy, String) {
    if before.uid != after.uid {
        return (RecoveredBy::Manual, "the target was created anew".to_owned());
    }
    if before.generation == after.generation {
        return (RecoveredBy::Automatic, "the target's spec did not change".to_owned());
    }
    let change = format!(
        "generation {} → {}",
        before.generation.unwrap_or_default(),
        after.generation.unwrap_or_default()
    );
    if before.restarted_at != after.restarted_at {
        (RecoveredBy::Restart, format!("restarted, {change}"))
    } else if before.template_hash != after.template_hash {
        (RecoveredBy::Rollback, format!("its pod template was changed, {change}"))
    } else if scaled {
        (RecoveredBy::Scale, format!("its replicas were changed, {change}"))
    } else {
        (RecoveredBy::Manual, format!("its spec was changed, {change}"))
    }
}
