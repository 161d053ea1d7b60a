//! What brought the service back: nobody, somebody's change of the target, or our own revert.

use crate::{
    api::run::{Ending, ExperimentRunStatus, Fact, FactName, Gap, Impact, RecoveredBy, TargetRef},
    core::{
        cluster::{ClusterState, Target},
        span::Span,
    },
};

/// What brought the service back, and what shows that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribution {
    /// What it was; nothing where that is not known.
    pub by: Option<RecoveredBy>,
    /// What shows that, or why it is not known.
    pub evidence: String,
    /// Whether the fault was ended while nobody looked, so that it may have been that.
    pub may_be_fault_ended: bool,
}

/// Compares the target as it was journaled with the target as it is now, and says what that shows;
/// nothing where it cannot be compared.
#[must_use]
pub fn recovered_by(status: &ExperimentRunStatus, cluster: &ClusterState) -> Attribution {
    if let Some((gap, revert)) = unseen_revert(status) {
        let evidence = format!(
            "nobody looked from {} to {}, and in that time {}, at {}: whether it was back before is not known",
            gap.from.time_of_day(),
            gap.to.time_of_day(),
            who_ended(revert),
            revert.at.time_of_day(),
        );
        return Attribution { by: None, evidence, may_be_fault_ended: true };
    }
    let (by, evidence) = match known(status, cluster) {
        Some((by, evidence)) => (Some(by), evidence),
        None => (None, "the target could not be read afterwards".to_owned()),
    };
    Attribution { by, evidence, may_be_fault_ended: false }
}

/// The revert, where it may lie in a gap in which the service may have come back before it.
fn unseen_revert(status: &ExperimentRunStatus) -> Option<(&Gap, &Fact)> {
    let revert = status.fact(FactName::RevertStarted)?;
    let recovered = status.fact(FactName::Recovered)?;
    let overlaps = |gap: &&Gap| gap.from < revert.at && gap.to > revert.not_before;
    let gap = gaps(status).find(overlaps)?;
    (recovered.not_before < revert.not_before && recovered.at > revert.at).then_some((gap, revert))
}

/// The times during which nobody looked.
fn gaps(status: &ExperimentRunStatus) -> impl Iterator<Item = &Gap> {
    status.impact.iter().flat_map(Impact::unseen)
}

/// Whether nobody looked for a part of `span`.
#[must_use]
pub fn is_unseen(status: &ExperimentRunStatus, span: Span) -> bool {
    gaps(status).any(|gap| gap.from < span.at && gap.to > span.not_before)
}

/// Who ended the fault, as it was written down.
fn who_ended(revert: &Fact) -> &str {
    match revert.detail.as_str() {
        "" => "the fault was reverted",
        words => words,
    }
}

