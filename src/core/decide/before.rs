//! Before the journal: guards, refusals, and the journal itself.

use super::{AGAIN, Cause, Decision, Effect, Need, Observed, Subject, arming, waiting};
use crate::{
    api::{
        Duration, Moment,
        run::{
            ExperimentRunStatus, Fact, FactName, Guard, GuardResult, Journal, PreImage, Verdict,
        },
    },
    core::{
        aim::Aim,
        conditions,
        guards::{self, Scene},
        hash,
        measure::tenths,
        plan::{Plan, Problem},
        selection,
        span::crop,
        words,
        world::{FRESH, Target, World},
    },
};

pub(super) fn decide(observed: &Observed<'_>, status: &ExperimentRunStatus) -> Decision {
    if let Some(cause) = observed.stop().filter(|cause| *cause != Cause::Lever) {
        let summary = format!("ended before anything was broken ({})", cause.reason());
        return finish(observed, status, (Verdict::Aborted, cause.reason()), summary);
    }
    let (plan, generation) = match observed.subject {
        Subject::Valid { plan, generation } => (plan, *generation),
        Subject::Missing(name) => {
            let summary = format!("refused: there is no Experiment {name} in this namespace");
            // What the operator sees of the alert sources and the reaper is told all the same: `doctor` asks so.
            let mut status = status.clone();
            status.plan.get_or_insert_default().warnings.clone_from(&observed.sight.warnings);
            return finish(observed, &status, (Verdict::Error, "ExperimentNotFound"), summary);
        }
        Subject::Invalid(problems) => {
            return finish(observed, status, (Verdict::Error, "InvalidSpec"), list(problems));
        }
    };
    if !observed.run.spec.dry_run && !observed.run.is_held() {
        return Decision::Act(Effect::AddFinalizer);
    }
    let Some(world) = observed.world else {
        return Decision::Look(Need::World);
    };
    let scene = scene(observed, plan, world, 1);
    let (results, aim) = guards::judge(&scene);
    let accepted = accepted(observed, status, plan, generation);
    match guards::first_closed(&results) {
        Some(_) | None if !world.is_fresh(observed.now) && needs_fresh(&results) => {
            stale(observed, accepted, world, &results, aim)
        }
        None if observed.run.spec.dry_run => plan_only(observed, accepted, &results, aim),
        None => match arming::prepare(observed, plan, world) {
            arming::Preparation::Ready => journal(observed, accepted, world, &results, aim),
            arming::Preparation::Needs(decision) => decision,
            arming::Preparation::Denied(words) => {
                let summary = format!("refused by the API server: {words}");
                finish(observed, &accepted, (Verdict::Error, "InjectionDenied"), summary)
            }
        },
        Some(closed) if closed.name.opens_with_time() => {
            wait(observed, accepted, &results, aim, closed)
        }
        Some(closed) => refuse(observed, accepted, &results, aim, closed),
    }
}

/// Looks again, as what was read is too old to break something by it. At the start deadline a guard refuses
/// by what was read, however old; where none does, the reads are too slow to break anything by them.
fn stale(
    observed: &Observed<'_>,
    accepted: ExperimentRunStatus,
    world: &World,
    results: &[GuardResult],
    aim: Aim,
) -> Decision {
    let known = observed.run.status.as_ref().and_then(|status| status.fact(FactName::Accepted));
    if known.is_none() {
        return observed.record(accepted);
    }
    if world.read_at < start_by(observed) {
        return Decision::Look(Need::World);
    }
    match guards::first_closed(results) {
        Some(closed) => return refuse(observed, accepted, results, aim, closed),
        None if observed.run.spec.dry_run => return plan_only(observed, accepted, results, aim),
        None => {}
    }
    let age = tenths(Duration::between(world.read_at, observed.now));
    let summary = format!(
        "refused: what the guards look at was {age} old once it was read, and may be {FRESH}; waited {}",
        observed.run.spec.start_within
    );
    finish(observed, &accepted, (Verdict::Error, "ReadsTooSlow"), summary)
}

