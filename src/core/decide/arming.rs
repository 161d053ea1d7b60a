//! A fault that changes fields of an object: prepare, arm, follow, and disarm it.

use serde_json::Value;

use super::{
    concluding,
    observed::{AGAIN, Decision, Effect, Need, Observed, Report, cause},
    seen::tells_of_effect,
    writing::{found_injected, start_revert},
};
use crate::{
    api::{
        Duration, Moment,
        mark::Mark,
        names,
        run::{ExperimentRunStatus, Fact, FactName, FieldChange, Journal, Reason},
    },
    core::{
        cluster::{Changeable, ClusterState, FaultReads},
        plan::Plan,
        revert::leftovers::{self, Leftovers},
        signals::changes,
        span::{Span, crop},
    },
    faults::{
        self, Call, Object, Outcome, Sign,
        arming::{self, Drift},
        call::Change,
        isolation,
    },
};

/// What has to be there before the journal.
pub(super) enum Preparation {
    /// Nothing is missing.
    Ready,
    /// This comes first.
    Needs(Decision),
    /// The API server does not allow it.
    Denied(String),
}

/// The policy of an egress outage is created and brought up to date while it selects nothing.
pub(super) fn prepare(observed: &Observed<'_>, plan: &Plan, cluster: &ClusterState) -> Preparation {
    let Some((fault_reads, spec)) = cluster.fault_reads.as_ref().and_then(|fault_reads| {
        Some((fault_reads, fault_reads.policy.as_ref()?.as_ref().ok()?.clone()))
    }) else {
        return Preparation::Ready;
    };
    if let Some(report) = observed.report {
        let denied = report.outcomes.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Denied(words) => Some(words.clone()),
            _ => None,
        });
        return denied
            .map_or(Preparation::Needs(Decision::Look(Need::Cluster)), Preparation::Denied);
    }
    let call = match &fault_reads.object {
        Changeable::Missing => {
            let (run, name) = (observed.run, policy_name(plan));
            Call::CreatePolicy(isolation::policy(&name, &labels(observed), run.uid(), spec))
        }
        Changeable::Found(object) => match isolation::update(object, &isolation::inert(spec)) {
            Some(patch) => Call::UpdatePolicy(Change::of(object, patch)),
            None => return Preparation::Ready,
        },
        Changeable::Unreadable(_) => return Preparation::Ready,
    };
    Preparation::Needs(Decision::Act(Effect::Send(vec![call])))
}

/// By the experiment itself: the run may not have written down yet what it executes.
fn policy_name(plan: &Plan) -> String {
    let arming = faults::behaviour(&plan.spec.fault).means.arming();
    arming.map(|arming| arming.object(&plan.spec.target).1).unwrap_or_default()
}

fn labels(observed: &Observed<'_>) -> std::collections::BTreeMap<String, String> {
    let name = observed.run.metadata.name.clone().unwrap_or_default();
    [
        (names::RUN.to_owned(), name),
        (names::EXPERIMENT.to_owned(), observed.run.spec.experiment.to_string()),
    ]
    .into()
}

/// Arms the object exactly as it was journaled.
pub(super) fn arm(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    journal: &Journal,
    cluster: &ClusterState,
) -> Decision {
    let give_up = |cause, detail: &str| start_revert(observed, status, cause, detail);
    let (Some(victim), Some(deadline)) = (journal.victims.first(), journal.deadline) else {
        return give_up(Reason::Guard, "the journal names no object");
    };
    let Some(object) = cluster.object().filter(|object| object.uid() == victim.uid) else {
        let detail = format!("{} {} is gone or was created anew", victim.kind, victim.name);
        return give_up(Reason::Guard, &detail);
    };
    let mark = observed.mark(journal);
    match object.mark() {
        Some(found) if found == mark => {
            return found_injected(
                observed,
                status,
                "the object was armed when this operator looked",
            );
        }
        Some(found) if found == mark.revocation() => {
            return give_up(Reason::DeadlinePassed, "somebody has revoked it already");
        }
        _ => {}
    }
    let previous = journal.previous_mark.as_deref();
    match arming::arm(object, previous, &mark, deadline, fields(journal)) {
        Ok(patch) => Decision::Act(Effect::Send(vec![Call::Arm(Change::of(object, patch))])),
        Err(Drift::Mark(other)) => {
            let other = other.unwrap_or_else(|| "no mark".to_owned());
            give_up(Reason::TargetFree, &format!("the object carries {other} by now"))
        }
        Err(Drift::Field(name)) => {
            give_up(Reason::Guard, &format!("{name} was changed since it was written down"))
        }
    }
}

