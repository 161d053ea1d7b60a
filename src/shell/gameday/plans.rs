//! Looks at every plan when it changes, when one of its days does, and when its time comes.

use std::sync::Arc;

use kube::{
    Api, ResourceExt,
    api::DynamicObject,
    runtime::{
        controller::{Action, Config},
        reflector::ObjectRef,
        watcher,
    },
};

use super::{AT_ONCE, PAUSE, STEPS_MAX, create};
use crate::{
    api::{Duration, GameDay, GameDayRun},
    core::gameday::firing::{self, Decision, Observed},
    shell::{
        call::{Error, call},
        context::Context,
        controller::{self, Feed},
        guarded::Guarded,
        record,
        starter::Creation,
    },
};

/// Looks at every plan.
pub async fn control(context: Arc<Context>, feed: Feed<GameDay>) {
    let controller =
        feed.controller(Api::all(context.reads.clone()), watcher::Config::default(), |_| {});
    let bounded = controller.with_config(Config::default().concurrency(AT_ONCE));
    let known = context.clone();
    let gone = move |plan: &ObjectRef<DynamicObject>| {
        let namespace = plan.namespace.as_deref().unwrap_or_default();
        for day in known.days.heard().iter() {
            if *day.spec.game_day == plan.name && day.metadata.namespace == plan.namespace {
                known.days.request(namespace, day.metadata.name.as_deref().unwrap_or_default());
            }
        }
    };
    controller::run(bounded, reconcile, gone, PAUSE, context).await;
}

async fn reconcile(plan: Arc<Guarded<GameDay>>, context: Arc<Context>) -> Result<Action, Error> {
    let Ok(plan) = &plan.0 else { return Ok(Action::await_change()) };
    if plan.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    context.days.listed().await;
    let namespace = plan.namespace().unwrap_or_default();
    let (mut latest, mut refused) = (plan.clone(), None);
    let mut days = context.days_of(plan);
    for _ in 0..STEPS_MAX {
        let now = context.calendar.now();
        let observed = Observed {
            now,
            plan: &latest,
            days: &days,
            blackouts: &context.config.blackouts,
            refused: refused.as_deref(),
        };
        match firing::decide(&observed) {
            Decision::Record(status) => {
                let what = "write the plan's status";
                latest = record::apply_status(what, &context.writes, &latest, &status).await?;
                // A day does not begin before its plan has taken it up, and ends where that has no such time any more.
                for day in days.iter().filter(|day| !day.is_over() || day.is_held()) {
                    context.days.request(&namespace, &day.name_any());
                }
            }
            Decision::Create { name, spec } => {
                // Somebody else may have created it, and it may be over and gone already: then the plan says so.
                let plans: Api<GameDay> = Api::namespaced(context.reads.clone(), &namespace);
                let live = call("read the plan", plans.get_opt(&plan.name_any())).await?;
                let Some(live) = live else { return Ok(Action::await_change()) };
                if live.metadata.resource_version != latest.metadata.resource_version {
                    latest = live;
                    continue;
                }
                match create::day(&context, plan, &name, *spec).await? {
                    Creation::Created(day) => {
                        tracing::info!(namespace, day = name, "a game day is created");
                        days.push(day);
                    }
                    Creation::Known => {
                        let known: Api<GameDayRun> =
                            Api::namespaced(context.reads.clone(), &namespace);
                        days.push(call("read the day", known.get(&name)).await?);
                    }
                    Creation::Refused(words) => {
                        tracing::warn!(namespace, day = name, words, "no game day was created");
                        refused = Some(words);
                    }
                }
            }
            Decision::WaitUntil(until) => {
                prune(&context, days).await;
                return Ok(Action::requeue(Duration::between(now, until).std()));
            }
        }
    }
    Err(Error::TooManySteps(STEPS_MAX))
}

/// Deletes the oldest days beyond those that are kept.
async fn prune(context: &Context, mut days: Vec<GameDayRun>) {
    days.retain(|day| day.is_over() && !day.is_held());
    days.sort_by_key(|day| std::cmp::Reverse(day.begins()));
    for day in days.iter().skip(context.config.keep_days) {
        let name = day.name_any();
        match record::delete("delete the day", &context.writes, day).await {
            Ok(()) => tracing::info!(day = name, "deleted, as keepDays newer ones are over"),
            Err(error) => tracing::debug!(day = name, %error, "a day could not be deleted"),
        }
    }
}