/// While the probes or alerts alone keep it waiting, nothing need be read from the cluster.
fn needs_fresh(results: &[GuardResult]) -> bool {
    let watched = |guard| matches!(guard, Guard::Steady | Guard::AlertsQuiet);
    !results.iter().any(|result| !result.passed && watched(result.name))
}

/// The scene for the guards of this run.
pub(super) fn scene<'a>(
    observed: &Observed<'a>,
    plan: &'a Plan,
    world: &'a World,
    round: i32,
) -> Scene<'a> {
    Scene {
        now: observed.now,
        uid: observed.run.uid(),
        watcher: observed.watcher(plan),
        config: observed.config,
        inside: observed.inside,
        protected: observed.own_namespace || observed.config.protects(observed.namespace()),
        world,
        sight: observed.sight,
        round,
    }
}

fn list(problems: &[Problem]) -> String {
    let lines = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
    format!("refused: {}", lines.collect::<Vec<_>>().join("; "))
}

fn refusal(closed: &GuardResult) -> String {
    format!("{}: {}", words::refused(&closed.name), closed.detail)
}

fn guard_reason(guard: Guard) -> &'static str {
    match guard {
        Guard::Enabled => "Enabled",
        Guard::NotProtected => "NotProtected",
        Guard::Lever => "Lever",
        Guard::Caps => "Caps",
        Guard::TargetFound => "TargetFound",
        Guard::ServicesFound => "ServicesFound",
        Guard::MinReady => "MinReady",
        Guard::MaxUnavailable => "MaxUnavailable",
        Guard::DisruptionBudget => "DisruptionBudget",
        Guard::NoRollout => "NoRollout",
        Guard::Steady => "BaselineNotSteady",
        Guard::AlertsQuiet => "AlertAlreadyFiring",
        Guard::TargetFree => "TargetFree",
        Guard::Concurrency => "Concurrency",
        Guard::Reaper => "Reaper",
        Guard::AbortConditions => "AbortConditions",
    }
}

fn put_guards(status: &mut ExperimentRunStatus, results: &[GuardResult]) {
    let plan = status.plan.get_or_insert_default();
    let crop = |result: &GuardResult| GuardResult {
        detail: crop(result.detail.clone(), 512),
        ..result.clone()
    };
    plan.guards = results.iter().map(crop).collect();
}