fn known(status: &ExperimentRunStatus, cluster: &ClusterState) -> Option<(RecoveredBy, String)> {
    if let Some(ending) = status.impact.as_ref().and_then(|impact| impact.ended_by.as_ref()) {
        return Some(by_somebody(ending));
    }
    if let Some(revert) = began_after_revert(status) {
        return Some((RecoveredBy::FaultEnded, format!("it began when {}", who_ended(revert))));
    }
    let plan = status.journal.as_ref();
    if plan.is_some_and(|plan| plan.pre_image.is_some()) {
        return Some((RecoveredBy::Automatic, "the fault was still there".to_owned()));
    }
    let before = plan.and_then(|plan| plan.target.as_ref());
    match (before, &cluster.target) {
        (Some(before), Target::Found { reference, desired, .. }) => {
            let wanted = status.journal.as_ref().and_then(|plan| plan.count);
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
    let was = if ending.fields.len() == 1 { "was" } else { "were" };
    (by, format!("{fields} {was} {how} by {}", ending.by))
}

/// The revert, where the service was back only after it.
fn began_after_revert(status: &ExperimentRunStatus) -> Option<&Fact> {
    let (back, revert) = (status.fact(FactName::Recovered)?, status.fact(FactName::RevertStarted)?);
    (back.at > revert.at).then_some(revert)
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
    use crate::{
        api::run::{Journal, PreImage, Reason, Unobserved},
        core::{cluster::tests::cluster, signals::pods::tests::at},
    };

    /// The target as it was: two replicas were wanted.
    fn before() -> TargetRef {
        TargetRef {
            uid: "u".to_owned(),
            generation: Some(3),
            template_hash: Some("a".to_owned()),
            ..TargetRef::default()
        }
    }

    #[test]
    #[rustfmt::skip]
    fn what_changed_on_the_target_after_a_kill_tells_who_brought_it_back() {
        use RecoveredBy::{Automatic, Manual, Restart, Rollback, Scale};
        let changed = || TargetRef { generation: Some(4), ..before() };
        let text = |text: &str| Some(text.to_owned());
        for (after, desired, by, shown) in [
            (before(), 2, Automatic, "the target's spec did not change"),
            (TargetRef { template_hash: text("b"), ..changed() }, 2, Rollback, "its pod template was changed, generation 3 → 4"),
            (changed(), 3, Scale, "its replicas were changed, generation 3 → 4"),
            // A restart is written into the template too.
            (TargetRef { restarted_at: text("now"), template_hash: text("b"), ..changed() }, 2, Restart, "restarted, generation 3 → 4"),
            (TargetRef { template_hash: text("b"), ..changed() }, 3, Rollback, "its pod template was changed, generation 3 → 4"),
            (changed(), 2, Manual, "its spec was changed, generation 3 → 4"),
            (TargetRef { uid: "v".to_owned(), ..before() }, 2, Manual, "the target was created anew"),
        ] {
            let plan = Journal { target: Some(before()), count: Some(2), ..Journal::default() };
            let status = ExperimentRunStatus { journal: Some(Box::new(plan)), ..ExperimentRunStatus::default() };
            let target = Target::Found { reference: after, desired, rollout: None };
            let found = recovered_by(&status, &ClusterState { target, ..cluster() });
            assert_eq!((found.by, found.evidence.as_str()), (Some(by), shown));
        }
    }

    #[test]
    #[rustfmt::skip]
    fn whoever_set_the_faulted_fields_brought_it_back() {
        use RecoveredBy::{Manual, Rollback, Scale};
        for (fields, restored, by, shown) in [
            (&["image"][..], true, Rollback, "image was set back by kubectl-rollout"),
            (&["image"], false, Manual, "image was set to something new by kubectl-rollout"),
            (&["image", "command"], true, Rollback, "image and command were set back by kubectl-rollout"),
            (&["replicas"], true, Scale, "replicas was set back by kubectl-rollout"),
            (&["replicas"], false, Scale, "replicas was set to something new by kubectl-rollout"),
        ] {
            let fields = fields.iter().map(|&field| field.to_owned()).collect();
            let by_whom = "kubectl-rollout".to_owned();
            let ending = Ending { not_before: at(1.0), at: at(2.0), fields, restored, by: by_whom };
            let impact = Impact { ended_by: Some(ending), ..Impact::default() };
            let status = ExperimentRunStatus { impact: Some(impact), ..ExperimentRunStatus::default() };
            let found = recovered_by(&status, &cluster());
            assert_eq!((found.by, found.evidence.as_str()), (Some(by), shown));
        }
    }

    #[test]
    fn of_a_target_that_cannot_be_read_nobody_is_said_to_have_changed_it() {
        for target in [Target::Unreadable("it is refused".to_owned()), Target::Missing] {
            let found = recovered_by(
                &ExperimentRunStatus::default(),
                &ClusterState { target, ..cluster() },
            );
            let said = found.evidence.contains("could not be read");
            assert_eq!((found.by, said), (None, true), "{found:?}");
        }
    }

    #[test]
    fn a_revert_that_nobody_saw_is_evidence_only_where_it_was_back_after_it() {
        let fact = |name, not_before, second, detail| {
            Span::new(at(not_before), at(second)).fact(name, "x", detail)
        };
        for (gap, back, expected, words) in [
            // Seen to fail until 45.
            (
                (10.0, 44.0),
                (45.0, 47.0),
                Some(RecoveredBy::FaultEnded),
                "it began when the reaper ended it",
            ),
            (
                (10.0, 47.0),
                (10.0, 47.0),
                None,
                "in that time the reaper ended it, at 08:00:45.000: whether it was back before is not known",
            ),
            ((10.0, 40.0), (9.0, 41.0), Some(RecoveredBy::Automatic), "the fault was still there"),
        ] {
            let gap = Gap { from: at(gap.0), to: at(gap.1), of: Unobserved::Probes };
            let status = ExperimentRunStatus {
                facts: vec![
                    fact(FactName::RevertStarted, 44.0, 45.0, "the reaper ended it")
                        .because(Reason::Duration),
                    fact(FactName::Recovered, back.0, back.1, ""),
                ],
                impact: Some(Impact { gaps: vec![gap], ..Impact::default() }),
                journal: Some(Box::new(Journal {
                    pre_image: Some(PreImage { hash: String::new(), fields: Vec::new() }),
                    ..Journal::default()
                })),
                ..ExperimentRunStatus::default()
            };
            let found = recovered_by(&status, &cluster());
            assert_eq!((found.by, found.may_be_fault_ended), (expected, expected.is_none()));
            assert!(found.evidence.ends_with(words), "{}", found.evidence);
        }
    }
}
