//! Looks at every day when it changes, when one of its runs is over, and when something of it is due.

use std::sync::Arc;

use kube::{
    Api, ResourceExt,
    api::{DeleteParams, DynamicObject, Patch, PatchParams},
    runtime::{
        controller::{Action, Config},
        reflector::ObjectRef,
        watcher,
    },
};
use serde_json::json;
use tokio::sync::watch;
use tokio_stream::{StreamExt as _, wrappers::WatchStream};

use super::{AT_ONCE, PAUSE, STEPS_MAX, announce, create, reads};
use crate::{
    api::{
        Duration, ExperimentRun, GameDayRun, GameDayRunStatus, SafetyLever,
        names::{DAY_FINALIZER, FIELD_MANAGER},
    },
    core::{
        cluster::Lever,
        gameday::day::{
            self, Attempt, Decision, Effect, GateReads, Need, Observed, StartReads, StepReads,
        },
    },
    shell::{
        call::{Error, call},
        context::Context,
        controller::{self, Feed},
        guarded::Guarded,
        record,
        run::observe,
        starter::Creation,
    },
};

/// Looks at every day, and again when the lever is moved.
pub async fn control(
    context: Arc<Context>,
    feed: Feed<GameDayRun>,
    lever: watch::Receiver<Option<SafetyLever>>,
) {
    let days = Api::all(context.reads.clone());
    let controller = feed
        .controller(days, watcher::Config::default(), forget_plan)
        .reconcile_all_on(WatchStream::from_changes(lever).map(drop))
        .with_config(Config::default().concurrency(AT_ONCE));
    let known = context.clone();
    let gone = move |day: &ObjectRef<DynamicObject>| {
        let namespace = day.namespace.as_deref().unwrap_or_default();
        for run in known.runs.heard().iter() {
            if run.spec.game_day.as_deref() == Some(&day.name) {
                known.runs.request(namespace, run.metadata.name.as_deref().unwrap_or_default());
            }
        }
    };
    controller::run(controller, reconcile, gone, PAUSE, context).await;
}

/// Of a day that is let go nobody writes anything any more; until then its whole status is written again with what
/// people are told.
fn forget_plan(day: &mut GameDayRun) {
    if day.is_over()
        && !day.is_held()
        && let Some(status) = &mut day.status
    {
        status.plan = None;
        status.gates.clear();
        status.steps.clear();
    }
}

/// What one look keeps of its reads.
#[derive(Default)]
struct Memory {
    gates: Option<GateReads>,
    steps: Option<StepReads>,
    start: Option<StartReads>,
    deleted: Vec<String>,
    refused: Option<String>,
    attempt: Option<Attempt>,
}

async fn reconcile(day: Arc<Guarded<GameDayRun>>, context: Arc<Context>) -> Result<Action, Error> {
    let Ok(day) = &day.0 else { return Ok(Action::await_change()) };
    // A plan that was not listed yet is not one that is gone.
    context.plans.listed().await;
    let (mut latest, mut memory) = (day.clone(), Memory::default());
    for _ in 0..STEPS_MAX {
        let now = context.calendar.now();
        let decision = consider(&context, &latest, &memory);
        match decision {
            Decision::Record(status) => latest = write(&context, &latest, &status).await?,
            Decision::Act(effect) => act(&context, &mut latest, &mut memory, effect).await?,
            Decision::Look(need) => {
                Box::pin(look(&context, &mut latest, &mut memory, need)).await?;
            }
            Decision::WaitUntil(until) => {
                if latest.is_over() {
                    // It is held until its plan knows of it.
                    let namespace = latest.namespace().unwrap_or_default();
                    context.plans.request(&namespace, &latest.spec.game_day);
                }
                return Ok(Action::requeue(Duration::between(now, until).std()));
            }
            Decision::Rest => {
                // Of its days a plan keeps only so many that are let go.
                let namespace = latest.namespace().unwrap_or_default();
                context.plans.request(&namespace, &latest.spec.game_day);
                return Ok(Action::await_change());
            }
        }
    }
    Err(Error::TooManySteps(STEPS_MAX))
}

fn consider(context: &Context, day: &GameDayRun, memory: &Memory) -> Decision {
    let namespace = day.namespace().unwrap_or_default();
    let plan = context.plans.get(&namespace, &day.spec.game_day);
    let mut rehearsals = Vec::new();
    // They are taken away once the gates are decided; before that nobody looks through all runs.
    if day.has_begun() || day.is_over() {
        rehearsals = rehearsals_of(context, day);
        rehearsals.retain(|name| !memory.deleted.contains(name));
    }
    let lever = context.lever.borrow();
    let lever = lever.as_ref().map_or(Lever::Open, |lever| observe::judge_lever(lever, &namespace));
    day::decide(&Observed {
        now: context.calendar.now(),
        day,
        plan: plan.as_deref().and_then(|plan| plan.0.as_ref().ok()),
        blackouts: &context.config.blackouts,
        lever: &lever,
        gates: memory.gates.as_ref(),
        steps: memory.steps.as_ref(),
        start: memory.start.as_ref(),
        rehearsals: &rehearsals,
        refused: memory.refused.as_deref(),
        chat: context.config.chat.is_some(),
        attempt: memory.attempt.as_ref(),
    })
}

