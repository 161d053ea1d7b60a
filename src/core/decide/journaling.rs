//! What is written down before anything is broken: what runs, what the guards say, what is going to be sent.

use super::observed::{Decision, Observed};
use crate::{
    api::run::{ExperimentRunStatus, FactName, GuardResult, Journal, PreImage, Reason},
    core::{
        cluster::{ClusterState, Target},
        guards::{self, blast_radius::BlastRadius, selection},
        hash,
        plan::Plan,
        span::crop,
        words,
    },
};

pub(super) fn put_guards(status: &mut ExperimentRunStatus, results: &[GuardResult]) {
    let plan = status.journal.get_or_insert_default();
    let crop = |result: &GuardResult| GuardResult {
        detail: crop(result.detail.clone(), 512),
        ..result.clone()
    };
    plan.guards = results.iter().map(crop).collect();
}

/// The status of a run that was taken up: what runs, with which seed.
pub(super) fn accepted(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    plan: &Plan,
    generation: Option<i64>,
) -> ExperimentRunStatus {
    let mut status = status.clone();
    if status.fact(FactName::Accepted).is_none() {
        status.facts.push(observed.now_fact(FactName::Accepted, ""));
        status.journal = Some(Box::new(Journal {
            experiment: Some(plan.reference(generation)),
            spec: Some(plan.spec.clone()),
            seed: Some(selection::seed(observed.run.uid())),
            warnings: observed.signals.warnings.clone(),
            ..Journal::default()
        }));
    }
    status
}

fn put_journal(
    observed: &Observed<'_>,
    status: &mut ExperimentRunStatus,
    cluster: &ClusterState,
    blast_radius: BlastRadius,
) {
    let plan = status.journal.get_or_insert_default();
    plan.victims = blast_radius.victims;
    if !blast_radius.fields.is_empty() {
        plan.previous_mark = cluster.object().and_then(|object| object.label()).map(str::to_owned);
        plan.pre_image =
            Some(PreImage { hash: hash::short(&blast_radius.fields), fields: blast_radius.fields });
    }
    plan.workloads.clone_from(&cluster.workloads);
    if let Target::Found { reference, desired, .. } = &cluster.target {
        plan.count = Some(*desired);
        plan.target = Some(reference.clone());
        plan.revisions = cluster.revisions();
    }
    plan.state = cluster.state.as_ref().map(|(_, state)| state.clone());
    plan.epoch = Some(1);
    if let Some(spec) = &plan.spec {
        plan.deadline = Some(observed.now + spec.duration);
    }
}

/// What is broken, in a few words: `2 of 3 pods`, `image of Deployment web`.
fn describe(blast_radius: &BlastRadius, cluster: &ClusterState) -> String {
    let names: Vec<_> = blast_radius.fields.iter().map(|change| change.name.as_str()).collect();
    match blast_radius.victims.first() {
        // A policy that is not there yet has no fields to tell of.
        Some(victim) if victim.kind != "Pod" && names.is_empty() => {
            format!("{} {}", victim.kind, victim.name)
        }
        Some(victim) if victim.kind != "Pod" => {
            format!("{} of {} {}", names.join(" and "), victim.kind, victim.name)
        }
        _ => format!("{} of {} pods", blast_radius.victims.len(), cluster.pods.len()),
    }
}

/// The intent, before anything harmful.
pub(super) fn journal(
    observed: &Observed<'_>,
    mut status: ExperimentRunStatus,
    cluster: &ClusterState,
    results: &[GuardResult],
    blast_radius: BlastRadius,
) -> Decision {
    put_guards(&mut status, results);
    let detail = describe(&blast_radius, cluster);
    put_journal(observed, &mut status, cluster, blast_radius);
    status.facts.push(observed.now_fact(FactName::Journaled, detail));
    observed.record(status)
}

/// The end of a dry run: every guard and the victims, no verdict.
pub(super) fn plan_only(
    observed: &Observed<'_>,
    mut status: ExperimentRunStatus,
    results: &[GuardResult],
    blast_radius: BlastRadius,
) -> Decision {
    let summary = match (guards::first_closed(results), observed.cluster) {
        (Some(closed), _) => refusal(closed),
        (None, Some(cluster)) => {
            format!(
                "planned: {} would be broken, every guard is open",
                describe(&blast_radius, cluster)
            )
        }
        (None, None) => String::new(),
    };
    put_guards(&mut status, results);
    if let Some(cluster) = observed.cluster {
        put_journal(observed, &mut status, cluster, blast_radius);
    }
    status.reason = Some(Reason::DryRun);
    status.summary = Some(crop(summary, 1024));
    status.facts.push(observed.now_fact(FactName::Completed, "").because(Reason::DryRun));
    observed.record(status)
}

pub(super) fn refusal(closed: &GuardResult) -> String {
    format!("{}: {}", words::refused(&closed.name), closed.detail)
}