/// The status of a run that was taken up: what runs, with which seed.
fn accepted(
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

/// Writes down which guard is waited for, and why, when that changes; gives up at the start deadline.
fn wait(
    observed: &Observed<'_>,
    mut status: ExperimentRunStatus,
    results: &[GuardResult],
    aim: Aim,
    closed: &GuardResult,
) -> Decision {
    let start_by = start_by(observed);
    if observed.now >= start_by {
        return refuse(observed, status, results, aim, closed);
    }
    let known = observed.run.status.as_ref().and_then(|status| {
        crate::api::conditions::get(&status.conditions, crate::api::run::condition::INJECTED)
    });
    if known.is_some_and(|condition| waiting::says(condition, closed)) {
        return Decision::WaitUntil((observed.now + AGAIN).min(start_by));
    }
    conditions::update(&mut status, Some(closed), observed.generation(), observed.now);
    Decision::Record(Box::new(status))
}

/// Ends by a guard that is closed: for good, or still at the start deadline.
fn refuse(
    observed: &Observed<'_>,
    mut status: ExperimentRunStatus,
    results: &[GuardResult],
    aim: Aim,
    closed: &GuardResult,
) -> Decision {
    if observed.run.spec.dry_run {
        return plan_only(observed, status, results, aim);
    }
    let verdict = match closed.name {
        Guard::Steady | Guard::AlertsQuiet => Verdict::Inconclusive,
        _ => Verdict::Error,
    };
    let refusal = refusal(closed);
    let summary = if closed.name.opens_with_time() {
        format!("{refusal}, waited {}", observed.run.spec.start_within)
    } else {
        refusal
    };
    put_guards(&mut status, results);
    finish(observed, &status, (verdict, guard_reason(closed.name)), summary)
}

/// Until when guards that time can open are waited for. A plan waits only as long as its steady
/// state needs, and a little for the first answers.
fn start_by(observed: &Observed<'_>) -> Moment {
    let spec = &observed.run.spec;
    let began = observed.run.status.as_ref().and_then(|status| status.fact(FactName::Accepted));
    let began = began.map_or(observed.now, |fact: &Fact| fact.at);
    match observed.subject {
        Subject::Valid { plan, .. } if spec.dry_run => {
            began + plan.spec.guards.steady_for + AGAIN + AGAIN + AGAIN
        }
        _ => began + spec.start_within,
    }
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
fn journal(
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
fn plan_only(
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
    status.reason = Some("DryRun".to_owned());
    status.summary = Some(crop(summary, 1024));
    status.facts.push(observed.now_fact(FactName::Completed, "DryRun"));
    observed.record(status)
}

/// Ends a run that has broken nothing.
fn finish(
    observed: &Observed<'_>,
    status: &ExperimentRunStatus,
    (verdict, reason): (Verdict, &str),
    summary: String,
) -> Decision {
    let mut status = status.clone();
    status.verdict = Some(verdict);
    status.reason = Some(reason.to_owned());
    status.summary = Some(crop(summary, 1024));
    status.facts.push(observed.now_fact(FactName::Completed, reason));
    observed.record(status)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::{
        abort::tests::plan,
        decide::tests::{self, status},
        pods::tests::at,
        sight::Sight,
        world::tests::healthy,
    };

    /// What is decided at `now` about a run that was taken up at `accepted`, by the world as it was at `read`.
    fn decided(accepted: Option<f64>, world: World, read: f64, now: f64) -> Decision {
        let plan = plan(&json!({"steadyFor": "0s"}));
        let status = accepted.map(|accepted| status(&plan, &[(FactName::Accepted, accepted)]));
        let world = World { read_at: at(read), ..world };
        let sight = Sight::new(Some(&plan.spec), at(0.0));
        tests::decided(&plan, status, Some(&world), &sight, now)
    }

    #[test]
    fn where_reads_are_too_slow_the_run_is_taken_up_looks_again_and_is_refused_in_the_end() {
        let Decision::Record(status) = decided(None, healthy(), 0.0, 1.5) else {
            panic!("it is taken up")
        };
        assert!(status.fact(FactName::Accepted).is_some() && status.verdict.is_none());
        assert_eq!(decided(Some(0.0), healthy(), 0.0, 1.5), Decision::Look(Need::World));
        assert_eq!(decided(Some(0.0), healthy(), 599.0, 601.0), Decision::Look(Need::World));
        let Decision::Record(status) = decided(Some(0.0), healthy(), 600.0, 603.2) else {
            panic!("it is given up")
        };
        assert_eq!(status.reason.as_deref(), Some("ReadsTooSlow"));
        let summary = status.summary.unwrap();
        assert!(summary.contains("3.2s old") && summary.contains("may be 1s"), "{summary}");
    }

    #[test]
    fn where_reads_are_too_slow_and_a_guard_refuses_it_is_the_guard_that_is_told() {
        let empty = World { target: Target::Missing, ..healthy() };
        assert_eq!(decided(Some(0.0), empty.clone(), 599.0, 601.0), Decision::Look(Need::World));
        let Decision::Record(status) = decided(Some(0.0), empty, 600.0, 603.2) else {
            panic!("it is given up")
        };
        assert_eq!(status.reason.as_deref(), Some("TargetFound"));
        let results = status.plan.unwrap().guards;
        let closed = guards::first_closed(&results).map(|result| result.name);
        assert_eq!(closed, Some(Guard::TargetFound));
    }
}