fn fields(journal: &Journal) -> &[FieldChange] {
    journal.pre_image.as_ref().map_or(&[], |image| &image.fields)
}

/// Where somebody of ours but this run's operator has ended the fault, its revert is written down as it stands on
/// the object; past the deadline that is what the run was about to do itself.
pub(super) fn ended_elsewhere(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
) -> Option<Decision> {
    let (journal, injected) = (status.journal.as_ref()?, status.fact(FactName::Injected)?);
    let revocation = changes::revocation(observed.cluster?.object()?, &observed.mark(journal))?;
    let (from, to) = (revocation.span.not_before.max(injected.at), revocation.span.at);
    let is_due = journal.deadline.is_some_and(|deadline| to >= deadline);
    let cause = if is_due { Reason::Duration } else { Reason::Stopped };
    let detail = format!("{} ended it", revocation.by);
    let mut status = status.clone();
    let span = Span::new(from, to.max(from).min(observed.now));
    status.facts.push(span.fact(FactName::RevertStarted, "api", detail).because(cause));
    Some(observed.record(status))
}

/// How long to let things settle before something that changed is looked at.
const SETTLE: Duration = Duration::millis(200);

/// Looks again when something around the target changed, and keeps the policy on the dependency.
pub(super) fn follow(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Option<Decision> {
    let (cluster, journal) = (observed.cluster?, status.journal.as_ref()?);
    let fault_reads = cluster.fault_reads.as_ref()?;
    // Nothing may ever stir again. Where the injection was written down by a clock that is ahead, no look
    // would be late enough before that.
    let injected = status.fact(FactName::Injected).map(|fact| fact.at);
    let is_older = injected.is_some_and(|at| !tells_of_effect(cluster, at) && at <= observed.now);
    if observed.report.is_some() || is_older || is_sign_unread(status, journal, fault_reads) {
        return Some(Decision::Look(Need::Cluster));
    }
    if let Some(changed) = observed.signals.changed_at.filter(|changed| *changed >= cluster.read_at)
    {
        let due = changed + SETTLE;
        return Some(if observed.now < due {
            Decision::WaitUntil(due)
        } else {
            Decision::Look(Need::Cluster)
        });
    }
    if let Some(Err(problem)) = &fault_reads.policy {
        return Some(start_revert(observed, status, Reason::Guard, problem));
    }
    let spec = fault_reads.policy.as_ref()?.as_ref().ok()?;
    let is_on = |object: &&Object| is_on(object, &observed.mark(journal), fields(journal));
    let object = cluster.object().filter(is_on)?;
    let patch = isolation::update(object, spec)?;
    Some(Decision::Act(Effect::Send(vec![Call::UpdatePolicy(Change::of(object, patch))])))
}

/// Whether what alone shows the effect could not be read yet.
fn is_sign_unread(
    status: &ExperimentRunStatus,
    journal: &Journal,
    fault_reads: &FaultReads,
) -> bool {
    let sign = journal.spec.as_ref().and_then(|spec| faults::behaviour(&spec.fault).sign);
    let is_read = matches!(sign, Some(Sign::NoEndpoints(_) | Sign::NoReplicas));
    is_read
        && fault_reads.dependency_ready.is_none()
        && status.fact(FactName::EffectObserved).is_none()
}

/// Whether the fault of that mark is there as we made it; where somebody has lifted it or has opened the
/// policy, it does not come back.
fn is_on(object: &Object, mark: &Mark, fields: &[FieldChange]) -> bool {
    object.mark().as_ref() == Some(mark)
        && arming::holds_any(object, fields)
        && changes::is_ours(object, "/spec/egress")
}

/// Takes back what is left of the fault, reads back, records.
pub(super) fn revert(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    (journal, started): (&Journal, &Fact),
    cluster: &ClusterState,
) -> Decision {
    if let Some(report) = observed.report {
        let remedy = cluster.object().and_then(|object| by_hand(observed, object, fields(journal)));
        return after_report(observed, status, (started.at, remedy), report);
    }
    let cause = cause(started);
    let object = match cluster.fault_reads.as_ref().map(|fault_reads| &fault_reads.object) {
        Some(Changeable::Found(object)) => object,
        Some(Changeable::Unreadable(error)) => {
            return trouble(observed, status, (started.at, cluster.read_at), error, Need::Cluster);
        }
        Some(Changeable::Missing) | None => return concluding::reverted(observed, status, cause),
    };
    let is_ours = journal.victims.first().is_some_and(|victim| victim.uid == object.uid());
    if !is_ours || object.is_ending() {
        return concluding::reverted(observed, status, cause);
    }
    let mark = observed.mark(journal);
    if needs_revocation(object, &mark, journal) {
        let patch = arming::disarm(object, &mark, fields(journal), observed.now);
        return Decision::Act(Effect::Send(vec![Call::Disarm(Change::of(object, patch))]));
    }
    // Another operator has begun the revert, and this one looked before it knew that.
    let Some(faulty) = cluster
        .fault_reads
        .as_ref()
        .and_then(|fault_reads| fault_reads.faulty_revisions.as_deref())
    else {
        return Decision::Look(Need::Cluster);
    };
    match leftovers::find(object, faulty, &cluster.pods) {
        Leftovers::None => concluding::reverted(observed, status, cause),
        Leftovers::Remove(calls) => Decision::Act(Effect::Send(calls)),
        Leftovers::Settling if observed.now < cluster.read_at + AGAIN => {
            Decision::WaitUntil(cluster.read_at + AGAIN)
        }
        Leftovers::Settling => Decision::Look(Need::Cluster),
    }
}

/// A mark of another run that is not the journaled one makes every late arming of ours fail already.
fn needs_revocation(object: &Object, mark: &Mark, journal: &Journal) -> bool {
    let label = object.label();
    let revoked = mark.revocation().to_string();
    let foreign = label.is_some_and(|label| {
        label != mark.to_string()
            && label != revoked
            && Some(label) != journal.previous_mark.as_deref()
    });
    !foreign && (label != Some(revoked.as_str()) || !arming::is_clean(object, fields(journal)))
}

fn after_report(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    (since, remedy): (Moment, Option<String>),
    report: &Report,
) -> Decision {
    let denied = |outcome: &Outcome| matches!(outcome, Outcome::Denied(_));
    let remedy = remedy.filter(|_| report.outcomes.iter().any(|(_, outcome)| denied(outcome)));
    match problem(report) {
        Some(words) => {
            let words = format!("{words}{}", remedy.unwrap_or_default());
            trouble(observed, status, (since, report.span.at), &words, Need::Cluster)
        }
        None => Decision::Look(Need::Cluster),
    }
}

/// Why what was sent to end a fault was not done, if it was not.
pub(super) fn problem(report: &Report) -> Option<&str> {
    report.outcomes.iter().find_map(|(_, outcome)| match outcome {
        Outcome::Denied(words) | Outcome::Unknown(words) | Outcome::Refused(words) => {
            Some(words.as_str())
        }
        Outcome::Accepted | Outcome::Gone | Outcome::Changed => None,
    })
}

/// The command that ends the fault by hand, for somebody who may change the object himself.
pub(super) fn by_hand(
    observed: &Observed<'_>,
    object: &Object,
    fields: &[FieldChange],
) -> Option<String> {
    let patch = arming::by_hand(object, fields);
    let patch =
        (!patch.is_empty()).then(|| Value::Array(patch).to_string().replace('\'', "'\\''"))?;
    let (kind, name, namespace) =
        (object.kind.to_string().to_lowercase(), object.name(), observed.namespace());
    Some(format!(
        "; whoever may change it ends the fault by: kubectl -n {namespace} patch {kind} {name} --type json -p '{patch}'"
    ))
}

/// After so long a revert that does not succeed is said to be in trouble.
const PATIENCE: Duration = Duration::seconds(10);
/// The longest time between two attempts.
const BACKOFF_MAX: Duration = Duration::seconds(30);

/// Tries again by looking once more, with more time in between the longer it takes, and says so where people look.
pub(super) fn trouble(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    (since, tried): (Moment, Moment),
    words: &str,
    need: Need,
) -> Decision {
    let lasted = Duration::between(since, observed.now);
    let words = crop(words.to_owned(), 4096);
    if lasted > PATIENCE && status.revert_problem.as_deref() != Some(&words) {
        let mut status = status.clone();
        status.revert_problem = Some(words);
        return observed.record(status);
    }
    let pause = Duration::from(lasted.std() / 4).clamp(AGAIN, BACKOFF_MAX);
    if observed.now < tried + pause {
        return Decision::WaitUntil(tried + pause);
    }
    Decision::Look(need)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        core::{
            cluster::tests::{fault_reads, healthy},
            decide::tests::{self, status},
            guards::abort::tests::plan,
            signals::{Signals, pods::tests::at},
        },
        faults::Kind,
    };

    /// What is decided at 30 about an outage that was found to be there at 20, by what was read at `read`.
    fn decided(read: f64, dependency_ready: Option<usize>) -> Decision {
        let mut spec = json!(plan(&json!({})).spec);
        spec["fault"] = json!({"dependencyOutage": {"blackhole": {"service": "db"}}});
        let plan = Plan::parse(&serde_json::from_value(spec).unwrap()).unwrap();
        let facts =
            [(FactName::Accepted, 1.0), (FactName::Journaled, 2.0), (FactName::Injected, 20.0)];
        let mut status = status(&plan, &facts);
        let journal = status.journal.as_mut().unwrap();
        let victim = json!({"kind": "Service", "name": "db", "uid": "u", "resourceVersion": "1", "round": 1});
        journal.victims.push(serde_json::from_value(victim).unwrap());
        journal.deadline = Some(at(80.0));
        let fault_reads = Some(FaultReads { dependency_ready, ..fault_reads() });
        let cluster = ClusterState { read_at: at(read), fault_reads, ..healthy() };
        let signals = Signals::new(Some(&plan.spec), at(0.0));
        tests::decided(&plan, Some(status), Some(&cluster), &signals, 30.0)
    }

    #[test]
    fn a_fault_that_was_found_to_be_there_is_looked_at_again_although_nothing_changes() {
        assert_eq!(decided(19.0, Some(1)), Decision::Look(Need::Cluster));
        assert!(!matches!(decided(21.0, Some(1)), Decision::Look(_)));
    }

    #[test]
    fn endpoints_that_could_not_be_read_are_read_again_although_nothing_changes() {
        assert_eq!(decided(21.0, None), Decision::Look(Need::Cluster));
        assert!(matches!(decided(21.0, Some(0)), Decision::Record(_)));
    }

    #[test]
    fn a_policy_is_followed_while_the_fault_is_on_and_not_once_somebody_has_lifted_it() {
        let place = "/spec/podSelector/matchLabels/firedrill.dev~1inert";
        let fields = [FieldChange::new("inert", place, &json!("true"), &Value::Null)];
        let policy = |mark: &Mark, labels: &Value, manager: &str| Object {
            kind: Kind::NetworkPolicy,
            value: json!({
                "metadata": {
                    "labels": {"firedrill.dev/fault": mark.to_string()},
                    "managedFields": [{"manager": manager, "fieldsV1": {"f:spec": {"f:egress": {}}}}],
                },
                "spec": {"podSelector": {"matchLabels": labels}},
            }),
        };
        let (ours, other) = (Mark::armed("run", 1), Mark::armed("other", 1));
        let (on, lifted) = (json!({"app": "web"}), json!({"firedrill.dev/inert": "true"}));
        assert!(is_on(&policy(&ours, &on, "firedrill"), &ours, &fields));
        assert!(!is_on(&policy(&ours, &lifted, "firedrill"), &ours, &fields));
        assert!(!is_on(&policy(&ours, &on, "kubectl-edit"), &ours, &fields));
        assert!(!is_on(&policy(&other, &on, "firedrill"), &ours, &fields));
    }
}