/// Names of the rehearsals of that day that are there, as last heard.
fn rehearsals_of(context: &Context, day: &GameDayRun) -> Vec<String> {
    let heard = context.runs.heard();
    let rehearsals = heard.iter().filter(|run| {
        run.spec.dry_run
            && run.spec.game_day.as_deref() == day.metadata.name.as_deref()
            && run.metadata.namespace == day.metadata.namespace
            && run.metadata.deletion_timestamp.is_none()
    });
    rehearsals.map(ResourceExt::name_any).collect()
}

async fn write(
    context: &Context,
    day: &GameDayRun,
    status: &GameDayRunStatus,
) -> Result<GameDayRun, Error> {
    let written =
        record::apply_status("write the day's status", &context.writes, day, status).await?;
    let (namespace, name) = (day.namespace().unwrap_or_default(), day.name_any());
    let known = day.status.as_ref().map_or(0, |known| known.facts.len());
    for fact in status.facts.iter().skip(known) {
        let (fact, detail) = (fact.name, fact.detail.as_str());
        tracing::info!(namespace, day = name, ?fact, detail, "a game day goes on");
    }
    let was_over = day.is_over();
    if let Some(outcome) = status.outcome.filter(|_| !was_over) {
        let summary = status.summary.as_deref().unwrap_or_default();
        tracing::info!(namespace, day = name, %outcome, summary, "a game day is over");
    }
    Ok(written)
}

async fn act(
    context: &Context,
    latest: &mut GameDayRun,
    memory: &mut Memory,
    effect: Effect,
) -> Result<(), Error> {
    let what = "write the day's finalizers";
    match effect {
        Effect::AddFinalizer => {
            let hold = (DAY_FINALIZER, FIELD_MANAGER);
            *latest = record::add_finalizer(what, &context.writes, latest, hold).await?;
        }
        Effect::ReleaseFinalizer => {
            let hold = (DAY_FINALIZER, FIELD_MANAGER);
            *latest = record::remove_finalizer(what, &context.writes, latest, hold).await?;
        }
        Effect::Create { name, spec } => {
            (memory.gates, memory.steps) = (None, None);
            if let Creation::Refused(words) = create::run(context, latest, &name, *spec).await? {
                memory.refused = Some(words);
            }
        }
        Effect::Delete(name) => {
            let runs: Api<ExperimentRun> =
                Api::namespaced(context.writes.clone(), &latest.namespace().unwrap_or_default());
            match call("delete the rehearsal", runs.delete(&name, &DeleteParams::default())).await {
                Err(error) if error.code() != Some(404) => return Err(error),
                _ => memory.deleted.push(name),
            }
        }
        Effect::Announce { claim, message } => {
            *latest = write(context, latest, &claim).await?;
            memory.attempt = Some(announce::tell(context, latest, &message).await);
        }
        Effect::Stop(name) => {
            memory.steps = None;
            let runs: Api<ExperimentRun> =
                Api::namespaced(context.writes.clone(), &latest.namespace().unwrap_or_default());
            let params = PatchParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PatchParams::default()
            };
            let patch = Patch::Merge(json!({"spec": {"stop": true}}));
            match call("stop the run", runs.patch_metadata(&name, &params, &patch)).await {
                Err(error) if error.code() != Some(404) => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Reads what was asked for, after the day itself: what is created goes by what its status says now.
async fn look(
    context: &Context,
    latest: &mut GameDayRun,
    memory: &mut Memory,
    need: Need,
) -> Result<(), Error> {
    let days: Api<GameDayRun> =
        Api::namespaced(context.reads.clone(), &latest.namespace().unwrap_or_default());
    let live = call("read the day", days.get(&latest.name_any())).await?;
    match need {
        Need::Gates => memory.gates = Some(Box::pin(reads::gates(context, &live)).await),
        Need::Steps => memory.steps = Some(reads::steps(context, &live).await),
        Need::Start => memory.start = Some(Box::pin(reads::start(context, &live)).await),
    }
    *latest = live;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::api::GameDayRunSpec;

    use super::*;

    #[test]
    fn a_day_is_kept_whole_until_it_is_over_and_let_go() {
        let kept = |fact: &str, finalizers: &[&str]| {
            let mut day = GameDayRun::new("monthly-x", GameDayRunSpec::of("monthly"));
            let finalizers = finalizers.iter().copied().map(str::to_owned);
            day.metadata.finalizers = Some(finalizers.collect());
            let gates = json!([{"name": "Lever", "passed": false, "detail": "engaged"}]);
            let facts = json!([{"name": fact, "at": "2026-11-30T10:00:00.000000Z", "detail": ""}]);
            let status = json!({"facts": facts, "gates": gates});
            day.status = Some(serde_json::from_value(status).unwrap());
            forget_plan(&mut day);
            day.status.unwrap().gates.len()
        };
        assert_eq!(kept("gating", &[]), 1);
        assert_eq!(kept("reported", &[DAY_FINALIZER]), 1, "what is written next has all of it");
        assert_eq!(kept("reported", &[]), 0);
    }
}
