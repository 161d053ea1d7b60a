//! What is written down before anything is broken: what runs, what the guards say, what is going to be sent.

use super::observed::{Decision, Observed};
use crate::{
    api::run::{ExperimentRunStatus, FactName, GuardResult, Journal, PreImage, Reason},
    core::{
        aim::Aim,
        guards, hash,
        plan::Plan,
        selection,
        span::crop,
        words,
        world::{Target, World},
    },
};

pub(super) fn put_guards(status: &mut ExperimentRunStatus, results: &[GuardResult]) {
    let plan = status.plan.get_or_insert_default();
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
        status.plan = Some(Journal {
            experiment: Some(plan.reference(generation)),
            spec: Some(plan.spec.clone()),
            seed: Some(selection::seed(observed.run.uid())),
            warnings: observed.sight.warnings.clone(),
            ..Journal::default()
        });
    }
    status
}

fn put_journal(observed: &Observed<'_>, status: &mut ExperimentRunStatus, world: &World, aim: Aim) {
    let plan = status.plan.get_or_insert_default();
    plan.victims = aim.victims;
    if !aim.fields.is_empty() {
        plan.previous_mark = world.object().and_then(|object| object.label()).map(str::to_owned);
        plan.pre_image = Some(PreImage { hash: hash::of(&aim.fields), fields: aim.fields });
    }
    plan.workloads.clone_from(&world.workloads);
    if let Target::Found { reference, desired, .. } = &world.target {
        plan.count = Some(*desired);
        plan.target = Some(reference.clone());
        plan.revisions = world.revisions();
    }
    plan.epoch = Some(1);
    if let Some(spec) = &plan.spec {
        plan.deadline = Some(observed.now + spec.duration);
    }
}

/// What is broken, in a few words: `2 of 3 pods`, `image of Deployment web`.
fn describe(aim: &Aim, world: &World) -> String {
    let names: Vec<_> = aim.fields.iter().map(|change| change.name.as_str()).collect();
    match aim.victims.first() {
        // A policy that is not there yet has no fields to tell of.
        Some(victim) if victim.kind != "Pod" && names.is_empty() => {
            format!("{} {}", victim.kind, victim.name)
        }
        Some(victim) if victim.kind != "Pod" => {
            format!("{} of {} {}", names.join(" and "), victim.kind, victim.name)
        }
        _ => format!("{} of {} pods", aim.victims.len(), world.pods.len()),
    }
}

/// The intent, before anything harmful.
pub(super) fn journal(
    observed: &Observed<'_>,
    mut status: ExperimentRunStatus,
    world: &World,
    results: &[GuardResult],
    aim: Aim,
) -> Decision {
    put_guards(&mut status, results);
    let detail = describe(&aim, world);
    put_journal(observed, &mut status, world, aim);
    status.facts.push(observed.now_fact(FactName::Journaled, detail));
    observed.record(status)
}

/// The end of a dry run: every guard and the victims, no verdict.
pub(super) fn plan_only(
    observed: &Observed<'_>,
    mut status: ExperimentRunStatus,
    results: &[GuardResult],
    aim: Aim,
) -> Decision {
    let summary = match (guards::first_closed(results), observed.world) {
        (Some(closed), _) => refusal(closed),
        (None, Some(world)) => {
            format!("planned: {} would be broken, every guard is open", describe(&aim, world))
        }
        (None, None) => String::new(),
    };
    put_guards(&mut status, results);
    if let Some(world) = observed.world {
        put_journal(observed, &mut status, world, aim);
    }
    status.reason = Some(Reason::DryRun);
    status.summary = Some(crop(summary, 1024));
    status.facts.push(observed.now_fact(FactName::Completed, "").because(Reason::DryRun));
    observed.record(status)
}

pub(super) fn refusal(closed: &GuardResult) -> String {
    format!("{}: {}", words::refused(&closed.name), closed.detail)
}
