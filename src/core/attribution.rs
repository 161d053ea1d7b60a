//! What brought the service back: nobody, somebody's change of the target, or our own revert.

use super::world::{Target, World};
use crate::api::run::{Ending, ExperimentRunStatus, FactName, RecoveredBy, TargetRef};

/// Compares the target as it was journaled with the target as it is now, and says what that shows;
/// nothing where it cannot be compared.
#[must_use]
pub fn of(status: &ExperimentRunStatus, world: &World) -> (Option<RecoveredBy>, String) {
    match known(status, world) {
        Some((by, evidence)) => (Some(by), evidence),
        None => (None, "the target could not be read afterwards".to_owned()),
    }
}

fn known(status: &ExperimentRunStatus, world: &World) -> Option<(RecoveredBy, String)> {
    if let Some(ending) = status.impact.as_ref().and_then(|impact| impact.ended_by.as_ref()) {
        return Some(by_somebody(ending));
    }
    if began_after_revert(status) {
        let words = "it began when the fault was reverted".to_owned();
        return Some((RecoveredBy::FaultEnded, words));
    }
    let plan = status.plan.as_ref();
    if plan.is_some_and(|plan| plan.pre_image.is_some()) {
        return Some((RecoveredBy::Automatic, "the fault was still there".to_owned()));
    }
    let before = plan.and_then(|plan| plan.target.as_ref());
    match (before, &world.target) {
        (Some(before), Target::Found { reference, desired, .. }) => {
            let wanted = status.plan.as_ref().and_then(|plan| plan.count);
            Some(compare(before, reference, wanted.is_some_and(|wanted| wanted != *desired)))
        }
        _ => None,
    }
}

/// Somebody set the faulted fields to something else.
fn by_somebody(ending: &Ending) -> (RecoveredBy, String) {
    let fields = ending.fields.join(" and ");
    let by = match (ending.restored, fields.as_str()) {
        (_, "replicas") => RecoveredBy::Scale,
        (true, _) => RecoveredBy::Rollback,
        (false, _) => RecoveredBy::Manual,
    };
    let how = if ending.restored { "set back" } else { "set to something new" };
    (by, format!("{fields} was {how} by {}", ending.by))
}

fn began_after_revert(status: &ExperimentRunStatus) -> bool {
    let at = |name| status.fact(name).map(|fact| fact.at);
    at(FactName::Recovered)
        .zip(at(FactName::RevertStarted))
        .is_some_and(|(back, revert)| back > revert)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::world::tests::world;

    #[test]
    fn of_a_target_that_cannot_be_read_nobody_is_said_to_have_changed_it() {
        for target in [Target::Unreadable("it is refused".to_owned()), Target::Missing] {
            let (by, words) = of(&ExperimentRunStatus::default(), &World { target, ..world() });
            assert_eq!((by, words.contains("could not be read")), (None, true), "{words}");
        }
    }
}
